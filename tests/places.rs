//! `--netns`, and `--absent`.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::time::Duration;

use nix::errno::Errno;

use common::confined::{Call, Confined, folder_with_listenup};
use common::node::Node;
use common::program::{listenup, sh};
use common::service::Service;
use common::sockets::{listen, listen_with};
use common::{in_namespace, ip};

/// A namespace with a name. It goes with this value.
struct Named(String);

impl Named {
    fn new() -> Self {
        Self::called(&format!("listenup-test-{}", std::process::id()))
    }

    fn called(name: &str) -> Self {
        ip(&format!("netns add {name}"));
        Self(name.to_owned())
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        ip(&format!("netns delete {}", self.0));
    }
}

#[test]
fn a_namespace_can_be_given_by_path_name_and_process() {
    in_namespace(|| {
        let node = Node::new();
        let service = node.run(|| Service::on(&["127.0.0.1:8443"]));
        let named = Named::new();
        let by_process = service.pid().to_string();
        for source in ["auto", "netlink", "proc"] {
            let check = |netns: &str| {
                listenup(&format!(
                    "check --timeout 5s --source {source} {netns} 8443"
                ))
            };
            check("").exits(1).stdout("8443: not listening\n");
            for netns in [node.path(), &by_process] {
                check(&format!("--netns {netns}"))
                    .exits(0)
                    .stdout("8443: listening on 127.0.0.1:8443\n")
                    .stderr("");
            }
            check(&format!("--netns {}", named.0))
                .exits(1)
                .stdout("8443: not listening\n")
                .stderr("");
        }
        listenup(&format!("list --netns {by_process} 8443")).exits(0);
    });
}

#[test]
fn a_missing_name_is_wrong_usage_and_never_up() {
    in_namespace(|| {
        let _socket = listen("127.0.0.1", 8443);
        for (option, why) in [
            (
                "--netns no-such-name",
                "the network namespace /var/run/netns/no-such-name cannot be opened: \
                 No such file or directory (ENOENT)",
            ),
            (
                "--netns /etc/passwd",
                "the network namespace /etc/passwd cannot be entered: Invalid argument (EINVAL)",
            ),
            (
                "--netns 4194304",
                "the network namespace /proc/4194304/ns/net cannot be opened: \
                 No such file or directory (ENOENT)",
            ),
            (
                "--interface eht0",
                "there is no interface eht0: No such device (ENODEV)",
            ),
            ("--owner-user hapoxy", "/etc/passwd has no user hapoxy"),
            ("--owner-user 4294967296", "4294967296 is not a user number"),
        ] {
            for port in [8443, 8444] {
                for (codes, code) in [("keepalived", 1), ("nagios", 3), ("distinct", 1)] {
                    listenup(&format!(
                        "check --on-unknown up --exit-codes {codes} {option} {port}"
                    ))
                    .exits(code)
                    .stdout("")
                    .stderr(&format!("listenup: wrong usage: {why}\n"));
                }
                listenup(&format!(
                    "check -q --on-unknown up --format nagios {option} {port}"
                ))
                .exits(3)
                .stdout(&format!("LISTENUP UNKNOWN - wrong usage: {why}\n"));
            }
        }
    });
}

#[test]
fn a_namespace_that_cannot_be_entered_is_could_not_tell() {
    in_namespace(|| {
        let _socket = listen("127.0.0.1", 8443);
        let said = |why: &str| format!("8443: could not tell: the network namespace {why}\n");
        let folder = folder_with_listenup();
        let itself = "/proc/self/ns/net";
        Confined::new(folder.path().join("listenup"))
            .by_nobody()
            .run(&format!(
                "check --exit-codes distinct --netns {itself} 8443"
            ))
            .exits(3)
            .stdout(&said(
                "/proc/self/ns/net cannot be entered: Operation not permitted (EPERM)",
            ));
        listenup("list --netns no-such-name").exits(2).stdout("");
    });
}

#[test]
fn an_ambiguous_namespace_number_is_refused() {
    in_namespace(|| {
        let pid = std::process::id();
        let _named = Named::called(&pid.to_string());
        listenup(&format!("check --exit-codes nagios --netns {pid} 8443"))
            .exits(3)
            .stderr(&format!(
                "listenup: wrong usage: the network namespace could be /proc/{pid}/ns/net or \
                 /var/run/netns/{pid}: name it by its path\n"
            ));
        listenup(&format!("check --netns /var/run/netns/{pid} --absent 8443")).exits(0);
    });
}

#[test]
fn a_fifo_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fifo");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRUSR).unwrap();
    let path = path.display();
    sh(&format!(
        r#"exec timeout 10 "$0" check --exit-codes nagios --netns {path} 8443"#
    ))
    .exits(3);
}

