//! The errors of reading a file.

use std::fmt;
use std::io;

use nix::errno::Errno;

use crate::errno::ErrnoText;

/// The reason why a file was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// A system call failed. EAGAIN means that the file would have to be waited for.
    System(Errno),
    /// The file exists, and /proc, by which it is opened, does not.
    NoProc,
    /// A folder, a pipe, a device or a socket.
    NotRegular,
    /// A file that the kernel makes up, where the caller expects data.
    KernelFile,
    /// More bytes than this.
    TooLarge(u64),
    /// More lines than this.
    TooManyLines(usize),
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        Self::System(ErrnoText::from(&error).0)
    }
}

impl From<Errno> for ReadError {
    fn from(errno: Errno) -> Self {
        Self::System(errno)
    }
}

impl From<ReadError> for io::Error {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::System(errno) => errno.into(),
            other => Self::other(other),
        }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System(errno) => ErrnoText(*errno).fmt(f),
            Self::NoProc => f.write_str("it cannot be opened without /proc"),
            Self::NotRegular => f.write_str("it is not a regular file"),
            Self::KernelFile => f.write_str("it is a kernel file, and reading it can have effects"),
            Self::TooLarge(most) => write!(f, "it has more than {most} bytes"),
            Self::TooManyLines(most) => write!(f, "it has more than {most} lines"),
        }
    }
}

impl std::error::Error for ReadError {}
