//! `listenup watch`: the verdict of `check`, kept in a file that keepalived tracks.
//!
//! The kernel tells that a listener is gone, which is a reason to look; a look every so often finds the rest.
//! It fails shut: the file says down until the first verdict, after the end, and whenever it cannot be told
//! that the targets are as wanted.

mod report;
mod signals;
mod state;
mod systemd;
mod track_file;

use std::os::fd::AsFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;
use tracing::debug;

use self::report::{Change, Reporter};
use self::signals::{Asked, Signals};
use self::state::{Damper, State};
use self::systemd::Systemd;
use self::track_file::{Kept, TrackFile};
use super::checker::{Checker, conclude};
use crate::cli::{Initial, OnExit, WatchOptions};
use crate::clock::{Clock, Deadline, Shown, SystemClock};
use crate::domain::{Doubt, ExitReason, ExitStatus, Obstacle};
use crate::engine::Outcome;
use crate::errno::ErrnoText;
use crate::log;
use crate::report::CheckResult;
use crate::source::netlink::events::{Events, Told};

/// What looks may take of the time: one part in this many.
const SHARE_OF_LOOKS: u32 = 20;

/// How long it rests at most for what looks with sock_diag have taken.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How long to rest after a look that the kernel was the reason for, so that a service which closes listeners all the
/// time does not take a core.
const BETWEEN_EVENTS: Duration = Duration::from_millis(1);

/// Watches until it is ended, and says how to exit.
pub fn run(options: &WatchOptions) -> ExitStatus {
    let reporter = Reporter::new(options);
    let failed = ExitStatus::plain(ExitReason::Failed);
    let signals = match Signals::take() {
        Ok(signals) => signals,
        Err(errno) => {
            reporter.trouble(&format!(
                "signals cannot be waited for: {}",
                ErrnoText(errno)
            ));
            return failed;
        }
    };
    let mut file = TrackFile::at(&options.track_file);
    let mut trouble = None;
    if options.initial == Initial::Down || !file.has_value() {
        keep(&mut file, options.down_value, &mut trouble, &reporter);
    }
    let clock = SystemClock::start();
    let first = Checker::enter(&options.check).and_then(|mut checker| {
        let deadline = Deadline::new(&clock, options.check.timing.timeout);
        Ok((checker.judge(deadline)?, checker))
    });
    match first {
        Ok((outcome, checker)) => {
            let mut watch =
                Watch::new(options, &clock, checker, signals, (file, trouble), reporter);
            watch.run(outcome);
            ExitStatus::plain(ExitReason::Done)
        }
        Err(obstacle) => {
            reporter.cannot_begin(&obstacle);
            failed
        }
    }
}

struct Watch<'a> {
    options: &'a WatchOptions,
    clock: &'a SystemClock,
    checker: Checker<'a>,
    signals: Signals,
    /// `None`: the kernel tells nothing, and there are looks alone.
    events: Option<Events>,
    file: TrackFile,
    /// Why the file could not be written, so that it is said once.
    trouble: Option<Errno>,
    damper: Damper,
    systemd: Systemd,
    reporter: Reporter<'a>,
    last: Option<CheckResult>,
    /// How often it looks; less often than was asked for where that would cost too much.
    every: Duration,
}

/// Why there is a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// It is time.
    Time,
    /// The kernel told something, at this moment.
    Event(Duration),
}

/// What a wait has led to.
enum Woken {
    /// There is a reason to look.
    Look(Cause),
    /// It was asked to end, and the file is to have this then.
    End(OnExit),
}

