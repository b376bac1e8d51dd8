//! The looks of a watch: where they are made, the kernel's events as reasons for them, and what they may cost.

use std::fs::File;
use std::os::fd::AsFd;
use std::time::{Duration, SystemTime};

use rustix::time::{ClockId, clock_gettime};

use super::pulse::Pulse;
use crate::cli::CheckOptions;
use crate::clock::{Clock, Deadline, Shown};
use crate::commands::checker::Checker;
use crate::domain::{Answer, Obstacle};
use crate::engine::{Outcome, Timing};
use crate::host::netns::Netns;
use crate::source::SourceChoice;
use crate::source::netlink::events::{Events, Told};

/// Looks take at most one part in this many of a processor's time.
const SHARE: u32 = 20;
/// The longest rest after a look with sock_diag: one that took long on a busy machine must not hold up the next.
const LONGEST_REST: Duration = Duration::from_secs(1);
/// How often it is tried again to subscribe to the kernel's events.
const SUBSCRIBE_EVERY: Duration = Duration::from_secs(1);

/// Looks again and again for the same targets.
pub struct Looks<'a> {
    options: &'a CheckOptions,
    every: Duration,
    checker: Option<Checker<'a>>,
    /// The network namespace that the program began in, and the one of `--netns` that it is in.
    home: Option<File>,
    place: Option<(u64, u64)>,
    events: Option<Events>,
    subscribed: Option<Duration>,
    /// The last event trouble that was said.
    refused: Option<String>,
    /// How many times events were lost.
    pub lost: u64,
    /// How many looks there were.
    pub count: u64,
    /// When the last one was, by the time of day.
    pub last: SystemTime,
    /// When the next look is due, and before when no event is a reason for one.
    due: Duration,
    rest_until: Duration,
    /// When an absence that lasts is cross-checked again.
    cross_check: Duration,
    /// The last look found a target that is missing, or does not meet a requirement, or is in doubt.
    was_missing: bool,
    /// What the last look without retries and cross-check took, and whether /proc answered.
    took: Duration,
    by_proc: bool,
    said_slow: bool,
    said_proc: bool,
    news: Vec<String>,
}

impl<'a> Looks<'a> {
    /// None was made yet.
    pub fn new(options: &'a CheckOptions, every: Duration) -> Self {
        Self {
            options,
            every,
            checker: None,
            home: None,
            place: None,
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
            said_slow: false,
            said_proc: options.source == SourceChoice::Proc,
            news: Vec::new(),
        }
    }

    /// Waits for the next look or the next beat. Returns the moment of the kernel's event, if one is the reason for a look,
    /// and true if a look is due. `at_most` from now one is due in any case.
    pub fn wait(&mut self, pulse: &Pulse, at_most: Option<Duration>) -> (Option<Duration>, bool) {
        let now = pulse.now();
        let due = at_most.map_or(self.due, |at_most| self.due.min(now + at_most));
        let events = self.events.as_ref().filter(|_| now >= self.rest_until);
        let until = match (&self.events, events) {
            // A signal has come during the last look.
            _ if pulse.is_asked() => Duration::ZERO,
            (Some(_), None) => due.min(self.rest_until),
            _ => due,
        };
        let told = pulse.wait(until, events.map(AsFd::as_fd));
        let now = pulse.now();
        let event = told.then(|| self.drain(now)).flatten();
        (event, event.is_some() || now >= due)
    }

