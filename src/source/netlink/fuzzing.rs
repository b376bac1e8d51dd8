//! Dumps whose datagrams come from a fuzzer instead of a kernel.

use std::net::Ipv4Addr;
use std::num::NonZeroU16;
use std::ops::ControlFlow;
use std::time::Duration;

use nix::errno::Errno;

use super::session::{Channel, NetlinkSession, Received};
use super::{ByteOrder, NetlinkError, Ports, Query};
use crate::clock::{Deadline, SystemClock};
use crate::domain::{Endpoint, Family, Listener, LookupKey, Protocol, Target};
use crate::source;

/// The sequence number that an answer must have.
pub const SEQUENCE: u32 = 1;

/// The error of a dump that waits for another datagram after the last one.
pub const RAN_DRY: source::SourceError =
    source::SourceError::Netlink(NetlinkError::Call("receive", Errno::ENODATA));

/// The results of dumps from a datagram, in one byte order.
#[derive(Debug)]
pub struct DumpResults {
    /// The byte order.
    pub order: ByteOrder,
    /// The result if nothing follows the datagram.
    pub alone: Dump,
    /// The result if a proper end of the dump follows the datagram.
    pub ended: Dump,
    /// The same as `ended`, if the visitor stops the dump at the first listener.
    pub broken_off: Dump,
    /// The result if the datagram is longer than the buffer.
    pub truncated: Dump,
    /// The result if the datagram does not come from the kernel.
    pub foreign: Dump,
    /// The result if the datagram is the answer to an exact lookup.
    pub exact: Result<Option<Listener>, source::SourceError>,
    /// The VRF of a device, if the datagram is rtnetlink's answer about that device.
    pub vrf: Result<Option<u32>, source::SourceError>,
    /// The devices of VRF number 1, if the datagram and a proper end are rtnetlink's dump of them.
    pub enslaved: Result<Vec<u32>, source::SourceError>,
}

/// The listeners of a dump, and its end.
#[derive(Debug, PartialEq, Eq)]
pub struct Dump {
    /// The listeners, in the order in which the visitor got them.
    pub listeners: Vec<Listener>,
    /// `Ok` if the dump was complete, or if the visitor stopped it.
    pub end: Result<ControlFlow<()>, source::SourceError>,
}

/// Parses a datagram as an answer of the kernel about this protocol, in both byte orders.
pub fn parse(protocol: Protocol, datagram: &[u8]) -> [DumpResults; 2] {
    [ByteOrder::Little, ByteOrder::Big].map(|order| {
        let kernel = |bytes| Datagram {
            bytes,
            sender: 0,
            truncated: false,
        };
        let first = kernel(datagram);
        let end = done(order);
        let end = kernel(&end);
        let truncated = Datagram {
            truncated: true,
            ..first
        };
        let foreign = Datagram { sender: 1, ..first };
        let onward = ControlFlow::Continue(());
        DumpResults {
            order,
            alone: dump(protocol, &[first], order, onward),
            ended: dump(protocol, &[first, end], order, onward),
            broken_off: dump(protocol, &[first, end], order, ControlFlow::Break(())),
            truncated: dump(protocol, &[truncated, end], order, onward),
            foreign: dump(protocol, &[foreign, end], order, onward),
            exact: exact(protocol, &[first], order),
            vrf: vrf(&[first], order),
            enslaved: enslaved(&[first, end], order),
        }
    })
}

#[derive(Clone, Copy)]
struct Datagram<'a> {
    bytes: &'a [u8],
    sender: u32,
    truncated: bool,
}

/// A channel that returns these datagrams, and an error after the last one.
struct Script<'a>(std::slice::Iter<'a, Datagram<'a>>);

impl Channel for Script<'_> {
    fn send(&mut self, _request: &[u8]) -> Result<(), Errno> {
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<Received, Errno> {
        let datagram = self.0.next().ok_or(Errno::ENODATA)?;
        buffer
            .iter_mut()
            .zip(datagram.bytes)
            .for_each(|(to, from)| *to = *from);
        Ok(Received {
            length: datagram.bytes.len().min(buffer.len()),
            sender: datagram.sender,
            truncated: datagram.truncated || datagram.bytes.len() > buffer.len(),
        })
    }

    fn wait(&mut self, _at_most: Duration) -> Result<(), Errno> {
        Ok(())
    }
}

fn dump(
    protocol: Protocol,
    datagrams: &[Datagram<'_>],
    order: ByteOrder,
    onward: ControlFlow<()>,
) -> Dump {
    let mut listeners = Vec::new();
    let clock = SystemClock::start();
    let query = Query {
        protocol,
        family: Family::V4,
        ports: Ports::These(&[443]),
        deadline: Deadline::new(&clock, Duration::MAX),
    };
    let mut session = NetlinkSession::new(Script(datagrams.iter()), order);
    let end = session.dump(query, &mut |listener| {
        listeners.push(listener.clone());
        onward
    });
    Dump { listeners, end }
}

fn exact(
    protocol: Protocol,
    datagrams: &[Datagram<'_>],
    order: ByteOrder,
) -> Result<Option<Listener>, source::SourceError> {
    let clock = SystemClock::start();
    let deadline = Deadline::new(&clock, Duration::MAX);
    let mut session = NetlinkSession::new(Script(datagrams.iter()), order);
    let connection = LookupKey {
        target: Target {
            protocol,
            endpoint: Endpoint::Port(NonZeroU16::MIN),
        },
        address: Ipv4Addr::LOCALHOST.into(),
        interface: None,
        source_port: 0,
    };
    session.kernel_lookup(connection, deadline)
}

fn vrf(datagrams: &[Datagram<'_>], order: ByteOrder) -> Result<Option<u32>, source::SourceError> {
    let clock = SystemClock::start();
    let deadline = Deadline::new(&clock, Duration::MAX);
    let link = NetlinkSession::new(Script(datagrams.iter()), order).link(1, deadline)?;
    Ok(link.vrf)
}

fn enslaved(datagrams: &[Datagram<'_>], order: ByteOrder) -> Result<Vec<u32>, source::SourceError> {
    let clock = SystemClock::start();
    let deadline = Deadline::new(&clock, Duration::MAX);
    NetlinkSession::new(Script(datagrams.iter()), order).enslaved_to(1, deadline)
}

/// An NLMSG_DONE without an error.
fn done(order: ByteOrder) -> Vec<u8> {
    let mut message = order.bytes32(20).to_vec();
    message.extend(order.bytes16(3)); // NLMSG_DONE
    message.extend(order.bytes16(2)); // NLM_F_MULTI
    message.extend(order.bytes32(SEQUENCE));
    message.extend([0; 4 + 4]); // nlmsg_pid, the payload
    message
}
