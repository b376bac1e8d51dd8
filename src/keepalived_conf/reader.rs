//! The lines that keepalived makes of its files (lib/parser.c, `read_line`): comments cut, files included, definitions
//! expanded, braces on lines of their own.

use std::cell::RefCell;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::comment::{decomment, skip_blanks, trim_end};
use super::definitions::{Definitions, Value, add_line, reference, standard};
use super::diagnostic::{Diagnostics, Problem, Values};
use super::files::Files;
use super::include::directive;
use super::source::Source;
use super::words::plain;
use super::{Location, Spanned, Version};

/// keepalived's buffer holds this many bytes of a line.
pub(super) const LONGEST: usize = 1023;
/// All files and definitions together have at most this many lines. What follows a brace counts as a line, too.
const MAX_LINES: usize = 1_000_000;
/// Definitions are put into one line of a file at most this many times.
const MAX_EXPANSIONS: usize = 5000;
/// A file has at most this many bytes.
pub(super) const MAX_FILE: usize = 1 << 20;
/// All files together have at most this many bytes.
const MAX_BYTES: usize = 4 << 20;
/// At most this many names of files in folders are read.
const MAX_NAMES: usize = 100_000;
/// Files are opened at most this many times.
const MAX_OPENS: usize = 10_000;

/// A line, or the part of a line before or after a brace.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub text: Vec<u8>,
    pub words: Vec<String>,
    pub place: Location,
    /// True if the file has another text there, because a definition was expanded.
    pub expanded: bool,
    /// True if a value of the line is unknown, so that only its block counts.
    pub unread: bool,
}

impl Line {
    pub fn word(&self, at: usize) -> Option<&str> {
        self.words.get(at).map(String::as_str)
    }

    pub fn keyword(&self) -> &str {
        self.word(0).unwrap_or_default()
    }

    /// Returns the words from there on, separated by blanks.
    pub fn rest(&self, from: usize) -> String {
        self.words.get(from..).unwrap_or_default().join(" ")
    }

    pub fn set<T>(&self, value: T) -> Spanned<T> {
        let place = self.place.clone();
        Spanned { value, place }
    }

    pub fn set_word(&self, at: usize) -> Option<Spanned<String>> {
        self.word(at).map(|word| self.set(word.to_owned()))
    }
}

/// The context that all parts of the reader share.
pub(super) struct Context<'a> {
    pub files: &'a dyn Files,
    pub id: &'a [u8],
    pub version: Option<Version>,
    pub diagnostics: RefCell<Diagnostics>,
    /// True for the files that keepalived reads at its next start, false for its loaded configuration.
    pub on_disk: bool,
}

impl Context<'_> {
    /// Reports a problem.
    pub fn report(&self, place: &Location, problem: Problem, values: Values) {
        self.diagnostics.borrow_mut().add(place, problem, values);
    }

    /// Returns the version that reads. An unknown version is read like a widespread one.
    pub fn version(&self) -> Version {
        self.version.unwrap_or(Version::WIDESPREAD)
    }

    /// Returns whether the version is at least this one.
    pub fn since(&self, major: u16, minor: u16, patch: u16) -> bool {
        self.version() >= Version::new(major, minor, patch)
    }
}

/// The origin of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    File,
    /// A definition of several lines.
    Definition,
    /// The rest of a line, from a brace on or after it.
    Rest,
}

/// A text that is still to be read.
pub(super) struct Open {
    pub text: Arc<[u8]>,
    pub at: usize,
    /// The last line that was read.
    pub place: Location,
    pub source: Arc<Source>,
    pub origin: Origin,
}

impl Open {
    fn next_line(&mut self) -> Option<Vec<u8>> {
        let left = self.text.get(self.at..).filter(|left| !left.is_empty())?;
        let end = left.iter().position(|byte| *byte == b'\n');
        let line = left.get(..end.unwrap_or(left.len()))?.to_vec();
        self.at += line.len() + 1;
        self.place.line += usize::from(self.origin == Origin::File);
        Some(line)
    }
}

