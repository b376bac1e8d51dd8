//! Tables from bytes instead of a kernel: captured ones, and every way in which one can go wrong.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read};
use std::ops::ControlFlow;

use nix::errno::Errno;

use super::{Problem, Proc, read};
use crate::domain::{Family, Listener};
use crate::source::{ByteOrder, Question, Source};

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
    fn of<const N: usize>(pieces: [io::Result<&str>; N]) -> Self {
        Self(
            pieces
                .into_iter()
                .map(|piece| piece.map(|text| text.as_bytes().to_vec()))
                .collect(),
        )
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

fn seen_by(
    table: impl Read,
    ports: &[u16],
    order: ByteOrder,
) -> (Vec<Listener>, Result<(), Problem>) {
    let mut seen = Vec::new();
    let end = read(table, ports, order, &mut |listener| {
        seen.push(listener.clone());
        ControlFlow::Continue(())
    });
    (seen, end)
}

/// The listeners on 443 of a table that reads well.
fn on_443(table: impl Read) -> Vec<String> {
    let (seen, end) = seen_by(table, &[443], ByteOrder::Little);
    end.unwrap();
    seen.iter().map(Listener::to_string).collect()
}

/// How a table that reads badly ends.
fn problem(table: impl Read) -> String {
    format!(
        "{:?}",
        seen_by(table, &[443], ByteOrder::Little).1.unwrap_err()
    )
}

#[test]
fn a_listener_is_found_and_only_on_the_port_asked_for() {
    let table = [
        HEADER,
        &row(0, "0100007F:01BB", "0A"),
        &row(1, "00000000:1F90", "0A"),
    ]
    .concat();
    assert_eq!(on_443(table.as_bytes()), ["127.0.0.1:443"]);
    let (seen, end) = seen_by(table.as_bytes(), &[80, 808, 8080], ByteOrder::Little);
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
            let (seen, end) = seen_by(table.as_bytes(), &[443], order);
            end.unwrap();
            assert_eq!(seen[0].to_string(), shown);
        }
    }
}

#[test]
fn header_only_is_a_table_without_listeners() {
    assert!(on_443(HEADER.as_bytes()).is_empty());
}

#[test]
fn the_look_ends_behind_the_listeners_where_rows_are_not_even_parsed() {
    let table = [
        HEADER,
        &row(0, "00000000:0050", "0A"),
        &row(1, "0100007F:01BB", "01"),
        "garbage\n",
    ];
    assert!(on_443(table.concat().as_bytes()).is_empty());
}

#[test]
fn syn_recv_between_listeners_does_not_end_the_look() {
    // As kernels up to 4.3 list them.
    for state in ["03", "0C"] {
        let table = [
            HEADER,
            &row(0, "0100007F:0050", state),
            &row(1, "00000000:01BB", "0A"),
        ];
        assert_eq!(on_443(table.concat().as_bytes()), ["0.0.0.0:443"]);
    }
}

#[test]
fn other_states_on_the_port_are_no_listeners() {
    for state in [
        "01", "02", "03", "04", "05", "06", "07", "08", "09", "0B", "0C",
    ] {
        let table = [HEADER, &row(0, "00000000:01BB", state)].concat();
        assert!(on_443(table.as_bytes()).is_empty(), "{state}");
    }
}

#[test]
fn slot_10000_shifts_the_columns() {
    let table = [
        HEADER,
        &row(10_000, "00000000:01BB", "0A"),
        &row(123_456, "0100007F:01BB", "0A"),
    ];
    assert_eq!(
        on_443(table.concat().as_bytes()),
        ["0.0.0.0:443", "127.0.0.1:443"]
    );
}

#[test]
fn a_row_may_come_in_any_pieces() {
    let table = [
        HEADER,
        &row(0, "0100007F:0050", "0A"),
        &row(1, "00000000:01BB", "0A"),
    ]
    .concat();
    for cut in 1..table.len() {
        let (first, second) = table.split_at(cut);
        assert_eq!(
            on_443(Script::of([Ok(first), Ok(second)])),
            ["0.0.0.0:443"],
            "cut at {cut}"
        );
    }
    let bytes = table.bytes().map(|byte| Ok(vec![byte])).collect();
    assert_eq!(on_443(Script(bytes)), ["0.0.0.0:443"]);
}

