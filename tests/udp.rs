//! UDP: every kind of socket, from every source, and what `check`, `list` and `watch` make of it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use nix::errno::Errno;

use common::confined::{Call, Confined, folder_with_listenup};
use common::node::Node;
use common::program::listenup;
use common::sockets::listen;
use common::table::shown;
use common::udp::{TABLE, V6ONLY_MATTERS, bound, bound_with, connected, zoo};
use common::watcher::Watcher;
use common::{in_namespace, schema};

#[test]
fn every_kind_of_udp_socket_from_every_source() {
    in_namespace(|| {
        let _zoo = zoo();
        for source in ["auto", "netlink", "proc"] {
            for &(target, expected) in TABLE {
                let shown = shown(target);
                let said = listenup(&format!("check --source {source} udp:{target}"));
                if source == "proc" && V6ONLY_MATTERS.contains(&target) {
                    said.exits(1)
                        .stdout_has(&format!("udp:{shown}: could not tell: "))
                        .stdout_has("is bound, but whether it accepts IPv4 too (V6ONLY)")
                        .stderr("");
                    continue;
                }
                match expected {
                    Some(place) => said
                        .exits(0)
                        .stdout(&format!("udp:{shown}: bound to {place}\n")),
                    None => said.exits(1).says_not(&format!("udp:{shown}: not bound")),
                }
                .stderr("");
            }
        }
    });
}

#[test]
fn tcp_and_udp_in_one_check_get_separate_answers() {
    in_namespace(|| {
        let _sockets = (
            listen("0.0.0.0", 53),
            bound("0.0.0.0", 53),
            listen("0.0.0.0", 54),
            bound("0.0.0.0", 55),
        );
        for source in ["auto", "netlink", "proc"] {
            let check = format!("check --source {source}");
            listenup(&format!("{check} 53 udp:53 tcp:54 udp:127.0.0.1:55"))
                .exits(0)
                .stdout(
                    "53: listening on 0.0.0.0:53\nudp:53: bound to 0.0.0.0:53\n\
                     54: listening on 0.0.0.0:54\nudp:127.0.0.1:55: bound to 0.0.0.0:55\n",
                )
                .stderr("");
            listenup(&format!("{check} 53 udp:54 55"))
                .exits(1)
                .stdout("53: listening on 0.0.0.0:53\nudp:54: not bound\n55: not listening\n");
            listenup(&format!("{check} --absent udp:54 55"))
                .exits(0)
                .stdout("udp:54: not bound\n55: not listening\n");
            listenup(&format!("{check} --absent udp:53"))
                .exits(1)
                .stdout(
                    "udp:53: bound to 0.0.0.0:53, but --absent requires that nothing listens\n",
                );
        }
    });
}

#[test]
fn a_bound_udp_socket_is_found_by_lookup_without_a_dump() {
    in_namespace(|| {
        let _sockets = (bound("127.0.0.1", 53), bound("::1", 54));
        for (target, sent) in [
            (
                "udp:53",
                "a datagram to 127.0.0.1 port 53 would find 127.0.0.1:53",
            ),
            ("udp:54", "a datagram to ::1 port 54 would find [::1]:54"),
            (
                "udp:[::1]:54",
                "a datagram to ::1 port 54 would find [::1]:54",
            ),
        ] {
            let said = listenup(&format!("check -v {target}"))
                .exits(0)
                .stderr_has(sent);
            assert!(!said.stderr.contains("UDP over"), "{said:?}");
        }
    });
}

#[test]
fn a_socket_on_another_device_does_not_count_for_an_interface() {
    in_namespace(|| {
        let peer = Node::new();
        peer.plug("p0", "d0", &[]);
        let _socket = bound_with("0.0.0.0", 53, |socket| {
            socket.bind_device(Some(b"d0")).unwrap();
        });
        listenup("check --interface d0 udp:192.0.2.1:53")
            .exits(0)
            .stdout("udp:192.0.2.1:53: bound to 0.0.0.0:53 (device d0)\n");
        listenup("check --interface lo udp:192.0.2.1:53").exits(1);
        listenup("check udp:127.0.0.1:53").exits(1);
        listenup("check udp:53").exits(0);
        listenup("check --source proc --interface lo udp:53")
            .exits(1)
            .stdout_has("is bound, but /proc does not show to which device it is bound");
    });
}

#[test]
fn owner_requirements_work_for_udp() {
    in_namespace(|| {
        let _socket = bound("127.0.0.1", 53);
        for source in ["auto", "proc"] {
            let check = format!("check --source {source}");
            listenup(&format!("{check} --owner-user root udp:53")).exits(0);
            listenup(&format!("{check} --owner-user nobody udp:53"))
                .exits(1)
                .stdout_has("udp:53: wrong owner: ");
            listenup(&format!("{check} --owner-process nobody udp:53")).exits(1);
        }
    });
}

