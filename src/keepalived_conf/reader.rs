//! The lines that keepalived makes of its files (lib/parser.c, `read_line`): comments cut, files included, definitions
//! expanded, braces on lines of their own.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::comment::{decomment, trim_end};
use super::definitions::{Definitions, Value, add_line};
use super::diagnostic::{Construct, Diagnostics, Difference, Problem, Unsafe};
use super::files::Files;
use super::include::{Strict, directive};
use super::{Place, Version};

/// keepalived's buffer holds this many bytes of a line.
pub(super) const LONGEST: usize = 1023;
/// All files and definitions together have at most this many lines.
const MAX_LINES: usize = 1_000_000;
/// Definitions are put into the lines of all files at most this many times for each of them.
const MAX_EXPANSIONS: usize = 5000;
/// All files together have at most this many bytes.
pub(super) const MAX_BYTES: usize = 16 << 20;
/// Files are opened at most this many times.
const MAX_OPENS: usize = 10_000;

/// A line, or the part of a line before or after a brace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub text: Vec<u8>,
    pub place: Place,
    /// True if the file has another text there, because a definition was put in.
    pub expanded: bool,
    /// True if a value of the line is not known, so that only its block counts.
    pub unread: bool,
}

/// What all parts of the reader share.
pub(super) struct Context<'a> {
    pub files: &'a dyn Files,
    pub id: &'a [u8],
    pub version: Option<Version>,
    pub diagnostics: Diagnostics,
    /// True if the files are those that keepalived would read at its next start, not what it has loaded.
    pub on_disk: bool,
}

impl Context<'_> {
    pub fn report(&mut self, place: &Place, problem: Problem) {
        self.diagnostics.report(place, problem);
    }

    /// Returns whether the version is at least this one. An unknown version is read as a widespread one.
    pub fn since(&self, version: Version) -> bool {
        self.version.unwrap_or(Version::WIDESPREAD) >= version
    }

    /// Reports a difference between versions if the version is not known.
    pub fn differs(&mut self, place: &Place, difference: Difference) {
        if self.version.is_none() {
            self.report(place, Problem::VersionsDiffer { difference });
        }
    }
}

/// A file that is being read.
pub(super) struct Open {
    pub bytes: Vec<u8>,
    pub at: usize,
    pub place: Place,
    /// Other files that the same `include` found.
    pub others: std::vec::IntoIter<Vec<u8>>,
    /// The folder of relative paths in the file, and after it.
    pub folder: Arc<Path>,
    pub folder_after: Arc<Path>,
    pub strict: Strict,
    /// True if a line includes it that does not begin with `include`. keepalived reads such a file twice.
    pub conditional: bool,
}

/// The lines that are still to come of a definition.
struct Pending {
    text: Arc<[u8]>,
    at: usize,
}

/// A definition that the next lines belong to.
struct Continued {
    name: Vec<u8>,
    value: Vec<u8>,
}

/// The way through the lines of all files.
pub(super) struct Reader<'a> {
    pub context: Context<'a>,
    pub stack: Vec<Open>,
    /// The lines that keepalived has loaded, in place of files.
    pub loaded: Option<std::vec::IntoIter<(Place, Arc<Path>, Vec<u8>)>>,
    pub folder: Arc<Path>,
    pub place: Place,
    /// `include_check` makes each include strict.
    pub check: bool,
    pub definitions: Definitions,
    pub read: Vec<PathBuf>,
    pub known: HashSet<PathBuf>,
    pub bytes_left: usize,
    pub opens_left: usize,
    /// The lines that are not empty and do not include, where they are wanted.
    pub copy: Option<Vec<Vec<u8>>>,
    pub(super) expansions_left: usize,
    pub(super) expanded: bool,
    pub(super) conditional: bool,
    pub(super) unread: bool,
    continued: Option<Continued>,
    pending: Vec<Pending>,
    rest: Option<Vec<u8>>,
    lines_left: usize,
}

