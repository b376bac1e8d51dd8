//! What is wrong with a configuration: places and values. The wording is not here.

use std::collections::HashSet;
use std::fmt::Display;

use super::Place;

/// At most this many diagnostics are kept: a file that is not a keepalived.conf has one per line.
const MAX: usize = 1000;
/// This many undefined names make a file the template of a configuration.
const UNDEFINED_IN_TEMPLATE: usize = 3;

/// A problem and where it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Diagnostic {
    /// The line that has the problem.
    pub place: Place,
    /// The problem.
    pub problem: Problem,
    /// What the line contains, by the names that the problem's description has.
    pub values: Vec<(&'static str, String)>,
}

/// What can be wrong. The description names the values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Problem {
    /// keepalived starts without the included file `pattern`.
    IncludeMissing,
    /// keepalived starts without the included file `pattern`, whose name is in quotes.
    IncludeQuoted,
    /// No file matches `pattern`.
    IncludeMatchesNothing,
    /// keepalived does not start without the file `pattern`.
    FileMissing,
    /// keepalived does not start, because it does not read `file`.
    FileRefused,
    /// keepalived skips `file`, a folder.
    FileIsFolder,
    /// keepalived skips `file`, which has an x bit.
    FileExecutable,
    /// keepalived skips `file`, which is not a regular file, or whose reading fails.
    FileUnreadable,
    /// `file` includes itself.
    IncludeCircle,
    /// keepalived reads the included file twice.
    IncludedTwice,
    /// The file is the template of a configuration, with a placeholder `sample`.
    Template,
    /// keepalived's message `text` about an include.
    Message,
    /// There are more diagnostics than are kept.
    TooMany,

    /// `~SEQ` or `~LST`, which the reader does not follow.
    Sequence,
    /// `${_RANDOM}`.
    Random,
    /// `${_ENV NAME}`.
    Environment,
    /// An escape such as `\x41` in a command, which the reader does not follow.
    Escape,
    /// More files, lines or bytes than the reader's limits.
    Limits,
    /// Unsafe: a line of more than 1023 bytes.
    LongLine,
    /// Unsafe: a line with a NUL.
    Nul,
    /// Unsafe: a line of more than 1023 bytes after expansion.
    LongExpansion,
    /// Unsafe up to 2.2.7: `@id` that comes from a definition.
    ConditionalDefinition,
    /// Unsafe up to 2.3.4: `${_RANDOM}` with bounds.
    RandomBounds,
    /// Unsafe in 2.3.0 to 2.3.2: FILE_CHECK.
    FileCheckCrash,
    /// Unsafe: a comment at the margin of a file that keepalived reads twice.
    IncludedComment,

    /// Versions differ: decimals in `interval` and `timeout`.
    DecimalsDiffer,
    /// Versions differ: backslashes in commands.
    EscapesDiffer,
    /// Versions differ: a definition that stands for `@id`, `~SEQ` or another definition.
    DefinitionsDiffer,
    /// Versions differ: a comment within a definition of several lines.
    CommentsDiffer,
    /// Versions differ: a track_file whose folder does not exist.
    TrackFilesDiffer,
    /// Versions differ: `init_file` without `overwrite`.
    InitFilesDiffer,
    /// Versions before `since` do not know `keyword`.
    KeywordsDiffer,

    /// The file begins with a byte order mark.
    ByteOrderMark,
    /// A double quote is not closed.
    OpenQuote,
    /// A backslash before `#` or `!`.
    EscapedComment,
    /// A backslash at the end of a line with the unknown `keyword`.
    Continuation,
    /// Definitions use each other without end.
    EndlessDefinition,
    /// A line that comes from a definition, and that keepalived from 2.4.0 on does not interpret.
    NotReadAgain,
    /// The definition `name` is not put in because of what follows it.
    NotDelimited,
    /// The definition `name` does not exist.
    Undefined,

    /// `keyword` is not a keyword of `block`.
    UnknownKeyword,
    /// `keyword` is not a keyword of `block`; `meant` is similar.
    MisspelledKeyword,
    /// `keyword` is not a keyword of `block`, but of `home`.
    MisplacedKeyword,
    /// `keyword` of `home` is at top level, because the block ends above it.
    BlockEndsEarly,
    /// `keyword` exists since the version `since`.
    KeywordTooNew,
    /// `keyword`, which is not a keyword of `block`, opens a block.
    UnknownBlock,
    /// The `}` of `block` in line `opened` is missing before `by`.
    MissingClose,
    /// The `}` of `block`, which begins here, is missing at the end.
    MissingCloseAtEnd,
    /// The `{` of `block` is missing.
    MissingOpen,
    /// A `{` without a keyword.
    ExtraOpen,
    /// A `}` without a block.
    ExtraClose,
    /// `keyword` requires a value.
    MissingValue,
    /// `words` after the value of `keyword` are ignored.
    IgnoredWords,
    /// `keyword` is in its block twice, in `line`, too; this one counts.
    Repeated,
    /// `keyword` is in its block twice, in `line`, too; that one counts.
    RepeatedIgnored,
    /// `text` is not a number from `least` to `most`; keepalived uses `used` for `keyword`.
    NumberUsed,
    /// `text` is not a number from `least` to `most`; keepalived ignores the line `keyword`.
    NumberIgnored,
    /// `word` is not one of `expected`; keepalived ignores it in the line `keyword`.
    WordIgnored,

    /// `block` requires one name.
    NameMissing,
    /// `block` `name` exists already, in `first`.
    DuplicateBlock,
    /// `block` has no command in `keyword`.
    NoCommand,
    /// track_file `name` has no file.
    NoFile,
    /// vrrp_track_process `name` has no process.
    NoProcess,
    /// `address` is not an address and a port for `block`.
    ServerAddress,
    /// `address` is not an IP address.
    Address,
    /// `address` is not of the family of the first one.
    AddressFamily,
    /// vrrp_instance `name` has no virtual_router_id.
    NoRouterId,
    /// vrrp_instance `name` has neither an interface nor unicast peers.
    NoInterface,
    /// vrrp_instance `name` has nopreempt, which does not work with state MASTER or priority 255.
    NopreemptIgnored,
    /// A quote of the command of `keyword` is not closed, or it ends with a backslash.
    CommandCrash,
    /// `keyword` has no command.
    CommandEmpty,
    /// keepalived runs `command` and drops `dropped` after `keyword`.
    CommandDropped,
    /// The same, where the words need quotes of their own.
    CommandDroppedQuoted,

    /// `tracker` tracks `name`, but there is no such `block`.
    TrackedAbsent,
    /// The same, and there is one called `meant`.
    TrackedMisspelled,
    /// `tracker` tracks `name`, but the `block` is below.
    TrackedBelow,
    /// `name` is tracked already.
    TrackedTwice,
    /// `options` follow `name`, which is not tracked because of that.
    TrackOption,
    /// `instance` ignores `name` because of its `weight`, in a sync group `group`.
    WeightInGroup,
    /// `instance` ignores `name` because of its `weight`, with priority 255.
    WeightOfOwner,
    /// `instance`, or a sync group of that name, uses weight 0 in place of `weight` for `name`.
    WeightCleared,
    /// Nothing tracks vrrp_script `name`.
    Untracked,
    /// vrrp_sync_group `group` has a member `name` that does not exist.
    MemberAbsent,
    /// vrrp_sync_group `group` has a member `name` that is in another group.
    MemberTaken,
    /// vrrp_sync_group `name` has no members.
    GroupEmpty,
    /// keepalived drops track_file `name`, because it cannot watch `folder`.
    TrackFileDropped,
    /// keepalived writes over the file of track_file `name` at each start.
    InitFileOverwrites,
    /// The old name of track_file `name`.
    OldTrackFile,
}

