//! `listenup watch`: the file follows the listener, and fails shut.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use socket2::Socket;

use common::confined::{Call, Confined};
use common::in_namespace;
use common::program::{LISTENUP, example, listenup};
use common::schema;
use common::service::Service;
use common::sockets::{listen, listen_with};
use common::watcher::{Killed, Watcher, await_says, exec_stop_post, says};

#[test]
fn the_file_follows_the_listener_and_is_never_empty() {
    in_namespace(|| {
        let mut socket = Some(listen("127.0.0.1", 443));
        let watcher = Watcher::start("443");
        assert_eq!(watcher.says(), "0");
        let (file, over) = (watcher.file.clone(), Arc::new(AtomicBool::new(false)));
        let seen = Arc::clone(&over);
        let reader = thread::spawn(move || {
            while !seen.load(Ordering::Relaxed) {
                let says = fs::read_to_string(&file).unwrap();
                assert!(["0\n", "1\n"].contains(&says.as_str()), "{says:?}");
            }
        });
        for _ in 0..20 {
            // After a look for an event comes a rest, by the processor time that it has taken.
            thread::sleep(Duration::from_millis(300));
            drop(socket.take());
            watcher.await_value("1");
            socket = Some(listen("127.0.0.1", 443));
            watcher.await_value("0");
        }
        over.store(true, Ordering::Relaxed);
        reader.join().unwrap();
        let said = watcher.end();
        let states = said
            .stdout
            .lines()
            .map(|line| line.split(' ').nth(1).unwrap());
        let states: Vec<&str> = states.collect();
        assert_eq!(states.len(), 41, "{said:?}");
        assert!(
            states
                .chunks(2)
                .all(|pair| pair[0] == "up" && pair.get(1).is_none_or(|it| *it == "down"))
        );
        // The events were the reason, and not the look every 100 ms.
        assert!(
            said.stdout.matches("ms after the event)").count() >= 15,
            "{said:?}"
        );
    });
}

#[test]
fn a_killed_service_is_noticed_by_event() {
    in_namespace(|| {
        let service = Service::start(Command::new(example("listener")).arg("127.0.0.1:443"), 1);
        let watcher = Watcher::start("--every 1h 443");
        assert_eq!(watcher.says(), "0");
        drop(service);
        watcher.await_value("1");
        watcher.end();
    });
}