impl<'a> Reader<'a> {
    pub fn new(context: Context<'a>, folder: Arc<Path>, place: Place) -> Self {
        Self {
            context,
            stack: Vec::new(),
            loaded: None,
            folder,
            place,
            check: false,
            definitions: Definitions::standard(),
            read: Vec::new(),
            known: HashSet::new(),
            bytes_left: MAX_BYTES,
            opens_left: MAX_OPENS,
            copy: None,
            expansions_left: MAX_EXPANSIONS,
            expanded: false,
            conditional: false,
            unread: false,
            continued: None,
            pending: Vec::new(),
            rest: None,
            lines_left: MAX_LINES,
        }
    }

    pub fn report(&mut self, problem: Problem) {
        self.context.report(&self.place, problem);
    }

    /// Returns the next line that is not empty.
    pub fn next(&mut self) -> Option<Line> {
        loop {
            let text = self.take()?;
            if self.continue_definition(&text) {
                continue;
            }
            let Some(text) = self.expand(text) else {
                continue;
            };
            if text.is_empty() {
                continue;
            }
            if let Some(found) = directive(&text) {
                self.include(found.pattern, found.strict);
                continue;
            }
            return Some(self.until_brace(text));
        }
    }

    /// Ends the reading: the rest of the files is not read.
    pub fn end(&mut self) {
        self.stack.clear();
        self.pending.clear();
        self.rest = None;
        self.loaded = self.loaded.take().map(|_| Vec::new().into_iter());
    }

    pub(super) fn stop(&mut self, problem: Problem) {
        self.report(problem);
        self.end();
    }

    fn take(&mut self) -> Option<Vec<u8>> {
        self.conditional = true;
        if let Some(rest) = self.rest.take() {
            return Some(rest);
        }
        self.unread = false;
        let text = match self.line_of_definition() {
            Some(text) => text,
            None => {
                self.expanded = false;
                self.expansions_left = MAX_EXPANSIONS;
                let text = self.raw()?;
                self.conditional = directive(&text).is_none();
                text
            }
        };
        match self.lines_left.checked_sub(1) {
            Some(left) => self.lines_left = left,
            None => {
                let construct = Construct::Limits;
                self.stop(Problem::NotUnderstood { construct });
                return None;
            }
        }
        Some(text)
    }

    /// Returns the next line of a definition of several lines.
    fn line_of_definition(&mut self) -> Option<Vec<u8>> {
        let pending = self.pending.last_mut()?;
        let left = pending.text.get(pending.at..).unwrap_or_default();
        let end = left.iter().position(|byte| *byte == b'\n');
        let text = left.get(..end.unwrap_or(left.len())).map(<[u8]>::to_vec);
        match end {
            Some(end) => pending.at += end + 1,
            None => {
                self.pending.pop();
            }
        }
        self.expanded = true;
        // A definition that contains itself never ends.
        match self.expansions_left.checked_sub(1) {
            Some(left) => self.expansions_left = left,
            None => {
                self.stop(Problem::EndlessDefinition);
                return None;
            }
        }
        text
    }

    /// Returns the first line of a definition of several lines. The others come next.
    pub(super) fn begin_lines(&mut self, text: Arc<[u8]>) -> Vec<u8> {
        let end = text.iter().position(|byte| *byte == b'\n');
        let first = text.get(..end.unwrap_or(text.len())).map(<[u8]>::to_vec);
        if let Some(end) = end {
            self.pending.push(Pending { text, at: end + 1 });
        }
        first.unwrap_or_default()
    }

    /// Takes a line that defines a name.
    pub(super) fn define(&mut self, name: &[u8], value: &[u8]) {
        let mut lines = Vec::new();
        if add_line(&mut lines, value) {
            let name = name.to_owned();
            let value = lines;
            self.continued = Some(Continued { name, value });
        } else {
            self.definitions.set(name, Value::Text(Arc::from(value)));
        }
    }

