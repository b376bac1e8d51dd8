//! What is wrong with a configuration: places and values. The wording is not here.

use std::collections::HashSet;

use super::{Place, Version};

/// At most this many diagnostics are kept: a file that is not a keepalived.conf has one in each line.
const MAX: usize = 1000;
/// This many undefined names make a file the template of a configuration.
const UNDEFINED_OF_TEMPLATE: usize = 3;

/// A problem and where it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Diagnostic {
    /// The line that has the problem.
    pub place: Place,
    /// The problem.
    pub problem: Problem,
}

/// Why keepalived does not read a file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Unreadable {
    /// It is a folder.
    Folder,
    /// It is not a regular file.
    NotRegular,
    /// It has an x bit.
    Executable,
    /// Opening or reading it fails with this error.
    Error(String),
}

/// A construct that the reader does not follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Construct {
    /// `~SEQ` or `~LST`.
    Sequence,
    /// `${_RANDOM}`.
    Random,
    /// `${_ENV NAME}`.
    Environment,
    /// An escape such as `\x41` in a command.
    Escape,
    /// More files, lines or bytes than the reader's limits.
    Limits,
}

/// A line that crashes some versions of keepalived, or that they garble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unsafe {
    /// A line of more than 1023 bytes.
    LongLine,
    /// A line with a NUL.
    Nul,
    /// A line that is longer than 1023 bytes after expansion.
    LongExpansion,
    /// `@id` that comes from a definition.
    Conditional,
    /// `${_RANDOM}` with bounds.
    Random,
    /// FILE_CHECK.
    FileCheck,
    /// A comment at the margin of a file that a conditional line includes.
    IncludedComment,
}

/// Something that versions of keepalived read differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Difference {
    /// Decimals in `interval` and `timeout`.
    Decimals,
    /// Backslashes in commands.
    Escapes,
    /// A definition that expands to `@id`, to another definition or to `~SEQ`.
    ReadAgain,
    /// A comment within a definition of several lines.
    CommentInDefinition,
    /// A track_file whose folder does not exist.
    TrackFileFolder,
    /// `init_file` without `overwrite`.
    InitFile,
}

/// What is wrong with a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flaw {
    /// Something follows the digits, or there are none.
    NotANumber,
    /// It begins with a minus.
    Negative,
    /// It is too small or too large.
    OutOfRange,
}

/// Why a name that is tracked is not found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Lost {
    /// No block has that name; perhaps this one was meant.
    Absent(Option<String>),
    /// The block is below what tracks it.
    Below,
}

/// Why a weight does not count.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum NoWeight {
    /// The instance is in this sync group.
    SyncGroup(String),
    /// The instance has priority 255.
    AddressOwner,
}