#[test]
fn the_file_is_down_before_the_first_verdict_and_after_the_end() {
    in_namespace(|| {
        let socket = listen("127.0.0.1", 443);
        for (signal, words, after) in [
            (Signal::SIGTERM, "", "1"),
            (Signal::SIGINT, "--down-value -20", "-20"),
        ] {
            let watcher = Watcher::start(&format!("{words} 443"));
            assert_eq!(watcher.says(), "0");
            let (said, folder) = watcher.end_with(signal);
            said.exits(0).stderr("");
            assert_eq!(
                says(&folder.path().join("track")),
                after,
                "{signal} {words}"
            );
        }
        // SIGKILL leaves what was there to the service manager.
        let (said, folder) = Watcher::start("443").end_with(Signal::SIGKILL);
        assert_eq!(said.code, None);
        let file = folder.path().join("track");
        assert_eq!(says(&file), "0");
        exec_stop_post(folder.path(), "1");
        assert_eq!(says(&file), "1");

        // Before the first verdict: the look takes until the end of its time.
        drop(socket);
        for (words, before, first) in [
            ("", Some("0"), "1"),
            ("--initial keep", Some("0"), "0"),
            ("--initial keep", Some(""), "1"),
            ("--initial keep", None, "1"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("track");
            before
                .into_iter()
                .for_each(|text| fs::write(&file, text).unwrap());
            let mut command = Command::new(LISTENUP);
            command.args([
                "watch",
                "--retry-for",
                "20s",
                "--timeout",
                "30s",
                "443",
                "--track-file",
            ]);
            command.arg(&file).args(words.split_whitespace());
            let child = Killed(command.spawn().unwrap());
            common::program::await_call(child.0.id(), &[nix::libc::SYS_ppoll]);
            assert_eq!(says(&file), first, "{words} {before:?}");
            drop(child);
        }
    });
}

#[test]
fn a_changed_or_removed_file_is_restored() {
    in_namespace(|| {
        let _socket = listen("127.0.0.1", 443);
        let watcher = Watcher::start("--every 5ms 443");
        let victim = watcher.file.with_file_name("victim");
        fs::write(&victim, "whole").unwrap();
        let harm: [&dyn Fn(); 4] = [
            &|| fs::remove_file(&watcher.file).unwrap(),
            &|| fs::write(&watcher.file, "1").unwrap(),
            &|| fs::write(&watcher.file, "").unwrap(),
            &|| {
                let link = watcher.file.with_file_name("link");
                symlink(&victim, &link).unwrap();
                fs::rename(link, &watcher.file).unwrap();
            },
        ];
        for harm in harm {
            harm();
            watcher.await_value("0");
        }
        assert_eq!(fs::read_to_string(&victim).unwrap(), "whole");
        let said = watcher.end();
        assert!(said.stderr.contains("another process changed "), "{said:?}");
        assert_eq!(
            said.stdout.lines().count(),
            1,
            "no change of the state: {said:?}"
        );
    });
}

#[test]
fn without_events_and_without_sock_diag_the_looks_go_on() {
    in_namespace(|| {
        for (call, said_so, by_proc) in [
            (
                Call::Bind,
                "the kernel's events are refused: bind: Permission denied (EACCES)\n",
                0,
            ),
            (
                Call::SockDiagSocket,
                "the kernel's events are refused: socket: Permission denied (EACCES)\n",
                1,
            ),
        ] {
            let socket = listen("127.0.0.1", 443);
            let confined = Confined::new("sh").without(call, Errno::EACCES);
            let folder = tempfile::tempdir().unwrap();
            let watcher = Watcher::start_in(folder, confined, "--every 5ms 443");
            assert_eq!(watcher.says(), "0");
            drop(socket);
            watcher.await_value("1");
            let _socket = listen("127.0.0.1", 443);
            watcher.await_value("0");
            let said = watcher.end();
            assert_eq!(said.stderr.matches(said_so).count(), 1, "{said:?}");
            let each_look =
                "sock_diag does not answer, so each look reads /proc; `listenup doctor` says why\n";
            assert_eq!(said.stderr.matches(each_look).count(), by_proc, "{said:?}");
        }
    });
}

#[test]
fn events_that_were_lost_are_a_reason_to_look() {
    in_namespace(|| {
        let member = || {
            listen_with("127.0.0.1", 443, |socket| {
                socket.set_reuse_port(true).unwrap()
            })
        };
        let watcher = Watcher::start("--every 1h --any 443");
        assert_eq!(watcher.says(), "1");
        watcher.end();
        let first = member();
        let watcher = Watcher::start("--every 1h 443");
        watcher.signal(Signal::SIGSTOP);
        for _ in 0..20 {
            let members: Vec<Socket> = (0..100).map(|_| member()).collect();
            drop(members);
        }
        drop(first);
        // The kernel sends them a little later (sock_diag_broadcast_destroy_work), and counts what does not fit.
        let has_drops = || {
            let sockets = fs::read_to_string("/proc/thread-self/net/netlink").unwrap();
            let drops = |line: &str| line.split_whitespace().nth(8)?.parse::<u64>().ok();
            sockets.lines().filter_map(drops).any(|drops| drops > 0)
        };
        let deadline = Instant::now() + Duration::from_secs(60);
        while !has_drops() {
            assert!(Instant::now() < deadline);
            thread::sleep(Duration::from_millis(10));
        }
        watcher.signal(Signal::SIGCONT);
        watcher.await_value("1");
        let said = watcher.end();
        let lost = "listenup: some of the kernel's events were lost (ENOBUFS): looking at once\n";
        assert_eq!(said.stderr.matches(lost).count(), 1, "{said:?}");
    });
}

#[test]
fn members_of_a_group_that_come_and_go_do_not_change_the_state() {
    in_namespace(|| {
        let member = || {
            listen_with("127.0.0.1", 443, |socket| {
                socket.set_reuse_port(true).unwrap()
            })
        };
        let mut last = member();
        let watcher = Watcher::start("443");
        for _ in 0..3_000 {
            // The new one is there before the old one goes.
            last = member();
        }
        assert_eq!(watcher.says(), "0");
        let said = watcher.end();
        assert_eq!(said.stdout.lines().count(), 1, "{said:?}");
        drop(last);
    });
}

#[test]
fn rise_and_fall_delay_a_change() {
    in_namespace(|| {
        let socket = listen("127.0.0.1", 443);
        let watcher = Watcher::start("--every 5ms --fall 1h 443");
        drop(socket);
        thread::sleep(Duration::from_millis(100));
        assert_eq!(watcher.says(), "0");
        watcher.end();

        let watcher = Watcher::start("--every 5ms --rise 1h 443");
        let socket = listen("127.0.0.1", 443);
        thread::sleep(Duration::from_millis(100));
        assert_eq!(watcher.says(), "1");
        watcher.end();
        drop(socket);

        let watcher = Watcher::start("--every 5ms --rise 300ms 443");
        let _socket = listen("127.0.0.1", 443);
        watcher.await_value("0");
        watcher.end();
    });
}

#[test]
fn the_watch_agrees_with_check() {
    in_namespace(|| {
        let _socket = listen("127.0.0.1", 443);
        for (words, value) in [
            ("443", "0"),
            ("80", "1"),
            ("443 80", "1"),
            ("--any 443 80", "0"),
            ("--at-least 2 443 80 81", "1"),
            ("--absent 80", "0"),
            ("--absent 443", "1"),
            ("--owner-user root 443", "0"),
            ("--owner-user nobody 443", "1"),
            ("--max-queue 0 443", "0"),
            ("--interface lo 443", "0"),
            ("--interface lo --source proc 443", "1"),
            ("--interface lo --source proc --on-unknown up 443", "0"),
        ] {
            let check = listenup(&format!("check -q {words}"));
            assert_eq!(
                check.code,
                Some(if value == "0" { 0 } else { 1 }),
                "{words}"
            );
            let watcher = Watcher::start(words);
            assert_eq!(watcher.says(), value, "{words}");
            watcher.end();
        }
    });
}

#[test]
fn a_name_that_does_not_exist_yet_is_down_until_it_does() {
    in_namespace(|| {
        let _socket = listen("0.0.0.0", 443);
        for (words, why) in [
            ("--interface eht0 443", "there is no interface eht0"),
            ("--owner-user hapoxy 443", "has no user hapoxy"),
            (
                "--netns bleu 443",
                "the network namespace /var/run/netns/bleu cannot be opened",
            ),
        ] {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join("track"), "0\n").unwrap();
            let words = format!("--initial keep {words}");
            let watcher = Watcher::start_in(folder, Confined::new("sh"), &words);
            assert_eq!(watcher.says(), "1");
            watcher.end().stdout_has(why);
        }
        // As at boot, where the watch can be there before the device.
        let watcher = Watcher::start("--every 5ms --interface dev0 443");
        common::ip("link add dev0 type veth peer name dev1");
        watcher.await_value("0");
        watcher.end();
    });
}