#[test]
fn an_interface_that_cannot_be_looked_up_is_could_not_tell() {
    // glibc says ENOENT, musl EMFILE.
    sh(r#"ulimit -n 3; exec "$0" check --interface lo 443"#)
        .exits(1)
        .stdout_has("443: could not tell: the interface lo cannot be looked up: ");
}

#[test]
fn an_interface_with_an_unknown_vrf_is_could_not_tell() {
    in_namespace(|| {
        let _listener = listen_with("127.0.0.1", 443, |_| {});
        for target in ["443", "80", "127.0.0.1:443"] {
            Confined::listenup()
                .without(Call::NetlinkSocket, Errno::EPERM)
                .run(&format!("check --exit-codes distinct --interface lo {target}"))
                .exits(3)
                .stdout(&format!(
                    "{target}: could not tell: whether the interface lo belongs to a VRF or a bridge cannot be looked up: \
                     rtnetlink: socket: Operation not permitted (EPERM)\n"
                ));
        }
    });
}

#[test]
fn a_port_of_a_bridge_counts_as_the_bridge() {
    in_namespace(|| {
        second_device();
        ip("link add port type veth peer name cable");
        ip("link set port master va");
        let _any = listen_with("0.0.0.0", 443, |_| {});
        let _va = listen_with("0.0.0.0", 444, |socket| {
            socket.bind_device(Some(b"va")).unwrap()
        });
        for (device, any, va) in [("va", 0, 0), ("port", 0, 0), ("cable", 0, 1), ("lo", 0, 1)] {
            for (port, code) in [(443, any), (444, va)] {
                listenup(&format!(
                    "check --exit-codes distinct --interface {device} {port}"
                ))
                .exits(code)
                .stderr("");
            }
        }
    });
}

/// A device that is up, beside lo.
fn second_device() {
    ip("link add va type bridge");
    ip("address add 192.0.2.1/24 dev va");
    ip("link set va up");
}

#[test]
fn a_listener_on_another_device_does_not_serve_a_loopback_address() {
    in_namespace(|| {
        second_device();
        let on = |device: &'static str| {
            move |socket: &socket2::Socket| socket.bind_device(Some(device.as_bytes())).unwrap()
        };
        let _va = [
            listen_with("0.0.0.0", 444, on("va")),
            listen_with("::", 445, on("va")),
        ];
        let _lo = [
            listen_with("0.0.0.0", 446, on("lo")),
            listen_with("::", 447, on("lo")),
        ];
        for (target, code) in [
            ("127.0.0.1:444", 1),
            ("127.9.9.9:444", 1),
            ("192.0.2.1:444", 0),
            ("444", 0),
            ("[::1]:445", 1),
            ("127.0.0.1:445", 1),
            ("127.0.0.1:446", 0),
            ("[::1]:447", 0),
            ("--interface va 192.0.2.1:444", 0),
            ("--interface va 127.0.0.1:444", 1),
            ("--interface va 127.0.0.1:446", 0),
        ] {
            for source in ["auto", "netlink"] {
                listenup(&format!(
                    "check --exit-codes distinct --source {source} {target}"
                ))
                .exits(code)
                .stderr("");
            }
        }
        // Only a connection to an address that lo has comes in there.
        listenup("check --exit-codes distinct 192.0.2.1:446")
            .exits(3)
            .stdout_has("0.0.0.0:446 listens on lo, but whether the address is on lo is unknown");
    });
}

#[test]
fn absent_succeeds_when_nothing_listens() {
    in_namespace(|| {
        let _socket = listen("127.0.0.1", 443);
        for (line, keepalived, nagios, distinct) in [
            ("80", 0, 0, 0),
            ("443", 1, 2, 1),
            ("80 443", 1, 2, 1),
            ("--any 80 443", 0, 0, 0),
            ("127.0.0.2:443", 0, 0, 0),
        ] {
            for (set, code) in [
                ("keepalived", keepalived),
                ("nagios", nagios),
                ("distinct", distinct),
            ] {
                listenup(&format!("check --absent --exit-codes {set} {line}")).exits(code);
            }
        }
    });
}

#[test]
fn could_not_tell_does_not_count_as_absent() {
    in_namespace(|| {
        for (set, code) in [("keepalived", 1), ("nagios", 3), ("distinct", 3)] {
            sh(&format!(
                r#"ulimit -n 3; exec "$0" check --absent --exit-codes {set} 80"#
            ))
            .exits(code)
            .stdout_has("80: could not tell: ");
            let _dual = listen("::", 444);
            listenup(&format!(
                "check --absent --source proc --exit-codes {set} 127.0.0.1:444"
            ))
            .exits(code)
            .stdout_has("127.0.0.1:444: could not tell: ");
        }
    });
}

#[test]
fn absent_waits_for_a_listener_to_close() {
    in_namespace(|| {
        let socket = listen("127.0.0.1", 443);
        let closing = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(200));
            drop(socket);
        });
        listenup("check --absent --retry-for 10s --timeout 20s 443")
            .exits(0)
            .stdout("443: not listening\n");
        closing.join().unwrap();
    });
}
