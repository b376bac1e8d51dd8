//! `listenup watch`: the verdict of `check`, kept in a file that keepalived tracks.
//!
//! The kernel tells that a listener is gone, which is a reason to look; a look every so often finds the rest.
//! It fails shut: the file says down until the first verdict, after the end, and whenever it cannot be told
//! that the targets are as wanted.

mod report;
mod state;
mod systemd;
mod track_file;
mod waking;

use std::time::Duration;

use nix::errno::Errno;
use tracing::debug;

use self::report::{Change, Reporter};
use self::state::{Damper, State};
use self::systemd::Systemd;
use self::track_file::{Kept, TrackFile};
use self::waking::{Waking, Woken};
use super::checker::{Checker, conclude};
use crate::cli::{Initial, OnExit, WatchOptions};
use crate::clock::{Clock, Deadline, Shown, SystemClock};
use crate::domain::{ExitReason, ExitStatus};
use crate::engine::Outcome;
use crate::errno::ErrnoText;
use crate::log;
use crate::report::CheckResult;
use crate::source::SourceChoice;

/// What looks may take of the time: one part in this many.
const SHARE_OF_LOOKS: u32 = 20;

/// How long it rests at most for what looks with sock_diag have taken.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How long to rest after a look that the kernel was the reason for, so that a service which closes listeners all the
/// time does not take a core.
const BETWEEN_EVENTS: Duration = Duration::from_millis(1);

/// How long it is not said again that somebody else changes the file, as another watch on it would with each look.
const SAY_AGAIN: Duration = Duration::from_secs(60);

/// Watches until it is ended, and says how to exit.
pub fn run(options: &WatchOptions) -> ExitStatus {
    let reporter = Reporter::new(options);
    let failed = ExitStatus::plain(ExitReason::Failed);
    let clock = SystemClock::start();
    let mut file = TrackFile::at(&options.track_file);
    let mut trouble = None;
    let down = options.down_value;
    let before = match options.initial {
        Initial::Keep => file.value(),
        Initial::Down => None,
    };
    if before.is_none() {
        keep(&mut file, down, &mut trouble, &reporter);
    }
    let mut waking = match Waking::new(&clock, &reporter) {
        Ok(waking) => waking,
        Err(errno) => {
            let why = ErrnoText(errno);
            reporter.trouble(&format!("signals cannot be waited for: {why}"));
            keep(&mut file, down, &mut trouble, &reporter);
            return failed;
        }
    };
    let first = Checker::enter(&options.check).and_then(|mut checker| {
        // Before the first look, so that nothing is missed after it.
        waking.subscribe(&options.check.targets);
        let deadline = Deadline::new(&clock, options.check.timing.timeout);
        Ok((checker.judge(deadline)?, checker))
    });
    match first {
        Ok((outcome, checker)) => {
            let watch = Watch {
                options,
                clock: &clock,
                checker,
                waking,
                file,
                trouble,
                damper: Damper::new(options.rise, options.fall, before.map(State::of)),
                systemd: Systemd::new(),
                reporter: &reporter,
                said_restored: None,
                last: None,
                looked: Duration::ZERO,
                said_by_proc: false,
                is_slow: false,
                every: options.every,
            };
            watch.run(outcome);
            ExitStatus::plain(ExitReason::Done)
        }
        Err(obstacle) => {
            reporter.cannot_begin(&obstacle);
            // Whatever it has: nobody would take it back.
            keep(&mut file, down, &mut trouble, &reporter);
            failed
        }
    }
}

struct Watch<'a> {
    options: &'a WatchOptions,
    clock: &'a SystemClock,
    checker: Checker<'a>,
    waking: Waking<'a>,
    file: TrackFile,
    /// Why the file could not be written, so that it is said once.
    trouble: Option<Errno>,
    /// When it was said last that somebody else had changed the file.
    said_restored: Option<Duration>,
    damper: Damper,
    systemd: Systemd,
    reporter: &'a Reporter<'a>,
    last: Option<CheckResult>,
    /// When the last look ended.
    looked: Duration,
    /// It was said that sock_diag does not answer.
    said_by_proc: bool,
    /// It was said that it looks less often than was asked for.
    is_slow: bool,
    /// How often it looks; less often than was asked for where that would cost too much.
    every: Duration,
}

