//! Answers from a script instead of a kernel.

mod captured;
mod endpoints;
mod faults;
mod link;
mod real;
mod requests;

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::time::Duration;

use nix::errno::Errno;

use super::session::{Channel, NetlinkSession, Received};
use crate::clock::{Deadline, fake::FakeClock};
use crate::domain::{Family, Listener, Protocol};
use crate::source::{self, ByteOrder, Ports, Query};

/// A session's first.
const SEQUENCE: u32 = 1;
const DONE: u16 = 3;
const ERROR: u16 = 2;
const SOCKET: u16 = 20;

/// A datagram, its sender and whether it was cut off; or an error.
type Played = Result<(Vec<u8>, u32, bool), Errno>;

/// A channel that plays back what it was given; nothing more to play is EAGAIN.
#[derive(Default)]
struct Script {
    answers: VecDeque<Played>,
    refusal: Option<Errno>,
    sent: Vec<Vec<u8>>,
    clock: FakeClock,
}

impl Script {
    fn of(datagrams: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let answers = datagrams
            .into_iter()
            .map(|datagram| Ok((datagram, 0, false)))
            .collect();
        Self {
            answers,
            ..Self::default()
        }
    }
}

impl Channel for &mut Script {
    fn send(&mut self, request: &[u8]) -> Result<(), Errno> {
        self.sent.push(request.to_vec());
        self.refusal.map_or(Ok(()), Err)
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<Received, Errno> {
        let (datagram, sender, truncated) =
            self.answers.pop_front().unwrap_or(Err(Errno::EAGAIN))?;
        buffer[..datagram.len()].copy_from_slice(&datagram);
        Ok(Received {
            length: datagram.len(),
            sender,
            truncated,
        })
    }

    fn wait(&mut self, at_most: Duration) -> Result<(), Errno> {
        self.clock.advance(at_most);
        Ok(())
    }
}

/// Runs a dump over the script. What it showed, and how it ended.
fn run(script: &mut Script, order: ByteOrder) -> (Vec<Listener>, Result<(), source::SourceError>) {
    run_of(Protocol::Tcp, script, order)
}

/// The same of this protocol.
fn run_of(
    protocol: Protocol,
    script: &mut Script,
    order: ByteOrder,
) -> (Vec<Listener>, Result<(), source::SourceError>) {
    let mut seen = Vec::new();
    let clock = script.clock.clone();
    let deadline = Deadline::new(&clock, Duration::from_millis(500));
    let query = Query {
        protocol,
        family: Family::V4,
        ports: Ports::These(&[443]),
        deadline,
    };
    let end = NetlinkSession::new(script, order).dump(query, &mut |listener| {
        seen.push(listener.clone());
        ControlFlow::Continue(())
    });
    (seen, end.map(|flow| assert!(flow.is_continue())))
}

fn message(kind: u16, flags: u16, sequence: u32, body: &[u8], order: ByteOrder) -> Vec<u8> {
    let mut message = order.bytes32(16 + body.len() as u32).to_vec();
    message.extend(order.bytes16(kind));
    message.extend(order.bytes16(flags));
    message.extend(order.bytes32(sequence));
    message.extend([0; 4]);
    message.extend(body);
    message.resize(message.len().next_multiple_of(4), 0);
    message
}

/// An `inet_diag_msg` of an IPv4 listener on 127.0.0.1:443, and these attributes behind it.
fn listener(order: ByteOrder, attributes: &[u8]) -> Vec<u8> {
    let mut body = vec![2, 10, 0, 0]; // AF_INET, LISTEN
    body.extend(443_u16.to_be_bytes());
    body.extend([0; 2]);
    body.extend([127, 0, 0, 1]);
    body.extend([0; 12 + 16]);
    body.extend(order.bytes32(3)); // idiag_if
    body.extend([0; 8 + 4]);
    for number in [5, 128, 1000, 4242] {
        body.extend(order.bytes32(number)); // idiag_rqueue, _wqueue, _uid, _inode
    }
    body.extend(attributes);
    body
}

/// The same of a UDP socket in this state, with what INET_DIAG_SKMEMINFO has since 4.7.
fn udp_socket(state: u8) -> Vec<u8> {
    let mut attribute = vec![40, 0, 7, 0];
    // RMEM_ALLOC, RCVBUF, WMEM_ALLOC, SNDBUF, FWD_ALLOC, WMEM_QUEUED, OPTMEM, BACKLOG, DROPS
    for number in [5, 212_992, 0, 212_992, 4_096, 0, 0, 0, 9] {
        attribute.extend(LITTLE.bytes32(number));
    }
    let mut body = listener(LITTLE, &attribute);
    body[1] = state;
    body
}

fn done(order: ByteOrder, code: i32) -> Vec<u8> {
    message(DONE, 2, SEQUENCE, &order.bytes32(code as u32), order)
}

fn good(order: ByteOrder) -> Vec<u8> {
    message(SOCKET, 2, SEQUENCE, &listener(order, &[]), order)
}

const LITTLE: ByteOrder = ByteOrder::Little;
