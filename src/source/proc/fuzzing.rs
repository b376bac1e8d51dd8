//! Passes over a table that comes from a fuzzer instead of a kernel.

use std::cell::Cell;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::time::Duration;

use super::rows::{Rows, Stride};
use super::{ByteOrder, Pass, Ports, pass};
use crate::clock::{Deadline, SystemClock};
use crate::domain::{Listener, Protocol};

/// What the passes in one byte order made of a table.
#[derive(Debug)]
pub struct Outcome {
    /// With reads of about a row.
    pub by_rows: Look,
    /// With reads of a page.
    pub by_pages: Look,
    /// The same, and a short read is taken for the last.
    pub until_short: Look,
}

/// What a pass that asked for all ports showed, and how it ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Look {
    /// The listeners, in the order shown.
    pub listeners: Vec<Listener>,
    /// How it ended.
    pub end: End,
    /// How many reads brought something.
    pub reads: usize,
    /// Whether a read said that the table ends.
    pub saw_the_end: bool,
}

/// How a pass ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// All listeners were shown.
    Complete,
    /// Some may have been missed.
    Incomplete,
    /// The visitor broke off, which it never does here.
    BrokenOff,
    /// The table was no good, and why.
    Problem(String),
}

/// Reads a table of this protocol, little endian first. The first two bytes cut the rest into pieces that come one a
/// read: as long as the one and the other say in turn; 0 is as long as asked for.
pub fn read(protocol: Protocol, table: &[u8]) -> [Outcome; 2] {
    let (cuts, table) = match table {
        [one, other, table @ ..] => ([*one, *other], table),
        short => ([0, 0], short),
    };
    [ByteOrder::Little, ByteOrder::Big].map(|order| {
        let look = |stride, short_is_end| look(protocol, table, cuts, stride, short_is_end, order);
        Outcome {
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
) -> Look {
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
    Look {
        listeners,
        end: match end {
            Ok(Pass::Complete) => End::Complete,
            Ok(Pass::Incomplete) => End::Incomplete,
            Ok(Pass::BrokenOff) => End::BrokenOff,
            Err(problem) => End::Problem(format!("{problem:?}")),
        },
        reads: reads.get(),
        saw_the_end: saw_the_end.get(),
    }
}

/// A table that is handed out in pieces.
struct Pieces<'a> {
    table: &'a [u8],
    /// The length of the next piece, and of the one behind it.
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
