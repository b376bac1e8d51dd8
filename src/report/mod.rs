//! What is said to a person or a program, and the exit status.

pub mod json;
mod nagios;
pub mod stream;
pub mod table;
mod text;

use nix::errno::Errno;
use nix::net::if_::if_indextoname;

use crate::cli::Format;
use crate::domain::{Answer, Exit, ExitCodes, MaxQueue, OnUnknown, Verdict, Wanted};
use crate::judge::Outcome;
use crate::source::InWords;

use self::stream::Wait;

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
    /// What should be so.
    pub wanted: Wanted,
    /// Of how many targets.
    pub needed: usize,
}

impl Checked {
    /// The answers, with the reasons for doubts, and the warnings, in one line. Where it is not well it
    /// begins with what is in the way, since a pager or a list of services may show no more.
    pub fn reason(&self) -> String {
        let mut answers: Vec<_> = self.outcome.answers.iter().collect();
        if !self.verdict.is_healthy() {
            answers.sort_by_key(|(_, answer)| match answer {
                answer if answer.is(self.wanted) => 2,
                Answer::CouldNotTell(_) => 1,
                _ => 0,
            });
        }
        let answers = answers.into_iter().map(|(target, answer)| match answer {
            Answer::CouldNotTell(doubt) => format!("{target}: could not tell: {doubt}"),
            answer => format!("{target}: {}", text::in_words(answer, self.verdict)),
        });
        let said = text::missing(self).into_iter().chain(answers);
        let warnings = self.outcome.warnings.iter().cloned();
        said.chain(warnings).collect::<Vec<_>>().join("; ")
    }
}

/// Says how a check ended: on stdout unless `quiet`. What is doubtful goes to stderr where stdout does
/// not have it. A stream that is closed or full changes nothing.
pub fn checked(checked: &Checked, format: Format, quiet: bool, wait: Wait<'_>) {
    if !quiet {
        let text = match format {
            Format::Text => text::answers(checked),
            Format::Json => json::line(&json::checked(checked)),
            Format::Nagios => nagios::line(checked),
        };
        let _ = stream::stdout(&text, wait);
    }
    if quiet || format == Format::Text {
        for line in text::doubts(&checked.outcome) {
            line_to_stderr(line, wait);
        }
    }
}

/// Says what is wrong with a command line: `full` on stderr and, since a Nagios reads stdout alone, the
/// `reason` there.
pub fn wrong_usage(full: &str, reason: &str, format: Format, wait: Wait<'_>) {
    if format == Format::Nagios {
        let _ = stream::stdout(&nagios::wrong_usage(reason), wait);
    }
    let _ = stream::stderr(&mut full.as_bytes(), wait);
}

/// Says that a command line which could be read names what does not exist.
pub fn no_such(what: &str, format: Format, wait: Wait<'_>) {
    let full = format!("listenup: wrong usage: {what}\n");
    wrong_usage(&full, what, format, wait);
}

/// Writes what was asked for to stdout. Returns whether it got there; if not, stderr has the reason,
/// but for a reader who has gone, as `head` does.
pub fn deliver(text: &str, wait: Wait<'_>) -> bool {
    match stream::stdout(text, wait) {
        Ok(()) => true,
        Err(Errno::EPIPE) => false,
        Err(errno) => {
            let why = InWords(errno);
            line_to_stderr(format_args!("cannot write to stdout: {why}"), wait);
            false
        }
    }
}

/// Writes one line to stderr, with the program's name in front.
pub fn line_to_stderr(line: impl std::fmt::Display, wait: Wait<'_>) {
    let _ = stream::stderr(&mut format!("listenup: {line}\n").as_bytes(), wait);
}

/// The name of a device; its number where the name is gone.
pub fn device_name(index: u32) -> String {
    match if_indextoname(index) {
        Ok(name) => name.to_string_lossy().into_owned(),
        Err(_) => format!("number {index}"),
    }
}
