//! A table's rows, one after the other, out of a buffer that never holds more than a few.

use std::io::{ErrorKind, Read};

use super::{Problem, errno};

/// Bytes to ask of one read(2): a row of tcp, padded to 150 since 3.12 (net/ipv4/tcp_ipv4.c,
/// TMPSZ), and most of one of tcp6.
///
/// The kernel fills a larger buffer at the cost of walking on through its connections for rows to
/// put in; with about one row a read, it walks no further than the row behind the one that is
/// wanted (fs/seq_file.c, seq_read_iter).
const READ: usize = 150;

/// Bytes of the longest row taken: twice the longest a kernel writes (tcp6 with every number at its
/// widest).
const LONGEST: usize = 512;

/// Reads the rows behind the header.
pub(super) struct Rows<R> {
    table: R,
    buffer: [u8; LONGEST],
    /// The part of the buffer not yet handed out.
    start: usize,
    end: usize,
}

impl<R: Read> Rows<R> {
    /// # Errors Where the header is missing: an empty or foreign file must not pass for a table
    /// without listeners.
    pub(super) fn new(table: R) -> Result<Self, Problem> {
        let mut rows = Self {
            table,
            buffer: [0; LONGEST],
            start: 0,
            end: 0,
        };
        let header = rows.next()?.ok_or(Problem::Header)?;
        let mut words = header
            .split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty());
        match (words.next(), words.next()) {
            (Some(b"sl"), Some(b"local_address")) => Ok(rows),
            _ => Err(Problem::Header),
        }
    }

    /// The next row without its line feed; `None` at the end.
    ///
    /// # Errors
    /// A read that fails, a row that is too long or that the table ends in.
    pub(super) fn next(&mut self) -> Result<Option<&[u8]>, Problem> {
        loop {
            let unread = self.buffer.get(self.start..self.end).unwrap_or_default();
            if let Some(length) = unread.iter().position(|&byte| byte == b'\n') {
                let row = self.start..self.start + length;
                self.start = row.end + 1;
                return Ok(self.buffer.get(row));
            }
            if self.read()? == 0 {
                return if self.start == self.end {
                    Ok(None)
                } else {
                    Err(Problem::CutRow)
                };
            }
        }
    }

    /// Reads once more, behind what is there. A short read is not the end, only an empty one.
    fn read(&mut self) -> Result<usize, Problem> {
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        let free = self.buffer.get_mut(self.end..).unwrap_or_default();
        let free = match free.len() {
            0 => return Err(Problem::LongRow),
            length => free.get_mut(..length.min(READ)).unwrap_or_default(),
        };
        loop {
            match self.table.read(free) {
                Ok(count) => {
                    self.end += count;
                    return Ok(count);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Problem::Read(errno(&error))),
            }
        }
    }
}
