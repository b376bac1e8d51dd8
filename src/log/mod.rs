//! `--log`: one line for the one who asks afterwards why a node failed over. keepalived sends what a
//! script prints to /dev/null.
//!
//! The line is an event of tracing, which a subscriber of its own puts into words. Ready-made layers
//! for the journal and syslog wait while the log's socket is full, or panic where the time zone is not
//! known (crates tracing-journald, syslog-tracing, syslog); a check must do neither. So the sockets
//! are our own, never wait, and what cannot be sent at once is lost.

mod journald;
mod syslog;

use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixDatagram;
use std::sync::{Arc, Mutex, PoisonError};

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, connect, socket};

use tracing::{Event, Level, debug, event, warn};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::Registry;

use crate::report::Checked;
use crate::trace;

/// Where the line goes.
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

/// What a layer writes an event to.
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

/// Logs how a check ended: what is not well, and with `all` also what is.
pub fn checked(log: Log, checked: &Checked, all: bool) {
    if !all && checked.verdict.is_healthy() {
        return;
    }
    match log {
        Log::None => {}
        Log::Stderr => entry(checked, trace::stderr_layer()),
        Log::Syslog => datagram(syslog::SOCKET, |buffer| {
            entry(checked, syslog::layer(buffer));
        }),
        Log::Journald => datagram(journald::SOCKET, |buffer| {
            entry(checked, journald::layer(buffer));
        }),
    }
}

/// Logs a command line that is wrong: under keepalived nobody else hears of it, and the check fails for
/// ever.
pub fn wrong_usage(log: Log, reason: &str) {
    let event = || warn!(reason, "wrong usage");
    let send = |layer: Box<dyn Layer<Registry> + Send + Sync>| {
        tracing::subscriber::with_default(Registry::default().with(layer), event);
    };
    match log {
        // The one who reads stderr has read it there.
        Log::None | Log::Stderr => {}
        Log::Syslog => datagram(syslog::SOCKET, |buffer| {
            send(Box::new(syslog::layer(buffer)))
        }),
        Log::Journald => datagram(journald::SOCKET, |buffer| {
            send(Box::new(journald::layer(buffer)));
        }),
    }
}

/// The event. Its fields are the same everywhere.
fn entry(checked: &Checked, layer: impl Layer<Registry> + Send + Sync) {
    let outcome = &checked.outcome;
    let targets = outcome.answers.iter();
    let targets: Vec<_> = targets.map(|(target, _)| target.to_string()).collect();
    let targets = targets.join(" ");
    let verdict = checked.verdict.to_string();
    let reason = checked.reason();
    let source = outcome.source.unwrap_or("none");
    let took = format!("{:.3} ms", outcome.took.as_secs_f64() * 1e3);
    macro_rules! entry {
        ($level:expr, $message:literal) => {
            event!($level, targets, verdict, reason, source, took, $message)
        };
    }
    tracing::subscriber::with_default(Registry::default().with(layer), || {
        if checked.verdict.is_healthy() {
            entry!(Level::INFO, "well");
        } else {
            entry!(Level::WARN, "not well");
        }
    });
}

/// Sends what is written as one datagram, at once or not at all. A socket that is missing, closed to
/// this user or full changes nothing; `-v` names it.
fn datagram(path: &str, write: impl FnOnce(Arc<Buffer>)) {
    let buffer = Arc::new(Buffer::default());
    write(Arc::clone(&buffer));
    let bytes = buffer.0.lock().unwrap_or_else(PoisonError::into_inner);
    if let Err(error) = send(path, &bytes) {
        debug!("{path} did not take the line: {error}");
    }
}

/// A socket of syslogd may be a stream, as syslog-ng's and busybox' can be; there a NUL ends a line, as
/// syslog(3) sends it.
fn send(path: &str, datagram: &[u8]) -> io::Result<()> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    match socket.send_to(datagram, path) {
        Err(error) if error.raw_os_error() == Some(Errno::EPROTOTYPE as i32) => {
            send_by_stream(path, datagram).map_err(io::Error::from)
        }
        sent => sent.map(drop),
    }
}

fn send_by_stream(path: &str, line: &[u8]) -> Result<(), Errno> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let stream = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    connect(stream.as_raw_fd(), &UnixAddr::new(path)?)?;
    let line = [line.trim_ascii_end(), b"\0"].concat();
    nix::sys::socket::send(stream.as_raw_fd(), &line, MsgFlags::MSG_NOSIGNAL)?;
    Ok(())
}
