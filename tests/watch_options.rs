//! What the options of a watch do together.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::fs;
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;

use common::confined::{Confined, folder_with_listenup};
use common::in_namespace;
use common::program::{listenup, sh};
use common::sockets::listen;
use common::watcher::{Killed, Watcher, assert_changes, await_says};

#[test]
fn a_watch_that_takes_over_keeps_the_value_for_rise_and_fall() {
    in_namespace(|| {
        let socket = listen("127.0.0.1", 443);
        let words = "--initial keep --rise 1h --fall 1h 443";
        let watcher = Watcher::start(words);
        assert_eq!(watcher.says(), "0");
        drop(socket);
        watcher.forget_notices(Duration::from_secs(20));
        watcher.await_notice("WATCHDOG=1");
        assert_eq!(watcher.says(), "0");
        let folder = handed_over(watcher, "0");

        // The fall begins anew.
        let watcher = Watcher::start_in(folder, Confined::new("sh"), words);
        assert_eq!(watcher.says(), "0");
        let folder = handed_over(watcher, "0");

        let _socket = listen("127.0.0.1", 443);
        let file = folder.path().join("track");
        fs::write(&file, "5\n").unwrap();
        let watcher = Watcher::start_in(folder, Confined::new("sh"), words);
        assert_eq!(watcher.says(), "1");
        let folder = handed_over(watcher, "1");

        // Without a value the first verdict counts at once.
        fs::remove_file(&file).unwrap();
        let watcher = Watcher::start_in(folder, Confined::new("sh"), words);
        assert_eq!(watcher.says(), "0");
        watcher.end();
    });
}

#[test]
fn check_options_refuses_a_file_that_cannot_be_written() {
    in_namespace(|| {
        let root = folder_with_listenup();
        let (program, folder) = (root.path().join("listenup"), tempfile::tempdir().unwrap());
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let words = |name: &str| format!("watch --check-options --track-file {} 443", path(name));
        let refused =
            |name: &str, why: &str| format!("listenup: {} cannot be written: {why}\n", path(name));
        listenup(&words("track")).exits(0).stderr("");
        assert!(!folder.path().join("track").exists(), "it changes nothing");
        let missing = "No such file or directory (ENOENT)";
        listenup(&words("no/track"))
            .exits(1)
            .stderr(&refused("no/track", missing));
        let nobody = |name| Confined::new(&program).by_nobody().run(&words(name));
        nobody("track")
            .exits(1)
            .stderr(&refused("track", "Permission denied (EACCES)"));
        // A file that exists is enough, as a mounted one in a container.
        fs::write(folder.path().join("track"), "0\n").unwrap();
        nobody("track")
            .exits(1)
            .stderr(&refused("track", "Permission denied (EACCES)"));
        fs::set_permissions(
            folder.path().join("track"),
            fs::Permissions::from_mode(0o666),
        )
        .unwrap();
        nobody("track").exits(0).stderr("");
    });
}

#[test]
fn a_watchdog_time_of_0_means_no_watchdog() {
    in_namespace(|| {
        let folder = tempfile::tempdir().unwrap();
        let line = r#"WATCHDOG_USEC=TIME timeout 1 "$0" watch -q --track-file "FILE" 443"#;
        let line = line.replace("FILE", &folder.path().join("track").display().to_string());
        // Of timeout(1), whose time was over.
        let with = |time: &str| sh(&line.replace("TIME", time)).exits(124);
        with("1").stderr("");
        with("0").stderr("");
    });
}

/// The folder of a watch that was killed, whose file says this.
#[track_caller]
fn handed_over(watcher: Watcher, says: &str) -> tempfile::TempDir {
    let (_, folder) = watcher.end_with(Signal::SIGKILL);
    assert_eq!(common::watcher::says(&folder.path().join("track")), says);
    fs::remove_file(folder.path().join("notify")).unwrap();
    folder
}

#[test]
fn targets_that_flap_change_nothing_while_enough_listen() {
    in_namespace(|| {
        let steady = listen("127.0.0.1", 443);
        let watcher = Watcher::start("--every 5ms --any 443 80 81");
        for _ in 0..100 {
            drop([listen("127.0.0.1", 80), listen("127.0.0.1", 81)]);
        }
        let other = listen("127.0.0.1", 81);
        drop(steady);
        drop(listen("127.0.0.1", 80));
        assert_eq!(watcher.says(), "0");
        drop(other);
        watcher.await_value("1");
        let said = watcher.end().stderr("");
        assert_changes(
            &said.stdout,
            &["up (0)", "down (1): 0 of 3 listening, 1 needed; "],
        );
    });
}

#[test]
fn absent_goes_up_by_event_and_down_by_a_look() {
    in_namespace(|| {
        let socket = listen("127.0.0.1", 443);
        let watcher = Watcher::start("--every 1h --absent 443");
        assert_eq!(watcher.says(), "1");
        drop(socket);
        watcher.await_value("0");
        watcher.end();

        let watcher = Watcher::start("--every 5ms --absent 443");
        assert_eq!(watcher.says(), "0");
        let _socket = listen("127.0.0.1", 443);
        watcher.await_value("1");
        watcher.end();
    });
}

#[test]
fn a_negative_value_for_down_stays_after_the_end() {
    in_namespace(|| {
        let words = "--down-value -50 --initial keep 443";
        let watcher = Watcher::start(words);
        assert_eq!(watcher.says(), "-50");
        let socket = listen("127.0.0.1", 443);
        watcher.await_value("0");
        drop(socket);
        watcher.await_value("-50");
        let (said, folder) = watcher.end_with(Signal::SIGTERM);
        said.exits(0).stderr("");
        let file = folder.path().join("track");
        assert_eq!(fs::read_to_string(file).unwrap(), "-50\n");
    });
}

#[test]
fn a_queue_that_was_full_and_drains_is_up_again() {
    in_namespace(|| {
        let socket = listen("127.0.0.1", 443);
        let watcher = Watcher::start("--every 5ms --max-queue 2 443");
        assert_eq!(watcher.says(), "0");
        // Up to the limit of 16, and the one more that the kernel takes.
        let waiting: Vec<TcpStream> = (0..17)
            .map(|_| TcpStream::connect("127.0.0.1:443").unwrap())
            .collect();
        watcher.await_value("1");
        for _ in &waiting {
            socket.accept().unwrap();
        }
        watcher.await_value("0");
        let said = watcher.end().stderr("");
        assert_changes(
            &said.stdout,
            &["up (0)", "down (1): 443: queue too long: ", "up (0)"],
        );
    });
}

#[test]
fn an_owner_that_re_executes_itself_stays_the_owner() {
    in_namespace(|| {
        let socket = listen("127.0.0.1", 443);
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("again");
        fs::write(&script, "exec sh \"$0\"\n").unwrap();
        let mut command = Command::new("sh");
        command.arg(&script).stdin(OwnedFd::from(socket));
        let service = Killed(command.spawn().unwrap());
        // The command has the socket, too.
        drop(command);
        // It is called so a moment after it was started (fs/exec.c, begin_new_exec).
        let comm = PathBuf::from(format!("/proc/{}/comm", service.0.id()));
        await_says(&comm, "sh");
        let watcher = Watcher::start("--every 1ms --owner-process sh 443");
        assert_eq!(watcher.says(), "0");
        for _ in 0..4 {
            watcher.await_notice("WATCHDOG=1");
        }
        drop(service);
        watcher.await_value("1");
        let said = watcher.end().stderr("");
        assert_changes(&said.stdout, &["up (0)", "down (1): 443: not listening"]);
    });
}
