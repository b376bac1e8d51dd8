//! Ctrl-C and its like end the watch, and not the program: the summary is still to be said, and the
//! tracing instance to be removed.

use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// Signals that wait to be asked for, instead of ending the process.
#[derive(Debug)]
pub struct Signals {
    which: SigSet,
    waiting: SignalFd,
}

impl Signals {
    /// Takes them from now on. Those that are ignored, as under nohup(1), stay so.
    ///
    /// # Errors
    /// They end the process, as ever.
    pub fn take() -> Result<Self, Errno> {
        let mut which = SigSet::empty();
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
            which.add(signal);
        }
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        let waiting = SignalFd::with_flags(&which, flags)?;
        which.thread_block()?;
        Ok(Self { which, waiting })
    }

    /// Gives them back: the next one ends the process.
    pub fn give_back(self) {
        // The one that ended the watch has done its work.
        while let Ok(Some(_)) = self.waiting.read_signal() {}
        let _ = self.which.thread_unblock();
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.waiting.as_fd()
    }
}
