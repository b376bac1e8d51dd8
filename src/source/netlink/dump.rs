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

/// Requests and their answers over one socket.
#[derive(Debug)]
pub(super) struct Conversation<C> {
    channel: C,
    order: ByteOrder,
    buffer: Vec<u8>,
    sequence: u32,
}

impl<C: Channel> Conversation<C> {
    /// Begins with a fresh socket: nothing must be waiting on it.
    pub(super) fn new(channel: C, order: ByteOrder) -> Self {
        Self {
            channel,
            order,
            buffer: vec![0; DATAGRAM],
            sequence: 0,
        }
    }

    /// Asks, and shows each listener to `visit`. Breaks as soon as `visit` does; the rest of the
    /// answer is then still to come, which ends the conversation like an error does.
    ///
    /// # Errors
    /// Anything but a whole dump.
    pub(super) fn dump(
        &mut self,
        question: Question<'_>,
        visit: &mut dyn FnMut(&Listener) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, Fault> {
        self.sequence = self.sequence.wrapping_add(1);
        let request = wire::dump_request(question, self.sequence, self.order);
        self.channel
            .send(&request)
            .map_err(|errno| Fault::Call("send", errno))?;
        loop {
            let mut datagram = receive(&mut self.channel, &mut self.buffer)?;
            while !datagram.is_empty() {
                match wire::next_message(&mut datagram, self.sequence, self.order)? {
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
}

/// One datagram from the kernel, whole and not empty.
fn receive<'b>(channel: &mut impl Channel, buffer: &'b mut [u8]) -> Result<&'b [u8], Fault> {
    let received = channel
        .receive(buffer)
        .map_err(|errno| Fault::Call("receive", errno))?;
    if received.sender != 0 {
        return Err(Fault::Sender(received.sender));
    }
    if received.truncated {
        return Err(Fault::Truncated);
    }
    match buffer.get(..received.length) {
        None | Some([]) => Err(Fault::Length),
        Some(datagram) => Ok(datagram),
    }
}