    /// Takes a line that belongs to the definition above it.
    fn continue_definition(&mut self, text: &[u8]) -> bool {
        let Some(mut continued) = self.continued.take() else {
            return false;
        };
        if add_line(&mut continued.value, text) {
            self.continued = Some(continued);
        } else {
            let value = Value::Lines(Arc::from(continued.value));
            self.definitions.set(&continued.name, value);
        }
        true
    }

    /// Returns the next line of a file, without its comment.
    fn raw(&mut self) -> Option<Vec<u8>> {
        loop {
            let mut text = match &mut self.loaded {
                Some(lines) => {
                    let (place, folder, text) = lines.next()?;
                    (self.place, self.folder) = (place, folder);
                    text
                }
                None => {
                    let open = self.stack.last_mut()?;
                    let Some(left) = open.bytes.get(open.at..).filter(|left| !left.is_empty())
                    else {
                        self.next_file();
                        continue;
                    };
                    let end = left.iter().position(|byte| *byte == b'\n');
                    let text = left.get(..end.unwrap_or(left.len())).unwrap_or_default();
                    let text = text.to_owned();
                    open.at += text.len() + 1;
                    open.place.line += 1;
                    self.place = open.place.clone();
                    text
                }
            };
            while text.last() == Some(&b'\r') {
                text.pop();
            }
            if self.place.line == 1 && text.starts_with(b"\xef\xbb\xbf") {
                self.report(Problem::ByteOrderMark);
            }
            if let Some(what) = broken(&text) {
                self.report(Problem::Unsafe { what });
                continue;
            }
            if text.is_empty() {
                self.continue_definition(b"");
                continue;
            }
            let is_margin = matches!(text.first(), Some(b'#' | b'!'));
            if is_margin && self.stack.iter().any(|open| open.conditional) {
                let what = Unsafe::IncludedComment;
                self.report(Problem::Unsafe { what });
            }
            let text = self.without_comment(&text);
            if text.is_empty() {
                continue;
            }
            if let (Some(copy), None) = (&mut self.copy, directive(&text)) {
                copy.push(text.clone());
            }
            return Some(text);
        }
    }

    /// Cuts the comment.
    pub(super) fn without_comment(&mut self, text: &[u8]) -> Vec<u8> {
        let mut found = decomment(text);
        if found.continues {
            let is_part = self.continued.is_some() || found.text.starts_with(b"$");
            if self.context.since(Version::new(2, 4, 0)) {
                found.text.pop();
            } else if is_part {
                let difference = Difference::CommentInDefinition;
                self.context.differs(&self.place, difference);
            } else if found.text.len() == 1 {
                // A comment that ends with a backslash.
                found.text.clear();
            }
        }
        if found.open_quote {
            self.report(Problem::OpenQuote);
        }
        if found.escaped {
            self.report(Problem::EscapedComment);
        }
        found.text
    }

    /// Returns the line up to a brace outside of quotes, or the brace. What follows comes next.
    fn until_brace(&mut self, mut text: Vec<u8>) -> Line {
        if let Some(at) = brace(&text) {
            let mut rest = text.split_off(at.max(1));
            trim_end(&mut rest);
            let blanks = rest.len() - super::comment::skip_blanks(&rest).len();
            rest.drain(..blanks);
            self.rest = (!rest.is_empty()).then_some(rest);
        }
        trim_end(&mut text);
        Line {
            text,
            place: self.place.clone(),
            expanded: self.expanded,
            unread: self.unread,
        }
    }
}

/// Returns what some versions garble in a line of a file.
fn broken(text: &[u8]) -> Option<Unsafe> {
    if text.len() > LONGEST {
        Some(Unsafe::LongLine)
    } else if text.contains(&0) {
        Some(Unsafe::Nul)
    } else {
        None
    }
}

/// Returns where the first brace outside of double quotes is. A backslash means nothing here.
fn brace(text: &[u8]) -> Option<usize> {
    let mut quoted = false;
    text.iter().position(|byte| {
        quoted ^= *byte == b'"';
        !quoted && matches!(byte, b'{' | b'}')
    })
}
