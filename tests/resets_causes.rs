//! `listenup resets` as root, with the kernel's trace: every cause made for real, and the port, the peer, the process
//! and the reason in the summary.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use std::io::{Read, Write};
use std::net::{Ipv6Addr, TcpStream};
use std::os::fd::AsRawFd;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::Duration;

use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use socket2::{Domain, Socket, TcpKeepalive, Type};

use common::ip;
use common::node::Node;
use common::program::{stop, this_process};
use common::service::Service;
use common::sockets::{bind, listen, tcp};
use common::traced::*;
use common::watch::Watch;

#[test]
fn a_reset_of_a_closed_port_is_traced() {
    with_an_address(|address| {
        let watch = Watch::traced("--for 1s --every 1s");
        for _ in 0..3 {
            TcpStream::connect(at(&address, 81)).unwrap_err();
        }
        watch
            .end()
            .exits(0)
            .stderr("")
            .has_line(
                NO_LISTENER,
                &format!(
                    "sent by {address}:81: 3 to {address} (NO_SOCKET); nothing listens there now"
                ),
                &[],
            )
            // The same resets at the other end of a connection within this machine.
            .has_not(&format!("received by {address}"))
            .has_not("resets sent, cause")
            .has_not("established connections cut: EstabResets")
            .has_not("connections failed to open");
    });
}

#[test]
fn a_service_that_stopped_during_the_watch_is_named() {
    with_an_address(|address| {
        let listener = listen(&address, 80);
        let watch = Watch::traced("--for 2s --every 1s");
        drop(listener);
        TcpStream::connect(at(&address, 80)).unwrap_err();
        let said = watch.end().exits(0).has_line(
            NO_LISTENER,
            &format!("sent by {address}:80: 1 to {address} (NO_SOCKET)"),
            &["; nothing is listening now; a listener was last seen at HH:MM:SS"],
        );
        let live = said.stdout.lines().next().unwrap();
        assert_eq!(live, "HH:MM:SS AttemptFails 1, OutRsts 1");
    });
}

#[test]
fn unread_data_linger_0_and_late_data_are_told_apart() {
    with_an_address(|address| {
        let listener = listen(&address, 80);
        let to = at(&address, 80);
        let watch = Watch::traced("--for 2s --every 2s");
        let (mut client, server) = pair(&listener, to);
        client.write_all(b"x").unwrap();
        drop(server);
        let (_other, server) = pair(&listener, to);
        reset_by_close(server);
        // The client acknowledges the end, so that a TIME_WAIT socket answers what it sends.
        let (mut late, server) = pair(&listener, to);
        drop(server);
        late.write_all(b"x").unwrap();
        let (this, by) = (this_process(), this_process_traced());
        let sent = format!("sent by {address}:80: 1 to {address}");
        let open = format!("open: {this} listens on {address}:80");
        watch
            .end()
            .exits(0)
            .has(
                UNREAD_DATA,
                &format!("{sent} (TCP_ABORT_ON_CLOSE); by {by}; {open}"),
            )
            .has(ABORTED, &format!("{sent} (TCP_STATE); by {by}; {open}"))
            .has_line(AFTER_CLOSE, &sent, &[&open]);
    });
}

/// The kernel traces a received reset as well, which nobody sent.
#[test]
fn late_data_before_the_peer_acknowledged_the_close_is_recognized() {
    with_a_peer(|ours, node, theirs| {
        let listener = listen(&ours, 80);
        let to = at(&ours, 80);
        let mut client = node.run(move || tcp_from(&theirs, to));
        client.set_recv_buffer_size(2048).unwrap();
        let mut server = listener.accept().unwrap().0;
        server.set_nonblocking(true).unwrap();
        while server.write(&[0; 4096]).is_ok() {}
        let watch = Watch::traced("--for 2s --every 2s");
        drop(server);
        client.write_all(b"x").unwrap();
        watch
            .end()
            .exits(0)
            .has_line(
                AFTER_CLOSE,
                &format!("sent by {ours}:80: 1 to "),
                &["(TCP_ABORT_ON_DATA)"],
            )
            .has_not(&format!("received by {ours}"));
    });
}

