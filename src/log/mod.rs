//! `--log`: one line for the one who asks afterwards why a node failed over. keepalived sends what a
//! script prints to /dev/null.
//!
//! The line is an event of tracing, which a subscriber of its own writes. Ready-made layers for syslog
//! and journald send in a way that waits while the log's queue is full, or panic where the time zone
//! is not known; a check must do neither. So the two sockets here never wait, and what cannot be
//! sent at once is lost.

mod datagram;
mod journald;
mod syslog;

use tracing::{Level, event};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::Registry;

use crate::report::Checked;

/// Where the line goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Log {
    /// /dev/log, as syslog(3) does.
    Syslog,
    /// The journal's own protocol.
    Journald,
    /// The standard error.
    Stderr,
    /// Nowhere.
    #[default]
    None,
}

/// Logs how a check ended: what is not healthy, and with `all` also what is.
pub fn checked(log: Log, checked: &Checked, all: bool) {
    if !all && checked.verdict.is_healthy() {
        return;
    }
    let layer: Box<dyn Layer<Registry> + Send + Sync> = match log {
        Log::None => return,
        Log::Stderr => Box::new(crate::trace::stderr_layer()),
        Log::Syslog => Box::new(syslog::layer()),
        Log::Journald => Box::new(journald::Journald),
    };
    tracing::subscriber::with_default(Registry::default().with(layer), || entry(checked));
}

/// The event. Its fields are the same everywhere.
fn entry(checked: &Checked) {
    let outcome = &checked.outcome;
    let targets: Vec<_> = outcome
        .answers
        .iter()
        .map(|(target, _)| target.to_string())
        .collect();
    let targets = targets.join(" ");
    let verdict = checked.verdict.to_string();
    let reason = checked.reason();
    let source = outcome.source.unwrap_or("none");
    let took = humantime::format_duration(outcome.took).to_string();
    macro_rules! log {
        ($level:expr, $message:literal) => {
            event!($level, targets, verdict, reason, source, took, $message)
        };
    }
    if checked.verdict.is_healthy() {
        log!(Level::INFO, "healthy");
    } else {
        log!(Level::WARN, "not healthy");
    }
}
