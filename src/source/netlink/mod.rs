//! The kernel's own answer: a sock_diag dump of the listeners on some ports (sock_diag(7)).

mod endpoints;
pub mod events;
mod filter;
#[cfg(fuzzing)]
pub mod fuzzing;
mod generic;
mod link;
mod reach;
mod request;
mod session;
mod socket;
#[cfg(test)]
mod tests;
mod wire;

use std::fmt;
use std::ops::ControlFlow;

use nix::errno::Errno;
use nix::sys::socket::SockProtocol;

use self::endpoints::Endpoints;
use self::reach::{Devices, judge_endpoint, may_be_endpoint};
use self::session::NetlinkSession;
use self::socket::Socket;
use super::{ByteOrder, Ports, Query, Source};
use crate::clock::Deadline;
use crate::domain::{Device, Listener, LookupKey, Protocol};
use crate::errno::ErrnoText;

/// sock_diag in the network namespace of the caller. The first query opens its socket.
#[derive(Debug, Default)]
pub struct Netlink {
    session: Option<NetlinkSession<Socket>>,
    endpoints: Endpoints,
}

impl Netlink {
    /// Makes a source that has not opened anything yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the session so far, or begins a new one. It is put back only after an answer without an error: the
    /// rest of a wrong answer must not be read as the next answer.
    fn resume(&mut self, deadline: Deadline<'_>) -> Result<NetlinkSession<Socket>, NetlinkError> {
        if let Some(mut session) = self.session.take() {
            if session.finish(deadline).is_ok() {
                return Ok(session);
            }
        }
        let socket = Socket::open(SockProtocol::NetlinkSockDiag)?;
        Ok(NetlinkSession::new(socket, ByteOrder::NATIVE))
    }

    fn try_kernel_lookup(
        &mut self,
        connection: LookupKey,
        deadline: Deadline<'_>,
    ) -> Result<Option<Listener>, super::SourceError> {
        let mut session = self.resume(deadline)?;
        let answer = match session.kernel_lookup(connection, deadline)? {
            Some(listener) if may_be_endpoint(&listener) => {
                Some(judge_endpoint(listener, &self.endpoints.list(deadline)?))
            }
            answer => answer,
        };
        self.session = Some(session);
        Ok(answer)
    }
}

impl Source for Netlink {
    fn name(&self) -> &'static str {
        "sock_diag"
    }

    fn close(&mut self) {
        *self = Self::default();
    }

    fn listeners(
        &mut self,
        query: Query<'_>,
        visit: &mut dyn FnMut(&Listener) -> ControlFlow<()>,
    ) -> Result<(), super::SourceError> {
        let mut session = self.resume(query.deadline)?;
        let dumps = match query.ports {
            Ports::All => vec![Ports::All],
            Ports::These(ports) => {
                let chunks = ports.chunks(filter::MOST_PORTS);
                chunks.map(Ports::These).collect()
            }
        };
        let (mut devices, mut suspects) = (Devices::default(), Vec::new());
        let mut visit_judged = |listener: &Listener| {
            if may_be_endpoint(listener) {
                suspects.push(listener.clone());
                return ControlFlow::Continue(());
            }
            match listener.device {
                Device::Index(_) => visit(&devices.judge(listener, query.deadline)),
                Device::Any | Device::Unknown => visit(listener),
            }
        };
        let mut end = ControlFlow::Continue(());
        for ports in dumps {
            end = session
                .dump(Query { ports, ..query }, &mut visit_judged)
                .map_err(|error| of_protocol(error, query.protocol))?;
            if end.is_break() {
                break;
            }
        }
        if end.is_continue() && !suspects.is_empty() {
            let endpoints = self.endpoints.list(query.deadline)?;
            for suspect in suspects {
                if visit(&judge_endpoint(suspect, &endpoints)).is_break() {
                    break;
                }
            }
        }
        self.session = Some(session);
        Ok(())
    }

    fn kernel_lookup(
        &mut self,
        connection: LookupKey,
        deadline: Deadline<'_>,
    ) -> Result<Option<Listener>, super::SourceError> {
        match self.try_kernel_lookup(connection, deadline) {
            Err(error) if error.can_pass() => self.try_kernel_lookup(connection, deadline),
            answer => answer,
        }
    }
}

/// The device and the VRF through which packets come in that arrive at a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The index of the device that counts: the device itself, or the bridge, bond or team that it is a port of.
    pub device: u32,
    /// The index of the VRF that this device is, or is enslaved to. `None` if it does not belong to a VRF.
    pub vrf: Option<u32>,
}

/// The most masters in a chain: a bond that is a port of a bridge needs two.
const MOST_MASTERS: usize = 8;

