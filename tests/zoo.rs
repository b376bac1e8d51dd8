//! Every kind of socket, asked for in every way, from every source.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::time::Duration;

use common::program::listenup;
use common::sockets::Zoo;
use common::{in_namespace, proc_root};
use listenup::clock::{SystemClock, TimeLimit};
use listenup::domain::Family;
use listenup::source::{Ports, Question, Source, netlink::Netlink, proc::Proc};

/// What is expected of a target: where it listens, or nowhere.
type Row = (&'static str, Option<&'static str>);

const TABLE: &[Row] = &[
    // 0.0.0.0
    ("1001", Some("0.0.0.0:1001")),
    ("*:1001", Some("0.0.0.0:1001")),
    ("127.0.0.1:1001", Some("0.0.0.0:1001")),
    ("198.51.100.7:1001", Some("0.0.0.0:1001")), // not assigned here, like the VIP on a BACKUP node
    ("0.0.0.0:1001", Some("0.0.0.0:1001")),
    ("[::]:1001", None),
    ("[::1]:1001", None),
    ("[::ffff:127.0.0.1]:1001", Some("0.0.0.0:1001")),
    // 127.0.0.1
    ("1002", Some("127.0.0.1:1002")),
    ("127.0.0.1:1002", Some("127.0.0.1:1002")),
    ("127.0.0.2:1002", None),
    ("0.0.0.0:1002", None),
    ("[::1]:1002", None),
    // 192.0.2.1
    ("1003", Some("192.0.2.1:1003")),
    ("192.0.2.1:1003", Some("192.0.2.1:1003")),
    ("192.0.2.2:1003", None),
    ("127.0.0.1:1003", None),
    ("0.0.0.0:1003", None),
    // [::], dual-stack
    ("1004", Some("[::]:1004")),
    ("127.0.0.1:1004", Some("[::]:1004")),
    ("198.51.100.7:1004", Some("[::]:1004")),
    ("0.0.0.0:1004", Some("[::]:1004")),
    ("[::]:1004", Some("[::]:1004")),
    ("[2001:db8::7]:1004", Some("[::]:1004")),
    // [::], V6ONLY
    ("1005", Some("[::]:1005")),
    ("127.0.0.1:1005", None),
    ("0.0.0.0:1005", None),
    ("[::]:1005", Some("[::]:1005")),
    ("[::1]:1005", Some("[::]:1005")),
    // [::1]
    ("1006", Some("[::1]:1006")),
    ("[::1]:1006", Some("[::1]:1006")),
    ("[2001:db8::1]:1006", None),
    ("[::]:1006", None),
    ("127.0.0.1:1006", None),
    // [::ffff:127.0.0.1]
    ("1007", Some("[::ffff:127.0.0.1]:1007")),
    ("127.0.0.1:1007", Some("[::ffff:127.0.0.1]:1007")),
    ("127.0.0.2:1007", None),
    ("[::1]:1007", None),
    ("[::]:1007", None),
    ("0.0.0.0:1007", None),
    // 60 SO_REUSEPORT members, a backlog of 0
    ("1009", Some("0.0.0.0:1009")),
    ("127.0.0.1:1009", Some("0.0.0.0:1009")),
    ("1010", Some("127.0.0.1:1010")),
    // Bound only, shut down, UDP, TIME_WAIT, the local port of an outgoing connection, nothing at all
    ("1011", None),
    ("0.0.0.0:1011", None),
    ("1012", None),
    ("1013", None),
    ("1014", None),
    ("127.0.0.1:1014", None),
    ("1015", None),
    ("127.0.0.1:1015", None),
    ("1099", None),
    // [2001:db8::1], [::ffff:0.0.0.0]
    ("1016", Some("[2001:db8::1]:1016")),
    ("[2001:db8::1]:1016", Some("[2001:db8::1]:1016")),
    ("[2001:db8::2]:1016", None),
    ("1017", Some("[::ffff:0.0.0.0]:1017")),
    ("127.0.0.1:1017", Some("[::ffff:0.0.0.0]:1017")),
    ("0.0.0.0:1017", Some("[::ffff:0.0.0.0]:1017")),
    ("[::1]:1017", None),
    // The port is a number: 80 is not 8080, nor 108, 100 or 10080.
    ("8080", Some("0.0.0.0:8080")),
    ("80", None),
    ("808", None),
    ("18080", None),
    ("100", None),
];

