//! `listenup watch`: reload, and ends that nothing may delay.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use common::confined::Confined;
use common::program::{LISTENUP, listenup};
use common::service::Service;
use common::sockets::listen;
use common::watcher::{Killed, Watcher, await_says, exec_stop_post, says};
use common::{in_namespace, ip};

/// A folder with a copy of the program and a file of options.
struct TestFolder(tempfile::TempDir);

impl TestFolder {
    fn new(options: &str) -> Self {
        let dir = Self(tempfile::tempdir().unwrap());
        fs::copy(LISTENUP, dir.path("listenup")).unwrap();
        dir.write("options", options);
        dir
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Puts a file in place of another, as an upgrade does.
    fn write(&self, name: &str, text: &str) {
        let draft = self.path("draft");
        fs::write(&draft, text).unwrap();
        fs::set_permissions(&draft, PermissionsExt::from_mode(0o755)).unwrap();
        fs::rename(draft, self.path(name)).unwrap();
    }

    fn start(&self) -> Watcher {
        let notices = tempfile::tempdir().unwrap();
        let options = self.path("options");
        let words = format!("--options-file {} 443", options.display());
        let program = self.path("listenup");
        Watcher::start_of(
            &program,
            &self.path("track"),
            notices,
            Confined::new("sh"),
            &words,
        )
    }
}

/// Asks for a reload, and waits until it is over.
fn reload(watcher: &Watcher) {
    watcher.signal(Signal::SIGHUP);
    watcher.await_notice("RELOADING=1\nMONOTONIC_USEC=");
    watcher.await_notice("READY=1");
}

#[test]
fn a_reload_changes_options_and_program_and_keeps_the_file() {
    in_namespace(|| {
        let socket = listen("127.0.0.1", 443);
        let dir = TestFolder::new("# nothing yet\n");
        let watcher = dir.start();
        let pid = watcher.pid();
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK).unwrap();
        let all = AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_DELETE_SELF;
        inotify.add_watch(&watcher.file, all).unwrap();
        dir.write("options", "--fall=1h\n");
        // Another file of the same program, as after an upgrade.
        fs::copy(LISTENUP, dir.path("draft")).unwrap();
        fs::rename(dir.path("draft"), dir.path("listenup")).unwrap();
        for _ in 0..3 {
            reload(&watcher);
        }
        assert!(inotify.read_events().is_err(), "the file was not touched");
        let exe = fs::read_link(format!("/proc/{pid}/exe")).unwrap();
        assert_eq!(exe, dir.path("listenup"));
        let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap();
        assert_eq!(line.matches("--reloaded").count(), 1, "{line:?}");
        // The lock has stayed.
        let shown = watcher.file.display().to_string();
        let second = listenup(&format!("watch --track-file {shown} 80")).exits(1);
        assert!(second.stderr.contains("another watch keeps it"));
        drop(socket);
        watcher.await_notice("WATCHDOG=1");
        thread::sleep(Duration::from_millis(500));
        assert_eq!(watcher.says(), "0", "--fall counts");
        dir.write("options", "--down-value=7\n");
        reload(&watcher);
        watcher.await_value("7");
        watcher.end();
        assert_eq!(says(&dir.path("track")), "7");
    });
}

#[test]
fn a_failed_reload_is_reported_and_changes_nothing() {
    in_namespace(|| {
        let mut socket = Some(listen("127.0.0.1", 443));
        let dir = TestFolder::new("");
        let watcher = dir.start();
        let other = format!("--track-file={}\n", dir.path("elsewhere").display());
        for (name, text) in [
            ("options", "--fall 1s\n"),
            ("options", "--fall=soon\n"),
            ("options", "--interface=eht0\n"),
            ("options", "443x\n"),
            ("options", &other),
            ("listenup", ""),
            ("listenup", "#!/bin/sh\necho it is broken >&2\nexit 1\n"),
            ("listenup", "#!/bin/sh\nexit 1\n"),
            ("listenup", "#!/bin/sh\nexec sleep 1000\n"),
            ("listenup", "#!/bin/sh\nexit 0\n"),
            ("listenup", "#!/bin/sh\necho \"$0 $*\"\n"),
        ] {
            dir.write(name, text);
            reload(&watcher);
            // It goes on watching.
            socket = match socket.take() {
                Some(socket) => {
                    drop(socket);
                    watcher.await_value("1");
                    None
                }
                None => {
                    let socket = listen("127.0.0.1", 443);
                    watcher.await_value("0");
                    Some(socket)
                }
            };
            dir.write("options", "");
            fs::copy(LISTENUP, dir.path("draft")).unwrap();
            fs::rename(dir.path("draft"), dir.path("listenup")).unwrap();
        }
        fs::remove_file(dir.path("listenup")).unwrap();
        reload(&watcher);
        let said = watcher.end();
        let begin = "listenup: reload failed, the watch goes on as before: ";
        let lines: Vec<&str> = said
            .stderr
            .lines()
            .filter_map(|line| line.strip_prefix(begin))
            .collect();
        let expected = [
            "a line is one argument: write --fall=1s",
            "invalid value 'soon' for '--fall <DURATION>'",
            "there is no interface eht0",
            "invalid value '443x' for",
            "--track-file is given twice",
            "cannot be executed: Exec format error (ENOEXEC)",
            "it is broken",
            "the program on disk ends with exit status: 1",
            "the program on disk does not finish --check-options",
            "the program on disk is not listenup",
            "the program on disk is not listenup",
            "cannot be executed: No such file or directory (ENOENT)",
        ];
        assert_eq!(lines.len(), expected.len(), "{said:#?}");
        for (line, why) in lines.iter().zip(expected) {
            assert!(line.contains(why), "{line}: no {why}");
        }
    });
}

