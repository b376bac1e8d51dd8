use super::*;
use crate::commands::resets::causes::{CAUSES, UNEXPLAINED};

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("../../../../tests/fixtures/", $name))
    };
}

const SNMP: &str = fixture!("6.18-x86_64/snmp");
const NETSTAT: &str = fixture!("6.18-x86_64/netstat");
const NF_CONNTRACK: &str = fixture!("6.18-x86_64/nf_conntrack");

/// A figure as a test of its own would find it in a file: by the number of its column.
fn column(text: &str, prefix: &str, name: &str) -> u64 {
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with(prefix))
        .collect();
    let at = lines[0]
        .split_whitespace()
        .position(|word| word == name)
        .unwrap();
    lines[1]
        .split_whitespace()
        .nth(at)
        .unwrap()
        .parse()
        .unwrap()
}

/// A /proc with these files.
fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    root
}

#[test]
fn what_kernels_write() {
    // By scripts/capture.rs, with one closed port.
    for (snmp_text, netstat_text) in [
        (
            fixture!("5.10-x86_64/snmp"),
            fixture!("5.10-x86_64/netstat"),
        ),
        (fixture!("6.1-x86_64/snmp"), fixture!("6.1-x86_64/netstat")),
        (
            fixture!("6.12-x86_64/snmp"),
            fixture!("6.12-x86_64/netstat"),
        ),
        (SNMP, NETSTAT),
        (fixture!("7.2-x86_64/snmp"), fixture!("7.2-x86_64/netstat")),
    ] {
        let expected = [("EstabResets", 0), ("OutRsts", 1)];
        assert_eq!(snmp(snmp_text).unwrap(), expected);
        let by_procfs = Snmp::from_read(snmp_text.as_bytes());
        assert_eq!(by_procfs.is_ok(), snmp_text.contains("UdpLite:"));
        let found = netstat(netstat_text).unwrap();
        assert_eq!(found.len(), TCP_EXT.len(), "{found:?}");
        for (name, figure) in found {
            assert_eq!(figure, column(netstat_text, "TcpExt:", name), "{name}");
        }
    }
    // Of 6.1 with the module of nf_conntrack loaded.
    for text in [NF_CONNTRACK, fixture!("6.1-x86_64/nf_conntrack")] {
        let found = conntrack(text).unwrap();
        assert_eq!(found, CONNTRACK.map(|(_, name)| (name, 0)));
    }
}

#[test]
fn every_counter_is_its_own_column() {
    for (nth, wanted) in TCP_EXT.iter().enumerate() {
        let figures = TCP_EXT.map(|name| if name == *wanted { "7" } else { "0" });
        let text = format!(
            "TcpExt: {}\nTcpExt: {}\nIpExt: InOctets\nIpExt: 9\n",
            TCP_EXT.join(" "),
            figures.join(" ")
        );
        let mut expected = TCP_EXT.map(|name| (name, 0));
        expected[nth].1 = 7;
        assert_eq!(netstat(&text).unwrap(), expected);
    }
}

#[test]
fn unknown_columns_and_another_order_do_not_matter() {
    let text = "IpExt: InOctets\nIpExt: 9\n\
        TcpExt: New ListenDrops TCPNew ListenOverflows\nTcpExt: 1 2 3 4\n";
    assert_eq!(
        netstat(text).unwrap(),
        [("ListenDrops", 2), ("ListenOverflows", 4)]
    );
    let text = SNMP
        .replace("OutRsts", "New OutRsts")
        .replace(" 1 0\nUdp:", " 5 1 0\nUdp:");
    assert_eq!(snmp(&text).unwrap(), [("EstabResets", 0), ("OutRsts", 1)]);
}

#[test]
fn what_a_kernel_does_not_have_is_left_out() {
    let without_udp_lite: String = SNMP
        .lines()
        .filter(|line| !line.starts_with("UdpLite:"))
        .map(|line| format!("{line}\n"))
        .collect();
    assert_eq!(
        snmp(&without_udp_lite).unwrap(),
        [("EstabResets", 0), ("OutRsts", 1)]
    );
    assert_eq!(
        snmp("Tcp: InSegs OutRsts\nTcp: 1 2\n").unwrap(),
        [("OutRsts", 2)]
    );
    assert_eq!(netstat("TcpExt: TW\nTcpExt: 5\n").unwrap(), []);
    assert_eq!(
        conntrack("entries drop\n00000001 00000002\n").unwrap(),
        [("nf_conntrack.drop", 2)]
    );
}