impl Watch<'_> {
    fn run(mut self, first: Outcome) {
        self.begin();
        self.take(first, None);
        self.systemd.ready();
        let end = loop {
            match self.waking.wait(self.next()) {
                Woken::Time => self.look(None),
                Woken::Event(at) => {
                    self.look(Some(at));
                    self.clock.pause(BETWEEN_EVENTS);
                }
                Woken::Tell => self.tell(),
                Woken::End => break self.options.on_exit,
                Woken::HandOver => break OnExit::Keep,
            }
        };
        self.end(end);
    }

    /// When the next look is due.
    fn next(&self) -> Duration {
        let pending = self.damper.pending(self.clock.now());
        let pause = pending.map_or(self.every, |pending| pending.min(self.every));
        self.looked + pause
    }

    fn look(&mut self, event: Option<Duration>) {
        let begun = self.clock.now();
        let outcome = self.judge();
        self.take(outcome, event);
        // Last, since to write it takes time.
        if let Some(at) = event {
            let since = Shown(begun.saturating_sub(at));
            debug!("that look began {since} after the event");
        }
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
        outcome.unwrap_or_else(|obstacle| Outcome::obstructed(&check.targets, &obstacle))
    }

    /// Takes the end of a judgement: the state, the file, and what is said of it.
    fn take(&mut self, outcome: Outcome, event: Option<Duration>) {
        let checked = conclude(&self.options.check, outcome);
        let verdict = match checked.status.number() {
            0 => State::Up,
            _ => State::Down,
        };
        let changed = self.damper.take(verdict, self.clock.now());
        let value = self.value();
        let kept = keep(&mut self.file, value, &mut self.trouble, self.reporter);
        let since_event = event.map(|at| self.clock.now().saturating_sub(at));
        if kept == Some(Kept::Restored) {
            self.restored(value);
        }
        if changed || self.last.is_none() {
            let state = self.damper.state();
            let change = Change {
                state,
                value,
                checked: &checked,
                since_event,
            };
            self.reporter.changed(&change);
            self.systemd.status(&change.text());
        } else if event.is_some() || !checked.verdict.is_healthy() {
            debug!("{}: {}", checked.verdict, checked.reason());
        }
        self.tell_source(&checked);
        self.pace(&checked);
        self.last = Some(checked);
        self.looked = self.clock.now();
        self.systemd.looked(self.looked);
    }

    /// Says that somebody else had changed the file.
    fn restored(&mut self, value: i16) {
        let (now, path) = (self.clock.now(), self.options.track_file.display());
        let is_said = |said| now.saturating_sub(said) < SAY_AGAIN;
        if !self.said_restored.is_some_and(is_said) {
            self.said_restored = Some(now);
            self.reporter.trouble(&format!(
                "somebody else had changed {path}, maybe another watch; it says {value} again"
            ));
        }
    }

    fn value(&self) -> i16 {
        match self.damper.state() {
            Some(State::Up) => 0,
            Some(State::Down) | None => self.options.down_value,
        }
    }

    /// Says that it has no sock_diag, without which the kernel tells of no end either. Not of a single fault.
    fn tell_source(&mut self, checked: &CheckResult) {
        let again = by_proc(checked) && self.last.as_ref().is_some_and(by_proc);
        if again && self.options.check.source == SourceChoice::Auto && !self.said_by_proc {
            self.said_by_proc = true;
            self.reporter.trouble(
                "sock_diag does not answer, so each look reads /proc; `listenup doctor` says why",
            );
        }
    }

    /// Looks less often where a look takes long: where sock_diag is refused each is a walk over /proc, and while
    /// nothing listens each takes a second opinion.
    fn pace(&mut self, checked: &CheckResult) {
        let CheckResult { outcome, .. } = checked;
        let took = outcome
            .took
            .saturating_sub(self.options.check.timing.retry_for);
        let affordable = match by_proc(checked) {
            true => took * SHARE_OF_LOOKS,
            // One look that took long on a busy machine must not hold up the next.
            false => (took * SHARE_OF_LOOKS).min(LONGEST_PAUSE),
        };
        let every = self.options.every.max(affordable);
        let is_slow = by_proc(checked) && every > self.options.every * 2;
        if is_slow && !self.is_slow {
            self.is_slow = true;
            self.reporter.trouble(&format!(
                "a look in /proc takes {}, so there is one every {}",
                Shown(took),
                Shown(every)
            ));
        }
        self.every = every;
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
                self.reporter,
            );
        }
        log::verbose::flush(crate::report::writer::Wait::No);
    }
}

/// Whether /proc gave the answers.
fn by_proc(checked: &CheckResult) -> bool {
    checked.outcome.source == Some("/proc")
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
