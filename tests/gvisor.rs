//! Inside gVisor, whose /proc/self/net looks like Linux's and is not: a table in no order, and one without rows.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::process::{Command, Stdio};

use common::program::{LISTENUP, ProgramOutput};

/// Runs a line of sh inside gVisor, in which `$0` is the program.
fn inside(line: &str) -> ProgramOutput {
    let state = tempfile::tempdir().unwrap();
    let mut command = Command::new("runsc");
    command
        .arg(format!("--root={}", state.path().display()))
        .args(["--ignore-cgroups", "--network=none", "--platform=ptrace"])
        .args([
            "do",
            "-force-overlay=false",
            "/bin/sh",
            "-c",
            line,
            LISTENUP,
        ])
        .stdin(Stdio::null());
    let output = command.output();
    let output = output
        .expect("this test needs runsc, Debian's package of that name; scripts/test installs it");
    ProgramOutput::of(line.to_owned(), output)
}

/// Python that keeps so many connections to 127.0.0.1:5000 and a UDP socket on [::]:5353, and then runs the program.
const SOCKETS: &str = r#"
import socket, subprocess, sys
program, words = sys.argv[1], sys.argv[2:]
listener = socket.socket()
listener.bind(('127.0.0.1', 5000))
listener.listen(512)
udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
udp.bind(('::', 5353))
kept = []
for _ in range(60):
    client = socket.socket()
    client.connect(('127.0.0.1', 5000))
    kept += [client, listener.accept()[0]]
for _ in range(10):
    run = subprocess.run([program, 'check', '--timeout', '20s'] + words, capture_output=True, text=True)
    print(run.returncode, run.stdout.strip(), run.stderr.strip())
"#;

fn ten_checks(words: &str) -> Vec<String> {
    let script = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(script.path(), SOCKETS).unwrap();
    let said = inside(&format!(
        "python3 {} \"$0\" {words}",
        script.path().display()
    ))
    .exits(0);
    let lines: Vec<String> = said.stdout.lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 10, "{said:?}");
    lines
}

#[test]
fn with_many_connections_a_listener_is_never_reported_down() {
    for line in ten_checks("127.0.0.1:5000") {
        assert_eq!(
            line.trim_end(),
            "0 127.0.0.1:5000: listening on 127.0.0.1:5000"
        );
    }
    for line in ten_checks("127.0.0.1:5001") {
        assert_eq!(line.trim_end(), "1 127.0.0.1:5001: not listening");
    }
}

#[test]
fn an_ipv6_udp_socket_that_gvisor_hides_is_could_not_tell() {
    for line in ten_checks("udp:5353") {
        assert!(line.starts_with("1 udp:5353: could not tell"), "{line}");
        assert!(line.contains("without drops"), "{line}");
    }
}
