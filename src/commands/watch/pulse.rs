//! The work of a watch while it waits: it feeds the watchdog, reads signals, and shows that it is alive.
//!
//! It is also the clock of the looks, so this goes on between the looks of `--retry-for`. After SIGTERM this clock is
//! [`FAR_FUTURE`] ahead: each deadline has passed, and a look ends at once.

use std::cell::{Cell, RefCell};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::time::TimeSpec;
use nix::unistd::getpid;

use super::systemd::Systemd;
use super::track_file::{BEAT, write_once};
use crate::clock::{Clock, HumanDuration, SystemClock};
use crate::host::hard_timeout;
use crate::host::signals::Signals;
use crate::report;
use crate::report::writer::Wait;

/// Longer than any deadline.
const FAR_FUTURE: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
/// How often signals are read during a look.
const TICK: Duration = Duration::from_millis(50);
/// The time for the report of the hard time limit, and for a call that has returned after all.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// How long to rest if ppoll(2) fails.
const REST: Duration = Duration::from_millis(10);

/// Signals of errors in the program, of which SIGABRT is also systemd's for a watchdog that was not fed.
const ERRORS: [Signal; 7] = [
    Signal::SIGABRT,
    Signal::SIGBUS,
    Signal::SIGFPE,
    Signal::SIGILL,
    Signal::SIGSEGV,
    Signal::SIGSYS,
    Signal::SIGTRAP,
];

/// The requests of signals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// To end: SIGTERM, SIGINT, SIGQUIT or SIGXCPU (soon the limit would end it by SIGKILL).
    pub end: bool,
    /// To read the options again: SIGHUP.
    pub reload: bool,
    /// To print the state: SIGUSR1.
    pub state: bool,
    /// A process has ended: SIGCHLD.
    pub child: bool,
}

/// The clock, the signals and the service manager of a watch.
#[derive(Debug)]
pub struct Pulse {
    clock: SystemClock,
    signals: Signals,
    asked: Cell<Asked>,
    systemd: RefCell<Systemd>,
    beats: Arc<AtomicU64>,
    has_hung: Arc<AtomicBool>,
    every: Duration,
    ticked: Cell<Duration>,
}

impl Pulse {
    /// Blocks the signals, which are read from now on.
    ///
    /// # Errors
    /// Returns why signals cannot be waited for.
    pub fn new() -> Result<Self, Errno> {
        // All of them: one that ends or stops the process would leave 0 in the file.
        let mut signals = SigSet::all();
        ERRORS.into_iter().for_each(|error| signals.remove(error));
        let systemd = Systemd::new();
        Ok(Self {
            clock: SystemClock::start(),
            signals: Signals::block(signals)?,
            asked: Cell::default(),
            every: systemd.beat_every().map_or(BEAT, |every| every.min(BEAT)),
            systemd: RefCell::new(systemd),
            beats: Arc::default(),
            has_hung: Arc::default(),
            ticked: Cell::default(),
        })
    }

    /// Starts a thread that ends the process if this one has not read its clock for this long, because of a system call that
    /// does not return. That thread reports the reason and writes down into the file first. It does not count time in which
    /// the process is stopped.
    ///
    /// # Errors
    /// Returns an error if there is no thread.
    pub fn start_hard_timeout(
        &self,
        limit: Duration,
        file: &Path,
        down: i16,
        code: u8,
    ) -> std::io::Result<()> {
        let (beats, file) = (Arc::clone(&self.beats), file.to_owned());
        let has_hung = Arc::clone(&self.has_hung);
        let most = limit.as_millis().div_ceil(BEAT.as_millis());
        // Now, since later there may be no descriptor left.
        let systemd = Systemd::new();
        let work = move || {
            let (mut seen, mut missed) = (0, 0);
            while missed < most {
                thread::sleep(BEAT);
                let now = beats.load(Ordering::Relaxed);
                missed = if now == seen { missed + 1 } else { 0 };
                seen = now;
            }
            // If the call returns meanwhile, the watch must not write 0 again.
            has_hung.store(true, Ordering::Relaxed);
            let _ = kill(getpid(), Signal::SIGTERM);
            // The report may hang, too: the standard error can be a file.
            let _ = thread::Builder::new().spawn(move || report_hang(systemd, limit));
            // On a frozen file system this hangs as well. If the process ended first, nothing would be written after the thaw.
            let _ = write_once(&file, down);
            thread::sleep(LAST_WORDS);
            // SIGKILL of its own would not end process 1 of a container.
            hard_timeout::exit(code)
        };
        let thread = thread::Builder::new().stack_size(64 * 1024);
        thread.spawn(work).map(drop)
    }

