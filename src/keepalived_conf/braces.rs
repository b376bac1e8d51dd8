//! Braces outside of quotes, each of which becomes a line of its own.

use super::comments::{is_blank, trim_end};
use super::lines::{Line, Reader};

impl Reader<'_, '_> {
    /// The line up to a brace outside of quotes, or the brace; what follows comes next.
    pub fn until_brace(&mut self, mut text: Vec<u8>) -> Line {
        if let Some(at) = brace(&text) {
            let cut = if at == 0 {
                let behind = text.get(1..).unwrap_or_default();
                1 + behind.iter().take_while(|byte| is_blank(**byte)).count()
            } else {
                at
            };
            let mut residue = text.split_off(cut.min(text.len()));
            trim_end(&mut residue);
            self.residue = (!residue.is_empty()).then_some(residue);
        }
        trim_end(&mut text);
        match text.as_slice() {
            b"{" => self.depth += 1,
            b"}" => self.close(),
            _ => {}
        }
        Line {
            text,
            place: self.place.clone(),
            expanded: self.expanded,
        }
    }

    fn close(&mut self) {
        match self.depth.checked_sub(1) {
            Some(depth) => self.depth = depth,
            None => self.shared.remarks.problem(
                &self.place,
                "Extra '}' found: keepalived ignores it",
                "no block is open here",
                "take it out, or see where the block above was closed too early",
            ),
        }
    }
}

/// The first brace that stands in no double quotes. A backslash means nothing here.
fn brace(text: &[u8]) -> Option<usize> {
    let mut quoted = false;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'{' | b'}' if !quoted => return Some(at),
            b'"' => quoted = !quoted,
            _ => {}
        }
    }
    None
}
