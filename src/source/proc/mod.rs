//! The second source: /proc/self/net/tcp, tcp6, udp and udp6, read row by row.
//!
//! The kernel writes its table of listeners first and then every connection of the host
//! (net/ipv4/tcp_ipv4.c, tcp_get_idx), so a look ends at the first row that is neither LISTEN nor
//! SYN_RECV, which kernels up to 4.3 list among the listeners.

pub(crate) mod cost;
#[cfg(fuzzing)]
pub mod fuzzing;
mod row;
mod rows;
#[cfg(test)]
mod tests;

use std::fmt;
use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;

use self::row::SocketState;
use self::rows::{Rows, Stride};
use super::{ByteOrder, Ports, Query, Source};
use crate::clock::HumanDuration;
use crate::domain::{Family, Listener, Protocol};
use crate::errno::ErrnoText;

/// How many passes prove that a listener does not exist, if one read does not hold all listeners.
///
/// `scripts/churn` on Linux 6.18, a listener while other members of its group opened and closed at full speed. With 40
/// members, passes with reads of a page missed it in 0 of 20,000; with 187 members in 43 of 100, because its row was at
/// the end of a page. The pages of each pass end at different positions ([`Stride::of_passes`]), so at most one of
/// three passes misses it that way. A verdict takes two looks.
const PASSES: usize = 3;

/// The same for UDP. Its table has no order, and a read continues at a count of rows: if a socket before that position
/// closes, the next read misses a row.
///
/// `scripts/churn`, a bound socket while 800 connected sockets opened and closed at full speed: passes with reads of a
/// page missed it in 341 of 1,200. A row near the end of a read can be missed by pass after pass (two looks of five
/// such passes missed it in 1,545 of 1,000,000). So the pages of each pass end at different positions
/// ([`Stride::of_passes`]).
const UDP_PASSES: usize = 5;

/// The tables of the network namespace that /proc/self is in.
#[derive(Debug)]
pub struct Proc {
    root: PathBuf,
    purpose: Purpose,
}

#[derive(Debug)]
enum Purpose {
    /// The main source: a listener that it does not show does not exist.
    Source {
        /// The families in which a first, short pass over TCP did not find the listener.
        unseen: Vec<Family>,
    },
    /// A cross-check: only the listeners that it shows count.
    CrossCheck,
}

impl Proc {
    /// Makes the source below this root, which is /proc except in tests.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            purpose: Purpose::Source { unseen: Vec::new() },
        }
    }

    /// Makes a cross-check. It is left out ([`super::SourceError`]) if the host has too many sockets, so that it would take longer
    /// than the rest of its limit.
    pub fn cross_check(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            purpose: Purpose::CrossCheck,
        }
    }

    /// Returns the path of a table. /proc/net is a link to self/net, and with `subset=pid` only self/net exists. From
    /// Linux 5.8, which brought that option, to 5.12 its files cannot be opened (fs/proc/inode.c, proc_reg_open).
    fn path(&self, protocol: Protocol, family: Family) -> PathBuf {
        self.root.join(match (protocol, family) {
            (Protocol::Tcp, Family::V4) => "self/net/tcp",
            (Protocol::Tcp, Family::V6) => "self/net/tcp6",
            (Protocol::Udp, Family::V4) => "self/net/udp",
            (Protocol::Udp, Family::V6) => "self/net/udp6",
        })
    }

    /// Opens the table of this family. `None` if there is no IPv6 here.
    fn open(&self, protocol: Protocol, family: Family) -> Result<Option<File>, ProcError> {
        let path = self.path(protocol, family);
        match (File::open(&path), family) {
            (Ok(file), _) => Ok(Some(file)),
            // A kernel without IPv6 has no tcp6 or udp6; but a /proc that has no tcp or udp either says nothing
            // about IPv6.
            (Err(error), Family::V6) if error.kind() == io::ErrorKind::NotFound => {
                self.open(protocol, Family::V4)?;
                Ok(None)
            }
            (Err(error), _) => Err(ProcError::new(
                &path,
                Problem::Open(ErrnoText::from(&error).0),
            )),
        }
    }
}

impl Proc {
    fn pass(
        &self,
        stride: Stride,
        short_is_end: bool,
        query: Query<'_>,
        visit: &mut dyn FnMut(&Listener) -> ControlFlow<()>,
    ) -> Result<Pass, super::SourceError> {
        let Query {
            protocol,
            family,
            ports,
            deadline,
        } = query;
        let Some(file) = self.open(protocol, family)? else {
            return Ok(Pass::Complete);
        };
        let rows = Rows::new(file, stride, short_is_end, deadline);
        match rows.and_then(|rows| pass(rows, protocol, ports, ByteOrder::NATIVE, visit)) {
            Ok(pass) => Ok(pass),
            Err(Problem::TimeIsUp) => Err(super::SourceError::TimeIsUp(deadline.limit())),
            Err(problem) => Err(ProcError::new(&self.path(protocol, family), problem).into()),
        }
    }

    /// # Errors
    /// Returns an error if a cross-check would take longer than its limit. If the kernel does not report the number of
    /// sockets, the cross-check is made.
    fn check_budget(&self, query: Query<'_>) -> Result<(), ProcError> {
        let budget = query.deadline.remaining();
        let path = self.root.join(match (query.protocol, query.family) {
            (Protocol::Udp, Family::V6) => "self/net/sockstat6",
            _ => "self/net/sockstat",
        });
        let cost_by = |text: Vec<u8>| match query.protocol {
            Protocol::Tcp => cost::sockets(&text).map(cost::of_both_tables),
            Protocol::Udp => cost::udp_sockets(&text, query.family).map(cost::of_udp_table),
        };
        match std::fs::read(&path).ok().and_then(cost_by) {
            Some(cost) if cost > budget => Err(ProcError::new(&path, Problem::TooDear(cost))),
            _ => Ok(()),
        }
    }
}