/// Finds out which device and VRF count for packets that arrive at the device with this index, in the network namespace
/// of the caller.
///
/// # Errors
/// Returns an error if there is no answer; ENODEV if the device is gone.
pub fn arrival(device: u32, deadline: Deadline<'_>) -> Result<Arrival, super::SourceError> {
    let socket = Socket::open(SockProtocol::NetlinkRoute)?;
    let mut session = NetlinkSession::new(socket, ByteOrder::NATIVE);
    let mut device = device;
    for _ in 0..MOST_MASTERS {
        let link = session.link(device, deadline)?;
        match link.port_of {
            Some(master) => device = master,
            None => {
                let vrf = link.vrf;
                return Ok(Arrival { device, vrf });
            }
        }
    }
    Err(NetlinkError::NoMaster.into())
}

/// Lists the indexes of the devices that are enslaved to the VRF with this index, in the network namespace of the
/// caller.
///
/// # Errors
/// Returns an error for anything except a whole answer.
pub fn enslaved_to(vrf: u32, deadline: Deadline<'_>) -> Result<Vec<u32>, super::SourceError> {
    loop {
        let socket = Socket::open(SockProtocol::NetlinkRoute)?;
        match NetlinkSession::new(socket, ByteOrder::NATIVE).enslaved_to(vrf, deadline) {
            // Devices were added or removed meanwhile, as happens on a host with containers.
            Err(super::SourceError::Netlink(NetlinkError::Interrupted))
                if !deadline.has_passed() => {}
            answer => return answer,
        }
    }
}

/// Names the module that is missing, if that is the reason.
fn of_protocol(error: super::SourceError, protocol: Protocol) -> super::SourceError {
    match (error, protocol) {
        (super::SourceError::Netlink(NetlinkError::Kernel(Errno::ENOENT)), Protocol::Udp) => {
            NetlinkError::NoUdpDiag.into()
        }
        (error, _) => error,
    }
}

/// The reason why sock_diag gave no complete answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetlinkError {
    /// The kernel has no udp_diag or inet_diag (ENOENT).
    NoUdpDiag,
    /// A system call on the socket failed.
    Call(&'static str, Errno),
    /// The kernel refused the request, or broke the dump off, with this error.
    Kernel(Errno),
    /// NLM_F_DUMP_INTR: the table changed so much during the dump that it may be inconsistent.
    Interrupted,
    /// The kernel dropped messages (NLMSG_OVERRUN).
    Overrun,
    /// A datagram was larger than the buffer.
    Truncated,
    /// A datagram did not come from the kernel, but from this port id.
    Sender(u32),
    /// A message answers another request.
    Sequence,
    /// A message or a part of it ends too early.
    Length,
    /// An attribute has a length that cannot be.
    Attribute,
    /// A message of a type that does not belong here.
    Kind(u16),
    /// A socket of an address family that was not asked for.
    Family(u8),
    /// An acknowledgement, which was not asked for.
    Acknowledged,
    /// Something follows the end of the dump.
    AfterDone,
    /// A message without content came instead of an answer.
    NoAnswer,
    /// A device is enslaved to a VRF, and the answer does not say to which.
    NoMaster,
}

impl NetlinkError {
    /// True if the kernel can answer the same request a moment later, because sock_diag is there and allowed.
    pub fn can_pass(self) -> bool {
        match self {
            Self::NoUdpDiag | Self::Kernel(Errno::ENOENT) => false,
            Self::Call("socket", errno) => matches!(
                errno,
                Errno::ENOMEM | Errno::ENOBUFS | Errno::EMFILE | Errno::ENFILE | Errno::EINTR
            ),
            _ => true,
        }
    }
}

impl fmt::Display for NetlinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(call, errno) => write!(f, "{call}: {}", ErrnoText(*errno)),
            Self::Kernel(Errno::ENOENT) => {
                f.write_str("the kernel has no tcp_diag or inet_diag module (ENOENT)")
            }
            Self::NoUdpDiag => {
                f.write_str("the kernel has no udp_diag or inet_diag module (ENOENT)")
            }
            Self::Kernel(errno) => write!(f, "the kernel answered: {}", ErrnoText(*errno)),
            Self::Interrupted => {
                f.write_str("the dump was interrupted by changes (NLM_F_DUMP_INTR)")
            }
            Self::Overrun => f.write_str("the kernel lost messages (NLMSG_OVERRUN)"),
            Self::Truncated => f.write_str("an answer was cut off (MSG_TRUNC)"),
            Self::Sender(port) => {
                write!(f, "an answer came from port id {port}, not from the kernel")
            }
            Self::Sequence => f.write_str("an answer has the sequence number of another request"),
            Self::Length => f.write_str("a message ends too early"),
            Self::Attribute => f.write_str("an attribute has an impossible length"),
            Self::Kind(kind) => write!(f, "a message has the unexpected type {kind}"),
            Self::Family(family) => {
                write!(f, "a socket has the unexpected address family {family}")
            }
            Self::Acknowledged => f.write_str("an acknowledgement came instead of an answer"),
            Self::NoAnswer => f.write_str("a message without content came instead of an answer"),
            Self::NoMaster => f.write_str("a device is in a VRF that the answer does not name"),
            Self::AfterDone => f.write_str("something follows the end of the answer"),
        }
    }
}

impl std::error::Error for NetlinkError {}
