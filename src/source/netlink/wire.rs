//! The bytes of answers of NETLINK_SOCK_DIAG. Nothing here touches a socket.
//!
//! Layouts: `struct nlmsghdr` and `nlattr` in linux/netlink.h, `inet_diag_req_v2`,
//! `inet_diag_sockid` and `inet_diag_msg` in linux/inet_diag.h; netlink(7), sock_diag(7). Numbers
//! are in the machine's byte order, ports and addresses in the network's.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nix::errno::Errno;

use super::NetlinkError;
use crate::domain::{Device, Listener, Protocol, Queue};
use crate::source::ByteOrder;

pub(super) const AF_INET: u8 = 2;
pub(super) const AF_INET6: u8 = 10;
/// include/net/tcp_states.h. A UDP socket that is not connected has the state CLOSE.
const TCP_CLOSE: u8 = 7;
const TCP_LISTEN: u8 = 10;

pub(super) const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_DUMP_INTR: u16 = 0x10;
pub(super) const NLM_F_DUMP: u16 = 0x300;
const NLMSG_NOOP: u16 = 1;
pub(super) const NLMSG_ERROR: u16 = 2;
pub(super) const NLMSG_DONE: u16 = 3;
const NLMSG_OVERRUN: u16 = 4;

pub(super) const INET_DIAG_SKMEMINFO: u16 = 7;
const INET_DIAG_SKV6ONLY: u16 = 11;
const INET_DIAG_CGROUP_ID: u16 = 21;

/// Positions of the numbers in INET_DIAG_SKMEMINFO (linux/sock_diag.h); SK_MEMINFO_DROPS came with Linux 4.7.
const SK_MEMINFO_RCVBUF: usize = 1;
const SK_MEMINFO_DROPS: usize = 8;

/// Bytes of `struct nlmsghdr`, and the alignment of messages and attributes.
pub(super) const HEADER: usize = 16;
pub(super) const ALIGN: usize = 4;
/// The part of an attribute's type that is the type (linux/netlink.h).
pub(super) const NLA_TYPE_MASK: u16 = 0x3fff;

/// The state in which a socket is a listener.
pub(super) const fn state(protocol: Protocol) -> u8 {
    match protocol {
        Protocol::Tcp => TCP_LISTEN,
        Protocol::Udp => TCP_CLOSE,
    }
}

/// A message of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// A listener.
    Listener(Listener),
    /// A socket in another state. It was not requested, so this kernel's filter does not work.
    OtherState,
    /// The end of the dump.
    Done,
    /// A message without content.
    Noop,
}

/// Parses the first message of `datagram`, which must answer the request with this sequence number, for sockets of this
/// protocol.
///
/// # Errors
/// Returns an error for a message that reports one, belongs to another request or has an impossible length: the dump is
/// void.
pub(super) fn parse_message(
    datagram: &mut &[u8],
    sequence: u32,
    protocol: Protocol,
    order: ByteOrder,
) -> Result<Message, NetlinkError> {
    let (kind, mut body) = split_message(datagram, sequence, order)?;
    match kind {
        NLMSG_NOOP => Ok(Message::Noop),
        NLMSG_ERROR => Err(body.error()),
        // A dump that could not start still ends with DONE; its payload is then a negative errno,
        // such as -ENOENT when tcp_diag is not loaded (net/netlink/af_netlink.c,
        // netlink_dump_done).
        NLMSG_DONE => body
            .errno()?
            .map_or(Ok(Message::Done), |errno| Err(NetlinkError::Kernel(errno))),
        NLMSG_OVERRUN => Err(NetlinkError::Overrun),
        SOCK_DIAG_BY_FAMILY => socket(protocol, body),
        other => Err(NetlinkError::Kind(other)),
    }
}

/// Begins a request of this many bytes with `struct nlmsghdr`. `flags` are those in addition to NLM_F_REQUEST.
pub(super) fn begin_request(
    length: usize,
    kind: u16,
    flags: u16,
    sequence: u32,
    order: ByteOrder,
) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(length);
    bytes.extend(order.bytes32(length as u32));
    bytes.extend(order.bytes16(kind));
    bytes.extend(order.bytes16(NLM_F_REQUEST | flags));
    bytes.extend(order.bytes32(sequence));
    bytes.extend([0; 4]); // nlmsg_pid: to the kernel
    bytes
}

/// Splits off the first message of `datagram`: its type, and the bytes after its header.
///
/// # Errors
/// Returns an error for a message that belongs to another request, has an impossible length, or says that the dump is
/// void.
pub(super) fn split_message<'a>(
    datagram: &mut &'a [u8],
    sequence: u32,
    order: ByteOrder,
) -> Result<(u16, Bytes<'a>), NetlinkError> {
    let mut header = Bytes {
        rest: datagram,
        order,
    };
    let length = header.u32()? as usize;
    let kind = header.u16()?;
    let flags = header.u16()?;
    let answers = header.u32()?;
    header.skip(4)?; // nlmsg_pid
    let body = datagram.get(HEADER..length).ok_or(NetlinkError::Length)?;
    *datagram = datagram
        .get(length.next_multiple_of(ALIGN)..)
        .unwrap_or_default();
    if answers != sequence {
        return Err(NetlinkError::Sequence);
    }
    if flags & NLM_F_DUMP_INTR != 0 {
        return Err(NetlinkError::Interrupted);
    }
    Ok((kind, Bytes { rest: body, order }))
}

