//! `listenup resets`: why connections are reset, by the kernel's counters and, as root, by its trace of resets.
//!
//! [`monitor`] watches, and [`diagnosis`] draws the conclusions, with the words of [`descriptions`]. [`text`] and [`json`]
//! print them.

mod addresses;
mod causes;
mod counters;
mod descriptions;
mod diagnosis;
mod explain;
mod firewall;
mod json;
mod listener_history;
mod monitor;
mod netlink;
mod owners;
mod place;
mod processes;
mod site;
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
use self::diagnosis::Diagnosis;
use self::monitor::{Monitor, Trace};
use self::trace::{TICK, Tracer};
use crate::cli::{ResetsOptions, TraceChoice};
use crate::clock::{Clock, SystemClock};
use crate::domain::{ExitReason, ExitStatus, SetupError};
use crate::host::signals::Signals;
use crate::host::wall_clock::WallTime;
use crate::report::writer::Wait;
use crate::report::{self, Format};

/// The counters that were sampled.
#[derive(Debug)]
struct Recording {
    /// The time between the first and the last sample.
    watched: Duration,
    changes: Changes,
    last: Sample,
    /// True if it ended before its time.
    is_cut_short: bool,
}

/// Watches, reports, and returns the exit status.
pub fn run(options: &ResetsOptions) -> ExitStatus {
    let failed = ExitStatus::plain(ExitReason::Failed);
    match options.netns.as_ref().map_or(Ok(()), |netns| netns.enter()) {
        Ok(()) => {}
        Err(SetupError::NoSuch(what)) => {
            report::print_missing(&what, options.format, Wait::Always);
            return failed;
        }
        Err(SetupError::Unknown(reason)) => {
            warn(format_args!("could not tell: {reason}"));
            return failed;
        }
    }
    // Blocked before there is a tracing instance that must be removed.
    let ends = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];
    let signals = Signals::block(ends.into_iter().collect()).ok();
    let tracer = match options.trace {
        TraceChoice::Off => Err(Trace::Off),
        _ => Tracer::start().map_err(Trace::Unavailable),
    };
    match &tracer {
        Err(Trace::Unavailable(why)) if options.trace == TraceChoice::On => {
            warn(format_args!("cannot trace: {why}"));
            return failed;
        }
        Err(Trace::Unavailable(why)) if options.format == Format::Text => warn(format_args!(
            "counters only: {why}; as root with tracefs mounted it also shows ports, peers and processes"
        )),
        _ => {}
    }
    let clock = SystemClock::start();
    let mut monitor = Monitor::start(&clock, tracer);
    let (recording, is_delivered) = watch(options, &mut monitor, &clock, signals.as_ref());
    let reasons = monitor.stop(monitor.elapsed(&clock));
    // The rest changes nothing, so that a second Ctrl-C can end it.
    if let Some(signals) = signals {
        signals.restore();
    }
    let diagnosis = Diagnosis::new(&mut monitor, &recording, &clock, &reasons);
    let summary = match options.format {
        Format::Json => report::json::line(&json::document(&recording, &diagnosis, &monitor)),
        Format::Text | Format::Nagios => {
            text::summary(&recording, &diagnosis, &monitor, options.watch)
        }
    };
    let is_delivered = is_delivered && report::print(&summary, Wait::Always);
    match is_delivered && !recording.last.is_empty() {
        true => ExitStatus::plain(ExitReason::Done),
        false => failed,
    }
}

fn warn(line: impl std::fmt::Display) {
    report::eprint_line(line, Wait::Always);
}

/// Samples now and at the end of each interval, until the time is over, a signal comes or the reader is gone. Also
/// returns true if all lines could be written.
fn watch(
    options: &ResetsOptions,
    monitor: &mut Monitor,
    clock: &dyn Clock,
    signals: Option<&Signals>,
) -> (Recording, bool) {
    let sample = |monitor: &mut Monitor| {
        let (sample, errors) = monitor.sample_counters();
        errors.into_iter().for_each(warn);
        sample
    };
    let first = sample(monitor);
    monitor.forget_traced();
    let start = monitor.elapsed(clock);
    let mut recording = Recording {
        watched: Duration::ZERO,
        changes: Changes::default(),
        last: first.clone(),
        is_cut_short: false,
    };
    let mut due = Duration::ZERO;
    let mut is_delivered = true;
    // Without counters there is nothing to wait for.
    while due < options.watch && !first.is_empty() && !recording.is_cut_short {
        let passed = monitor.elapsed(clock).saturating_sub(start);
        // If the machine was late, the next interval begins now.
        due = due
            .saturating_add(options.every)
            .max(passed)
            .min(options.watch);
        let flow = wait(monitor, clock, start.saturating_add(due), signals);
        recording.is_cut_short = flow.is_break();
        let moved = monitor.sample_network(monitor.elapsed(clock));
        let now = sample(monitor);
        let changes = Changes::between(&recording.last, &now);
        monitor.tick(monitor.elapsed(clock));
        recording.watched = monitor.elapsed(clock).saturating_sub(start);
        recording.last = now;
        // A single interval says the same as the summary.
        if options.format == Format::Text && options.every < options.watch {
            let lines = text::live(&changes, &moved, WallTime::now());
            is_delivered = lines.is_empty() || report::print(&lines, Wait::Always);
            recording.is_cut_short |= !is_delivered;
        }
    }
    recording.changes = Changes::between(&first, &recording.last);
    (recording, is_delivered)
}

/// Waits until this time, and reads the trace every so often. Breaks if a signal came, or if the reader of the report
/// is gone.
fn wait(
    monitor: &mut Monitor,
    clock: &dyn Clock,
    end: Duration,
    signals: Option<&Signals>,
) -> ControlFlow<()> {
    let stdout = io::stdout();
    loop {
        let now = monitor.elapsed(clock);
        monitor.tick(now);
        let left = end.saturating_sub(now);
        // poll(2) counts in milliseconds.
        if left < Duration::from_millis(1) {
            clock.sleep(left);
            return ControlFlow::Continue(());
        }
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
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => clock.sleep(until),
        }
    }
}
