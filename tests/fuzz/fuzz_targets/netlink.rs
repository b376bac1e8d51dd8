//! What the kernel, or something in its place, may answer to a dump.

#![no_main]

use libfuzzer_sys::fuzz_target;
use listenup::domain::{Listener, Protocol};
use listenup::source::netlink::NetlinkError;
use listenup::source::netlink::fuzzing::{Dump, DumpResults, RAN_DRY, SEQUENCE, parse};
use listenup::source::{self, ByteOrder};

fuzz_target!(|datagram: &[u8]| {
    for (protocol, state) in [(Protocol::Tcp, 10), (Protocol::Udp, 7)] {
        for outcome in parse(protocol, datagram) {
            check(datagram, state, &outcome);
        }
    }
});

/// `state` is that of a listener.
fn check(datagram: &[u8], state: u8, outcome: &DumpResults) {
    let DumpResults {
        order,
        alone,
        ended,
        broken_off,
        truncated,
        foreign,
        exact,
        vrf,
        enslaved,
    } = outcome;
    let messages = messages(datagram, *order);
    let listening: Vec<u16> = messages
        .iter()
        .filter_map(|message| message.port(state))
        .collect();

    // Nothing is shown that the datagram does not say, whatever the end.
    assert!(listening.starts_with(&ports(alone)), "{alone:?}");
    // "Not listening" hangs on an `Ok`: only a faultless dump up to its end may give one.
    if alone.end.is_ok() {
        assert_eq!(ports(alone), listening);
        let (last, others) = messages.split_last().expect("a dump without messages");
        assert!(last.is_end() && !others.iter().any(Message::is_end));
        assert!(messages.iter().all(Message::is_harmless));
    }
    // What follows makes a dump whole that only lacks its end, and mends no other.
    assert_eq!(ended.listeners, alone.listeners);
    match &alone.end {
        Err(fault) if *fault == RAN_DRY => assert!(ended.end.is_ok()),
        end => assert_eq!(ended.end, *end),
    }
    // A visitor that breaks off sees the same first listener and nothing of what comes later.
    let first = alone.listeners.first();
    assert_eq!(broken_off.listeners.first(), first);
    assert!(broken_off.listeners.len() <= 1);
    match first {
        // The rest of its datagram is read all the same.
        Some(_) => match &broken_off.end {
            Ok(flow) => assert!(flow.is_break()),
            fault => assert_eq!(*fault, ended.end),
        },
        None => assert_eq!(broken_off.end, ended.end),
    }
    refused(truncated, NetlinkError::Truncated);
    refused(foreign, NetlinkError::Sender(1));
    if let Ok(Some(listener)) = exact {
        assert_eq!(Some(&listener.port), listening.first());
    }
    // A VRF has its name in the answer, and a device of one its master.
    let names_vrf = datagram.windows(4).any(|bytes| bytes == b"vrf\0");
    assert!(names_vrf || !matches!(vrf, Ok(Some(_))));
    if let Ok(devices) = enslaved {
        let links = messages.iter().filter(|message| message.kind == 16);
        assert!(devices.len() <= links.count());
    }
}

/// A datagram that is not taken shows nothing.
fn refused(dump: &Dump, fault: NetlinkError) {
    assert!(dump.listeners.is_empty());
    assert_eq!(dump.end, Err(source::SourceError::Netlink(fault)));
}

fn ports(dump: &Dump) -> Vec<u16> {
    dump.listeners.iter().map(port).collect()
}

fn port(listener: &Listener) -> u16 {
    listener.port
}

/// A message, read anew and without judging it.
struct Message<'a> {
    kind: u16,
    flags: u16,
    sequence: u32,
    body: &'a [u8],
}

impl Message<'_> {
    /// The port of a listener, which has this state.
    fn port(&self, wanted: u8) -> Option<u16> {
        match (self.kind, self.body) {
            (20, [_, state, _, _, high, low, ..]) if *state == wanted => {
                Some(u16::from_be_bytes([*high, *low]))
            }
            _ => None,
        }
    }

    fn is_end(&self) -> bool {
        self.kind == 3
    }

    /// Whether a whole dump may have it.
    fn is_harmless(&self) -> bool {
        let fits = match self.kind {
            1 => true,
            3 => self.body.starts_with(&[0; 4]),
            20 => self.body.len() >= 72,
            _ => false,
        };
        fits && self.sequence == SEQUENCE && self.flags & 0x10 == 0
    }
}

/// The messages up to the first with an impossible length.
fn messages(mut rest: &[u8], order: ByteOrder) -> Vec<Message<'_>> {
    let mut messages = Vec::new();
    while let Some(&[a, b, c, d, e, f, g, h, i, j, k, l, ..]) = rest.get(..16) {
        let length = order.u32([a, b, c, d]) as usize;
        let Some(body) = rest.get(16..length) else {
            break;
        };
        messages.push(Message {
            kind: order.u16([e, f]),
            flags: order.u16([g, h]),
            sequence: order.u32([i, j, k, l]),
            body,
        });
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    messages
}
