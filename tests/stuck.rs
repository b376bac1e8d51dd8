//! The time limit where something does not go on: streams that nobody reads, system calls that do not
//! return.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;
use nix::pty::openpty;
use nix::sys::stat::Mode;
use nix::sys::termios::{FlowArg, tcflow};
use nix::unistd::{mkfifo, pipe, write};

use common::confined::{Call, Confined};
use common::in_namespace;
use common::program::{LISTENUP, ProgramOutput, await_call};
use common::sockets::listen;

/// A command that is ended where it hangs, which is then no exit code of ours.
fn bounded(program: &str) -> Command {
    let mut command = Command::new("timeout");
    command
        .args(["--signal=KILL", "20", program])
        .stdin(Stdio::null());
    command
}

fn listenup(words: &str) -> Command {
    let mut command = bounded(LISTENUP);
    command.args(words.split_whitespace());
    command
}

fn set_nonblocking(stream: impl AsFd, on: bool) {
    let flags = OFlag::from_bits_retain(fcntl(&stream, FcntlArg::F_GETFL).unwrap());
    let flags = if on {
        flags | OFlag::O_NONBLOCK
    } else {
        flags - OFlag::O_NONBLOCK
    };
    fcntl(&stream, FcntlArg::F_SETFL(flags)).unwrap();
}

/// Writes until there is no room for a byte.
fn fill(stream: impl AsFd) {
    set_nonblocking(&stream, true);
    for size in [4096, 1] {
        while write(&stream, &vec![b'x'; size]).is_ok() {}
        assert_eq!(write(&stream, b"x"), Err(Errno::EAGAIN));
    }
    set_nonblocking(&stream, false);
}

/// Streams without room, each with the end that nobody reads.
fn full_streams() -> Vec<(&'static str, OwnedFd, OwnedFd)> {
    let (reader, pipe) = pipe().unwrap();
    fill(&pipe);
    let (peer, socket) = UnixStream::pair().unwrap();
    fill(&socket);
    let pty = openpty(None, None).unwrap();
    tcflow(&pty.slave, FlowArg::TCOOFF).unwrap();
    vec![
        ("pipe", pipe, reader),
        ("socket", socket.into(), peer.into()),
        ("stopped terminal", pty.slave, pty.master),
    ]
}

#[test]
fn a_stream_without_a_reader_does_not_delay_the_verdict() {
    in_namespace(|| {
        let _listener = listen("127.0.0.1", 443);
        for (what, stream, _unread) in full_streams() {
            for others in [false, true] {
                // As somebody else may have set it, with whom the stream is shared.
                set_nonblocking(&stream, others);
                let flags = fcntl(&stream, FcntlArg::F_GETFL).unwrap();
                let run = |(words, code)| {
                    let mut command = listenup(words);
                    let [out, err] = [(); 2].map(|()| stream.try_clone().unwrap());
                    let child = command.stdout(out).stderr(err).spawn().unwrap();
                    (words, code, child)
                };
                let children = [
                    ("check --timeout 1s 443", 0),
                    ("check --timeout 1s 80", 1),
                    ("check --timeout 1s -v 443", 0),
                    ("check --timeout 1s -q -v --log stderr 80", 1),
                    ("check --timeout 1s --exit-codes nagios 80", 2),
                    ("check --timeout 1s --format json 443", 0),
                    ("check 0", 1),
                    ("check --format nagios 0", 3),
                    ("check --help", 1),
                    ("--version", 1),
                ]
                .map(run);
                for (words, code, mut child) in children {
                    let status = child.wait().unwrap();
                    assert_eq!(status.code(), Some(code), "{what}, {others}: {words}");
                }
                assert_eq!(fcntl(&stream, FcntlArg::F_GETFL), Ok(flags), "{what}");
            }
        }
    });
}

#[test]
fn a_slow_reader_gets_the_whole_output() {
    in_namespace(|| {
        let _listeners: Vec<_> = (1000..1999).map(|port| listen("127.0.0.1", port)).collect();
        let ports: Vec<String> = (1000..2000).map(|port| port.to_string()).collect();
        let ports = ports.join(" ");
        for (words, code) in [
            (format!("check --timeout 15s {ports}"), 1),
            (format!("check --timeout 15s --format json {ports}"), 1),
            ("list --format json".to_owned(), 0),
        ] {
            let whole = ProgramOutput::by(&mut listenup(&words)).exits(code).stdout;
            for nonblocking in [false, true] {
                let (reader, pipe) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).unwrap();
                let mut reader = std::fs::File::from(reader);
                fcntl(&pipe, FcntlArg::F_SETPIPE_SZ(4096)).unwrap();
                fill(&pipe);
                set_nonblocking(&pipe, nonblocking);
                let mut child = Command::new(LISTENUP)
                    .args(words.split_whitespace())
                    .stdout(pipe)
                    .spawn()
                    .unwrap();
                await_call(child.id(), &[libc::SYS_poll]);
                let mut text = String::new();
                reader.read_to_string(&mut text).unwrap();
                assert_eq!(child.wait().unwrap().code(), Some(code));
                let text = text.trim_start_matches('x');
                assert_eq!(without_seconds(text), without_seconds(&whole));
            }
        }
    });
}

/// A text without the figures that vary: the time that a check took.
fn without_seconds(text: &str) -> String {
    match text.split_once("\"seconds\":") {
        Some((before, after)) => {
            let after = after.trim_start_matches(|letter: char| letter != ',');
            format!("{before}{after}")
        }
        None => text.to_owned(),
    }
}

