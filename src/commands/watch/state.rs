//! Up or down: the state after each verdict, and how often it has changed.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

/// The value that the file should have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The targets meet the options: 0.
    Up,
    /// They do not: the number for down.
    Down,
}

impl State {
    /// Returns the state that this number in the file means.
    pub fn of(value: i64) -> Self {
        if value == 0 { Self::Up } else { Self::Down }
    }

    /// Returns its name.
    pub fn word(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

/// The changes of the state so far.
#[derive(Debug)]
pub struct History {
    /// The time of day of the last change, or of the start.
    pub since: SystemTime,
    /// The number of changes.
    pub changes: u64,
    /// The times of the changes in the last hour.
    last: VecDeque<Duration>,
}

const HOUR: Duration = Duration::from_secs(60 * 60);
/// The most changes of the last hour that are counted.
const MOST: usize = 10_000;

impl History {
    /// Returns a history without changes.
    pub fn new() -> Self {
        Self {
            since: SystemTime::now(),
            changes: 0,
            last: VecDeque::new(),
        }
    }

    /// Counts a change.
    pub fn changed(&mut self, now: Duration) {
        self.since = SystemTime::now();
        self.changes += 1;
        self.last.push_back(now);
        self.forget(now);
    }

    /// Forgets changes that are older than an hour.
    pub fn forget(&mut self, now: Duration) {
        let is_old = |at: &Duration| now.saturating_sub(*at) > HOUR;
        while self.last.len() > MOST || self.last.front().is_some_and(is_old) {
            self.last.pop_front();
        }
    }

    /// Returns the number of changes in the last hour.
    pub fn last_hour(&self) -> usize {
        self.last.len()
    }
}

/// Turns verdicts into a state, with `--rise` and `--fall`.
#[derive(Debug)]
pub struct Debouncer {
    rise: Duration,
    fall: Duration,
    /// `None`: there was no verdict yet, and the file held no number.
    state: Option<State>,
    /// Since when the verdicts have differed from the state.
    other_since: Option<Duration>,
}

impl Debouncer {
    /// Returns a debouncer that continues from this state, if there is one.
    pub fn new(rise: Duration, fall: Duration, state: Option<State>) -> Self {
        Self {
            rise,
            fall,
            state,
            other_since: None,
        }
    }

    /// Returns the state. `None`: there was no verdict yet, and the file held no number.
    pub fn state(&self) -> Option<State> {
        self.state
    }

    /// Adds a verdict of this moment. Returns true if the state has changed. Without a state before, the first verdict counts at
    /// once, as with keepalived's rise and fall.
    pub fn update(&mut self, verdict: State, now: Duration) -> bool {
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

    /// Returns the time until the state changes if the verdicts stay the same. `None`: it does not change.
    pub fn next_change_in(&self, now: Duration) -> Option<Duration> {
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
    fn the_first_verdict_is_the_state_regardless_of_rise_and_fall() {
        for first in [Up, Down] {
            let mut debouncer = Debouncer::new(MS(1_000), MS(1_000), None);
            assert_eq!(debouncer.state(), None);
            assert!(debouncer.update(first, MS(7)));
            assert_eq!(
                (debouncer.state(), debouncer.next_change_in(MS(7))),
                (Some(first), None)
            );
        }
    }

    #[test]
    fn an_initial_state_changes_after_rise_or_fall() {
        let mut debouncer = Debouncer::new(MS(100), MS(10), Some(State::of(0)));
        assert!(!debouncer.update(Down, MS(7)));
        assert_eq!(
            (debouncer.state(), debouncer.next_change_in(MS(7))),
            (Some(Up), Some(MS(10)))
        );
        let mut debouncer = Debouncer::new(MS(100), MS(10), Some(State::of(-50)));
        assert!(!debouncer.update(Up, MS(7)));
        assert_eq!(
            (debouncer.state(), debouncer.next_change_in(MS(7))),
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
        let mut debouncer = Debouncer::new(MS(0), MS(0), None);
        for (verdict, changes) in [(Up, true), (Up, false), (Down, true), (Up, true)] {
            assert_eq!(debouncer.update(verdict, MS(1)), changes);
            assert_eq!(debouncer.state(), Some(verdict));
        }
    }

    #[test]
    fn a_verdict_that_changes_back_restarts_rise_and_fall() {
        let mut debouncer = Debouncer::new(MS(100), MS(10), None);
        debouncer.update(Down, MS(0));
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
            debouncer.update(verdict, MS(now));
            assert_eq!(debouncer.state(), Some(state), "{now}");
            assert_eq!(debouncer.next_change_in(MS(now)), pending.map(MS), "{now}");
        }
    }
}