/// connect(2) with AF_UNSPEC ends a connection as SO_LINGER does, but for the counter.
#[test]
fn a_connection_dissolved_with_af_unspec_is_an_abort() {
    with_an_address(|address| {
        let listener = listen(&address, 80);
        let (_client, server) = pair(&listener, at(&address, 80));
        let watch = Watch::traced("--for 1s --every 1s");
        let unspecified = [0_u8; 16];
        // SAFETY: the pointer is to as many bytes as the length says.
        let result = unsafe { libc::connect(server.as_raw_fd(), unspecified.as_ptr().cast(), 16) };
        assert_eq!(result, 0);
        watch.end().exits(0).has_line(
            ABORTED,
            &format!("sent by {address}:80: 1 to {address} (TCP_STATE)"),
            &["not by SO_LINGER 0"],
        );
    });
}

/// A program of another name: a copy of bash.
fn program(folder: &tempfile::TempDir, name: &str, script: &str) -> Child {
    let path = folder.path().join(name);
    let copied = Command::new("install").arg("/bin/bash").arg(&path).status();
    assert!(copied.unwrap().success());
    Command::new(&path).args(["-c", script]).spawn().unwrap()
}

#[test]
fn two_processes_with_resets_at_one_place_are_both_named() {
    with_an_address(|address| {
        let listener = listen(&address, 8443);
        let folder = tempfile::tempdir().unwrap();
        let watch = Watch::traced("--for 4s --every 1s");
        // Each has a greeting in its queue when it closes.
        let script = |count: u32| {
            format!(
                "for i in $(seq {count}); do exec 3<>/dev/tcp/{address}/8443; read -N1 -u3; exec 3>&-; done; sleep 5; true"
            )
        };
        let mut programs = [("culprit", 9), ("innocent", 1)].map(|(name, count)| {
            let program = program(&folder, name, &script(count));
            for _ in 0..count {
                listener.accept().unwrap().0.write_all(b"hello").unwrap();
            }
            program
        });
        let [culprit, innocent] = [("culprit", 0), ("innocent", 1)]
            .map(|(name, index)| traced_process(name, programs[index].id()));
        let said = watch.end().exits(0);
        for program in &mut programs {
            program.kill().unwrap();
            program.wait().unwrap();
        }
        said.has(
            UNREAD_DATA,
            &format!(
                "sent by {address} as a client of port 8443: 10 to {address} (TCP_ABORT_ON_CLOSE); by {culprit} \
                 9 times, {innocent} once"
            ),
        );
    });
}

/// The connections are in the queue: the service is stopped before they come.
#[test]
fn resets_of_a_killed_service_are_traced() {
    with_an_address(|address| {
        let service = Service::on(&[&format!("{address}:80")]);
        let pid = Pid::from_raw(service.pid().try_into().unwrap());
        stop(pid);
        let _clients = [(); 3].map(|()| tcp_to(&address, 80));
        let watch = Watch::traced("--for 2s --every 1s");
        kill(pid, Signal::SIGKILL).unwrap();
        drop(service);
        let state = match is_on_host() {
            true => ", ended)",
            false => " of the host)",
        };
        watch
            .end()
            .exits(0)
            .has_line(
                LISTENER_CLOSED,
                &format!("sent by {address}:80: 3 to {address} (TCP_STATE); by "),
                &[
                    "by listener (thread ",
                    state,
                    "a listener was last seen at HH:MM:SS",
                ],
            )
            .has_line(
                LISTENER_CLOSED,
                "next: the service stopped, restarted or was killed, or ss -K",
                &[],
            )
            .has_not("SO_LINGER");
    });
}

