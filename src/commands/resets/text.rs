//! The report for a person.

use std::fmt::{Display, Write as _};
use std::time::Duration;

use super::addresses::Move;
use super::causes::{CAUSES, Cause};
use super::change::{Change, Changes};
use super::detail;
use super::findings::{Detail, Findings, Trace, Traced};
use super::watch::{Interval, Record};
use crate::clock::Shown;
use crate::domain::Queue;
use crate::host::wall::WallTime;

/// How many places are named for a cause, and how many for the rest of the host.
const MOST_PLACES: usize = 10;
const MOST_ELSEWHERE: usize = 3;

/// A line about an interval. `busiest` is the place with the most resets in it.
pub fn interval(interval: &Interval, now: WallTime, busiest: Option<&(String, u64)>) -> String {
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
    if causes.is_empty() {
        return String::new();
    }
    let most = busiest.map_or_else(String::new, |busiest| format!("; {}", most(busiest)));
    format!("{} {}{most}\n", now.clock(), causes.join(", "))
}

/// Where most of an interval's resets were.
pub fn most((place, resets): &(String, u64)) -> String {
    format!("most at {place} ({resets})")
}

/// A line for each address that came or went.
pub fn moves(moves: &[Move], now: WallTime) -> String {
    let lines = moves.iter().map(|moved| move_line(moved, now));
    lines.collect()
}

fn move_line(moved: &Move, at: WallTime) -> String {
    let what = if moved.came { "came to" } else { "went from" };
    format!(
        "{} the address {} {what} this machine\n",
        at.clock(),
        moved.address
    )
}

/// What happened in all of the time, of which so much was planned.
pub fn summary(record: &Record, findings: &Findings, planned: Duration) -> String {
    let changes = &record.changes;
    let time = match record.is_cut_short {
        true => Duration::from_millis(record.watched.as_millis().try_into().unwrap_or(u64::MAX)),
        false => planned,
    };
    let time = Shown(time);
    if changes.is_empty() {
        return String::new();
    }
    let traced = matches!(findings.trace, Trace::On(_));
    let known = CAUSES.iter().filter(|cause| {
        cause.known(changes).next().is_some() || (traced && cause.counters.is_empty())
    });
    let (active, quiet): (Vec<&Cause>, Vec<&Cause>) = known.partition(|cause| {
        cause.is_active(changes, &record.last) || findings.of(cause.id).next().is_some()
    });
    let mut text = if active.is_empty() {
        quiet_line(&quiet, record, &time)
    } else {
        let mut text = format!("in {time}:\n");
        for cause in active {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{}", cause_line(cause, record));
            text.push_str(&cause_details(cause, findings));
        }
        text.push_str(&quiet_causes(&quiet, changes, &time));
        text
    };
    text.push_str(&moves_in_all(findings));
    text.push_str(&notes(findings));
    text
}

fn quiet_causes(quiet: &[&Cause], changes: &Changes, time: &impl Display) -> String {
    let quiet: Vec<String> = quiet
        .iter()
        .map(|cause| match totals(cause, changes) {
            Some((name, totals)) => format!("{name} ({totals} before)"),
            None => cause.name.to_owned(),
        })
        .collect();
    match quiet.is_empty() {
        true => String::new(),
        false => format!("not in {time}: {}\n", quiet.join(", ")),
    }
}

/// The places of a cause, and the listeners with a full queue.
fn cause_details(cause: &Cause, findings: &Findings) -> String {
    let started = findings.started;
    let mut text = places(findings.of(cause.id), MOST_PLACES, started);
    for (full, now, owner) in findings.full.iter().filter(|_| cause.id == "accept_queue") {
        let queue = |queue: Option<Queue>| {
            queue.map_or_else(|| "not known".to_owned(), |queue| queue.to_string())
        };
        let owner = owner.as_ref().map(ToString::to_string);
        let owner = owner.unwrap_or_else(|| "a program that is not known".to_owned());
        let listener = &full.listener;
        let (then, at) = (queue(listener.queue), started.after(full.at).clock());
        let now = queue(*now);
        let _ = writeln!(
            text,
            "  {listener}, of {owner}: full at {at}, QUEUE {then}; now {now}"
        );
    }
    text
}

fn places<'a>(details: impl Iterator<Item = &'a Detail>, most: usize, started: WallTime) -> String {
    let details: Vec<&Detail> = details.collect();
    let (named, rest) = details.split_at(details.len().min(most));
    let mut text: String = named
        .iter()
        .map(|detail| format!("  {}\n", detail::line(detail, started)))
        .collect();
    if !rest.is_empty() {
        let resets: u64 = rest.iter().map(|detail| detail.resets).sum();
        let places = match rest.len() {
            1 => "one more place".to_owned(),
            count => format!("{count} more places"),
        };
        let _ = writeln!(text, "  and {resets} at {places}");
    }
    text
}

fn moves_in_all(findings: &Findings) -> String {
    let moves = findings.moves.iter().take(MOST_PLACES);
    moves
        .map(|moved| move_line(moved, findings.started.after(moved.at)))
        .collect()
}

/// What could not be seen, and what is perhaps somebody else's.
fn notes(findings: &Findings) -> String {
    let mut text = String::new();
    let elsewhere: u64 = findings.elsewhere.iter().map(|detail| detail.resets).sum();
    if elsewhere > 0 {
        let _ = writeln!(
            text,
            "elsewhere on this host, in another network namespace or by an address that had gone before: {elsewhere}"
        );
        text.push_str(&places(
            findings.elsewhere.iter(),
            MOST_ELSEWHERE,
            findings.started,
        ));
    }
    for fault in &findings.faults {
        let _ = writeln!(text, "not known: {fault}");
    }
    if let Trace::On(traced) = &findings.trace {
        for note in limits(traced, !findings.details.is_empty()) {
            let _ = writeln!(text, "{note}");
        }
    }
    text
}

fn limits(traced: &Traced, any: bool) -> Vec<String> {
    let mut notes = Vec::new();
    match traced.not_looked_at {
        Some(0) => {}
        Some(count) => notes.push(format!(
            "{count} more resets were too many a second to look at: the places are of a sample"
        )),
        None => notes.push("whether all resets were looked at is not known".to_owned()),
    }
    if traced.left_out > 0 {
        let count = traced.left_out;
        notes.push(format!(
            "{count} more resets were at too many places to be told apart"
        ));
    }
    if !traced.tells_reasons {
        notes.push(
            "this kernel traces no resets without a socket and no reasons (Linux 6.10 does)"
                .to_owned(),
        );
    }
    if traced.other_namespaces && any {
        notes.push(
            "the trace is of the whole host: resets in another network namespace that has the same address are \
             among these"
                .to_owned(),
        );
    }
    notes
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
    let figures = match figures.is_empty() {
        true => String::new(),
        false => format!("{}; ", figures.join(", ")),
    };
    format!("{}: {figures}next: {}", cause.name, cause.next)
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
