//! `--log`: sockets of the test's own, below another root, in the place of the machine's.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::fs::Permissions;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};
use tempfile::TempDir;

use common::confined::folder_with_listenup;
use common::in_namespace;
use common::program::{ProgramOutput, listenup};
use common::sockets::listen;

const SYSLOG: &str = "dev/log";
const JOURNAL: &str = "run/systemd/journal/socket";

/// A root with the program and this socket, which everybody may write to.
fn root_with(socket: &str) -> (TempDir, UnixDatagram) {
    let (root, log) = root_and(socket, UnixDatagram::bind);
    log.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    (root, log)
}

/// The same with a socket of another kind, which is bound by `bind`.
fn root_and<S>(socket: &str, bind: impl FnOnce(PathBuf) -> std::io::Result<S>) -> (TempDir, S) {
    let root = folder_with_listenup();
    let path = root.path().join(socket);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let log = bind(path.clone()).unwrap();
    std::fs::set_permissions(path, Permissions::from_mode(0o666)).unwrap();
    (root, log)
}

/// Runs `listenup check` there as a user without rights. It has no /proc there, and ends in ten
/// seconds at the latest.
fn check(root: &Path, words: &str) -> ProgramOutput {
    let mut command = Command::new("timeout");
    command.args(["10", "chroot", "--userspec=65534:65534"]);
    command.arg(root).args(["/listenup", "check"]);
    ProgramOutput::by(command.args(words.split_whitespace()))
}

/// The next datagram, with the process's number and the time cut out.
fn line(log: &UnixDatagram) -> String {
    let mut buffer = [0; 4096];
    let length = log.recv(&mut buffer).unwrap();
    let text = std::str::from_utf8(&buffer[..length]).unwrap();
    let text = cut(text, "listenup[", "]");
    let text = cut(&text, "took=\"", "ms\"");
    cut(&text, "LISTENUP_TOOK=", "ms\n")
}

/// The text without the number between these two, which must be there if the first is.
fn cut(text: &str, before: &str, after: &str) -> String {
    let Some((head, rest)) = text.split_once(before) else {
        return text.to_owned();
    };
    let (number, tail) = rest.split_once(after).unwrap();
    assert!(number.parse::<f64>().unwrap() > 0.0, "{text}");
    format!("{head}{before}N{after}{tail}")
}

/// Whether nothing is left to read.
fn is_silent(log: &UnixDatagram) -> bool {
    log.set_nonblocking(true).unwrap();
    let error = log.recv(&mut [0; 16]).unwrap_err();
    log.set_nonblocking(false).unwrap();
    error.kind() == ErrorKind::WouldBlock
}

#[test]
fn syslog_gets_one_line_for_a_check_that_failed() {
    in_namespace(|| {
        let (root, log) = root_with(SYSLOG);
        let _socket = listen("127.0.0.1", 443);
        check(root.path(), "--log syslog 443 80")
            .exits(1)
            .stdout("443: listening on 127.0.0.1:443\n80: not listening\n")
            .stderr("");
        assert_eq!(
            line(&log),
            "<28>listenup[N]: failed targets=\"443 80\" verdict=\"not listening\" \
             reason=\"80: not listening; 443: listening on 127.0.0.1:443\" source=\"sock_diag\" \
             took=\"Nms\""
        );
        check(root.path(), "--log syslog 443").exits(0);
        assert!(is_silent(&log));
        check(root.path(), "--log syslog -v 443").exits(0);
        assert_eq!(
            line(&log),
            "<30>listenup[N]: ok targets=\"443\" verdict=\"listening\" \
             reason=\"443: listening on 127.0.0.1:443\" source=\"sock_diag\" took=\"Nms\""
        );
        check(root.path(), "80").exits(1);
        assert!(is_silent(&log));
    });
}

#[test]
fn the_journal_gets_fields() {
    in_namespace(|| {
        let (root, log) = root_with(JOURNAL);
        check(
            root.path(),
            "--log journald --source proc --exit-codes distinct 80",
        )
        .exits(3);
        let reason = "80: could not tell: /proc/self/net/tcp: cannot be opened: No such file or \
                      directory (ENOENT)";
        assert_eq!(
            line(&log),
            format!(
                "PRIORITY=4\nSYSLOG_IDENTIFIER=listenup\nMESSAGE=failed targets=\"80\" \
                 verdict=\"could not tell\" reason=\"{reason}\" source=\"none\" took=\"Nms\"\n\
                 LISTENUP_TARGETS=80\nLISTENUP_VERDICT=could not tell\nLISTENUP_REASON={reason}\n\
                 LISTENUP_SOURCE=none\nLISTENUP_TOOK=Nms\n"
            )
        );
    });
}