#[test]
fn resets_during_a_restart_are_traced() {
    with_an_address(|address| {
        let place = format!("{address}:80");
        let before = Service::on(&[&place]);
        stop(Pid::from_raw(before.pid().try_into().unwrap()));
        let _client = tcp_to(&address, 80);
        let watch = Watch::traced("--for 3s --every 1s");
        drop(before);
        let after = Service::on(&[&place]);
        watch.end().exits(0).has_line(
            LISTENER_CLOSED,
            &format!("sent by {place}: 1 to {address} (TCP_STATE); by "),
            &[
                &format!("({}) listens on {place}", after.pid()),
                "its listener was replaced after HH:MM:SS",
            ],
        );
    });
}

#[test]
fn a_connection_killed_by_ss_is_named() {
    with_an_address(|address| {
        let listener = listen(&address, 80);
        let _pair = pair(&listener, at(&address, 80));
        let watch = Watch::traced("--for 1s --every 1s");
        sh_here(&format!("ss -K src {address} sport = :80 >/dev/null"));
        watch
            .end()
            .exits(0)
            .has_line(
                "ended by a tool for administrators",
                &format!("sent by {address}:80: 1 to {address} (TCP_STATE); by ss ("),
                &[],
            )
            .has_not(ABORTED);
    });
}

#[test]
fn a_fast_close_of_mptcp_is_recognized() {
    with_an_address(|address| {
        let mptcp = || Socket::new(Domain::IPV4, Type::STREAM, Some(libc::IPPROTO_MPTCP.into()));
        let Ok(listener) = mptcp() else {
            let enabled = std::path::Path::new("/proc/sys/net/mptcp/enabled").exists();
            assert!(!enabled, "this kernel has Multipath TCP");
            return;
        };
        listener.set_reuse_address(true).unwrap();
        listener.bind(&at(&address, 80).into()).unwrap();
        listener.listen(16).unwrap();
        let mut client = mptcp().unwrap();
        client.connect(&at(&address, 80).into()).unwrap();
        let server = listener.accept().unwrap().0;
        let watch = Watch::traced("--for 2s --every 2s");
        client.write_all(b"hello").unwrap();
        server.peek(&mut [std::mem::MaybeUninit::uninit()]).unwrap();
        drop(server);
        watch
            .end()
            .exits(0)
            .has_line(
                "reset by Multipath TCP",
                &format!("sent by {address}:80: 1 to {address} (TCP_ABORT_ON_CLOSE)"),
                &[&format!("by {}", this_process_traced())],
            )
            .has_not(UNREAD_DATA);
    });
}

#[test]
fn resets_of_a_full_accept_queue_are_traced() {
    with_an_address(|address| {
        let listener = bind(tcp(&address), &address, 80);
        let mut clients = overflow_with_a_reset(&listener, &address, 80);
        let watch = Watch::traced("--for 2s --every 2s");
        for client in &mut clients[2..] {
            client.write_all(b"x").unwrap();
        }
        let this = this_process();
        watch
            .end()
            .exits(0)
            .has(
                ACCEPT_QUEUE,
                &format!(
                    "sent by {address}:80: 1 to peers that the kernel does not name (INVALID_SYN); open: {this} \
                     listens on {address}:80"
                ),
            )
            .has(
                ACCEPT_QUEUE,
                &format!("{address}:80, of {this}: full at HH:MM:SS, QUEUE 3/2; discarded for any reason: 2; now 3/2"),
            );
    });
}

#[test]
fn resets_between_a_proxy_and_its_client_are_attributed() {
    with_a_peer(|ours, node, theirs| {
        std::fs::write("/proc/sys/net/ipv4/ip_local_port_range", "1024 65535").unwrap();
        let (address, to) = (theirs.clone(), at(&theirs, 40_000));
        let listener = node.run(move || listen(&address, 40_000));
        let watch = Watch::traced("--for 2s --every 1s");
        for _ in 0..20 {
            let client = tcp_from(&ours, to);
            let mut server = listener.accept().unwrap().0;
            server.write_all(b"hello").unwrap();
            client.peek(&mut [std::mem::MaybeUninit::uninit()]).unwrap();
        }
        let by = this_process_traced();
        let start = format!(
            "sent by {ours} as a client of port 40000: 20 to {theirs} (TCP_ABORT_ON_CLOSE); by {by}"
        );
        watch.end().exits(0).has(UNREAD_DATA, &start);
    });
}

