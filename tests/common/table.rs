//! What is expected of the zoo in sockets.rs.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::time::Duration;

use listenup::clock::{Deadline, SystemClock};
use listenup::domain::{Family, Protocol};
use listenup::source::{Ports, Query, Source};

/// What is expected of a target: where it listens, or nowhere.
pub type Row = (&'static str, Option<&'static str>);

pub const TABLE: &[Row] = &[
    // 0.0.0.0
    ("1001", Some("0.0.0.0:1001")),
    ("*:1001", Some("0.0.0.0:1001")),
    ("127.0.0.1:1001", Some("0.0.0.0:1001")),
    ("198.51.100.7:1001", Some("0.0.0.0:1001")), // not assigned here, like the VIP on a BACKUP node
    ("0.0.0.0:1001", Some("0.0.0.0:1001")),
    ("[::]:1001", None),
    ("[::1]:1001", None),
    ("[::ffff:127.0.0.1]:1001", Some("0.0.0.0:1001")),
    // 127.0.0.1
    ("1002", Some("127.0.0.1:1002")),
    ("127.0.0.1:1002", Some("127.0.0.1:1002")),
    ("127.0.0.2:1002", None),
    ("0.0.0.0:1002", None),
    ("[::1]:1002", None),
    // 192.0.2.1
    ("1003", Some("192.0.2.1:1003")),
    ("192.0.2.1:1003", Some("192.0.2.1:1003")),
    ("192.0.2.2:1003", None),
    ("127.0.0.1:1003", None),
    ("0.0.0.0:1003", None),
    // [::], dual-stack
    ("1004", Some("[::]:1004")),
    ("127.0.0.1:1004", Some("[::]:1004")),
    ("198.51.100.7:1004", Some("[::]:1004")),
    ("0.0.0.0:1004", Some("[::]:1004")),
    ("[::]:1004", Some("[::]:1004")),
    ("[2001:db8::7]:1004", Some("[::]:1004")),
    // [::], V6ONLY
    ("1005", Some("[::]:1005")),
    ("127.0.0.1:1005", None),
    ("0.0.0.0:1005", None),
    ("[::]:1005", Some("[::]:1005")),
    ("[::1]:1005", Some("[::]:1005")),
    // [::1]
    ("1006", Some("[::1]:1006")),
    ("[::1]:1006", Some("[::1]:1006")),
    ("[2001:db8::1]:1006", None),
    ("[::]:1006", None),
    ("127.0.0.1:1006", None),
    // [::ffff:127.0.0.1]
    ("1007", Some("[::ffff:127.0.0.1]:1007")),
    ("127.0.0.1:1007", Some("[::ffff:127.0.0.1]:1007")),
    ("127.0.0.2:1007", None),
    ("[::1]:1007", None),
    ("[::]:1007", None),
    ("0.0.0.0:1007", None),
    // 60 SO_REUSEPORT members, a backlog of 0
    ("1009", Some("0.0.0.0:1009")),
    ("127.0.0.1:1009", Some("0.0.0.0:1009")),
    ("1010", Some("127.0.0.1:1010")),
    // Bound only, shut down, UDP, TIME_WAIT, the local port of an outgoing connection, nothing at all
    ("1011", None),
    ("0.0.0.0:1011", None),
    ("1012", None),
    ("1013", None),
    ("1014", None),
    ("127.0.0.1:1014", None),
    ("1015", None),
    ("127.0.0.1:1015", None),
    ("1099", None),
    // [2001:db8::1], [::ffff:0.0.0.0]
    ("1016", Some("[2001:db8::1]:1016")),
    ("[2001:db8::1]:1016", Some("[2001:db8::1]:1016")),
    ("[2001:db8::2]:1016", None),
    ("1017", Some("[::ffff:0.0.0.0]:1017")),
    ("127.0.0.1:1017", Some("[::ffff:0.0.0.0]:1017")),
    ("0.0.0.0:1017", Some("[::ffff:0.0.0.0]:1017")),
    ("[::1]:1017", None),
    // The port is a number: 80 is not 8080, nor 108, 100 or 10080.
    ("8080", Some("0.0.0.0:8080")),
    ("80", None),
    ("808", None),
    ("18080", None),
    ("100", None),
];

/// IPv4 targets that only a `[::]` serves, if it does: /proc cannot tell V6ONLY.
pub const V6ONLY_MATTERS: &[&str] = &[
    "127.0.0.1:1004",
    "198.51.100.7:1004",
    "0.0.0.0:1004",
    "127.0.0.1:1005",
    "0.0.0.0:1005",
];

/// Targets that a listener bound to the device lo serves, and where it listens.
pub const ON_A_DEVICE: &[(&str, &str)] = &[
    ("1008", "0.0.0.0:1008"),
    ("127.0.0.1:1008", "0.0.0.0:1008"),
    ("1018", "[::]:1018"),
];

/// The name that a target has on stdout.
pub fn shown(target: &str) -> String {
    target
        .trim_start_matches("*:")
        .replace("[::ffff:127.0.0.1]", "127.0.0.1")
}

/// What a source shows of the zoo, without what /proc does not know; it may show a listener more than
/// once.
pub fn listeners(source: &mut dyn Source, family: Family) -> BTreeSet<String> {
    let clock = SystemClock::start();
    let ports: Vec<u16> = (1..=2000).chain([8080]).collect();
    let question = Query {
        protocol: Protocol::Tcp,
        family,
        ports: Ports::These(&ports),
        deadline: Deadline::new(&clock, Duration::from_secs(10)),
    };
    let mut all = BTreeSet::new();
    let answer = source.listeners(question, &mut |listener| {
        all.insert(listener.to_string());
        ControlFlow::Continue(())
    });
    answer.unwrap();
    all
}
