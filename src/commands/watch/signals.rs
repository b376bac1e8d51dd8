//! Signals as something to wait for.

use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// The signals that have come since they were last read.
#[derive(Debug)]
pub struct Signals(SignalFd);

/// What they ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// To end: SIGTERM or SIGINT.
    pub end: bool,
    /// To end and leave the file as it is: SIGUSR2.
    pub hand_over: bool,
    /// To tell the state: SIGUSR1.
    pub state: bool,
}

impl Signals {
    /// From now on these signals do nothing by themselves. SIGHUP asks for nothing: a terminal that goes must
    /// not end the watch.
    ///
    /// # Errors
    /// When there is no descriptor for them.
    pub fn take() -> Result<Self, Errno> {
        let set = [
            Signal::SIGTERM,
            Signal::SIGINT,
            Signal::SIGHUP,
            Signal::SIGUSR1,
            Signal::SIGUSR2,
        ];
        let set: SigSet = set.into_iter().collect();
        set.thread_block()?;
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        SignalFd::with_flags(&set, flags).map(Self)
    }

    /// Takes those that are there, and waits for none.
    pub fn drain(&self) -> Asked {
        let mut asked = Asked::default();
        while let Ok(Some(signal)) = self.0.read_signal() {
            let is = |wanted: Signal| signal.ssi_signo == wanted as u32;
            asked.end |= is(Signal::SIGTERM) || is(Signal::SIGINT);
            asked.hand_over |= is(Signal::SIGUSR2);
            asked.state |= is(Signal::SIGUSR1);
        }
        asked
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