impl<'a> Watch<'a> {
    fn new(
        options: &'a WatchOptions,
        clock: &'a SystemClock,
        checker: Checker<'a>,
        signals: Signals,
        (file, trouble): (TrackFile, Option<Errno>),
        reporter: Reporter<'a>,
    ) -> Self {
        let events = Events::of(&options.check.targets)
            .inspect_err(|fault| {
                reporter.trouble(&format!("the kernel's events are refused: {fault}"))
            })
            .ok();
        Self {
            options,
            clock,
            checker,
            signals,
            events,
            file,
            trouble,
            damper: Damper::new(options.rise, options.fall),
            systemd: Systemd::new(),
            reporter,
            last: None,
            every: options.every,
        }
    }

    fn run(&mut self, first: Outcome) {
        self.begin();
        self.take(first, Cause::Time);
        self.systemd.ready();
        let end = loop {
            let cause = match self.wait() {
                Woken::Look(cause) => cause,
                Woken::End(end) => break end,
            };
            let outcome = self.judge();
            self.take(outcome, cause);
            if cause != Cause::Time {
                self.clock.pause(BETWEEN_EVENTS);
            }
        };
        self.end(end);
    }

    fn begin(&self) {
        if let Some(folder) = self.file.weak_folder() {
            let folder = folder.display();
            self.reporter.trouble(&format!(
                "others than root can write to {folder}: they can move the address"
            ));
        }
        let (wanted, timeout) = (self.systemd.watchdog(), self.options.check.timing.timeout);
        if let Some(watchdog) = wanted.filter(|watchdog| *watchdog < timeout * 2) {
            self.reporter.trouble(&format!(
                "WatchdogSec of {} is less than twice the --timeout of {}",
                Shown(watchdog),
                Shown(timeout)
            ));
        }
    }

    fn judge(&mut self) -> Outcome {
        let check = &self.options.check;
        let outcome = self
            .checker
            .judge(Deadline::new(self.clock, check.timing.timeout));
        outcome.unwrap_or_else(|obstacle| {
            let doubt = match obstacle {
                Obstacle::Doubt(doubt) => doubt,
                Obstacle::NoSuch(what) => Doubt::new(what),
            };
            Outcome::in_doubt(&check.targets, &doubt)
        })
    }

    /// Takes the end of a judgement: the state, the file, and what is said of it.
    fn take(&mut self, outcome: Outcome, cause: Cause) {
        let checked = conclude(&self.options.check, outcome);
        let verdict = match checked.status.number() {
            0 => State::Up,
            _ => State::Down,
        };
        let changed = self.damper.take(verdict, self.clock.now());
        let value = self.value();
        let kept = keep(&mut self.file, value, &mut self.trouble, &self.reporter);
        let since_event = match cause {
            Cause::Event(at) => Some(self.clock.now().saturating_sub(at)),
            Cause::Time => None,
        };
        if kept == Some(Kept::Restored) {
            let path = self.options.track_file.display();
            let text = format!("somebody else had changed {path}; it says {value} again");
            self.reporter.trouble(&text);
        }
        if changed {
            let state = self.damper.state();
            let change = Change {
                state,
                value,
                checked: &checked,
                since_event,
            };
            self.reporter.changed(&change);
            self.systemd.status(&change.text());
        } else if cause != Cause::Time || !checked.verdict.is_healthy() {
            debug!("{}: {}", checked.verdict, checked.reason());
        }
        self.pace(&checked);
        self.last = Some(checked);
        self.systemd.looked(self.clock.now());
    }

    fn value(&self) -> i16 {
        match self.damper.state() {
            Some(State::Up) => 0,
            Some(State::Down) | None => self.options.down_value,
        }
    }

    /// Looks less often where a look takes long: where sock_diag is refused each is a walk over /proc, and while
    /// nothing listens each takes a second opinion.
    fn pace(&mut self, checked: &CheckResult) {
        let CheckResult { outcome, .. } = checked;
        let took = outcome
            .took
            .saturating_sub(self.options.check.timing.retry_for);
        let affordable = match outcome.source {
            Some("/proc") => took * SHARE_OF_LOOKS,
            // One look that took long on a busy machine must not hold up the next.
            _ => (took * SHARE_OF_LOOKS).min(LONGEST_PAUSE),
        };
        let every = self.options.every.max(affordable);
        if outcome.source == Some("/proc") && every > self.every * 2 {
            self.reporter.trouble_once(&format!(
                "a look in /proc takes {}, so there is one every {}",
                Shown(took),
                Shown(every)
            ));
        }
        self.every = every;
    }