/// A reader of the lines of all files.
pub(super) struct Reader<'a> {
    pub cx: &'a Context<'a>,
    /// The texts that are still to be read; the last one comes next.
    pub stack: Vec<Open>,
    pub source: Arc<Source>,
    pub place: Location,
    pub definitions: Definitions,
    pub read: Vec<PathBuf>,
    pub known: HashSet<PathBuf>,
    pub bytes_left: usize,
    pub opens_left: usize,
    pub names_left: usize,
    /// The lines that are not empty and do not include, if they are wanted.
    pub copy: Option<Vec<Vec<u8>>>,
    pub expansions_left: usize,
    pub expanded: bool,
    pub unread: bool,
    /// The definition that the next lines belong to.
    continued: Option<(Vec<u8>, Vec<u8>)>,
    lines_left: usize,
}

impl<'a> Reader<'a> {
    /// Returns a reader whose relative paths begin in this folder, and which names this file.
    pub fn new(cx: &'a Context<'a>, folder: &Path, main: &Path) -> Self {
        let place = Location::new(main, 0);
        let source = Source {
            file: place.file.clone(),
            folder: Arc::from(folder),
            parent: None,
        };
        Self {
            cx,
            stack: Vec::new(),
            source: Arc::new(source),
            place,
            definitions: standard(cx.id),
            read: Vec::new(),
            known: HashSet::new(),
            bytes_left: MAX_BYTES,
            opens_left: MAX_OPENS,
            names_left: MAX_NAMES,
            copy: None,
            expansions_left: 0,
            expanded: false,
            unread: false,
            continued: None,
            lines_left: MAX_LINES,
        }
    }

    pub fn report(&self, problem: Problem, values: Values) {
        self.cx.report(&self.place, problem, values);
    }

    /// Returns the next line that is not empty.
    pub fn next(&mut self) -> Option<Line> {
        loop {
            let text = self.take()?;
            if self.continue_definition(&text) {
                continue;
            }
            let begins_so = directive(&text).is_some();
            let Some(text) = self.expand(text) else {
                continue;
            };
            if let Some((pattern, strict)) = directive(&text) {
                // What keepalived has loaded contains the lines of the files.
                if self.cx.on_disk {
                    if !begins_so {
                        self.report(Problem::IncludedTwice, &[]);
                    }
                    self.open(pattern, strict);
                }
            } else if !text.is_empty() {
                return Some(self.until_brace(text));
            }
        }
    }

    /// Ends the reading: the rest of the files is not read.
    pub fn end(&mut self) {
        self.stack.clear();
    }

    /// Returns the next text: a line without its comment, or the next part of a line.
    fn take(&mut self) -> Option<Vec<u8>> {
        loop {
            let open = self.stack.last_mut()?;
            let Some(text) = open.next_line() else {
                self.stack.pop();
                continue;
            };
            (self.place, self.source) = (open.place.clone(), open.source.clone());
            let origin = open.origin;
            if self.lines_left == 0 {
                self.report(Problem::Limits, &[]);
                self.end();
                return None;
            }
            self.lines_left -= 1;
            self.unread &= origin == Origin::Rest;
            match origin {
                Origin::Rest => return Some(text),
                Origin::Definition if !self.count_expansion() => return None,
                Origin::Definition => {
                    self.expanded = true;
                    return Some(text);
                }
                Origin::File => {
                    self.expanded = false;
                    self.expansions_left = MAX_EXPANSIONS;
                    if let Some(text) = self.raw(text) {
                        return Some(text);
                    }
                }
            }
        }
    }

    /// Puts a text before all others.
    fn push(&mut self, text: Arc<[u8]>, at: usize, origin: Origin) {
        let (place, source) = (self.place.clone(), self.source.clone());
        self.stack.push(Open {
            text,
            at,
            place,
            source,
            origin,
        });
    }