#[test]
fn stderr_gets_the_same_line() {
    in_namespace(|| {
        let said = listenup("check --log stderr 80")
            .exits(1)
            .stdout("80: not listening\n");
        assert_eq!(
            cut(&said.stderr, "took=\"", "ms\""),
            " WARN failed targets=\"80\" verdict=\"not listening\" reason=\"80: not listening\" \
             source=\"sock_diag\" took=\"Nms\"\n"
        );
        listenup("check --log none 80").exits(1).stderr("");
    });
}

#[test]
fn a_missing_closed_or_full_log_does_not_change_the_verdict() {
    in_namespace(|| {
        let _socket = listen("127.0.0.1", 443);
        for (place, log) in [(SYSLOG, "syslog"), (JOURNAL, "journald")] {
            let verdicts = |root: &Path, why: &str| {
                for (port, code) in [("443", 0), ("80", 1)] {
                    check(root, &format!("--log {log} {port}"))
                        .exits(code)
                        .stderr("");
                    check(root, &format!("-v --log {log} {port}"))
                        .exits(code)
                        .stderr_has(&format!("DEBUG /{place} did not accept the line: {why}"));
                }
            };
            let bare = folder_with_listenup();
            verdicts(bare.path(), "No such file or directory (ENOENT)");

            let (root, full) = root_with(place);
            let sender = UnixDatagram::unbound().unwrap();
            sender.set_nonblocking(true).unwrap();
            while sender.send_to(b"x", root.path().join(place)).is_ok() {}
            verdicts(root.path(), "Try again (EAGAIN)");
            drop(full);
            verdicts(root.path(), "Connection refused (ECONNREFUSED)");

            let (root, _closed) = root_with(place);
            let path = root.path().join(place);
            std::fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
            verdicts(root.path(), "Permission denied (EACCES)");
        }
    });
}

#[test]
fn wrong_usage_is_logged_before_and_after_the_log_option() {
    let (root, log) = root_with(SYSLOG);
    let port = "invalid value '443,80' for '<TARGET>...'";
    let option = "unexpected argument '--no-such' found";
    for (words, reason) in [
        ("-q --log syslog 443,80", port),
        ("443,80 -q --log syslog", port),
        ("-q 443,80 --log=syslog", port),
        ("--no-such --log=syslog 443", option),
        ("443 --log syslog --no-such", option),
        (
            "--log syslog --at-least 2 443",
            "--at-least 2 can never be met",
        ),
        (
            "--log syslog -h 127.0.0.1 443",
            "help and the version are shown only if nothing else is given",
        ),
        (
            "--log syslog",
            "the following required arguments were not provided: <TARGET>...",
        ),
    ] {
        check(root.path(), words).exits(1).stdout("");
        let line = line(&log);
        let start = format!("<28>listenup[N]: wrong usage reason=\"{reason}");
        assert!(line.starts_with(&start), "{words}: {line}");
        assert!(!line.contains('\n') && !line.contains("Usage"), "{line}");
        assert!(is_silent(&log));
    }
    for words in ["443,80", "--log none 443,80", "--log sylog 443", "--help"] {
        check(root.path(), words);
        assert!(is_silent(&log), "{words}");
    }

    let (root, log) = root_with(JOURNAL);
    check(root.path(), "--log journald 443,80").exits(1);
    let line = line(&log);
    assert!(
        line.contains(&format!("\nLISTENUP_REASON={port}")),
        "{line}"
    );
    let said = listenup("check --log stderr 443,80").exits(1);
    let start = format!(" WARN wrong usage reason=\"{port}");
    assert!(said.stderr.starts_with(&start), "{said:?}");
}

#[test]
fn a_stream_socket_of_syslog_gets_the_line() {
    in_namespace(|| {
        let (root, log) = root_and(SYSLOG, UnixListener::bind);
        check(root.path(), "--log syslog 80").exits(1);
        let mut said = String::new();
        let (mut connection, _) = log.accept().unwrap();
        connection.read_to_string(&mut said).unwrap();
        let said = cut(&cut(&said, "listenup[", "]"), "took=\"", "ms\"");
        assert_eq!(
            said,
            "<28>listenup[N]: failed targets=\"80\" verdict=\"not listening\" \
             reason=\"80: not listening\" source=\"sock_diag\" took=\"Nms\"\0"
        );
        // Nobody takes connections, and there is no room for another.
        let (root, _full) = root_and(SYSLOG, |path| {
            let log = Socket::new(Domain::UNIX, Type::STREAM, None)?;
            let address = SockAddr::unix(path)?;
            log.bind(&address)?;
            log.listen(0)?;
            let waiting = Socket::new(Domain::UNIX, Type::STREAM, None)?;
            waiting.connect(&address)?;
            Ok((log, waiting))
        });
        check(root.path(), "-v --log syslog 80")
            .exits(1)
            .stderr_has("DEBUG /dev/log did not accept the line: Try again (EAGAIN)");
    });
}