/// IPv4 targets that only a `[::]` serves, if it does: /proc cannot tell V6ONLY.
const V6ONLY_MATTERS: &[&str] = &[
    "127.0.0.1:1004",
    "198.51.100.7:1004",
    "0.0.0.0:1004",
    "127.0.0.1:1005",
    "0.0.0.0:1005",
];

#[test]
fn every_kind_of_socket_from_every_source() {
    in_namespace(|| {
        let _zoo = Zoo::open();
        for source in ["auto", "netlink", "proc"] {
            for &(target, expected) in TABLE {
                let shown = target
                    .trim_start_matches("*:")
                    .replace("[::ffff:127.0.0.1]", "127.0.0.1");
                let said = listenup(&format!("check --source {source} {target}"));
                if source == "proc" && V6ONLY_MATTERS.contains(&target) {
                    said.exits(1)
                        .stdout(&format!("{shown}: could not tell\n"))
                        .stderr_has("V6ONLY");
                    continue;
                }
                match expected {
                    Some(place) => said
                        .exits(0)
                        .stdout(&format!("{shown}: listening on {place}\n")),
                    None => said.exits(1).stdout(&format!("{shown}: not listening\n")),
                }
                .stderr("");
            }
        }
    });
}

#[test]
fn a_device_bound_listener_counts_for_its_port_and_sock_diag_names_the_device() {
    in_namespace(|| {
        let _zoo = Zoo::open();
        for (target, place) in [
            ("1008", "0.0.0.0:1008"),
            ("127.0.0.1:1008", "0.0.0.0:1008"),
            ("1018", "[::]:1018"),
        ] {
            for (source, device) in [
                ("auto", " (device lo)"),
                ("netlink", " (device lo)"),
                ("proc", ""),
            ] {
                listenup(&format!("check --source {source} {target}"))
                    .exits(0)
                    .stdout(&format!("{target}: listening on {place}{device}\n"))
                    .stderr("");
            }
        }
    });
}

#[test]
fn both_sources_show_the_same_listeners() {
    in_namespace(|| {
        let _zoo = Zoo::open();
        let root = proc_root();
        let (mut netlink, mut proc) = (Netlink::new(), Proc::new(root.path()));
        let clock = SystemClock::start();
        let limit = TimeLimit::new(&clock, Duration::from_secs(10));
        let ports: Vec<u16> = (1..=2000).chain([8080]).collect();
        for (family, count) in [(Family::V4, 7), (Family::V6, 7)] {
            let question = Question {
                family,
                ports: Ports::These(&ports),
                limit,
            };
            let (kernel, table) = (
                collect(&mut netlink, question),
                collect(&mut proc, question),
            );
            assert_eq!(kernel, table);
            assert_eq!(kernel.len(), count, "{kernel:#?}");
        }
    });
}

/// What a source shows, without what /proc does not know; it may show a listener more than once.
fn collect(source: &mut dyn Source, question: Question<'_>) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    let answer = source.listeners(question, &mut |listener| {
        all.insert(listener.to_string());
        ControlFlow::Continue(())
    });
    answer.unwrap();
    all
}

#[test]
fn many_targets_share_a_look_and_each_gets_its_own_answer() {
    in_namespace(|| {
        let _zoo = Zoo::open();
        let sure: Vec<_> = TABLE
            .iter()
            .filter(|(target, _)| !V6ONLY_MATTERS.contains(target))
            .collect();
        let words: Vec<_> = sure.iter().map(|(target, _)| *target).collect();
        let up = sure.iter().filter(|(_, place)| place.is_some()).count();
        for source in ["auto", "netlink", "proc"] {
            let common = format!("check --source {source} {}", words.join(" "));
            let said = listenup(&format!("{common} --at-least {up}"))
                .exits(0)
                .stderr("");
            let listening = said
                .stdout
                .lines()
                .filter(|line| line.contains(": listening on "))
                .count();
            let not = said
                .stdout
                .lines()
                .filter(|line| line.ends_with(": not listening"))
                .count();
            assert_eq!((listening, not), (up, sure.len() - up), "{}", said.stdout);
            listenup(&format!("{common} --at-least {}", up + 1)).exits(1);
        }
    });
}

#[test]
fn a_filter_of_thousands_of_ports_is_still_exact() {
    in_namespace(|| {
        let _zoo = Zoo::open();
        let ports: Vec<String> = (1..=5000).map(|port| port.to_string()).collect();
        let said = listenup(&format!("check --source netlink {} --any", ports.join(" "))).exits(0);
        let listening = said
            .stdout
            .lines()
            .filter(|line| line.contains(": listening on "))
            .count();
        assert_eq!(listening, 13, "the ports of the zoo's listeners below 5000");
    });
}
