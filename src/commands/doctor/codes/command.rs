//! Codes about commands that call listenup.

use std::fmt;

use nix::errno::Errno;

use super::{codes, texts};
use crate::clock::HumanDuration;
use crate::commands::doctor::checks::OnFailure;
use crate::domain::{Answer, Protocol, Target};
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

/// Returns what happens until a check that fails passes again. `instances` are those on which it acts.
pub fn until_it_passes(on_failure: OnFailure, instances: &str) -> String {
    match on_failure {
        OnFailure::Unused | OnFailure::Notification => "Nothing tracks this check".to_owned(),
        OnFailure::Fault => format!("{instances} is in FAULT until this check passes"),
        OnFailure::Priority => {
            format!("{instances} has the priority of a failure until this check passes")
        }
        OnFailure::Server { .. } => "The real server is down until this check passes".to_owned(),
    }
}

texts! {
    /// The reason why a check was not evaluated.
    NotEvaluated {
        /// This user sees less than the user of the check.
        NotRoot(user: String) = "only root can find out what it finds as user {user}",
        /// All evaluations together took this long.
        NoTime(limit: HumanDuration) = "the {limit} for all checks together are over",
        /// It was ended after this time.
        Unfinished(limit: HumanDuration) = "it was ended after {limit}",
        /// A file could not be read.
        Unreadable(error: ReadError) = "the program cannot be read: {error}",
        /// The system does not allow it.
        System(error: String) = "{error}",
    }
}

impl NotEvaluated {
    /// Returns what to do.
    pub fn fix(&self) -> &'static str {
        match self {
            Self::NotRoot(_) | Self::System(_) => "run the doctor as root",
            Self::Unreadable(ReadError::System(Errno::EACCES | Errno::EPERM)) => {
                "run the doctor as root"
            }
            _ => "run the line by hand",
        }
    }
}

/// The answers of a check: what listenup says of each target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answers(pub Vec<(Target, Answer)>);

impl fmt::Display for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (target, answer)) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            let (word, reason) = answer.words();
            // "80 is listening", "80: could not tell".
            let verb = if word.ends_with("listening") {
                " is "
            } else {
                ": "
            };
            let word = match target.protocol {
                Protocol::Tcp => word.to_owned(),
                Protocol::Udp => word.replace("listening", "bound"),
            };
            write!(f, "{separator}{target}{verb}{word}")?;
            if let Some(reason) = &reason {
                write!(f, ": {reason}")?;
            }
        }
        Ok(())
    }
}
