//! Codes about commands that call listenup.

use std::fmt;
use std::time::Duration;

use super::codes;
use crate::clock::Shown;
use crate::commands::doctor::checks::OnFailure;
use crate::domain::{self, Target};
use crate::untrusted::ReadError;

codes! {
    INDIRECT = "LU401";
    SHELL_WORD = "LU402";
    NOT_A_CHECK = "LU403";
    HELP = "LU404";
    REFUSED = "LU405";
    TIMEOUTS = "LU406";
    OVERLAP = "LU407";
    DYNAMIC = "LU408";
    CURRENT = "LU411";
    FAILING = "LU412";
    UNKNOWN_IS_UP = "LU413";
    COULD_NOT_TELL = "LU414";
    NAMES_NOTHING = "LU415";
    REMOTE = "LU416";
    NOT_EVALUATED = "LU417";
    OTHER_FILE = "LU418";
    OTHER_NAMESPACE = "LU421";
    NO_NAMESPACE = "LU422";
    DEADLOCK = "LU423";
}

/// What happens until a check that fails passes again.
#[derive(Clone, Debug)]
pub struct UntilItPasses {
    /// What its result is for.
    pub on_failure: OnFailure,
    /// The instances on which it acts.
    pub instances: Vec<String>,
}

impl fmt::Display for UntilItPasses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.instances.join(", ");
        match self.on_failure {
            OnFailure::Unused => f.write_str("Nothing tracks this check"),
            OnFailure::Fault => write!(f, "{all} is in FAULT until this check passes"),
            OnFailure::Priority => {
                write!(
                    f,
                    "{all} has the priority of a failure until this check passes"
                )
            }
            OnFailure::Server { .. } => {
                f.write_str("The real server is down until this check passes")
            }
        }
    }
}

/// Why a check was not evaluated.
#[derive(Clone, Debug)]
pub enum NotEvaluated {
    /// This user sees less than the user of the check.
    NotRoot(String),
    /// All evaluations together took this long.
    NoTime(Duration),
    /// It was ended after this time.
    Unfinished(Duration),
    /// A file could not be read.
    Unreadable(ReadError),
    /// The system does not allow it.
    System(String),
}

impl NotEvaluated {
    /// Returns what to do.
    pub fn fix(&self) -> &'static str {
        match self {
            Self::NotRoot(_) | Self::Unreadable(_) | Self::System(_) => "run the doctor as root",
            _ => "run the line by hand",
        }
    }
}

impl fmt::Display for NotEvaluated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRoot(user) => write!(f, "only root can find out what it finds as user {user}"),
            Self::NoTime(limit) => {
                write!(f, "the {} for all checks together are over", Shown(*limit))
            }
            Self::Unfinished(limit) => write!(f, "it was ended after {}", Shown(*limit)),
            Self::Unreadable(error) => write!(f, "the program cannot be read: {error}"),
            Self::System(error) => f.write_str(error),
        }
    }
}

/// What a check found: its targets and what listenup says of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answers(pub Vec<Answer>);

/// What listenup says of one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The target.
    pub target: String,
    /// listenup's word.
    pub answer: String,
    /// listenup's reason.
    pub reason: Option<String>,
}

impl Answer {
    /// An answer about a target, in words.
    pub fn of((target, answer): &(Target, domain::Answer)) -> Self {
        let (word, reason) = answer.in_words();
        Self {
            target: target.to_string(),
            answer: word.to_owned(),
            reason,
        }
    }
}

impl fmt::Display for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, answer) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            let target = &answer.target;
            let word = match target.starts_with("udp:") {
                true => answer.answer.replace("listening", "bound"),
                false => answer.answer.clone(),
            };
            // "80 is listening", "80: could not tell".
            let verb = match answer.answer.ends_with("listening") {
                true => " is ",
                false => ": ",
            };
            write!(f, "{separator}{target}{verb}{word}")?;
            if let Some(reason) = &answer.reason {
                write!(f, ": {reason}")?;
            }
        }
        Ok(())
    }
}
