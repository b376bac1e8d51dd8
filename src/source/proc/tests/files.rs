//! A /proc of our own: files that are missing, unreadable or too dear to read.

use std::ops::ControlFlow;
use std::time::Duration;

use super::{HEADER, row, seen_of};
use crate::clock::{Deadline, fake::FakeClock};
use crate::domain::{Family, Protocol};
use crate::source::proc::rows::Stride;
use crate::source::proc::{Pass, Proc};
use crate::source::{ByteOrder, Ports, Query, Source};

/// A root with these files in self/net.
fn fake(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let net = root.path().join("self/net");
    std::fs::create_dir_all(&net).unwrap();
    for (name, text) in files {
        std::fs::write(net.join(name), text).unwrap();
    }
    root
}

/// How many listeners on 443 it shows.
fn ask(proc: &mut Proc, family: Family) -> Result<usize, String> {
    ask_of(proc, Protocol::Tcp, family)
}

fn ask_of(proc: &mut Proc, protocol: Protocol, family: Family) -> Result<usize, String> {
    let clock = FakeClock::default();
    let deadline = Deadline::new(&clock, Duration::from_millis(500));
    let mut seen = 0;
    let answer = proc.listeners(
        Query {
            protocol,
            family,
            ports: Ports::These(&[443]),
            deadline,
        },
        &mut |_| {
            seen += 1;
            ControlFlow::Break(())
        },
    );
    answer.map(|()| seen).map_err(|fault| fault.to_string())
}

#[test]
fn a_missing_tcp6_means_no_ipv6_and_a_missing_tcp_is_an_error() {
    let root = fake(&[("tcp", HEADER)]);
    let mut proc = Proc::new(root.path());
    assert_eq!(ask(&mut proc, Family::V4), Ok(0));
    assert_eq!(ask(&mut proc, Family::V6), Ok(0));

    let root = fake(&[]);
    let mut proc = Proc::new(root.path());
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
fn an_ipv6_table_that_exists_and_cannot_be_opened_is_an_error() {
    let root = fake(&[("tcp", HEADER)]);
    assert_eq!(ask(&mut Proc::new(root.path()), Family::V6), Ok(0));
    let tcp6 = root.path().join("self/net/tcp6");
    std::os::unix::fs::symlink("tcp6", &tcp6).unwrap();
    let fault = ask(&mut Proc::new(root.path()), Family::V6).unwrap_err();
    assert!(fault.contains("ELOOP"), "{fault}");
}

#[test]
fn a_directory_in_place_of_a_table_is_an_error() {
    for (name, family) in [("tcp", Family::V4), ("tcp6", Family::V6)] {
        let root = fake(&[]);
        std::fs::create_dir(root.path().join("self/net").join(name)).unwrap();
        let fault = ask(&mut Proc::new(root.path()), family).unwrap_err();
        assert!(fault.contains("Is a directory (EISDIR)"), "{fault}");
    }
}

#[test]
fn the_cross_check_is_left_out_if_sockstat_counts_too_many_sockets() {
    let table = HEADER.to_owned() + &row(0, "00000000:01BB", "0A");
    let few = "TCP: inuse 1 orphan 0 tw 0 alloc 1 mem 1\n";
    let many = "TCP: inuse 1 orphan 0 tw 2000000 alloc 2000000 mem 1\n";
    for (sockstat, seen) in [(few, Some(1)), (many, None), ("unknown\n", Some(1))] {
        let root = fake(&[("tcp", &table), ("sockstat", sockstat)]);
        let mut opinion = Proc::cross_check(root.path());
        match seen {
            Some(seen) => assert_eq!(ask(&mut opinion, Family::V4), Ok(seen)),
            None => {
                let fault = ask(&mut opinion, Family::V4).unwrap_err();
                assert!(fault.contains("counts too many sockets"), "{fault}");
            }
        }
        // Who is the source itself reads all the same.
        assert_eq!(ask(&mut Proc::new(root.path()), Family::V4), Ok(1));
    }
}

#[test]
fn the_udp_cross_check_uses_the_count_of_its_family() {
    let table = [UDP, &udp_row("00000000:01BB", "07")].concat();
    for (sockstat, sockstat6, seen) in [
        (
            "UDP: inuse 1 mem 0\n",
            "UDP6: inuse 100000\n",
            [true, false],
        ),
        (
            "UDP: inuse 100000 mem 0\n",
            "UDP6: inuse 1\n",
            [false, true],
        ),
    ] {
        let root = fake(&[
            ("udp", &table),
            ("udp6", UDP),
            ("sockstat", sockstat),
            ("sockstat6", sockstat6),
        ]);
        let mut opinion = Proc::cross_check(root.path());
        let answers = [Family::V4, Family::V6]
            .map(|family| ask_of(&mut opinion, Protocol::Udp, family).is_ok());
        assert_eq!(answers, seen);
    }
}

/// A table as 6.18 writes it, of which the rows are padded to 128 bytes.
const UDP: &str = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops             \n";

fn udp_row(local: &str, state: &str) -> String {
    let row = format!(
        "  999: {local} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000     0        0 4242 2 00000000db762728 17"
    );
    format!("{row:127}\n")
}

#[test]
fn udp_is_read_from_its_own_tables() {
    let table = [UDP, &udp_row("00000000:01BB", "07")].concat();
    let root = fake(&[("tcp", HEADER), ("udp", &table)]);
    let mut proc = Proc::new(root.path());
    assert_eq!(ask_of(&mut proc, Protocol::Udp, Family::V4), Ok(1));
    assert_eq!(ask_of(&mut proc, Protocol::Udp, Family::V6), Ok(0));
    assert_eq!(ask(&mut proc, Family::V4), Ok(0));

    let root = fake(&[("tcp", HEADER), ("tcp6", HEADER)]);
    let mut proc = Proc::new(root.path());
    for family in [Family::V4, Family::V6] {
        let fault = ask_of(&mut proc, Protocol::Udp, family).unwrap_err();
        assert!(fault.contains("self/net/udp: cannot be opened"), "{fault}");
    }
}

#[test]
fn a_udp_table_is_read_to_its_end_and_shows_unconnected_sockets() {
    let mut table = UDP.to_owned();
    for _ in 0..100 {
        table += &udp_row("0100007F:01BB", "01");
    }
    table += &udp_row("00000000:0050", "07");
    table += &udp_row("0100007F:01BB", "01");
    table += &udp_row("0100007F:01BB", "07");
    for stride in [Stride::Row, Stride::Page] {
        let (seen, end) = seen_of(
            Protocol::Udp,
            table.as_bytes(),
            stride,
            &[443],
            ByteOrder::Little,
        );
        assert_eq!(end, Ok(Pass::Incomplete));
        let [listener] = &seen[..] else {
            panic!("{seen:?}")
        };
        assert_eq!(listener.to_string(), "127.0.0.1:443");
        assert_eq!(
            (listener.protocol, listener.drops, listener.inode),
            (Protocol::Udp, Some(17), Some(4242))
        );
    }
}
