use super::*;
use crate::commands::resets::causes::Cause;

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

fn parse(form: Form, text: &str) -> Result<Vec<(&'static str, u64)>, Problem> {
    let mut sample = Sample::default();
    sample.add("sys/tcp_abort_on_overflow", form, text.as_bytes())?;
    Ok(sample.0.into_iter().collect())
}

#[test]
fn counters_of_captured_kernels_are_parsed() {
    // By scripts/capture.rs, with one closed port.
    for (snmp, netstat) in [
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
        let expected = [("AttemptFails", 1), ("EstabResets", 0), ("OutRsts", 1)];
        assert_eq!(parse(Form::Sections, snmp).unwrap(), expected);
        let found = parse(Form::Sections, netstat).unwrap();
        assert!(found.len() >= 7, "{found:?}");
        for (name, figure) in found {
            let section = if name.starts_with("MP") {
                "MPTcpExt:"
            } else {
                "TcpExt:"
            };
            assert_eq!(figure, column(netstat, section, name), "{name}");
        }
    }
    // Of 6.1 with the module of nf_conntrack loaded.
    for text in [NF_CONNTRACK, fixture!("6.1-x86_64/nf_conntrack")] {
        let expected = ["drop", "early_drop", "insert_failed", "invalid"];
        let found = parse(Form::PerCpu, text).unwrap();
        let names: Vec<_> = found.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, expected.map(|name| format!("nf_conntrack.{name}")));
    }
}

#[test]
fn unknown_columns_and_another_order_do_not_matter() {
    let text = "IpExt: InOctets\nIpExt: 9\nEmptyExt:\nEmptyExt:\n\
        TcpExt: New ListenDrops TCPNew ListenOverflows\nTcpExt: -1 2 3 4\n";
    assert_eq!(
        parse(Form::Sections, text).unwrap(),
        [("ListenDrops", 2), ("ListenOverflows", 4)]
    );
    assert_eq!(
        parse(Form::Sections, "TcpExt: TW\nTcpExt: 5\n").unwrap(),
        []
    );
}

#[test]
fn a_file_in_another_format_is_an_error() {
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
        assert_eq!(parse(Form::Sections, text), Err(Problem::Form), "{text:?}");
    }
    for text in [
        "",
        "drop\n",
        "drop invalid\n00000001\n",
        "drop\n00000001 00000002\n",
        "drop\n0000000g\n",
    ] {
        assert_eq!(parse(Form::PerCpu, text), Err(Problem::Form), "{text:?}");
    }
    for text in ["", "x", "-1", "1 2"] {
        assert_eq!(parse(Form::Number, text), Err(Problem::Form), "{text:?}");
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
        parse(Form::PerCpu, text).unwrap(),
        [
            ("nf_conntrack.drop", 256),
            ("nf_conntrack.early_drop", 4_294_967_296),
            ("nf_conntrack.insert_failed", 1),
            ("nf_conntrack.invalid", 11),
        ]
    );
}

#[test]
fn all_counters_are_read_from_proc() {
    let root = root(&[
        ("self/net/snmp", SNMP),
        ("self/net/netstat", NETSTAT),
        ("self/net/stat/nf_conntrack", NF_CONNTRACK),
        ("sys/net/netfilter/nf_conntrack_count", "12\n"),
        ("sys/net/netfilter/nf_conntrack_max", "262144\n"),
        ("sys/net/ipv4/tcp_abort_on_overflow", "1\n"),
    ]);
    let (sample, errors) = Sample::read(root.path());
    assert_eq!(errors, []);
    for (name, figure) in [
        ("OutRsts", 1),
        ("nf_conntrack_count", 12),
        ("nf_conntrack_max", 262_144),
        ("tcp_abort_on_overflow", 1),
    ] {
        assert_eq!(sample.get(name), Some(figure), "{name}");
    }
    assert_eq!(sample.get("InSegs"), None);
    for cause in Cause::all().map(Cause::describe) {
        for name in cause.counters.iter().chain(cause.state) {
            let is_read = sample.get(name).is_some() || name.starts_with("MP");
            assert!(is_read, "{name} of {} is never read", cause.id);
        }
    }
}

#[test]
fn only_files_that_every_kernel_has_are_reported_missing() {
    let root = root(&[]);
    let (sample, errors) = Sample::read(root.path());
    assert!(sample.is_empty());
    let path = root.path().display();
    assert_eq!(
        errors.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["snmp", "netstat"].map(|file| format!(
            "{path}/self/net/{file}: cannot be read: No such file or directory (ENOENT)"
        ))
    );
}

#[test]
fn an_unreadable_file_is_named() {
    let root = root(&[
        ("self/net/snmp", SNMP),
        ("self/net/netstat", "TcpExt: ListenDrops TW\nTcpExt: 5\n"),
        ("self/net/stat/nf_conntrack/folder", ""),
    ]);
    std::fs::create_dir_all(root.path().join("sys/net/ipv4")).unwrap();
    let setting = root.path().join("sys/net/ipv4/tcp_abort_on_overflow");
    std::fs::write(setting, b"\xff").unwrap();
    let (sample, errors) = Sample::read(root.path());
    assert_eq!(
        sample,
        Sample::from([("AttemptFails", 1), ("EstabResets", 0), ("OutRsts", 1)])
    );
    let path = root.path().display();
    assert_eq!(
        errors.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            format!("{path}/self/net/netstat: has an unknown format"),
            format!("{path}/self/net/stat/nf_conntrack: cannot be read: Is a directory (EISDIR)"),
            format!("{path}/sys/net/ipv4/tcp_abort_on_overflow: has an unknown format"),
        ]
    );
}

#[test]
fn growth_is_unknown_after_a_counter_was_reset() {
    let before = Sample::from([("OutRsts", 5), ("ListenDrops", 7), ("nf_conntrack_max", 1)]);
    let after = Sample::from([
        ("OutRsts", 8),
        ("ListenDrops", 2),
        ("EstabResets", 1),
        ("nf_conntrack_max", 2),
    ]);
    let changes = Changes::between(&before, &after);
    let moved: Vec<_> = changes.changed().collect();
    let growth = |by, total| Growth { by, total };
    let expected = [
        ("ListenDrops", growth(None, 2)),
        ("OutRsts", growth(Some(3), 8)),
    ];
    assert_eq!(moved, expected);
    assert_eq!(changes.growth("OutRsts"), 3);
    assert_eq!(changes.growth("EstabResets"), 0, "it was not known before");
    assert_eq!(
        growth(Some(3), 8).per_second(Duration::from_secs(2)),
        Some(1.5)
    );
    assert_eq!(growth(Some(3), 8).per_second(Duration::ZERO), None);
}
