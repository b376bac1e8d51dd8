//! The output of a watch: a line for each change of the state on stdout and to the log, trouble on stderr. It does not wait for
//! a reader: if nothing reads, a line is lost.

use std::time::{Duration, SystemTime};

use serde_json::json;

use super::state::{History, State};
use crate::cli::WatchOptions;
use crate::clock::HumanDuration;
use crate::log::{self, Log};
use crate::report::json::{VERSION, line};
use crate::report::writer::{self, Wait};
use crate::report::{self, CheckResult, Format};
use crate::untrusted::text::printable;

/// Writes to stdout, stderr and the log.
#[derive(Debug)]
pub struct Reporter<'a> {
    options: &'a WatchOptions,
    /// The standard error goes to the journal, as the log does.
    is_journal: bool,
}

/// The state of a watch, and why it is so.
#[derive(Clone, Debug)]
pub struct Report<'a> {
    /// Up or down.
    pub state: State,
    /// The number that the file should hold.
    pub value: i16,
    /// The last verdict.
    pub checked: &'a CheckResult,
    /// The time from the kernel's event to the new value. `None`: the reason was not an event.
    pub since_event: Option<Duration>,
    /// The changes so far.
    pub history: &'a History,
    /// The reason why the file has the wrong value, cannot be changed or may not be seen by keepalived.
    pub trouble: Option<String>,
    /// True if the file says what it should.
    pub is_file_right: bool,
}

impl Report<'_> {
    /// Returns the report in one line, without the time of day.
    pub fn text(&self) -> String {
        let since = match self.since_event {
            Some(since) => format!(" ({} after the event)", HumanDuration(since)),
            None => String::new(),
        };
        let (word, value, reason) = (self.state.word(), self.value, self.checked.reason());
        let trouble = self
            .trouble
            .as_ref()
            .map(|trouble| format!("; {trouble}"))
            .unwrap_or_default();
        printable(&format!("{word} ({value}): {reason}{since}{trouble}"))
    }

    /// Returns the line for `systemctl status`: the trouble first.
    pub fn status(&self) -> String {
        let trouble = self
            .trouble
            .as_ref()
            .map(|trouble| format!("TROUBLE: {trouble}; "))
            .unwrap_or_default();
        let (word, value, reason) = (self.state.word(), self.value, self.checked.reason());
        let since = humantime::format_rfc3339_seconds(self.history.since);
        let changes = match self.history.last_hour() {
            1 => "1 change".to_owned(),
            count => format!("{count} changes"),
        };
        format!("{trouble}{word} ({value}) since {since}, {changes} in the last hour: {reason}")
    }

    fn json(&self, now: &str) -> String {
        let checked = self.checked;
        line(&json!({
            "version": VERSION,
            "time": now,
            "state": self.state.word(),
            "value": self.value,
            "verdict": checked.verdict.to_string(),
            "healthy": checked.verdict.is_healthy(),
            "reason": checked.reason(),
            "source": checked.outcome.source,
            "seconds": checked.outcome.took.as_secs_f64(),
            "seconds_since_event": self.since_event.map(|since| since.as_secs_f64()),
            "since": humantime::format_rfc3339_millis(self.history.since).to_string(),
            "changes_in_last_hour": self.history.last_hour(),
            "file_is_right": self.is_file_right,
            "trouble": self.trouble,
        }))
    }
}

impl<'a> Reporter<'a> {
    /// Returns a reporter for these options. With `-v` it also reports looks.
    pub fn new(options: &'a WatchOptions) -> Self {
        if options.check.verbose {
            log::verbose::to_stderr_of("listenup::commands::watch");
        }
        Self {
            options,
            is_journal: log::stderr_is_journal(),
        }
    }

    /// Reports a change of the state.
    pub fn changed(&self, report: &Report<'_>) {
        let check = &self.options.check;
        log::log_state_change(
            check.log,
            report.checked,
            report.state.word(),
            report.since_event,
        );
        log::verbose::flush(Wait::No);
        if !check.quiet {
            let now = now();
            let text = match check.format {
                Format::Json => report.json(&now),
                Format::Text | Format::Nagios => format!("{now} {}\n", report.text()),
            };
            let _ = writer::stdout(&text, Wait::Never);
        }
    }

    /// Reports a change of the trouble with the file, which [`Reporter::trouble`] has already put in words.
    pub fn file_changed(&self, report: &Report<'_>) {
        if self.options.check.format == Format::Json && !self.options.check.quiet {
            let _ = writer::stdout(report.json(&now()), Wait::Never);
        }
    }

    /// Prints the state to stderr.
    pub fn state(&self, report: &Report<'_>) {
        report::eprint_line(report.text(), Wait::Never);
    }

    /// Reports a problem.
    pub fn trouble(&self, text: &str) {
        let log = self.options.check.log;
        if log != Log::Journald || !self.is_journal {
            report::eprint_line(text, Wait::Never);
        }
        if log != Log::Stderr {
            log::warn(log, text);
        }
    }
}

/// Returns the time of day in UTC (RFC 3339).
fn now() -> String {
    humantime::format_rfc3339_millis(SystemTime::now()).to_string()
}
