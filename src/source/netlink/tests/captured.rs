//! Answers that real kernels gave, and answers by the formats of those that could not be had.

use super::{Script, run};
use crate::domain::{Device, Listener};
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

/// The bytes of a field, which are little endian, in this byte order.
fn in_order(order: ByteOrder, name: &str, mut field: Vec<u8>) -> Vec<u8> {
    let number = match name {
        "idiag_sport" | "idiag_dport" | "idiag_src" | "idiag_dst" | "padding" => false, // the network's
        "value" => field.len() != 2, // INET_DIAG_SOCKOPT: two bytes full of bits
        _ => true,
    };
    match (order, name) {
        (Big, "idiag_cookie") => field.chunks_mut(4).for_each(<[u8]>::reverse), // two numbers
        (Big, _) if number => field.reverse(),
        _ => {}
    }
    field
}

/// What a kernel shows of each family.
fn shown_by(kernel: &str, order: ByteOrder) -> [Vec<Listener>; 2] {
    let text = fixtures::text(kernel, "sock_diag.hex");
    let datagrams = datagrams(&text, order);
    ["AF_INET", "AF_INET6"].map(|family| {
        let own = datagrams.iter().filter(|(label, _)| *label == family);
        let (seen, end) = run(&mut Script::of(own.map(|(_, bytes)| bytes.clone())), order);
        assert_eq!(end, Ok(()), "{kernel}, {order:?}");
        seen
    })
}

#[test]
fn every_kernel_says_the_same_of_the_zoo() {
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
fn old_kernels_say_the_same_but_for_v6only() {
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