#[test]
fn eintr_is_retried() {
    let eintr = || Err(ErrorKind::Interrupted.into());
    let last = row(0, "00000000:01BB", "0A");
    assert_eq!(
        on_443(Script::of([
            eintr(),
            Ok(HEADER),
            eintr(),
            Ok(&last),
            eintr()
        ])),
        ["0.0.0.0:443"]
    );
}

#[test]
fn every_broken_table_is_a_problem() {
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
        assert!(problem(table.as_bytes()).starts_with(expected), "{name}");
    }
}

#[test]
fn a_table_without_its_header_is_a_problem() {
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
        assert_eq!(problem(table.as_bytes()), "Header", "{table:?}");
    }
    assert_eq!(problem("  sl  local_addr".as_bytes()), "CutRow");
}

#[test]
fn a_read_that_fails_in_the_middle_is_a_problem_and_what_was_seen_stays() {
    let eio = || Err(io::Error::from_raw_os_error(5));
    let listener = row(0, "00000000:01BB", "0A");
    let (seen, end) = seen_by(
        Script::of([Ok(HEADER), Ok(&listener), eio()]),
        &[443],
        ByteOrder::Little,
    );
    assert_eq!(seen.len(), 1);
    assert_eq!(end, Err(Problem::Read(Errno::EIO)));
}

/// A /proc of our own with these tables.
fn fake(tables: &[(&str, &str)]) -> (tempfile::TempDir, Proc) {
    let root = tempfile::tempdir().unwrap();
    let net = root.path().join("self/net");
    std::fs::create_dir_all(&net).unwrap();
    for (name, text) in tables {
        std::fs::write(net.join(name), text).unwrap();
    }
    let proc = Proc::new(root.path());
    (root, proc)
}

fn ask(proc: &mut Proc, family: Family) -> Result<usize, String> {
    let mut seen = 0;
    let answer = proc.listeners(
        Question {
            family,
            ports: &[443],
        },
        &mut |_| {
            seen += 1;
            ControlFlow::Continue(())
        },
    );
    answer.map(|()| seen).map_err(|fault| fault.to_string())
}

#[test]
fn no_tcp6_means_no_ipv6_but_no_tcp_is_a_fault() {
    let (_root, mut proc) = fake(&[("tcp", HEADER)]);
    assert_eq!(ask(&mut proc, Family::V4), Ok(0));
    assert_eq!(ask(&mut proc, Family::V6), Ok(0));

    let (root, mut proc) = fake(&[]);
    for family in [Family::V4, Family::V6] {
        let fault = ask(&mut proc, family).unwrap_err();
        assert!(
            fault.starts_with(&root.path().join("self/net/tcp").display().to_string()),
            "{fault}"
        );
        assert!(
            fault.contains("No such file or directory (ENOENT)"),
            "{fault}"
        );
    }
}

#[test]
fn a_directory_in_the_place_of_a_table_is_a_fault() {
    for (name, family) in [("tcp", Family::V4), ("tcp6", Family::V6)] {
        let (root, mut proc) = fake(&[]);
        std::fs::create_dir(root.path().join("self/net").join(name)).unwrap();
        let fault = ask(&mut proc, family).unwrap_err();
        assert!(fault.contains("Is a directory (EISDIR)"), "{fault}");
    }
}

#[test]
fn what_6_18_says_of_the_zoo() {
    let tcp = include_str!("../../../tests/fixtures/6.18-x86_64/tcp");
    let tcp6 = include_str!("../../../tests/fixtures/6.18-x86_64/tcp6");
    let every: Vec<u16> = (1..=u16::MAX).collect();
    let (v4, end) = seen_by(tcp.as_bytes(), &every, ByteOrder::Little);
    end.unwrap();
    assert_eq!(v4.len(), 66);
    assert_eq!(
        v4.iter()
            .filter(|listener| listener.to_string() == "0.0.0.0:1009")
            .count(),
        60
    );
    let (v6, end) = seen_by(tcp6.as_bytes(), &every, ByteOrder::Little);
    end.unwrap();
    let mut v6: Vec<_> = v6.iter().map(Listener::to_string).collect();
    v6.sort();
    let expected = [
        "[2001:db8::1]:1016",
        "[::1]:1006",
        "[::]:1004",
        "[::]:1005",
        "[::]:1018",
        "[::ffff:0.0.0.0]:1017",
        "[::ffff:127.0.0.1]:1007",
    ];
    assert_eq!(v6, expected);
}
