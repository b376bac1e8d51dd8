//! The looks of a watch: in which network namespace, when, at which cost, and after which events of the kernel.

use std::fs::File;
use std::os::fd::AsFd;
use std::time::{Duration, SystemTime};

use rustix::time::{ClockId, clock_gettime};

use super::pulse::Pulse;
use crate::cli::CheckOptions;
use crate::clock::{Clock, Deadline};
use crate::commands::checker::Checker;
use crate::domain::{Answer, SetupError};
use crate::engine::{Outcome, Timing};
use crate::host::netns::Netns;
use crate::source::SourceChoice;
use crate::source::netlink::events::{DestroyEvents, Events};

/// Looks use at most the processor's time divided by this.
const SHARE: u32 = 20;
/// The longest rest after a look with sock_diag: a look that took long on a busy machine must not delay the next one.
const LONGEST_REST: Duration = Duration::from_secs(1);
/// How long to wait before subscribing to the kernel's events again.
const SUBSCRIBE_EVERY: Duration = Duration::from_secs(1);

/// Repeated looks for the same targets.
pub struct Looks<'a> {
    options: &'a CheckOptions,
    every: Duration,
    checker: Option<Checker<'a>>,
    /// The network namespace in which the program began.
    home: Option<File>,
    /// The identity of the namespace of `--netns` that was entered.
    entered: Option<(u64, u64)>,
    events: Option<Events>,
    subscribed: Option<Duration>,
    /// The last trouble with events that was reported.
    refused: Option<String>,
    /// How often events were lost.
    pub lost: u64,
    /// The number of looks.
    pub count: u64,
    /// The time of day of the last look.
    pub last: SystemTime,
    /// When the next look is due.
    due: Duration,
    /// Until when events wait.
    rest_until: Duration,
    /// When a lasting absence is cross-checked again.
    cross_check: Duration,
    /// True if the last look found a target that is missing, fails a requirement, or could not be checked.
    was_missing: bool,
    /// How long the last look without retries and cross-check took.
    took: Duration,
    /// True if /proc answered the last look.
    by_proc: bool,
    warned_proc: bool,
    news: Vec<String>,
}

impl<'a> Looks<'a> {
    /// Returns looks of which none has been made yet.
    pub fn new(options: &'a CheckOptions, every: Duration) -> Self {
        Self {
            options,
            every,
            checker: None,
            home: None,
            entered: None,
            events: None,
            subscribed: None,
            refused: None,
            lost: 0,
            count: 0,
            last: SystemTime::UNIX_EPOCH,
            due: Duration::ZERO,
            rest_until: Duration::ZERO,
            cross_check: Duration::ZERO,
            was_missing: false,
            took: Duration::ZERO,
            by_proc: false,
            warned_proc: options.source == SourceChoice::Proc,
            news: Vec::new(),
        }
    }

    /// Waits for the next look or the next beat, and no longer than `at_most`. Returns the moment of the kernel's event, if that
    /// is the reason for a look, and true if a look is due.
    pub fn wait(&mut self, pulse: &Pulse, at_most: Option<Duration>) -> (Option<Duration>, bool) {
        let now = pulse.now();
        let due = at_most.map_or(self.due, |at_most| self.due.min(now + at_most));
        let events = self.events.as_ref().filter(|_| now >= self.rest_until);
        let until = match (&self.events, events) {
            // A signal came during the last look.
            _ if pulse.is_asked() => Duration::ZERO,
            (Some(_), None) => due.min(self.rest_until),
            _ => due,
        };
        let is_event = pulse.wait(until, events.map(AsFd::as_fd));
        let now = pulse.now();
        let event = is_event.then(|| self.drain(now)).flatten();
        (event, event.is_some() || now >= due)
    }

    /// Looks once. If the last look found something missing, a look without retries and usually without a cross-check comes
    /// first. If `is_steady` says that its outcome changes nothing, it is enough.
    pub fn look(
        &mut self,
        clock: &dyn Clock,
        is_event: bool,
        is_steady: impl Fn(&Outcome) -> bool,
    ) -> Outcome {
        let cpu = is_event.then(cpu_time);
        self.count += 1;
        self.last = SystemTime::now();
        let mut timing = self.options.timing;
        let first = self.was_missing.then(|| {
            let once = Timing {
                retry_for: Duration::ZERO,
                ..timing
            };
            let is_skipped = clock.now() < self.cross_check;
            let outcome = self.check(clock, once, is_skipped);
            if is_skipped {
                self.took = outcome.took;
            } else {
                self.cross_check = clock.now() + (outcome.took * SHARE).max(self.every);
            }
            outcome
        });
        let outcome = first.filter(is_steady).unwrap_or_else(|| {
            timing.retry_every = timing.retry_every.max(self.rest());
            self.check(clock, timing, false)
        });
        self.throttle(clock, &outcome, cpu);
        outcome
    }

