//! Answers that real kernels gave, and answers by the formats of those that could not be had.

use super::{Script, run_of};
use crate::domain::{Device, Listener, Protocol};
use crate::source::ByteOrder::{self, Big, Little};
use crate::source::fixtures;

/// The datagrams of a file, as family and bytes, in this byte order.
fn datagrams(text: &str, order: ByteOrder) -> Vec<(&str, Vec<u8>)> {
    let mut datagrams = Vec::new();
    for line in text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
    {
        let (hex, name) = line.split_once('#').unwrap();
        match datagrams.last_mut() {
            _ if hex.trim() == "datagram" => datagrams.push((name.trim(), Vec::new())),
            Some((_, bytes)) => {
                let field = hex.split_whitespace();
                let field = field.map(|byte| u8::from_str_radix(byte, 16).unwrap());
                bytes.extend(in_order(order, name.trim(), field.collect()));
            }
            None => panic!("bytes before the first datagram"),
        }
    }
    datagrams
}

/// Bytes of INET_DIAG_SKMEMINFO: nine numbers.
const MEMORY: usize = 36;

/// The bytes of a field, which are little endian, in this byte order.
fn in_order(order: ByteOrder, name: &str, mut field: Vec<u8>) -> Vec<u8> {
    let number = match name {
        "idiag_sport" | "idiag_dport" | "idiag_src" | "idiag_dst" | "padding" => false, // the network's
        "value" => !matches!(field.len(), 2 | MEMORY), // INET_DIAG_SOCKOPT: two bytes full of bits
        _ => true,
    };
    match (order, name) {
        (Big, "idiag_cookie") => field.chunks_mut(4).for_each(<[u8]>::reverse), // two numbers
        (Big, "value") if field.len() == MEMORY => field.chunks_mut(4).for_each(<[u8]>::reverse),
        (Big, _) if number => field.reverse(),
        _ => {}
    }
    field
}

/// What a kernel shows of each family.
fn shown_by(kernel: &str, order: ByteOrder) -> [Vec<Listener>; 2] {
    shown_of(Protocol::Tcp, kernel, order)
}

/// The same of this protocol.
fn shown_of(protocol: Protocol, kernel: &str, order: ByteOrder) -> [Vec<Listener>; 2] {
    let file = match protocol {
        Protocol::Tcp => "sock_diag.hex",
        Protocol::Udp => "sock_diag_udp.hex",
    };
    let text = fixtures::text(kernel, file);
    let datagrams = datagrams(&text, order);
    ["AF_INET", "AF_INET6"].map(|family| {
        let own = datagrams.iter().filter(|(label, _)| *label == family);
        let mut script = Script::of(own.map(|(_, bytes)| bytes.clone()));
        let (seen, end) = run_of(protocol, &mut script, order);
        assert_eq!(end, Ok(()), "{kernel}, {order:?}");
        seen
    })
}

#[test]
fn every_captured_kernel_shows_the_same_tcp_sockets() {
    for kernel in fixtures::captured() {
        let [v4, v6] = shown_by(&kernel, Little);
        is_the_zoo(&v4, &v6);
        assert_eq!(shown_by(&kernel, Big), [v4, v6], "{kernel}");
    }
}

fn is_the_zoo(v4: &[Listener], v6: &[Listener]) {
    assert_eq!(v4.len(), 66);
    assert_eq!(
        v4.iter()
            .filter(|listener| listener.to_string() == "0.0.0.0:1009")
            .count(),
        60
    );
    let mut bound = v4.iter().filter(|listener| listener.device != Device::Any);
    let on_lo = bound.next().unwrap();
    assert_eq!((on_lo.port, on_lo.device), (1008, Device::Index(1)));
    assert_eq!(bound.next(), None);
    let mut v6: Vec<_> = v6.iter().map(|one| (one.to_string(), one.v6only)).collect();
    v6.sort();
    assert_eq!(
        v6,
        [
            ("[2001:db8::1]:1016".to_owned(), Some(true)),
            ("[::1]:1006".to_owned(), Some(true)),
            ("[::]:1004".to_owned(), Some(false)),
            ("[::]:1005".to_owned(), Some(true)),
            ("[::]:1018".to_owned(), Some(false)),
            ("[::ffff:0.0.0.0]:1017".to_owned(), Some(false)),
            ("[::ffff:127.0.0.1]:1007".to_owned(), Some(false)),
        ]
    );
}