#[test]
fn a_reload_cannot_take_another_file() {
    in_namespace(|| {
        let dir = TestFolder::new("");
        let file = dir.path("track");
        let mut command = Command::new(LISTENUP);
        let options = dir.path("file");
        let line = |path: &Path| {
            fs::write(&options, format!("--track-file={}\n", path.display())).unwrap()
        };
        line(&file);
        command
            .args(["watch", "--options-file"])
            .arg(&options)
            .arg("443");
        command.stderr(Stdio::piped()).stdout(Stdio::null());
        let mut watch = Killed(command.spawn().unwrap());
        await_says(&file, "1");
        line(&dir.path("another"));
        kill(Pid::from_raw(watch.0.id() as i32), Signal::SIGHUP).unwrap();
        let mut said = String::new();
        let mut stderr = BufReader::new(watch.0.stderr.as_mut().unwrap());
        stderr.read_line(&mut said).unwrap();
        assert!(said.contains("a reload cannot change the file"), "{said}");
        assert!(!dir.path("another").exists());
    });
}

#[test]
fn termination_signals_win_over_a_reload_and_retries() {
    in_namespace(|| {
        for signals in [
            &[Signal::SIGHUP, Signal::SIGTERM][..],
            &[Signal::SIGINT, Signal::SIGHUP, Signal::SIGUSR1],
            &[Signal::SIGTERM],
        ] {
            let socket = listen("127.0.0.1", 443);
            let watcher = Watcher::start("--retry-for 600s --timeout 601s 443");
            drop(socket);
            common::program::await_call(watcher.pid().as_raw() as u32, &[nix::libc::SYS_ppoll]);
            watcher.signal(Signal::SIGSTOP);
            signals.iter().for_each(|signal| watcher.signal(*signal));
            let begun = Instant::now();
            watcher.signal(Signal::SIGCONT);
            let (said, folder) = watcher.end_with(Signal::SIGCONT);
            said.exits(0);
            assert!(begun.elapsed() < Duration::from_secs(60));
            assert_eq!(says(&folder.path().join("track")), "1");
        }
    });
}

#[test]
fn a_stop_during_the_exec_of_a_reload_is_not_lost() {
    in_namespace(|| {
        let _socket = listen("127.0.0.1", 443);
        for delay in (0..40).step_by(2) {
            let watcher = Watcher::start("--every 1h 443");
            watcher.signal(Signal::SIGHUP);
            thread::sleep(Duration::from_millis(delay));
            let (said, folder) = watcher.end_with(Signal::SIGTERM);
            said.exits(0);
            assert_eq!(says(&folder.path().join("track")), "1", "{delay}");
        }
    });
}

#[test]
fn thousands_of_signals_do_not_disturb_the_watch() {
    in_namespace(|| {
        let socket = listen("127.0.0.1", 443);
        let watcher = Watcher::start("--every 5ms 443");
        for round in 0..3_000 {
            let signals = [Signal::SIGHUP, Signal::SIGUSR1, Signal::SIGCHLD];
            watcher.signal(signals[round % signals.len()]);
            assert_eq!(watcher.says(), "0");
        }
        drop(socket);
        watcher.await_value("1");
        watcher.end_with(Signal::SIGTERM).0.exits(0);
    });
}

/// The processes that have ended and that this process has not waited for.
fn zombies(parent: nix::unistd::Pid) -> usize {
    let own = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap();
    let state = |pid: &&str| {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        text.contains(") Z ")
    };
    own.split_whitespace().filter(state).count()
}

#[test]
fn programs_of_abandoned_reloads_do_not_stay_as_zombies() {
    in_namespace(|| {
        let watcher = Watcher::start("--every 5ms 443");
        for _ in 0..100 {
            watcher.signal(Signal::SIGHUP);
            thread::sleep(Duration::from_millis(2));
        }
        let deadline = Instant::now() + Duration::from_secs(20);
        reload(&watcher);
        while zombies(watcher.pid()) > 0 {
            assert!(Instant::now() < deadline);
            reload(&watcher);
        }
        watcher.end();
    });
}

