//! `listenup resets`: why are connections being reset? By the kernel's counters and, for root, by its trace
//! of resets.

mod addresses;
mod bars;
mod causes;
mod change;
mod counters;
mod detail;
mod findings;
mod host;
mod json;
mod scene;
mod seen;
mod text;
pub mod trace;
mod watch;
mod who;

use std::cell::RefCell;
use std::io::{self, IsTerminal};
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;

use self::bars::Bars;
use self::findings::Trace;
use self::scene::Scene;
use self::trace::{TICK, Tracer};
use self::watch::{Interval, Outside};
use crate::cli::{ResetsOptions, TraceChoice};
use crate::clock::{Clock, SystemClock};
use crate::domain::{ExitReason, ExitStatus, Obstacle};
use crate::host::signals::Signals;
use crate::host::wall::WallTime;
use crate::report::writer::Wait;
use crate::report::{self, Format};

/// How many intervals a JSON document has at the most: about 15 MB.
const MOST_INTERVALS: usize = 10_000;

/// Watches, reports and says how to exit.
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
    // Before there is something that must be removed.
    let signals = Signals::take(&[Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP]).ok();
    let tracer = tracer(options);
    if let (TraceChoice::On, Err(Trace::NotPossible(why))) = (options.trace, &tracer) {
        report::line_to_stderr(format_args!("cannot trace: {why}"), Wait::Always);
        return failed;
    }
    if let (Format::Text, Err(Trace::NotPossible(why))) = (options.format, &tracer) {
        let line = format!(
            "by counters alone; root with tracefs would also see ports, peers and programs: {why}"
        );
        report::line_to_stderr(line, Wait::Always);
    }
    watch_and_report(options, tracer, signals)
}

fn tracer(options: &ResetsOptions) -> Result<Tracer, Trace> {
    match options.trace {
        TraceChoice::Off => Err(Trace::Off),
        TraceChoice::Auto | TraceChoice::On => {
            Tracer::start().map_err(|why| Trace::NotPossible(why.to_string()))
        }
    }
}

fn watch_and_report(
    options: &ResetsOptions,
    tracer: Result<Tracer, Trace>,
    signals: Option<Signals>,
) -> ExitStatus {
    let clock = SystemClock::start();
    let traces = tracer.is_ok();
    let scene = RefCell::new(Scene::new(&clock, tracer));
    // Where it is all of the time the summary says the same.
    let live = options.format == Format::Text && options.every < options.watch;
    let delivered = RefCell::new(true);
    let say = |text: &str| {
        if live && !text.is_empty() {
            delivered.replace(*delivered.borrow() && report::deliver(text, Wait::Always));
        }
        match *delivered.borrow() {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    };
    let mut bars = io::stdout().is_terminal().then(Bars::default);
    let mut record = watch::watch(
        options,
        Outside {
            clock: &clock,
            pause: &mut |duration| {
                let mut tick = || scene.borrow_mut().tick();
                let tick: Option<&mut dyn FnMut()> = if traces { Some(&mut tick) } else { None };
                let flow = pause(&clock, duration, signals.as_ref(), tick);
                let moves = scene.borrow_mut().look();
                let said = say(&text::moves(&moves, WallTime::now()));
                if flow.is_break() { flow } else { said }
            },
            read: &mut || counters::Sample::read(Path::new("/proc")),
            on_fault: &mut |fault| report::line_to_stderr(fault, Wait::Always),
            on_interval: &mut |interval| {
                let (changes, busiest) = scene.borrow_mut().interval(&interval.changes);
                let interval = Interval {
                    changes,
                    ..*interval
                };
                let now = WallTime::now();
                say(&match &mut bars {
                    Some(bars) => bars.interval(&interval, now, busiest.as_ref()),
                    None => text::interval(&interval, now, busiest.as_ref()),
                })
            },
        },
        match options.format {
            Format::Json => MOST_INTERVALS,
            Format::Text | Format::Nagios => 0,
        },
    );
    let mut scene = scene.into_inner();
    scene.stop();
    // What follows changes nothing, and a second Ctrl-C may end it.
    if let Some(signals) = signals {
        signals.give_back();
    }
    let findings = scene.finish(&mut record.changes);
    let summary = match options.format {
        Format::Json => report::json::line(&json::document(&record, &findings)),
        Format::Text | Format::Nagios => text::summary(&record, &findings, options.watch),
    };
    let delivered = delivered.into_inner() && report::deliver(&summary, Wait::Always);
    ExitStatus::plain(if delivered && !record.changes.is_empty() {
        ExitReason::Done
    } else {
        ExitReason::Failed
    })
}

/// Waits, with a tick every so often if one is wanted, unless a signal came or nobody will read what is said: the reader of a
/// pipe is gone, or the terminal.
fn pause(
    clock: &dyn Clock,
    duration: Duration,
    signals: Option<&Signals>,
    mut tick: Option<&mut dyn FnMut()>,
) -> ControlFlow<()> {
    let end = clock.now().saturating_add(duration);
    let stdout = io::stdout();
    loop {
        let left = end.saturating_sub(clock.now());
        let until = if tick.is_some() { left.min(TICK) } else { left };
        let timeout = PollTimeout::try_from(until).unwrap_or(PollTimeout::MAX);
        // An error and a hang-up are told without being asked for (poll(2)).
        let mut polled = vec![PollFd::new(stdout.as_fd(), PollFlags::empty())];
        polled.extend(signals.map(|signals| PollFd::new(signals.as_fd(), PollFlags::POLLIN)));
        match poll(&mut polled, timeout) {
            Ok(1..) => return ControlFlow::Break(()),
            // poll(2) counts in milliseconds.
            Ok(_) if left < Duration::from_millis(1) => {
                clock.pause(left);
                return ControlFlow::Continue(());
            }
            Ok(_) | Err(Errno::EINTR) => {
                if let Some(tick) = &mut tick {
                    tick();
                }
            }
            Err(_) => {
                clock.pause(left);
                return ControlFlow::Continue(());
            }
        }
    }
}
