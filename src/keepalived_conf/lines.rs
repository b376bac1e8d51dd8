//! The lines that keepalived makes of its files (lib/parser.c, `read_line`): comments cut, files included,
//! definitions expanded, braces on lines of their own.
//!
//! keepalived reads twice: its parent process reads the files and writes down what it reads, comments cut and
//! files included; its children read that. So a comment is cut twice, and what only expansion makes an
//! `include` is read by the children once more.

use std::path::Path;
use std::sync::Arc;

use super::Place;
use super::comments::decomment;
use super::definitions::Definitions;
use super::expansion::NEVER_PAST;
use super::include::Strict;
use super::pieces::piece;
use super::remark::lossy;
use super::sequence::Sequence;
use super::shared::Shared;

/// keepalived's buffer holds so many bytes of a line (`MAXBUF` less the NUL).
pub(super) const LONGEST: usize = 1023;
/// All files together have so many lines at most.
const MOST_LINES: usize = 1_000_000;
/// Definitions of more than one line and `~SEQ` make so many lines at most.
const MOST_EXPANDED: usize = 10_000;

/// Braces cut a line into so many parts at most, and twice as many where definitions are put in.
const MOST_PARTS: usize = 2 * LONGEST;

/// A line, or the part of one that a brace cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub text: Vec<u8>,
    pub place: Place,
    /// The text is not what the file has there: something was put in.
    pub expanded: bool,
}

/// A line as the parent process writes it down for its children.
#[derive(Clone, Debug)]
pub(super) struct Copied {
    pub text: Vec<u8>,
    pub place: Place,
    /// Where relative paths begin.
    pub folder: Arc<Path>,
}

/// What is read.
pub(super) enum Source {
    File {
        bytes: Vec<u8>,
        at: usize,
        /// The last line was longer than the buffer and goes on.
        cut: bool,
    },
    Copy(std::vec::IntoIter<Copied>),
}

/// A file that is being read, or the copy of them all.
pub(super) struct Open {
    pub source: Source,
    pub place: Place,
    /// Other files that the same `include` found.
    pub others: std::vec::IntoIter<Vec<u8>>,
    /// Where relative paths begin, in the file and behind it.
    pub folder: Arc<Path>,
    pub folder_behind: Arc<Path>,
    pub strict: Strict,
    pub check_behind: Strict,
}

/// One pass over the lines.
pub(super) struct Reader<'r, 'a> {
    pub shared: &'r mut Shared<'a>,
    pub stack: Vec<Open>,
    pub folder: Arc<Path>,
    /// What is written down for the children.
    pub copy: Option<Vec<Copied>>,
    /// What is included stands here already.
    pub inlined: bool,
    /// What `include_check` demands.
    pub check: Strict,
    pub definitions: Definitions,
    /// The definition that the next line belongs to.
    continued: Option<usize>,
    /// What a brace cut off.
    pub residue: Option<Vec<u8>>,
    parts_left: usize,
    pub sequences: Vec<Sequence>,
    /// Sequences below this wait for the end of the definition that is being put in.
    pub waiting: usize,
    pub pending: Option<Pending>,
    pub outer: Vec<Pending>,
    pub place: Place,
    pub expanded: bool,
    lines_left: usize,
    expansions_left: usize,
    /// How many `{` are open.
    pub depth: usize,
}

/// The lines that are still to come of a definition.
pub(super) struct Pending {
    pub text: Arc<Vec<u8>>,
    pub at: usize,
    /// The sequences that waited when it began.
    pub waiting: usize,
}

impl<'r, 'a> Reader<'r, 'a> {
    pub fn new(shared: &'r mut Shared<'a>, folder: Arc<Path>, place: Place) -> Self {
        Self {
            shared,
            stack: Vec::new(),
            folder,
            copy: None,
            inlined: false,
            check: Strict::default(),
            definitions: Definitions::standard(),
            continued: None,
            residue: None,
            parts_left: MOST_PARTS,
            sequences: Vec::new(),
            waiting: 0,
            pending: None,
            outer: Vec::new(),
            place,
            expanded: false,
            lines_left: MOST_LINES,
            expansions_left: MOST_EXPANDED,
            depth: 0,
        }
    }

    /// Over what the parent process wrote down.
    pub fn of_copy(shared: &'r mut Shared<'a>, copy: Vec<Copied>, place: Place) -> Self {
        let folder: Arc<Path> = Arc::from(Path::new(""));
        let mut reader = Self::new(shared, folder.clone(), place.clone());
        reader.stack.push(Open {
            source: Source::Copy(copy.into_iter()),
            place,
            others: Vec::new().into_iter(),
            folder: folder.clone(),
            folder_behind: folder,
            strict: Strict::default(),
            check_behind: Strict::default(),
        });
        reader
    }

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

    /// Notes that the next lines belong to a definition.
    pub fn continue_definition(&mut self, definition: usize) {
        self.continued = Some(definition);
    }

    /// Notes that the line has something in it that the file does not.
    pub fn mark_expanded(&mut self) {
        self.expanded = true;
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
}
