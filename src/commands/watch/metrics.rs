//! `--metrics`: the state and counters in Prometheus' text format, for node_exporter's textfile collector.
//!
//! Times are times of day and not ages, as Prometheus advises: an age in the file of a watch that has died would stay
//! small for ever.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::errno::Errno;

use super::looks::Looks;
use super::report::Report;
use super::state::State;
use crate::errno::ErrnoText;

/// How often the file is written if nothing changes.
const EVERY: Duration = Duration::from_secs(5);

/// The file.
#[derive(Debug)]
pub struct Metrics {
    path: PathBuf,
    label: String,
    written: Option<Duration>,
    trouble: Option<String>,
}

impl Metrics {
    /// A file that was not written yet.
    pub fn new(path: &Path, track_file: &Path) -> Self {
        let label = track_file.display().to_string();
        // The text format knows these three escapes.
        let label = label
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n");
        Self {
            path: path.to_owned(),
            label,
            written: None,
            trouble: None,
        }
    }

    /// Writes the file if it is due, or if something has changed. Returns why it cannot be written, once.
    pub fn keep(
        &mut self,
        report: &Report<'_>,
        looks: &Looks<'_>,
        now: Duration,
        is_changed: bool,
    ) -> Option<String> {
        let is_due = |written| now.saturating_sub(written) >= EVERY;
        if !is_changed && !self.written.is_none_or(is_due) {
            return None;
        }
        self.written = Some(now);
        let written = self.write(&text(&self.label, report, looks.count, looks.lost));
        let trouble = written.err().map(|error| {
            format!(
                "{} cannot be written: {}",
                self.path.display(),
                ErrnoText::from(&error)
            )
        });
        let is_new = trouble != self.trouble;
        self.trouble = trouble;
        self.trouble.clone().filter(|_| is_new)
    }

    /// By a new file that takes the place of the old one, so that no reader sees a half. It takes the place of nothing else,
    /// such as /dev/null.
    fn write(&self, text: &str) -> io::Result<()> {
        let found = fs::symlink_metadata(&self.path);
        if found.is_ok_and(|found| !found.is_file()) {
            return Err(Errno::EEXIST.into());
        }
        let mut draft = self.path.clone().into_os_string();
        draft.push(".new");
        let _ = fs::remove_file(&draft);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o644)
            .open(&draft)?;
        let written = file.write_all(text.as_bytes());
        let written = written.and_then(|()| fs::rename(&draft, &self.path));
        if written.is_err() {
            let _ = fs::remove_file(&draft);
        }
        written
    }
}

fn text(label: &str, report: &Report<'_>, looks: u64, lost: u64) -> String {
    let seconds = |time: SystemTime| {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        format!("{:.3}", since.as_secs_f64())
    };
    let is_up = u8::from(report.state == Some(State::Up));
    let metrics = [
        (
            "up",
            "gauge",
            "1 if the file should say up (0).",
            is_up.to_string(),
        ),
        (
            "file_right",
            "gauge",
            "1 if the file says what it should.",
            u8::from(report.is_file_right).to_string(),
        ),
        (
            "changes_total",
            "counter",
            "Changes of the state.",
            report.history.changes.to_string(),
        ),
        (
            "last_change_timestamp_seconds",
            "gauge",
            "Time of day of the last change.",
            seconds(report.history.since),
        ),
        (
            "last_look_timestamp_seconds",
            "gauge",
            "Time of day of the last look.",
            seconds(SystemTime::now()),
        ),
        (
            "looks_total",
            "counter",
            "Looks for the targets.",
            looks.to_string(),
        ),
        (
            "events_lost_total",
            "counter",
            "How many times events of the kernel were lost.",
            lost.to_string(),
        ),
    ];
    metrics
        .map(|(name, kind, help, value)| {
            let name = format!("listenup_watch_{name}");
            format!("# HELP {name} {help}\n# TYPE {name} {kind}\n{name}{{track_file=\"{label}\"}} {value}\n")
        })
        .concat()
}