/// Reads a `struct inet_diag_msg` and its attributes.
fn socket(protocol: Protocol, mut body: Bytes<'_>) -> Result<Message, NetlinkError> {
    let [family, its_state, _timer, _retrans] = body.take()?;
    let port = u16::from_be_bytes(body.take()?);
    body.skip(2)?; // idiag_dport
    let source: [u8; 16] = body.take()?;
    body.skip(16)?; // idiag_dst
    let device = body.u32()?;
    body.skip(8 + 4)?; // idiag_cookie, idiag_expires
    let (length, wqueue) = (body.u32()?, body.u32()?); // idiag_rqueue, idiag_wqueue
    let (uid, inode) = (body.u32()?, body.u32()?);
    if its_state != state(protocol) {
        return Ok(Message::OtherState);
    }
    let address: IpAddr = match (family, source) {
        (AF_INET, [a, b, c, d, ..]) => Ipv4Addr::new(a, b, c, d).into(),
        (AF_INET6, source) => Ipv6Addr::from(source).into(),
        (other, _) => return Err(NetlinkError::Family(other)),
    };
    let (mut v6only, mut cgroup, mut drops) = (None, None, None);
    let mut limit = match protocol {
        Protocol::Tcp => Some(wqueue),
        Protocol::Udp => None,
    };
    while let Some((kind, value)) = body.attribute()? {
        match (kind, value) {
            (INET_DIAG_SKV6ONLY, [flag, ..]) => v6only = Some(*flag != 0),
            (INET_DIAG_SKMEMINFO, memory) if protocol == Protocol::Udp => {
                let figure = |index: usize| {
                    let number = memory.chunks_exact(4).nth(index)?;
                    Some(body.order.u32(number.try_into().ok()?))
                };
                (limit, drops) = (figure(SK_MEMINFO_RCVBUF), figure(SK_MEMINFO_DROPS));
            }
            (INET_DIAG_CGROUP_ID, id) => cgroup = id.try_into().ok().map(|id| body.order.u64(id)),
            _ => {}
        }
    }
    Ok(Message::Listener(Listener {
        protocol,
        address,
        port,
        v6only,
        device: match device {
            0 => Device::Any,
            index => Device::Index(index),
        },
        queue: Some(Queue { length, limit }),
        drops,
        uid: Some(uid),
        inode: Some(inode.into()),
        cgroup,
        unreachable: None,
    }))
}

/// A reader of bytes. If bytes are missing, it returns [`NetlinkError::Length`].
pub(super) struct Bytes<'a> {
    rest: &'a [u8],
    order: ByteOrder,
}

impl<'a> Bytes<'a> {
    /// Reads a value that has attributes in it.
    pub(super) fn within(&self, value: &'a [u8]) -> Self {
        Self {
            rest: value,
            order: self.order,
        }
    }

    pub(super) fn take<const N: usize>(&mut self) -> Result<[u8; N], NetlinkError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(NetlinkError::Length)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(super) fn u16(&mut self) -> Result<u16, NetlinkError> {
        Ok(self.order.u16(self.take()?))
    }

    pub(super) fn u32(&mut self) -> Result<u32, NetlinkError> {
        Ok(self.order.u32(self.take()?))
    }

    pub(super) fn skip(&mut self, count: usize) -> Result<(), NetlinkError> {
        self.rest = self.rest.get(count..).ok_or(NetlinkError::Length)?;
        Ok(())
    }

    /// Returns the error in an NLMSG_ERROR.
    pub(super) fn error(&mut self) -> NetlinkError {
        match self.errno() {
            Ok(errno) => errno.map_or(NetlinkError::Acknowledged, NetlinkError::Kernel),
            Err(error) => error,
        }
    }

    /// Returns the errno of an NLMSG_ERROR or NLMSG_DONE, which the kernel writes negated. `None` for 0.
    pub(super) fn errno(&mut self) -> Result<Option<Errno>, NetlinkError> {
        let code = self.u32()? as i32;
        Ok((code != 0).then(|| Errno::from_raw(code.saturating_neg())))
    }

    /// Returns the next `struct nlattr`: its type and value. `None` at the end.
    pub(super) fn attribute(&mut self) -> Result<Option<(u16, &'a [u8])>, NetlinkError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let whole = self.rest;
        let length = usize::from(self.u16()?);
        let kind = self.u16()?;
        let value = whole.get(ALIGN..length).ok_or(NetlinkError::Attribute)?;
        self.rest = whole
            .get(length.next_multiple_of(ALIGN)..)
            .unwrap_or_default();
        Ok(Some((kind, value)))
    }
}
