//! `listenup resets`: what it says to programs, and where it cannot read everything.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::json;

use common::confined::{Confined, folder_with_listenup};
use common::in_namespace;
use common::program::{ProgramOutput, listenup};
use common::schema;
use common::watch::Watch;

#[test]
fn json_matches_the_schema() {
    in_namespace(|| {
        let watch = Watch::start("--every 1500ms --for 2s --format json");
        TcpStream::connect("127.0.0.1:81").unwrap_err();
        let said = watch.end().exits(0).stderr("");
        let document = schema::document(&said.stdout, "resets");
        assert_eq!(document["version"], 1);
        assert_eq!(document["errors"], json!([]));
        assert_eq!(document["firewall"], json!({ "uncounted_rules": [] }));
        let seconds = document["seconds"].as_f64().unwrap();
        assert!(seconds >= 2.0, "{seconds}");
        let counters = document["counters"].as_array().unwrap();
        let sent = counters.iter().find(|counter| counter["name"] == "OutRsts");
        let sent = sent.unwrap();
        assert_eq!((&sent["change"], &sent["total"]), (&1.into(), &1.into()));
        let grown = sent["per_second"].as_f64().unwrap() * seconds;
        assert!((grown - 1.0).abs() < 1e-9, "{grown}");
        let findings = document["findings"].as_array().unwrap().iter();
        let findings: Vec<_> = findings
            .map(|finding| [&finding["cause"], &finding["counters"], &finding["resets"]])
            .collect();
        assert_eq!(
            findings,
            [
                [&json!("attempts"), &json!(["AttemptFails"]), &json!(null)],
                [&json!("sent"), &json!(["OutRsts"]), &json!(null)],
            ]
        );
    });
}

const NOTHING: &str = "no resets or dropped connections found by the counters in 1ms";

/// A root whose /proc has these files, and the program.
fn root_with(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = folder_with_listenup();
    for (path, text) in files {
        let path = root.path().join("proc").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    root
}

#[test]
fn rare_counters_are_reported_from_a_fake_proc() {
    let netstat = "TcpExt: TCPAbortOnMemory TCPAbortOnTimeout TCPReqQFullDrop\nTcpExt: 1 2 3\n";
    let root = root_with(&[
        ("self/net/snmp", "Tcp: EstabResets\nTcp: 4\n"),
        ("self/net/netstat", netstat),
        (
            "self/net/stat/nf_conntrack",
            "invalid insert_failed drop early_drop\n1 a b c\n1 0 0 0\n",
        ),
        ("sys/net/netfilter/nf_conntrack_count", "7\n"),
        ("sys/net/netfilter/nf_conntrack_max", "8\n"),
    ]);
    Confined::listenup_in_root(root.path())
        .run("resets --trace off --for 1ms")
        .exits(0)
        .stdout_has(
            "\nbefore: EstabResets 4, TCPAbortOnMemory 1, TCPAbortOnTimeout 2, TCPReqQFullDrop 3, \
             nf_conntrack.drop 11, nf_conntrack.early_drop 12, nf_conntrack.insert_failed 10, \
             nf_conntrack.invalid 2\n",
        )
        .stderr("");
    let said =
        Confined::listenup_in_root(root.path()).run("resets --trace off --for 1ms --format json");
    let document = schema::document(&said.exits(0).stderr("").stdout, "resets");
    let counters = document["counters"].as_array().unwrap().iter();
    let counters: Vec<_> = counters
        .map(|counter| counter["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        counters,
        [
            "EstabResets",
            "TCPAbortOnMemory",
            "TCPAbortOnTimeout",
            "TCPReqQFullDrop",
            "nf_conntrack.drop",
            "nf_conntrack.early_drop",
            "nf_conntrack.insert_failed",
            "nf_conntrack.invalid",
        ],
        "no word of counters that are not there"
    );
}

#[test]
fn without_proc_resets_fails() {
    let root = root_with(&[]);
    let missing = ["snmp", "netstat"].map(|file| {
        format!("/proc/self/net/{file}: cannot be read: No such file or directory (ENOENT)")
    });
    let stderr = missing.clone().map(|line| format!("listenup: {line}\n"));
    Confined::listenup_in_root(root.path())
        .run("resets --trace off")
        .exits(1)
        .stdout("")
        .stderr(&stderr.concat());
    let said = Confined::listenup_in_root(root.path())
        .run("resets --trace off --format json")
        .exits(1)
        .stderr(&stderr.concat());
    let document = schema::document(&said.stdout, "resets");
    assert_eq!(document["findings"], json!([]));
    let errors = document["errors"].as_array().unwrap();
    assert_eq!(errors[..2], missing.map(serde_json::Value::from));
}

#[test]
fn an_unreadable_counter_file_is_named_and_the_rest_reported() {
    let root = root_with(&[
        ("self/net/snmp", "Tcp: EstabResets OutRsts\nTcp: 0 0\n"),
        ("self/net/netstat", ""),
        ("self/net/stat/nf_conntrack", ""),
    ]);
    for file in ["netstat", "stat/nf_conntrack"] {
        let path = root.path().join("proc/self/net").join(file);
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o000)).unwrap();
    }
    let words = [
        "--userspec=65534:65534",
        root.path().to_str().unwrap(),
        "/listenup",
    ];
    let mut chroot = Command::new("chroot");
    ProgramOutput::by(
        chroot
            .args(words)
            .args(["resets", "--trace", "off", "--for", "1ms"]),
    )
    .exits(0)
    .stdout(&format!(
        "{NOTHING}; resets by a firewall are not counted; not everything could be read\n"
    ))
    .stderr(
        "listenup: /proc/self/net/netstat: cannot be read: Permission denied (EACCES)\n\
             listenup: /proc/self/net/stat/nf_conntrack: cannot be read: Permission denied \
             (EACCES)\n",
    );
}

#[test]
fn a_proc_with_only_processes_is_enough() {
    in_namespace(|| {
        TcpStream::connect("127.0.0.1:81").unwrap_err();
        Confined::listenup()
            .with_only_processes_in_proc()
            .run("resets --trace off --for 1ms")
            .exits(0)
            .stdout(&format!("{NOTHING}\nbefore: AttemptFails 1, OutRsts 1\n"))
            .stderr("");
    });
}

#[test]
fn wrong_usage() {
    for (words, why) in [
        (
            "--for 500ms --every 1s",
            "--for 500ms must be at least --every 1s",
        ),
        ("--for 0s", "it must be greater than zero"),
        ("--every 0ms", "it must be greater than zero"),
        ("--every 1", "expected a number and a unit, such as 200ms"),
        ("--for", "a value is required for '--for <DURATION>'"),
        (
            "--format nagios",
            "invalid value 'nagios' for '--format <FORMAT>'",
        ),
        ("443", "unexpected argument '443' found"),
    ] {
        listenup(&format!("resets {words}"))
            .exits(1)
            .stdout("")
            .stderr_has(why);
    }
}

#[test]
fn a_closed_pipe_ends_resets_at_once() {
    let started = std::time::Instant::now();
    let (reader, writer) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).unwrap();
    let mut child = std::process::Command::new(common::program::LISTENUP)
        .args(["resets", "--trace", "off", "--every", "1h", "--for", "2h"])
        .stdout(writer)
        .spawn()
        .unwrap();
    drop(reader);
    child.wait().unwrap();
    // Half of what one interval would take; it takes milliseconds.
    assert!(started.elapsed() < std::time::Duration::from_secs(1800));
}
