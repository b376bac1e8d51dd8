//! Clocks and deadlines. A clock is an argument, so that a test can control it.

use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::ppoll;
use nix::sys::time::TimeSpec;

/// A clock that never goes back, with a way to wait.
pub trait Clock {
    /// The time since some fixed moment.
    fn now(&self) -> Duration;
    /// Waits.
    fn sleep(&self, duration: Duration);
}

/// The machine's monotonic clock, which counts from its creation.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock(Instant);

impl SystemClock {
    /// Starts a clock.
    pub fn start() -> Self {
        Self(Instant::now())
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, duration: Duration) {
        sleep(duration);
    }
}

/// The longest single wait.
const AT_ONCE: Duration = Duration::from_secs(3600);

/// Waits, also if the kernel refuses to. std's sleep panics if clock_nanosleep(2) is refused, and a panic ends the
/// process by a signal.
pub fn sleep(duration: Duration) {
    let started = Instant::now();
    loop {
        let left = duration.saturating_sub(started.elapsed());
        if left.is_zero() {
            return;
        }
        let timeout = TimeSpec::from_duration(left.min(AT_ONCE));
        match ppoll(&mut [], Some(timeout), None) {
            Ok(_) | Err(Errno::EINTR) => {}
            // A futex instead; where that is refused, too, only the processor is left to wait with.
            Err(_) => {
                thread::park_timeout(left);
                thread::yield_now();
            }
        }
    }
}

/// A time for a person, written as options take it: `0.057ms`, `500ms`, `1.5s`, `1m 40s`.
#[derive(Clone, Copy, Debug)]
pub struct HumanDuration(pub Duration);

impl fmt::Display for HumanDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        let (figure, unit) = match self.0.as_nanos() {
            1..1_000 => (seconds * 1e9, "ns"),
            0..1_000_000_000 => (seconds * 1e3, "ms"),
            1_000_000_000..60_000_000_000 => (seconds, "s"),
            _ => return humantime::format_duration(self.0).fmt(f),
        };
        let figure = format!("{figure:.3}");
        let figure = figure.trim_end_matches('0').trim_end_matches('.');
        write!(f, "{figure}{unit}")
    }
}

/// The moment after which every answer is "could not tell".
#[derive(Clone, Copy)]
pub struct Deadline<'a> {
    clock: &'a dyn Clock,
    limit: Duration,
    end: Duration,
}

impl<'a> Deadline<'a> {
    /// Sets a deadline that ends after this time.
    pub fn new(clock: &'a dyn Clock, limit: Duration) -> Self {
        Self {
            clock,
            limit,
            end: clock.now().saturating_add(limit),
        }
    }

    /// The clock of this deadline.
    pub fn clock(&self) -> &'a dyn Clock {
        self.clock
    }

    /// The whole time limit.
    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// The time that remains.
    pub fn remaining(&self) -> Duration {
        self.end.saturating_sub(self.clock.now())
    }

    /// True if no time remains.
    pub fn has_passed(&self) -> bool {
        self.remaining().is_zero()
    }

    /// Sleeps, but not beyond the end.
    pub fn sleep(&self, duration: Duration) {
        self.clock.sleep(duration.min(self.remaining()));
    }
}

impl fmt::Debug for Deadline<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Deadline({:?})", self.limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_printed_as_options_accept_them() {
        for (nanos, text) in [
            (0, "0ms"),
            (1, "1ns"),
            (999, "999ns"),
            (1_000, "0.001ms"),
            (56_789, "0.057ms"),
            (499_900_000, "499.9ms"),
            (500_000_000, "500ms"),
            (999_999_999, "1000ms"),
            (1_000_000_000, "1s"),
            (1_500_400_000, "1.5s"),
            (59_999_000_000, "59.999s"),
            (100_000_000_000, "1m 40s"),
        ] {
            let shown = HumanDuration(Duration::from_nanos(nanos)).to_string();
            assert_eq!(shown, text);
        }
    }
}

#[cfg(test)]
pub(crate) mod fake {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::{Clock, Duration};

    /// A clock that only goes on when somebody pauses, or by a tick each time it is read. Its clones
    /// show the same time.
    #[derive(Clone, Debug, Default)]
    pub(crate) struct FakeClock {
        now: Rc<Cell<Duration>>,
        tick: Duration,
    }

    impl FakeClock {
        pub(crate) fn ticking(tick: Duration) -> Self {
            Self {
                tick,
                ..Self::default()
            }
        }

        pub(crate) fn advance(&self, by: Duration) {
            self.now.set(self.now.get() + by);
        }
    }

    impl Clock for FakeClock {
        fn now(&self) -> Duration {
            let now = self.now.get();
            self.advance(self.tick);
            now
        }

        fn sleep(&self, duration: Duration) {
            self.advance(duration);
        }
    }
}
