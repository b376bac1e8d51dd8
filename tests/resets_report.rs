//! `listenup resets`: what it says to programs, and where it cannot read everything.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::json;

use common::confined::{Confined, folder_with_listenup};
use common::in_namespace;
use common::program::{Said, listenup};
use common::schema;
use common::watch::{NO_SOCKET, SENT, Watch};

#[test]
fn one_document_as_its_schema_says() {
    in_namespace(|| {
        let watch = Watch::start("--every 1500ms --for 2s --format json");
        TcpStream::connect("127.0.0.1:81").unwrap_err();
        let said = watch.end().exits(0).stderr("");
        let document = schema::document(&said.stdout, "resets");
        assert_eq!(document["version"], 1);
        assert_eq!(document["errors"], json!([]));
        let seconds = document["seconds"].as_f64().unwrap();
        assert!(seconds >= 2.0, "{seconds}");
        let mut causes = document["causes"].as_array().unwrap().clone();
        causes.retain(|cause| cause["active"] == true);
        for cause in &mut causes {
            let rate = cause["counters"][0]["per_second"].take();
            let grown = rate.as_f64().unwrap() * seconds;
            assert!((grown - 1.0).abs() < 1e-9, "{grown}");
        }
        let counters =
            |name: &str| json!([{ "name": name, "change": 1, "per_second": null, "total": 1 }]);
        assert_eq!(
            causes,
            [
                json!({
                    "cause": "no_socket", "active": true, "resets": [],
                    "name": "nothing listens or no such connection",
                    "counters": counters("OutRstsUnexplained"), "state": {}, "next": NO_SOCKET,
                }),
                json!({
                    "cause": "sent", "name": "resets sent", "active": true, "resets": [],
                    "counters": counters("OutRsts"), "state": {}, "next": SENT,
                }),
            ]
        );
        let [interval] = document["intervals"].as_array().unwrap().as_slice() else {
            panic!("{document:#}");
        };
        assert_eq!(interval["from"], 0.0);
        assert_eq!(
            interval["changes"],
            json!({ "OutRsts": 1, "OutRstsUnexplained": 1 })
        );
    });
}

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
fn counters_that_cannot_be_made_to_move_here() {
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
        .stdout(
            "nothing wrong in 1ms; before that: accept queue full (TCPReqQFullDrop 3), peer does \
             not answer (TCPAbortOnTimeout 2), out of memory for sockets (TCPAbortOnMemory 1), \
             connection tracking (nf_conntrack.drop 11, nf_conntrack.early_drop 12, \
             nf_conntrack.insert_failed 10, nf_conntrack.invalid 2), established connections cut \
             (EstabResets 4)\n",
        )
        .stderr("");
    let said =
        Confined::listenup_in_root(root.path()).run("resets --trace off --for 1ms --format json");
    let document = schema::document(&said.exits(0).stderr("").stdout, "resets");
    let causes: Vec<_> = document["causes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|cause| cause["cause"].as_str().unwrap())
        .collect();
    assert_eq!(
        causes,
        ["accept_queue", "time_out", "memory", "conntrack", "cut"],
        "no word of counters that are not there"
    );
    assert_eq!(
        document["causes"][3]["state"],
        json!({ "nf_conntrack_count": 7, "nf_conntrack_max": 8 })
    );
}

#[test]
fn without_proc_there_is_nothing_to_say() {
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
    assert_eq!(document["causes"], json!([]));
    assert_eq!(document["errors"], json!(missing));
}

#[test]
fn a_refusal_is_named_and_the_rest_is_told() {
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
    Said::by(
        chroot
            .args(words)
            .args(["resets", "--trace", "off", "--for", "1ms"]),
    )
    .exits(0)
    .stdout("nothing wrong in 1ms by what could be read, nor before\n")
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
            .stdout(
                "nothing wrong in 1ms; before that: nothing listens or no such connection \
                 (OutRstsUnexplained 1), resets sent (OutRsts 1)\n",
            )
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
        ("--for 0s", "it must be longer than nothing"),
        ("--every 0ms", "it must be longer than nothing"),
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
fn a_reader_that_is_gone_ends_it_at_once() {
    let started = std::time::Instant::now();
    let (reader, writer) = std::io::pipe().unwrap();
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
