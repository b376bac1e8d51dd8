//! Codes about what the configuration means: users, paths, weights, tracking.

use std::fmt;
use std::path::Path;

use super::codes;
use crate::commands::doctor::command::Weakness;

codes! {
    SECURITY_OFF = "LU201";
    SCRIPT_USER_MISSING = "LU202";
    USER_UNKNOWN = "LU203";
    GROUP_UNKNOWN = "LU204";
    GROUP_TOO_LARGE = "LU205";
    ACCOUNTS_UNREADABLE = "LU206";
    USER_OPTION_UNKNOWN = "LU207";
    PROGRAM_MISSING = "LU211";
    NOT_IN_PATH = "LU212";
    NOT_ABSOLUTE = "LU213";
    FOLDER_NOT_ENTERED = "LU214";
    PATH_NOT_REGULAR = "LU215";
    NOT_EXECUTABLE = "LU216";
    ON_NOEXEC = "LU217";
    UNSAFE_FOLDER = "LU218";
    UNSAFE_FILE = "LU219";
    UNSAFE_FOLDER_RUNS = "LU220";
    UNSAFE_FILE_RUNS = "LU221";
    PATH_UNREADABLE = "LU222";
    REVERSE_ZERO = "LU231";
    REVERSE = "LU232";
    REVERSE_OTHER = "LU233";
    NOPREEMPT_WEIGHT = "LU234";
    ONE_FAILURE = "LU236";
    INIT_FAIL = "LU237";
    MOVES_BY_FAULT = "LU241";
    MOVES_BY_PRIORITY = "LU242";
    NOTHING_CHECKED = "LU243";
    SERVER_TAKEN_OUT = "LU244";
    FILE_UNUSED = "LU251";
    FILE_WEIGHT = "LU252";
    FILE_ABSENT = "LU253";
    FILE_VALUE = "LU255";
    FILE_NO_NUMBER = "LU256";
    FILE_UNREADABLE = "LU257";
    FILE_UNSAFE = "LU258";
    FILE_DOWN = "LU260";
    TRACK_PROCESS = "LU261";
}

impl fmt::Display for Weakness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Owner => "does not belong to root",
            Self::Group => "its group can write to it",
            Self::Others => "all users can write to it",
        })
    }
}

impl Weakness {
    /// Returns the command that removes it, without the path.
    pub fn repair(self, is_link: bool) -> &'static str {
        match self {
            Self::Owner if is_link => "chown -h root",
            Self::Owner => "chown root",
            Self::Group => "chmod g-w",
            Self::Others => "chmod o-w",
        }
    }
}

/// What to do if this user is not allowed to read something.
#[derive(Clone, Copy, Debug)]
pub struct RunAsRoot(pub bool);

impl fmt::Display for RunAsRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0 { "run the doctor as root" } else { "" })
    }
}

/// What a number in a track_file means.
#[derive(Clone, Copy, Debug)]
pub struct Meaning {
    /// The number.
    pub value: i32,
    /// A number other than 0 puts the instance into FAULT.
    pub by_fault: bool,
}

impl fmt::Display for Meaning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.value, self.by_fault) {
            (0, _) => f.write_str("up"),
            (_, true) => f.write_str("down"),
            (value, false) => write!(f, "{value:+} times the weight is added to the priority"),
        }
    }
}

/// Where the weight of a track_file comes from.
#[derive(Clone, Copy, Debug)]
pub enum WeightSource {
    /// The block has none.
    Default,
    /// It is written.
    Set(i32),
}

impl fmt::Display for WeightSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("the block has no weight, and keepalived uses 1"),
            Self::Set(weight) => write!(f, "its weight is {weight}"),
        }
    }
}

/// How to have a file updated.
#[derive(Clone, Debug)]
pub enum WriterFix {
    /// The unit listenup-watch@ of this name writes the file.
    Unit(String),
    /// Another program writes it.
    Other(String),
}

impl WriterFix {
    /// Returns what writes the file at this path.
    pub fn of(path: &Path) -> Self {
        let text = path.to_string_lossy();
        let unit = text
            .strip_prefix("/run/listenup-watch-")
            .and_then(|rest| rest.strip_suffix("/track"));
        match unit.filter(|unit| !unit.is_empty() && !unit.contains('/')) {
            Some(unit) => Self::Unit(unit.to_owned()),
            None => Self::Other(text.into_owned()),
        }
    }
}

impl fmt::Display for WriterFix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unit(unit) => write!(f, "systemctl enable --now listenup-watch@{unit}"),
            Self::Other(path) => write!(
                f,
                "start the program that writes {path}; for a port: file /run/listenup-watch-PORT/track, and systemctl \
                 enable --now listenup-watch@PORT"
            ),
        }
    }
}

/// How to find out whether something updates a file.
#[derive(Clone, Debug)]
pub struct WriterStatus(pub WriterFix);

impl fmt::Display for WriterStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match &self.0 {
            WriterFix::Unit(unit) => unit.as_str(),
            WriterFix::Other(_) => "*",
        };
        write!(
            f,
            "to see whether its writer runs: systemctl status 'listenup-watch@{unit}'"
        )
    }
}