impl Source for Proc {
    fn name(&self) -> &'static str {
        "/proc"
    }

    fn begin_check(&mut self) {
        if let Purpose::Source { unseen } = &mut self.purpose {
            unseen.clear();
        }
    }

    fn listeners(
        &mut self,
        query: Query<'_>,
        visit: &mut dyn FnMut(&Listener) -> ControlFlow<()>,
    ) -> Result<(), super::SourceError> {
        let first = match &self.purpose {
            Purpose::CrossCheck => {
                self.check_budget(query)?;
                self.pass(Stride::Page, true, query, visit)?;
                return Ok(());
            }
            Purpose::Source { unseen } => {
                let hopeful = query.protocol == Protocol::Tcp && query.ports != Ports::All;
                hopeful && !unseen.contains(&query.family)
            }
        };
        // Small strides find a listener soonest, and large strides prove an absence.
        if first && self.pass(Stride::Row, false, query, visit)? == Pass::BrokenOff {
            return Ok(());
        }
        let passes = match query.protocol {
            Protocol::Tcp => PASSES,
            Protocol::Udp => UDP_PASSES,
        };
        for stride in Stride::of_passes(passes) {
            if self.pass(stride, false, query, visit)? != Pass::Incomplete {
                break;
            }
        }
        if let (Purpose::Source { unseen }, true) = (&mut self.purpose, first) {
            unseen.push(query.family);
        }
        Ok(())
    }
}

/// The end of a pass over a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pass {
    /// The visitor had seen enough.
    BrokenOff,
    /// All listeners were shown, from one moment.
    Complete,
    /// Some listeners may have been missed between two reads.
    Incomplete,
}

impl Pass {
    /// Returns the end of a pass that has read all listeners.
    fn complete_if(is_atomic: bool) -> Self {
        if is_atomic {
            Self::Complete
        } else {
            Self::Incomplete
        }
    }
}

/// Reads a table up to its last listener, and shows the listeners on the requested ports.
fn pass<R: io::Read>(
    mut rows: Rows<'_, R>,
    protocol: Protocol,
    ports: Ports<'_>,
    order: ByteOrder,
    visit: &mut dyn FnMut(&Listener) -> ControlFlow<()>,
) -> Result<Pass, Problem> {
    if protocol == Protocol::Udp && !rows.count_drops() {
        return Err(Problem::WithoutDrops);
    }
    // UDP has one table for all, in the order of its hash.
    let (mut behind_listeners, mut in_order) = (false, protocol == Protocol::Tcp);
    let mut slots = 0..;
    while let Some(line) = rows.next()? {
        let row = row::parse(line, protocol, order)?;
        in_order &= row.slot == slots.next() && !row.has_no_timeout;
        match row.state {
            SocketState::SynRecv => {}
            SocketState::Other => behind_listeners = true,
            SocketState::Listen => {
                in_order &= !behind_listeners;
                let wanted = ports.contains(row.listener.port);
                if wanted && visit(&row.listener).is_break() {
                    return Ok(Pass::BrokenOff);
                }
            }
        }
        // Rows that were already read are examined nevertheless: they can show that the table has another order.
        if behind_listeners && in_order && !rows.has_buffered_row() {
            return Ok(Pass::complete_if(rows.is_atomic()));
        }
    }
    Ok(Pass::complete_if(rows.is_complete_and_atomic()))
}

/// The reason why a table in /proc gave no complete answer.
#[derive(Debug, PartialEq, Eq)]
pub struct ProcError {
    path: PathBuf,
    problem: Problem,
}

impl ProcError {
    fn new(path: &Path, problem: Problem) -> Self {
        Self {
            path: path.to_owned(),
            problem,
        }
    }
}

/// An error in a table.
#[derive(Debug, PartialEq, Eq)]
enum Problem {
    Open(Errno),
    Read(Errno),
    /// It does not begin with the header that every kernel writes, even without rows.
    Header,
    /// The header of a table of UDP has no column of drops: gVisor writes such a header for IPv6, and no rows.
    WithoutDrops,
    /// A row is longer than any kernel's.
    LongRow,
    /// The table ends within a row.
    CutRow,
    /// The time limit is over.
    TimeIsUp,
    /// Reading the tables would take this long.
    TooDear(Duration),
    /// procfs cannot parse this row. Its beginning, with escapes.
    Row(String),
}

impl fmt::Display for ProcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.path.display())?;
        match &self.problem {
            Problem::Open(error) => write!(f, "cannot be opened: {}", ErrnoText(*error)),
            Problem::Read(error) => write!(f, "cannot be read: {}", ErrnoText(*error)),
            Problem::Header => f.write_str("does not begin with the header of a table of sockets"),
            Problem::WithoutDrops => f.write_str(
                "has a header without drops, as in gVisor, which writes no rows below it",
            ),
            Problem::LongRow => f.write_str("has a row that is too long"),
            Problem::TimeIsUp => f.write_str("was not read within the time limit"),
            Problem::TooDear(cost) => {
                write!(
                    f,
                    "counts too many sockets: reading the tables would take {}",
                    HumanDuration(*cost)
                )
            }
            Problem::CutRow => f.write_str("ends within a row"),
            Problem::Row(row) => write!(f, "has a row that cannot be understood: \"{row}\""),
        }
    }
}

impl std::error::Error for ProcError {}
