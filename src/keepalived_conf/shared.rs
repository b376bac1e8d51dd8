//! What all of keepalived's passes over the files have in common.

use std::path::PathBuf;

use super::Place;
use super::files::Files;
use super::opening::{MOST_BYTES, MOST_OPENS};
use super::remark::Remarks;

/// What all passes over the files share.
pub(super) struct Shared<'a> {
    pub files: &'a dyn Files,
    /// The name of this host up to its first dot, or what `-i` says.
    pub id: &'a [u8],
    pub remarks: Remarks,
    /// The files that were read, in this order.
    pub read: Vec<PathBuf>,
    pub bytes_left: usize,
    pub opens_left: usize,
    /// keepalived does not start, or dies.
    pub fatal: Option<Place>,
}

impl<'a> Shared<'a> {
    pub fn new(files: &'a dyn Files, id: &'a [u8]) -> Self {
        Self {
            files,
            id,
            remarks: Remarks::default(),
            read: Vec::new(),
            bytes_left: MOST_BYTES,
            opens_left: MOST_OPENS,
            fatal: None,
        }
    }

    /// A keyword without the value that it needs.
    pub fn missing(&mut self, keyword: &str, place: &Place) {
        self.fatal.get_or_insert_with(|| place.clone());
        self.remarks.problem(
            place,
            "keepalived does not start: permanent error CONFIG",
            format!("nothing follows {keyword}"),
            "write its value behind it, or take it out",
        );
    }
}
