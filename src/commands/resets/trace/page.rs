//! A page of the ring buffer, as trace_pipe_raw gives it: a header, which `header_page` describes, and records.

use super::format::{EventFormat, Field};
use crate::source::ByteOrder;

/// The bits of the commit field that are not part of the length (kernel/trace/ring_buffer.c, RB_MISSED_MASK).
const FLAGS: u64 = 0b11 << 30;
/// The bytes of a record's own header, and of the word that may follow it.
const WORD: usize = 4;
// Values of type_len (include/linux/ring_buffer.h, enum ring_buffer_type). Those below are data.
const PADDING: u32 = 29;
const TIME_EXTEND: u32 = 30;
const TIME_STAMP: u32 = 31;

/// The layout of a page.
#[derive(Clone, Copy, Debug)]
pub struct PageLayout {
    commit: Field,
    data: Field,
    order: ByteOrder,
}

impl PageLayout {
    /// Reads `header_page`. `None` if it lacks a field.
    pub fn parse(text: &str, order: ByteOrder) -> Option<Self> {
        let format = EventFormat::parse(text);
        Some(Self {
            commit: format.field("commit")?,
            data: format.field("data")?,
            order,
        })
    }

    /// Returns the length of a page.
    pub fn page_size(&self) -> usize {
        self.data.offset.saturating_add(self.data.size)
    }

    /// Returns the records of a page, without their headers, up to the first one that is malformed.
    pub fn records<'a>(&self, page: &'a [u8]) -> Records<'a> {
        let committed = self.commit.number(page, self.order).unwrap_or_default() & !FLAGS;
        let behind = page.get(self.data.offset..).unwrap_or_default();
        let committed = usize::try_from(committed).unwrap_or(usize::MAX);
        Records {
            rest: behind.get(..committed).unwrap_or(behind),
            order: self.order,
        }
    }
}

/// See [`PageLayout::records`].
#[derive(Debug)]
pub struct Records<'a> {
    rest: &'a [u8],
    order: ByteOrder,
}

impl<'a> Records<'a> {
    fn word(&self, at: usize) -> Option<u32> {
        let (bytes, _) = self.rest.get(at..)?.split_first_chunk()?;
        Some(self.order.u32(*bytes))
    }

    /// Takes the first record. `Some(None)` if it has no data.
    fn take(&mut self) -> Option<Option<&'a [u8]>> {
        let header = self.word(0)?;
        // Bit fields fill a word from its first byte on.
        let (kind, delta) = match self.order {
            ByteOrder::Little => (header & 31, header >> 5),
            ByteOrder::Big => (header >> 27, header & (u32::MAX >> 5)),
        };
        let length_behind = |records: &Self| usize::try_from(records.word(WORD)?).ok();
        let (data, end) = match kind {
            // The rest of the page is empty.
            PADDING if delta == 0 => return None,
            PADDING => (None, WORD.checked_add(length_behind(self)?)?),
            TIME_EXTEND | TIME_STAMP => (None, 2 * WORD),
            // The length, which counts itself, is a word of its own.
            0 => (Some(2 * WORD), WORD.checked_add(length_behind(self)?)?),
            words => (Some(WORD), WORD * (words as usize + 1)),
        };
        let record = match data {
            Some(begin) => Some(self.rest.get(begin..end)?),
            None => None,
        };
        self.rest = self.rest.get(end..)?;
        Some(record)
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            match self.take()? {
                Some(record) => return Some(record),
                None => continue,
            }
        }
    }
}
