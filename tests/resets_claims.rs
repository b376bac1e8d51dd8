//! What `listenup resets` must not claim: each test has a second explanation at hand, and the report keeps to what was
//! measured.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::libc;
use socket2::{Domain, Protocol, Socket, Type};

use common::sockets::{bind, listen, listen_with, tcp};
use common::traced::*;
use common::watch::Watch;
use common::{in_namespace, schema};

const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;

/// Sends a bare segment of no connection.
fn send_segment(from: &str, to: &str, [source, port]: [u16; 2], flags: u8) {
    let [from, to] = [from, to].map(|address| address.parse::<Ipv4Addr>().unwrap());
    let mut segment = [source.to_be_bytes(), port.to_be_bytes()].concat();
    segment.extend([0, 0, 0, 9, 0, 0, 0, 0, 0x50, flags, 0x10, 0, 0, 0, 0, 0]);
    let pseudo = [&from.octets()[..], &to.octets(), &[0, 6, 0, 20], &segment].concat();
    let words = pseudo.chunks_exact(2);
    let sum: u32 = words
        .map(|word| u32::from(u16::from_be_bytes([word[0], word[1]])))
        .sum();
    let sum = !((sum & 0xffff) + (sum >> 16)) as u16;
    segment[16..18].copy_from_slice(&sum.to_be_bytes());
    let raw = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::TCP)).unwrap();
    raw.bind(&at(&from.to_string(), 0).into()).unwrap();
    raw.send_to(&segment, &at(&to.to_string(), 0).into())
        .unwrap();
}

/// The kernel counts each segment that a listener discards, not only those that its queue has no room for.
#[test]
fn a_listener_that_discards_stray_segments_is_not_blamed_for_another_full_queue() {
    in_namespace(|| {
        let full = bind(tcp("127.0.0.1"), "127.0.0.1", 90);
        full.listen(0).unwrap();
        let _innocent = listen("127.0.0.1", 91);
        let _first = tcp_to("127.0.0.1", 90);
        let watch = Watch::start("--for 2s --every 2s");
        let second = tcp("127.0.0.1");
        second.set_nonblocking(true).unwrap();
        let _ = second.connect(&at("127.0.0.1", 90).into());
        for port in 1..=20 {
            send_segment("127.0.0.1", "127.0.0.1", [5000 + port, 91], RST);
        }
        drop(second);
        watch
            .end()
            .exits(0)
            .has_line(
                ACCEPT_QUEUE,
                "127.0.0.1:90, of ",
                &["full at HH:MM:SS, QUEUE 1/0; discarded for any reason: 1;"],
            )
            .has_not("127.0.0.1:91");
    });
}

/// The listener whose queue was full is gone before it is seen again.
#[test]
fn a_listener_that_discards_stray_segments_is_not_blamed_for_a_closed_one() {
    in_namespace(|| {
        let full = bind(tcp("127.0.0.1"), "127.0.0.1", 90);
        full.listen(0).unwrap();
        let _innocent = listen("127.0.0.1", 91);
        let watch = Watch::start("--for 2s --every 2s");
        let _first = tcp_to("127.0.0.1", 90);
        let second = tcp("127.0.0.1");
        second.set_nonblocking(true).unwrap();
        let _ = second.connect(&at("127.0.0.1", 90).into());
        drop((second, full));
        for port in 1..=20 {
            send_segment("127.0.0.1", "127.0.0.1", [5000 + port, 91], RST);
        }
        let said = watch.end().exits(0).has_not("127.0.0.1:91");
        assert!(said.stdout.contains(ACCEPT_QUEUE), "{said:#?}");
    });
}

/// A connection that is aborted before it is established sends no reset, and TCPAbortOnData counts it.
#[test]
fn aborts_of_connections_that_were_not_established_hide_no_resets() {
    in_namespace(|| {
        let full = bind(tcp("127.0.0.1"), "127.0.0.1", 90);
        full.listen(0).unwrap();
        let _first = tcp_to("127.0.0.1", 90);
        let watch = Watch::start("--for 2s --every 2s");
        for _ in 0..3 {
            let client = tcp("127.0.0.1");
            client.set_nonblocking(true).unwrap();
            let _ = client.connect(&at("127.0.0.1", 90).into());
            client.set_linger(Some(Duration::ZERO)).unwrap();
            drop(client);
            std::net::TcpStream::connect(at("127.0.0.1", 81)).unwrap_err();
        }
        let said = watch.end().exits(0);
        for found in ["TCPAbortOnData 3 ", "cause not counted: OutRsts 3 "] {
            assert!(said.stdout.contains(found), "{found}: {said:#?}");
        }
    });
}

