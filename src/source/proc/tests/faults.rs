//! Every way in which a table can be wrong, and what only looks so.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::ops::ControlFlow;
use std::time::Duration;

use nix::errno::Errno;

use super::{HEADER, Script, on_443, problem, row, seen_by};
use crate::clock::{Deadline, fake::FakeClock};
use crate::domain::Protocol;
use crate::source::proc::rows::{Rows, Stride};
use crate::source::proc::{Problem, pass};
use crate::source::{ByteOrder, Ports};

#[test]
fn a_row_can_be_split_between_reads() {
    let rows = [row(0, "0100007F:0050", "0A"), row(1, "00000000:01BB", "0A")];
    let table = [HEADER, &rows.concat()].concat();
    for cut in 1..table.len() {
        let (first, second) = table.split_at(cut);
        let pieces = || Script::of([Ok(first), Ok(second)]);
        assert_eq!(on_443(pieces), ["0.0.0.0:443"], "cut at {cut}");
    }
    let bytes = || {
        Script(
            table
                .bytes()
                .map(|byte| Ok(vec![byte]))
                .collect::<VecDeque<_>>(),
        )
    };
    assert_eq!(on_443(bytes), ["0.0.0.0:443"]);
}

#[test]
fn eintr_is_retried() {
    let eintr = || Err(ErrorKind::Interrupted.into());
    let last = row(0, "00000000:01BB", "0A");
    let pieces = || Script::of([eintr(), Ok(HEADER), eintr(), Ok(&*last), eintr()]);
    assert_eq!(on_443(pieces), ["0.0.0.0:443"]);
}

#[test]
fn every_broken_table_is_an_error() {
    let good = row(0, "00000000:0050", "0A");
    for (name, rest, expected) in [
        ("garbled row", "garbage\n".to_owned(), "Row("),
        ("empty row", "\n".to_owned(), "Row("),
        (
            "a row without an inode",
            good[..60].to_owned() + "\n",
            "Row(",
        ),
        (
            "a row that is not UTF-8",
            good.replace("0A", "\u{fffd}"),
            "Row(",
        ),
        ("an unknown state", row(1, "00000000:01BB", "0D"), "Row("),
        (
            "a state that is no number",
            row(1, "00000000:01BB", "0X"),
            "Row(",
        ),
        (
            "a local address of no length",
            row(1, ":01BB", "0A"),
            "Row(",
        ),
        (
            "a local address of another length",
            row(1, "000000000:01BB", "0A"),
            "Row(",
        ),
        (
            "a port that is none",
            row(1, "00000000:101BB", "0A"),
            "Row(",
        ),
        ("a row cut off by the end", good[..100].to_owned(), "CutRow"),
        (
            "a row without its line feed",
            good[..149].to_owned(),
            "CutRow",
        ),
        ("a row without end", "x".repeat(10_000), "LongRow"),
    ] {
        let table = [HEADER, &good, &rest].concat();
        let problem = problem(|| table.as_bytes());
        assert!(problem.starts_with(expected), "{name}: {problem}");
    }
}

#[test]
fn a_table_without_its_header_is_an_error() {
    let row = row(0, "00000000:01BB", "0A");
    for table in [
        "",
        "\n",
        &row,
        "  sl  foreign\n",
        "garbled header\n",
        "sl\n",
        "Ip: Forwarding DefaultTTL\n",
    ] {
        assert_eq!(problem(|| table.as_bytes()), "Header", "{table:?}");
    }
    assert_eq!(problem(|| "  sl  local_addr".as_bytes()), "CutRow");
}

#[test]
fn a_read_error_in_the_middle_keeps_earlier_listeners() {
    let eio = Err(io::Error::from_raw_os_error(5));
    let listener = row(0, "00000000:01BB", "0A");
    let table = Script::of([Ok(HEADER), Ok(&*listener), eio]);
    let (seen, end) = seen_by(table, Stride::Row, &[443], ByteOrder::Little);
    assert_eq!((seen.len(), end), (1, Err(Problem::Read(Errno::EIO))));
}

#[test]
fn the_time_limit_ends_a_long_table() {
    let mut table = HEADER.to_owned();
    for slot in 0..1000 {
        table += &row(slot, "00000000:0050", "0A");
    }
    let clock = FakeClock::ticking(Duration::from_millis(1));
    let deadline = Deadline::new(&clock, Duration::from_millis(100));
    let rows = Rows::new(table.as_bytes(), Stride::Row, false, deadline).unwrap();
    let end = pass(
        rows,
        Protocol::Tcp,
        Ports::These(&[443]),
        ByteOrder::Little,
        &mut |_| ControlFlow::Continue(()),
    );
    assert_eq!(end, Err(Problem::TimeIsUp));
}
