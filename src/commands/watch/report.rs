//! What a watch says: a line for each change of the state on stdout and to the log, trouble on stderr. Nobody is
//! waited for: who does not read misses a line, and keeps nothing from its end.

use std::time::{Duration, SystemTime};

use serde_json::json;

use super::state::State;
use crate::cli::WatchOptions;
use crate::clock::Shown;
use crate::domain::Obstacle;
use crate::log::{self, Log};
use crate::report::json::{VERSION, line};
use crate::report::writer::{self, Wait};
use crate::report::{self, CheckResult, Format};

/// What says it.
#[derive(Debug)]
pub struct Reporter<'a> {
    options: &'a WatchOptions,
}

/// A state and why it is so.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// `None`: there was no verdict yet.
    pub state: Option<State>,
    /// What the file says.
    pub value: i16,
    /// The judgement.
    pub checked: &'a CheckResult,
    /// How long after the kernel's event the file said so. `None`: it told nothing.
    pub since_event: Option<Duration>,
}

impl Change<'_> {
    fn word(&self) -> &'static str {
        match self.state {
            Some(State::Up) => "up",
            Some(State::Down) => "down",
            None => "not known",
        }
    }

    /// In one line, without the time of day.
    pub fn text(&self) -> String {
        let since = match self.since_event {
            Some(since) => format!(" ({} after the event)", Shown(since)),
            None => String::new(),
        };
        let (word, value, reason) = (self.word(), self.value, self.checked.reason());
        format!("{word} ({value}): {reason}{since}")
    }

    fn json(&self, now: &str) -> String {
        let checked = self.checked;
        line(&json!({
            "version": VERSION,
            "time": now,
            "state": self.word(),
            "value": self.value,
            "verdict": checked.verdict.to_string(),
            "healthy": checked.verdict.is_healthy(),
            "reason": checked.reason(),
            "source": checked.outcome.source,
            "seconds": checked.outcome.took.as_secs_f64(),
            "seconds_since_event": self.since_event.map(|since| since.as_secs_f64()),
        }))
    }
}

impl<'a> Reporter<'a> {
    /// For these options; with `-v` also what is done in between.
    pub fn new(options: &'a WatchOptions) -> Self {
        if options.check.verbose {
            log::verbose::to_stderr_of("listenup::commands::watch");
        }
        Self { options }
    }

    /// The state has changed.
    pub fn changed(&self, change: &Change<'_>) {
        let check = &self.options.check;
        log::changed(check.log, change.checked, change.word(), change.since_event);
        log::verbose::flush(Wait::No);
        if !check.quiet {
            let now = now();
            let text = match check.format {
                Format::Json => change.json(&now),
                Format::Text | Format::Nagios => format!("{now} {}\n", change.text()),
            };
            let _ = writer::stdout(&text, Wait::No);
        }
    }

    /// The state was asked for.
    pub fn state(&self, change: &Change<'_>) {
        report::line_to_stderr(change.text(), Wait::No);
    }

    /// Something that a person should know, and that changes nothing.
    pub fn trouble(&self, text: &str) {
        report::line_to_stderr(text, Wait::No);
        if self.options.check.log != Log::Stderr {
            log::trouble(self.options.check.log, text);
        }
    }

    /// There is nothing to watch.
    pub fn cannot_begin(&self, obstacle: &Obstacle) {
        match obstacle {
            Obstacle::NoSuch(what) => {
                log::wrong_usage(self.options.check.log, what);
                report::no_such(what, self.options.check.format, Wait::No);
            }
            Obstacle::Doubt(doubt) => self.trouble(&format!("could not tell: {doubt}")),
        }
    }
}

/// The time of day in UTC (RFC 3339).
fn now() -> String {
    humantime::format_rfc3339_millis(SystemTime::now()).to_string()
}