    /// Returns the first line of a definition of several lines. The others come next.
    pub(super) fn begin_lines(&mut self, text: Arc<[u8]>) -> Vec<u8> {
        let end = text.iter().position(|byte| *byte == b'\n');
        let end = end.unwrap_or(text.len());
        let first = text.get(..end).unwrap_or_default().to_vec();
        self.push(text, end + 1, Origin::Definition);
        first
    }

    /// Returns whether a definition can be expanded. A definition that contains itself has no end.
    pub(super) fn count_expansion(&mut self) -> bool {
        if self.expansions_left == 0 {
            self.report(Problem::Limits, &[]);
            self.end();
            return false;
        }
        self.expansions_left -= 1;
        true
    }

    /// Handles a line that defines a name.
    pub(super) fn define(&mut self, name: &[u8], value: &[u8]) {
        let mut lines = Vec::new();
        if add_line(&mut lines, value) {
            self.continued = Some((name.to_owned(), lines));
        } else {
            let value = Value::Text(Arc::from(value));
            self.definitions.insert(name.to_owned(), value);
        }
    }

    /// Handles a line that belongs to the definition above it.
    fn continue_definition(&mut self, text: &[u8]) -> bool {
        let Some((name, mut value)) = self.continued.take() else {
            return false;
        };
        if add_line(&mut value, text) {
            self.continued = Some((name, value));
        } else {
            self.definitions
                .insert(name, Value::Lines(Arc::from(value)));
        }
        true
    }

    /// Returns a line of a file without its comment. `None`: nothing is left of it.
    fn raw(&mut self, mut text: Vec<u8>) -> Option<Vec<u8>> {
        while text.last() == Some(&b'\r') {
            text.pop();
        }
        if self.place.line == 1 && text.starts_with(b"\xef\xbb\xbf") {
            let file = self.place.file.display();
            self.report(Problem::ByteOrderMark, &[("file", &file)]);
        }
        if text.len() > LONGEST || text.contains(&0) {
            self.report(Problem::Garbled, &[]);
            return None;
        }
        let text = self.without_comment(&text);
        if text.is_empty() {
            self.continue_definition(b"");
            return None;
        }
        if let (Some(copy), None) = (&mut self.copy, directive(&text)) {
            copy.push(text.clone());
        }
        Some(text)
    }

    /// Removes the comment.
    pub(super) fn without_comment(&mut self, text: &[u8]) -> Vec<u8> {
        let mut found = decomment(text);
        let is_part = self.continued.is_some() || found.text.starts_with(b"$");
        if found.continues && (!is_part || self.cx.since(2, 4, 0)) {
            found.text.pop();
        }
        if found.open_quote {
            self.report(Problem::OpenQuote, &[]);
        }
        found.text
    }

    /// Returns the line up to a brace outside of quotes, or the brace. What follows comes next.
    fn until_brace(&mut self, mut text: Vec<u8>) -> Line {
        if let Some(at) = brace(&text) {
            let mut rest = text.split_off(at.max(1));
            trim_end(&mut rest);
            self.push(Arc::from(skip_blanks(&rest)), 0, Origin::Rest);
        }
        trim_end(&mut text);
        Line {
            words: plain(&text),
            text,
            place: self.place.clone(),
            expanded: self.expanded,
            unread: self.unread,
        }
    }
}

/// Returns where the first brace is outside of double quotes, and not in `${NAME}`. A backslash has no special meaning
/// here.
fn brace(text: &[u8]) -> Option<usize> {
    let (mut quoted, mut at) = (false, 0);
    while let Some(byte) = text.get(at) {
        let rest = text.get(at..).unwrap_or_default();
        match byte {
            b'"' => quoted = !quoted,
            b'{' | b'}' if !quoted => return Some(at),
            b'$' => at += reference(rest).map_or(0, |found| found.length - 1),
            _ => {}
        }
        at += 1;
    }
    None
}
