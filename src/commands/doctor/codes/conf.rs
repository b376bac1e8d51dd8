//! Codes LU101 to LU199: what the reader of keepalived.conf reports.

mod blocks;
mod reading;
mod tracking;

use self::{blocks::*, reading::*, tracking::*};
use super::super::findings::{Finding, Severity};
use super::Code;
use crate::keepalived_conf::{
    Construct, Diagnostic, Difference, Flaw, Lost, NoWeight, Problem, Unreadable, Unsafe,
};

/// The codes of all diagnostics of the reader.
pub fn codes() -> impl Iterator<Item = &'static Code> {
    let groups = [reading::CODES, blocks::CODES, tracking::CODES];
    groups.into_iter().flatten().copied()
}

const fn problem(
    id: &'static str,
    effect: &'static str,
    cause: &'static str,
    fix: &'static str,
    explanation: &'static str,
) -> Code {
    Code {
        id,
        severity: Severity::Problem,
        effect,
        cause,
        fix,
        explanation,
        versions: "",
    }
}

const fn note(
    id: &'static str,
    effect: &'static str,
    cause: &'static str,
    fix: &'static str,
    explanation: &'static str,
) -> Code {
    Code {
        severity: Severity::Note,
        ..problem(id, effect, cause, fix, explanation)
    }
}

/// Returns the finding for a diagnostic.
pub fn finding(diagnostic: &Diagnostic) -> Finding {
    let place = &diagnostic.place;
    of_problem(&diagnostic.problem, &place.file.display().to_string()).at(place)
}

/// Fills the values of the same names into a code.
macro_rules! with {
    ($code:ident $(, $name:ident)*) => {
        $code.with(&[$((stringify!($name), &$name)),*])
    };
}

