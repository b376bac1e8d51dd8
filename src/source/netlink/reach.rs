//! Listeners that no connection finds. sock_diag does not report that, and other parts of the kernel do.
//!
//! A listener without a device causes such a query only if it has the backlog of the kernel's own listeners.

use std::collections::BTreeMap;

use nix::errno::Errno;
use nix::sys::socket::SockProtocol;

use super::NetlinkError;
use super::link::Link;
use super::session::{Channel, NetlinkSession};
use super::socket::Socket;
use crate::clock::Deadline;
use crate::domain::{Device, Endpoint, Listener, LookupKey, Protocol, Target, Unreachable};
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

impl<C: Channel> NetlinkSession<C> {
    /// Adds to the listener whether it is the kernel's for an MPTCP endpoint: no other MPTCP listener has an MPTCP
    /// socket without a port. A kernel that does not list MPTCP listeners (before Linux 5.18) does not report that.
    ///
    /// # Errors
    /// Returns an error if there is no answer.
    pub(super) fn judge_endpoint(
        &mut self,
        listener: Listener,
        deadline: Deadline<'_>,
    ) -> Result<Listener, source::SourceError> {
        let unreachable = match self.is_endpoint(&listener, deadline)? {
            true => Some(Unreachable::MptcpEndpoint),
            false => listener.unreachable,
        };
        Ok(Listener {
            unreachable,
            ..listener
        })
    }

    fn is_endpoint(
        &mut self,
        listener: &Listener,
        deadline: Deadline<'_>,
    ) -> Result<bool, source::SourceError> {
        let Ok(port) = listener.port.try_into() else {
            return Ok(false);
        };
        let target = Target::from(Endpoint::Address(listener.address.to_canonical(), port));
        let Some(connection) = LookupKey::to(target, None) else {
            return Ok(false);
        };
        if !self.is_mptcp(connection, listener, deadline)? {
            return Ok(false);
        }
        let listeners = self.mptcp_listeners(listener.address.is_ipv6(), deadline)?;
        let own = |one: &&Listener| one.inode == listener.inode;
        Ok(listeners.iter().find(own).is_some_and(|one| one.port == 0))
    }
}
