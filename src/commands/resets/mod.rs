//! `listenup resets`: why are connections being reset? The kernel's counters say, and for root its trace of resets.
//!
//! [`monitor`] watches, [`findings`] says what it amounts to, with the words of [`causes`]; [`text`] and [`json`] are
//! two forms of that.

mod addresses;
mod causes;
mod counters;
mod explain;
mod findings;
mod firewall;
mod json;
mod listener_history;
mod monitor;
mod netlink;
mod owners;
mod place;
mod processes;
mod table;
mod text;
pub mod trace;
mod whose;

use std::io;
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;

use self::counters::{Changes, Sample};
use self::findings::Findings;
use self::monitor::{Monitor, Trace};
use self::trace::{TICK, Tracer};
use crate::cli::{ResetsOptions, TraceChoice};
use crate::clock::{Clock, SystemClock};
use crate::domain::{ExitReason, ExitStatus, Obstacle};
use crate::host::signals::Signals;
use crate::host::wall::WallTime;
use crate::report::writer::Wait;
use crate::report::{self, Format};

/// How many intervals a JSON document has at the most: about 15 MB.
const MOST_INTERVALS: usize = 10_000;

/// The time between two samples, counted from the first one.
#[derive(Debug)]
struct Interval {
    from: Duration,
    to: Duration,
    changes: Changes,
}

/// Everything that the counters showed.
#[derive(Debug)]
struct Record {
    /// The time between the first and the last sample.
    watched: Duration,
    changes: Changes,
    last: Sample,
    /// The intervals in which a counter moved, for JSON, and how many more there were.
    intervals: Vec<Interval>,
    intervals_left_out: u64,
    /// True if it ended before its time.
    is_cut_short: bool,
}

/// Watches, reports, and returns the exit status.
pub fn run(options: &ResetsOptions) -> ExitStatus {
    let failed = ExitStatus::plain(ExitReason::Failed);
    match options.netns.as_ref().map_or(Ok(()), |netns| netns.enter()) {
        Ok(()) => {}
        Err(Obstacle::NoSuch(what)) => {
            report::no_such(&what, options.format, Wait::Always);
            return failed;
        }
        Err(Obstacle::Doubt(doubt)) => {
            report::line_to_stderr(format_args!("could not tell: {doubt}"), Wait::Always);
            return failed;
        }
    }
    // Before there is an instance of tracing that must be removed.
    let signals = Signals::take(&[Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP]).ok();
    let tracer = match options.trace {
        TraceChoice::Off => Err(Trace::Off),
        _ => Tracer::start().map_err(|why| Trace::Unavailable(why.to_string())),
    };
    if let Err(Trace::Unavailable(why)) = &tracer {
        if options.trace == TraceChoice::On {
            report::line_to_stderr(format_args!("cannot trace: {why}"), Wait::Always);
            return failed;
        }
        if options.format == Format::Text {
            let line = format!(
                "counters only ({why}); as root with tracefs mounted it also shows ports, peers and processes"
            );
            report::line_to_stderr(line, Wait::Always);
        }
    }
    let clock = SystemClock::start();
    let mut monitor = Monitor::start(&clock, tracer);
    let names = monitor.reason_names();
    let (record, mut delivered) = watch(options, &mut monitor, &clock, signals.as_ref());
    monitor.stop(monitor.elapsed(&clock));
    // The rest changes nothing, so that a second Ctrl-C can end it.
    if let Some(signals) = signals {
        signals.give_back();
    }
    let name = |number| names.get(&number).cloned();
    let findings = Findings::of(&mut monitor, &record.changes, &record.last, &clock, &name);
    let summary = match options.format {
        Format::Json => report::json::line(&json::document(&record, &findings, &monitor)),
        Format::Text | Format::Nagios => text::summary(&record, &findings, &monitor, options.watch),
    };
    delivered = delivered && report::deliver(&summary, Wait::Always);
    ExitStatus::plain(if delivered && !record.last.is_empty() {
        ExitReason::Done
    } else {
        ExitReason::Failed
    })
}

