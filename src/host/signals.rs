//! Signals as events, for a program that has work to do when it is asked to end.

use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// Signals that are read, and do not end the process.
#[derive(Debug)]
pub struct Signals {
    which: SigSet,
    waiting: SignalFd,
}

impl Signals {
    /// Blocks these signals from now on. Ignored signals, as under nohup(1), stay ignored.
    ///
    /// # Errors
    /// Returns an error if that fails: the signals then end the process, as before.
    pub fn block(which: SigSet) -> Result<Self, Errno> {
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        let waiting = SignalFd::with_flags(&which, flags)?;
        which.thread_block()?;
        Ok(Self { which, waiting })
    }

    /// Returns the signals that have come since the last call, without waiting.
    pub fn read(&self) -> Vec<Signal> {
        let mut signals = Vec::new();
        while let Ok(Some(signal)) = self.waiting.read_signal() {
            let number = i32::try_from(signal.ssi_signo).unwrap_or_default();
            signals.extend(Signal::try_from(number));
        }
        signals
    }

    /// Restores their effect: the next one ends the process.
    pub fn restore(self) {
        // The one that has come has done its work.
        self.read();
        let _ = self.which.thread_unblock();
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.waiting.as_fd()
    }
}