impl Problem {
    /// All problems, in the order of their codes.
    #[rustfmt::skip]
    pub const ALL: &[Self] = { use Problem::*; &[
        IncludeMissing, IncludeQuoted, IncludeMatchesNothing, FileMissing, FileRefused, FileIsFolder,
        FileExecutable, FileUnreadable, IncludeCircle, IncludedTwice, Template, Message, TooMany, Sequence,
        Random, Environment, Escape, Limits, LongLine, Nul, LongExpansion, ConditionalDefinition,
        RandomBounds, FileCheckCrash, IncludedComment, DecimalsDiffer, EscapesDiffer, DefinitionsDiffer,
        CommentsDiffer, TrackFilesDiffer, InitFilesDiffer, KeywordsDiffer, ByteOrderMark, OpenQuote,
        EscapedComment, Continuation, EndlessDefinition, NotReadAgain, NotDelimited, Undefined,
        UnknownKeyword, MisspelledKeyword, MisplacedKeyword, BlockEndsEarly, KeywordTooNew, UnknownBlock,
        MissingClose, MissingCloseAtEnd, MissingOpen, ExtraOpen, ExtraClose, MissingValue, IgnoredWords, Repeated,
        RepeatedIgnored, NumberUsed, NumberIgnored, WordIgnored, NameMissing, DuplicateBlock,
        NoCommand, NoFile, NoProcess, ServerAddress, Address, AddressFamily, NoRouterId, NoInterface, NopreemptIgnored, CommandCrash,
        CommandEmpty, CommandDropped, CommandDroppedQuoted, TrackedAbsent, TrackedMisspelled, TrackedBelow,
        TrackedTwice, TrackOption, WeightInGroup, WeightOfOwner, WeightCleared, Untracked, MemberAbsent,
        MemberTaken, GroupEmpty, TrackFileDropped, InitFileOverwrites, OldTrackFile,
    ] };

