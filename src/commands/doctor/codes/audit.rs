//! Codes about what the configuration means: users, paths, weights, tracking.

use std::path::Path;

use super::{codes, texts};

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
    NOT_READABLE = "LU223";
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
    FILE_LABEL = "LU262";
    FILE_IS_MOUNT = "LU263";
    NO_INTERFACE_HERE = "LU264";
}

texts! {
    /// The reason why users other than root can change something.
    #[derive(Copy, PartialEq, Eq)]
    Weakness {
        /// It belongs to another user.
        Owner = "does not belong to root",
        /// Its group can write to it.
        Group = "its group can write to it",
        /// All users can write to it.
        Others = "all users can write to it",
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

/// Returns what a number in a track_file means. `by_fault`: a number other than 0 puts the instance into FAULT.
pub fn meaning(value: i32, by_fault: bool) -> String {
    match (value, by_fault) {
        (0, _) => "up".to_owned(),
        (_, true) => "down".to_owned(),
        (value, false) => format!("{value:+} times the weight is added to the priority"),
    }
}

/// Returns the name of the unit listenup-watch@ that writes a file.
fn unit(path: &Path) -> Option<&str> {
    let rest = path.to_str()?.strip_prefix("/run/listenup-watch-")?;
    let unit = rest.strip_suffix("/track")?;
    Some(unit).filter(|unit| !unit.is_empty() && !unit.contains('/'))
}

/// Returns how to have a file updated.
pub fn writer_fix(path: &Path) -> String {
    match unit(path) {
        Some(unit) => format!("systemctl enable --now listenup-watch@{unit}"),
        None => format!(
            "start the program that writes {}; for a port: file /run/listenup-watch-PORT/track, and systemctl enable \
             --now listenup-watch@PORT",
            path.display()
        ),
    }
}

/// Returns how to find out whether something updates a file.
pub fn writer_status(path: &Path) -> String {
    let unit = unit(path).unwrap_or("*");
    format!("to see whether its writer runs: systemctl status 'listenup-watch@{unit}'")
}
