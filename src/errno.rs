//! A system error for a person.

use std::fmt;

use nix::errno::Errno;

/// A system error in words and by its name, such as "Permission denied (EACCES)".
pub struct ErrnoText(pub Errno);

impl From<&std::io::Error> for ErrnoText {
    fn from(error: &std::io::Error) -> Self {
        Self(
            error
                .raw_os_error()
                .map_or(Errno::UnknownErrno, Errno::from_raw),
        )
    }
}

impl fmt::Display for ErrnoText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:?})", self.0.desc(), self.0)
    }
}
