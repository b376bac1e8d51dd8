//! Listeners that connections find or not, against what connect(2) and a datagram really do.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

use common::bpf::Steering;
use common::confined::{Confined, folder_with_listenup};
use common::node::Node;
use common::program::{LISTENUP, listenup};
use common::sockets::{listen, listen_with};
use common::udp::bound_with;
use common::watcher::Watcher;
use common::{in_namespace, ip};

/// Whether a connection from this thread's namespace is accepted.
fn connects(to: &str) -> bool {
    let to: SocketAddr = to.parse().unwrap();
    TcpStream::connect_timeout(&to, Duration::from_secs(2)).is_ok()
}

fn on(device: &'static [u8]) -> impl Fn(&Socket) {
    move |socket| socket.bind_device(Some(device)).unwrap()
}

/// A device that is one end of a pair, with the address 192.0.2.1.
fn make_device() {
    ip("link add d0 type veth peer name p0");
    ip("address add 192.0.2.1/24 dev d0");
    ip("link set d0 up");
    ip("link set p0 up");
}

#[test]
fn a_listener_whose_device_is_gone_does_not_listen() {
    for comes_back in [false, true] {
        in_namespace(move || {
            make_device();
            let _tcp = listen_with("0.0.0.0", 443, on(b"d0"));
            let _udp = bound_with("0.0.0.0", 53, on(b"d0"));
            let index = nix::net::if_::if_nametoindex("d0").unwrap();
            for source in ["auto", "sock_diag"] {
                listenup(&format!("check --source {source} 443 192.0.2.1:443 udp:53")).exits(0);
            }
            ip("link delete d0");
            if comes_back {
                make_device();
            }
            assert!(!connects("192.0.2.1:443"));
            for source in ["auto", "sock_diag"] {
                for (target, listens) in [
                    ("443", "0.0.0.0:443 is bound"),
                    ("192.0.2.1:443", "0.0.0.0:443 is bound"),
                    ("udp:53", "0.0.0.0:53 is bound"),
                    ("udp:192.0.2.1:53", "0.0.0.0:53 is bound"),
                ] {
                    listenup(&format!("check --source {source} {target}"))
                        .exits(1)
                        .stdout_has(&format!(
                            "{listens} to device number {index}, which is gone\n"
                        ));
                }
                listenup(&format!("check --source {source} --absent 443")).exits(0);
                listenup(&format!("check --source {source} --owner-user root 443")).exits(1);
            }
            listenup("list -t").stdout_has(&format!("number {index} (gone)"));
        });
    }
}

#[test]
fn a_listener_whose_device_went_to_another_namespace_does_not_listen() {
    in_namespace(|| {
        make_device();
        let _tcp = listen_with("0.0.0.0", 443, on(b"d0"));
        listenup("check 443").exits(0);
        let other = Node::new();
        ip(&format!("link set d0 netns {}", other.path()));
        listenup("check 443").exits(1);
    });
}

#[test]
fn the_watch_says_down_when_the_device_of_the_listener_goes() {
    in_namespace(|| {
        make_device();
        let _tcp = listen_with("0.0.0.0", 443, on(b"d0"));
        let watcher = Watcher::start("--every 50ms 443");
        watcher.await_value("0");
        ip("link delete d0");
        watcher.await_value("1");
    });
}

/// A neighbour with 192.0.2.2 on the other end of `d0`, which has 192.0.2.1.
fn neighbour() -> Node {
    let peer = Node::new();
    peer.plug("p0", "d0", &["192.0.2.2/24"]);
    ip("address add 192.0.2.1/24 dev d0");
    ip("link set d0 up");
    peer
}

#[track_caller]
fn await_connect(peer: &Node, expected: bool) {
    await_connect_to(peer, "192.0.2.1:443", expected);
}