    fn throttle(&mut self, clock: &dyn Clock, outcome: &Outcome, cpu: Option<Duration>) {
        let is_met = |answer: &Answer| matches!(answer, Answer::Listening(_) | Answer::NotChecked);
        self.was_missing = !outcome.answers.iter().all(|(_, answer)| is_met(answer));
        if !self.was_missing {
            self.took = outcome.took;
        }
        let by_proc = outcome.source == Some("/proc");
        if by_proc && self.by_proc && !self.warned_proc {
            // Not after a single error.
            self.warned_proc = true;
            self.news.push(
                "sock_diag does not answer, so each look reads /proc; `listenup doctor` says why"
                    .to_owned(),
            );
        }
        self.by_proc = by_proc;
        let (now, rest) = (clock.now(), self.rest());
        self.due = now + rest.max(self.every);
        if let Some(cpu) = cpu {
            self.rest_until = now + cpu_time().saturating_sub(cpu) * SHARE;
        }
    }

    /// Returns how long to wait after a look.
    fn rest(&self) -> Duration {
        match self.by_proc {
            true => self.took * SHARE,
            false => (self.took * SHARE).min(LONGEST_REST),
        }
    }

    /// Checks. A name that does not exist for a moment, such as a user while /etc/passwd is written, is tried again.
    fn check(&mut self, clock: &dyn Clock, timing: Timing, is_skipped: bool) -> Outcome {
        let deadline = Deadline::new(clock, timing.timeout);
        let retry = Deadline::new(clock, timing.retry_for);
        loop {
            let timing = Timing {
                retry_for: retry.remaining(),
                ..timing
            };
            let checked = self.check_once(clock, timing, deadline, is_skipped);
            let error = match checked {
                Ok(outcome) => return outcome,
                Err(error) => error,
            };
            if retry.has_passed() || deadline.has_passed() {
                return Outcome::setup_failed(&self.options.targets, &error);
            }
            retry.sleep(timing.retry_every);
        }
    }

    fn check_once(
        &mut self,
        clock: &dyn Clock,
        timing: Timing,
        deadline: Deadline<'_>,
        is_skipped: bool,
    ) -> Result<Outcome, SetupError> {
        let mut checker = self.enter_namespace()?;
        // Before the look, so that no event after it is missed.
        self.subscribe(clock.now());
        checker.skip_cross_check(is_skipped);
        let checked = checker.check_with(timing, deadline);
        self.checker = Some(checker);
        checked
    }

    /// Enters the network namespace to which the name of `--netns` leads now.
    fn enter_namespace(&mut self) -> Result<Checker<'a>, SetupError> {
        let now = self.options.netns.as_ref().and_then(Netns::identity);
        match self.checker.take() {
            Some(checker) if now == self.entered => return Ok(checker),
            _ => {}
        }
        if self.options.netns.is_some() && self.home.is_none() {
            self.home = Netns::own().ok();
        }
        // Both belong to the last namespace.
        (self.checker, self.events, self.subscribed) = (None, None, None);
        self.entered = None;
        let checker = Checker::in_netns(self.options)?;
        self.entered = now;
        Ok(checker)
    }

    /// Returns to the namespace in which the program began. The next look enters the one of `--netns` again.
    pub fn go_home(&mut self) {
        if let Some(home) = self.home.as_ref().filter(|_| self.entered.is_some()) {
            let _ = Netns::return_to(home);
            (self.entered, self.checker) = (None, None);
        }
    }

    fn subscribe(&mut self, now: Duration) {
        let is_due = |tried| now.saturating_sub(tried) >= SUBSCRIBE_EVERY;
        if self.events.is_some() || !self.subscribed.is_none_or(is_due) {
            return;
        }
        self.subscribed = Some(now);
        match Events::subscribe(&self.options.targets) {
            Ok(events) => self.events = Some(events),
            Err(error) => self.warn_events(format!("the kernel's events are refused: {error}")),
        }
    }

    fn warn_events(&mut self, text: String) {
        if self.refused.as_ref() != Some(&text) {
            self.news.push(text.clone());
            self.refused = Some(text);
        }
    }

    /// Reads the kernel's events. Returns this moment if they are a reason for a look.
    fn drain(&mut self, now: Duration) -> Option<Duration> {
        match self.events.as_mut()?.drain() {
            Ok(DestroyEvents { gone, lost }) => {
                if lost {
                    self.lost += 1;
                    self.warn_events(
                        "some of the kernel's events were lost (ENOBUFS): looking at once"
                            .to_owned(),
                    );
                }
                (gone || lost).then_some(now)
            }
            Err(error) => {
                self.warn_events(format!("the kernel's events have ended: {error}"));
                self.events = None;
                Some(now)
            }
        }
    }

    /// Returns the messages since the last call.
    pub fn news(&mut self) -> Vec<String> {
        std::mem::take(&mut self.news)
    }
}

/// Returns the processor time of this thread so far.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let (seconds, nanos) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
    Duration::new(seconds.unwrap_or(0), nanos.unwrap_or(0))
}
