//! `listenup resets` by the counters alone: every cause made for real, and what is said about it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Stdio;
use std::time::Duration;

use nix::libc;
use nix::pty::openpty;
use socket2::{SockAddr, Socket};

use common::node::Node;
use common::program::{ProgramOutput, listenup, this_process};
use common::sockets::{bind, listen, tcp};
use common::traced::{nft, overflow_with_a_reset};
use common::watch::Watch;
use common::{conntrack, in_namespace, ip};

const NOTHING: &str = "no resets or dropped connections found by the counters in 30ms";

/// Begins to connect and does not wait for an answer.
fn begin_to_connect(port: u16) -> Socket {
    let socket = tcp("127.0.0.1");
    socket.set_nonblocking(true).unwrap();
    let _ = socket.connect(&loopback(port));
    socket
}

fn loopback(port: u16) -> SockAddr {
    SocketAddr::from(([127, 0, 0, 1], port)).into()
}

/// Waits until the other side has reset this connection.
#[track_caller]
fn await_reset(mut connection: &Socket) {
    let timing = Some(Duration::from_secs(10));
    connection.set_read_timeout(timing).unwrap();
    let error = connection.read(&mut [0; 16]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

/// The lines without what to do next.
fn findings(said: &ProgramOutput) -> Vec<&str> {
    let lines = said.stdout.lines();
    lines.filter(|line| !line.starts_with("  next: ")).collect()
}

#[test]
fn without_resets_nothing_is_reported() {
    in_namespace(|| {
        listenup("resets --trace off --for 30ms")
            .exits(0)
            .stdout(&format!("{NOTHING}\n"))
            .stderr("");
        TcpStream::connect("127.0.0.1:81").unwrap_err();
        listenup("resets --trace off --every 10ms --for 30ms")
            .exits(0)
            .stdout(&format!("{NOTHING}\nbefore: AttemptFails 1, OutRsts 1\n"))
            .stderr("");
    });
}

#[test]
fn two_runs_in_a_row_report_the_same_past() {
    in_namespace(|| {
        let listener = listen("127.0.0.1", 80);
        let (mut client, server) = common::sockets::connect(&listener, 4001);
        client.write_all(b"x").unwrap();
        drop(server);
        await_reset(&client);
        let first = listenup("resets --trace off --for 30ms").exits(0);
        listenup("resets --trace off --for 30ms")
            .exits(0)
            .stdout(&first.stdout);
    });
}

/// No counter has the cause, and no arithmetic finds it.
#[test]
fn resets_of_closed_ports_are_counted() {
    in_namespace(|| {
        let watch = Watch::start("--every 2s --for 3s");
        for address in ["127.0.0.1:81", "127.0.0.1:82", "[::1]:81"] {
            TcpStream::connect(address).unwrap_err();
        }
        let said = watch.end().exits(0).stderr("");
        assert_eq!(
            findings(&said),
            [
                "HH:MM:SS AttemptFails 3, OutRsts 3",
                "in 3s: resets sent by TCP: 3; established connections cut: 0",
                "connections failed to open: AttemptFails 3 (R/s, 3 in total)",
                "resets sent, cause not counted: OutRsts 3 (R/s, 3 in total)",
                "nothing listens on the port, or no such connection on this machine: possible, without a counter",
            ]
        );
    });
}

/// SYNs that a full queue drops are not resets that were sent.
#[test]
fn a_full_queue_and_a_closed_port_are_both_reported() {
    in_namespace(|| {
        std::fs::write("/proc/sys/net/ipv4/tcp_abort_on_overflow", "1").unwrap();
        let listener = bind(tcp("127.0.0.1"), "127.0.0.1", 80);
        listener.listen(0).unwrap();
        let _first = TcpStream::connect("127.0.0.1:80").unwrap();
        let this = this_process();
        let watch = Watch::start("--for 2s --every 2s");
        for _ in 0..9 {
            drop(begin_to_connect(80));
        }
        TcpStream::connect("127.0.0.1:81").unwrap_err();
        let said = watch.end().exits(0).stderr("");
        assert_eq!(
            findings(&said),
            [
                "in 2s: resets sent by TCP: 1; established connections cut: 0",
                "accept queue full: ListenOverflows 9 (R/s, 9 in total), ListenDrops 9 (R/s, 9 in total), \
                 tcp_abort_on_overflow = 1",
                &format!(
                    "  127.0.0.1:80, of {this}: full at HH:MM:SS, QUEUE 1/0; discarded for any reason: 9; now 1/0"
                ),
                "connections failed to open: AttemptFails 1 (R/s, 1 in total)",
                "resets sent, cause not counted: OutRsts 1 (R/s, 1 in total)",
                "nothing listens on the port, or no such connection on this machine: possible, without a counter",
            ]
        );
    });
}

#[test]
fn a_full_queue_with_abort_on_overflow_is_reported() {
    in_namespace(|| {
        let listener = bind(tcp("127.0.0.1"), "127.0.0.1", 80);
        let mut clients = overflow_with_a_reset(&listener, "127.0.0.1", 80);
        let this = this_process();
        let watch = Watch::start("--for 2s --every 2s");
        for client in &mut clients[2..] {
            client.write_all(b"x").unwrap();
        }
        await_reset(&clients[3]);
        let said = watch.end().exits(0).stderr("");
        let found = findings(&said);
        let queue = format!(
            "  127.0.0.1:80, of {this}: full at HH:MM:SS, QUEUE 3/2; discarded for any reason: 2; now 3/2"
        );
        assert!(found.contains(&queue.as_str()), "{said:#?}");
        assert!(
            found.contains(&"resets sent, cause not counted: OutRsts 1 (R/s, 1 in total)"),
            "{said:#?}"
        );
    });
}

#[test]
fn closes_with_unread_data_and_linger_0_are_reported() {
    in_namespace(|| {
        let listener = listen("127.0.0.1", 80);
        let pairs = [4001, 4002].map(|port| common::sockets::connect(&listener, port));
        let watch = Watch::start("--for 2s --every 2s");
        let [(mut unread_client, unread_server), (client, server)] = pairs;
        unread_client.write_all(b"x").unwrap();
        server.set_linger(Some(Duration::ZERO)).unwrap();
        drop((unread_server, server));
        await_reset(&unread_client);
        await_reset(&client);
        let said = watch.end().exits(0).stderr("");
        assert_eq!(
            findings(&said),
            [
                "in 2s: resets sent by TCP: 2; established connections cut: 4",
                "closed with unread data: TCPAbortOnClose 1 (R/s, 1 in total)",
                "aborted by the local application: TCPAbortOnData 1 (R/s, 1 in total)",
                "established connections cut: EstabResets 4 (R/s, 4 in total)",
            ]
        );
    });
}

/// OutRsts also counts the resets that have a counter of their own.
#[test]
fn resets_that_another_counter_has_are_not_reported_as_uncounted() {
    in_namespace(|| {
        let listener = listen("127.0.0.1", 80);
        let (mut client, server) = common::sockets::connect(&listener, 4001);
        let watch = Watch::start("--for 2s --every 2s");
        client.write_all(b"x").unwrap();
        drop(server);
        await_reset(&client);
        for port in [81, 82] {
            TcpStream::connect(("127.0.0.1", port)).unwrap_err();
        }
        let said = watch.end().exits(0).stderr("");
        let found = findings(&said);
        assert!(
            found
                .contains(&"resets sent, cause not counted: 2 resets, OutRsts 3 (R/s, 3 in total)"),
            "{said:#?}"
        );
    });
}

/// A connection from here to another node, both ends.
fn connection_to(node: &Node) -> (Socket, Socket) {
    node.plug("e0", "to-node", &["192.0.2.2/24"]);
    ip("address add 192.0.2.1/24 dev to-node");
    let listener = node.run(|| listen("192.0.2.2", 80));
    let client = tcp("192.0.2.1");
    client
        .connect(&SocketAddr::from(([192, 0, 2, 2], 80)).into())
        .unwrap();
    (client, listener.accept().unwrap().0)
}

#[test]
fn a_reset_by_the_peer_is_reported() {
    in_namespace(|| {
        let node = Node::new();
        let (client, server) = connection_to(&node);
        server.set_linger(Some(Duration::ZERO)).unwrap();
        let watch = Watch::start("--for 2s --every 2s");
        drop(server);
        await_reset(&client);
        let said = watch.end().exits(0).stderr("");
        assert_eq!(
            findings(&said),
            [
                "in 2s: resets sent by TCP: 0; established connections cut: 1",
                "established connections cut: EstabResets 1 (R/s, 1 in total)",
            ]
        );
    });
}

#[test]
fn a_connection_refused_by_a_peer_is_reported() {
    in_namespace(|| {
        let node = Node::new();
        node.plug("e0", "to-node", &["192.0.2.2/24"]);
        ip("address add 192.0.2.1/24 dev to-node");
        let watch = Watch::start("--for 2s --every 2s");
        TcpStream::connect("192.0.2.2:83").unwrap_err();
        let said = watch.end().exits(0).stderr("");
        assert_eq!(
            findings(&said),
            [
                "in 2s: resets sent by TCP: 0; established connections cut: 0",
                "connections failed to open: AttemptFails 1 (R/s, 1 in total)",
            ]
        );
    });
}

#[test]
fn a_connection_that_times_out_is_reported() {
    in_namespace(|| {
        let node = Node::new();
        let (mut client, _server) = connection_to(&node);
        client
            .set_tcp_user_timeout(Some(Duration::from_millis(100)))
            .unwrap();
        node.ip("link set e0 down");
        let watch = Watch::start("--for 5s --every 5s");
        client.write_all(b"x").unwrap();
        client
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        let error = client.read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
        let said = watch.end().exits(0).stderr("");
        assert_eq!(
            findings(&said),
            [
                "in 5s: resets sent by TCP: 0; established connections cut: 1",
                "peer did not answer: TCPAbortOnTimeout 1 (R/s, 1 in total)",
                "established connections cut: EstabResets 1 (R/s, 1 in total)",
            ]
        );
    });
}

#[test]
fn firewall_rules_that_reject_with_and_without_counters_are_reported() {
    in_namespace(|| {
        nft(
            "table inet t { chain in { type filter hook input priority 0; tcp dport 80 counter reject with tcp \
             reset; tcp dport 81 reject with tcp reset; tcp dport 82 reject; }; }",
        );
        let rule = "nft rule inet t in handle";
        let note = format!(
            "{rule} 3 rejects with resets that are not counted: it has no counter of its own directly before reject"
        );
        let quiet = listenup("resets --trace off --for 30ms").exits(0);
        assert_eq!(findings(&quiet), [NOTHING, &note], "{quiet:#?}");
        let watch = Watch::start("--for 2s --every 2s");
        TcpStream::connect("127.0.0.1:80").unwrap_err();
        let said = watch.end().exits(0).stderr("");
        let found = findings(&said);
        assert_eq!(found[1], "rejected by this machine's firewall: 1 packet");
        assert_eq!(found[2], format!("  {rule} 2: 1"));
        assert_eq!(found.last().unwrap(), &note);
    });
}

/// If the kernel has no connection tracking it is not mentioned.
#[test]
fn a_full_conntrack_table_is_reported() {
    in_namespace(|| {
        let Some([_, max]) = conntrack::level() else {
            let said = listenup("resets --trace off --for 1ms --format json").exits(0);
            assert!(!said.stdout.contains("conntrack"), "{said:#?}");
            return;
        };
        conntrack::track();
        conntrack::fill();
        let watch = Watch::start("--for 2s --every 2s");
        for port in [80, 81, 82] {
            drop(begin_to_connect(port));
        }
        let said = watch.end().exits(0).stderr("");
        assert_eq!(
            findings(&said),
            [
                "in 2s: resets sent by TCP: 0; established connections cut: 0",
                &format!(
                    "connection tracking: nf_conntrack.drop 3 (R/s, 3 in total), nf_conntrack_count = {max}, \
                     nf_conntrack_max = {max}"
                ),
            ]
        );
    });
}

#[test]
fn a_terminal_gets_the_same_text_without_control_characters() {
    in_namespace(|| {
        let pty = openpty(None, None).unwrap();
        let mut child = std::process::Command::new(common::program::LISTENUP)
            .args(["resets", "--trace", "off", "--for", "2s", "--every", "1s"])
            .stdin(Stdio::null())
            .stdout(pty.slave)
            .spawn()
            .unwrap();
        common::program::await_call(child.id(), &[libc::SYS_poll, libc::SYS_ppoll]);
        TcpStream::connect("127.0.0.1:81").unwrap_err();
        assert!(child.wait().unwrap().success());
        let (mut said, mut terminal) = (Vec::new(), std::fs::File::from(pty.master));
        // A terminal that nobody writes to any more ends with EIO.
        let _ = terminal.read_to_end(&mut said);
        let said = String::from_utf8(said).unwrap();
        let first = said.lines().next().unwrap();
        assert!(first.ends_with(" AttemptFails 1, OutRsts 1"), "{said}");
        let said = said.replace("\r\n", "");
        assert!(!said.contains(char::is_control), "{said:?}");
    });
}
