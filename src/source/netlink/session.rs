//! Requests and their answers: a request is sent, and datagrams are read until its end. A partial dump is an error.

use std::ops::ControlFlow;
use std::time::Duration;

use nix::errno::Errno;

use super::NetlinkError;
use super::generic;
use super::link;
use super::request;
use super::wire::{self, Bytes, Message};
use crate::clock::Deadline;
use crate::domain::{Listener, LookupKey, Protocol};
use crate::source::{self, ByteOrder, Query};

/// Bytes of the buffer for a datagram: as much as the kernel fills, except for the first datagram on a fresh socket,
/// which holds 3,720 bytes or about 31 listeners. The kernel learns from earlier reads how much is read at once, up to
/// 32 KiB less a header of its own (net/netlink/af_netlink.c, netlink_dump, max_recvmsg_len). A dump in fewer datagrams
/// has fewer chances to miss a listener. The buffer is not larger, since an allocator can clear it, and every page of
/// it costs a fault.
const DATAGRAM: usize = 32 * 1024;
/// Bytes of the buffer for the answer about a single socket, which has some 500 (net/ipv4/inet_diag.c,
/// inet_sk_attr_size). Most checks need no other buffer.
const ONE_SOCKET: usize = 2 * 1024;

/// The calls of a netlink socket that a dump needs.
pub(super) trait Channel {
    /// Sends one datagram to the kernel.
    fn send(&mut self, request: &[u8]) -> Result<(), Errno>;
    /// Reads one datagram into the buffer. EAGAIN means that there is none.
    fn receive(&mut self, buffer: &mut [u8]) -> Result<Received, Errno>;
    /// Waits for a datagram, and no longer than this.
    fn wait(&mut self, at_most: Duration) -> Result<(), Errno>;
}

/// The length and the sender of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Received {
    /// How many bytes are in the buffer.
    pub(super) length: usize,
    /// The sender's netlink port id; 0 is the kernel.
    pub(super) sender: u32,
    /// True if the buffer was too small.
    pub(super) truncated: bool,
}

/// Requests and their answers over one socket.
#[derive(Debug)]
pub(super) struct NetlinkSession<C> {
    channel: C,
    order: ByteOrder,
    buffer: Vec<u8>,
    sequence: u32,
    /// The protocol of the last answer, if its rest is still to come.
    unfinished: Option<Protocol>,
}

impl<C: Channel> NetlinkSession<C> {
    /// Begins with a fresh socket, on which no datagram waits.
    pub(super) fn new(channel: C, order: ByteOrder) -> Self {
        Self {
            channel,
            order,
            buffer: Vec::new(),
            sequence: 0,
            unfinished: None,
        }
    }

    /// Reads the rest of an answer that was broken off. Before that, no other request can be sent.
    ///
    /// # Errors
    /// Returns an error for anything except the rest of a whole dump.
    pub(super) fn finish(&mut self, deadline: Deadline<'_>) -> Result<(), source::SourceError> {
        if let Some(protocol) = self.unfinished {
            let _ = self.read_reply(protocol, deadline, &mut |_| ControlFlow::Continue(()))?;
        }
        Ok(())
    }