#[track_caller]
fn await_connect_to(peer: &Node, to: &'static str, expected: bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while peer.run(move || connects(to)) != expected {
        assert!(Instant::now() < deadline, "it never becomes {expected}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_listener_on_a_port_of_a_bridge_does_not_listen_and_one_on_the_bridge_does() {
    in_namespace(|| {
        let (master, kind) = ("br0", "bridge");
        let peer = neighbour();
        let _on_port = listen_with("0.0.0.0", 443, on(b"d0"));
        await_connect(&peer, true);
        ip(&format!("link add {master} type {kind}"));
        ip("address del 192.0.2.1/24 dev d0");
        ip("link set d0 down");
        ip(&format!("link set d0 master {master}"));
        ip(&format!("address add 192.0.2.1/24 dev {master}"));
        ip(&format!("link set {master} up"));
        ip("link set d0 up");
        await_connect(&peer, false);
        for line in [
            "443",
            "192.0.2.1:443",
            "--interface d0 443",
            &format!("--interface {master} 443"),
        ] {
            listenup(&format!("check {line}"))
                .exits(1)
                .stdout_has(&format!(
                    "0.0.0.0:443 is bound to d0, a port of {master}, which gets the packets\n"
                ));
        }
        let device: &'static [u8] = master.as_bytes();
        let _on_master = listen_with("0.0.0.0", 443, on(device));
        await_connect(&peer, true);
        for line in [
            "443",
            "192.0.2.1:443",
            "--interface d0 443",
            &format!("--interface {master} 443"),
        ] {
            listenup(&format!("check {line}"))
                .exits(0)
                .stdout_has(&format!("(device {master})"));
        }
    });
}

/// An MPTCP listener.
fn mptcp(address: &str, port: u16, backlog: i32) -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::from(262))).unwrap();
    let address: SocketAddr = format!("{address}:{port}").parse().unwrap();
    socket.bind(&address.into()).unwrap();
    socket.listen(backlog).unwrap();
    socket
}

#[test]
fn the_kernel_s_listener_for_an_mptcp_endpoint_does_not_listen_and_others_do() {
    in_namespace(|| {
        ip("address add 192.0.2.1/24 dev lo");
        let settings = ["-qw", "net.mptcp.enabled=1", "net.core.somaxconn=4096"];
        let set = Command::new("sysctl").args(settings).status().unwrap();
        assert!(set.success(), "this kernel has no MPTCP");
        ip("mptcp endpoint add 192.0.2.1 port 4433 signal");
        assert!(!connects("192.0.2.1:4433"));
        for source in ["auto", "sock_diag"] {
            for line in ["4433", "192.0.2.1:4433", "--owner-user root 4433"] {
                listenup(&format!("check --source {source} {line}"))
                    .exits(1)
                    .stdout_has("192.0.2.1:4433 belongs to the kernel, for an MPTCP endpoint");
            }
            listenup(&format!("check --source {source} --absent 4433")).exits(0);
        }
        let folder = folder_with_listenup();
        let by_nobody = |line: &str| {
            let program = Confined::new(folder.path().join("listenup"));
            program.by_nobody().run(line)
        };
        for target in ["4433", "192.0.2.1:4433"] {
            by_nobody(&format!("check {target}"))
                .exits(1)
                .stdout_has("192.0.2.1:4433 belongs to the kernel, for an MPTCP endpoint");
        }
        // The same address and backlog.
        let _others = [mptcp("192.0.2.1", 4434, 1024), mptcp("192.0.2.1", 4435, 16)];
        by_nobody("check 4434 192.0.2.1:4434 4435").exits(0);
        let plain = listen("192.0.2.1", 4436);
        plain.listen(1024).unwrap();
        for port in 4434..=4436 {
            assert!(connects(&format!("192.0.2.1:{port}")));
            for target in [format!("{port}"), format!("192.0.2.1:{port}")] {
                listenup(&format!("check {target}")).exits(0);
                listenup(&format!("check --owner-user root {target}")).exits(0);
            }
        }
    });
}

