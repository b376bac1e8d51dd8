//! Lines on stderr about the work of the program: `-v`, and `--log stderr`.

use std::fmt::{Arguments, Debug, Write};
use std::sync::{Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::report::writer::{self, Wait};
use crate::untrusted::text::printable_lines;

/// The lines that stderr has not accepted yet.
static PENDING: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// The number of bytes that are kept for it; later lines are lost.
const MOST: usize = 64 * 1024;

/// Prints the events of the module with this path, and of those in it. tracing-subscriber could do it with nine crates more.
struct OfModule(&'static str);

impl Subscriber for OfModule {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with(self.0) && *metadata.level() <= Level::DEBUG
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::DEBUG)
    }

    fn event(&self, event: &Event<'_>) {
        let mut message = Message(String::new());
        event.record(&mut message);
        line(*event.metadata().level(), format_args!("{}", message.0));
    }

    // The program has no spans.
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// The text of an event, which is all that the events of this program have.
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, _: &Field, value: &dyn Debug) {
        let _ = write!(self.0, "{value:?}");
    }
}

/// Prints the events of one module from now on. Without it an event costs next to nothing.
pub fn to_stderr_of(module: &'static str) {
    // Fails only when there is a subscriber already.
    let _ = tracing::subscriber::set_global_default(OfModule(module));
}

/// Prints a line without waiting, so that a slow reader does not delay the verdict.
pub fn line(level: Level, text: Arguments<'_>) {
    let shown = printable_lines(&format!("{level:>5} {text}\n"));
    let mut pending = PENDING.lock().unwrap_or_else(PoisonError::into_inner);
    if pending.len() + shown.len() <= MOST {
        pending.extend(shown.as_bytes());
    }
    drop(pending);
    flush(Wait::No);
}

/// Writes the lines that stderr has not accepted yet.
pub fn flush(wait: Wait<'_>) {
    let mut pending = PENDING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut left = pending.as_slice();
    // There is nobody to tell.
    let _ = writer::stderr(&mut left, wait);
    let written = pending.len() - left.len();
    pending.drain(..written);
}