#[rustfmt::skip]
fn of_problem(problem: &Problem, file_of_place: &str) -> Finding {
    match problem {
        Problem::IncludeMissing { pattern } => with!(INCLUDE_MISSING, pattern),
        Problem::IncludeQuoted { pattern } => with!(INCLUDE_QUOTED, pattern),
        Problem::IncludeMatchesNothing { pattern } => with!(INCLUDE_MATCHES_NOTHING, pattern),
        Problem::FileMissing { pattern } => with!(FILE_MISSING, pattern),
        Problem::FileSkipped { file, why } => {
            let (why, fix) = unreadable(file, why);
            with!(FILE_SKIPPED, file, why, fix)
        }
        Problem::FileRefused { file, why } => {
            let (why, fix) = unreadable(file, why);
            with!(FILE_REFUSED, file, why, fix)
        }
        Problem::IncludeCircle { file } => with!(INCLUDE_CIRCLE, file),
        Problem::IncludedTwice => with!(INCLUDED_TWICE),
        Problem::Template { sample } => with!(TEMPLATE, sample),
        Problem::Message { text } => with!(MESSAGE, text),
        Problem::TooMany => with!(TOO_MANY),
        Problem::NotUnderstood { construct } => {
            let construct = construct_text(*construct);
            with!(NOT_UNDERSTOOD, construct)
        }
        Problem::Unsafe { what } => {
            let (versions, cause, fix) = unsafe_texts(*what);
            with!(UNSAFE, versions, cause, fix)
        }
        Problem::VersionsDiffer { difference } => {
            let difference = difference_text(*difference);
            with!(VERSIONS_DIFFER, difference)
        }
        Problem::ByteOrderMark => {
            let file = file_of_place;
            with!(BYTE_ORDER_MARK, file)
        }
        Problem::OpenQuote => with!(OPEN_QUOTE),
        Problem::EscapedComment => with!(ESCAPED_COMMENT),
        Problem::Continuation { keyword } => with!(CONTINUATION, keyword),
        Problem::EndlessDefinition => with!(ENDLESS_DEFINITION),
        Problem::NotReadAgain => with!(NOT_READ_AGAIN),
        Problem::NotDelimited { name } => with!(NOT_DELIMITED, name),
        Problem::Undefined { name } => with!(UNDEFINED, name),

        Problem::UnknownKeyword { keyword, block } => with!(UNKNOWN_KEYWORD, keyword, block),
        Problem::MisspelledKeyword { keyword, block, meant } => with!(MISSPELLED_KEYWORD, keyword, block, meant),
        Problem::MisplacedKeyword { keyword, block, home } => {
            let home = home_text(home);
            with!(MISPLACED_KEYWORD, keyword, block, home)
        }
        Problem::BlockEndsEarly { keyword, home } => with!(BLOCK_ENDS_EARLY, keyword, home),
        Problem::KeywordTooNew { keyword, since } => with!(KEYWORD_TOO_NEW, keyword, since),
        Problem::KeywordSince { keyword, since } => with!(KEYWORD_SINCE, keyword, since),
        Problem::UnknownBlock { keyword, block } => with!(UNKNOWN_BLOCK, keyword, block),
        Problem::MissingClose { block, opened, by } => {
            let (by, fix) = match by.as_str() {
                "" => (String::new(), format!("add a line with }} at the end of {block}")),
                by => (format!(" before {by}"), "add a line with } above this line".to_owned()),
            };
            with!(MISSING_CLOSE, block, opened, by, fix)
        }
        Problem::MissingOpen { block } => with!(MISSING_OPEN, block),
        Problem::ExtraClose => with!(EXTRA_CLOSE),
        Problem::MissingValue { keyword } => with!(MISSING_VALUE, keyword),
        Problem::IgnoredWords { words, keyword } => with!(IGNORED_WORDS, words, keyword),
        Problem::Repeated { keyword, line } => with!(REPEATED, keyword, line),
        Problem::RepeatedIgnored { keyword, line } => with!(REPEATED_IGNORED, keyword, line),
        Problem::Number { keyword, text, flaw, used, least, most } => {
            let flaw = flaw_text(*flaw);
            match used {
                Some(used) => with!(NUMBER_USED, keyword, text, flaw, used, least, most),
                None => with!(NUMBER_IGNORED, keyword, text, flaw, least, most),
            }
        }
        Problem::Word { keyword, word, expected, used } => match used {
            Some(used) => with!(WORD_USED, keyword, word, expected, used),
            None => with!(WORD_IGNORED, keyword, word, expected),
        },
        Problem::NameMissing { block } => with!(NAME_MISSING, block),
        Problem::DuplicateBlock { block, name, first } => with!(DUPLICATE_BLOCK, block, name, first),
        Problem::NoCommand { block, keyword } => with!(NO_COMMAND, block, keyword),
        Problem::NoFile { name } => with!(NO_FILE, name),
        Problem::NoProcess { name } => with!(NO_PROCESS, name),
        Problem::ServerAddress { block, address } => with!(SERVER_ADDRESS, block, address),
        Problem::Address { address } => with!(ADDRESS, address),
        Problem::AddressFamily { address } => with!(ADDRESS_FAMILY, address),
        Problem::NoRouterId { name } => with!(NO_ROUTER_ID, name),
        Problem::CommandCrash { keyword } => with!(COMMAND_CRASH, keyword),
        Problem::CommandEmpty { keyword } => with!(COMMAND_EMPTY, keyword),
        Problem::CommandDropped { keyword, command, dropped } => {
            let fix = quoted(keyword, command, dropped);
            with!(COMMAND_DROPPED, keyword, command, dropped, fix)
        }

        Problem::TrackedLost { tracker, block, name, why } => match why {
            Lost::Absent(None) => with!(TRACKED_ABSENT, tracker, block, name),
            Lost::Absent(Some(meant)) => with!(TRACKED_MISSPELLED, tracker, block, name, meant),
            Lost::Below => with!(TRACKED_BELOW, tracker, block, name),
        },
        Problem::TrackedTwice { list, name } => with!(TRACKED_TWICE, list, name),
        Problem::TrackOption { name, options, .. } => with!(TRACK_OPTION, name, options),
        Problem::WeightIgnored { instance, name, weight, why } => match why {
            NoWeight::SyncGroup(group) => with!(WEIGHT_IN_GROUP, instance, name, weight, group),
            NoWeight::AddressOwner => with!(WEIGHT_OF_OWNER, instance, name, weight),
        },
        Problem::WeightCleared { group, name, weight } => with!(WEIGHT_CLEARED, group, name, weight),
        Problem::Untracked { name } => with!(UNTRACKED, name),
        Problem::GroupMember { name, group, exists: false } => with!(GROUP_MEMBER_ABSENT, name, group),
        Problem::GroupMember { name, group, exists: true } => with!(GROUP_MEMBER_TAKEN, name, group),
        Problem::GroupEmpty { name } => with!(GROUP_EMPTY, name),
        Problem::TrackFileDropped { name, folder } => with!(TRACK_FILE_DROPPED, name, folder),
        Problem::InitFileOverwrites { name } => with!(INIT_FILE_OVERWRITES, name),
        Problem::OldTrackFile { name } => with!(OLD_TRACK_FILE, name),
    }
}

