//! The journal's own protocol: a datagram of `FIELD=value` lines
//! (systemd.io/JOURNAL_NATIVE_PROTOCOL).

use std::fmt::Debug;

use tracing::field::{Field, Visit};
use tracing::{Event, Level};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::Registry;

use super::datagram;

const SOCKET: &str = "/run/systemd/journal/socket";

pub(super) struct Journald;

impl Layer<Registry> for Journald {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, Registry>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        // LOG_WARNING and LOG_INFO of syslog(3).
        let priority = if *event.metadata().level() == Level::WARN {
            4
        } else {
            6
        };
        let datagram = format!(
            "PRIORITY={priority}\nSYSLOG_IDENTIFIER=listenup\nMESSAGE={}{}\n{}",
            fields.message, fields.summary, fields.lines
        );
        datagram::send(SOCKET, datagram.as_bytes());
    }
}

/// An event's fields, each as a line of its own and all as a part of the message.
#[derive(Default)]
struct Fields {
    message: String,
    summary: String,
    lines: String,
}

impl Fields {
    fn take(&mut self, field: &Field, value: &str) {
        // A line feed would begin another field.
        let value = value.replace('\n', " ");
        if field.name() == "message" {
            self.message = value;
        } else {
            self.summary += &format!(" {}={value:?}", field.name());
            self.lines += &format!("LISTENUP_{}={value}\n", field.name().to_uppercase());
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.take(field, &format!("{value:?}"));
    }
}