/// Takes a sample now and one at the end of each interval, until the time is over, a signal comes or the reader is gone.
/// Also returns whether all lines could be written.
fn watch(
    options: &ResetsOptions,
    monitor: &mut Monitor,
    clock: &dyn Clock,
    signals: Option<&Signals>,
) -> (Record, bool) {
    let is_text = options.format == Format::Text;
    let sample = |monitor: &mut Monitor| {
        let (sample, errors) = monitor.sample();
        for error in errors {
            report::line_to_stderr(error, Wait::Always);
        }
        sample
    };
    let first = sample(monitor);
    monitor.forget_traced();
    let start = monitor.elapsed(clock);
    let mut record = Record {
        watched: Duration::ZERO,
        changes: Changes::default(),
        last: first.clone(),
        intervals: Vec::new(),
        intervals_left_out: 0,
        is_cut_short: false,
    };
    let mut due = Duration::ZERO;
    let mut delivered = true;
    // Without a figure there is nothing to wait for.
    while due < options.watch && !first.is_empty() && !record.is_cut_short {
        let passed = monitor.elapsed(clock).saturating_sub(start);
        // If the machine was late, the next interval begins now.
        due = due
            .saturating_add(options.every)
            .max(passed)
            .min(options.watch);
        let flow = wait(monitor, clock, start.saturating_add(due), signals);
        record.is_cut_short = flow.is_break();
        let moved = monitor.look(monitor.elapsed(clock));
        let now = sample(monitor);
        let interval = Interval {
            from: record.watched,
            to: monitor.elapsed(clock).saturating_sub(start),
            changes: Changes::between(&record.last, &now),
        };
        monitor.tick(monitor.elapsed(clock));
        (record.watched, record.last) = (interval.to, now);
        // If there is one interval alone, the summary says the same.
        if is_text && options.every < options.watch {
            let busiest = monitor.busiest(interval.changes.growth("OutRsts") > 0);
            let lines = text::live(&interval.changes, &moved, busiest.as_ref(), WallTime::now());
            delivered = lines.is_empty() || report::deliver(&lines, Wait::Always);
            record.is_cut_short |= !delivered;
        }
        if interval.changes.moved().next().is_some() && !is_text {
            match record.intervals.len() < MOST_INTERVALS {
                true => record.intervals.push(interval),
                false => record.intervals_left_out += 1,
            }
        }
    }
    record.changes = Changes::between(&first, &record.last);
    (record, delivered)
}

/// Waits until this time, and reads the trace every so often. Breaks if a signal came, or if nobody will read the
/// report: the reader of a pipe is gone, or the terminal.
fn wait(
    monitor: &mut Monitor,
    clock: &dyn Clock,
    end: Duration,
    signals: Option<&Signals>,
) -> ControlFlow<()> {
    let stdout = io::stdout();
    loop {
        let now = monitor.elapsed(clock);
        let left = end.saturating_sub(now);
        let until = if monitor.is_tracing() {
            left.min(TICK)
        } else {
            left
        };
        let timeout = PollTimeout::try_from(until).unwrap_or(PollTimeout::MAX);
        // poll(2) reports an error and a hang-up in any case.
        let mut polled = vec![PollFd::new(stdout.as_fd(), PollFlags::empty())];
        polled.extend(signals.map(|signals| PollFd::new(signals.as_fd(), PollFlags::POLLIN)));
        match poll(&mut polled, timeout) {
            Ok(1..) => return ControlFlow::Break(()),
            // poll(2) counts in milliseconds.
            Ok(_) if left < Duration::from_millis(1) => {
                clock.pause(left);
                return ControlFlow::Continue(());
            }
            Ok(_) | Err(Errno::EINTR) => monitor.tick(now),
            Err(_) => {
                clock.pause(left);
                return ControlFlow::Continue(());
            }
        }
    }
}
