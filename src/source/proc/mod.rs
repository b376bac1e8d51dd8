//! The second source: /proc/self/net/tcp and tcp6, read row by row.
//!
//! The kernel writes its table of listeners first and then every connection of the host
//! (net/ipv4/tcp_ipv4.c, tcp_get_idx), so a look ends at the first row that is neither LISTEN nor
//! SYN_RECV, which kernels up to 4.3 list among the listeners.

mod row;
mod rows;
#[cfg(test)]
mod tests;

use std::fmt;
use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use self::row::State;
use self::rows::Rows;
use super::{ByteOrder, InWords, Question, Source};
use crate::domain::{Family, Listener};

/// The tables of the network namespace that /proc/self is in.
#[derive(Debug)]
pub struct Proc {
    root: PathBuf,
}

impl Proc {
    /// The source below this root, which is /proc but for tests.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Not /proc/net, which is a link to self/net: with `subset=pid` only the latter is there.
    fn path(&self, family: Family) -> PathBuf {
        self.root.join(match family {
            Family::V4 => "self/net/tcp",
            Family::V6 => "self/net/tcp6",
        })
    }

    /// Opens the table of this family. `None`: there is no IPv6 here.
    fn open(&self, family: Family) -> Result<Option<File>, Fault> {
        let path = self.path(family);
        match (File::open(&path), family) {
            (Ok(file), _) => Ok(Some(file)),
            // A kernel without IPv6 has no tcp6; but a /proc that has no tcp either says nothing
            // about IPv6.
            (Err(error), Family::V6) if error.kind() == io::ErrorKind::NotFound => {
                self.open(Family::V4)?;
                Ok(None)
            }
            (Err(error), _) => Err(Fault::new(&path, Problem::Open(errno(&error)))),
        }
    }
}

impl Source for Proc {
    fn name(&self) -> &'static str {
        "/proc"
    }

    fn listeners(
        &mut self,
        question: Question<'_>,
        visit: &mut dyn FnMut(&Listener) -> ControlFlow<()>,
    ) -> Result<(), super::Fault> {
        let Some(file) = self.open(question.family)? else {
            return Ok(());
        };
        read(file, question.ports, ByteOrder::NATIVE, visit)
            .map_err(|problem| Fault::new(&self.path(question.family), problem).into())
    }
}

/// Reads a table as far as it lists listeners and shows those on the ports asked for.
fn read(
    table: impl io::Read,
    ports: &[u16],
    order: ByteOrder,
    visit: &mut dyn FnMut(&Listener) -> ControlFlow<()>,
) -> Result<(), Problem> {
    let mut rows = Rows::new(table)?;
    while let Some(line) = rows.next()? {
        let row = row::parse(line, order)?;
        match row.state {
            State::Listen if ports.binary_search(&row.listener.port).is_ok() => {
                if visit(&row.listener).is_break() {
                    return Ok(());
                }
            }
            State::Listen | State::SynRecv => {}
            State::Other => return Ok(()),
        }
    }
    Ok(())
}

/// Why a table in /proc gave no complete answer.
#[derive(Debug)]
pub struct Fault {
    path: PathBuf,
    problem: Problem,
}

impl Fault {
    fn new(path: &Path, problem: Problem) -> Self {
        Self {
            path: path.to_owned(),
            problem,
        }
    }
}

/// The errno of an error that a system call gave.
fn errno(error: &io::Error) -> Errno {
    error
        .raw_os_error()
        .map_or(Errno::UnknownErrno, Errno::from_raw)
}

/// What was wrong with a table.
#[derive(Debug, PartialEq, Eq)]
enum Problem {
    Open(Errno),
    Read(Errno),
    /// It does not begin with the header that every kernel writes, even above no rows.
    Header,
    /// A row is longer than any kernel's.
    LongRow,
    /// The table ends within a row.
    CutRow,
    /// A row is not what procfs reads as one, which tells why.
    Row(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.path.display())?;
        match &self.problem {
            Problem::Open(error) => write!(f, "cannot be opened: {}", InWords(*error)),
            Problem::Read(error) => write!(f, "cannot be read: {}", InWords(*error)),
            Problem::Header => f.write_str("does not begin with the header of a table of sockets"),
            Problem::LongRow => f.write_str("has a row that is too long"),
            Problem::CutRow => f.write_str("ends within a row"),
            Problem::Row(why) => write!(f, "has a row that cannot be understood: {why}"),
        }
    }
}

impl std::error::Error for Fault {}
