//! `track_file` and `vrrp_track_process`: what the file says, which users can change it, and the limits of tracking a
//! process.

use std::num::ParseIntError;
use std::path::Path;
use std::time::{Duration, SystemTime};

use nix::errno::Errno;

use super::seen::{doubtful_label, is_watchable};
use crate::commands::doctor::checks::OnFailure;
use crate::commands::doctor::codes::Code;
use crate::commands::doctor::codes::audit::{
    FILE_ABSENT, FILE_DOWN, FILE_IS_MOUNT, FILE_LABEL, FILE_NO_NUMBER, FILE_UNREADABLE,
    FILE_UNSAFE, FILE_UNUSED, FILE_VALUE, FILE_WEIGHT, TRACK_PROCESS, meaning, writer_fix,
    writer_status,
};
use crate::commands::doctor::codes::outcome::{AnyOf, NeverRun};
use crate::commands::doctor::command::Accounts;
use crate::commands::doctor::findings::{Finding, Values};
use crate::host::folders::insecure_part;
use crate::keepalived_conf::{Config, TrackFile, TrackProcess};
use crate::untrusted::{Limits, ReadError, RegularFile};

/// The limits for reading a track_file, which contains one number.
const LIMITS: Limits = Limits {
    bytes: 4096,
    lines: 100,
};

/// Examines all tracked files and processes.
pub fn examine(config: &Config, accounts: &Accounts) -> Vec<Finding> {
    let files = config.track_files.iter().flat_map(|file| {
        let tracked = TrackedFile {
            file,
            path: Path::new(&file.file.value),
            complete: config.complete,
        };
        let findings = tracked.examine(accounts).into_iter();
        findings.map(|found| found.at(&file.place))
    });
    files
        .chain(config.track_processes.iter().map(of_process))
        .collect()
}

struct TrackedFile<'a> {
    file: &'a TrackFile,
    path: &'a Path,
    /// True if the whole configuration was read.
    complete: bool,
}

impl TrackedFile<'_> {
    fn examine(&self, accounts: &Accounts) -> Vec<Finding> {
        let is_used = !self.file.tracked_by.is_empty() || !self.file.checked_by.is_empty();
        if !is_used {
            return match self.complete {
                true => vec![self.finding(FILE_UNUSED, &[])],
                false => Vec::new(),
            };
        }
        let weak = insecure_part(self.path, 0)
            .map(|part| self.finding(FILE_UNSAFE, &[("part", &accounts.shown(&part))]));
        weak.into_iter().chain(self.value()).collect()
    }

    /// Returns what the file says, and how old that is.
    fn value(&self) -> Vec<Finding> {
        let read = RegularFile::open(self.path).and_then(|file| Ok((file.read(LIMITS)?, file)));
        let (text, found) = match read {
            Ok((text, file)) => (text, file.metadata().clone()),
            Err(ReadError::System(Errno::ENOENT)) => {
                let absent = self.finding(FILE_ABSENT, &[]);
                return self.weight(0).into_iter().chain([absent]).collect();
            }
            Err(error) => {
                let is_refused = matches!(error, ReadError::System(Errno::EACCES | Errno::EPERM));
                let fix = if is_refused {
                    "run the doctor as root"
                } else {
                    ""
                };
                return vec![self.finding(FILE_UNREADABLE, &[("error", &error), ("fix", &fix)])];
            }
        };
        if let Some(unseen) = self.unseen() {
            return vec![unseen];
        }
        let value = match leading_number(&String::from_utf8_lossy(&text)) {
            Ok(Some(value)) => value,
            Ok(None) => return vec![self.finding(FILE_NO_NUMBER, &[])],
            Err(error) => {
                let values: Values = &[("error", &error), ("fix", &"")];
                return vec![self.finding(FILE_UNREADABLE, values)];
            }
        };
        let mut findings: Vec<Finding> = self.weight(value).into_iter().collect();
        findings.extend(self.is_down(value));
        findings.push(self.last_written(value, found.modified().ok()));
        findings
    }

    /// Reports a file whose number keepalived does not learn, or perhaps not.
    fn unseen(&self) -> Option<Finding> {
        if is_watchable(self.path) == Some(false) {
            return Some(self.finding(FILE_IS_MOUNT, &[]));
        }
        let label = doubtful_label(self.path)?;
        Some(self.finding(FILE_LABEL, &[("label", &label)]))
    }

    /// Reports a file whose writer writes 0 and 1, but whose number is added to the priority.
    fn weight(&self, value: i32) -> Option<Finding> {
        let mut weights = self.file.tracked_by.iter().map(|by| by.weight);
        let weight = weights.find(|weight| weight.value > 0 && !weight.reverse)?;
        // Other numbers are intended as changes of the priority.
        if !matches!(value, 0 | 1) {
            return None;
        }
        let change = format!("{:+}", weight.value);
        let values: Values = &[("change", &change), ("weight", &weight.value)];
        Some(self.finding(FILE_WEIGHT, values))
    }

    fn is_down(&self, value: i32) -> Option<Finding> {
        let by_fault = self
            .file
            .tracked_by
            .iter()
            .filter(|by| by.weight.value == 0);
        let instances: Vec<String> = by_fault.map(|by| by.instance.clone()).collect();
        if value == 0 || instances.is_empty() {
            return None;
        }
        Some(self.finding(
            FILE_DOWN,
            &[("value", &value), ("instances", &AnyOf(&instances))],
        ))
    }

    /// The doctor does not look for a writer: any process can look like a listenup watch.
    fn last_written(&self, value: i32, changed: Option<SystemTime>) -> Finding {
        let by_fault = self.file.tracked_by.iter().all(|by| by.weight.value == 0);
        let values: Values = &[
            ("value", &value),
            ("meaning", &meaning(value, by_fault)),
            ("age", &age(changed)),
            ("status", &writer_status(self.path)),
        ];
        self.finding(FILE_VALUE, values)
    }

    fn finding(&self, code: &'static Code, values: Values) -> Finding {
        let on_failure = match self.file.tracked_by.is_empty() {
            true => OnFailure::Server { dynamic: false },
            false => OnFailure::Fault,
        };
        let common: Values = &[
            ("name", &self.file.name),
            ("path", &self.path.display()),
            ("never", &NeverRun(on_failure)),
            ("fix", &writer_fix(self.path)),
        ];
        code.with(&[values, common].concat())
    }
}