#[test]
fn a_file_in_another_form_gives_nothing() {
    for text in [
        "",
        "TcpExt:",
        "TcpExt: ListenDrops",
        "TcpExt: ListenDrops\n",
        "TcpExt: ListenDrops\nIpExt: 5\n",
        "TcpExt: ListenDrops\nTcpExt:\n",
        "TcpExt: ListenDrops TW\nTcpExt: 5\n",
        "TcpExt: ListenDrops\nTcpExt: 5 6\n",
        "TcpExt: ListenDrops\nTcpExt: -5\n",
        "TcpExt: ListenDrops\nTcpExt: x\n",
        "TcpExt: ListenDrops\nTcpExt: 18446744073709551616\n",
    ] {
        assert_eq!(netstat(text), Err(Problem::Format), "{text:?}");
        let text = text
            .replace("TcpExt", "Tcp")
            .replace("ListenDrops", "OutRsts");
        assert_eq!(snmp(&text), Err(Problem::Format), "{text:?}");
    }
    for text in [
        "",
        "drop\n",
        "drop invalid\n00000001\n",
        "drop\n00000001 00000002\n",
        "drop\n0000000g\n",
        "drop\n100000000\n",
    ] {
        assert_eq!(conntrack(text), Err(Problem::Format), "{text:?}");
    }
    for text in ["", "x", "-1", "1 2"] {
        assert_eq!(number("n", text), Err(Problem::Format), "{text:?}");
    }
}

#[test]
fn conntrack_is_hexadecimal_and_summed_over_cpus() {
    // From before the second column was called clashres: names count, not places.
    let text = "entries  searched found new invalid ignore delete delete_list insert \
        insert_failed drop early_drop icmp_error  expect_new expect_create expect_delete\n\
        00000012  0 0 0 0000000a 0 0 0 0 00000001 000000ff 00000000 0  0 0 0 \n\
        00000012  0 0 0 00000001 0 0 0 0 00000000 00000001 ffffffff 0  0 0 0 \n\
        00000012  0 0 0 00000000 0 0 0 0 00000000 00000000 00000001 0  0 0 0 \n";
    assert_eq!(
        conntrack(text).unwrap(),
        [
            ("nf_conntrack.drop", 256),
            ("nf_conntrack.early_drop", 4_294_967_296),
            ("nf_conntrack.insert_failed", 1),
            ("nf_conntrack.invalid", 11),
        ]
    );
}

#[test]
fn a_whole_root() {
    let root = root(&[
        ("self/net/snmp", SNMP),
        ("self/net/netstat", NETSTAT),
        ("self/net/stat/nf_conntrack", NF_CONNTRACK),
        ("sys/net/netfilter/nf_conntrack_count", "12\n"),
        ("sys/net/netfilter/nf_conntrack_max", "262144\n"),
        ("sys/net/ipv4/tcp_abort_on_overflow", "1\n"),
    ]);
    let (sample, faults) = Sample::read(root.path());
    assert_eq!(faults, []);
    assert_eq!(sample.0.len(), 2 + TCP_EXT.len() + CONNTRACK.len() + 3);
    for (name, figure) in [
        ("OutRsts", 1),
        ("nf_conntrack_count", 12),
        ("nf_conntrack_max", 262_144),
        ("tcp_abort_on_overflow", 1),
    ] {
        assert_eq!(sample.get(name), Some(figure), "{name}");
    }
    assert_eq!(sample.get("InSegs"), None);
    for cause in &CAUSES {
        for name in cause.counters.iter().chain(cause.state) {
            assert!(
                *name == UNEXPLAINED || sample.get(name).is_some(),
                "{name} of {} is never read",
                cause.id
            );
        }
    }
}

#[test]
fn only_what_every_kernel_has_is_missed() {
    let root = root(&[]);
    let (sample, faults) = Sample::read(root.path());
    assert!(sample.is_empty());
    let path = root.path().display();
    assert_eq!(
        faults.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["snmp", "netstat"].map(|file| format!(
            "{path}/self/net/{file}: cannot be read: No such file or directory (ENOENT)"
        ))
    );
}

#[test]
fn a_file_that_is_there_and_cannot_be_read_is_named() {
    let root = root(&[
        ("self/net/snmp", SNMP),
        ("self/net/netstat", "?"),
        ("self/net/stat/nf_conntrack/folder", ""),
    ]);
    std::fs::create_dir_all(root.path().join("sys/net/ipv4")).unwrap();
    let setting = root.path().join("sys/net/ipv4/tcp_abort_on_overflow");
    std::fs::write(setting, b"\xff").unwrap();
    let (sample, faults) = Sample::read(root.path());
    assert_eq!(sample, Sample::from([("EstabResets", 0), ("OutRsts", 1)]));
    let path = root.path().display();
    assert_eq!(
        faults.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            format!("{path}/self/net/netstat: is not in the form that is known"),
            format!("{path}/self/net/stat/nf_conntrack: cannot be read: Is a directory (EISDIR)"),
            format!("{path}/sys/net/ipv4/tcp_abort_on_overflow: is not text"),
        ]
    );
}
