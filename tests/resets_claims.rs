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

use socket2::{Domain, Protocol, Socket, Type};

use common::in_namespace;
use common::sockets::{bind, listen, tcp};
use common::traced::*;
use common::watch::Watch;

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
