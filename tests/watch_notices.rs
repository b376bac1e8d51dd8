//! `listenup watch`: what the service manager, Prometheus and Nagios are told.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::fs;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use nix::sys::signal::{Signal, kill};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use nix::unistd::Pid;

use common::confined::Confined;
use common::in_namespace;
use common::program::{LISTENUP, ProgramOutput, listenup};
use common::sockets::listen;
use common::watcher::{Killed, Watcher, await_says, says};

#[test]
fn notifications_that_a_full_socket_rejects_are_sent_again() {
    in_namespace(|| {
        let _socket = listen("127.0.0.1", 443);
        let folder = tempfile::tempdir().unwrap();
        let [path, track] = ["notify", "track"].map(|name| folder.path().join(name));
        let manager = UnixDatagram::bind(&path).unwrap();
        let others = UnixDatagram::unbound().unwrap();
        others.set_nonblocking(true).unwrap();
        let full = |others: &UnixDatagram| {
            while others.send_to(b"OTHERS=1", &path).is_ok() {}
            let error = others.send_to(b"OTHERS=1", &path).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
        };
        full(&others);
        let mut command = Command::new(LISTENUP);
        command.args(["watch", "443", "--track-file"]).arg(&track);
        command.env("NOTIFY_SOCKET", &path).stdout(Stdio::null());
        let _watch = Killed(command.spawn().unwrap());
        await_says(&track, "0");
        thread::sleep(Duration::from_millis(300));
        manager
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        let mut text = [0; 4096];
        let own = std::iter::from_fn(|| {
            let length = manager.recv(&mut text).ok()?;
            Some(String::from_utf8_lossy(&text[..length]).into_owned())
        });
        let own = own
            .skip_while(|text| text == "OTHERS=1")
            .take(1)
            .collect::<String>();
        assert!(own.starts_with("READY=1\nSTATUS=up (0) since "), "{own:?}");
    });
}

#[test]
fn the_watchdog_is_fed_between_the_looks_of_retry_for() {
    in_namespace(|| {
        let socket = listen("127.0.0.1", 443);
        let watcher = Watcher::start("--retry-for 600s --timeout 601s 443");
        drop(socket);
        watcher.forget_notices(Duration::from_millis(1_900));
        // Its WatchdogSec is two seconds.
        for _ in 0..8 {
            assert!(watcher.notice().is_some());
        }
        assert_eq!(watcher.says(), "0");
        watcher.end();
    });
}

#[test]
fn a_long_first_look_does_not_delay_readiness() {
    in_namespace(|| {
        let watcher = Watcher::start("--retry-for 600s --timeout 601s 443");
        assert_eq!(watcher.says(), "1");
        let _socket = listen("127.0.0.1", 443);
        watcher.await_value("0");
        watcher.end();
    });
}

#[test]
fn the_status_has_the_last_change_the_count_and_the_trouble() {
    in_namespace(|| {
        let socket = listen("127.0.0.1", 443);
        let watcher = Watcher::start("--every 5ms 443");
        drop(socket);
        watcher.await_notice(", 1 change in the last hour: 443: not listening");
        let _socket = listen("127.0.0.1", 443);
        watcher.await_notice(", 2 changes in the last hour: 443: listening on 127.0.0.1:443");
        watcher.end();
    });
}

/// The value of a metric.
#[track_caller]
fn metric(text: &str, name: &str) -> f64 {
    let begin = format!("listenup_watch_{name}{{track_file=");
    let line = text.lines().find(|line| line.starts_with(&begin)).unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn metrics_are_valid_and_replaced_in_one_step() {
    in_namespace(|| {
        let socket = listen("127.0.0.1", 443);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a b\"c.prom");
        let track = folder.path().join("track");
        let mut command = Command::new(LISTENUP);
        command
            .args(["watch", "-q", "443", "--track-file"])
            .arg(&track);
        let _watch = Killed(command.arg("--metrics").arg(&file).spawn().unwrap());
        await_says(&track, "0");
        let read = || fs::read_to_string(&file).unwrap_or_default();
        let await_metric = |name: &str, value: f64| {
            let deadline = Instant::now() + Duration::from_secs(10);
            while read().is_empty() || metric(&read(), name) != value {
                assert!(Instant::now() < deadline, "{}", read());
                thread::sleep(Duration::from_millis(5));
            }
        };
        await_metric("up", 1.0);
        drop(socket);
        await_metric("up", 0.0);
        let text = read();
        assert_eq!(metric(&text, "changes_total"), 1.0);
        assert_eq!(metric(&text, "file_right"), 1.0);
        assert_eq!(metric(&text, "events_lost_total"), 0.0);
        assert!(metric(&text, "looks_total") >= 2.0);
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
        for name in ["last_change", "last_look"] {
            let at = metric(&text, &format!("{name}_timestamp_seconds"));
            assert!(now - at < 60.0 && at <= now, "{name}: {at}");
        }
        for line in text.lines() {
            assert!(
                line.starts_with("# HELP listenup_watch_")
                    || line.starts_with("# TYPE listenup_watch_")
                    || line.starts_with("listenup_watch_"),
                "{line}"
            );
        }
        assert!(text.ends_with('\n'));
        // Nothing else lies in a folder that is collected.
        let names = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(names, 2);
    });
}