#[test]
fn wrong_options_are_refused() {
    in_namespace(|| {
        for (words, why) in [
            ("watch 443", "--track-file <PATH>"),
            ("watch --track-file / 443", "expected the path of a file"),
            (
                "watch --track-file /run/x/ 443",
                "expected the path of a file",
            ),
            (
                "watch --track-file /x/.. 443",
                "expected the path of a file",
            ),
            (
                "watch --track-file f --down-value 0 443",
                "keepalived treats 0 as up",
            ),
            (
                "watch --track-file f --down-value 255 443",
                "255 is not in -254..=254",
            ),
            (
                "watch --track-file f --every 999us 443",
                "--every must be at least 1ms",
            ),
            (
                "watch --track-file f --every 18446744073709551615s 443",
                "--every must be at most one day",
            ),
            (
                "watch --track-file f --fall 25h 443",
                "--fall must be at most one day",
            ),
            (
                "watch --track-file f --timeout 366days 443",
                "--timeout must be at most one day",
            ),
            ("watch --track-file f", "<TARGET>"),
            (
                "watch --track-file f --default-target web",
                "no target is given, and web is not a target: ",
            ),
            (
                "watch --track-file f --options-file /nowhere 443",
                "/nowhere cannot be read: No such file or directory (ENOENT)",
            ),
        ] {
            listenup(words).exits(1).stdout("").stderr_has(why);
        }
    });
}