    /// Waits for the next look, or the end.
    fn wait(&mut self) -> Woken {
        let next = self.clock.now() + self.pause();
        loop {
            let left = next.saturating_sub(self.clock.now());
            let (signals, events) = self.poll(left);
            let woken = self.clock.now();
            let asked = match signals {
                true => self.signals.drain(),
                false => Asked::default(),
            };
            match asked {
                Asked { end: true, .. } => return Woken::End(self.options.on_exit),
                Asked {
                    hand_over: true, ..
                } => return Woken::End(OnExit::Keep),
                Asked { state: true, .. } => self.tell(),
                Asked { .. } => {}
            }
            let told = match events {
                true => self.told(),
                false => Told::default(),
            };
            if told.gone || told.lost {
                return Woken::Look(Cause::Event(woken));
            }
            if woken >= next {
                return Woken::Look(Cause::Time);
            }
        }
    }

    fn pause(&self) -> Duration {
        let pending = self.damper.pending(self.clock.now());
        pending.map_or(self.every, |pending| pending.min(self.every))
    }

    /// Waits for something to read. Whether there are signals, and whether there are events.
    fn poll(&self, at_most: Duration) -> (bool, bool) {
        let readable = |fd| PollFd::new(fd, PollFlags::POLLIN);
        let mut fds = vec![readable(self.signals.as_fd())];
        fds.extend(self.events.as_ref().map(|events| readable(events.as_fd())));
        // EINTR is as good as a look.
        let _ = ppoll(&mut fds, Some(TimeSpec::from_duration(at_most)), None);
        let mut ready = fds.iter().map(|fd| fd.any().unwrap_or(true));
        let (signals, events) = (ready.next(), ready.next());
        (signals.unwrap_or(true), events.unwrap_or(true))
    }

    /// What the kernel has told. Without its events there are looks alone.
    fn told(&mut self) -> Told {
        let Some(events) = &mut self.events else {
            return Told::default();
        };
        match events.drain() {
            Ok(told) => {
                if told.lost {
                    self.reporter.trouble_once(
                        "some of the kernel's events were lost (ENOBUFS): looking at once",
                    );
                }
                told
            }
            Err(fault) => {
                self.reporter
                    .trouble(&format!("the kernel's events have ended: {fault}"));
                self.events = None;
                Told::default()
            }
        }
    }

    fn tell(&self) {
        if let Some(checked) = &self.last {
            let (state, value) = (self.damper.state(), self.value());
            self.reporter.state(&Change {
                state,
                value,
                checked,
                since_event: None,
            });
        }
    }

    fn end(&mut self, end: OnExit) {
        self.systemd.stopping();
        if end == OnExit::Down {
            keep(
                &mut self.file,
                self.options.down_value,
                &mut self.trouble,
                &self.reporter,
            );
        }
        log::verbose::flush(crate::report::writer::Wait::No);
    }
}

/// Has the file say this. What keeps it from that is said once; it is tried again with the next look.
fn keep(
    file: &mut TrackFile,
    value: i16,
    trouble: &mut Option<Errno>,
    reporter: &Reporter<'_>,
) -> Option<Kept> {
    match file.keep(value) {
        Ok(kept) => {
            *trouble = None;
            Some(kept)
        }
        Err(error) => {
            let why = ErrnoText::from(&error);
            if *trouble != Some(why.0) {
                reporter.trouble(&format!(
                    "{} cannot be written: {why}",
                    file.path().display()
                ));
                *trouble = Some(why.0);
            }
            None
        }
    }
}
