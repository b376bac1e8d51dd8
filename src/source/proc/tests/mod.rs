//! Tables from bytes instead of a kernel.

mod captured;
mod faults;
mod files;
mod order;
mod others;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::time::Duration;

use super::rows::{Rows, Stride};
use super::{Pass, Problem, pass};
use crate::clock::{Deadline, fake::FakeClock};
use crate::domain::{Listener, Protocol};
use crate::source::{ByteOrder, Ports};

const HEADER: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode                                                     \n";

/// A row as 6.18 writes it, padded to 150 bytes.
fn row(slot: u32, local: &str, state: &str) -> String {
    let row = format!(
        "{slot:4}: {local} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000     0        0 41035 1 00000000db762728 100 0 0 10 0"
    );
    format!("{row:149}\n")
}

/// A reader that plays back pieces and errors, one a read.
struct Script(VecDeque<io::Result<Vec<u8>>>);

impl Script {
    fn of<'a>(pieces: impl IntoIterator<Item = io::Result<&'a str>>) -> Self {
        let bytes = |piece: io::Result<&str>| piece.map(|text| text.as_bytes().to_vec());
        Self(pieces.into_iter().map(bytes).collect())
    }
}

impl Read for Script {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(piece) = self.0.pop_front() else {
            return Ok(0);
        };
        let piece = piece?;
        let length = piece.len().min(buffer.len());
        buffer[..length].copy_from_slice(&piece[..length]);
        if length < piece.len() {
            self.0.push_front(Ok(piece[length..].to_vec()));
        }
        Ok(length)
    }
}

/// What a pass over a table shows, and how it ends.
fn seen_by(
    table: impl Read,
    stride: Stride,
    ports: &[u16],
    order: ByteOrder,
) -> (Vec<Listener>, Result<Pass, Problem>) {
    seen_of(Protocol::Tcp, table, stride, ports, order)
}

/// The same of a table of this protocol.
fn seen_of(
    protocol: Protocol,
    table: impl Read,
    stride: Stride,
    ports: &[u16],
    order: ByteOrder,
) -> (Vec<Listener>, Result<Pass, Problem>) {
    let clock = FakeClock::default();
    let deadline = Deadline::new(&clock, Duration::from_millis(500));
    let mut seen = Vec::new();
    let end = Rows::new(table, stride, false, deadline).and_then(|rows| {
        pass(
            rows,
            protocol,
            Ports::These(ports),
            order,
            &mut |listener| {
                seen.push(listener.clone());
                ControlFlow::Continue(())
            },
        )
    });
    (seen, end)
}

/// The listeners on 443 of a table that reads well, which both strides must agree on.
#[track_caller]
fn on_443<R: Read>(table: impl Fn() -> R) -> Vec<String> {
    let [one, other] = [Stride::Row, Stride::Page].map(|stride| {
        let (seen, end) = seen_by(table(), stride, &[443], ByteOrder::Little);
        end.unwrap();
        seen.iter().map(Listener::to_string).collect::<Vec<_>>()
    });
    assert_eq!(one, other);
    one
}

/// How a table ends that reads badly, on which both strides must agree.
#[track_caller]
fn problem<R: Read>(table: impl Fn() -> R) -> String {
    let [one, other] = [Stride::Row, Stride::Page].map(|stride| {
        let (_, end) = seen_by(table(), stride, &[443], ByteOrder::Little);
        format!("{:?}", end.unwrap_err())
    });
    assert_eq!(one, other);
    one
}

#[test]
fn the_pages_of_each_pass_end_at_different_positions() {
    /// Notes how much is asked for.
    struct Asked<'a>(&'a RefCell<Vec<usize>>, &'a [u8]);
    impl Read for Asked<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.borrow_mut().push(buffer.len());
            self.1.read(buffer)
        }
    }
    let rows: String = (0..100).map(|sl| row(sl, "00000000:1F90", "0A")).collect();
    let table = [HEADER, &rows].concat();
    let firsts = [4096, 3277, 2458, 1639, 820];
    assert_eq!(Stride::of_passes(5).count(), firsts.len());
    for (stride, first) in Stride::of_passes(5).zip(firsts) {
        let asked = RefCell::default();
        let (seen, end) = seen_by(
            Asked(&asked, table.as_bytes()),
            stride,
            &[8080],
            ByteOrder::Little,
        );
        assert_eq!((seen.len(), end), (100, Ok(Pass::Incomplete)));
        assert_eq!(asked.borrow()[..3], [first, 4096, 4096]);
    }
}

#[test]
fn a_listener_is_found_only_on_the_requested_ports() {
    let table = [
        HEADER,
        &row(0, "0100007F:01BB", "0A"),
        &row(1, "00000000:1F90", "0A"),
    ]
    .concat();
    assert_eq!(on_443(|| table.as_bytes()), ["127.0.0.1:443"]);
    let (seen, end) = seen_by(
        table.as_bytes(),
        Stride::Row,
        &[80, 808, 8080],
        ByteOrder::Little,
    );
    end.unwrap();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].to_string(), "0.0.0.0:8080");
}

#[test]
fn addresses_in_both_byte_orders() {
    for (order, v4, v6) in [
        (
            ByteOrder::Little,
            "0A0200C0",
            "B80D0120000000000000000001000000",
        ),
        (
            ByteOrder::Big,
            "C000020A",
            "20010DB8000000000000000000000001",
        ),
    ] {
        for (address, shown) in [(v4, "192.0.2.10:443"), (v6, "[2001:db8::1]:443")] {
            let table = [HEADER, &row(0, &format!("{address}:01BB"), "0A")].concat();
            let (seen, end) = seen_by(table.as_bytes(), Stride::Row, &[443], order);
            end.unwrap();
            assert_eq!(seen[0].to_string(), shown);
        }
    }
}

#[test]
fn sockets_in_other_states_are_not_listeners() {
    for state in [
        "01", "02", "03", "04", "05", "06", "07", "08", "09", "0B", "0C",
    ] {
        let table = [HEADER, &row(0, "00000000:01BB", state)].concat();
        assert!(on_443(|| table.as_bytes()).is_empty(), "{state}");
    }
}

#[test]
fn row_numbers_of_five_digits_are_parsed() {
    let rows = [
        row(10_000, "00000000:01BB", "0A"),
        row(123_456, "0100007F:01BB", "0A"),
    ];
    let table = [HEADER, &rows.concat()].concat();
    assert_eq!(
        on_443(|| table.as_bytes()),
        ["0.0.0.0:443", "127.0.0.1:443"]
    );
}

#[test]
fn a_row_has_the_owner_and_the_inode() {
    let row =
        row(0, "00000000:01BB", "0A").replace("     0        0 41035", "  1001        0 41035");
    let table = Script::of([Ok(HEADER), Ok(&*row)]);
    let (seen, _) = seen_by(table, Stride::Row, &[443], ByteOrder::Little);
    let whose = seen.iter().map(|listener| (listener.uid, listener.inode));
    assert_eq!(whose.collect::<Vec<_>>(), [(Some(1001), Some(41_035))]);
}
