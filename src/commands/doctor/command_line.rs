//! A command that calls listenup: what keepalived makes of it, and what listenup would.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::time::Duration;

use super::checks::{Check, OnFailure, in_words};
use super::findings::Finding;
use super::path_security::is_same;
use crate::cli::{self, CheckOptions, Request};
use crate::clock::Shown;
use crate::domain::ExitCodes;

/// How a command calls listenup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// As the program.
    Direct,
    /// Another program may call it.
    Indirect,
    /// Not at all.
    No,
}

/// How a command calls listenup. `own` is this program, which may have another name.
pub fn used(check: &Check<'_>, own: Option<&Path>) -> Use {
    let program = Path::new(OsStr::from_bytes(check.program()));
    let named = program.file_name() == Some(OsStr::new("listenup"));
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-".contains(byte);
    let has_name = |word: &Vec<u8>| {
        let mut paths = word.split(|byte| !is_part(byte));
        paths.any(|path| path == b"listenup" || path.ends_with(b"/listenup"))
    };
    if named || own.is_some_and(|own| is_same(own, program)) {
        Use::Direct
    } else if check.words.iter().any(has_name) {
        Use::Indirect
    } else {
        Use::No
    }
}

/// What a direct call amounts to.
#[derive(Debug)]
pub struct Call {
    /// What is wrong with it, or worth a note.
    pub findings: Vec<Finding>,
    /// The options of its check. `None`: it is no check, or the words are not those that were meant.
    pub options: Option<CheckOptions>,
}

/// Looks at the words of a direct call.
pub fn examine(check: &Check<'_>) -> Call {
    let mut findings = Vec::new();
    if !check.program().starts_with(b"/") {
        findings.push(Finding::problem(
            format!(
                "{}: keepalived searches for the program by its own PATH, or in its own folder",
                check.name
            ),
            format!("{} is no absolute path", in_words(check.words.first())),
            "write the whole path",
        ));
    }
    // Where words were dropped, which the reader tells, the rest is not what was meant.
    let options = if !check.command.rest.is_empty() {
        None
    } else if let Some(finding) = shell(check, is_shell) {
        findings.push(finding);
        None
    } else {
        arguments(check, &mut findings)
    };
    let at = |finding: Finding| finding.at(check.place());
    Call {
        findings: findings.into_iter().map(at).collect(),
        options,
    }
}

/// What is known of a call by way of another program.
pub fn examine_indirect(check: &Check<'_>) -> Finding {
    let finding = shell(check, is_operator).unwrap_or_else(|| {
        Finding::note(
            format!("{}: calls listenup by way of another program", check.name),
            "this line was not judged",
            "let keepalived call listenup itself",
        )
    });
    finding.at(check.place())
}

fn shell(check: &Check<'_>, is_for_it: fn(&[u8]) -> bool) -> Option<Finding> {
    let word = check.words.iter().find(|word| is_for_it(word))?;
    let word = String::from_utf8_lossy(word);
    Some(Finding::problem(
        format!("{}: {word} arrives as an argument", check.name),
        format!("keepalived starts no shell for {word}"),
        "leave it out (-q prints nothing)",
    ))
}

/// Lets the program's own command line judge the words.
fn arguments(check: &Check<'_>, findings: &mut Vec<Finding>) -> Option<CheckOptions> {
    let words = check.words.iter().cloned().map(OsString::from_vec);
    let name = &check.name;
    match cli::parse(words) {
        Ok(Request::Check(options)) => {
            findings.extend(times(check, options.timing.timeout));
            findings.extend(codes(check, &options));
            return Some(options);
        }
        Ok(_) => findings.push(Finding::problem(
            format!("{name}: its exit status is not that of a check"),
            format!("{} is not `listenup check`", check.in_words()),
            "write listenup check",
        )),
        Err(refusal) if refusal.is_help() => findings.push(Finding::problem(
            format!("{name}: it succeeds always, and looks at nothing"),
            format!("{} exits with 0 always", check.in_words()),
            "write listenup check and a target",
        )),
        Err(refusal) => findings.push(Finding::problem(
            format!("{name}: {}", check.on_failure.of_failing_always()),
            format!("listenup refuses the line: {refusal}"),
            "see listenup check --help",
        )),
    }
    None
}

/// keepalived must not end the check before the check itself does.
fn times(check: &Check<'_>, ours: Duration) -> Option<Finding> {
    let (name, timeout, interval) = (&check.name, check.timeout, check.interval);
    if ours >= timeout {
        Some(Finding::problem(
            format!(
                "{name}: keepalived ends a slow check first, which counts as down: {}",
                check.on_failure.of_a_failure()
            ),
            format!(
                "--timeout {} is not shorter than keepalived's timeout of {}",
                Shown(ours),
                Shown(timeout)
            ),
            "lower --timeout, or raise keepalived's timeout",
        ))
    } else if ours >= interval {
        Some(Finding::note(
            format!("{name}: keepalived 2.1.3 to 2.3.2 starts a slow check again on top of itself"),
            format!(
                "--timeout {} is not shorter than the interval of {}",
                Shown(ours),
                Shown(interval)
            ),
            "lower --timeout, or raise the interval",
        ))
    } else {
        None
    }
}

/// Exit codes that keepalived takes for weights.
fn codes(check: &Check<'_>, options: &CheckOptions) -> Option<Finding> {
    let dynamic = OnFailure::Server { dynamic: true };
    let plain = options.exit_codes == ExitCodes::Keepalived;
    (check.on_failure == dynamic && !plain).then(|| {
        Finding::problem(
            format!(
                "{}: the real server stays up although nothing listens",
                check.name
            ),
            "misc_dynamic takes exit codes from 2 on for up, with the code less 2 as the weight",
            "write --exit-codes keepalived, or take misc_dynamic out",
        )
    })
}

/// A word that means something to a shell and nothing to listenup.
fn is_shell(word: &[u8]) -> bool {
    word.iter().any(|byte| b"|&;<>$`()~".contains(byte))
}

/// A word that can only be meant for a shell. Another program may be one, so words with other
/// characters beside these may be all right.
fn is_operator(word: &[u8]) -> bool {
    !word.is_empty() && word.iter().all(|byte| b"|&;<>".contains(byte))
}
