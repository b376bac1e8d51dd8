//! Tables of real kernels, and tables by the formats of those that could not be had.

use super::seen_of;
use crate::domain::{Listener, Protocol};
use crate::source::ByteOrder::{self, Big, Little};
use crate::source::fixtures;
use crate::source::proc::Pass;
use crate::source::proc::rows::Stride;

/// A table of a kernel, as a machine of this byte order writes it.
fn table(kernel: &str, name: &str, order: ByteOrder) -> String {
    let text = fixtures::text(kernel, name);
    match order {
        Little => text,
        Big => text.lines().map(|row| turned_round(row) + "\n").collect(),
    }
}

/// A row with its addresses, which are numbers of 32 bits each, in the other byte order.
fn turned_round(row: &str) -> String {
    let words = row.split(' ').map(|word| match word.split_once(':') {
        Some((address, port)) if port.len() == 4 => {
            let numbers = (0..address.len()).step_by(8).map(|at| &address[at..at + 8]);
            let numbers = numbers.map(|number| u32::from_str_radix(number, 16).unwrap());
            let turned = numbers.map(|number| format!("{:08X}", number.swap_bytes()));
            format!("{}:{port}", turned.collect::<String>())
        }
        _ => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// What both strides show of a table, and how they end.
fn shown_by(kernel: &str, name: &str, order: ByteOrder) -> (Vec<Listener>, [Pass; 2]) {
    let protocol = match name {
        "udp" | "udp6" => Protocol::Udp,
        _ => Protocol::Tcp,
    };
    let table = table(kernel, name, order);
    let every: Vec<u16> = (1..=u16::MAX).collect();
    let [(by_row, end), (by_page, page_end)] = [Stride::Row, Stride::Page]
        .map(|stride| seen_of(protocol, table.as_bytes(), stride, &every, order));
    assert_eq!(by_row, by_page, "{kernel}");
    (by_row, [end.unwrap(), page_end.unwrap()])
}

#[test]
fn the_byte_order_of_a_captured_row_is_reversed() {
    assert_eq!(
        turned_round("   5: 010200C0:01BB 076433C6:9C43 01 00000000:00000000"),
        "   5: C0000201:01BB C6336407:9C43 01 00000000:00000000"
    );
    assert_eq!(turned_round("  sl  local_address"), "  sl  local_address");
}

#[test]
fn every_captured_kernel_shows_the_same_tcp_sockets() {
    for kernel in fixtures::captured() {
        let tcp = shown_by(&kernel, "tcp", Little);
        let tcp6 = shown_by(&kernel, "tcp6", Little);
        is_the_zoo(&tcp, &tcp6);
        assert_eq!(shown_by(&kernel, "tcp", Big), tcp, "{kernel}, big endian");
        assert_eq!(shown_by(&kernel, "tcp6", Big), tcp6, "{kernel}, big endian");
    }
}

fn is_the_zoo(
    (v4, v4_ends): &(Vec<Listener>, [Pass; 2]),
    (v6, v6_ends): &(Vec<Listener>, [Pass; 2]),
) {
    // 66 listeners do not fit one read, 7 do.
    assert_eq!(*v4_ends, [Pass::Incomplete; 2]);
    assert_eq!(*v6_ends, [Pass::Incomplete, Pass::Complete]);
    assert_eq!(v4.len(), 66);
    let members = v4
        .iter()
        .filter(|listener| listener.to_string() == "0.0.0.0:1009");
    assert_eq!(members.count(), 60);
    let mut v6: Vec<_> = v6.iter().map(Listener::to_string).collect();
    v6.sort();
    assert_eq!(
        v6,
        [
            "[2001:db8::1]:1016",
            "[::1]:1006",
            "[::]:1004",
            "[::]:1005",
            "[::]:1018",
            "[::ffff:0.0.0.0]:1017",
            "[::ffff:127.0.0.1]:1007"
        ]
    );
}

#[test]
fn every_captured_kernel_shows_the_same_udp_sockets() {
    for kernel in fixtures::captured() {
        let v4 = shown_by(&kernel, "udp", Little);
        let v6 = shown_by(&kernel, "udp6", Little);
        let connected = ["udp", "udp6"].map(|name| {
            let table = table(&kernel, name, Little);
            table.lines().filter(|row| row.contains(" 01 ")).count()
        });
        assert_eq!(connected, [5, 1], "{kernel}");
        is_the_zoo_of_udp(&kernel, &v4, &v6);
        assert_eq!(shown_by(&kernel, "udp", Big), v4, "{kernel}, big endian");
        assert_eq!(shown_by(&kernel, "udp6", Big), v6, "{kernel}, big endian");
    }
}

/// None of those that are connected is among them, also where one that is not has the same port.
fn is_the_zoo_of_udp(
    kernel: &str,
    (v4, v4_ends): &(Vec<Listener>, [Pass; 2]),
    (v6, v6_ends): &(Vec<Listener>, [Pass; 2]),
) {
    // 73 sockets do not fit one read, 8 do.
    assert_eq!(*v4_ends, [Pass::Incomplete; 2], "{kernel}");
    assert_eq!(*v6_ends, [Pass::Incomplete, Pass::Complete], "{kernel}");
    for listener in v4.iter().chain(v6) {
        // Datagrams of 100 and of 8192 bytes, with what the kernel needs to keep them.
        let (lengths, drops) = match listener.port {
            2018 => (101..=1_024, 0),
            2019 => (8_193..=20_000, 2),
            _ => (0..=0, 0),
        };
        let queue = listener.queue.unwrap();
        assert!(lengths.contains(&queue.length), "{kernel}, {listener:?}");
        assert_eq!(
            (listener.protocol, queue.limit, listener.drops),
            (Protocol::Udp, None, Some(drops)),
            "{kernel}, {listener}"
        );
    }
    let mut places: Vec<_> = v4.iter().map(|one| (one.port, one.to_string())).collect();
    places.sort();
    let members = places.iter().filter(|(port, _)| *port == 2009).count();
    assert_eq!(members, 60, "{kernel}");
    places.dedup();
    let places: Vec<_> = places.iter().map(|(_, place)| place.as_str()).collect();
    assert_eq!(
        places,
        [
            "0.0.0.0:1013",
            "0.0.0.0:2001",
            "127.0.0.1:2002",
            "192.0.2.1:2003",
            "0.0.0.0:2008",
            "0.0.0.0:2009",
            "127.0.0.1:2014",
            "127.0.0.1:2015",
            "127.0.0.1:2018",
        ],
        "{kernel}"
    );
    let mut v6: Vec<_> = v6.iter().map(Listener::to_string).collect();
    v6.sort();
    assert_eq!(
        v6,
        [
            "[2001:db8::1]:2016",
            "[::1]:2006",
            "[::1]:2019",
            "[::]:2004",
            "[::]:2005",
            "[::ffff:0.0.0.0]:2017",
            "[::ffff:127.0.0.1]:2007",
        ],
        "{kernel}"
    );
}

#[test]
fn old_kernels_show_the_same_listeners() {
    for kernel in ["3.10-by-format", "4.18-by-format"] {
        for (name, places) in [
            ("tcp", ["127.0.0.1:25", "0.0.0.0:443", "192.0.2.1:8443"]),
            ("tcp6", ["[::1]:25", "[::]:80", "[::ffff:192.0.2.1]:8080"]),
        ] {
            for order in [Little, Big] {
                let (seen, [_, by_page]) = shown_by(kernel, name, order);
                let seen: Vec<_> = seen.iter().map(Listener::to_string).collect();
                assert_eq!(seen, places, "{kernel}, {order:?}");
                assert_eq!(by_page, Pass::Complete);
            }
        }
    }
}
