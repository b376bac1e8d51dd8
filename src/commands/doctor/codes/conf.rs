//! Codes LU101 to LU199: what the reader of keepalived.conf reports.

mod blocks;
mod reading;
mod tracking;

use std::fmt::Display;

use self::{blocks::*, reading::*, tracking::*};
use super::{Code, note, problem};
use crate::commands::doctor::findings::Finding;
use crate::keepalived_conf::{Diagnostic, Problem};

/// Returns the codes of all problems of the reader.
pub fn codes() -> impl Iterator<Item = &'static Code> {
    let groups = [reading::CODES, blocks::CODES, tracking::CODES];
    groups.into_iter().flatten().copied()
}

/// Returns the finding for a diagnostic.
pub fn finding(diagnostic: &Diagnostic) -> Finding {
    let values = diagnostic.values.iter();
    let shown = values.map(|(name, value)| match (*name, value.as_str()) {
        // Keywords outside of all blocks.
        ("block" | "home", "") => (*name, "the top level"),
        (name, value) => (name, value),
    });
    let shown: Vec<(&str, &str)> = shown.collect();
    let shown = shown
        .iter()
        .map(|(name, value)| (*name, value as &dyn Display));
    let found = code(diagnostic.problem).with(&shown.collect::<Vec<_>>());
    found.at(&diagnostic.place)
}

/// Returns the code of a problem.
#[rustfmt::skip]
fn code(problem: Problem) -> &'static Code {
    match problem {
        Problem::IncludeMissing => &INCLUDE_MISSING,
        Problem::IncludeQuoted => &INCLUDE_QUOTED,
        Problem::IncludeMatchesNothing => &INCLUDE_MATCHES_NOTHING,
        Problem::FileMissing => &FILE_MISSING,
        Problem::FileRefused => &FILE_REFUSED,
        Problem::FileIsFolder => &FILE_IS_FOLDER,
        Problem::FileExecutable => &FILE_EXECUTABLE,
        Problem::FileUnreadable => &FILE_UNREADABLE,
        Problem::IncludeCircle => &INCLUDE_CIRCLE,
        Problem::IncludedTwice => &INCLUDED_TWICE,
        Problem::Template => &TEMPLATE,
        Problem::Message => &MESSAGE,
        Problem::TooMany => &TOO_MANY,
        Problem::Sequence => &SEQUENCE,
        Problem::Random => &RANDOM,
        Problem::Environment => &ENVIRONMENT,
        Problem::Escape => &ESCAPE,
        Problem::Limits => &LIMITS,
        Problem::LongLine => &LONG_LINE,
        Problem::Nul => &NUL,
        Problem::LongExpansion => &LONG_EXPANSION,
        Problem::ConditionalDefinition => &CONDITIONAL_DEFINITION,
        Problem::RandomBounds => &RANDOM_BOUNDS,
        Problem::FileCheckCrash => &FILE_CHECK_CRASH,
        Problem::IncludedComment => &INCLUDED_COMMENT,
        Problem::DecimalsDiffer => &DECIMALS_DIFFER,
        Problem::EscapesDiffer => &ESCAPES_DIFFER,
        Problem::DefinitionsDiffer => &DEFINITIONS_DIFFER,
        Problem::CommentsDiffer => &COMMENTS_DIFFER,
        Problem::TrackFilesDiffer => &TRACK_FILES_DIFFER,
        Problem::InitFilesDiffer => &INIT_FILES_DIFFER,
        Problem::KeywordsDiffer => &KEYWORDS_DIFFER,
        Problem::ByteOrderMark => &BYTE_ORDER_MARK,
        Problem::OpenQuote => &OPEN_QUOTE,
        Problem::EscapedComment => &ESCAPED_COMMENT,
        Problem::Continuation => &CONTINUATION,
        Problem::EndlessDefinition => &ENDLESS_DEFINITION,
        Problem::NotReadAgain => &NOT_READ_AGAIN,
        Problem::NotDelimited => &NOT_DELIMITED,
        Problem::Undefined => &UNDEFINED,
        Problem::UnknownKeyword => &UNKNOWN_KEYWORD,
        Problem::MisspelledKeyword => &MISSPELLED_KEYWORD,
        Problem::MisplacedKeyword => &MISPLACED_KEYWORD,
        Problem::BlockEndsEarly => &BLOCK_ENDS_EARLY,
        Problem::KeywordTooNew => &KEYWORD_TOO_NEW,
        Problem::UnknownBlock => &UNKNOWN_BLOCK,
        Problem::MissingClose => &MISSING_CLOSE,
        Problem::MissingCloseAtEnd => &MISSING_CLOSE_AT_END,
        Problem::MissingOpen => &MISSING_OPEN,
        Problem::ExtraOpen => &EXTRA_OPEN,
        Problem::ExtraClose => &EXTRA_CLOSE,
        Problem::MissingValue => &MISSING_VALUE,
        Problem::IgnoredWords => &IGNORED_WORDS,
        Problem::Repeated => &REPEATED,
        Problem::RepeatedIgnored => &REPEATED_IGNORED,
        Problem::NumberUsed => &NUMBER_USED,
        Problem::NumberIgnored => &NUMBER_IGNORED,
        Problem::WordIgnored => &WORD_IGNORED,
        Problem::NameMissing => &NAME_MISSING,
        Problem::DuplicateBlock => &DUPLICATE_BLOCK,
        Problem::NoCommand => &NO_COMMAND,
        Problem::NoFile => &NO_FILE,
        Problem::NoProcess => &NO_PROCESS,
        Problem::ServerAddress => &SERVER_ADDRESS,
        Problem::Address => &ADDRESS,
        Problem::AddressFamily => &ADDRESS_FAMILY,
        Problem::NoRouterId => &NO_ROUTER_ID,
        Problem::NoInterface => &NO_INTERFACE,
        Problem::NopreemptIgnored => &NOPREEMPT_IGNORED,
        Problem::CommandCrash => &COMMAND_CRASH,
        Problem::CommandEmpty => &COMMAND_EMPTY,
        Problem::CommandDropped => &COMMAND_DROPPED,
        Problem::CommandDroppedQuoted => &COMMAND_DROPPED_QUOTED,
        Problem::TrackedAbsent => &TRACKED_ABSENT,
        Problem::TrackedMisspelled => &TRACKED_MISSPELLED,
        Problem::TrackedBelow => &TRACKED_BELOW,
        Problem::TrackedTwice => &TRACKED_TWICE,
        Problem::TrackOption => &TRACK_OPTION,
        Problem::WeightInGroup => &WEIGHT_IN_GROUP,
        Problem::WeightOfOwner => &WEIGHT_OF_OWNER,
        Problem::WeightCleared => &WEIGHT_CLEARED,
        Problem::Untracked => &UNTRACKED,
        Problem::MemberAbsent => &MEMBER_ABSENT,
        Problem::MemberTaken => &MEMBER_TAKEN,
        Problem::GroupEmpty => &GROUP_EMPTY,
        Problem::TrackFileDropped => &TRACK_FILE_DROPPED,
        Problem::InitFileOverwrites => &INIT_FILE_OVERWRITES,
        Problem::OldTrackFile => &OLD_TRACK_FILE,
    }
}

#[cfg(test)]
mod tests;