/// Runs it with a FIFO in the place of /etc/passwd, which nobody writes to.
fn without_passwd(words: &str) -> ProgramOutput {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    mkfifo(&fifo, Mode::S_IRUSR).unwrap();
    let script = r#"mount --bind "$1" /etc/passwd && shift && exec "$@""#;
    let mut command = bounded("unshare");
    command
        .args(["--mount", "sh", "-c", script, "sh"])
        .arg(&fifo)
        .arg(LISTENUP);
    ProgramOutput::by(command.args(words.split_whitespace()))
}

#[test]
fn a_blocking_passwd_file_is_could_not_tell_in_every_set_and_format() {
    in_namespace(|| {
        let _listener = listen("127.0.0.1", 443);
        let why = "/etc/passwd cannot be read: it is not a regular file";
        for (options, code) in [
            ("", 1),
            ("--on-unknown up", 0),
            ("--exit-codes distinct", 3),
            ("--exit-codes nagios", 3),
            ("-q", 1),
        ] {
            let words = format!("check --timeout 100ms {options} --owner-user nobody 443");
            let said = without_passwd(&words).exits(code);
            let told = format!("443: could not tell: {why}");
            if options == "-q" {
                said.stdout("").stderr_has(&format!("listenup: {told}"));
            } else {
                assert!(said.stdout.starts_with(&told), "{said:?}");
            }
        }
        let said = without_passwd("check --timeout 100ms --format nagios --owner-user nobody 443");
        let line = format!("LISTENUP UNKNOWN - 443: could not tell: {why}");
        assert!(said.exits(3).stdout.starts_with(&line));
        without_passwd("check --timeout 100ms --log stderr --owner-user nobody 443")
            .exits(1)
            .stderr_has(&format!(
                "verdict=\"could not tell\" reason=\"443: could not tell: {why}"
            ));
        // The number of the user is known all the same.
        without_passwd("list --timeout 100ms")
            .exits(0)
            .stderr("")
            .stdout_has("tcp    127.0.0.1  443   0/16   -       -       0 ");
    });
}

#[test]
fn a_stuck_system_call_does_not_prevent_the_exit_code() {
    in_namespace(|| {
        let _listener = listen("127.0.0.1", 443);
        for (call, options, code) in [
            (libc::SYS_socket, "", 1),
            (libc::SYS_sendto, "--on-unknown up", 0),
            (libc::SYS_recvmsg, "--exit-codes distinct", 3),
            (libc::SYS_ioctl, "--interface lo", 1),
            (libc::SYS_recvmsg, "--interface lo", 1),
            // The last words cannot be said either.
            (libc::SYS_read, "--source proc --exit-codes nagios", 3),
            (libc::SYS_write, "--exit-codes distinct", 0),
            (libc::SYS_poll, "--exit-codes distinct 80", 1),
            (
                libc::SYS_sendto,
                "--exit-codes distinct --log syslog --source proc 80",
                1,
            ),
        ] {
            Confined::listenup()
                .stuck_in(call)
                .run(&format!("check --timeout 100ms {options} 443"))
                .exits(code);
        }
        for (call, words, code) in [
            (libc::SYS_write, "check 0", 1),
            (libc::SYS_write, "--help", 1),
            (libc::SYS_recvmsg, "list --timeout 100ms", 2),
        ] {
            Confined::listenup().stuck_in(call).run(words).exits(code);
        }
    });
}

#[test]
fn verdicts_are_right_if_clock_nanosleep_is_refused() {
    in_namespace(|| {
        let _listener = listen("127.0.0.1", 443);
        for _ in 0..20 {
            let refused = || Confined::listenup().without(Call::ClockNanosleep, Errno::EPERM);
            refused().run("check 443").exits(0);
            refused()
                .run("check 80")
                .exits(1)
                .stdout("80: not listening\n");
            refused()
                .run("check --retry-for 50ms 80")
                .exits(1)
                .stderr("");
        }
    });
}

#[test]
fn without_a_second_thread_an_alarm_ends_a_stuck_call() {
    in_namespace(|| {
        let _listener = listen("127.0.0.1", 443);
        let confined = || {
            let one_call = Confined::listenup().stuck_in(libc::SYS_sendto);
            one_call
                .without(Call::Clone3, Errno::EAGAIN)
                .without(Call::Clone, Errno::EAGAIN)
        };
        let output = confined()
            .into_command()
            .args(["check", "--timeout", "100ms", "443"])
            .output()
            .unwrap();
        let signal = std::os::unix::process::ExitStatusExt::signal(&output.status);
        assert_eq!(signal, Some(libc::SIGALRM), "{output:?}");
        // A check that is done in time is not ended so.
        Confined::listenup()
            .without(Call::Clone3, Errno::EAGAIN)
            .without(Call::Clone, Errno::EAGAIN)
            .run("check 443")
            .exits(0);
    });
}

#[test]
fn a_fifo_in_place_of_dev_null_does_not_block() {
    in_namespace(|| {
        let _listener = listen("127.0.0.1", 443);
        for closed in ["<&-", "<&- >&-", "<&- >&- 2>&-"] {
            common::program::sh(&format!(
                "exec timeout 20 unshare -m sh -c 'f=$(mktemp -u) && mkfifo $f && mount --bind $f /dev/null \\
                 && exec \"$0\" check 443 {closed}' \"$0\""
            ))
            .exits(0);
        }
    });
}
