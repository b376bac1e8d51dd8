//! The entry for cargo-fuzz: any formats and pages.

use super::event::{Direction, Event, Reset};
use super::format::EventFormat;
use super::page::PageLayout;
use crate::source::ByteOrder;

/// The contents of a page, read in one byte order.
#[derive(Debug)]
pub struct PageContents {
    /// The length of a page by its header. `None` if the header does not say.
    pub page_size: Option<usize>,
    /// The lengths of the records.
    pub records: Vec<usize>,
    /// The resets among them.
    pub resets: Vec<Reset>,
}

/// Reads a page by an event's format and a page's header, in both byte orders.
pub fn read(format: &str, header: &str, page: &[u8]) -> [PageContents; 2] {
    [ByteOrder::Little, ByteOrder::Big].map(|order| {
        let layout = PageLayout::parse(header, order);
        let event = Event::new(&EventFormat::parse(format), Direction::Sent, order);
        let records: Vec<&[u8]> = layout
            .iter()
            .flat_map(|layout| layout.records(page))
            .collect();
        let resets = records
            .iter()
            .filter_map(|record| event.as_ref()?.read(record));
        PageContents {
            page_size: layout.map(|layout| layout.page_size()),
            resets: resets.collect(),
            records: records.iter().map(|record| record.len()).collect(),
        }
    })
}
