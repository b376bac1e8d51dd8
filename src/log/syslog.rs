//! The local syslog: /dev/log, in the form of RFC 3164 as syslog(3) writes it, but without the time,
//! which the daemon adds (RFC 3164, section 4.3.2).

use std::io::{self, Write};

use tracing::{Level, Metadata};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::registry::Registry;

use super::datagram;

const SOCKET: &str = "/dev/log";
/// LOG_DAEMON of syslog(3), times 8.
const FACILITY: u8 = 3 << 3;
/// LOG_WARNING and LOG_INFO.
const WARNING: u8 = 4;
const INFO: u8 = 6;

pub(super) fn layer() -> impl Layer<Registry> {
    tracing_subscriber::fmt::layer()
        .with_writer(Syslog)
        .with_level(false)
        .with_target(false)
        .with_ansi(false)
        .without_time()
        .log_internal_errors(false)
}

struct Syslog;

/// The beginning of a line: priority and tag.
struct Line(String);

impl<'a> MakeWriter<'a> for Syslog {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        line(INFO)
    }

    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> Line {
        line(if *meta.level() == Level::WARN {
            WARNING
        } else {
            INFO
        })
    }
}

fn line(severity: u8) -> Line {
    let priority = FACILITY | severity;
    Line(format!("<{priority}>listenup[{}]: ", std::process::id()))
}

impl Write for Line {
    /// The layer writes an event with one call.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let datagram = [self.0.as_bytes(), event.trim_ascii()].concat();
        datagram::send(SOCKET, &datagram);
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
