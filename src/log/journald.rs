//! The journal's own protocol: a datagram of `FIELD=value` lines
//! (systemd.io/JOURNAL_NATIVE_PROTOCOL).

use std::fmt::Debug;
use std::io::Write;
use std::sync::Arc;

use tracing::Event;
use tracing::field::{Field, Visit};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::Registry;

use super::{Buffer, severity};

pub(super) const SOCKET: &str = "/run/systemd/journal/socket";

pub(super) fn layer(buffer: Arc<Buffer>) -> impl Layer<Registry> + Send + Sync {
    Journald(buffer)
}

struct Journald(Arc<Buffer>);

impl Layer<Registry> for Journald {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, Registry>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let priority = severity(event);
        let Fields {
            message,
            summary,
            lines,
        } = fields;
        let entry = format!(
            "PRIORITY={priority}\nSYSLOG_IDENTIFIER=listenup\nMESSAGE={message}{summary}\n{lines}"
        );
        // Writing to it cannot fail.
        let _ = (&*self.0).write_all(entry.as_bytes());
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
