//! The table of findings: one row for each thing that the doctor can report. No other file contains its wording.
//!
//! The hundreds group the codes: 1 how keepalived reads the file, 2 what the configuration means, 3 checks by other
//! programs, 4 checks by listenup, 5 the running keepalived, 6 this host.

pub mod audit;
pub mod command;
pub mod conf;
pub mod host;
pub mod live;
pub mod outcome;
pub mod third_party;

pub use super::findings::{Code, Severity};

/// Returns the whole table, in the order of the codes.
pub fn all() -> Vec<&'static Code> {
    let groups = [
        audit::CODES,
        third_party::CODES,
        command::CODES,
        live::CODES,
        host::CODES,
    ];
    let mut all: Vec<&Code> = conf::codes()
        .chain(groups.into_iter().flatten().copied())
        .collect();
    all.sort_unstable_by_key(|code| code.id);
    all
}

/// Returns the code of this name, in capital letters or not.
pub fn by_id(id: &str) -> Option<&'static Code> {
    all()
        .into_iter()
        .find(|code| code.id.eq_ignore_ascii_case(id))
}

/// Returns whether the result of a check does not depend on its service if it has a finding of this code.
pub fn decides_result(code: &Code) -> bool {
    let decided = [
        &audit::PROGRAM_MISSING,
        &audit::NOT_IN_PATH,
        &audit::FOLDER_NOT_ENTERED,
        &audit::PATH_NOT_REGULAR,
        &audit::NOT_EXECUTABLE,
        &audit::ON_NOEXEC,
        &audit::UNSAFE_FOLDER,
        &audit::UNSAFE_FILE,
        &audit::NOT_READABLE,
        &audit::REVERSE_ZERO,
        &audit::FILE_ABSENT,
        &audit::FILE_NO_NUMBER,
        &third_party::NETSTAT_WITH_PIPE,
        &third_party::REFUSES_OPERATOR,
        &third_party::FIRST_WORD_ONLY,
        &third_party::SUCCEEDS_ALWAYS,
        &third_party::FAILS_ALWAYS,
        &third_party::INVERTED,
        &third_party::FINDS_ITSELF,
        &third_party::KILLALL_RIGHTS,
        &third_party::SLEEPS_WHILE_UP,
        &third_party::NO_DEV_TCP,
        &third_party::NO_INTERPRETER,
        &third_party::CARRIAGE_RETURN,
        &third_party::INTERPRETER_MISSING,
        &command::SHELL_WORD,
        &command::NOT_A_CHECK,
        &command::HELP,
        &command::REFUSED,
        &command::DYNAMIC,
        &command::UNKNOWN_IS_UP,
        &command::COULD_NOT_TELL,
        &command::NAMES_NOTHING,
        &command::REMOTE,
        &command::OTHER_NAMESPACE,
        &live::FOLDER_NOT_WATCHED,
    ];
    decided.iter().any(|decided| decided.id == code.id)
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

const fn failing(
    id: &'static str,
    effect: &'static str,
    cause: &'static str,
    fix: &'static str,
    explanation: &'static str,
) -> Code {
    Code {
        severity: Severity::Failing,
        ..problem(id, effect, cause, fix, explanation)
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

const fn ok(id: &'static str, effect: &'static str, explanation: &'static str) -> Code {
    Code {
        severity: Severity::Ok,
        ..problem(id, effect, "", "", explanation)
    }
}

/// Declares the codes of a file, and `CODES`, the list of them.
macro_rules! table {
    ($($name:ident = $code:expr;)*) => {
        $(pub(in crate::commands::doctor) static $name: Code = $code;)*
        /// The codes of this file.
        pub static CODES: &[&Code] = &[$(&$name),*];
    };
}
use table;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_code_has_an_id_of_its_own_and_texts() {
        let mut ids = HashSet::new();
        for code in all() {
            let id = code.id;
            assert!(ids.insert(id), "{id}");
            assert!(id.len() == 5 && id.starts_with("LU"), "{id}");
            assert!(id.bytes().skip(2).all(|byte| byte.is_ascii_digit()), "{id}");
            assert!(
                !code.effect.is_empty() && code.explanation.ends_with('.'),
                "{id}"
            );
        }
        assert!(ids.len() > 100, "{}", ids.len());
        assert_eq!(by_id("lu101").map(|code| code.id), Some("LU101"));
        assert!(by_id("LU000").is_none());
    }

    /// Texts that were read as their opposite, or that name a user who is called nobody.
    #[test]
    fn no_text_reads_as_its_opposite() {
        for code in all() {
            for text in [code.effect, code.cause, code.fix, code.explanation] {
                for word in [
                    "whatever",
                    "nobody may",
                    "anybody",
                    "for ever",
                    "anew",
                    "minds",
                    "may not",
                    "takes for",
                    "is no file",
                    "is no whole",
                    "others than",
                    "goes by",
                ] {
                    assert!(!text.contains(word), "{}: {word}: {text}", code.id);
                }
                assert!(
                    !text.contains("  ") && !text.contains('\n'),
                    "{}: {text}",
                    code.id
                );
            }
        }
    }
}