#[test]
fn a_port_scan_does_not_hide_another_reset() {
    with_a_peer(|ours, node, theirs| {
        let listener = listen(&ours, 80);
        let watch = Watch::traced("--for 3s --every 1s");
        let (to, from) = (ours.clone(), theirs.clone());
        node.run(move || {
            for port in 1000..2300 {
                let client = bind(tcp(&from), &from, 0);
                client.connect(&at(&to, port).into()).unwrap_err();
            }
        });
        let to = at(&ours, 80);
        let from = theirs.clone();
        let _client = node.run(move || tcp_from(&from, to));
        reset_by_close(listener.accept().unwrap().0);
        watch
            .end()
            .exits(0)
            .has(
                "one peer tried many closed ports",
                &format!("sent by {ours} at 1300 ports: 1300 to {theirs} (NO_SOCKET)"),
            )
            .has_line(ABORTED, &format!("sent by {ours}:80: 1 to {theirs}"), &[])
            .has_not(&format!("sent by {ours}:1"))
            .has_not("too many places");
    });
}

#[test]
fn a_port_scan_by_this_machine_does_not_hide_another_reset() {
    with_a_peer(|ours, node, theirs| {
        let address = theirs.clone();
        let listener = node.run(move || listen(&address, 80));
        let watch = Watch::traced("--for 3s --every 1s");
        for port in 1000..2300 {
            let client = bind(tcp(&ours), &ours, 0);
            client.connect(&at(&theirs, port).into()).unwrap_err();
        }
        let _client = tcp_from(&ours, at(&theirs, 80));
        reset_by_close(listener.accept().unwrap().0);
        let said = watch.end().exits(0);
        let received =
            |ports: &str| format!("received by {ours} as a client of {ports} from {theirs}");
        let said = match is_on_host() {
            true => said
                .has(RECEIVED, &received("1300 ports: 1300"))
                .has(RECEIVED, &received("port 80: 1")),
            // Without the thread nothing tells the two apart, and all are counted at one place.
            false => said.has(RECEIVED, &received("1301 ports: 1301")),
        };
        said.has_not(&format!("received by {ours}:"))
            .has_not("too many places");
    });
}

#[test]
fn a_removed_address_explains_its_resets() {
    with_a_peer(|ours, node, theirs| {
        let listener = listen("0.0.0.0", 80);
        let (to, client) = (at(&ours, 80), theirs.clone());
        let _client = node.run(move || tcp_from(&client, to));
        let server = listener.accept().unwrap().0;
        let watch = Watch::traced("--for 3s --every 1s");
        ip(&format!("address del {ours}/30 dev to-node"));
        sleep(Duration::from_millis(1500));
        reset_by_close(server);
        let (this, by) = (this_process(), this_process_traced());
        let said = watch.end().exits(0).has(
            ABORTED,
            &format!(
                "sent by {ours}:80: 1 to {theirs} (TCP_STATE); by {by}; open: {this} listens on 0.0.0.0:80; \
                 {ours} was removed from this machine at HH:MM:SS"
            ),
        );
        let moved = format!("HH:MM:SS address {ours} was removed\n");
        let count = said.stdout.matches(&moved).count();
        assert_eq!(count, 2, "live and at the end: {said:#?}");
    });
}

