//! Up or down: what the file should say after each verdict, and how often that has changed.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

/// What the file should say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The targets are as wanted: 0.
    Up,
    /// They are not: the down value.
    Down,
}

impl State {
    /// What this value of the file says.
    pub fn of(value: i64) -> Self {
        if value == 0 { Self::Up } else { Self::Down }
    }
}

/// The changes of the state so far.
#[derive(Debug)]
pub struct History {
    /// Since when the state is what it is, by the time of day.
    pub since: SystemTime,
    /// How many changes there were.
    pub changes: u64,
    /// When, for the last hour.
    last: VecDeque<Duration>,
}

const HOUR: Duration = Duration::from_secs(60 * 60);
/// How many changes of the last hour are counted.
const MOST: usize = 10_000;

impl History {
    /// There was none.
    pub fn new() -> Self {
        Self {
            since: SystemTime::now(),
            changes: 0,
            last: VecDeque::new(),
        }
    }

    /// The state has changed.
    pub fn changed(&mut self, now: Duration) {
        self.since = SystemTime::now();
        self.changes += 1;
        self.last.push_back(now);
        self.forget(now);
    }

    /// Forgets what is longer ago than an hour.
    pub fn forget(&mut self, now: Duration) {
        let is_old = |at: &Duration| now.saturating_sub(*at) > HOUR;
        while self.last.len() > MOST || self.last.front().is_some_and(is_old) {
            self.last.pop_front();
        }
    }

    /// Returns how many changes there were in the last hour.
    pub fn last_hour(&self) -> usize {
        self.last.len()
    }
}

/// Verdicts become a state, with `--rise` and `--fall` in between.
#[derive(Debug)]
pub struct Damper {
    rise: Duration,
    fall: Duration,
    /// `None`: there was no verdict yet, and no state before.
    state: Option<State>,
    /// Since when the verdicts have been other than the state.
    other_since: Option<Duration>,
}

impl Damper {
    /// One that goes on from this state, or has seen nothing.
    pub fn new(rise: Duration, fall: Duration, state: Option<State>) -> Self {
        Self {
            rise,
            fall,
            state,
            other_since: None,
        }
    }

    /// The state so far. `None`: there was no verdict yet, and no state before.
    pub fn state(&self) -> Option<State> {
        self.state
    }

    /// Takes a verdict of this moment. Whether the state is another one now. Without a state before, the first
    /// verdict is the state at once, as with keepalived's rise and fall.
    pub fn take(&mut self, verdict: State, now: Duration) -> bool {
        if self.state == Some(verdict) {
            self.other_since = None;
            return false;
        }
        let since = *self.other_since.get_or_insert(now);
        if self.state.is_some() && now.saturating_sub(since) < self.hold(verdict) {
            return false;
        }
        self.state = Some(verdict);
        self.other_since = None;
        true
    }

    /// How long from now the state may change if the verdicts stay as they are. `None`: it does not.
    pub fn pending(&self, now: Duration) -> Option<Duration> {
        let since = self.other_since?;
        let coming = match self.state? {
            State::Up => State::Down,
            State::Down => State::Up,
        };
        Some((since + self.hold(coming)).saturating_sub(now))
    }

    fn hold(&self, coming: State) -> Duration {
        match coming {
            State::Up => self.rise,
            State::Down => self.fall,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::State::{Down, Up};
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn the_first_verdict_is_the_state_whatever_rise_and_fall_are() {
        for first in [Up, Down] {
            let mut damper = Damper::new(MS(1_000), MS(1_000), None);
            assert_eq!(damper.state(), None);
            assert!(damper.take(first, MS(7)));
            assert_eq!((damper.state(), damper.pending(MS(7))), (Some(first), None));
        }
    }

    #[test]
    fn from_a_state_before_it_goes_on_by_rise_and_fall() {
        let mut damper = Damper::new(MS(100), MS(10), Some(State::of(0)));
        assert!(!damper.take(Down, MS(7)));
        assert_eq!(
            (damper.state(), damper.pending(MS(7))),
            (Some(Up), Some(MS(10)))
        );
        let mut damper = Damper::new(MS(100), MS(10), Some(State::of(-50)));
        assert!(!damper.take(Up, MS(7)));
        assert_eq!(
            (damper.state(), damper.pending(MS(7))),
            (Some(Down), Some(MS(100)))
        );
    }

    #[test]
    fn changes_are_forgotten_after_an_hour() {
        let mut history = History::new();
        for minute in [0, 1, 59] {
            history.changed(Duration::from_secs(60 * minute));
        }
        assert_eq!((history.changes, history.last_hour()), (3, 3));
        history.forget(HOUR + MS(1));
        assert_eq!((history.changes, history.last_hour()), (3, 2));
    }

    #[test]
    fn without_rise_and_fall_each_verdict_is_the_state() {
        let mut damper = Damper::new(MS(0), MS(0), None);
        for (verdict, changes) in [(Up, true), (Up, false), (Down, true), (Up, true)] {
            assert_eq!(damper.take(verdict, MS(1)), changes);
            assert_eq!(damper.state(), Some(verdict));
        }
    }

    #[test]
    fn what_changes_back_in_between_begins_anew() {
        let mut damper = Damper::new(MS(100), MS(10), None);
        damper.take(Down, MS(0));
        for (verdict, now, state, pending) in [
            (Up, 1, Down, Some(100)),
            (Up, 100, Down, Some(1)),
            (Down, 100, Down, None),
            (Up, 101, Down, Some(100)),
            (Up, 201, Up, None),
            (Down, 202, Up, Some(10)),
            (Down, 211, Up, Some(1)),
            (Down, 212, Down, None),
        ] {
            damper.take(verdict, MS(now));
            assert_eq!(damper.state(), Some(state), "{now}");
            assert_eq!(damper.pending(MS(now)), pending.map(MS), "{now}");
        }
    }
}
