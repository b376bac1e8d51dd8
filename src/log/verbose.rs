//! Events of the program on stderr: `-v`, and `--log stderr`.

use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::{LookupSpan, Registry};

use crate::report::writer::{self, Wait};
use crate::untrusted::text::printable_lines;

/// The lines that stderr has not accepted yet.
static PENDING: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// The number of bytes that are kept for it; later lines are lost.
const MOST: usize = 64 * 1024;

/// Sets up the subscriber of `-v`. Without it an event costs next to nothing.
pub fn to_stderr() {
    let subscriber = Registry::default().with(stderr_layer().with_filter(LevelFilter::DEBUG));
    // Fails only when there is one already.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// Sets up a subscriber for the events of one module alone.
pub fn to_stderr_of(module: &'static str) {
    let of_module = Targets::new().with_target(module, LevelFilter::DEBUG);
    let subscriber = Registry::default().with(stderr_layer().with_filter(of_module));
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// Writes an event as a line.
pub fn stderr_layer<S>() -> impl Layer<S>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    tracing_subscriber::fmt::layer()
        .with_writer(|| Stderr)
        .with_target(false)
        .with_ansi(false)
        .without_time()
        // It would use eprintln!, which panics when stderr is full.
        .log_internal_errors(false)
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

/// A writer that never waits, so that a slow reader does not delay the verdict.
struct Stderr;

impl Write for Stderr {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let shown = printable_lines(&String::from_utf8_lossy(line));
        let mut pending = PENDING.lock().unwrap_or_else(PoisonError::into_inner);
        if pending.len() + shown.len() <= MOST {
            pending.extend(shown.as_bytes());
        }
        drop(pending);
        flush(Wait::No);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
