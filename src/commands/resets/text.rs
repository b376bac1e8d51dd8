//! The report for a person.

use std::fmt::{Display, Write as _};
use std::time::Duration;

use super::causes::{CAUSES, Cause};
use super::change::{Change, Changes};
use super::watch::{Interval, Record};
use crate::clock::Shown;

/// A line about an interval.
pub fn interval(interval: &Interval) -> String {
    let causes: Vec<String> = CAUSES
        .iter()
        .filter_map(|cause| {
            let counters: Vec<String> = cause
                .known(&interval.changes)
                .filter(|(_, change)| change.has_moved())
                .map(|(name, change)| format!("{name} {}", growth(change)))
                .collect();
            (!counters.is_empty()).then(|| format!("{} ({})", cause.name, counters.join(", ")))
        })
        .collect();
    // Where the machine was late it is no round figure.
    let due = Duration::from_millis(interval.due.as_millis().try_into().unwrap_or(u64::MAX));
    let due = Shown(due);
    format!("{due}: {}\n", causes.join(", "))
}

/// What happened in all of the time.
pub fn summary(record: &Record, watch: Duration) -> String {
    let changes = &record.changes;
    let watch = Shown(watch);
    if changes.is_empty() {
        return String::new();
    }
    let known = CAUSES
        .iter()
        .filter(|cause| cause.known(changes).next().is_some());
    let (active, quiet): (Vec<&Cause>, Vec<&Cause>) =
        known.partition(|cause| cause.is_active(changes, &record.last));
    if active.is_empty() {
        return quiet_line(&quiet, record, &watch);
    }
    let mut text = format!("in {watch}:\n");
    for cause in active {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}", cause_line(cause, record));
    }
    let quiet: Vec<String> = quiet
        .iter()
        .map(|cause| match totals(cause, changes) {
            Some((name, totals)) => format!("{name} ({totals} before)"),
            None => cause.name.to_owned(),
        })
        .collect();
    if !quiet.is_empty() {
        let _ = writeln!(text, "not in {watch}: {}", quiet.join(", "));
    }
    text
}

fn quiet_line(causes: &[&Cause], record: &Record, watch: &impl Display) -> String {
    let readable = if record.faults.is_empty() {
        ""
    } else {
        " by what could be read"
    };
    let before: Vec<String> = causes
        .iter()
        .filter_map(|cause| totals(cause, &record.changes))
        .map(|(name, totals)| format!("{name} ({totals})"))
        .collect();
    let before = if before.is_empty() {
        ", nor before".to_owned()
    } else {
        format!("; before that: {}", before.join(", "))
    };
    format!("nothing wrong in {watch}{readable}{before}\n")
}

/// A cause, its counters that moved, its settings and levels, and what to look at next.
fn cause_line(cause: &Cause, record: &Record) -> String {
    let moved = cause
        .known(&record.changes)
        .filter(|(_, change)| change.has_moved())
        .map(|(name, change)| {
            format!(
                "{name} {} ({}, {} in all)",
                growth(change),
                rate(change, record.watched),
                change.total
            )
        });
    let state = cause
        .state
        .iter()
        .filter_map(|name| Some(format!("{name} = {}", record.last.get(name)?)));
    let figures: Vec<String> = moved.chain(state).collect();
    format!(
        "{}: {}; next: {}",
        cause.name,
        figures.join(", "),
        cause.next
    )
}

/// A cause's name, and its counters since they began; `None` where all are at zero.
fn totals(cause: &Cause, changes: &Changes) -> Option<(&'static str, String)> {
    let totals: Vec<String> = cause
        .known(changes)
        .filter(|(_, change)| change.total > 0)
        .map(|(name, change)| format!("{name} {}", change.total))
        .collect();
    (!totals.is_empty()).then(|| (cause.name, totals.join(", ")))
}

fn growth(change: Change) -> String {
    change
        .by
        .map_or_else(|| "began again".to_owned(), |by| by.to_string())
}

fn rate(change: Change, watched: Duration) -> String {
    match change.per_second(watched) {
        None => "rate unknown".to_owned(),
        Some(rate) if rate < 0.1 => "under 0.1/s".to_owned(),
        Some(rate) => format!("{rate:.1}/s"),
    }
}

#[cfg(test)]
mod tests;
