//! What a pass over the files knows on its way.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Place;
use super::definitions::Definitions;
use super::files::Files;
use super::include::Strict;
use super::remark::Remarks;
use super::sequence::Sequence;

/// keepalived's buffer holds so many bytes of a line (`MAXBUF` less the NUL).
pub(super) const LONGEST: usize = 1023;
/// All files together have so many lines at most.
pub(super) const MOST_LINES: usize = 1_000_000;
/// Definitions of more than one line and `~SEQ` make so many lines at most.
pub(super) const MOST_EXPANDED: usize = 10_000;
/// Braces cut a line into so many parts at most, and twice as many where definitions are put in.
pub(super) const MOST_PARTS: usize = 2 * LONGEST;
/// All files together.
pub(super) const MOST_BYTES: usize = 16 << 20;
/// How often a file may be opened.
pub(super) const MOST_OPENS: usize = 10_000;

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

/// What all passes over the files share.
pub(super) struct Shared<'a> {
    pub files: &'a dyn Files,
    /// The name of this host up to its first dot, or what `-i` says.
    pub id: &'a [u8],
    pub remarks: Remarks,
    /// Every file that was read, in this order.
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

/// One pass over the lines.
pub(super) struct Reader<'r, 'a> {
    pub shared: &'r mut Shared<'a>,
    pub stack: Vec<Open>,
    pub folder: Arc<Path>,
    /// What is written down for the children.
    pub copy: Option<Vec<Copied>>,
    /// What `include_check` demands.
    pub check: Strict,
    pub definitions: Definitions,
    /// The definition that the next line belongs to.
    pub continued: Option<usize>,
    pub residue: Option<Vec<u8>>,
    /// Parts that may still be cut off the line.
    pub parts_left: usize,
    /// Files are included already.
    pub inlined: bool,
    pub sequences: Vec<Sequence>,
    /// Sequences below this wait for the end of the definition that is being put in.
    pub waiting: usize,
    pub pending: Option<Pending>,
    pub outer: Vec<Pending>,
    pub place: Place,
    pub expanded: bool,
    pub lines_left: usize,
    pub expansions_left: usize,
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
            check: Strict::default(),
            definitions: Definitions::standard(),
            continued: None,
            residue: None,
            parts_left: MOST_PARTS,
            inlined: false,
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

    /// Notes that the next lines belong to a definition.
    pub fn continue_definition(&mut self, definition: usize) {
        self.continued = Some(definition);
    }

    /// Notes that the line has something in it that the file does not.
    pub fn mark_expanded(&mut self) {
        self.expanded = true;
    }
}
