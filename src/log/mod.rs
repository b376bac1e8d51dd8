//! `--log`: a line that says afterwards why a node failed over. keepalived sends the output of a script to /dev/null, so
//! the output cannot say it.
//!
//! The line is an event of tracing, and a subscriber of its own formats it. Ready-made layers for the journal and
//! syslog wait while the log's socket is full, or panic if the time zone is unknown (crates tracing-journald,
//! syslog-tracing, syslog). A check must do neither. So the sockets here never wait, and a line that cannot be sent at
//! once is lost.

mod journald;
mod syslog;
pub mod verbose;

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{
    self, AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, connect, sendto, socket,
};

use tracing::{Event, Level, debug, event};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::Registry;

use crate::clock::HumanDuration;
use crate::errno::ErrnoText;
use crate::report::CheckResult;
use crate::untrusted::text::printable;

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

/// The severity of an event as syslog(3) numbers it: LOG_WARNING or LOG_INFO.
fn severity(event: &Event<'_>) -> u8 {
    match *event.metadata().level() {
        Level::WARN => 4,
        _ => 6,
    }
}

/// The memory that a layer writes an event to.
#[derive(Default)]
struct Buffer(Mutex<Vec<u8>>);

impl Write for &Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
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
    let targets = targets.join(" ");
    let verdict = checked.verdict.to_string();
    let reason = checked.reason();
    let source = outcome.source.unwrap_or("none");
    let took = HumanDuration(outcome.took).to_string();
    let since_event = since_event.map(|since| HumanDuration(since).to_string());
    macro_rules! entry {
        ($level:expr) => {
            event!(
                $level,
                targets,
                verdict,
                reason,
                source,
                took,
                since_event,
                "{word}"
            )
        };
    }
    write(log, || {
        if checked.verdict.is_healthy() {
            entry!(Level::INFO);
        } else {
            entry!(Level::WARN);
        }
    });
}

/// Logs a warning that changes no verdict.
pub fn warn(log: Log, reason: &str) {
    let reason = printable(reason);
    write(log, || event!(Level::WARN, reason, "trouble"));
}

/// Logs that a command line was refused, so that there was no check.
pub fn log_usage_error(log: Log, reason: &str) {
    let reason = printable(reason);
    write(log, || event!(Level::WARN, reason, "wrong usage"));
}

/// Writes the event of `entry` to the log.
fn write(log: Log, entry: impl FnOnce()) {
    match log {
        Log::None => {}
        Log::Stderr => emit(verbose::stderr_layer(), entry),
        Log::Syslog => send_entry(syslog::SOCKET, |buffer| emit(syslog::layer(buffer), entry)),
        Log::Journald => send_entry(journald::SOCKET, |buffer| {
            emit(journald::layer(buffer), entry);
        }),
    }
}

fn emit(layer: impl Layer<Registry> + Send + Sync, entry: impl FnOnce()) {
    tracing::subscriber::with_default(Registry::default().with(layer), entry);
}

/// Sends the line, at once or not at all. If the socket is missing, full or forbidden to this user, the line is lost, and
/// only `-v` says so.
fn send_entry(path: &str, write: impl FnOnce(Arc<Buffer>)) {
    let buffer = Arc::new(Buffer::default());
    write(Arc::clone(&buffer));
    let bytes = buffer.0.lock().unwrap_or_else(PoisonError::into_inner);
    if let Err(errno) = send(path, &bytes) {
        let why = ErrnoText(errno);
        debug!("{path} did not accept the line: {why}");
    }
}

/// Sends a datagram. If the daemon has a stream, connects to it and ends the message with a NUL, like syslog(3).
fn send(path: &str, message: &[u8]) -> Result<(), Errno> {
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