#[test]
fn a_reload_starts_outside_the_namespace_of_netns() {
    in_namespace(|| {
        let name = format!("listenup-reload-{}", std::process::id());
        ip(&format!("netns add {name}"));
        ip(&format!("-n {name} link set lo up"));
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &name])
            .arg(common::program::example("listener"));
        let service = Service::start(command.arg("127.0.0.1:443"), 1);
        let dir = TestFolder::new(&format!("--netns={name}\n"));
        let watcher = dir.start();
        assert_eq!(watcher.says(), "0");
        reload(&watcher);
        assert_eq!(watcher.says(), "0");
        // Nothing listens where the watch was started.
        dir.write("options", "");
        reload(&watcher);
        watcher.await_value("1");
        dir.write("options", &format!("--netns={name}\n"));
        reload(&watcher);
        watcher.await_value("0");
        drop(service);
        watcher.await_value("1");
        watcher.end();
        ip(&format!("netns delete {name}"));
    });
}

#[test]
fn exec_stop_post_writes_a_valid_number_for_any_down_value() {
    let folder = tempfile::tempdir().unwrap();
    let track = folder.path().join("track");
    for (down, expected) in [
        ("1", "1"),
        ("-254", "-254"),
        ("42", "42"),
        ("0", "1"),
        ("", "1"),
        ("abc", "1"),
        ("00", "1"),
        ("99999999999999999999", "1"),
        ("1; rm -rf /", "1"),
    ] {
        for before in [Some("0\n"), Some("-254\n"), Some(""), None] {
            let _ = fs::remove_file(&track);
            before
                .into_iter()
                .for_each(|text| fs::write(&track, text).unwrap());
            exec_stop_post(folder.path(), down);
            let text = fs::read_to_string(&track).unwrap();
            assert_eq!(text.lines().next(), Some(expected), "{down} {before:?}");
        }
    }
}

#[test]
fn an_inherited_listener_does_not_keep_the_service_alive() {
    in_namespace(|| {
        let folder = tempfile::tempdir().unwrap();
        let track = folder.path().join("track");
        // The descriptor is inherited as the standard input and as number 9.
        let socket = listen("127.0.0.1", 443);
        let mut command = Command::new("sh");
        command.args([
            "-c",
            "exec \"$0\" watch --track-file \"$1\" 443 9<&0",
            LISTENUP,
        ]);
        command
            .arg(&track)
            .stdin(std::os::fd::OwnedFd::from(socket.try_clone().unwrap()));
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut watch = Killed(command.spawn().unwrap());
        drop(command);
        await_says(&track, "0");
        drop(socket);
        await_says(&track, "1");
        kill(Pid::from_raw(watch.0.id() as i32), Signal::SIGTERM).unwrap();
        let mut stderr = String::new();
        watch
            .0
            .stderr
            .as_mut()
            .unwrap()
            .read_to_string(&mut stderr)
            .unwrap();
        assert_eq!(stderr, "");
    });
}

#[test]
fn if_the_new_program_cannot_take_over_the_file_says_down() {
    in_namespace(|| {
        let _socket = listen("127.0.0.1", 443);
        let folder = tempfile::tempdir().unwrap();
        let [track, other] = ["track", "other"].map(|name| folder.path().join(name));
        fs::write(&track, "0\n").unwrap();
        // The file was replaced while the program was executed.
        let script = "exec \"$0\" watch --track-file \"$1\" 443 --reloaded 7 7<>\"$2\"";
        let mut command = Command::new("sh");
        command
            .args(["-c", script, LISTENUP])
            .args([&other, &track]);
        let output = command.output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(
            stderr.contains("a reload cannot change the file"),
            "{stderr}"
        );
        assert_eq!(
            (output.status.code(), says(&track).as_str()),
            (Some(1), "1")
        );
    });
}

#[test]
fn an_options_file_accepts_only_options_of_a_watch() {
    for option in ["--status", "--check-options", "--options-file=x"] {
        let dir = TestFolder::new(option);
        let options = dir.path("options").display().to_string();
        let track = dir.path("track").display().to_string();
        let said = listenup(&format!(
            "watch --options-file {options} --track-file {track} 443"
        ));
        let name = option.trim_end_matches("=x");
        let why = format!("{options}: {name} cannot be in an options file");
        assert!(said.exits(1).stderr.contains(&why));
    }
    // A FIFO would be read as a file without options.
    let dir = TestFolder::new("");
    let fifo = dir.path("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRUSR).unwrap();
    let words = format!(
        "watch --check-options --options-file -{} 443",
        fifo.display()
    );
    let track = dir.path("track");
    let said = listenup(&format!("{words} --track-file {}", track.display())).exits(1);
    assert!(
        said.stderr
            .contains("cannot be read: it is not a regular file")
    );
}
