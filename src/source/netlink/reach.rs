//! Listeners that no connection finds. sock_diag does not report that, and other parts of the kernel do.
//!
//! A listener without a device causes such a query only if it has the backlog of the kernel's own listeners.

use std::collections::BTreeMap;

use nix::errno::Errno;
use nix::sys::socket::SockProtocol;

use super::NetlinkError;
use super::generic::MptcpEndpoint;
use super::link::Link;
use super::session::NetlinkSession;
use super::socket::Socket;
use crate::clock::Deadline;
use crate::domain::{Device, Listener, Protocol, Unreachable};
use crate::source::{self, ByteOrder};

/// The index of `lo`, which every network namespace has.
const LOOPBACK: u32 = 1;

/// The backlog of the kernel's own listeners for MPTCP endpoints, which net.core.somaxconn does not bound
/// (net/mptcp/pm_kernel.c, mptcp_pm_nl_create_listen_socket).
const ENDPOINT_BACKLOG: u32 = 1024;

/// The devices that were looked up in one look.
#[derive(Default)]
pub(super) struct Devices {
    rtnetlink: Option<NetlinkSession<Socket>>,
    known: BTreeMap<u32, Result<Link, Unreachable>>,
}

impl Devices {
    /// Adds to the listener whether its device makes it unreachable.
    pub(super) fn judge(&mut self, listener: &Listener, deadline: Deadline<'_>) -> Listener {
        let unreachable = match listener.device {
            Device::Any | Device::Unknown | Device::Index(LOOPBACK) => None,
            Device::Index(index) => match self.link(index, deadline) {
                Ok(link) => unreachable_on(&link, listener),
                Err(unreachable) => Some(unreachable),
            },
        };
        Listener {
            unreachable,
            ..listener.clone()
        }
    }

    /// # Errors
    /// Returns an error if the device is gone, or could not be looked up.
    fn link(&mut self, index: u32, deadline: Deadline<'_>) -> Result<Link, Unreachable> {
        if let Some(known) = self.known.get(&index) {
            return *known;
        }
        let found = self.find_out(index, deadline);
        self.known.insert(index, found);
        found
    }

    fn find_out(&mut self, index: u32, deadline: Deadline<'_>) -> Result<Link, Unreachable> {
        let mut session = match self.rtnetlink.take() {
            Some(session) => session,
            None => match Socket::open(SockProtocol::NetlinkRoute) {
                Ok(socket) => NetlinkSession::new(socket, ByteOrder::NATIVE),
                Err(_) => return Err(Unreachable::DeviceNotKnown),
            },
        };
        let link = match session.link(index, deadline) {
            Ok(link) => Ok(link),
            Err(source::SourceError::Netlink(NetlinkError::Kernel(Errno::ENODEV))) => {
                Err(Unreachable::DeviceGone)
            }
            Err(_) => return Err(Unreachable::DeviceNotKnown),
        };
        self.rtnetlink = Some(session);
        link
    }
}

/// Returns the reason why no connection finds a listener on this device. `None` if no such reason is known.
pub(super) fn unreachable_on(link: &Link, listener: &Listener) -> Option<Unreachable> {
    let is_vrf = link.vrf == Some(link.index);
    let is_loopback = listener.address.to_canonical().is_loopback();
    match link.port_of {
        Some(master) => Some(Unreachable::PortOf(master)),
        None => (is_loopback && !is_vrf).then_some(Unreachable::LoopbackAddress),
    }
}

/// True if it can be a listener of the kernel for an MPTCP endpoint. Some others look the same.
pub(super) fn may_be_endpoint(listener: &Listener) -> bool {
    listener.protocol == Protocol::Tcp
        && listener.device == Device::Any
        && listener.queue.and_then(|queue| queue.limit) == Some(ENDPOINT_BACKLOG)
}

/// Adds to the listener whether it is the kernel's for one of these endpoints.
pub(super) fn judge_endpoint(listener: Listener, endpoints: &[MptcpEndpoint]) -> Listener {
    let own = (listener.address.to_canonical(), listener.port);
    let is_own = |(address, port): &MptcpEndpoint| (address.to_canonical(), *port) == own;
    let unreachable = match endpoints.iter().any(is_own) {
        true => Some(Unreachable::MptcpEndpoint),
        false => listener.unreachable,
    };
    Listener {
        unreachable,
        ..listener
    }
}
