//! Codes about checks by other programs, and the wording of what belongs to them.

use std::fmt;

use super::codes;

codes! {
    NOT_JUDGED = "LU301";
    NETSTAT_WITH_PIPE = "LU302";
    REFUSES_OPERATOR = "LU303";
    OPERATOR = "LU304";
    FIRST_WORD_ONLY = "LU305";
    MATCHES_OTHER_PORTS = "LU306";
    COUNTS_CONNECTIONS = "LU307";
    COMPARES_WITH_ONE = "LU308";
    PIPE_FAILS = "LU309";
    SUCCEEDS_ALWAYS = "LU310";
    PROCESS_ONLY = "LU313";
    FINDS_ITSELF = "LU314";
    KILLALL_RIGHTS = "LU315";
    OWNER_RIGHTS = "LU316";
    NAMES_OF_PORTS = "LU317";
    SLEEPS = "LU318";
    ACTS = "LU320";
    STOPS_KEEPALIVED = "LU321";
    NO_DEV_TCP = "LU322";
    CONNECTS = "LU323";
    READS_ALL = "LU324";
    NO_INTERPRETER = "LU331";
    CARRIAGE_RETURN = "LU332";
    INTERPRETER_MISSING = "LU333";
}

/// The fix of a finding whose check has a replacement.
pub const REPLACED: &str = "write {line}";

/// The reason why `--rewrite` leaves a check as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Left {
    /// This place is outside of what is known.
    NotUnderstood(String),
    /// It does something.
    Acts(String),
    /// It looks for a process.
    Process,
    /// Its success means something else.
    NotItsSuccess,
    /// It can only fail.
    FailsAlways,
    /// It can fail while the port is open.
    FailsAtTimes,
    /// The user lacks the rights.
    NeedsRoot,
    /// Several targets with conditions of their own.
    Mixed,
    /// The script section is not in one line of the file.
    NotInOneLine,
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotUnderstood(at) => return write!(f, "not understood: {at}"),
            Self::Acts(act) => return write!(f, "it also runs {act}"),
            Self::Process => "it looks for a process and does not name a port",
            Self::NotItsSuccess => "its result does not say whether the port is open",
            Self::FailsAlways => "it always fails; see listenup doctor",
            Self::FailsAtTimes => "it can fail while the port is open; see listenup doctor",
            Self::NeedsRoot => "--owner-process requires root, and its user is another",
            Self::Mixed => "one listenup command cannot express its conditions",
            Self::NotInOneLine => {
                "its command is not in one line of the file as keepalived reads it"
            }
        })
    }
}

/// A difference between a check and its replacement, which is stricter except for [`Difference::Connects`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// Only the port matches the pattern.
    Pattern(String),
    /// Connections no longer count.
    Connections,
    /// The name of the process must match whole.
    Owner(String),
    /// IPv4 only.
    Localhost,
    /// The check was always successful.
    Always,
    /// Looser: this program makes a connection, and listenup does not.
    Connects(String),
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pattern(text) => {
                return write!(
                    f,
                    "other ports and numbers that match {text} no longer count"
                );
            }
            Self::Connections => "connections no longer count",
            Self::Owner(name) => return write!(f, "the process must have exactly the name {name}"),
            Self::Localhost => "localhost is 127.0.0.1: a listener on ::1 alone no longer counts",
            Self::Always => "it can fail: today it always succeeds",
            Self::Connects(program) => {
                return write!(
                    f,
                    "looser: {program} also fails if the queue of the listener is full or a firewall refuses the \
                     connection, and listenup check does not (--max-queue looks at the queue)"
                );
            }
        })
    }
}

/// The reason why `--rewrite` rewrites nothing in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotRewritten {
    /// It cannot be read.
    Unread(String),
    /// A terminal would obey its text.
    Controls(usize),
    /// It has nothing of a configuration.
    NoConfiguration,
}

impl fmt::Display for NotRewritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unread(error) => write!(f, "cannot be read: {error}"),
            Self::Controls(line) => write!(f, "left as it is: line {line} has control characters"),
            Self::NoConfiguration => f.write_str(
                "is not a configuration of keepalived; for a script, name the keepalived.conf whose line runs it",
            ),
        }
    }
}
