//! Passes over a table that comes from a fuzzer instead of a kernel.

use std::cell::Cell;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::time::Duration;

use super::rows::{Rows, Stride};
use super::{ByteOrder, Pass, Ports, pass};
use crate::clock::{Deadline, SystemClock};
use crate::domain::{Listener, Protocol};

/// The results of passes over a table, in one byte order.
#[derive(Debug)]
pub struct PassResults {
    /// The pass with reads of about a row.
    pub by_rows: PassResult,
    /// The pass with reads of a page.
    pub by_pages: PassResult,
    /// The same, and a short read counts as the last.
    pub until_short: PassResult,
}

/// The listeners of a pass for all ports, and its end.
#[derive(Debug, PartialEq, Eq)]
pub struct PassResult {
    /// The listeners, in the order shown.
    pub listeners: Vec<Listener>,
    /// The end of the pass.
    pub end: PassEnd,
    /// How many reads returned bytes.
    pub reads: usize,
    /// True if a read said that the table ends.
    pub saw_the_end: bool,
}

/// The end of a pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PassEnd {
    /// All listeners were shown.
    Complete,
    /// Some listeners may be missing.
    Incomplete,
    /// The visitor broke off, which it never does here.
    BrokenOff,
    /// The table was wrong, for this reason.
    Problem(String),
}

/// Reads a table of this protocol, little endian first. The first two bytes cut the rest into pieces, one for each
/// read. They are the lengths of the pieces, in turn; 0 means as long as requested.
pub fn read(protocol: Protocol, table: &[u8]) -> [PassResults; 2] {
    let (cuts, table) = match table {
        [one, other, table @ ..] => ([*one, *other], table),
        short => ([0, 0], short),
    };
    [ByteOrder::Little, ByteOrder::Big].map(|order| {
        let look = |stride, short_is_end| look(protocol, table, cuts, stride, short_is_end, order);
        PassResults {
            by_rows: look(Stride::Row, false),
            by_pages: look(Stride::Page, false),
            until_short: look(Stride::Page, true),
        }
    })
}

fn look(
    protocol: Protocol,
    table: &[u8],
    cuts: [u8; 2],
    stride: Stride,
    short_is_end: bool,
    order: ByteOrder,
) -> PassResult {
    let clock = SystemClock::start();
    let deadline = Deadline::new(&clock, Duration::MAX);
    let (reads, saw_the_end) = (Cell::new(0), Cell::new(false));
    let pieces = Pieces {
        table,
        cuts,
        reads: &reads,
        saw_the_end: &saw_the_end,
    };
    let mut listeners = Vec::new();
    let end = Rows::new(pieces, stride, short_is_end, deadline).and_then(|rows| {
        pass(rows, protocol, Ports::All, order, &mut |listener| {
            listeners.push(listener.clone());
            ControlFlow::Continue(())
        })
    });
    PassResult {
        listeners,
        end: match end {
            Ok(Pass::Complete) => PassEnd::Complete,
            Ok(Pass::Incomplete) => PassEnd::Incomplete,
            Ok(Pass::BrokenOff) => PassEnd::BrokenOff,
            Err(problem) => PassEnd::Problem(format!("{problem:?}")),
        },
        reads: reads.get(),
        saw_the_end: saw_the_end.get(),
    }
}

/// A table that is returned in pieces.
struct Pieces<'a> {
    table: &'a [u8],
    /// The length of the next piece, and of the piece after it.
    cuts: [u8; 2],
    reads: &'a Cell<usize>,
    saw_the_end: &'a Cell<bool>,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let [cut, next] = self.cuts;
        self.cuts = [next, cut];
        let at_most = if cut == 0 { u64::MAX } else { cut.into() };
        let mut piece = self.table.take(at_most);
        let count = piece.read(buffer)?;
        self.table = self.table.get(count..).unwrap_or_default();
        if count > 0 {
            self.reads.set(self.reads.get() + 1);
        } else {
            self.saw_the_end.set(true);
        }
        Ok(count)
    }
}