/// Returns the number at the beginning of a track_file, as strtol(3) with base 0 reads it for keepalived
/// (keepalived/trackers/track_file.c, `process_track_file`). `None` if the file does not begin with a number.
///
/// # Errors
/// Returns an error if the number is too large.
fn leading_number(text: &str) -> Result<Option<i32>, ParseIntError> {
    let text = text.trim_ascii_start();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let hex = digits.strip_prefix("0x").or(digits.strip_prefix("0X"));
    let (radix, digits) = match hex.filter(|hex| hex.starts_with(|c: char| c.is_ascii_hexdigit())) {
        Some(hex) => (16, hex),
        None if digits.starts_with('0') => (8, digits),
        None => (10, digits),
    };
    let end = digits.find(|c: char| !c.is_digit(radix));
    match end.and_then(|end| digits.get(..end)).unwrap_or(digits) {
        "" => Ok(None),
        digits => i32::from_str_radix(&format!("{sign}{digits}"), radix).map(Some),
    }
}

fn age(changed: Option<SystemTime>) -> String {
    let age = changed.and_then(|changed| SystemTime::now().duration_since(changed).ok());
    let age = age.map(|age| Duration::from_secs(age.as_secs()));
    age.map_or("at an unknown time".to_owned(), |age| {
        format!("{} ago", humantime::format_duration(age))
    })
}

fn of_process(process: &TrackProcess) -> Finding {
    let program = process.process.join(" ");
    let finding = TRACK_PROCESS.with(&[("name", &process.name), ("program", &program)]);
    finding.at(&process.place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_as_keepalived_reads_it() {
        for (text, number) in [
            ("1\n", Some(1)),
            (" \n-254\n", Some(-254)),
            ("+3", Some(3)),
            ("1 failed", Some(1)),
            ("0x1f", Some(31)),
            ("0x", Some(0)),
            ("010", Some(8)),
            ("09", Some(0)),
            ("", None),
            ("abc", None),
            ("- 1", None),
        ] {
            assert_eq!(leading_number(text), Ok(number), "{text:?}");
        }
        for large in ["2147483648", "-2147483649"] {
            assert!(leading_number(large).is_err(), "{large}");
        }
    }
}