/// A container in another network can have the same address, and the events do not name the namespace.
#[test]
fn resets_of_another_namespace_with_the_same_address_are_kept_apart() {
    with_a_peer(|ours, _node, theirs| {
        let watch = Watch::traced("--for 4s --every 4s");
        let (address, peer) = (ours.clone(), theirs.clone());
        Node::new().run(move || {
            let far = Node::new();
            far.plug("e0", "to-far", &[&format!("{peer}/30")]);
            ip(&format!("address add {address}/30 dev to-far"));
            for _ in 0..2 {
                TcpStream::connect(at(&peer, 81)).unwrap_err();
            }
        });
        let said = watch.end().exits(0);
        let head = "in 4s: resets sent by TCP: 0, received from other addresses: 0 to 2; ";
        assert!(said.stdout.starts_with(head), "{said:#?}");
        said.has(
            RECEIVED,
            &format!(
                "received by {ours} as a client of port 81: 2 from {theirs}; possibly in another network namespace \
                 with this address"
            ),
        );
    });
}

#[test]
fn a_keepalive_timeout_is_recognized() {
    with_a_peer(|ours, node, theirs| {
        let listener = listen(&ours, 80);
        let (to, client) = (at(&ours, 80), theirs.clone());
        let _client = node.run(move || tcp_from(&client, to));
        let server = listener.accept().unwrap().0;
        let second = Duration::from_secs(1);
        let keepalive = TcpKeepalive::new().with_time(second).with_interval(second);
        server
            .set_tcp_keepalive(&keepalive.with_retries(1))
            .unwrap();
        let watch = Watch::traced("--for 5s --every 5s");
        node.ip("link set e0 down");
        let told = format!(
            "sent by {ours}:80: 1 to {theirs} (TCP_KEEPALIVE_TIMEOUT); open: {} listens on {ours}:80",
            this_process()
        );
        watch
            .end()
            .exits(0)
            .has(TIME_OUT, &told)
            .has_not("cause not counted");
    });
}

/// The reset has the peer's address, and the peer has sent none.
#[test]
fn a_firewall_that_rejects_outgoing_packets_is_named() {
    with_a_peer(|ours, _node, theirs| {
        nft(
            "table inet t { chain out { type filter hook output priority 0; tcp dport 80 counter reject with tcp \
             reset; }; }",
        );
        let watch = Watch::traced("--for 2s --every 2s");
        TcpStream::connect(at(&theirs, 80)).unwrap_err();
        watch
            .end()
            .exits(0)
            .has(
                "rejected by this machine's firewall",
                "nft rule inet t out handle 2: 1",
            )
            .has(
                RECEIVED,
                &format!("received by {ours} as a client of port 80: 1 from {theirs}"),
            )
            .has_line(RECEIVED, "next: ", &["on the way or on this machine"])
            .has_not("by the peer")
            .has_not("from other machines");
    });
}

/// Its packets are gone with the rule, also if another one has its place and its handle.
#[test]
fn a_firewall_rule_removed_during_the_watch_is_reported() {
    with_a_peer(|_ours, node, theirs| {
        let there = node.run(|| {
            nft("table ip t { chain i { type filter hook input priority 0; tcp dport 80 counter reject with tcp reset; }; }");
            Watch::traced("--for 2s --every 2s")
        });
        TcpStream::connect(at(&theirs, 80)).unwrap_err();
        node.run(|| nft("delete table ip t"));
        let said = there.end().exits(0);
        let clear = "no resets or dropped connections found by the counters and the trace in 2s; not everything could be read\n";
        assert!(said.stdout.starts_with(clear), "{said:#?}");
        assert!(said.stdout.contains(RULES_CHANGED), "{said:#?}");
    });
}

const RULES_CHANGED: &str = "\nthe firewall's configuration changed during the watch: if a rule was removed, its packets are not counted\n";
const REJECT: &str = "table ip t { counter c { }; chain i { type filter hook input priority 0; \
    tcp dport 80 counter log reject with tcp reset; tcp dport 81 counter name c reject with tcp reset; }; }";