fn unreadable(file: &str, why: &Unreadable) -> (String, String) {
    let (why, fix) = match why {
        Unreadable::Folder => (
            "it is a folder",
            format!("include {}/*.conf", file.trim_end_matches('/')),
        ),
        Unreadable::NotRegular => ("it is not a regular file", format!("ls -l {file}")),
        Unreadable::Executable => ("it has an x bit", format!("chmod a-x {file}")),
        Unreadable::Error(error) => return (error.clone(), format!("ls -l {file}")),
    };
    (why.to_owned(), fix)
}

fn construct_text(construct: Construct) -> &'static str {
    match construct {
        Construct::Sequence => "the doctor does not follow ~SEQ and ~LST",
        Construct::Random => "${_RANDOM} is another number at each start",
        Construct::Environment => "${_ENV} depends on the environment of keepalived",
        Construct::Escape => "the command has an escape of C, such as \\x41",
        Construct::Limits => {
            "the files are larger than the doctor's limits (16 MiB, a million lines)"
        }
    }
}

/// Returns which keepalived is meant, what is wrong, and what to write instead.
fn unsafe_texts(what: Unsafe) -> (&'static str, &'static str, &'static str) {
    match what {
        Unsafe::LongLine => (
            "keepalived",
            "the line is longer than 1023 bytes",
            "make the line shorter; write a long comment in several lines",
        ),
        Unsafe::Nul => (
            "keepalived",
            "the line contains a NUL byte",
            "remove the NUL byte",
        ),
        Unsafe::LongExpansion => (
            "keepalived",
            "the line is longer than 1023 bytes with its definitions",
            "use shorter definitions",
        ),
        Unsafe::Conditional => (
            "keepalived up to 2.2.7",
            "@id comes from a definition",
            "write @id itself at the beginning of the line",
        ),
        Unsafe::Random => (
            "keepalived before 2.4.0",
            "${_RANDOM} has bounds",
            "write a number",
        ),
        Unsafe::FileCheck => (
            "keepalived 2.3.0 to 2.3.2",
            "FILE_CHECK is used",
            "upgrade keepalived, or use a MISC_CHECK",
        ),
        Unsafe::IncludedComment => (
            "keepalived",
            "a comment without a blank in front, in a file whose include does not begin its line",
            "put a blank in front of # and ! in this file",
        ),
    }
}

fn difference_text(difference: Difference) -> &'static str {
    match difference {
        Difference::Decimals => "up to 2.3.1 the decimals of a time are ignored",
        Difference::Escapes => "up to 2.3.1 backslashes in a command are decoded twice",
        Difference::ReadAgain => {
            "from 2.4.0 on @id, ~SEQ or a definition that comes from a definition is ignored"
        }
        Difference::CommentInDefinition => {
            "from 2.4.0 on a definition of several lines ends at a comment"
        }
        Difference::TrackFileFolder => {
            "up to 2.2.7 a track_file is kept if its folder does not exist"
        }
        Difference::InitFile => "2.2.8 to 2.3.2 write over the file of init_file at each start",
    }
}

fn flaw_text(flaw: Flaw) -> &'static str {
    match flaw {
        Flaw::NotANumber => "is not a number",
        Flaw::Negative => "is negative",
        Flaw::OutOfRange => "is out of range",
    }
}

fn home_text(home: &'static str) -> &'static str {
    match home {
        "" => "the top level, outside of all blocks",
        home => home,
    }
}

/// Returns the line with the whole command in quotes, if it needs no others.
fn quoted(keyword: &str, command: &str, dropped: &str) -> String {
    let whole = format!("{command} {dropped}");
    match whole.contains(['"', '\'', '\\', '\t']) {
        false => format!("{keyword} \"{whole}\""),
        true => format!(
            "put the whole command after {keyword} between double quotes, and use ' within it"
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::codes;

    #[test]
    fn each_code_has_an_id_of_its_own_and_texts() {
        let mut ids = HashSet::new();
        for code in codes() {
            assert!(ids.insert(code.id), "{}", code.id);
            assert!(
                code.id.starts_with("LU1") && code.id.len() == 5,
                "{}",
                code.id
            );
            assert!(
                !code.effect.is_empty() && !code.explanation.is_empty(),
                "{}",
                code.id
            );
        }
    }
}