#[test]
fn changes_are_reported_as_json_to_the_log_and_to_systemd() {
    in_namespace(|| {
        let socket = listen("127.0.0.1", 443);
        let watcher = Watcher::start("--format json --log stderr 443");
        drop(socket);
        watcher.await_notice("1 change in the last hour: 443: not listening");
        watcher.await_value("1");
        watcher.signal(Signal::SIGUSR1);
        watcher.await_notice("WATCHDOG=1");
        let said = watcher.end();
        for line in said.stdout.lines() {
            schema::document(&format!("{line}\n"), "watch");
        }
        let lines: Vec<serde_json::Value> = said
            .stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 2, "{said:?}");
        assert_eq!(
            (&lines[0]["state"], &lines[0]["value"]),
            (&"up".into(), &0.into())
        );
        assert_eq!(lines[1]["verdict"], "not listening");
        for part in [
            " INFO up targets=\"443\" verdict=\"listening\"",
            " WARN down targets=\"443\" verdict=\"not listening\"",
            "listenup: down (1): 443: not listening\n",
        ] {
            assert_eq!(said.stderr.matches(part).count(), 1, "{part} {said:?}");
        }
    });
}

#[test]
fn a_hanging_watch_does_not_feed_the_watchdog() {
    in_namespace(|| {
        let watcher = Watcher::start("--every 5ms 443");
        watcher.await_notice("WATCHDOG=1");
        watcher.signal(Signal::SIGSTOP);
        watcher.forget_notices(Duration::from_millis(1_500));
        assert_eq!(watcher.notice(), None);
        watcher.signal(Signal::SIGCONT);
        watcher.await_notice("WATCHDOG=1");
        watcher.end();
    });
}

#[test]
fn closed_full_or_unread_streams_do_not_stop_the_watch() {
    in_namespace(|| {
        let folder = tempfile::tempdir().unwrap();
        let (reader, writer) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).unwrap();
        drop(reader);
        let (_never_read, stuck) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).unwrap();
        for (streams, stdout) in [
            (">&- 2>&-", None),
            (">/dev/full 2>/dev/full", None),
            ("2>&1", Some(writer)),
            ("2>&1", Some(stuck)),
        ] {
            let file = folder.path().join("track");
            let line =
                format!("exec \"$0\" watch -v --every 1ms --track-file \"$1\" 443 {streams}");
            let mut command = Command::new("sh");
            command.args(["-c", &line, LISTENUP]).arg(&file);
            if let Some(stdout) = stdout {
                command.stdout(stdout);
            }
            let mut child = Killed(command.spawn().unwrap());
            for _ in 0..3 {
                let socket = listen("127.0.0.1", 443);
                await_says(&file, "0");
                drop(socket);
                await_says(&file, "1");
            }
            // Enough for a pipe to be full.
            thread::sleep(Duration::from_millis(500));
            kill(Pid::from_raw(child.0.id() as i32), Signal::SIGTERM).unwrap();
            assert!(child.0.wait().unwrap().success(), "{streams}");
            fs::remove_file(&file).unwrap();
        }
    });
}
