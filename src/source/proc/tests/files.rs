//! A /proc of our own: files that are missing, unreadable or too dear to read.

use std::ops::ControlFlow;
use std::time::Duration;

use super::{HEADER, row};
use crate::clock::{Deadline, fake::FakeClock};
use crate::domain::Family;
use crate::source::proc::Proc;
use crate::source::{Ports, Question, Source};

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
    let clock = FakeClock::default();
    let deadline = Deadline::new(&clock, Duration::from_millis(500));
    let mut seen = 0;
    let answer = proc.listeners(
        Question {
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
fn no_tcp6_means_no_ipv6_but_no_tcp_is_a_fault() {
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
fn a_directory_in_the_place_of_a_table_is_a_fault() {
    for (name, family) in [("tcp", Family::V4), ("tcp6", Family::V6)] {
        let root = fake(&[]);
        std::fs::create_dir(root.path().join("self/net").join(name)).unwrap();
        let fault = ask(&mut Proc::new(root.path()), family).unwrap_err();
        assert!(fault.contains("Is a directory (EISDIR)"), "{fault}");
    }
}

#[test]
fn a_second_opinion_is_left_out_where_sockstat_counts_too_many_sockets() {
    let table = HEADER.to_owned() + &row(0, "00000000:01BB", "0A");
    let few = "TCP: inuse 1 orphan 0 tw 0 alloc 1 mem 1\n";
    let many = "TCP: inuse 1 orphan 0 tw 2000000 alloc 2000000 mem 1\n";
    for (sockstat, seen) in [(few, Some(1)), (many, None), ("unknown\n", Some(1))] {
        let root = fake(&[("tcp", &table), ("sockstat", sockstat)]);
        let mut opinion = Proc::second_opinion(root.path());
        match seen {
            Some(seen) => assert_eq!(ask(&mut opinion, Family::V4), Ok(seen)),
            None => {
                let fault = ask(&mut opinion, Family::V4).unwrap_err();
                assert!(fault.contains("counts so many sockets"), "{fault}");
            }
        }
        // Who is the source itself reads all the same.
        assert_eq!(ask(&mut Proc::new(root.path()), Family::V4), Ok(1));
    }
}
