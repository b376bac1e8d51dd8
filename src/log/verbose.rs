//! Lines on stderr about the work of the program: `-v`, and `--log stderr`.

use std::fmt::Arguments;
use std::sync::{Mutex, PoisonError};

use ::log::{Level, LevelFilter, Log, Metadata, Record};

use crate::report::writer::{self, Wait};
use crate::untrusted::text::printable_lines;

/// The lines that stderr has not accepted yet.
static PENDING: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// The number of bytes that are kept for it; later lines are lost.
const MOST: usize = 64 * 1024;

/// Prints the events of the module with this path, and of those in it.
struct OfModule(&'static str);

impl Log for OfModule {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with(self.0)
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            line(record.level(), *record.args());
        }
    }

    fn flush(&self) {}
}

/// Has the events of one module printed. Without it an event costs next to nothing.
pub fn to_stderr_of(module: &'static str) {
    // Fails only when there is a logger already.
    if ::log::set_boxed_logger(Box::new(OfModule(module))).is_ok() {
        ::log::set_max_level(LevelFilter::Debug);
    }
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