#[test]
fn a_firewall_whose_rules_were_replaced_during_the_watch_is_reported() {
    with_a_peer(|_ours, node, theirs| {
        let there = node.run(|| {
            nft(REJECT);
            Watch::traced("--for 2s --every 2s")
        });
        TcpStream::connect(at(&theirs, 80)).unwrap_err();
        TcpStream::connect(at(&theirs, 80)).unwrap_err();
        node.run(|| {
            nft("flush ruleset");
            nft(REJECT);
        });
        TcpStream::connect(at(&theirs, 80)).unwrap_err();
        let said = there.end().exits(0).has(
            "rejected by this machine's firewall",
            "nft rule ip t i handle 3: 1",
        );
        assert!(said.stdout.contains(RULES_CHANGED), "{said:#?}");
        let named = "\nnft rule ip t i handle 4 rejects with resets that are not counted: it has no counter of its own";
        assert!(said.stdout.contains(named), "{said:#?}");
    });
}

/// The firewall sends the reset itself, without a socket: neither a counter nor the trace has it there.
/// The client sees it come.
#[test]
fn a_firewall_that_rejects_incoming_packets_is_named() {
    with_a_peer(|ours, node, theirs| {
        node.run(|| {
            nft(
                "table inet t { chain in { type filter hook input priority 0; tcp dport 80 counter reject with \
                 tcp reset; }; }",
            );
        });
        let there = node.run(|| Watch::traced("--for 2s --every 2s"));
        let here = Watch::traced("--for 2s --every 2s");
        TcpStream::connect(at(&theirs, 80)).unwrap_err();
        here.end().exits(0).has(
            RECEIVED,
            &format!("received by {ours} as a client of port 80: 1 from {theirs}"),
        );
        there
            .end()
            .exits(0)
            .has(
                "rejected by this machine's firewall",
                "nft rule inet t in handle 2: 1",
            )
            .has_not(&format!("sent by {theirs}"));
    });
}

#[test]
fn a_process_cannot_write_to_the_terminal_by_its_name() {
    with_an_address(|address| {
        let listener = listen(&address, 80);
        let folder = tempfile::tempdir().unwrap();
        let script = format!(
            "printf 'a\\033[31mb' >/proc/$$/comm; exec 3<>/dev/tcp/{address}/80; read -N1 -u3; exec 3>&-; \
             sleep 5; true"
        );
        let watch = Watch::traced("--for 2s --every 1s");
        let mut client = program(&folder, "client", &script);
        listener.accept().unwrap().0.write_all(b"hello").unwrap();
        let said = watch.end().exits(0);
        client.kill().unwrap();
        client.wait().unwrap();
        let said = said.has_line(
            UNREAD_DATA,
            &format!("sent by {address} as a client of port 80: 1 to "),
            &["by a\u{fffd}[31mb ("],
        );
        let text = said.stdout.replace('\n', "");
        assert!(!text.contains(char::is_control), "{said:#?}");
    });
}

/// A reader that has an end.
#[track_caller]
fn await_reset(mut client: Socket) {
    client
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let error = client.read(&mut [0; 16]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[test]
fn resets_over_ipv6_are_traced() {
    with_an_address(|_| {
        let [.., a, b] = std::process::id().to_be_bytes();
        let address: Ipv6Addr = format!("2001:db8::{a:x}:{b:x}").parse().unwrap();
        let address = address.to_string(); // as the program writes it, whatever the numbers are
        ip(&format!("address add {address}/128 dev lo nodad"));
        let listener = listen("::", 80);
        let watch = Watch::traced("--for 2s --every 1s");
        let (client, server) = pair(&listener, at(&address, 80));
        reset_by_close(server);
        await_reset(client);
        TcpStream::connect(at(&address, 81)).unwrap_err();
        let sent = |port| format!("sent by [{address}]:{port}: 1 to {address} (");
        watch
            .end()
            .exits(0)
            .has_line(ABORTED, &sent(80), &["listens on [::]:80"])
            .has_line(NO_LISTENER, &sent(81), &["nothing listens there now"]);
    });
}