#[test]
fn many_mptcp_listeners_do_not_multiply_the_cost_of_a_check() {
    in_namespace(|| {
        let settings = ["-qw", "net.mptcp.enabled=1", "net.core.somaxconn=4096"];
        let set = Command::new("sysctl").args(settings).status().unwrap();
        assert!(set.success(), "this kernel has no MPTCP");
        ip("mptcp endpoint add 127.0.0.1 port 4433 signal");
        let ports = 5000..5100;
        let _listeners: Vec<_> = ports
            .clone()
            .map(|port| mptcp("127.0.0.1", port, 1024))
            .collect();
        let trace = tempfile::NamedTempFile::new().unwrap();
        let strace = Command::new("strace")
            .args(["-f", "-e", "trace=recvmsg", "-o"])
            .arg(trace.path())
            .args([LISTENUP, "check", "-q"])
            .args(ports.map(|port| format!("127.0.0.1:{port}")))
            .status();
        assert!(strace.unwrap().success());
        let calls = std::fs::read_to_string(trace.path()).unwrap();
        let results = calls.lines().filter_map(|line| line.rsplit_once(" = "));
        let bytes: usize = results
            .filter_map(|(_, result)| result.parse::<usize>().ok())
            .sum();
        // For each target one listener and one endpoint. A list of all MPTCP listeners would have 10,000 bytes.
        assert!((10_000..100_000).contains(&bytes), "{bytes} bytes");
    });
}

#[test]
fn a_listener_with_an_endpoint_s_backlog_counts_if_generic_netlink_is_refused() {
    in_namespace(|| {
        let settings = ["-qw", "net.core.somaxconn=4096"];
        let set = Command::new("sysctl").args(settings).status().unwrap();
        assert!(set.success());
        let plain = listen("127.0.0.1", 443);
        plain.listen(1024).unwrap();
        for error in ["EACCES", "EPERM", "EPROTONOSUPPORT"] {
            // The first socket is that of sock_diag.
            let words = "--source sock_diag 443 127.0.0.1:443";
            let code = code_with_failure("socket", error, 2, words);
            assert_eq!(code, Some(0), "{error}");
        }
    });
}

#[test]
fn an_mptcp_endpoint_on_a_wildcard_does_not_listen_and_others_do() {
    in_namespace(|| {
        ip("address add 192.0.2.1/24 dev lo");
        let settings = ["-qw", "net.mptcp.enabled=1", "net.core.somaxconn=4096"];
        let set = Command::new("sysctl").args(settings).status().unwrap();
        assert!(set.success(), "this kernel has no MPTCP");
        ip("mptcp endpoint add 0.0.0.0 port 4433 signal");
        ip("mptcp endpoint add :: port 4434 signal");
        for (port, address) in [(4433, "192.0.2.1"), (4434, "[::1]")] {
            let at_address = format!("{address}:{port}");
            assert!(!connects(&at_address));
            for source in ["auto", "sock_diag"] {
                for target in [port.to_string(), at_address.clone()] {
                    for option in ["", "--owner-user root "] {
                        listenup(&format!("check --source {source} {option}{target}"))
                            .exits(1)
                            .stdout_has("belongs to the kernel, for an MPTCP endpoint");
                    }
                    listenup(&format!("check --source {source} --absent {target}")).exits(0);
                }
            }
        }
        // The same address and backlog.
        let _other = mptcp("0.0.0.0", 4435, 1024);
        let plain = [listen("0.0.0.0", 4436), listen("::", 4437)];
        for socket in &plain {
            socket.listen(1024).unwrap();
        }
        for port in 4435..=4437 {
            assert!(connects(&format!("192.0.2.1:{port}")));
            for target in [format!("{port}"), format!("192.0.2.1:{port}")] {
                listenup(&format!("check {target}")).exits(0);
                listenup(&format!("check --owner-user root {target}")).exits(0);
            }
        }
    });
}

#[test]
fn a_listener_chosen_by_bpf_counts_with_every_option() {
    in_namespace(|| {
        let served = listen("127.0.0.1", 8080);
        let _steering = Steering::of(443, &served);
        assert!(connects("127.0.0.1:443"));
        let text = "listening on 127.0.0.1:8080";
        for line in [
            "443",
            "127.0.0.1:443",
            "192.0.2.9:443",
            "443 80 --any",
            "--max-queue 90% 443",
            "--owner-user root 443",
            "--owner-user root 127.0.0.1:443",
            "--interface lo 443",
            "--retry-for 50ms 443",
        ] {
            listenup(&format!("check {line}")).exits(0).stdout_has(text);
        }
        listenup("check --absent 443").exits(1).stdout_has(text);
        listenup("check --owner-user nobody 443").exits(1);
        // No wildcard is bound, which is what this asks for.
        listenup("check 0.0.0.0:443").exits(1);
        for target in ["443", "127.0.0.1:443"] {
            listenup(&format!("list {target}"))
                .exits(0)
                .stdout_has("8080");
        }
        listenup("list 0.0.0.0:443").exits(1);
    });
}

