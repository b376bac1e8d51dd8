//! Every kind of socket, asked for in every way, from every source.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;

use common::program::{ProgramOutput, listenup};
use common::sockets::Zoo;
use common::table::{ON_A_DEVICE, TABLE, V6ONLY_MATTERS, listeners, shown};
use common::{in_namespace, proc_root};
use listenup::domain::Family;
use listenup::source::{netlink::Netlink, proc::Proc};

#[test]
fn every_kind_of_socket_from_every_source() {
    in_namespace(|| {
        let _zoo = Zoo::open();
        for source in ["auto", "netlink", "proc"] {
            for &(target, expected) in TABLE {
                let shown = shown(target);
                let said = listenup(&format!("check --source {source} {target}"));
                if source == "proc" && V6ONLY_MATTERS.contains(&target) {
                    said.exits(1)
                        .stdout_has(&format!("{shown}: could not tell: "))
                        .stdout_has("V6ONLY")
                        .stderr("");
                    continue;
                }
                match expected {
                    Some(place) => said
                        .exits(0)
                        .stdout(&format!("{shown}: listening on {place}\n")),
                    None => said.exits(1).says_not(&format!("{shown}: not listening")),
                }
                .stderr("");
            }
        }
    });
}

#[test]
fn a_listener_on_a_device_counts_for_its_port_and_is_shown_with_the_device() {
    in_namespace(|| {
        let _zoo = Zoo::open();
        for (target, place) in ON_A_DEVICE {
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
        for (family, count) in [(Family::V4, 7), (Family::V6, 7)] {
            let (kernel, table) = (
                listeners(&mut netlink, family),
                listeners(&mut proc, family),
            );
            assert_eq!(kernel, table);
            assert_eq!(kernel.len(), count, "{kernel:#?}");
        }
    });
}

#[test]
fn many_targets_share_a_look_with_separate_answers() {
    in_namespace(|| {
        let _zoo = Zoo::open();
        for source in ["auto", "netlink", "proc"] {
            // Two spellings of one target are one target.
            let sure: BTreeMap<_, _> = TABLE
                .iter()
                .filter(|(target, _)| source != "proc" || !V6ONLY_MATTERS.contains(target))
                .map(|&(target, place)| (shown(target), place))
                .collect();
            let words: Vec<_> = sure.keys().map(String::as_str).collect();
            let up = sure.values().filter(|place| place.is_some()).count();
            let common = format!("check --source {source} {}", words.join(" "));
            let counts = |said: &ProgramOutput| {
                let lines = said.stdout.lines();
                let listening = lines
                    .clone()
                    .filter(|line| line.contains(": listening on "));
                (
                    listening.count(),
                    lines
                        .filter(|line| line.contains(": not listening"))
                        .count(),
                )
            };
            let enough = listenup(&format!("{common} --at-least {up}"))
                .exits(0)
                .stderr("");
            assert_eq!(counts(&enough).0, up, "{}", enough.stdout);
            let too_few = listenup(&format!("{common} --at-least {}", up + 1)).exits(1);
            let expected = (up, sure.len() - up);
            assert_eq!(counts(&too_few), expected, "{}", too_few.stdout);
        }
    });
}

#[test]
fn a_filter_of_a_thousand_ports_is_exact() {
    in_namespace(|| {
        let _zoo = Zoo::open();
        let ports: Vec<String> = (19..=1018).map(|port| port.to_string()).collect();
        let said = listenup(&format!(
            "check --source netlink {} --at-least 13",
            ports.join(" ")
        ))
        .exits(0);
        let listening = said
            .stdout
            .lines()
            .filter(|line| line.contains(": listening on "))
            .count();
        assert_eq!(listening, 13, "the ports of the zoo's listeners");
    });
}
