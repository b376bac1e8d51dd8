//! What keepalived gets of a file at a time: a line, or as much of one as its buffer holds.

use super::reader::{LONGEST, Open, Reader, Source};

/// What one fgets(3) reads.
pub(super) struct Piece {
    pub text: Vec<u8>,
    /// The line goes on behind it.
    pub cut: bool,
    /// Something was lost behind a NUL.
    pub nul: bool,
}

/// The next one from there on. A line that is longer than the buffer comes in pieces.
pub(super) fn piece(
    bytes: &[u8],
    at: &mut usize,
    cut: &mut bool,
    line: &mut usize,
) -> Option<Piece> {
    let rest = bytes.get(*at..).filter(|rest| !rest.is_empty())?;
    if !*cut {
        *line += 1;
    }
    let window = rest.get(..LONGEST).unwrap_or(rest);
    let end = window.iter().position(|byte| *byte == b'\n');
    let length = end.map_or(window.len(), |end| end + 1);
    let behind = rest.get(length..).unwrap_or_default();
    *cut = end.is_none() && !behind.is_empty();
    *at += length;
    let mut text = rest.get(..length).unwrap_or_default().to_owned();
    let nul = text.iter().position(|byte| *byte == 0);
    text.truncate(nul.unwrap_or(text.len()));
    Some(Piece {
        text,
        cut: *cut && !matches!(behind, [b'\n', ..] | [b'\r', b'\n', ..]),
        nul: nul.is_some(),
    })
}

impl Reader<'_, '_> {
    /// What can be wrong with a line of a file as such.
    pub fn judge(&mut self, piece: &Piece) {
        let is_child = |open: &Open| matches!(open.source, Source::Copy(_));
        let marks = matches!(piece.text.first(), Some(b'#' | b'!'));
        if marks && self.stack.first().is_some_and(is_child) {
            self.shared.remarks.problem(
                &self.place,
                "keepalived 2.2.7 may die or hang: it takes this comment for a sign of its own",
                "the file is included by a line that begins with @ or a definition, so it is read once more",
                "include it by a line that begins with include, or begin no line in it with # or !",
            );
        }
        let remarks = &mut self.shared.remarks;
        if piece.cut {
            remarks.problem(
                &self.place,
                "keepalived takes what follows for a line of its own, even in a comment",
                format!("the line is longer than {LONGEST} bytes"),
                "make it shorter",
            );
        }
        if piece.nul {
            remarks.problem(
                &self.place,
                "keepalived does not see the rest of the line",
                "there is a NUL in it",
                "take it out",
            );
        }
        if self.place.line == 1 && piece.text.starts_with(b"\xef\xbb\xbf") {
            remarks.problem(
                &self.place,
                "Unknown keyword: the first line does not count",
                "the file begins with a byte order mark",
                "save it without one",
            );
        }
    }
}
