//! What a watch waits for: its time, the kernel's events, and signals.

use std::os::fd::AsFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::signal::Signal;
use nix::sys::time::TimeSpec;

use super::report::Reporter;
use crate::clock::{Clock, SystemClock};
use crate::domain::Target;
use crate::host::signals::Signals;
use crate::source::netlink::events::{Events, Told};

/// What a watch is woken by.
#[derive(Debug)]
pub struct Waking<'a> {
    clock: &'a SystemClock,
    reporter: &'a Reporter<'a>,
    signals: Signals,
    /// `None`: the kernel tells nothing, and there are looks alone.
    events: Option<Events>,
    /// It was said that some were lost.
    has_lost: bool,
}

/// Why it was woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// It is time.
    Time,
    /// The kernel told something, at this moment.
    Event(Duration),
    /// The state was asked for: SIGUSR1.
    Tell,
    /// It was asked to end: SIGTERM or SIGINT.
    End,
    /// It was asked to end and leave the file as it is: SIGUSR2.
    HandOver,
}

impl<'a> Waking<'a> {
    /// By time and signals. SIGHUP asks for nothing: a terminal that goes must not end the watch.
    ///
    /// # Errors
    /// Why signals cannot be waited for.
    pub fn new(clock: &'a SystemClock, reporter: &'a Reporter<'a>) -> Result<Self, Errno> {
        let signals = Signals::take(&[
            Signal::SIGTERM,
            Signal::SIGINT,
            Signal::SIGHUP,
            Signal::SIGUSR1,
            Signal::SIGUSR2,
        ])?;
        Ok(Self {
            clock,
            reporter,
            signals,
            events: None,
            has_lost: false,
        })
    }

    /// From now on also by the end of a listener on the port of one of these targets, in the network namespace of the caller.
    pub fn subscribe(&mut self, targets: &[Target]) {
        match Events::of(targets) {
            Ok(events) => self.events = Some(events),
            Err(fault) => self
                .reporter
                .trouble(&format!("the kernel's events are refused: {fault}")),
        }
    }

    /// Waits until this moment at the latest.
    pub fn wait(&mut self, until: Duration) -> Woken {
        loop {
            let (signals, events) = self.poll(until.saturating_sub(self.clock.now()));
            let now = self.clock.now();
            if let Some(woken) = asked(&if signals {
                self.signals.read()
            } else {
                Vec::new()
            }) {
                return woken;
            }
            let told = if events { self.told() } else { Told::default() };
            if told.gone || told.lost {
                return Woken::Event(now);
            }
            if now >= until {
                return Woken::Time;
            }
        }
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
                if told.lost && !self.has_lost {
                    self.has_lost = true;
                    let text = "some of the kernel's events were lost (ENOBUFS): looking at once";
                    self.reporter.trouble(text);
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
}

/// What these signals ask for. Several can have come at once, and none that ends the watch may be lost by another.
fn asked(signals: &[Signal]) -> Option<Woken> {
    // Before SIGTERM, which a service manager sends to whatever has not ended yet.
    if signals.contains(&Signal::SIGUSR2) {
        Some(Woken::HandOver)
    } else if signals.contains(&Signal::SIGTERM) || signals.contains(&Signal::SIGINT) {
        Some(Woken::End)
    } else if signals.contains(&Signal::SIGUSR1) {
        Some(Woken::Tell)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use nix::sys::signal::Signal::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2};

    use super::*;

    #[test]
    fn what_ends_it_is_not_lost_by_what_else_has_come() {
        for (signals, woken) in [
            (vec![], None),
            (vec![SIGHUP], None),
            (vec![SIGHUP, SIGUSR1], Some(Woken::Tell)),
            (vec![SIGUSR1, SIGTERM], Some(Woken::End)),
            (vec![SIGHUP, SIGINT, SIGUSR1], Some(Woken::End)),
            (vec![SIGUSR1, SIGUSR2], Some(Woken::HandOver)),
            (vec![SIGINT, SIGUSR2, SIGTERM], Some(Woken::HandOver)),
        ] {
            assert_eq!(asked(&signals), woken, "{signals:?}");
        }
    }
}