#[test]
fn the_owner_is_that_of_the_listener_chosen_by_bpf() {
    in_namespace(|| {
        let served = listen("127.0.0.1", 8080);
        nix::unistd::setfsuid(nix::unistd::Uid::from_raw(65534));
        let _bypassed = listen("0.0.0.0", 443);
        nix::unistd::setfsuid(nix::unistd::Uid::from_raw(0));
        listenup("check --owner-user nobody 443 127.0.0.1:443").exits(0);
        let _steering = Steering::of(443, &served);
        for target in ["443", "127.0.0.1:443"] {
            listenup(&format!("check --owner-user nobody {target}"))
                .exits(1)
                .stdout_has("127.0.0.1:8080 belongs to root, not to nobody");
            listenup(&format!("check --owner-user root {target}")).exits(0);
        }
    });
}

#[test]
fn a_listener_on_an_address_without_connections_does_not_count_and_for_udp_it_does() {
    in_namespace(|| {
        let _listeners = [
            listen("224.0.0.1", 443),
            listen("255.255.255.255", 444),
            // bind(2) refuses a multicast address of IPv6.
            listen("::ffff:224.0.0.1", 445),
            bound_with("224.0.0.1", 443, |_| {}),
        ];
        for source in ["auto", "sock_diag", "proc"] {
            for port in 443..=445 {
                listenup(&format!("check --source {source} {port}"))
                    .exits(1)
                    .stdout_has(" listens on an address to which no connection can go\n");
                listenup(&format!("check --source {source} --absent {port}")).exits(0);
            }
            listenup(&format!("check --source {source} udp:443")).exits(0);
        }
    });
}