    /// Requests a dump, and shows each listener to `visit`. Breaks as soon as `visit` does; the rest of the answer is
    /// then still to come, see [`Self::finish`].
    ///
    /// # Errors
    /// Returns an error for anything except a whole dump. After it the session cannot be used.
    pub(super) fn dump(
        &mut self,
        query: Query<'_>,
        visit: &mut dyn FnMut(&Listener) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, source::SourceError> {
        let Query {
            protocol,
            family,
            ports,
            deadline,
        } = query;
        let sequence = self.next_sequence();
        self.send(
            &request::dump(protocol, family, ports, sequence, self.order),
            deadline,
        )?;
        self.read_reply(protocol, deadline, visit)
    }

    /// Reads an answer until its end, or to the end of the datagram in which `visit` breaks.
    fn read_reply(
        &mut self,
        protocol: Protocol,
        deadline: Deadline<'_>,
        visit: &mut dyn FnMut(&Listener) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, source::SourceError> {
        let mut end = ControlFlow::Continue(());
        self.unfinished = Some(protocol);
        while end.is_continue() {
            let buffer = ensure_len(&mut self.buffer, DATAGRAM);
            let mut datagram = receive(&mut self.channel, buffer, deadline)?;
            while !datagram.is_empty() {
                match wire::parse_message(&mut datagram, self.sequence, protocol, self.order)? {
                    Message::Listener(_) if end.is_break() => {}
                    Message::Listener(listener) => end = visit(&listener),
                    Message::OtherState | Message::Noop => {}
                    Message::Done if datagram.is_empty() => {
                        self.unfinished = None;
                        return Ok(end);
                    }
                    Message::Done => return Err(NetlinkError::AfterDone.into()),
                }
            }
        }
        Ok(end)
    }

    /// Looks up the listener that this connection would find. `None` proves nothing: the kernel sometimes finds none
    /// while another member of the listener's SO_REUSEPORT group closes, and always if tcp_diag is missing.
    ///
    /// # Errors
    /// Returns an error for anything except one whole answer.
    pub(super) fn kernel_lookup(
        &mut self,
        connection: LookupKey,
        deadline: Deadline<'_>,
    ) -> Result<Option<Listener>, source::SourceError> {
        let sequence = self.next_sequence();
        self.send(&request::exact(connection, sequence, self.order), deadline)?;
        let protocol = connection.target.protocol;
        let buffer = ensure_len(&mut self.buffer, ONE_SOCKET);
        let mut datagram = receive(&mut self.channel, buffer, deadline)?;
        match wire::parse_message(&mut datagram, sequence, protocol, self.order) {
            Ok(Message::Listener(listener)) => Ok(Some(listener)),
            Ok(Message::OtherState) | Err(NetlinkError::Kernel(Errno::ENOENT)) => Ok(None),
            Ok(Message::Noop | Message::Done) => Err(NetlinkError::NoAnswer.into()),
            Err(error) => Err(error.into()),
        }
    }

    /// Requests a dump of generic netlink, and shows the attributes of each message to `visit`.
    ///
    /// # Errors
    /// Returns an error for anything except a whole dump, and the first of `visit`.
    pub(super) fn generic_dump(
        &mut self,
        family: u16,
        command: u8,
        deadline: Deadline<'_>,
        visit: &mut dyn FnMut(Bytes<'_>) -> Result<(), NetlinkError>,
    ) -> Result<(), source::SourceError> {
        let sequence = self.next_sequence();
        let request = generic::request(family, command, sequence, self.order);
        self.send(&request, deadline)?;
        loop {
            let buffer = ensure_len(&mut self.buffer, DATAGRAM);
            let mut datagram = receive(&mut self.channel, buffer, deadline)?;
            while !datagram.is_empty() {
                match generic::next_message(&mut datagram, family, sequence, self.order)? {
                    Some(message) => visit(message)?,
                    None if datagram.is_empty() => return Ok(()),
                    None => return Err(NetlinkError::AfterDone.into()),
                }
            }
        }
    }

    /// Requests the device with this index.
    ///
    /// # Errors
    /// Returns an error for anything except one whole answer.
    pub(super) fn link(
        &mut self,
        device: u32,
        deadline: Deadline<'_>,
    ) -> Result<link::Link, source::SourceError> {
        let sequence = self.next_sequence();
        self.send(&link::request(device, sequence, self.order), deadline)?;
        let buffer = ensure_len(&mut self.buffer, DATAGRAM);
        let mut datagram = receive(&mut self.channel, buffer, deadline)?;
        match link::next_link(&mut datagram, sequence, self.order)? {
            Some(link) => Ok(link),
            None => Err(NetlinkError::NoAnswer.into()),
        }
    }

    /// Lists the devices that are enslaved to this VRF.
    ///
    /// # Errors
    /// Returns an error for anything except a whole dump.
    pub(super) fn enslaved_to(
        &mut self,
        vrf: u32,
        deadline: Deadline<'_>,
    ) -> Result<Vec<u32>, source::SourceError> {
        let sequence = self.next_sequence();
        self.send(&link::dump_request(vrf, sequence, self.order), deadline)?;
        let mut enslaved = Vec::new();
        loop {
            let buffer = ensure_len(&mut self.buffer, DATAGRAM);
            let mut datagram = receive(&mut self.channel, buffer, deadline)?;
            while !datagram.is_empty() {
                match link::next_link(&mut datagram, sequence, self.order)? {
                    Some(link) if link.master == Some(vrf) => enslaved.push(link.index),
                    Some(_) => {}
                    None if datagram.is_empty() => return Ok(enslaved),
                    None => return Err(NetlinkError::AfterDone.into()),
                }
            }
        }
    }

    fn next_sequence(&mut self) -> u32 {
        self.sequence = self.sequence.wrapping_add(1);
        self.sequence
    }

    fn send(&mut self, request: &[u8], deadline: Deadline<'_>) -> Result<(), source::SourceError> {
        loop {
            match self.channel.send(request) {
                Err(Errno::EINTR) if !deadline.has_passed() => {}
                sent => return Ok(sent.map_err(|errno| NetlinkError::Call("send", errno))?),
            }
        }
    }
}

/// Returns a buffer of at least this many bytes. A new one is clear, so that the system's empty pages stay untouched.
fn ensure_len(buffer: &mut Vec<u8>, bytes: usize) -> &mut [u8] {
    if buffer.len() < bytes {
        *buffer = vec![0; bytes];
    }
    buffer
}

/// Reads a datagram from the kernel, whole and not empty.
fn receive<'b>(
    channel: &mut impl Channel,
    buffer: &'b mut [u8],
    deadline: Deadline<'_>,
) -> Result<&'b [u8], source::SourceError> {
    let received = loop {
        match channel.receive(buffer) {
            Err(Errno::EAGAIN | Errno::EINTR) if deadline.has_passed() => {
                return Err(source::SourceError::TimeIsUp(deadline.limit()));
            }
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => match channel.wait(deadline.remaining()) {
                Ok(()) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(NetlinkError::Call("poll", errno).into()),
            },
            Err(errno) => return Err(NetlinkError::Call("receive", errno).into()),
            Ok(received) => break received,
        }
    };
    if received.sender != 0 {
        return Err(NetlinkError::Sender(received.sender).into());
    }
    if received.truncated {
        return Err(NetlinkError::Truncated.into());
    }
    match buffer.get(..received.length) {
        None | Some([]) => Err(NetlinkError::Length.into()),
        Some(datagram) => Ok(datagram),
    }
}