    /// True if keepalived does not start, or crashes.
    pub fn is_fatal(self) -> bool {
        use Problem::*;
        let is_reading = matches!(self, FileMissing | FileRefused | EndlessDefinition);
        is_reading || matches!(self, MissingValue | NoRouterId | NoInterface | CommandCrash)
    }

    /// True if a part of the configuration is not read. Then nothing is known about what it does not contain.
    pub fn is_gap(self) -> bool {
        use Problem::*;
        let is_rare = matches!(self, Sequence | Random | Environment | Escape | Limits);
        let is_garbled = matches!(self, LongLine | Nul | LongExpansion | RandomBounds)
            || matches!(self, ConditionalDefinition | IncludedComment | CommandCrash);
        let is_broken = matches!(self, Template | Undefined | OpenQuote | EndlessDefinition)
            || matches!(
                self,
                UnknownBlock | BlockEndsEarly | MissingOpen | ExtraOpen
            )
            || matches!(self, MissingClose | MissingCloseAtEnd);
        is_rare || is_garbled || is_broken
    }

    /// True if it is reported once, and only if the version is not known.
    pub(super) fn is_difference(self) -> bool {
        use Problem::*;
        matches!(self, DecimalsDiffer | EscapesDiffer | DefinitionsDiffer)
            || matches!(self, CommentsDiffer | TrackFilesDiffer | InitFilesDiffer)
    }
}

/// The values of a diagnostic.
pub(super) type Values<'a> = &'a [(&'static str, &'a dyn Display)];

/// The diagnostics of one reading, each once.
#[derive(Debug, Default)]
pub(super) struct Diagnostics {
    list: Vec<Diagnostic>,
    seen: HashSet<Diagnostic>,
    differences: HashSet<Problem>,
}

impl Diagnostics {
    pub fn add(&mut self, place: &Place, problem: Problem, values: Values) {
        if problem.is_difference() && !self.differences.insert(problem) || self.is_full() {
            return;
        }
        let values = values.iter();
        let mut diagnostic = Diagnostic {
            place: place.clone(),
            problem,
            values: values
                .map(|(name, value)| (*name, value.to_string()))
                .collect(),
        };
        if self.list.len() == MAX {
            diagnostic.problem = Problem::TooMany;
        }
        if self.seen.insert(diagnostic.clone()) {
            self.list.push(diagnostic);
        }
    }

    /// True if no more are kept.
    pub fn is_full(&self) -> bool {
        self.list.len() > MAX
    }

    /// True if a part of the configuration was not read.
    pub fn has_gap(&self) -> bool {
        self.list.iter().any(|one| one.problem.is_gap())
    }

    /// Returns all of them in the order of reading.
    pub fn into_list(mut self) -> Vec<Diagnostic> {
        let is_undefined = |one: &&mut Diagnostic| one.problem == Problem::Undefined;
        let undefined = self.list.iter_mut().filter(is_undefined);
        let names: HashSet<_> = undefined.map(|one| one.values.clone()).collect();
        if names.len() >= UNDEFINED_IN_TEMPLATE {
            if let Some(first) = self.list.iter_mut().find(is_undefined) {
                first.problem = Problem::Template;
                let values = first.values.iter();
                let sample = values.map(|(_, name)| ("sample", format!("${{{name}}}")));
                first.values = sample.collect();
            }
            self.list.retain(|one| one.problem != Problem::Undefined);
        }
        self.list
    }
}