#[test]
fn list_shows_both_protocols_or_the_chosen_one() {
    in_namespace(|| {
        let _sockets = (
            listen("127.0.0.1", 443),
            bound("127.0.0.1", 443),
            bound("::", 53),
            connected("127.0.0.1", 54, "127.0.0.1:443"),
        );
        let rows = |words: &str| -> Vec<String> {
            let said = listenup(&format!("list {words}")).exits(0).stderr("");
            let rows = said.stdout.lines().skip(1).map(|row| {
                let words: Vec<&str> = row.split_whitespace().take(3).collect();
                words.join(" ")
            });
            rows.collect()
        };
        let (tcp, dns, quic) = ("tcp 127.0.0.1 443", "udp :: 53", "udp 127.0.0.1 443");
        for source in ["netlink", "proc"] {
            for (words, expected) in [
                ("", &[dns, tcp, quic][..]),
                ("-t -u", &[dns, tcp, quic]),
                ("-t", &[tcp]),
                ("-u", &[dns, quic]),
                ("udp:443", &[quic]),
                ("443", &[tcp]),
                ("443 udp:127.0.0.1:443", &[tcp, quic]),
            ] {
                let words = format!("--source {source} {words}");
                assert_eq!(rows(&words), expected, "{words}");
            }
        }
        listenup("list -t udp:53")
            .exits(2)
            .stdout("")
            .stderr_has("udp:53 is a target for udp, which the options leave out");
        let said = listenup("list --format json").exits(0);
        schema::document(&said.stdout, "list");
    });
}

#[test]
fn the_watch_notices_a_closed_udp_socket_by_event() {
    in_namespace(|| {
        for (address, target) in [("127.0.0.1", "udp:53"), ("::1", "udp:[::1]:53")] {
            let socket = bound(address, 53);
            let watcher = Watcher::start(&format!("--every 1h {target}"));
            assert_eq!(watcher.says(), "0");
            // Nothing of these is about the target.
            drop(connected("127.0.0.1", 54, "127.0.0.1:53"));
            drop(bound("127.0.0.1", 55));
            drop(socket);
            watcher.await_value("1");
            let said = watcher.end();
            assert!(said.stdout.contains("ms after the event)"), "{said:?}");
        }
    });
}

const NO_NETLINK: &str = "sock_diag: socket: Operation not permitted (EPERM)";
const NO_PROC: &str = "/proc/self/net/udp: cannot be opened: No such file or directory (ENOENT)";

#[test]
fn refused_sources_are_could_not_tell_and_never_not_bound() {
    in_namespace(|| {
        let _sockets = (bound("127.0.0.1", 53), bound("::1", 54));
        let root = folder_with_listenup();
        let no_sock_diag = || Confined::listenup().without(Call::NetlinkSocket, Errno::EPERM);
        let no_proc = || Confined::listenup_in_root(root.path());
        let neither = || no_proc().without(Call::NetlinkSocket, Errno::EPERM);
        let program = root.path().join("listenup");
        let nobody = || Confined::new(&program).by_nobody();
        type Maker<'a> = &'a dyn Fn() -> Confined;
        let tells: [(&str, Maker<'_>); 5] = [
            ("auto", &no_sock_diag),
            ("proc", &no_sock_diag),
            ("auto", &no_proc),
            ("netlink", &nobody),
            ("proc", &nobody),
        ];
        for (source, confined) in tells {
            let check = format!("check --timeout 10s --source {source}");
            for (target, place) in [("udp:53", "127.0.0.1:53"), ("udp:54", "[::1]:54")] {
                confined()
                    .run(&format!("{check} {target}"))
                    .exits(0)
                    .stdout(&format!("{target}: bound to {place}\n"))
                    .stderr("");
            }
            confined()
                .run(&format!("{check} --on-unknown up udp:80"))
                .exits(1)
                .stdout("udp:80: not bound\n")
                .stderr("");
        }
        let both = format!("{NO_NETLINK}; {NO_PROC}");
        let silent: [(&str, &str, Maker<'_>); 3] = [
            ("netlink", NO_NETLINK, &no_sock_diag),
            ("proc", NO_PROC, &no_proc),
            ("auto", &both, &neither),
        ];
        for (source, why, confined) in silent {
            for target in ["udp:53", "udp:54", "udp:80"] {
                for (options, code) in [("", 1), ("--on-unknown up", 0)] {
                    let line = format!("check --timeout 10s --source {source} {options} {target}");
                    confined()
                        .run(&line)
                        .exits(code)
                        .stdout(&format!("{target}: could not tell: {why}\n"))
                        .stderr("");
                }
            }
        }
    });
}

#[test]
fn the_doctor_says_which_targets_are_bound() {
    in_namespace(|| {
        let _socket = bound("127.0.0.1", 53);
        let said = listenup("doctor udp:53 udp:54");
        said.stdout_has("ok       udp:53 is bound to 127.0.0.1:53 [LU611]\n")
            .stdout_has("failing  udp:54 is not bound: a check for it would fail now [LU613]\n");
    });
}