/// No connection is older than an address that was just added, but what a closed port refuses are new ones.
#[test]
fn an_added_address_does_not_explain_a_closed_port() {
    with_an_address(|address| {
        let watch = Watch::traced("--for 1s --every 1s");
        std::net::TcpStream::connect(at(&address, 81)).unwrap_err();
        let sent = format!("sent by {address}:81: 1 to {address} (NO_SOCKET)");
        watch
            .end()
            .exits(0)
            .has_line(NO_LISTENER, &sent, &[])
            .has_not("was added");
    });
}

/// The client has a connection that the full queue had no room for, and sends on it.
#[test]
fn an_added_address_does_not_explain_the_connections_of_a_full_queue() {
    with_an_address(|address| {
        let listener = bind(tcp(&address), &address, 80);
        let other = listen(&address, 81);
        listener.listen(0).unwrap();
        let _first = tcp_to(&address, 80);
        let watch = Watch::traced("--for 2s --every 2s");
        let second = tcp(&address);
        second.set_nonblocking(true).unwrap();
        let _ = second.connect(&at(&address, 80).into());
        send_segment(&address, &address, [5000, 80], ACK);
        send_segment(&address, &address, [5000, 81], ACK);
        let sent = |port| {
            format!(
                "sent by {address}:{port}: 1 to peers that the kernel does not name (TCP_FLAGS)"
            )
        };
        let said = watch.end().exits(0);
        let said = said.has_line(NO_CONNECTION, &sent(80), &[]).has_line(
            NO_CONNECTION,
            &sent(81),
            &["was added"],
        );
        assert_eq!(said.stdout.matches("was added").count(), 1, "{said:#?}");
        drop((second, other));
    });
}

/// It is open, but not for a client that comes by another device.
#[test]
fn the_device_of_a_listener_is_named() {
    with_a_peer(|ours, node, theirs| {
        let listener = listen_with("0.0.0.0", 80, |socket| {
            socket.bind_device(Some(b"lo")).unwrap();
        });
        let watch = Watch::traced("--for 2s --every 2s");
        let json = Watch::traced("--for 2s --every 2s --format json");
        let to = at(&ours, 80);
        node.run(move || std::net::TcpStream::connect(to).unwrap_err());
        let sent = format!("sent by {ours}:80: 1 to {theirs} (NO_SOCKET)");
        watch
            .end()
            .exits(0)
            .has_line(
                NO_LISTENER,
                &sent,
                &["listens on 0.0.0.0:80, bound to device lo"],
            )
            .has_line(NO_LISTENER, "next: ", &["on that address, port and device"]);
        let document = schema::document(&json.end().exits(0).stdout, "resets");
        let places = document["findings"][0]["places"].as_array().unwrap();
        let mut own = places
            .iter()
            .filter(|place| place["local_address"] == ours.as_str());
        assert_eq!(own.next().unwrap()["listening"]["device"], "lo");
        drop(listener);
    });
}

/// A client without the key gets no answer.
#[test]
fn segments_without_their_signature_are_counted() {
    in_namespace(|| {
        let listener = listen("127.0.0.1", 80);
        expect_md5(&listener, Ipv4Addr::LOCALHOST);
        let watch = Watch::start("--for 2s --every 2s");
        send_segment("127.0.0.1", "127.0.0.1", [5000, 80], SYN);
        let said = watch.end().exits(0);
        let found = "segments dropped for their TCP-MD5 or TCP-AO signature: TCPMD5NotFound 1 (R/s, 1 in total)\n";
        assert!(said.stdout.contains(found), "{said:#?}");
    });
}

/// TCP_MD5SIG (tcp(7)): segments from this address must have a signature.
fn expect_md5(listener: &Socket, peer: Ipv4Addr) {
    // struct tcp_md5sig: a struct sockaddr_storage, flags, the length of a prefix, the key's length, an index, the key.
    let mut option = [0_u8; 216];
    option[..2].copy_from_slice(&(libc::AF_INET as u16).to_ne_bytes());
    option[4..8].copy_from_slice(&peer.octets());
    option[130..132].copy_from_slice(&3_u16.to_ne_bytes());
    option[136..139].copy_from_slice(b"key");
    // SAFETY: the pointer is to as many bytes as the length says.
    let result = unsafe {
        libc::setsockopt(
            listener.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_MD5SIG,
            option.as_ptr().cast(),
            option.len() as libc::socklen_t,
        )
    };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
}