#[test]
fn metrics_are_down_after_the_end() {
    in_namespace(|| {
        let _socket = listen("127.0.0.1", 443);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("listenup.prom");
        let watcher = Watcher::start(&format!("--metrics {} 443", file.display()));
        assert_eq!(metric(&fs::read_to_string(&file).unwrap(), "up"), 1.0);
        watcher.end();
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!(
            (metric(&text, "up"), metric(&text, "file_right")),
            (0.0, 1.0)
        );
    });
}

#[test]
fn unwritable_metrics_are_reported_once_and_do_not_delay_the_watch() {
    in_namespace(|| {
        let watcher = Watcher::start("--every 5ms --metrics /nowhere/listenup.prom 443");
        for _ in 0..3 {
            let socket = listen("127.0.0.1", 443);
            watcher.await_value("0");
            drop(socket);
            watcher.await_value("1");
        }
        let line = "listenup: /nowhere/listenup.prom cannot be written: No such file or directory (ENOENT)\n";
        watcher.end().stderr(line);
    });
}

/// Root can name /dev/null.
#[test]
fn metrics_do_not_replace_a_fifo() {
    in_namespace(|| {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let shown = fifo.display();
        let socket = listen("127.0.0.1", 443);
        let watcher = Watcher::start(&format!("--metrics {shown} 443"));
        watcher.await_value("0");
        drop(socket);
        watcher.await_value("1");
        let line = format!("listenup: {shown} cannot be written: it is not a regular file\n");
        watcher.end().stderr(&line);
        let kind = fs::symlink_metadata(&fifo).unwrap().file_type();
        assert!(std::os::unix::fs::FileTypeExt::is_fifo(&kind));
    });
}

fn status(file: &Path, words: &str) -> ProgramOutput {
    listenup(&format!(
        "watch --status --track-file {} {words}",
        file.display()
    ))
}

#[test]
fn the_nagios_status_covers_the_watch_and_the_file() {
    in_namespace(|| {
        let socket = listen("127.0.0.1", 443);
        let watcher = Watcher::start("443");
        let file = watcher.file.clone();
        let shown = file.display().to_string();
        let line = |text: &str| format!("LISTENUP WATCH {text}\n").replace("FILE", &shown);
        status(&file, "443")
            .exits(0)
            .stdout(&line("OK - FILE says 0, as a look does"))
            .stderr("");
        // Of another port than the watch.
        let said = status(&file, "444").exits(2);
        assert_eq!(
            said.stdout,
            line("CRITICAL - FILE says 0, and a look says 1")
        );
        drop(socket);
        watcher.await_value("1");
        status(&file, "443")
            .exits(0)
            .stdout(&line("OK - FILE says 1, as a look does"));
        status(&file, "--down-value 9 443").exits(2);
        watcher.signal(Signal::SIGSTOP);
        thread::sleep(Duration::from_millis(6_500));
        let said = status(&file, "443").exits(2);
        assert!(
            said.stdout.contains("CRITICAL - the watch of")
                && said.stdout.contains("has not moved for "),
            "{said:?}"
        );
        watcher.signal(Signal::SIGCONT);
        watcher.await_notice("WATCHDOG=1");
        let (_, folder) = watcher.end_with(Signal::SIGKILL);
        status(&file, "443")
            .exits(2)
            .stdout(&line("CRITICAL - no watch keeps FILE"));
        fs::remove_file(&file).unwrap();
        let why = "CRITICAL - FILE cannot be read: No such file or directory (ENOENT)";
        status(&file, "443").exits(2).stdout(&line(why));
        status(&file, "443x").exits(1);
        drop(folder);
    });
}

#[test]
fn without_systemd_a_stuck_call_writes_down_and_ends_the_watch() {
    stuck_call_ends_the_watch("exec");
}

/// The kernel ignores a SIGKILL that process 1 of a container sends to itself.
#[test]
fn a_stuck_call_ends_process_1_too() {
    stuck_call_ends_the_watch("exec unshare --pid --fork --kill-child --");
}

