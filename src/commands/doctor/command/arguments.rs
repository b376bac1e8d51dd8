//! A command that calls listenup: how keepalived starts it, and how listenup reads its arguments.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use super::path::is_same;
use crate::cli::{self, CheckOptions, Request};
use crate::clock::HumanDuration;
use crate::commands::doctor::checks::{Check, OnFailure};
use crate::commands::doctor::codes::command::{
    DYNAMIC, HELP, NOT_A_CHECK, OVERLAP, REFUSED, SHELL_WORD, TIMEOUTS,
};
use crate::commands::doctor::findings::{Finding, Findings};
use crate::domain::ExitCodes;
use crate::keepalived_conf::Version;

/// The way in which a command calls listenup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invocation {
    /// The command's program is listenup.
    Direct,
    /// Another program probably calls listenup.
    ViaWrapper,
    /// The command does not call listenup.
    None,
}

/// Returns how a command calls listenup. `own` is this program, and `path` the file that the command executes.
pub fn classify(check: &Check<'_>, own: Option<&Path>, path: Option<&Path>) -> Invocation {
    let named = check.path().file_name() == Some(OsStr::new("listenup"));
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-".contains(byte);
    let has_name = |word: &Vec<u8>| {
        let mut paths = word.split(|byte| !is_part(byte));
        paths.any(|path| path == b"listenup" || path.ends_with(b"/listenup"))
    };
    let is_own = own.zip(path).is_some_and(|(own, path)| is_same(own, path));
    if named || is_own {
        Invocation::Direct
    } else if check.words.iter().any(has_name) {
        Invocation::ViaWrapper
    } else {
        Invocation::None
    }
}

/// Returns the options of a direct call of `listenup check`. `None`: it is not a check, or the words are not those that
/// were meant. An unknown version is treated as one with all defects.
pub fn examine(
    check: &Check<'_>,
    version: Option<Version>,
    findings: &mut Findings,
) -> Option<CheckOptions> {
    // If words were dropped, which the reader reports, the rest is not what was meant.
    if !check.command.rest.is_empty() {
        return None;
    }
    let is_for_a_shell = |word: &&Vec<u8>| word.iter().any(|byte| b"|&;<>$`()~".contains(byte));
    if let Some(word) = check.words.iter().find(is_for_a_shell) {
        let word = String::from_utf8_lossy(word);
        findings.add(check.finding(SHELL_WORD, &[("word", &word)]));
        return None;
    }
    let line = check.command_line();
    let finding = match cli::parse(check.words.iter().cloned().map(OsString::from_vec)) {
        Ok(Request::Check(options)) => {
            findings.extend(times(check, &options, version));
            let is_dynamic = check.on_failure == OnFailure::Server { dynamic: true };
            if is_dynamic && options.exit_codes != ExitCodes::Keepalived {
                findings.add(check.finding(DYNAMIC, &[]));
            }
            return Some(options);
        }
        Ok(_) => check.finding(NOT_A_CHECK, &[("line", &line)]),
        Err(refusal) if refusal.is_help() => check.finding(HELP, &[("line", &line)]),
        Err(refusal) => check.finding(REFUSED, &[("why", &refusal)]),
    };
    findings.add(finding);
    None
}

/// Reports a check that keepalived kills before listenup's own time limit.
fn times(check: &Check<'_>, options: &CheckOptions, version: Option<Version>) -> Option<Finding> {
    let (timeout, interval) = (check.timeout, check.interval);
    let ours = options.timing.timeout;
    let overlaps = version
        .is_none_or(|version| (Version::new(2, 1, 3)..Version::new(2, 3, 3)).contains(&version));
    let code = match () {
        () if ours >= timeout => TIMEOUTS,
        () if ours >= interval && overlaps => OVERLAP,
        () => return None,
    };
    Some(check.finding(code, &[("ours", &HumanDuration(ours))]))
}
