//! The problems of a configuration, with their locations and values. The wording is not here.

use std::collections::HashSet;
use std::fmt::Display;

use super::Location;

/// At most this many diagnostics are kept: a file that is not a keepalived.conf has one per line.
const MAX: usize = 1000;

/// A problem and where it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Diagnostic {
    /// The line that has the problem.
    pub place: Location,
    /// The problem.
    pub problem: Problem,
    /// The values for the message, by the names that the problem's description has.
    pub values: Vec<(&'static str, String)>,
}

macro_rules! problems {
    ($($(#[$doc:meta])* $name:ident = $number:literal,)*) => {
        /// A problem that a configuration can have. The description names the values; the number never changes its
        /// meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum Problem {
            $($(#[$doc])* $name = $number,)*
        }

        impl Problem {
            /// All problems.
            pub const ALL: &[Self] = &[$(Self::$name),*];
        }
    };
}

problems! {
    /// keepalived starts without the included file `pattern`.
    IncludeMissing = 101,
    /// keepalived starts without the included file `pattern`, whose name is in quotes.
    IncludeQuoted = 102,
    /// No file matches `pattern`.
    IncludeMatchesNothing = 103,
    /// keepalived does not start without the file `pattern`.
    FileMissing = 104,
    /// keepalived does not start, because it does not read `file`.
    FileRefused = 105,
    /// keepalived skips `file`, which has an x bit.
    FileExecutable = 107,
    /// keepalived skips `file`, which is not a regular file, or whose reading fails.
    FileUnreadable = 108,
    /// `file` includes itself.
    IncludeCircle = 109,
    /// Unsafe: a file that keepalived reads twice.
    IncludedTwice = 110,
    /// The file is the template of a configuration, with a placeholder `sample`.
    Template = 111,
    /// keepalived's message `text` about an include.
    Message = 112,
    /// There are more diagnostics than are kept.
    TooMany = 113,
    /// The reader does not follow `part` of a line.
    NotFollowed = 114,
    /// More files, lines, bytes or definitions than the reader's limits.
    Limits = 118,
    /// Unsafe: a line with a NUL, or of more than 1023 bytes with its definitions.
    Garbled = 119,
    /// Unsafe in 2.3.0 to 2.3.2: FILE_CHECK.
    FileCheckCrash = 124,
    /// The file begins with a byte order mark.
    ByteOrderMark = 133,
    /// A double quote is not closed.
    OpenQuote = 134,
    /// A line that comes from a definition, and that keepalived from 2.4.0 on does not interpret.
    NotReadAgain = 138,
    /// The definition `name` is not expanded, because of the text after it.
    NotDelimited = 139,
    /// The definition `name` does not exist.
    Undefined = 140,
    /// `keyword` is not a keyword of `block`.
    UnknownKeyword = 141,
    /// `keyword` is not a keyword of `block`; `meant` is similar.
    MisspelledKeyword = 142,
    /// `keyword` is not a keyword of `block`, but of `home`.
    MisplacedKeyword = 143,
    /// `keyword` of `home` is at top level, because the block ends above it.
    BlockEndsEarly = 144,
    /// `keyword`, which is not a keyword of `block`, opens a block.
    UnknownBlock = 146,
    /// The `}` of `block`, which begins on line `opened`, is missing before `by`.
    MissingClose = 147,
    /// The `}` of `block`, which begins here, is missing at the end.
    MissingCloseAtEnd = 148,
    /// The `{` of `block` is missing.
    MissingOpen = 149,
    /// A `{` without a keyword.
    ExtraOpen = 150,
    /// A `}` without a block.
    ExtraClose = 151,
    /// `keyword` requires a value.
    MissingValue = 152,
    /// `words` after the value of `keyword` are ignored.
    IgnoredWords = 153,
    /// `keyword` is in its block twice: `line` counts, and `ignored` does not.
    Repeated = 154,
    /// `text` is not a number from `least` to `most`; keepalived uses `used` for `keyword`.
    NumberUsed = 156,
    /// `text` is not a number from `least` to `most`; keepalived ignores the line `keyword`.
    NumberIgnored = 157,
    /// `word` is not one of `expected`; keepalived ignores it in the line `keyword`.
    WordIgnored = 158,
    /// `block` requires one name.
    NameMissing = 159,
    /// `block` `name` already exists, at `first`.
    DuplicateBlock = 160,
    /// `block` has no `keyword`.
    Empty = 161,
    /// `address` is not an address and a port for `block`.
    ServerAddress = 164,
    /// `address` is not an IP address.
    Address = 165,
    /// `address` is not of the family of the first one.
    AddressFamily = 166,
    /// vrrp_instance `name` has no virtual_router_id.
    NoRouterId = 167,
    /// vrrp_instance `name` has no interface, or has one that does not count, because of `why`.
    NoInterface = 168,
    /// vrrp_instance `name` has nopreempt, which does not work with state MASTER or priority 255.
    NopreemptIgnored = 169,
    /// A quote of the command of `keyword` is not closed, or it ends with a backslash.
    CommandCrash = 170,
    /// `keyword` has no command.
    CommandEmpty = 171,
    /// keepalived runs `command` and drops `dropped` after `keyword`; `line` is the whole command.
    CommandDropped = 172,
    /// `tracker` tracks `name`, but there is no such `block`.
    TrackedAbsent = 174,
    /// The same, and there is one called `meant`.
    TrackedMisspelled = 175,
    /// `tracker` tracks `name`, but the `block` is below.
    TrackedBelow = 176,
    /// `options` follow `name`, which is not tracked because of that.
    TrackOption = 178,
    /// `instance` ignores `name` because of its `weight`, in a sync group `group`.
    WeightInGroup = 179,
    /// `instance` ignores `name` because of its `weight`, with priority 255.
    WeightOfOwner = 180,
    /// Nothing tracks vrrp_script `name`.
    Untracked = 182,
    /// vrrp_sync_group `group` has a member `name` that does not exist, or is in another group.
    NotMember = 183,
    /// keepalived drops track_file `name`, because it cannot watch `folder`.
    TrackFileDropped = 186,
    /// keepalived writes over the file of track_file `name` at each start.
    InitFileOverwrites = 187,
    /// This user is not allowed to read `file`.
    FileDenied = 189,
    /// keepalived ignores `words`, which begin with a keyword, on the line of `keyword`.
    KeywordDropped = 190,
    /// The two instances `name` have the same virtual_router_id on the same interface.
    SameRouterId = 191,
    /// The `address` of vrrp_instance `name` has no device, and the instance has no interface.
    NoDevice = 192,
}

impl Problem {
    /// True if keepalived does not start, or crashes.
    pub fn is_fatal(self) -> bool {
        use Problem::*;
        let is_reading = matches!(self, FileMissing | FileRefused | MissingValue);
        is_reading || matches!(self, NoRouterId | NoInterface | SameRouterId | CommandCrash)
    }

    /// True if a part of the configuration is not read. Then nothing is known about what it does not contain.
    #[rustfmt::skip]
    pub fn is_gap(self) -> bool {
        use Problem::*;
        let is_part = matches!(self, NotFollowed | Limits | FileDenied | Template | Undefined | OpenQuote | CommandCrash | Garbled | IncludedTwice);
        let is_brace = matches!(self, UnknownBlock | BlockEndsEarly | MissingOpen | ExtraOpen | MissingClose | MissingCloseAtEnd);
        is_part || is_brace
    }
}

/// The values of a diagnostic.
pub(super) type Values<'a> = &'a [(&'static str, &'a dyn Display)];

/// The diagnostics of one reading, each once.
#[derive(Debug, Default)]
pub(super) struct Diagnostics {
    /// All of them, in the order of reading.
    pub list: Vec<Diagnostic>,
    seen: HashSet<Diagnostic>,
}

impl Diagnostics {
    pub fn add(&mut self, place: &Location, problem: Problem, values: Values) {
        if self.is_full() {
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
}
