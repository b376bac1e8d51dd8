//! `listenup resets` with this kernel's trace.

use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::verdicts::Verdicts;
use crate::{attach, trace, version};

/// Has the resets of trace.rs named. Counts lines of the summary.
pub fn named() -> Verdicts {
    let tracefs = "/sys/kernel/tracing";
    std::fs::create_dir_all(tracefs).unwrap();
    attach("tracefs", tracefs, None);
    let listenup = Command::new("/listenup")
        .args(["resets", "--trace", "on", "--for", "8s", "--every", "8s"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let instance = format!("{tracefs}/instances/listenup-resets-{}-1", listenup.id());
    let enabled = format!("{instance}/events/tcp/tcp_receive_reset/enable");
    while !std::fs::read_to_string(&enabled).is_ok_and(|text| text.starts_with('1')) {
        sleep(Duration::from_millis(10));
    }
    // Its first sample comes a moment after that.
    sleep(Duration::from_secs(2));
    trace::resets();
    let said = listenup.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&said.stdout);
    let mut verdicts = Verdicts::default();
    for line in expected() {
        let found = text.lines().any(|one| one.trim_start().starts_with(line));
        // On one line, since only the first of a message is printed.
        verdicts.note(found, || {
            format!("no {line:?} in {}", text.replace('\n', " | "))
        });
    }
    let gone = !Path::new(&instance).exists();
    verdicts.note(gone, || format!("{instance} is still there"));
    verdicts
}

/// How the lines begin.
fn expected() -> Vec<&'static str> {
    let version = version::upstream();
    let mut numbers = version.split('.').map(|number| number.parse().unwrap());
    let version: (u32, u32) = (numbers.next().unwrap(), numbers.next().unwrap());
    if version >= (6, 10) {
        vec![
            "sent by 127.0.0.1:1099: 1 to 127.0.0.1 (NO_SOCKET); nothing listens there now",
            "sent by [::1]:1099: 1 to ::1 (NO_SOCKET); nothing listens there now",
            // Both ports are below the range of clients, and the listener is gone: it cannot be told whose port is the service's.
            "sent by 127.0.0.1:1098 with the peer's port 1097: 1 to 127.0.0.1 (TCP_ABORT_ON_CLOSE); by init (1)",
            "sent by 127.0.0.1:1098 with the peer's port 1096: 1 to 127.0.0.1 (TCP_STATE); by init (1)",
        ]
    } else {
        vec![
            "sent by 127.0.0.1:1098: 2 to 127.0.0.1",
            "received by 127.0.0.1 as a client of port 1099: 1 from 127.0.0.1",
            "received by ::1 as a client of port 1099: 1 from ::1",
            "this kernel traces no resets without a socket and no reasons (Linux 6.10 does)",
        ]
    }
}
