//! A dump over netlink(7), and the attributes of its messages.

use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, connect, recv, send,
    setsockopt, socket, sockopt,
};
use nix::sys::time::TimeVal;

use crate::source::ByteOrder;

// linux/netlink.h.
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLM_F_REQUEST_DUMP: u16 = 0x301;
const NLM_F_DUMP_INTR: u16 = 0x10;
const NLA_TYPE_MASK: u16 = 0x3fff;
const HEADER: usize = 16;

/// The limit on a dump: the kernel answers within a few milliseconds, unless there are very many objects.
const PATIENCE: Duration = Duration::from_millis(500);

/// Asks for a dump and shows the body of each message to `visit`.
///
/// # Errors
/// Returns the kernel's error, EBADMSG for an answer of another form, EAGAIN for an interrupted dump, or ETIME.
pub fn dump(
    protocol: SockProtocol,
    kind: u16,
    body: &[u8],
    visit: &mut dyn FnMut(&[u8]),
) -> Result<(), Errno> {
    let order = ByteOrder::NATIVE;
    let flags = SockFlag::SOCK_CLOEXEC;
    let socket = socket(AddressFamily::Netlink, SockType::Raw, flags, protocol)?;
    setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::new(1, 0))?;
    // A connected socket receives from the kernel alone.
    connect(socket.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
    let mut request = Vec::new();
    request.extend(order.bytes32((HEADER + body.len()) as u32));
    request.extend(order.bytes16(kind));
    request.extend(order.bytes16(NLM_F_REQUEST_DUMP));
    request.extend([0; 8]); // sequence number, to the kernel
    request.extend(body);
    send(socket.as_raw_fd(), &request, MsgFlags::empty())?;
    let end = Instant::now() + PATIENCE;
    let mut buffer = vec![0; 64 * 1024];
    while Instant::now() < end {
        let length = recv(socket.as_raw_fd(), &mut buffer, MsgFlags::MSG_TRUNC)?;
        let datagram = buffer.get(..length).ok_or(Errno::EMSGSIZE)?;
        if messages(datagram, order, visit)? {
            return Ok(());
        }
    }
    Err(Errno::ETIME)
}

/// Shows the messages of a datagram. Returns true if the dump is over.
fn messages(
    mut datagram: &[u8],
    order: ByteOrder,
    visit: &mut dyn FnMut(&[u8]),
) -> Result<bool, Errno> {
    while !datagram.is_empty() {
        let &[a, b, c, d, e, f, g, h, ..] = datagram else {
            return Err(Errno::EBADMSG);
        };
        let length = order.u32([a, b, c, d]) as usize;
        let body = datagram.get(HEADER..length).ok_or(Errno::EBADMSG)?;
        if order.u16([g, h]) & NLM_F_DUMP_INTR != 0 {
            return Err(Errno::EAGAIN);
        }
        let code = body.first_chunk().map(|code| order.u32(*code) as i32);
        match (order.u16([e, f]), code) {
            (NLMSG_DONE, None | Some(0..)) => return Ok(true),
            (NLMSG_DONE | NLMSG_ERROR, code) => {
                return Err(Errno::from_raw(code.unwrap_or_default().saturating_neg()));
            }
            _ => visit(body),
        }
        datagram = datagram
            .get(length.next_multiple_of(4)..)
            .unwrap_or_default();
    }
    Ok(false)
}

/// Returns the attributes in these bytes: their types and values. A truncated attribute ends them.
pub fn attributes(mut rest: &[u8], order: ByteOrder) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let &[a, b, c, d, ..] = rest else { return None };
        let length = usize::from(order.u16([a, b]));
        let value = rest.get(4..length)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((order.u16([c, d]) & NLA_TYPE_MASK, value))
    })
}

/// Returns the value of the attribute of this type.
pub fn attribute(bytes: &[u8], wanted: u16, order: ByteOrder) -> Option<&[u8]> {
    attributes(bytes, order)
        .find(|(kind, _)| *kind == wanted)
        .map(|(_, value)| value)
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// An attribute, padded.
    pub fn encode(kind: u16, value: &[u8], order: ByteOrder) -> Vec<u8> {
        let mut bytes = order.bytes16(4 + value.len() as u16).to_vec();
        bytes.extend(order.bytes16(kind));
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn message(kind: u16, flags: u16, body: &[u8], order: ByteOrder) -> Vec<u8> {
        let mut message = order.bytes32(16 + body.len() as u32).to_vec();
        message.extend(order.bytes16(kind));
        message.extend(order.bytes16(flags));
        message.extend([0; 8]);
        message.extend(body);
        message
    }

    fn parse(datagram: &[u8], order: ByteOrder) -> Result<(bool, Vec<Vec<u8>>), Errno> {
        let mut bodies = Vec::new();
        let done = messages(datagram, order, &mut |body| bodies.push(body.to_vec()))?;
        Ok((done, bodies))
    }

    #[test]
    fn dumps_are_parsed_in_both_byte_orders() {
        for order in [ByteOrder::Little, ByteOrder::Big] {
            let first = message(20, 2, &[1, 2, 3, 4], order);
            let done = message(NLMSG_DONE, 2, &[0; 4], order);
            let whole = [first.clone(), done].concat();
            let bodies = vec![vec![1, 2, 3, 4]];
            assert_eq!(parse(&whole, order), Ok((true, bodies.clone())));
            assert_eq!(parse(&first, order), Ok((false, bodies)));
            for length in 1..first.len() {
                assert_eq!(parse(&first[..length], order), Err(Errno::EBADMSG));
            }
        }
    }

    #[test]
    fn errors_are_not_the_end_of_a_dump() {
        let order = ByteOrder::Little;
        let refused = (-1_i32).to_le_bytes();
        for kind in [NLMSG_ERROR, NLMSG_DONE] {
            let message = message(kind, 0, &refused, order);
            assert_eq!(parse(&message, order), Err(Errno::EPERM));
        }
        let interrupted = message(20, NLM_F_DUMP_INTR, &[0; 4], order);
        assert_eq!(parse(&interrupted, order), Err(Errno::EAGAIN));
    }

    #[test]
    fn a_truncated_attribute_ends_the_list() {
        let order = ByteOrder::Big;
        let bytes = [encode(1, &[7], order), encode(0x8002, &[8, 9], order)].concat();
        let all: Vec<_> = attributes(&bytes, order).collect();
        assert_eq!(all, [(1, &[7][..]), (2, &[8, 9][..])]);
        assert_eq!(attributes(&bytes[..13], order).count(), 1);
        assert_eq!(attribute(&bytes, 2, order), Some(&[8, 9][..]));
        assert_eq!(attributes(&[0; 8], order).count(), 0, "a length below 4");
    }
}
