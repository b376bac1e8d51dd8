//! What /proc/self/net/tcp, tcp6, udp and udp6 may hold, in any pieces.

#![no_main]

use libfuzzer_sys::fuzz_target;
use listenup::domain::Protocol;
use listenup::source::proc::fuzzing::{PassEnd, PassResult, PassResults, read};

fuzz_target!(|input: &[u8]| {
    for (protocol, state) in [(Protocol::Tcp, 10), (Protocol::Udp, 7)] {
        compare(protocol, state, input);
    }
});

/// `wanted` is the state of a listener.
fn compare(protocol: Protocol, wanted: u8, input: &[u8]) {
    let said = listening(wanted, input.get(2..).unwrap_or_default());
    let [little, big] = read(protocol, input);
    for PassResults {
        by_rows,
        by_pages,
        until_short,
    } in [&little, &big]
    {
        for look in [by_rows, by_pages, until_short] {
            check(look, &said);
        }
        // Reads of any size show the same, as far as they go; a pass may end behind the listeners.
        if to_the_end(by_rows) && to_the_end(by_pages) {
            assert_eq!(by_rows.listeners, by_pages.listeners);
        }
        let (shorter, longer) = if by_rows.listeners.len() < by_pages.listeners.len() {
            (by_rows, by_pages)
        } else {
            (by_pages, by_rows)
        };
        assert!(longer.listeners.starts_with(&shorter.listeners));
        // To stop at a short read leaves out, and adds nothing.
        assert!(by_pages.listeners.starts_with(&until_short.listeners));
    }
    // Only addresses depend on the byte order.
    for (one, other) in [
        (&little.by_rows, &big.by_rows),
        (&little.by_pages, &big.by_pages),
        (&little.until_short, &big.until_short),
    ] {
        assert_eq!(ports(one), ports(other));
        assert_eq!(one.end, other.end);
    }
}

fn check(look: &PassResult, said: &[u16]) {
    assert!(said.starts_with(&ports(look)), "{look:?}");
    match look.end {
        PassEnd::Complete => assert_eq!(look.reads, 1),
        // One read that filled its buffer may have left something out, too.
        PassEnd::Incomplete => assert!(look.reads >= 1),
        PassEnd::Problem(_) => {}
        PassEnd::BrokenOff => panic!("nobody broke off"),
    }
    if to_the_end(look) {
        assert_eq!(ports(look), said);
    }
}

/// Whether the table was read to its end and found good.
fn to_the_end(look: &PassResult) -> bool {
    look.saw_the_end && !matches!(look.end, PassEnd::Problem(_))
}

fn ports(look: &PassResult) -> Vec<u16> {
    look.listeners
        .iter()
        .map(|listener| listener.port)
        .collect()
}

/// The ports of the rows in this state, read anew and as far as there is anything to read.
fn listening(wanted: u8, table: &[u8]) -> Vec<u16> {
    let mut ports = Vec::new();
    for row in table.split(|&byte| byte == b'\n').skip(1) {
        let Ok(row) = std::str::from_utf8(row) else {
            break;
        };
        let words: Vec<&str> = row.split_whitespace().collect();
        let [_, local, _, state, ..] = words[..] else {
            break;
        };
        if u8::from_str_radix(state, 16) != Ok(wanted) {
            continue;
        }
        let port = local.split(':').nth(1);
        match port.map(|port| u16::from_str_radix(port, 16)) {
            Some(Ok(port)) => ports.push(port),
            _ => break,
        }
    }
    ports
}
