//! `--log`: a line that says afterwards why a node failed over. keepalived sends the output of a script to /dev/null, so
//! the output cannot say it.
//!
//! Ready-made crates for the journal and syslog wait while the log's socket is full, or panic if the time zone is unknown
//! (tracing-journald, syslog-tracing, syslog). A check must do neither. So the sockets here never wait, and a line
//! that cannot be sent at once is lost.

pub mod verbose;

use std::fmt::Write;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{
    self, AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, connect, sendto, socket,
};
use tracing::{Level, debug};

use crate::clock::HumanDuration;
use crate::errno::ErrnoText;
use crate::report::CheckResult;
use crate::untrusted::text::printable;

const SYSLOG: &str = "/dev/log";
const JOURNAL: &str = "/run/systemd/journal/socket";

/// LOG_DAEMON of syslog(3).
const DAEMON: u8 = 3 << 3;

/// The destination of the log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Log {
    /// /dev/log, as with syslog(3).
    Syslog,
    /// The journal, by its own protocol.
    Journald,
    /// The standard error.
    Stderr,
    /// Nowhere.
    #[default]
    None,
}

/// True if the standard error goes to the journal (JOURNAL_STREAM of systemd.exec(5)).
pub fn stderr_is_journal() -> bool {
    let named = std::env::var("JOURNAL_STREAM").unwrap_or_default();
    let found = std::io::stderr()
        .as_fd()
        .try_clone_to_owned()
        .map(File::from);
    let found = found.and_then(|stderr| stderr.metadata());
    found.is_ok_and(|found| named == format!("{}:{}", found.dev(), found.ino()))
}

/// Logs the result of a check that failed, and with `all` also of a check that succeeded.
pub fn log_result(log: Log, checked: &CheckResult, all: bool) {
    match checked.verdict.is_healthy() {
        true if all => entry(log, checked, "ok", None),
        true => {}
        false => entry(log, checked, "failed", None),
    }
}

/// Logs the new state of a watch, and how long after the kernel's event its file had it.
pub fn log_state_change(
    log: Log,
    checked: &CheckResult,
    state: &str,
    since_event: Option<Duration>,
) {
    entry(log, checked, state, since_event);
}

fn entry(log: Log, checked: &CheckResult, word: &str, since_event: Option<Duration>) {
    if log == Log::None {
        return;
    }
    let outcome = &checked.outcome;
    let targets = outcome.answers.iter();
    let targets: Vec<_> = targets.map(|(target, _)| target.to_string()).collect();
    let mut fields = vec![
        ("targets", targets.join(" ")),
        ("verdict", checked.verdict.to_string()),
        ("reason", checked.reason()),
        ("source", outcome.source.unwrap_or("none").to_owned()),
        ("took", HumanDuration(outcome.took).to_string()),
    ];
    fields.extend(since_event.map(|since| ("since_event", HumanDuration(since).to_string())));
    let level = match checked.verdict.is_healthy() {
        true => Level::INFO,
        false => Level::WARN,
    };
    write(log, level, word, &fields);
}

/// Logs a warning that changes no verdict.
pub fn warn(log: Log, reason: &str) {
    write(
        log,
        Level::WARN,
        "trouble",
        &[("reason", printable(reason))],
    );
}

/// Logs that a command line was refused, so that there was no check.
pub fn log_usage_error(log: Log, reason: &str) {
    write(
        log,
        Level::WARN,
        "wrong usage",
        &[("reason", printable(reason))],
    );
}

/// Writes a line with these fields to the log.
fn write(log: Log, level: Level, word: &str, fields: &[(&str, String)]) {
    // Writing to a String cannot fail.
    let mut line = word.to_owned();
    for (name, value) in fields {
        let _ = write!(line, " {name}={value:?}");
    }
    // LOG_WARNING or LOG_INFO of syslog(3).
    let severity = if level == Level::WARN { 4 } else { 6 };
    match log {
        Log::None => {}
        Log::Stderr => verbose::line(level, format_args!("{line}")),
        // The form of RFC 3164, as syslog(3) writes it. The daemon adds the time (RFC 3164, section 4.3.2).
        Log::Syslog => {
            let (priority, process) = (DAEMON | severity, std::process::id());
            send(SYSLOG, &format!("<{priority}>listenup[{process}]: {line}"));
        }
        // A datagram of FIELD=value lines (systemd.io/JOURNAL_NATIVE_PROTOCOL).
        Log::Journald => {
            let start =
                format!("PRIORITY={severity}\nSYSLOG_IDENTIFIER=listenup\nMESSAGE={line}\n");
            let lines = fields.iter().map(|(name, value)| {
                // A line feed would begin another field.
                let value = value.replace('\n', " ");
                format!("LISTENUP_{}={value}\n", name.to_uppercase())
            });
            send(JOURNAL, &(start + &lines.collect::<String>()));
        }
    }
}

/// Sends the line, at once or not at all. If the socket is missing, full or forbidden to this user, the line is lost, and
/// only `-v` says so.
fn send(path: &str, message: &str) {
    if let Err(errno) = send_to(path, message.as_bytes()) {
        let why = ErrnoText(errno);
        debug!("{path} did not accept the line: {why}");
    }
}

/// Sends a datagram. If the daemon has a stream, connects to it and ends the message with a NUL, like syslog(3).
fn send_to(path: &str, message: &[u8]) -> Result<(), Errno> {
    let address = UnixAddr::new(path)?;
    let open = |kind| {
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        socket(AddressFamily::Unix, kind, flags, None)
    };
    let flags = MsgFlags::MSG_NOSIGNAL;
    let datagram = open(SockType::Datagram)?;
    match sendto(datagram.as_raw_fd(), message, &address, flags) {
        Err(Errno::EPROTOTYPE) => {
            let stream = open(SockType::Stream)?;
            connect(stream.as_raw_fd(), &address)?;
            let message = [message, b"\0"].concat();
            match socket::send(stream.as_raw_fd(), &message, flags)? {
                sent if sent == message.len() => Ok(()),
                _ => Err(Errno::EMSGSIZE),
            }
        }
        sent => sent.map(drop),
    }
}
