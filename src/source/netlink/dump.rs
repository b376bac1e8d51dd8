//! One dump: the request out, datagrams in, until its end. A partial dump is no dump.

use std::ops::ControlFlow;

use nix::errno::Errno;

use super::Fault;
use super::wire::{self, Message};
use crate::domain::Listener;
use crate::source::{ByteOrder, Question};

/// Bytes of the buffer for one datagram. The kernel fills up to 32 KiB of it (net/netlink/af_netlink.c,
/// netlink_dump), and the fewer datagrams a dump has, the fewer chances to miss a listener. Four times
/// that, so that the allocator maps fresh pages instead of clearing used ones (mallopt(3),
/// M_MMAP_THRESHOLD): only those that the kernel writes to are ever touched.
const DATAGRAM: usize = 128 * 1024;

/// What a dump needs of a netlink socket.
pub(super) trait Channel {
    /// Sends one datagram to the kernel.
    fn send(&mut self, request: &[u8]) -> Result<(), Errno>;
    /// Waits for one datagram and puts it into the buffer.
    fn receive(&mut self, buffer: &mut [u8]) -> Result<Received, Errno>;
}

/// What came with a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Received {
    /// Bytes that are in the buffer.
    pub(super) length: usize,
    /// The sender's netlink port id; 0 is the kernel.
    pub(super) sender: u32,
    /// Whether the buffer was too small.
    pub(super) truncated: bool,
}

/// Asks, and shows each listener to `visit`. Breaks as soon as `visit` does; the socket then still
/// holds the rest.
///
/// # Errors
/// Anything but a whole dump.
pub(super) fn dump(
    channel: &mut dyn Channel,
    question: Question<'_>,
    sequence: u32,
    order: ByteOrder,
    visit: &mut dyn FnMut(&Listener) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, Fault> {
    let request = wire::dump_request(question, sequence, order);
    let mut buffer = vec![0; DATAGRAM];
    channel
        .send(&request)
        .map_err(|errno| Fault::Call("send", errno))?;
    loop {
        let received = channel
            .receive(&mut buffer)
            .map_err(|errno| Fault::Call("receive", errno))?;
        if received.sender != 0 {
            return Err(Fault::Sender(received.sender));
        }
        if received.truncated {
            return Err(Fault::Truncated);
        }
        let mut datagram = buffer.get(..received.length).ok_or(Fault::Length)?;
        if datagram.is_empty() {
            return Err(Fault::Length);
        }
        while !datagram.is_empty() {
            match wire::next_message(&mut datagram, sequence, order)? {
                Message::Listener(listener) => {
                    if visit(&listener).is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
                Message::OtherState | Message::Noop => {}
                Message::Done if datagram.is_empty() => return Ok(ControlFlow::Continue(())),
                Message::Done => return Err(Fault::AfterDone),
            }
        }
    }
}
