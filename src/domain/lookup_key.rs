//! What the kernel's own lookup is asked about.

use std::net::IpAddr;

use super::target::{Endpoint, Target};

/// A question to the kernel's own lookup. Of UDP it is about a datagram, from a sender to whom no socket is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LookupKey {
    /// The target that it is about.
    pub target: Target,
    /// The address that a connection goes to.
    pub address: IpAddr,
    /// The device that it comes in on. `None`: one that no listener is bound to.
    pub interface: Option<u32>,
    /// The port that it comes from, which decides between the members of an SO_REUSEPORT group of UDP. 0: any.
    pub source_port: u16,
}

impl LookupKey {
    /// A connection to this target that comes in on this device. `None`: the target has no address.
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