    /// Makes a look. If the one before found something missing, a look without retries, and mostly without a cross-check,
    /// comes first: nothing more is needed if `is_steady` says that its outcome changes nothing.
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
            let is_spared = clock.now() < self.cross_check;
            let outcome = self.judge(clock, once, is_spared);
            if is_spared {
                self.took = outcome.took;
            } else {
                self.cross_check = clock.now() + (outcome.took * SHARE).max(self.every);
            }
            outcome
        });
        let outcome = first.filter(is_steady).unwrap_or_else(|| {
            timing.retry_every = timing.retry_every.max(self.rest());
            self.judge(clock, timing, false)
        });
        self.pace(clock, &outcome, cpu);
        outcome
    }

    fn pace(&mut self, clock: &dyn Clock, outcome: &Outcome, cpu: Option<Duration>) {
        let is_met = |answer: &Answer| matches!(answer, Answer::Listening(_) | Answer::NotChecked);
        self.was_missing = !outcome.answers.iter().all(|(_, answer)| is_met(answer));
        if !self.was_missing {
            self.took = outcome.took;
        }
        let by_proc = outcome.source == Some("/proc");
        if by_proc && self.by_proc && !self.said_proc {
            // Not after a single fault.
            self.said_proc = true;
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
        if self.by_proc && rest > self.every * 2 && !self.said_slow {
            self.said_slow = true;
            let (took, rest) = (Shown(self.took), Shown(rest));
            self.news.push(format!(
                "a look in /proc takes {took}, so there is one every {rest}"
            ));
        }
    }

    /// How long to wait after a look.
    fn rest(&self) -> Duration {
        match self.by_proc {
            true => self.took * SHARE,
            false => (self.took * SHARE).min(LONGEST_REST),
        }
    }

    /// Asks the judge. What does not exist for a moment, such as a user while /etc/passwd is written, is tried again.
    fn judge(&mut self, clock: &dyn Clock, timing: Timing, is_spared: bool) -> Outcome {
        let deadline = Deadline::new(clock, timing.timeout);
        let retry = Deadline::new(clock, timing.retry_for);
        loop {
            let timing = Timing {
                retry_for: retry.left(),
                ..timing
            };
            let judged = self.judge_once(clock, timing, deadline, is_spared);
            let obstacle = match judged {
                Ok(outcome) => return outcome,
                Err(obstacle) => obstacle,
            };
            if retry.is_over() || deadline.is_over() {
                return Outcome::obstructed(&self.options.targets, &obstacle);
            }
            retry.pause(timing.retry_every);
        }
    }

    fn judge_once(
        &mut self,
        clock: &dyn Clock,
        timing: Timing,
        deadline: Deadline<'_>,
        is_spared: bool,
    ) -> Result<Outcome, Obstacle> {
        let mut checker = self.follow()?;
        // Before the look, so that nothing is missed after it.
        self.subscribe(clock.now());
        checker.spare_second_opinion(is_spared);
        let judged = checker.judge_for(timing, deadline);
        self.checker = Some(checker);
        judged
    }

    /// Enters the network namespace that has the name of `--netns` now.
    fn follow(&mut self) -> Result<Checker<'a>, Obstacle> {
        let now = self.options.netns.as_ref().and_then(Netns::identity);
        match self.checker.take() {
            Some(checker) if now == self.place => return Ok(checker),
            _ => {}
        }
        if self.options.netns.is_some() && self.home.is_none() {
            self.home = Netns::own().ok();
        }
        // They are of the namespace before.
        (self.checker, self.events, self.subscribed) = (None, None, None);
        self.place = None;
        let checker = Checker::enter(self.options)?;
        self.place = now;
        Ok(checker)
    }

    /// Returns to the namespace that the program began in, for another program. The next look follows the name again.
    pub fn go_home(&mut self) {
        if let Some(home) = self.home.as_ref().filter(|_| self.place.is_some()) {
            let _ = Netns::return_to(home);
            (self.place, self.checker) = (None, None);
        }
    }

    fn subscribe(&mut self, now: Duration) {
        let is_due = |tried| now.saturating_sub(tried) >= SUBSCRIBE_EVERY;
        if self.events.is_some() || !self.subscribed.is_none_or(is_due) {
            return;
        }
        self.subscribed = Some(now);
        match Events::of(&self.options.targets) {
            Ok(events) => self.events = Some(events),
            Err(fault) => self.tell_events(format!("the kernel's events are refused: {fault}")),
        }
    }

    fn tell_events(&mut self, text: String) {
        if self.refused.as_ref() != Some(&text) {
            self.news.push(text.clone());
            self.refused = Some(text);
        }
    }

    /// Takes what the kernel has told. Returns this moment if it is a reason for a look.
    fn drain(&mut self, now: Duration) -> Option<Duration> {
        match self.events.as_mut()?.drain() {
            Ok(Told { gone, lost }) => {
                if lost {
                    self.lost += 1;
                    self.tell_events(
                        "some of the kernel's events were lost (ENOBUFS): looking at once"
                            .to_owned(),
                    );
                }
                (gone || lost).then_some(now)
            }
            Err(fault) => {
                self.tell_events(format!("the kernel's events have ended: {fault}"));
                self.events = None;
                Some(now)
            }
        }
    }

    /// Returns what there is to say, once.
    pub fn news(&mut self) -> Vec<String> {
        std::mem::take(&mut self.news)
    }
}

/// The processor's time of this thread so far.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let (seconds, nanos) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
    Duration::new(seconds.unwrap_or(0), nanos.unwrap_or(0))
}
