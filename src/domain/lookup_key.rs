//! The key of a lookup by the kernel.

use std::net::IpAddr;

use super::target::{Endpoint, Target};

/// The key of the kernel's own lookup: a connection, or for UDP a datagram from a sender to whom no socket is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LookupKey {
    /// The target.
    pub target: Target,
    /// The destination address.
    pub address: IpAddr,
    /// The device that receives it. `None` for a device to which no listener is bound.
    pub interface: Option<u32>,
    /// The source port, which decides between the members of an SO_REUSEPORT group of UDP. 0 for any port.
    pub source_port: u16,
}

impl LookupKey {
    /// Returns the key for the address of a target. `None` if the target has no address.
    pub fn to(target: Target, interface: Option<u32>) -> Option<Self> {
        match target.endpoint {
            Endpoint::Address(address, _) => Some(Self {
                target,
                address,
                interface,
                source_port: 0,
            }),
            Endpoint::Port(_) => None,
        }
    }
}