fn stuck_call_ends_the_watch(how: &'static str) {
    in_namespace(move || {
        let _socket = listen("127.0.0.1", 443);
        let folder = tempfile::tempdir().unwrap();
        let track = folder.path().join("track");
        // A supervisor that never answers holds the subscription to events, in bind(2). Its descriptor must not be closed.
        // Beside other tests its number can have two digits, which not every sh takes.
        let keep = format!(
            "for fd in /proc/$$/fd/*; do
                case $(readlink $fd) in *seccomp*) eval \"exec >&${{fd##*/}}\" ;; esac
            done
            {how} \"$0\" \"$@\""
        );
        let mut command = Confined::new("bash")
            .stuck_in(nix::libc::SYS_bind)
            .into_command();
        command.args(["-c", &keep, LISTENUP]);
        fs::write(&track, "0\n").unwrap();
        let manager = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        manager.set_nonblocking(true).unwrap();
        command
            .args(["watch", "--initial", "keep", "443", "--track-file"])
            .arg(&track)
            .env("NOTIFY_SOCKET", folder.path().join("notify"));
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut watch = Killed(command.spawn().unwrap());
        await_says(&track, "1");
        assert_eq!(watch.0.wait().unwrap().code(), Some(3));
        let why = "a system call has not returned for 2.5s: this watch writes down and ends itself";
        let mut stderr = String::new();
        let mut pipe = watch.0.stderr.take().unwrap();
        pipe.read_to_string(&mut stderr).unwrap();
        assert_eq!(stderr, format!("listenup: {why}\n"));
        let mut text = [0; 4_096];
        let told = std::iter::from_fn(|| {
            manager
                .recv(&mut text)
                .ok()
                .map(|length| String::from_utf8_lossy(&text[..length]).into_owned())
        });
        let told: Vec<String> = told.collect();
        let status = format!("STATUS=TROUBLE: {why}");
        assert!(told.contains(&status), "{told:?}");
    });
}

#[test]
fn no_message_is_longer_than_systemd_reads() {
    in_namespace(|| {
        let ports = (1..=300).map(|port| format!("[2001:db8::1:10]:{port}"));
        let ports: Vec<String> = ports.collect();
        let _socket = listen("::1", 443);
        let watcher = Watcher::spawn_in(&format!("--any [::1]:443 {}", ports.join(" ")));
        // systemd ignores a message of more than 4,096 bytes (NOTIFY_BUFFER_MAX), the READY=1 in it included.
        let mut is_ready = false;
        while !is_ready {
            let notice = watcher.notice().unwrap();
            assert!(notice.len() < 4096, "{}", notice.len());
            is_ready = notice.contains("READY=1");
        }
        watcher.end();
    });
}

#[test]
fn metrics_replace_no_other_file() {
    in_namespace(|| {
        let _socket = listen("127.0.0.1", 443);
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let (null, text, track) = (path("null"), path("text"), path("track"));
        mknod(
            &null,
            SFlag::S_IFCHR,
            Mode::from_bits_truncate(0o666),
            makedev(1, 3),
        )
        .unwrap();
        for name in ["text", "text.new"] {
            fs::write(path(name), "a text of somebody").unwrap();
        }
        for (metrics, why) in [
            (&null, "it is not a regular file"),
            (&text, "it holds something that is not metrics of a watch"),
            (&track, "it holds something that is not metrics of a watch"),
        ] {
            let words = format!("--every 5ms --metrics {} 443", metrics.display());
            let notices = tempfile::tempdir().unwrap();
            let watcher = Watcher::start_at(&track, notices, Confined::new("sh"), &words);
            watcher.await_value("0");
            let line = format!("listenup: {} cannot be written: {why}\n", metrics.display());
            watcher.end().stderr(&line);
            assert_eq!(says(&track), "1");
        }
        assert!(fs::metadata(&null).unwrap().file_type().is_char_device());
        assert_eq!(
            [says(&text), says(&path("text.new"))],
            ["a text of somebody"; 2]
        );
    });
}

#[test]
fn control_characters_in_paths_are_replaced() {
    in_namespace(|| {
        let _socket = listen("127.0.0.1", 443);
        let folder = tempfile::tempdir().unwrap();
        let track = folder.path().join("a\u{1b}[2Jb\u{202e}").join("track");
        let mut command = Command::new(LISTENUP);
        command.args(["watch", "443", "--track-file"]).arg(&track);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let watch = command.spawn().unwrap();
        thread::sleep(Duration::from_millis(500));
        kill(Pid::from_raw(watch.id() as i32), Signal::SIGTERM).unwrap();
        let said = ProgramOutput::of("watch".to_owned(), watch.wait_with_output().unwrap());
        assert!(said.stdout.contains("cannot be written"), "{said:?}");
        let status = Command::new(LISTENUP)
            .args(["watch", "--status", "443", "--track-file"])
            .arg(&track)
            .output()
            .unwrap();
        let status = ProgramOutput::of("status".to_owned(), status);
        for text in [&said.stdout, &said.stderr, &status.stdout] {
            assert!(text.contains("a\u{fffd}[2Jb\u{fffd}/track"), "{text:?}");
            assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text:?}");
        }
    });
}

#[test]
fn a_signal_ends_the_status_at_once() {
    in_namespace(|| {
        let _socket = listen("127.0.0.1", 443);
        let watcher = Watcher::start("443");
        let mut command = Command::new(LISTENUP);
        // It waits for eight seconds before it says that they differ.
        command.args(["watch", "--status", "--fall=60s", "444", "--track-file"]);
        let status = command
            .arg(&watcher.file)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        thread::sleep(Duration::from_millis(500));
        // Not SIGINT, which what a shell starts in the background ignores.
        kill(Pid::from_raw(status.id() as i32), Signal::SIGTERM).unwrap();
        let output = status.wait_with_output().unwrap();
        assert_eq!(
            output.status.signal(),
            Some(Signal::SIGTERM as i32),
            "{output:?}"
        );
        assert_eq!(output.stdout, b"");
    });
}
