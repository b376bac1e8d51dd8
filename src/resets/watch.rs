//! Samples, one after the other, and what happened between them.

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
    /// The intervals in which something happened.
    pub intervals: Vec<Interval>,
    /// What could not be read, each once.
    pub faults: Vec<Fault>,
}

/// Takes a sample now and one every so often until the time is over. Faults are told when they are
/// met first, intervals in which something happened when they are over.
pub fn watch(
    options: &ResetsOptions,
    clock: &dyn Clock,
    read: &mut dyn FnMut() -> (Sample, Vec<Fault>),
    on_fault: &mut dyn FnMut(&Fault),
    on_interval: &mut dyn FnMut(&Interval),
) -> Record {
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
    let (mut last, mut intervals) = (first.clone(), Vec::new());
    let (mut due, mut from) = (Duration::ZERO, Duration::ZERO);
    // Without a figure there is nothing to wait for.
    while due < options.watch && !last.is_empty() {
        let passed = since_start();
        // Where the machine was late it goes on from there.
        due = due
            .saturating_add(options.every)
            .max(passed)
            .min(options.watch);
        clock.pause(due.saturating_sub(passed));
        let now = sample();
        let to = since_start();
        let changes = Changes::between(&last, &now);
        let interval = Interval {
            from,
            to,
            due,
            changes,
        };
        if interval.changes.moved().next().is_some() {
            on_interval(&interval);
            intervals.push(interval);
        }
        (last, from) = (now, to);
    }
    Record {
        watched: from,
        changes: Changes::between(&first, &last),
        last,
        intervals,
        faults,
    }
}

#[cfg(test)]
mod tests;
