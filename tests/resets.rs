//! `listenup resets`: every cause made for real, and what is said about it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::process::Stdio;
use std::time::Duration;

use nix::libc;
use nix::pty::openpty;
use socket2::{SockAddr, Socket};

use common::node::Node;
use common::program::{listenup, this_process};
use common::sockets::{bind, listen, tcp};
use common::watch::{
    ABORTED, ACCEPT_QUEUE, CONNTRACK, CUT, NO_SOCKET, SENT, TIME_OUT, UNREAD_DATA, Watch,
};
use common::{conntrack, in_namespace, ip};

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

#[test]
fn nothing_wrong() {
    in_namespace(|| {
        listenup("resets --trace off --for 30ms")
            .exits(0)
            .stdout("nothing wrong in 30ms, nor before\n")
            .stderr("");
        TcpStream::connect("127.0.0.1:81").unwrap_err();
        listenup("resets --trace off --every 10ms --for 30ms")
            .exits(0)
            .stdout(
                "nothing wrong in 30ms; before that: nothing listens or no such connection \
                 (OutRstsUnexplained 1), resets sent (OutRsts 1)\n",
            )
            .stderr("");
    });
}

#[test]
fn a_port_nobody_listens_on() {
    in_namespace(|| {
        let watch = Watch::start("--every 2s --for 3s");
        for address in ["127.0.0.1:81", "127.0.0.1:82", "[::1]:81"] {
            TcpStream::connect(address).unwrap_err();
        }
        watch
            .end()
            .exits(0)
            .stdout(&format!(
                "HH:MM:SS nothing listens or no such connection (OutRstsUnexplained 3), resets sent \
                 (OutRsts 3)\n\
                 in 3s:\n\
                 nothing listens or no such connection: OutRstsUnexplained 3 (R/s, 3 in all); \
                 next: {NO_SOCKET}\n\
                 resets sent: OutRsts 3 (R/s, 3 in all); next: {SENT}\n\
                 not in 3s: accept queue full, closed with unread data, aborted by the local application, peer does not answer, out \
                 of memory for sockets, connection tracking, established connections cut\n"
            ))
            .stderr("");
    });
}

#[test]
fn a_full_backlog() {
    in_namespace(|| {
        let listener = bind(tcp("127.0.0.1"), "127.0.0.1", 80);
        listener.listen(0).unwrap();
        let first = TcpStream::connect("127.0.0.1:80").unwrap();
        let this = this_process();
        let watch = Watch::start("--for 2s --every 2s");
        for _ in 0..4 {
            drop(begin_to_connect(80));
        }
        watch
            .end()
            .exits(0)
            .stdout(&format!(
                "in 2s:\n\
                 accept queue full: ListenOverflows 4 (R/s, 4 in all), ListenDrops 4 (R/s, 4 in \
                 all), tcp_abort_on_overflow = 0; next: {ACCEPT_QUEUE}\n\
                 \x20 127.0.0.1:80, of {this}: full at HH:MM:SS, QUEUE 1/0; now 1/0\n\
                 not in 2s: nothing listens or no such connection, closed with unread data, aborted by the local application, peer \
                 does not answer, out of memory for sockets, connection tracking, established \
                 connections cut, resets sent\n"
            ))
            .stderr("");
        drop(first);
    });
}

#[test]
fn a_full_backlog_that_resets() {
    in_namespace(|| {
        std::fs::write("/proc/sys/net/ipv4/tcp_abort_on_overflow", "1").unwrap();
        let listener = bind(tcp("127.0.0.1"), "127.0.0.1", 80);
        // So that the last two handshakes can be begun before the queue is full.
        set_defer_accept(&listener);
        listener.listen(2).unwrap();
        let connect = || {
            let socket = tcp("127.0.0.1");
            socket.connect(&loopback(80)).unwrap();
            socket
        };
        let _accepted = [(); 2].map(|()| {
            let mut socket = connect();
            socket.write_all(b"x").unwrap();
            socket
        });
        let (mut third, mut fourth) = (connect(), connect());
        let this = this_process();
        let watch = Watch::start("--for 2s --every 2s");
        third.write_all(b"x").unwrap();
        fourth.write_all(b"x").unwrap();
        await_reset(&fourth);
        watch
            .end()
            .exits(0)
            .stdout(&format!(
                "in 2s:\n\
                 accept queue full: ListenOverflows 1 (R/s, 1 in all), ListenDrops 1 (R/s, 1 in \
                 all), tcp_abort_on_overflow = 1; next: {ACCEPT_QUEUE}\n\
                 \x20 127.0.0.1:80, of {this}: full at HH:MM:SS, QUEUE 3/2; now 3/2\n\
                 established connections cut: EstabResets 1 (R/s, 1 in all); next: {CUT}\n\
                 resets sent: OutRsts 1 (R/s, 1 in all); next: {SENT}\n\
                 not in 2s: nothing listens or no such connection, closed with unread data, aborted by the local application, peer \
                 does not answer, out of memory for sockets, connection tracking\n"
            ))
            .stderr("");
    });
}

