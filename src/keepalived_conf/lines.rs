//! The lines that keepalived makes of its files (lib/parser.c, `read_line`): comments cut, files included,
//! definitions expanded, braces on lines of their own.
//!
//! keepalived reads twice: its parent process reads the files and writes down what it reads, comments cut and
//! files included; its children read that. So a comment is cut twice, and what only expansion makes an
//! `include` is read by the children once more.

use super::comments::{decomment, is_blank, trim_end};
use super::expansion::NEVER_PAST;
use super::pieces::piece;
use super::reader::{Copied, Line, MOST_EXPANDED, MOST_LINES, MOST_PARTS, Reader, Source};
use super::remark::lossy;

impl Reader<'_, '_> {
    /// The next line that is not empty.
    pub fn next(&mut self) -> Option<Line> {
        self.continued = None;
        loop {
            let judged = self.residue.is_some();
            let text = self.take()?;
            if let Some(definition) = self.continued {
                if !self.definitions.extend(definition, &text) {
                    self.continued = None;
                }
                continue;
            }
            let Some(text) = self.expand(text, judged) else {
                continue;
            };
            if text.is_empty() || self.include(&text) {
                continue;
            }
            return Some(self.until_brace(text));
        }
    }

    fn take(&mut self) -> Option<Vec<u8>> {
        if let Some(residue) = self.residue.take() {
            self.parts_left = self.parts_left.saturating_sub(1);
            if self.parts_left > 0 {
                return Some(residue);
            }
            self.never_past();
            return None;
        }
        self.parts_left = MOST_PARTS;
        if self.sequences.len() > self.waiting {
            if let Some(text) = self.repeat() {
                return Some(text);
            }
        }
        if let Some(text) = self.line_of_definition() {
            return Some(text);
        }
        self.expanded = false;
        self.raw()
    }

    /// The text behind `~SEQ` once more, with the next values.
    fn repeat(&mut self) -> Option<Vec<u8>> {
        if !self.may_expand() {
            return None;
        }
        let sequence = self.sequences.last_mut()?;
        let (values, last) = sequence.next();
        let text = sequence.text.clone();
        if last {
            self.sequences.pop();
        }
        for (name, value) in values {
            self.definitions.set(&name, value);
        }
        self.expanded = true;
        Some(text)
    }

    /// The next line of a definition that has more than one.
    fn line_of_definition(&mut self) -> Option<Vec<u8>> {
        let pending = self.pending.as_mut()?;
        let rest = pending.text.get(pending.at..).unwrap_or_default();
        let end = rest.iter().position(|byte| *byte == b'\n');
        let text = rest.get(..end.unwrap_or(rest.len())).map(<[u8]>::to_vec);
        match end {
            Some(end) => pending.at += end + 1,
            None => {
                self.pending = self.outer.pop();
                self.waiting = self.pending.as_ref().map_or(0, |pending| pending.waiting);
            }
        }
        if !self.may_expand() {
            return None;
        }
        self.expanded = true;
        text
    }

    /// Whether there may be one more line that no file has.
    fn may_expand(&mut self) -> bool {
        if let Some(left) = self.expansions_left.checked_sub(1) {
            self.expansions_left = left;
            return true;
        }
        self.shared.remarks.problem(
            &self.place,
            "what follows here of definitions and ~SEQ is not looked at",
            format!("they make more than {MOST_EXPANDED} lines, perhaps without an end"),
            "see whether a definition uses itself",
        );
        self.sequences.clear();
        self.outer.clear();
        self.pending = None;
        self.waiting = 0;
        false
    }

    /// The next line of a file, without its comment; empty ones are passed over.
    fn raw(&mut self) -> Option<Vec<u8>> {
        loop {
            let open = self.stack.last_mut()?;
            match &mut open.source {
                Source::Copy(lines) => {
                    let Some(line) = lines.next() else {
                        self.stack.pop();
                        continue;
                    };
                    self.place = line.place;
                    self.folder = line.folder;
                    if let Some(text) = self.raw_line(line.text) {
                        return Some(text);
                    }
                }
                Source::File { bytes, at, cut } => {
                    let Some(piece) = piece(bytes, at, cut, &mut open.place.line) else {
                        self.next_file();
                        continue;
                    };
                    self.place = open.place.clone();
                    let Some(left) = self.lines_left.checked_sub(1) else {
                        self.too_many_lines();
                        return None;
                    };
                    self.lines_left = left;
                    self.judge(&piece);
                    if let Some(text) = self.raw_line(piece.text) {
                        return Some(text);
                    }
                }
            }
        }
    }

    /// A line as it was read. `None`: nothing of it is left.
    fn raw_line(&mut self, mut text: Vec<u8>) -> Option<Vec<u8>> {
        while matches!(text.last(), Some(b'\n' | b'\r')) {
            text.pop();
        }
        if text.is_empty() {
            if let Some(definition) = self.continued.take() {
                self.definitions.end(definition);
            }
            self.write_down(&text);
            return None;
        }
        let text = self.without_comment(&text);
        if super::include::directive(&text).is_none() {
            self.write_down(&text);
        } else {
            self.write_down(b"");
        }
        (!text.is_empty()).then_some(text)
    }

    /// Cuts the comment.
    pub fn without_comment(&mut self, text: &[u8]) -> Vec<u8> {
        let found = decomment(text);
        if found.open_quote {
            self.shared.remarks.problem(
                &self.place,
                "Unterminated quote: keepalived takes the rest of the line for text, braces and comments too",
                format!("a double quote is not closed: {}", lossy(&found.text)),
                "close it on the same line; a line does not go on in the next",
            );
        }
        found.text
    }

    /// Empty lines only matter where they end a definition.
    fn write_down(&mut self, text: &[u8]) {
        let Some(copy) = &mut self.copy else {
            return;
        };
        let ends_definition = copy.last().is_some_and(|line| line.text.ends_with(b"\\"));
        if !text.is_empty() || ends_definition {
            copy.push(Copied {
                text: text.to_owned(),
                place: self.place.clone(),
                folder: self.folder.clone(),
            });
        }
    }

    /// Braces cut something off this line, and definitions put more into what is left, without an end.
    fn never_past(&mut self) {
        self.stack.clear();
        self.shared.fatal.get_or_insert_with(|| self.place.clone());
        self.shared.remarks.problem(
            &self.place,
            NEVER_PAST,
            "definitions put themselves in once more behind each brace",
            "define one of them without the other",
        );
    }

    fn too_many_lines(&mut self) {
        self.stack.clear();
        self.shared.remarks.problem(
            &self.place,
            "what follows is not looked at",
            format!("there are more than {MOST_LINES} lines"),
            "",
        );
    }

    /// The line up to a brace outside of quotes, or the brace; what follows comes next.
    fn until_brace(&mut self, mut text: Vec<u8>) -> Line {
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