    /// Returns the connection to systemd.
    pub fn systemd(&self) -> std::cell::RefMut<'_, Systemd> {
        self.systemd.borrow_mut()
    }

    /// True after SIGTERM and the like.
    pub fn is_ended(&self) -> bool {
        self.asked.get().end
    }

    /// True if the hard time limit has passed: that thread ends the watch.
    pub fn has_hung(&self) -> bool {
        self.has_hung.load(Ordering::Relaxed)
    }

    /// True if there are requests.
    pub fn is_asked(&self) -> bool {
        self.asked.get() != Asked::default()
    }

    /// Returns the requests of signals, and forgets them except for the end.
    pub fn asked(&self) -> Asked {
        let asked = self.asked.take();
        self.asked.set(Asked {
            end: asked.end,
            ..Asked::default()
        });
        asked
    }

    /// Waits until this moment, the next beat, a signal or data from this descriptor. Returns true if there are data.
    pub fn wait(&self, until: Duration, other: Option<BorrowedFd<'_>>) -> bool {
        let left = until.saturating_sub(self.clock.now()).min(self.every);
        let readable = |fd| PollFd::new(fd, PollFlags::POLLIN);
        let mut fds = vec![readable(self.signals.as_fd())];
        fds.extend(other.map(readable));
        let polled = ppoll(&mut fds, Some(TimeSpec::from_duration(left)), None);
        if polled.is_err_and(|errno| errno != Errno::EINTR) {
            thread::sleep(left.min(REST));
        }
        let mut ready = fds.iter().map(|fd| fd.any().unwrap_or(true));
        let has_signals = ready.next().unwrap_or(true) || polled.is_err();
        self.beat(self.clock.now(), has_signals);
        ready.next().unwrap_or(false) || polled.is_err()
    }

    fn beat(&self, now: Duration, has_signals: bool) {
        self.ticked.set(now);
        self.beats.fetch_add(1, Ordering::Relaxed);
        if has_signals {
            let mut asked = self.asked.get();
            for signal in self.signals.read() {
                match signal {
                    Signal::SIGTERM | Signal::SIGINT | Signal::SIGQUIT | Signal::SIGXCPU => {
                        asked.end = true;
                    }
                    Signal::SIGHUP => asked.reload = true,
                    Signal::SIGUSR1 => asked.state = true,
                    Signal::SIGCHLD => asked.child = true,
                    _ => {}
                }
            }
            self.asked.set(asked);
        }
        // It is not borrowed while a look goes on.
        if let Ok(mut systemd) = self.systemd.try_borrow_mut() {
            systemd.beat(now);
        }
    }
}

/// Tells systemd and the standard error that the hard time limit has passed, without waiting for a reader.
fn report_hang(mut systemd: Systemd, limit: Duration) {
    let limit = HumanDuration(limit);
    let why = format!(
        "a system call has not returned for {limit}: this watch writes down and ends itself"
    );
    systemd.status(&format!("TROUBLE: {why}"));
    // A new connection that no file is right for sends the status alone.
    systemd.beat(Duration::ZERO);
    report::eprint_line(why, Wait::Never);
}

impl Clock for Pulse {
    fn now(&self) -> Duration {
        let now = self.clock.now();
        self.beats.fetch_add(1, Ordering::Relaxed);
        if now.saturating_sub(self.ticked.get()) >= TICK {
            self.beat(now, true);
        }
        if self.asked.get().end {
            now + FAR_FUTURE
        } else {
            now
        }
    }

    fn sleep(&self, duration: Duration) {
        let until = self.clock.now().saturating_add(duration);
        while !self.asked.get().end && self.clock.now() < until {
            self.wait(until, None);
        }
    }
}
