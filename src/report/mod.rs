//! What is said to a person or a program, and the exit status. A stream that is closed or full
//! changes nothing and is not an error.

pub mod json;
mod nagios;
pub mod table;
mod text;

use std::io::{self, Write as _};

use nix::net::if_::if_indextoname;

use crate::cli::Format;
use crate::domain::{Answer, Exit, ExitCodes, MaxQueue, OnUnknown, Verdict};
use crate::judge::Outcome;

/// How the process exits, in the set of numbers that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// The meaning.
    pub exit: Exit,
    /// The set.
    pub codes: ExitCodes,
    /// What the keepalived set makes of "could not tell".
    pub on_unknown: OnUnknown,
}

impl Status {
    /// The status of a subcommand that has no sets of exit numbers: 0, or 1 for everything else.
    pub fn plain(exit: Exit) -> Self {
        Self {
            exit,
            codes: ExitCodes::Keepalived,
            on_unknown: OnUnknown::Down,
        }
    }

    /// The number that the process exits with.
    pub fn number(self) -> u8 {
        self.exit.number(self.codes, self.on_unknown)
    }
}

/// A check that is over.
#[derive(Debug)]
pub struct Checked {
    /// What was found out.
    pub outcome: Outcome,
    /// What it amounts to.
    pub verdict: Verdict,
    /// How the program exits for it.
    pub status: Status,
    /// How full an accept queue may be.
    pub max_queue: Option<MaxQueue>,
}

impl Checked {
    /// The answers, with the reasons for doubts, and the warnings, in one line.
    pub fn reason(&self) -> String {
        let answers = self.outcome.answers.iter();
        let said = answers.map(|(target, answer)| match answer {
            Answer::CouldNotTell(doubt) => format!("{target}: could not tell: {doubt}"),
            answer => format!("{target}: {}", text::in_words(answer)),
        });
        let warnings = self.outcome.warnings.iter().cloned();
        said.chain(warnings).collect::<Vec<_>>().join("; ")
    }
}

/// Says how a check ended: on stdout unless `quiet`. What is doubtful goes to stderr where stdout does
/// not have it.
pub fn checked(checked: &Checked, format: Format, quiet: bool) {
    if !quiet {
        to_stdout(&match format {
            Format::Text => text::answers(&checked.outcome.answers),
            Format::Json => json::line(&json::checked(checked)),
            Format::Nagios => nagios::line(checked),
        });
    }
    if quiet || format == Format::Text {
        for line in text::doubts(&checked.outcome) {
            line_to_stderr(line);
        }
    }
}

/// Says on stdout what is wrong with a command line, in the format of the monitoring plugins.
pub fn wrong_usage_to_nagios(error: &dyn std::fmt::Display) {
    to_stdout(&nagios::wrong_usage(&error.to_string()));
}

/// Says that a command line which could be read names what does not exist.
pub fn wrong_usage(why: &str, format: Format) {
    if format == Format::Nagios {
        wrong_usage_to_nagios(&why);
    }
    line_to_stderr(format_args!("wrong usage: {why}"));
}

/// Writes to stdout.
pub fn to_stdout(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

/// Writes one line to stderr, with the program's name in front.
pub fn line_to_stderr(line: impl std::fmt::Display) {
    let _ = io::stderr().write_all(format!("listenup: {line}\n").as_bytes());
}

/// The name of a device; its number where the name is gone.
pub fn device_name(index: u32) -> String {
    match if_indextoname(index) {
        Ok(name) => name.to_string_lossy().into_owned(),
        Err(_) => format!("number {index}"),
    }
}
