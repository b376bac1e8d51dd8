//! A line as the model gets it, and what it answers.

use super::reader::Line;
use super::remark::lossy;

/// What the model makes of a block that begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begun {
    Read,
    /// It is passed over.
    Skip,
}

/// A line and its words.
pub(super) struct Statement<'l> {
    pub line: &'l Line,
    pub words: &'l [Vec<u8>],
}

impl Statement<'_> {
    /// A word as bytes.
    pub fn word(&self, at: usize) -> Option<&[u8]> {
        self.words.get(at).map(Vec::as_slice)
    }

    /// A word as text.
    pub fn text(&self, at: usize) -> Option<String> {
        self.word(at).map(lossy)
    }

    /// The words from there on, as they might be written.
    pub fn texts(&self, from: usize) -> String {
        let words = self.words.iter().skip(from).map(|word| lossy(word));
        words.collect::<Vec<_>>().join(" ")
    }
}