#[test]
fn every_captured_kernel_shows_the_same_udp_sockets() {
    for kernel in fixtures::captured() {
        let [v4, v6] = shown_of(Protocol::Udp, &kernel, Little);
        is_the_zoo_of_udp(&kernel, &v4, &v6);
        let big = shown_of(Protocol::Udp, &kernel, Big);
        assert_eq!(big, [v4, v6], "{kernel}");
    }
}

/// None of those that are connected is among them, also where one that is not has the same port.
fn is_the_zoo_of_udp(kernel: &str, v4: &[Listener], v6: &[Listener]) {
    for listener in v4.iter().chain(v6) {
        // Datagrams of 100 and of 8192 bytes, with what the kernel needs to keep them.
        let (lengths, limit, drops) = match listener.port {
            2018 => (101..=1_024, 212_992, 0),
            2019 => (8_193..=20_000, 2_304, 2),
            _ => (0..=0, 212_992, 0),
        };
        let queue = listener.queue.unwrap();
        assert!(lengths.contains(&queue.length), "{kernel}, {listener:?}");
        assert_eq!(
            (listener.protocol, queue.limit, listener.drops),
            (Protocol::Udp, Some(limit), Some(drops)),
            "{kernel}, {listener}"
        );
    }
    let mut places: Vec<_> = v4
        .iter()
        .map(|one| (one.port, one.to_string(), one.device))
        .collect();
    places.sort_by_key(|(port, ..)| *port);
    let members = places.iter().filter(|(port, ..)| *port == 2009).count();
    assert_eq!(members, 60, "{kernel}");
    places.dedup();
    let places: Vec<_> = places
        .iter()
        .map(|(_, place, device)| (place.as_str(), *device))
        .collect();
    assert_eq!(
        places,
        [
            ("0.0.0.0:1013", Device::Any),
            ("0.0.0.0:2001", Device::Any),
            ("127.0.0.1:2002", Device::Any),
            ("192.0.2.1:2003", Device::Any),
            ("0.0.0.0:2008", Device::Index(1)),
            ("0.0.0.0:2009", Device::Any),
            ("127.0.0.1:2014", Device::Any),
            ("127.0.0.1:2015", Device::Any),
            ("127.0.0.1:2018", Device::Any),
        ],
        "{kernel}"
    );
    let mut v6: Vec<_> = v6.iter().map(|one| (one.to_string(), one.v6only)).collect();
    v6.sort();
    let v6: Vec<_> = v6
        .iter()
        .map(|(place, only)| (place.as_str(), *only))
        .collect();
    assert_eq!(
        v6,
        [
            ("[2001:db8::1]:2016", Some(true)),
            ("[::1]:2006", Some(true)),
            ("[::1]:2019", Some(true)),
            ("[::]:2004", Some(false)),
            ("[::]:2005", Some(true)),
            ("[::ffff:0.0.0.0]:2017", Some(false)),
            ("[::ffff:127.0.0.1]:2007", Some(false)),
        ],
        "{kernel}"
    );
}

#[test]
fn old_kernels_show_the_same_except_v6only() {
    for (kernel, v6only) in [
        ("3.10-by-format", [None; 3]),
        ("4.18-by-format", [Some(true), Some(false), Some(false)]),
    ] {
        let [v4, v6] = shown_by(kernel, Little);
        assert_eq!(
            shown_by(kernel, Big),
            [v4.clone(), v6.clone()],
            "{kernel}, big endian"
        );
        let v4: Vec<_> = v4.iter().map(|one| (one.to_string(), one.device)).collect();
        assert_eq!(
            v4,
            [
                ("127.0.0.1:25".to_owned(), Device::Any),
                ("0.0.0.0:443".to_owned(), Device::Any),
                ("192.0.2.1:8443".to_owned(), Device::Index(2)),
            ]
        );
        let places = ["[::1]:25", "[::]:80", "[::ffff:192.0.2.1]:8080"];
        let expected = places.map(str::to_owned).into_iter().zip(v6only);
        let v6 = v6.iter().map(|one| (one.to_string(), one.v6only));
        assert_eq!(
            v6.collect::<Vec<_>>(),
            expected.collect::<Vec<_>>(),
            "{kernel}"
        );
    }
}
