//! The rows of a table, one after the other, from a buffer that never holds more than a page of them.

use std::io::{ErrorKind, Read};

use super::Problem;
use crate::clock::Deadline;
use crate::errno::ErrnoText;

/// The size of a read(2).
///
/// The kernel fills the buffer, up to a page. To find rows for it, the kernel walks through its connections, one row further
/// than the buffer holds (fs/seq_file.c, seq_read_iter). Rows can be missed between two reads, but not within a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stride {
    /// About one row: the walk ends at the row after the wanted one.
    Row,
    /// A page: as many rows as possible from one moment.
    Page,
    /// Pages, of which the first is this many bytes shorter, so that the others end elsewhere. Where one read ends and the
    /// next begins, a row can be missed, and it is missed in each pass while it stays near that position.
    Shifted(usize),
}

/// Bytes of a row of tcp, which is padded (net/ipv4/tcp_ipv4.c, TMPSZ). A row of tcp6 is longer.
const ROW: usize = 150;
/// The most bytes that the kernel returns in one read of the smallest page.
const PAGE: usize = 4096;
/// Bytes of the longest valid row: twice the longest that a kernel writes (tcp6 with every number at its widest).
const LONGEST: usize = 512;

/// A reader of the rows after the header.
pub(super) struct Rows<'a, R> {
    table: R,
    stride: Stride,
    short_is_end: bool,
    deadline: Deadline<'a>,
    buffer: Vec<u8>,
    /// The part of the buffer that was not returned yet.
    start: usize,
    end: usize,
    /// How many reads returned bytes.
    reads: usize,
    /// True if the last of these reads left room for another row.
    had_room: bool,
    count_drops: bool,
}

impl<'a, R: Read> Rows<'a, R> {
    /// Reads the header. `short_is_end` saves a read at the end: if a read leaves room for another row, the kernel's
    /// table has ended (seq_read_iter). Another read would make the kernel walk through all of it again only to confirm
    /// that. It is false for a pass that must be certain.
    ///
    /// # Errors
    /// Returns an error if the header is missing: an empty or foreign file is not a table without listeners.
    pub(super) fn new(
        table: R,
        stride: Stride,
        short_is_end: bool,
        deadline: Deadline<'a>,
    ) -> Result<Self, Problem> {
        let buffer = vec![0; stride.bytes(1) + LONGEST];
        let (start, end, reads, had_room) = (0, 0, 0, false);
        let mut rows = Self {
            table,
            stride,
            short_is_end,
            deadline,
            buffer,
            start,
            end,
            reads,
            had_room,
            count_drops: false,
        };
        let header = rows.next()?.ok_or(Problem::Header)?;
        let mut words = header
            .split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty());
        let is_header = words.next() == Some(b"sl") && words.next() == Some(b"local_address");
        let count_drops = words.next_back() == Some(b"drops");
        if !is_header {
            return Err(Problem::Header);
        }
        rows.count_drops = count_drops;
        Ok(rows)
    }

    /// True if the header ends with a column of drops, as that of UDP does.
    pub(super) fn count_drops(&self) -> bool {
        self.count_drops
    }

    /// Returns the next row without its line feed; `None` at the end.
    ///
    /// # Errors
    /// Returns an error if a read fails, a row is too long or incomplete, or the time limit is over.
    pub(super) fn next(&mut self) -> Result<Option<&[u8]>, Problem> {
        loop {
            if let Some(length) = self.unread().iter().position(|&byte| byte == b'\n') {
                let row = self.start..self.start + length;
                self.start = row.end + 1;
                return Ok(self.buffer.get(row));
            }
            let between_rows = self.start == self.end;
            if between_rows && self.short_is_end && self.had_room {
                return Ok(None);
            }
            if self.read()? == 0 {
                return if between_rows {
                    Ok(None)
                } else {
                    Err(Problem::CutRow)
                };
            }
        }
    }

    /// True if the buffer has another whole row, so that the next row needs no read.
    pub(super) fn has_buffered_row(&self) -> bool {
        self.unread().contains(&b'\n')
    }

    /// True if all returned rows came from one read, and so from one moment.
    pub(super) fn is_atomic(&self) -> bool {
        self.reads == 1
    }

    /// True if the whole table came from one read. After a read that fills its buffer another row may have followed,
    /// which can be gone at the next read.
    pub(super) fn is_complete_and_atomic(&self) -> bool {
        self.is_atomic() && self.had_room
    }

    fn unread(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Reads once more, after the bytes in the buffer.
    fn read(&mut self) -> Result<usize, Problem> {
        if self.deadline.has_passed() {
            return Err(Problem::TimeIsUp);
        }
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        let wanted = self.stride.bytes(self.reads);
        let free = self
            .buffer
            .get_mut(self.end..self.end + wanted)
            .ok_or(Problem::LongRow)?;
        let count = loop {
            match self.table.read(free) {
                Ok(count) => break count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Problem::Read(ErrnoText::from(&error).0)),
            }
        };
        self.end += count;
        if count > 0 {
            self.reads += 1;
            self.had_room = count + LONGEST <= wanted;
        }
        Ok(count)
    }
}

impl Stride {
    /// Returns the size of the next read, after this many reads.
    fn bytes(self, reads: usize) -> usize {
        match self {
            Self::Row => ROW,
            Self::Shifted(by) if reads == 0 => PAGE.saturating_sub(by),
            Self::Page | Self::Shifted(_) => PAGE,
        }
    }

    /// Returns the strides of this many passes over a table, whose pages end at different positions. The first pass has
    /// whole pages.
    pub(super) fn of_passes(passes: usize) -> impl Iterator<Item = Self> {
        (0..passes).map(move |pass| Self::Shifted(pass * PAGE / passes))
    }
}