/// What can be wrong.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Problem {
    /// keepalived starts without a file that is included.
    IncludeMissing { pattern: String },
    /// keepalived starts without a file that is included with quotes around its name.
    IncludeQuoted { pattern: String },
    /// No file matches a pattern with wildcards.
    IncludeMatchesNothing { pattern: String },
    /// keepalived does not start without a file.
    FileMissing { pattern: String },
    /// keepalived skips a file.
    FileSkipped { file: String, why: Unreadable },
    /// keepalived does not start because of a file.
    FileRefused { file: String, why: Unreadable },
    /// A file includes itself.
    IncludeCircle { file: String },
    /// A file is included twice.
    IncludedTwice,
    /// The file is the template of a configuration.
    Template { sample: String },
    /// keepalived's message while it read the files.
    Message { text: String },
    /// There are more diagnostics than are kept.
    TooMany,

    /// The line was not read.
    NotUnderstood { construct: Construct },
    /// Some versions crash on the line or garble it.
    Unsafe { what: Unsafe },
    /// Versions differ, and the version is not known.
    VersionsDiffer { difference: Difference },
    /// The file begins with a byte order mark.
    ByteOrderMark,
    /// A double quote is not closed.
    OpenQuote,
    /// A backslash before `#` or `!` does not keep it from beginning a comment.
    EscapedComment,
    /// A backslash at the end of a line does not continue it.
    Continuation { keyword: String },
    /// Definitions use each other without end.
    EndlessDefinition,
    /// Keepalived from 2.4 does not look again at a line that comes from a definition.
    NotReadAgain,
    /// A definition is not put in because of what follows its name.
    NotDelimited { name: String },
    /// A definition is used that does not exist.
    Undefined { name: String },

    /// A keyword is not known.
    UnknownKeyword { keyword: String, block: String },
    /// A keyword is not known; perhaps another one was meant.
    MisspelledKeyword {
        keyword: String,
        block: String,
        meant: String,
    },
    /// A keyword is not in its block.
    MisplacedKeyword {
        keyword: String,
        block: String,
        home: &'static str,
    },
    /// A keyword is at top level, below a block that ends above it.
    BlockEndsEarly { keyword: String, home: &'static str },
    /// The version does not know the keyword yet.
    KeywordTooNew {
        keyword: &'static str,
        since: Version,
    },
    /// Older versions do not know the keyword, and the version is not known.
    KeywordSince {
        keyword: &'static str,
        since: Version,
    },
    /// A block that keepalived does not know.
    UnknownBlock { keyword: String, block: String },
    /// A `}` is missing before this line, or at the end of the block that begins here.
    MissingClose {
        block: String,
        opened: usize,
        by: String,
    },
    /// A `{` is missing after this line.
    MissingOpen { block: String },
    /// A `}` without a block.
    ExtraClose,
    /// A keyword without the value that it requires.
    MissingValue { keyword: String },
    /// Words that are ignored.
    IgnoredWords { words: String, keyword: String },
    /// A keyword that is in its block twice; the last one counts.
    Repeated { keyword: String, line: usize },
    /// A keyword that is in its block twice; the first one counts.
    RepeatedIgnored { keyword: String, line: usize },
    /// A number that is not one, or out of range. `used` is what keepalived uses instead; `None`: it ignores the line.
    Number {
        keyword: String,
        text: String,
        flaw: Flaw,
        used: Option<String>,
        least: String,
        most: String,
    },
    /// A word that is none of those that are possible. `used` is what keepalived uses instead; `None`: it ignores the line.
    Word {
        keyword: String,
        word: String,
        expected: &'static str,
        used: Option<&'static str>,
    },

    /// A block that requires one name.
    NameMissing { block: String },
    /// A block whose name is in use.
    DuplicateBlock {
        block: String,
        name: String,
        first: Place,
    },
    /// A `vrrp_script` or a MISC_CHECK without a command.
    NoCommand {
        block: String,
        keyword: &'static str,
    },
    /// A `track_file` without a file.
    NoFile { name: String },
    /// A `vrrp_track_process` without a process.
    NoProcess { name: String },
    /// A server whose address or port is not one.
    ServerAddress { block: String, address: String },
    /// A virtual IP address that is not one.
    Address { address: String },
    /// IPv4 and IPv6 addresses in one `virtual_ipaddress`.
    AddressFamily { address: String },
    /// An instance without a `virtual_router_id`.
    NoRouterId { name: String },

    /// A quote of a command is not closed, or it ends with a backslash.
    CommandCrash { keyword: String },
    /// A command that has no words.
    CommandEmpty { keyword: String },
    /// Only the first word after the keyword is the command.
    CommandDropped {
        keyword: String,
        command: String,
        dropped: String,
    },

    /// A name that is tracked is not found.
    TrackedLost {
        tracker: String,
        block: &'static str,
        name: String,
        why: Lost,
    },
    /// A name that is tracked already.
    TrackedTwice { list: &'static str, name: String },
    /// A line of a `track_...` block that does not count because of what follows the name.
    TrackOption {
        list: &'static str,
        name: String,
        options: String,
    },
    /// A weight that is ignored, and the script with it.
    WeightIgnored {
        instance: String,
        name: String,
        weight: i32,
        why: NoWeight,
    },
    /// A weight that is set to 0.
    WeightCleared {
        group: String,
        name: String,
        weight: i32,
    },
    /// A script that nothing tracks.
    Untracked { name: String },
    /// An instance that is not in the sync group which names it.
    GroupMember {
        name: String,
        group: String,
        exists: bool,
    },
    /// A sync group without instances.
    GroupEmpty { name: String },
    /// keepalived drops a track_file whose folder does not exist, or cannot be watched.
    TrackFileDropped { name: String, folder: String },
    /// keepalived writes over the file at each start.
    InitFileOverwrites { name: String },
    /// The old name of `track_file`.
    OldTrackFile { name: String },
}

impl Problem {
    /// True if keepalived does not start, or crashes.
    pub fn is_fatal(&self) -> bool {
        matches!(
            self,
            Self::FileMissing { .. }
                | Self::FileRefused { .. }
                | Self::EndlessDefinition
                | Self::MissingValue { .. }
                | Self::NoRouterId { .. }
                | Self::CommandCrash { .. }
        )
    }

    /// True if a part of the configuration was not read, so that nothing can be said about what it does not contain.
    pub fn is_gap(&self) -> bool {
        matches!(
            self,
            Self::Template { .. }
                | Self::NotUnderstood { .. }
                | Self::Unsafe { .. }
                | Self::OpenQuote
                | Self::EndlessDefinition
                | Self::UnknownBlock { .. }
                | Self::BlockEndsEarly { .. }
                | Self::MissingClose { .. }
                | Self::CommandCrash { .. }
        )
    }
}

/// The diagnostics of one reading, each once.
#[derive(Debug, Default)]
pub(super) struct Diagnostics {
    list: Vec<Diagnostic>,
    seen: HashSet<Diagnostic>,
    differences: HashSet<Difference>,
    full: bool,
}

impl Diagnostics {
    pub fn report(&mut self, place: &Place, problem: Problem) {
        if self.full {
            return;
        }
        if let Problem::VersionsDiffer { difference } = &problem {
            if !self.differences.insert(*difference) {
                return;
            }
        }
        let place = place.clone();
        if self.list.len() >= MAX {
            self.full = true;
            let problem = Problem::TooMany;
            return self.list.push(Diagnostic { place, problem });
        }
        let diagnostic = Diagnostic { place, problem };
        if self.seen.insert(diagnostic.clone()) {
            self.list.push(diagnostic);
        }
    }

    /// True if one of them means that a part was not read.
    pub fn has_gap(&self) -> bool {
        self.list.iter().any(|one| one.problem.is_gap())
    }

    /// True if no more are kept.
    pub fn is_full(&self) -> bool {
        self.full
    }

    /// Returns all of them in the order of reading.
    pub fn into_list(mut self) -> Vec<Diagnostic> {
        let is_undefined = |one: &Diagnostic| matches!(one.problem, Problem::Undefined { .. });
        let names = self.list.iter().filter_map(|one| match &one.problem {
            Problem::Undefined { name } => Some(name),
            _ => None,
        });
        if names.collect::<HashSet<_>>().len() >= UNDEFINED_OF_TEMPLATE {
            let first = self.list.iter().position(is_undefined);
            if let Some(Diagnostic { problem, .. }) = first.and_then(|at| self.list.get_mut(at)) {
                if let Problem::Undefined { name } = problem {
                    let sample = format!("${{{name}}}");
                    *problem = Problem::Template { sample };
                }
            }
            self.list.retain(|one| !is_undefined(one));
        }
        self.list
    }
}
