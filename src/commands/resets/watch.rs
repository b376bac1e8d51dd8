//! Samples, one after the other, and what happened between them.

use std::ops::ControlFlow;
use std::time::Duration;

use super::change::Changes;
use super::counters::{Fault, Sample};
use crate::cli::ResetsOptions;
use crate::clock::Clock;

/// The time between two samples, since the first one.
#[derive(Debug, PartialEq, Eq)]
pub struct Interval {
    /// When it began.
    pub from: Duration,
    /// When it ended.
    pub to: Duration,
    /// When it was due to end, which is a little before that.
    pub due: Duration,
    /// What happened.
    pub changes: Changes,
}

/// Everything that was seen.
#[derive(Debug, PartialEq, Eq)]
pub struct Record {
    /// The time between the first and the last sample.
    pub watched: Duration,
    /// What happened in it.
    pub changes: Changes,
    /// The last sample.
    pub last: Sample,
    /// The intervals in which something happened, as far as they were to be kept.
    pub intervals: Vec<Interval>,
    /// How many more there were.
    pub intervals_left_out: u64,
    /// What could not be read, each once.
    pub faults: Vec<Fault>,
    /// Whether it ended before its time.
    pub is_cut_short: bool,
}

/// What a watch needs of the outside.
pub struct Outside<'a> {
    /// The time.
    pub clock: &'a dyn Clock,
    /// Waits. A break ends the watch.
    pub pause: &'a mut dyn FnMut(Duration) -> ControlFlow<()>,
    /// Takes a sample.
    pub read: &'a mut dyn FnMut() -> (Sample, Vec<Fault>),
    /// Is told of a fault that is met for the first time.
    pub on_fault: &'a mut dyn FnMut(&Fault),
    /// Is told of an interval in which something happened when it is over. A break ends the watch.
    pub on_interval: &'a mut dyn FnMut(&Interval) -> ControlFlow<()>,
}

/// Takes a sample now and one every so often until the time is over, and keeps at most so many intervals.
pub fn watch(options: &ResetsOptions, outside: Outside<'_>, keep: usize) -> Record {
    let Outside {
        clock,
        pause,
        read,
        on_fault,
        on_interval,
    } = outside;
    let mut faults = Vec::new();
    let mut sample = || {
        let (sample, met) = read();
        for fault in met {
            if !faults.contains(&fault) {
                on_fault(&fault);
                faults.push(fault);
            }
        }
        sample
    };
    let first = sample();
    let start = clock.now();
    let since_start = || clock.now().saturating_sub(start);
    let (mut last, mut intervals, mut intervals_left_out) = (first.clone(), Vec::new(), 0);
    let mut parts = Changes::default();
    let (mut due, mut from) = (Duration::ZERO, Duration::ZERO);
    let mut is_cut_short = false;
    // Without a figure there is nothing to wait for.
    while due < options.watch && !last.is_empty() {
        let passed = since_start();
        // Where the machine was late it goes on from there.
        due = due
            .saturating_add(options.every)
            .max(passed)
            .min(options.watch);
        let mut flow = pause(due.saturating_sub(passed));
        let now = sample();
        let to = since_start();
        let changes = Changes::between(&last, &now);
        let interval = Interval {
            from,
            to,
            due,
            changes,
        };
        parts.add(&interval.changes);
        if interval.changes.moved().next().is_some() {
            if flow.is_continue() {
                flow = on_interval(&interval);
            }
            if intervals.len() < keep {
                intervals.push(interval);
            } else {
                intervals_left_out += 1;
            }
        }
        (last, from) = (now, to);
        if flow.is_break() {
            is_cut_short = true;
            break;
        }
    }
    let mut changes = Changes::between(&first, &last);
    changes.include(&parts);
    Record {
        watched: from,
        changes,
        last,
        intervals,
        intervals_left_out,
        faults,
        is_cut_short,
    }
}

#[cfg(test)]
mod tests;