#[test]
fn a_no_names_other_listeners_on_the_port() {
    in_namespace(|| {
        ip("address add 192.0.2.1/32 dev lo");
        let _local = listen("127.0.0.1", 443);
        let said = "192.0.2.1:443: not listening; 127.0.0.1:443 listens";
        for source in ["auto", "sock_diag", "proc"] {
            let line = format!("check --source {source} 192.0.2.1:443");
            listenup(&line).exits(1).stdout(&format!("{said}\n"));
        }
        listenup("check --format nagios 192.0.2.1:443")
            .exits(2)
            .stdout_has(said);
        listenup("check --format json 192.0.2.1:443")
            .exits(1)
            .stdout_has(r#""elsewhere":[{"address":"127.0.0.1""#);
        listenup("check -q --log stderr 192.0.2.1:443")
            .exits(1)
            .stderr_has(said);
        // For a port itself there is nowhere else, and of the other protocol nothing is said.
        listenup("check udp:443")
            .exits(1)
            .stdout("udp:443: not bound\n");
        let _more: Vec<Socket> = (2..9)
            .map(|last| listen(&format!("127.0.0.{last}"), 443))
            .collect();
        let many = listenup("check 192.0.2.1:443").exits(1);
        assert!(many.stdout.ends_with("; and others\n"), "{many:?}");
        assert_eq!(many.stdout.matches(":443 listens").count(), 3, "{many:?}");
    });
}

/// Whether a connection by a client that is bound to this device is accepted.
fn connects_by(device: &str, to: &str) -> bool {
    let to: SocketAddr = to.parse().unwrap();
    let client = Socket::new(Domain::for_address(to), Type::STREAM, None).unwrap();
    client.bind_device(Some(device.as_bytes())).unwrap();
    client
        .connect_timeout(&to.into(), Duration::from_secs(2))
        .is_ok()
}

#[test]
fn a_listener_on_lo_is_reached_at_addresses_of_lo_alone() {
    in_namespace(|| {
        make_device();
        ip("address add 2001:db8::1/64 dev d0 nodad");
        ip("address add 198.51.100.1/32 dev lo");
        let _v4 = listen_with("0.0.0.0", 443, on(b"lo"));
        let _v6 = listen_with("::", 444, on(b"lo"));
        let _one_address = [
            listen_with("192.0.2.1", 445, on(b"lo")),
            listen_with("2001:db8::1", 446, on(b"lo")),
            listen_with("198.51.100.1", 447, on(b"lo")),
            bound_with("192.0.2.1", 445, on(b"lo")),
            bound_with("224.0.0.9", 448, on(b"lo")),
            listen_with("127.0.0.53", 449, on(b"lo")),
        ];
        for (target, connects_to_it) in [
            ("127.0.0.1:443", true),
            ("[::1]:444", true),
            ("198.51.100.1:443", true),
            ("192.0.2.1:443", false),
            ("[2001:db8::1]:444", false),
            ("192.0.2.1:445", false),
            ("[2001:db8::1]:446", false),
            ("198.51.100.1:447", true),
            ("127.0.0.53:449", true),
        ] {
            assert_eq!(connects(target), connects_to_it, "{target}");
        }
        for line in ["", "--interface lo "] {
            for target in ["127.0.0.1:443", "[::1]:444", "443", "444", "udp:448", "449"] {
                listenup(&format!("check {line}{target}")).exits(0);
            }
            // Which device has an address is not looked up.
            for target in [
                "198.51.100.1:443",
                "192.0.2.1:443",
                "[2001:db8::1]:444",
                "445",
                "446",
                "447",
                "udp:445",
            ] {
                listenup(&format!("check --exit-codes distinct {line}{target}"))
                    .exits(3)
                    .stdout_has(" on lo, but whether the address is on lo is unknown");
            }
        }
    });
}

#[test]
fn a_loopback_address_of_another_device_is_not_taken_for_one_of_lo() {
    in_namespace(|| {
        make_device();
        ip("address add 127.5.5.5/32 dev d0");
        let _on_lo = [
            listen_with("127.5.5.5", 443, on(b"lo")),
            listen_with("0.0.0.0", 444, on(b"lo")),
        ];
        for target in ["443", "127.5.5.5:443", "127.5.5.5:444"] {
            if target.contains(':') {
                assert!(!connects(target), "{target}");
            }
            for option in ["", "--absent ", "--interface lo "] {
                listenup(&format!("check --exit-codes distinct {option}{target}"))
                    .exits(3)
                    .stdout_has(" on lo, but whether the address is on lo is unknown");
            }
        }
        // Without a device the listener is found in either case.
        let _any = [listen("127.5.5.5", 445), listen("0.0.0.0", 446)];
        for target in ["127.5.5.5:445", "127.5.5.5:446", "127.0.0.1:444", "444"] {
            listenup(&format!("check {target}")).exits(0);
        }
    });
}

#[test]
fn a_listener_on_a_loopback_address_and_a_device_is_not_reached_through_lo() {
    in_namespace(|| {
        make_device();
        let _v4 = listen_with("127.0.0.1", 443, on(b"d0"));
        let mapped = listen("::ffff:127.0.0.1", 444);
        let v6 = listen("::1", 445);
        let _udp = bound_with("127.0.0.1", 53, on(b"d0"));
        // bind(2) refuses an IPv6 address on a device that does not have it.
        for socket in [&mapped, &v6] {
            socket.bind_device(Some(b"d0")).unwrap();
        }
        for target in ["127.0.0.1:443", "127.0.0.1:444", "[::1]:445"] {
            assert!(!connects(target), "{target}");
        }
        for source in ["auto", "sock_diag"] {
            let check = format!("check --exit-codes distinct --source {source}");
            for port in ["443", "444", "udp:53"] {
                for line in ["", "--absent ", "--owner-user root "] {
                    if !(line.starts_with("--absent") && port.starts_with("udp")) {
                        listenup(&format!("{check} {line}{port}"))
                            .exits(3)
                            .stdout_has(
                                "gets packets for a loopback address (route_localnet) is unknown",
                            );
                    }
                }
            }
            listenup(&format!("{check} 445")).exits(1).stdout(
                "445: not listening; [::1]:445 is bound to d0, but usually only lo gets packets for a loopback address\n",
            );
            listenup(&format!("{check} --absent 445")).exits(0);
            for line in [
                "127.0.0.1:443",
                "127.0.0.1:444",
                "[::1]:445",
                "--interface d0 443",
            ] {
                listenup(&format!("{check} {line}")).exits(1);
            }
        }
        // One that is reached is enough.
        let _others = [
            listen("127.0.0.2", 443),
            listen("127.0.0.2", 444),
            listen("127.0.0.2", 445),
        ];
        listenup("check 443 444 445").exits(0);
    });
}

#[test]
fn with_route_localnet_packets_from_a_neighbour_reach_a_loopback_address() {
    in_namespace(|| {
        let peer = neighbour();
        let _listener = listen_with("127.0.0.1", 443, on(b"d0"));
        let set_localnet = |device: &str| {
            let file = format!("/proc/sys/net/ipv4/conf/{device}/route_localnet");
            std::fs::write(file, "1").unwrap();
        };
        peer.run(move || {
            set_localnet("p0");
            ip("address flush dev lo");
            ip("route add 127.0.0.1/32 via 192.0.2.1 dev p0");
        });
        listenup("check --exit-codes distinct 443").exits(3);
        await_connect_to(&peer, "127.0.0.1:443", false);
        set_localnet("d0");
        await_connect_to(&peer, "127.0.0.1:443", true);
        listenup("check --exit-codes distinct 443").exits(3);
    });
}

#[test]
fn a_device_other_than_lo_reaches_no_listener_on_a_loopback_address() {
    in_namespace(|| {
        let peer = neighbour();
        ip("address add 2001:db8::1/64 dev d0 nodad");
        let _local = [
            listen("127.0.0.1", 443),
            listen("::1", 444),
            listen("::ffff:127.0.0.1", 445),
        ];
        let _all = listen("0.0.0.0", 446);
        let _other = listen_with("0.0.0.0", 447, on(b"d0"));
        // A route to 127.0.0.1 by the neighbour's device does not help it.
        peer.run(|| {
            assert!(!connects_by("p0", "127.0.0.1:443"));
            assert!(!connects("192.0.2.1:443"));
        });
        await_connect_to(&peer, "192.0.2.1:446", true);
        for (port, expected) in [(443, 1), (444, 1), (445, 1), (446, 0), (447, 0)] {
            listenup(&format!("check --interface d0 {port}")).exits(expected);
        }
        listenup("check --interface d0 443")
            .exits(1)
            .stdout("443: not listening; 127.0.0.1:443 listens\n");
        // An address of lo is reached by lo, although another device is named for the other targets.
        for (target, connects_to_it) in [
            ("127.0.0.1:443", true),
            ("[::1]:444", true),
            ("127.0.0.1:446", true),
            ("127.0.0.1:447", false),
        ] {
            assert_eq!(connects(target), connects_to_it, "{target}");
            listenup(&format!("check --interface d0 192.0.2.1:446 {target}"))
                .exits(u8::from(!connects_to_it).into());
        }
    });
}

/// The exit code of a check in which this system call fails once, at this place among those of its name.
fn code_with_failure(call: &str, error: &str, place: usize, words: &str) -> Option<i32> {
    let fault = format!("inject={call}:error={error}:when={place}");
    let strace = Command::new("strace")
        .args([
            "-f",
            "-o",
            "/dev/null",
            "-e",
            &fault,
            LISTENUP,
            "check",
            "-q",
        ])
        .args(words.split(' '))
        .status();
    strace.unwrap().code()
}

#[test]
fn one_failed_call_makes_no_unreachable_listener_count() {
    in_namespace(|| {
        make_device();
        ip("link add br0 type bridge");
        ip("link set br0 up");
        ip("link set p0 master br0");
        ip("link add gone type bridge");
        let set = Command::new("sysctl")
            .args(["-qw", "net.mptcp.enabled=1"])
            .status()
            .unwrap();
        assert!(set.success(), "this kernel has no MPTCP");
        ip("mptcp endpoint add 192.0.2.1 port 446 signal");
        let _listeners = [
            listen_with("0.0.0.0", 443, on(b"p0")),
            listen_with("0.0.0.0", 444, on(b"gone")),
            listen_with("0.0.0.0", 445, on(b"d0")),
        ];
        ip("link delete gone");
        for words in ["443", "444", "127.0.0.1:445", "446"] {
            for call in ["sendto", "recvmsg"] {
                // A check of these makes fewer than ten of each call.
                for place in 1..=10 {
                    let error = ["ENOBUFS", "ENOMEM", "EPERM"][place % 3];
                    let code = code_with_failure(call, error, place, words);
                    assert_eq!(code, Some(1), "{words}: {call} number {place}, {error}");
                }
            }
        }
    });
}
