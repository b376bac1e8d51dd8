//! `listenup watch`: what looks cost, and what they bridge.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::fs;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::program::LISTENUP;
use common::sockets::{listen, listen_with};
use common::watcher::{Killed, Watcher, await_says};
use common::{in_namespace, ip};

/// The processor's time of a process, in seconds.
fn processor(pid: i32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}

/// The share of one processor that a watch takes for a while.
fn share(watcher: &Watcher, time: Duration) -> f64 {
    let pid = watcher.pid().as_raw();
    let (before, begun) = (processor(pid), Instant::now());
    thread::sleep(time);
    (processor(pid) - before) / begun.elapsed().as_secs_f64()
}

/// Listeners beside the one that is watched, so that a walk over /proc takes a while.
fn many() -> Vec<socket2::Socket> {
    let member = || {
        listen_with("127.0.0.2", 444, |socket| {
            socket.set_reuse_port(true).unwrap()
        })
    };
    (0..200).map(|_| member()).collect()
}

#[test]
fn looks_at_proc_use_at_most_a_twentieth_of_a_processor() {
    in_namespace(|| {
        let others = many();
        let socket = listen("127.0.0.1", 443);
        let watcher = Watcher::start("--every 5ms --retry-for 300ms --source proc 443");
        let up = share(&watcher, Duration::from_secs(2));
        drop(socket);
        watcher.await_value("1");
        // The looks before it said down are paid for by the rest after them.
        let down = share(&watcher, Duration::from_secs(4));
        // 5 %, and a part for the rest of the program without optimization.
        assert!(up < 0.15 && down < 0.15, "{up} {down}");
        watcher.end();
        drop(others);
    });
}

#[test]
fn a_lasting_absence_is_checked_at_the_requested_interval() {
    in_namespace(|| {
        let others = many();
        let watcher = Watcher::start("-v --every 20ms --absent 443");
        assert_eq!(watcher.says(), "0");
        // The cross-check walks over /proc, and does not hold up the next look.
        thread::sleep(Duration::from_secs(2));
        let _socket = listen("127.0.0.1", 443);
        watcher.await_value("1");
        watcher.end();
        drop(others);
    });
}

#[test]
fn a_storm_of_events_is_throttled() {
    in_namespace(|| {
        let _socket = listen("127.0.0.1", 443);
        let watcher = Watcher::start("--every 1h 443");
        let over = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&over);
        // As any user may do it, with a port from 1024 on. The thread must be in this namespace.
        let storm = thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                drop(listen("127.0.0.2", 443));
            }
        });
        let taken = share(&watcher, Duration::from_secs(2));
        over.store(true, Ordering::Relaxed);
        storm.join().unwrap();
        assert!(taken < 0.15, "{taken}");
        watcher.end();
    });
}

#[test]
fn retry_for_bridges_a_short_gap() {
    in_namespace(|| {
        ip("link add dev0 type veth peer name dev1");
        ip("link set dev0 up");
        let _socket = listen("0.0.0.0", 443);
        let words = "--every 5ms --retry-for 20s --timeout 21s --interface dev0 443";
        let watcher = Watcher::start(words);
        for _ in 0..5 {
            ip("link delete dev0");
            thread::sleep(Duration::from_millis(50));
            ip("link add dev0 type veth peer name dev1");
            ip("link set dev0 up");
        }
        watcher.await_notice("WATCHDOG=1");
        let said = watcher.end().stderr("");
        assert_eq!(said.stdout.lines().count(), 1, "{said:?}");
    });
}

#[test]
fn a_service_that_crashes_every_second_is_one_change_with_the_rise_of_the_unit() {
    in_namespace(|| {
        let socket = listen("127.0.0.1", 443);
        let watcher = Watcher::start("--every 5ms --rise 3s 443");
        drop(socket);
        watcher.await_value("1");
        for _ in 0..4 {
            let socket = listen("127.0.0.1", 443);
            thread::sleep(Duration::from_secs(1));
            drop(socket);
            thread::sleep(Duration::from_millis(100));
        }
        let said = watcher.end();
        assert_eq!(said.stdout.lines().count(), 2, "{said:?}");
    });
}

#[test]
fn events_that_end_are_subscribed_to_again() {
    in_namespace(|| {
        let mut socket = Some(listen("127.0.0.1", 443));
        let folder = tempfile::tempdir().unwrap();
        let track = folder.path().join("track");
        // Of the program's calls recvfrom(2) alone receives events. Its first answer is an error, which ends them.
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=recvfrom"]);
        command.args(["-e", "inject=recvfrom:error=EIO:when=1", LISTENUP]);
        command
            .args(["watch", "--every", "2s", "443", "--track-file"])
            .arg(&track);
        let said = folder.path().join("said");
        command
            .stdout(Stdio::null())
            .stderr(fs::File::create(&said).unwrap());
        let _watch = Killed(command.spawn().unwrap());
        for _ in 0..2 {
            await_says(&track, "0");
            drop(socket.take());
            await_says(&track, "1");
            socket = Some(listen("127.0.0.1", 443));
        }
        let said = fs::read_to_string(said).unwrap();
        let ended = "listenup: the kernel's events have ended: receive: I/O error (EIO)\n";
        assert_eq!(said, ended);
    });
}
