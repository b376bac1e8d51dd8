//! The standard streams, and how long to wait for their readers.
//!
//! Their flags do not change: O_NONBLOCK is a flag of the open file, which other processes share. poll(2) reports when
//! there is room. Then a write of [`PART`] does not wait, unless another process fills the stream in between.
//! [`Wait::Never`] does not wait even then.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::libc::PIPE_BUF;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, send};
use nix::sys::stat::{Mode, SFlag, fstat};
use nix::unistd;

use crate::clock::{Deadline, sleep};

/// Bytes that a pipe accepts without waiting if poll(2) calls it writable (pipe(7)).
const PART: usize = PIPE_BUF;

/// How long to wait before a stream that had room and then had none is asked again.
const AGAIN: Duration = Duration::from_millis(1);

/// The policy for a stream that is full.
#[derive(Clone, Copy, Debug)]
pub enum Wait<'a> {
    /// Do not wait. A write can still wait if another process fills the stream at this moment.
    No,
    /// Do not wait in any case: for a program that runs for months. The stream is opened once more for that.
    Never,
    /// Wait until this deadline.
    Until(Deadline<'a>),
    /// Wait as long as it takes.
    Always,
}

impl Wait<'_> {
    /// The time to wait. `None` means forever.
    fn remaining(self) -> Option<Duration> {
        match self {
            Self::No | Self::Never => Some(Duration::ZERO),
            Self::Until(limit) => Some(limit.remaining()),
            Self::Always => None,
        }
    }
}

/// Writes to stdout.
///
/// # Errors
/// Returns the reason why not all of it was written: ETIMEDOUT if there was no room.
pub fn stdout(text: impl AsRef<[u8]>, wait: Wait<'_>) -> Result<(), Errno> {
    write(io::stdout().as_fd(), &mut text.as_ref(), wait)
}

/// Writes to stderr and takes what was written off the front of `text`.
///
/// # Errors
/// Returns the same errors as [`stdout`].
pub fn stderr(text: &mut &[u8], wait: Wait<'_>) -> Result<(), Errno> {
    write(io::stderr().as_fd(), text, wait)
}

fn write(stream: BorrowedFd<'_>, text: &mut &[u8], wait: Wait<'_>) -> Result<(), Errno> {
    while !text.is_empty() {
        wait_writable(stream, wait)?;
        let part = text.get(..PART).unwrap_or(text);
        let written = match wait {
            Wait::Never => write_at_once(stream, part),
            _ => unistd::write(stream, part),
        };
        match written {
            Ok(count) => *text = text.get(count..).unwrap_or_default(),
            Err(Errno::EINTR) => {}
            // Another process has filled the stream, and had set O_NONBLOCK.
            Err(Errno::EAGAIN) if wait.remaining() != Some(Duration::ZERO) => sleep(AGAIN),
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// Writes what the stream accepts without waiting. A socket has a flag of the call for that. A pipe or a terminal is
/// opened again, without blocking. A stream of another user cannot be opened; it is written to as it is.
fn write_at_once(stream: BorrowedFd<'_>, part: &[u8]) -> Result<usize, Errno> {
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
    match send(stream.as_raw_fd(), part, flags) {
        Err(Errno::ENOTSOCK) => {}
        sent => return sent,
    }
    let kind = fstat(stream).map_or(0, |found| found.st_mode) & SFlag::S_IFMT.bits();
    let own = [SFlag::S_IFIFO.bits(), SFlag::S_IFCHR.bits()]
        .contains(&kind)
        .then(|| {
            let flags = OFlag::O_WRONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
            let path = format!("/proc/self/fd/{}", stream.as_raw_fd());
            open(path.as_str(), flags, Mode::empty())
        });
    match own {
        Some(Ok(own)) => unistd::write(own, part),
        _ => unistd::write(stream, part),
    }
}

fn wait_writable(stream: BorrowedFd<'_>, wait: Wait<'_>) -> Result<(), Errno> {
    loop {
        let timeout = match wait.remaining() {
            None => PollTimeout::NONE,
            // Rounded up, so that the last bit of a millisecond is no busy loop.
            Some(left) => PollTimeout::try_from(left.saturating_add(Duration::from_micros(999)))
                .unwrap_or(PollTimeout::MAX),
        };
        let mut writable = [PollFd::new(stream, PollFlags::POLLOUT)];
        match poll(&mut writable, timeout) {
            Ok(0) if wait.remaining() == Some(Duration::ZERO) => return Err(Errno::ETIMEDOUT),
            Ok(0) | Err(Errno::EINTR) => {}
            // write(2) reports an error of the stream. If poll(2) is refused, the write is tried.
            Ok(_) | Err(_) => return Ok(()),
        }
    }
}