/// TCP_DEFER_ACCEPT: a handshake is over when data has come.
fn set_defer_accept(listener: &Socket) {
    let seconds: libc::c_int = 30;
    // SAFETY: the option takes an int, and the pointer is to one.
    let result = unsafe {
        libc::setsockopt(
            listener.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_DEFER_ACCEPT,
            (&raw const seconds).cast(),
            size_of_val(&seconds) as libc::socklen_t,
        )
    };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
}

#[test]
fn a_close_with_unread_data_and_one_that_does_not_linger() {
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
        watch
            .end()
            .exits(0)
            .stdout(&format!(
                "in 2s:\n\
                 closed with unread data: TCPAbortOnClose 1 (R/s, 1 in all); next: {UNREAD_DATA}\n\
                 aborted by the local application: TCPAbortOnData 1 (R/s, 1 in all); next: \
                 {ABORTED}\n\
                 established connections cut: EstabResets 4 (R/s, 4 in all); next: {CUT}\n\
                 resets sent: OutRsts 2 (R/s, 2 in all); next: {SENT}\n\
                 not in 2s: nothing listens or no such connection, accept queue full, peer does \
                 not answer, out of memory for sockets, connection tracking\n"
            ))
            .stderr("");
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
fn a_reset_by_the_peer() {
    in_namespace(|| {
        let node = Node::new();
        let (client, server) = connection_to(&node);
        server.set_linger(Some(Duration::ZERO)).unwrap();
        let watch = Watch::start("--for 2s --every 2s");
        drop(server);
        await_reset(&client);
        watch
            .end()
            .exits(0)
            .stdout(&format!(
                "in 2s:\n\
                 established connections cut: EstabResets 1 (R/s, 1 in all); next: {CUT}\n\
                 not in 2s: nothing listens or no such connection, accept queue full, closed with unread data, aborted by the local application, peer does not answer, out of memory for sockets, connection \
                 tracking, resets sent\n"
            ))
            .stderr("");
    });
}

#[test]
fn a_peer_that_does_not_answer() {
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
        watch
            .end()
            .exits(0)
            .stdout(&format!(
                "in 5s:\n\
                 peer does not answer: TCPAbortOnTimeout 1 (R/s, 1 in all); next: {TIME_OUT}\n\
                 established connections cut: EstabResets 1 (R/s, 1 in all); next: {CUT}\n\
                 not in 5s: nothing listens or no such connection, accept queue full, closed with unread data, aborted by the local application, out of memory for sockets, connection tracking, resets sent\n"
            ))
            .stderr("");
    });
}

/// Where the kernel has no connection tracking it must not be spoken of.
#[test]
fn a_connection_tracking_table_that_is_full() {
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
        watch
            .end()
            .exits(0)
            .stdout(&format!(
                "in 2s:\n\
                 connection tracking: nf_conntrack.drop 3 (R/s, 3 in all), nf_conntrack_count = \
                 {max}, nf_conntrack_max = {max}; next: {CONNTRACK}\n\
                 not in 2s: nothing listens or no such connection, accept queue full, closed with unread data, aborted by the local application, peer does not answer, out of memory for sockets, established \
                 connections cut, resets sent\n"
            ))
            .stderr("");
    });
}

/// What a run says to a terminal while a port is asked for.
fn said_to_a_terminal(words: &str) -> String {
    let pty = openpty(None, None).unwrap();
    let mut child = std::process::Command::new(common::program::LISTENUP)
        .args(["resets", "--trace", "off"])
        .args(words.split(' '))
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
    String::from_utf8(said).unwrap()
}

#[test]
fn bars_in_a_terminal_and_nothing_that_controls_it() {
    in_namespace(|| {
        let said = said_to_a_terminal("--for 2s --every 1s");
        let bar = "nothing listens or no such connection          1 ##############################";
        let mut lines = said.lines();
        assert!(lines.next().unwrap().ends_with(bar), "{said}");
        let said = said.replace("\r\n", "");
        assert!(!said.contains(char::is_control), "{said:?}");
    });
}
