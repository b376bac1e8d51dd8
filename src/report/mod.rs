//! What is said to a person, and the exit status. A stream that is closed or full changes nothing
//! and is not an error.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use nix::net::if_::if_indextoname;

use crate::domain::{Answer, Exit, ExitCodes, Listener, OnUnknown, Target};

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

/// Writes one line a target to stdout.
pub fn answers(answers: &[(Target, Answer)]) {
    let mut text = String::new();
    for (target, answer) in answers {
        // Writing to a String cannot fail.
        let _ = match answer {
            Answer::Listening(listener) => {
                writeln!(
                    text,
                    "{target}: listening on {listener}{}",
                    device(listener)
                )
            }
            Answer::NotListening => writeln!(text, "{target}: not listening"),
            Answer::CouldNotTell(_) => writeln!(text, "{target}: could not tell"),
        };
    }
    let _ = io::stdout().write_all(text.as_bytes());
}

/// Writes each different reason for "could not tell" to stderr, once.
pub fn doubts(answers: &[(Target, Answer)]) {
    let mut said = Vec::new();
    for (target, answer) in answers {
        if let Answer::CouldNotTell(doubt) = answer {
            if !said.contains(&doubt) {
                said.push(doubt);
                line_to_stderr(format_args!("could not tell ({target}): {doubt}"));
            }
        }
    }
}

/// Writes one line to stderr, with the program's name in front.
pub fn line_to_stderr(line: impl std::fmt::Display) {
    let _ = io::stderr().write_all(format!("listenup: {line}\n").as_bytes());
}

/// The device's name as ss(8) has it in words; its number where the name is gone.
fn device(listener: &Listener) -> String {
    let Some(index) = listener.device else {
        return String::new();
    };
    match if_indextoname(index) {
        Ok(name) => format!(" (device {})", name.to_string_lossy()),
        Err(_) => format!(" (device number {index})"),
    }
}
