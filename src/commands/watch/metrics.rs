//! `--metrics`: the state and counters in Prometheus' text format, for node_exporter's textfile collector.
//!
//! Times are times of day and not ages, as Prometheus advises: an age in the file of a dead watch would stay small.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::errno::Errno;

use super::looks::Looks;
use super::report::Report;
use super::state::State;
use super::track_file::replace;
use crate::errno::ErrnoText;
use crate::untrusted::{ReadError, RegularFile};

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
    /// Returns a file that has not been written yet.
    pub fn new(path: &Path, track_file: &Path) -> Self {
        let label = track_file.display().to_string();
        // The text format has these three escapes.
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

    /// Writes the file if it is due, or if something has changed. Returns why it cannot be written, if that is new.
    pub fn update(
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
        let written = self.write(&text(&self.label, report, looks));
        let path = self.path.display();
        let trouble = written
            .err()
            .map(|why| format!("{path} cannot be written: {why}"));
        let is_new = trouble != self.trouble;
        self.trouble = trouble;
        self.trouble.clone().filter(|_| is_new)
    }

    /// Replaces the file, unless it holds something else.
    fn write(&self, text: &str) -> Result<(), String> {
        let text_of = |error: io::Error| ErrnoText::from(&error).to_string();
        match RegularFile::open(&self.path).and_then(|file| file.read_start(BEGIN.len() as u64)) {
            Ok(begin) if begin.is_empty() || begin == BEGIN.as_bytes() => {}
            Ok(_) => return Err("it holds something that is not metrics of a watch".to_owned()),
            Err(ReadError::System(Errno::ENOENT)) => {}
            Err(error) => return Err(error.to_string()),
        }
        replace(&self.path, text.as_bytes())
            .map(drop)
            .map_err(text_of)
    }
}

const BEGIN: &str = "# HELP listenup_watch_";

fn text(label: &str, report: &Report<'_>, looks: &Looks<'_>) -> String {
    let seconds = |time: SystemTime| {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        since.as_secs_f64()
    };
    let file = format!("{{track_file=\"{label}\"}}");
    let up = u8::from(report.state == State::Up);
    let right = u8::from(report.is_file_right);
    let trouble = u8::from(report.trouble.is_some());
    let changes = report.history.changes;
    let (change, look) = (seconds(report.history.since), seconds(looks.last));
    let (looks, lost) = (looks.count, looks.lost);
    format!(
        "\
# HELP listenup_watch_up 1 if the file should say up (0).
# TYPE listenup_watch_up gauge
listenup_watch_up{file} {up}
# HELP listenup_watch_file_right 1 if the file says what it should.
# TYPE listenup_watch_file_right gauge
listenup_watch_file_right{file} {right}
# HELP listenup_watch_trouble 1 if the file has the wrong value, cannot be changed, or may not be seen by keepalived.
# TYPE listenup_watch_trouble gauge
listenup_watch_trouble{file} {trouble}
# HELP listenup_watch_changes_total Changes of the state.
# TYPE listenup_watch_changes_total counter
listenup_watch_changes_total{file} {changes}
# HELP listenup_watch_last_change_timestamp_seconds Time of day of the last change.
# TYPE listenup_watch_last_change_timestamp_seconds gauge
listenup_watch_last_change_timestamp_seconds{file} {change:.3}
# HELP listenup_watch_last_look_timestamp_seconds Time of day of the last look.
# TYPE listenup_watch_last_look_timestamp_seconds gauge
listenup_watch_last_look_timestamp_seconds{file} {look:.3}
# HELP listenup_watch_looks_total Looks for the targets.
# TYPE listenup_watch_looks_total counter
listenup_watch_looks_total{file} {looks}
# HELP listenup_watch_events_lost_total How many times events of the kernel were lost.
# TYPE listenup_watch_events_lost_total counter
listenup_watch_events_lost_total{file} {lost}
"
    )
}
