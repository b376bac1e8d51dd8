//! The local syslog, in the form of RFC 3164 as syslog(3) writes it. The time is missing, and the daemon adds it (RFC
//! 3164, section 4.3.2).

use std::fmt;
use std::sync::Arc;

use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::{LookupSpan, Registry};

use super::{Buffer, severity};

pub(super) const SOCKET: &str = "/dev/log";

/// LOG_DAEMON of syslog(3).
const DAEMON: u8 = 3 << 3;

pub(super) fn layer(buffer: Arc<Buffer>) -> impl Layer<Registry> + Send + Sync {
    tracing_subscriber::fmt::layer()
        .event_format(Line)
        .with_writer(buffer)
        .with_ansi(false)
        .log_internal_errors(false)
}

/// A line with the priority and the tag, then the event's message and fields.
struct Line;

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let (priority, process) = (DAEMON | severity(event), std::process::id());
        write!(writer, "<{priority}>listenup[{process}]: ")?;
        context.format_fields(writer, event)
    }
}
