//! Tables in the shapes that public repositories have: old kernels, other processors, Android, edited by hand.
//!
//! tests/fixtures/README.md says where each shape is from. tests/tables.rs has the program's verdicts on them.

use super::{HEADER, row, seen_of};
use crate::domain::{Listener, Protocol};
use crate::source::ByteOrder::{self, Big, Little};
use crate::source::fixtures;
use crate::source::proc::rows::Stride;
use crate::source::proc::{Pass, Problem};

/// The listeners of a table of TCP, or the sockets of one of UDP, and how a pass with reads of a page ends.
#[track_caller]
fn read(shape: &str, file: &str, order: ByteOrder) -> (Vec<Listener>, Result<Pass, Problem>) {
    let table = fixtures::text(&format!("others/{shape}"), file);
    let protocol = match file {
        "udp" | "udp6" => Protocol::Udp,
        _ => Protocol::Tcp,
    };
    let every: Vec<u16> = (1..=u16::MAX).collect();
    let [by_row, by_page] = [Stride::Row, Stride::Page]
        .map(|stride| seen_of(protocol, table.as_bytes(), stride, &every, order));
    assert_eq!(by_row.0, by_page.0, "{shape}");
    assert_eq!(by_row.1.is_err(), by_page.1.is_err(), "{shape}");
    by_page
}

fn places(listeners: &[Listener]) -> Vec<String> {
    listeners.iter().map(Listener::to_string).collect()
}

#[track_caller]
fn reads(shape: &str, file: &str, order: ByteOrder, expected: &[&str]) {
    let (seen, end) = read(shape, file, order);
    assert_eq!(places(&seen), expected, "{shape}/{file}");
    assert_eq!(end, Ok(Pass::Complete), "{shape}/{file}");
}

/// What was seen before the problem, and the problem's name.
#[track_caller]
fn refuses(shape: &str, file: &str, expected: &[&str], problem: &str) {
    let (seen, end) = read(shape, file, Little);
    assert_eq!(places(&seen), expected, "{shape}/{file}");
    let found = format!("{:?}", end.unwrap_err());
    assert!(found.starts_with(problem), "{shape}/{file}: {found}");
}

#[test]
fn tables_of_old_kernels_are_read() {
    let v4 = [
        "0.0.0.0:25",
        "0.0.0.0:80",
        "192.0.2.10:443",
        "127.0.0.1:5432",
    ];
    reads("2.4.21", "tcp", Little, &v4);
    reads("2.4.21", "tcp6", Little, &["[::]:80"]);
    let v4 = [
        "127.0.0.1:8810",
        "0.0.0.0:443",
        "127.0.0.1:53",
        "192.0.2.10:3128",
        "0.0.0.0:2049",
    ];
    reads("2.6.0-test7", "tcp", Little, &v4);
    let v4 = [
        "0.0.0.0:111",
        "127.0.0.1:631",
        "192.0.2.10:443",
        "127.0.0.1:25",
    ];
    reads("2.6.18", "tcp", Little, &v4);
    reads("2.6.18", "tcp6", Little, &["[::]:22", "[::1]:6010"]);
    let v4 = ["0.0.0.0:443", "192.0.2.10:5667"];
    reads("2.6.32-openvz", "tcp", Little, &v4);
}

#[test]
fn tables_of_old_kernels_with_missing_columns_are_refused() {
    // Without the column of drops a table of UDP could be gVisor's, which has no rows.
    refuses("2.6.18", "udp", &[], "WithoutDrops");
    // A user number that is printed with a sign.
    refuses("2.6.32-uid", "tcp", &["0.0.0.0:443"], "Row");
}

#[test]
fn tables_of_big_endian_machines_are_read() {
    let v4 = ["0.0.0.0:139", "0.0.0.0:80", "192.0.2.1:1781", "0.0.0.0:22"];
    reads("mips-router", "tcp", Big, &v4);
    let v4 = ["0.0.0.0:80", "192.0.2.1:53", "127.0.0.1:53", "0.0.0.0:22"];
    reads("mips-5.15", "tcp", Big, &v4);
    let v6 = [
        "[::1]:5232",
        "[2001:db8::10]:443",
        "[::ffff:192.0.2.10]:8080",
    ];
    reads("powerpc", "tcp6", Big, &v6);
    let udp = [
        "192.0.2.1:137",
        "0.0.0.0:137",
        "127.0.0.1:38132",
        "0.0.0.0:53",
        "0.0.0.0:67",
    ];
    reads("mips-router", "udp", Big, &udp);
    let drops =
        |(seen, _): (Vec<Listener>, _)| seen.iter().map(|one| one.drops).collect::<Vec<_>>();
    assert_eq!(
        drops(read("mips-router", "udp", Big)),
        [0, 0, 0, 12, 0].map(Some)
    );
}

#[test]
fn tables_of_android_and_vendors_are_read() {
    let v4 = ["0.0.0.0:50101", "127.0.0.1:5037"];
    reads("android-3.4", "tcp", Little, &v4);
    let v6 = ["[::]:8122", "[::ffff:127.0.0.1]:7812"];
    reads("android-3.4", "tcp6", Little, &v6);
    let v4 = ["127.0.0.1:21001", "192.0.2.10:7443", "0.0.0.0:5335"];
    reads("odo-stripped", "tcp", Little, &v4);
    let v4 = ["0.0.0.0:443", "127.0.0.1:9000", "192.0.2.10:3306"];
    reads("vendor-pid-task", "tcp", Little, &v4);
    // Several tables in one file: the second header is not a row.
    let v4 = ["127.0.0.1:21001", "0.0.0.0:22"];
    refuses("odo-concatenated", "tcp", &v4, "Row");
}

#[test]
fn tables_of_gvisor_are_read_and_of_wsl1_refused() {
    let v4 = ["127.0.0.1:5000", "0.0.0.0:443"];
    reads("gvisor", "tcp", Little, &v4);
    for file in ["tcp", "tcp6", "udp", "udp6"] {
        refuses("wsl1", file, &[], "Header");
    }
}

#[test]
fn edited_tables_are_read_or_refused() {
    let v4 = ["0.0.0.0:443", "127.0.0.1:25"];
    for shape in ["edited-tabs", "edited-crlf", "edited-lower", "edited-short"] {
        reads(shape, "tcp", Little, &v4);
    }
    refuses("edited-cut", "tcp", &v4, "CutRow");
    refuses("edited-dots", "tcp", &v4, "Row");
    refuses("edited-headless", "tcp", &[], "Header");
}

#[test]
fn a_thousand_listeners_are_all_shown() {
    let rows = (0..1_033).map(|slot| row(slot, &format!("0100007F:{:04X}", slot + 20_000), "0A"));
    let table = [HEADER.to_owned(), rows.collect()].concat();
    let every: Vec<u16> = (1..=u16::MAX).collect();
    for stride in [Stride::Row, Stride::Page] {
        let (seen, end) = seen_of(Protocol::Tcp, table.as_bytes(), stride, &every, Little);
        let ports = seen.iter().map(|one| u32::from(one.port));
        assert!(ports.eq((0..1_033).map(|slot| slot + 20_000)));
        assert_eq!(end, Ok(Pass::Incomplete));
    }
}
