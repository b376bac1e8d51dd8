//! One line with `script` in a vrrp_script: what keepalived makes of it, and what listenup would.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::time::Duration;

use super::conf::{Call, Conf, Value, VrrpScript, Words};
use super::conf_words::Malformed;
use super::findings::Finding;
use super::path_security::is_same;
use crate::cli::{self, Request};
use crate::clock::Shown;

/// keepalived's `interval` where a block has none, and its `timeout` is the interval then.
const INTERVAL: Duration = Duration::from_secs(1);

/// The most seconds that keepalived takes: UINT_MAX over its TIMER_HZ (2.2.7, vrrp_parser.c).
const MOST_SECONDS: u32 = 4294;

/// A line, its block and its file.
pub struct Line<'a> {
    file: &'a Path,
    script: &'a VrrpScript,
    call: &'a Call,
}

/// How a line calls listenup.
pub enum Use<'a> {
    /// keepalived cannot read the line.
    Malformed(Malformed),
    /// With a definition in the line.
    Defined,
    /// Another program may call it.
    Indirect(&'a Words),
    /// As the program.
    Direct(&'a Words),
}

impl<'a> Line<'a> {
    /// The line of this call in this block of this file.
    pub fn new(file: &'a Path, script: &'a VrrpScript, call: &'a Call) -> Self {
        Self { file, script, call }
    }

    /// For a person: the file, the line and the name of the script.
    pub fn place(&self) -> String {
        let (file, line) = (self.file.display(), self.call.line);
        format!("{file}:{line}: {}", self.script.name)
    }

    /// How the line calls listenup, if it does. `own` is this program, which may have another name.
    pub fn used(&self, conf: &Conf, own: Option<&Path>) -> Option<Use<'a>> {
        let text = &self.call.text;
        let mentioned = text.windows(8).any(|part| part == b"listenup");
        let words = match &self.call.words {
            Err(malformed) => return mentioned.then_some(Use::Malformed(*malformed)),
            Ok(_) if conf.is_defined(text) => return mentioned.then_some(Use::Defined),
            Ok(words) => words,
        };
        let program = Path::new(OsStr::from_bytes(words.command.first()?));
        let named = program.file_name() == Some(OsStr::new("listenup"));
        if named || own.is_some_and(|own| is_same(own, program)) {
            return Some(Use::Direct(words));
        }
        mentioned.then_some(Use::Indirect(words))
    }

    /// What is wrong with it. One finding when nothing is wrong.
    pub fn examine(&self, used: &Use<'_>) -> Vec<Finding> {
        let place = self.place();
        match used {
            Use::Malformed(malformed) => vec![Finding::problem(
                format!("{place}: {malformed}"),
                "keepalived cannot read this line; 2.2.7 dies of it",
            )],
            Use::Defined => vec![Finding::note(
                format!("{place}: uses a definition, which the doctor does not expand"),
                "this line was not judged",
            )],
            Use::Indirect(words) => vec![self.shell(words, is_operator).unwrap_or_else(|| {
                Finding::note(
                    format!("{place}: calls listenup by way of another program"),
                    "this line was not judged",
                )
            })],
            Use::Direct(words) => {
                let mut findings = self.command(words);
                if findings.is_empty() {
                    let command = in_words(&words.command);
                    findings.push(Finding::ok(format!("{place}: {command}")));
                }
                findings
            }
        }
    }

    fn command(&self, words: &Words) -> Vec<Finding> {
        let mut findings = Vec::new();
        let program = words.command.first().map(Vec::as_slice).unwrap_or_default();
        if !program.starts_with(b"/") {
            findings.push(Finding::problem(
                format!("{}: {} is no absolute path", self.place(), lossy(program)),
                "keepalived searches for it by its own PATH, or in its own folder",
            ));
        }
        // After either of these the rest is not what was meant.
        let broken = self.dropped(words).or_else(|| self.shell(words, is_shell));
        match broken {
            Some(problem) => findings.push(problem),
            None => findings.extend(self.arguments(&words.command)),
        }
        findings
    }

    fn dropped(&self, words: &Words) -> Option<Finding> {
        if words.dropped.is_empty() {
            return None;
        }
        let dropped = in_words(&words.dropped);
        let whole = in_words(words.command.iter().chain(&words.dropped));
        Some(Finding::problem(
            format!(
                "{}: keepalived drops what is outside the quotes: {dropped}",
                self.place()
            ),
            format!("script \"{whole}\""),
        ))
    }

    fn shell(&self, words: &Words, is_for_it: fn(&[u8]) -> bool) -> Option<Finding> {
        let word = words.command.iter().find(|word| is_for_it(word))?;
        Some(Finding::problem(
            format!(
                "{}: keepalived starts no shell for {}",
                self.place(),
                lossy(word)
            ),
            "it arrives as an argument; leave it out (-q prints nothing)",
        ))
    }

    /// Lets the program's own command line judge the words.
    fn arguments(&self, command: &[Vec<u8>]) -> Vec<Finding> {
        let place = self.place();
        let words = command.iter().cloned().map(OsString::from_vec);
        match cli::parse(words) {
            Ok(Request::Check(options)) => self.times(options.timing.timeout),
            Ok(_) => vec![Finding::problem(
                format!("{place}: {} is not `listenup check`", in_words(command)),
                "its exit status is not that of a check",
            )],
            Err(refusal) if refusal.is_help() => vec![Finding::problem(
                format!("{place}: {} exits with 0 always", in_words(command)),
                "it looks at nothing",
            )],
            Err(refusal) => vec![Finding::problem(
                format!("{place}: {refusal}"),
                "listenup refuses it, so the check fails always",
            )],
        }
    }

    /// keepalived must not end the check before the check itself does.
    fn times(&self, ours: Duration) -> Vec<Finding> {
        let mut findings = Vec::new();
        let interval = self.seconds("interval", self.script.interval.as_ref(), &mut findings);
        let interval = interval.unwrap_or(INTERVAL);
        let timeout = self.seconds("timeout", self.script.timeout.as_ref(), &mut findings);
        let timeout = timeout.unwrap_or(interval);
        let place = self.place();
        if ours >= timeout {
            findings.push(Finding::problem(
                format!(
                    "{place}: --timeout {} is not shorter than keepalived's timeout of {}",
                    Shown(ours),
                    Shown(timeout)
                ),
                "keepalived ends the check first, which counts as down: lower --timeout, raise timeout",
            ));
        } else if ours >= interval {
            findings.push(Finding::note(
                format!(
                    "{place}: --timeout {} is not shorter than the interval of {}",
                    Shown(ours),
                    Shown(interval)
                ),
                "keepalived 2.1.3 to 2.3.2 starts a slow check again on top of itself",
            ));
        }
        findings
    }

    /// The time in a line, the least that any version makes of it. `None` where there is no such line, or
    /// keepalived ignores it.
    fn seconds(
        &self,
        keyword: &str,
        value: Option<&Value>,
        findings: &mut Vec<Finding>,
    ) -> Option<Duration> {
        let value = value?;
        let at = format!("{}:{}", self.file.display(), value.line);
        let word = value.words.first().map(String::as_str).unwrap_or_default();
        let whole = leading_digits(word);
        let taken = whole.map(|seconds| Duration::from_secs(u64::from(seconds.max(1))));
        let decimals = word.parse().map(Duration::try_from_secs_f64);
        let plain = word
            .trim_start_matches('+')
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
        match (taken, decimals) {
            (None, _) => findings.push(Finding::problem(
                format!("{at}: {keyword} {word} is not from 1 to {MOST_SECONDS} seconds"),
                "keepalived ignores it",
            )),
            (Some(taken), Ok(Ok(exact))) if plain && taken == exact => {}
            (Some(taken), Ok(Ok(exact))) if plain && !exact.is_zero() => {
                findings.push(Finding::note(
                    format!("{at}: {keyword} {word} is not a whole number of seconds"),
                    format!("keepalived before 2.3.2 takes {}", Shown(taken)),
                ));
                return Some(exact.min(taken));
            }
            (Some(taken), _) => findings.push(Finding::problem(
                format!("{at}: {keyword} {word} is no time in seconds"),
                format!(
                    "keepalived 2.2.7 takes {}, -t and others ignore it",
                    Shown(taken)
                ),
            )),
        }
        taken
    }
}

/// What keepalived takes of a word, as strtoul(3) does. `None`: it says "invalid" or "must be between", and
/// ignores the line (2.2.7, lib/parser.c: read_int_func; vrrp_parser.c).
fn leading_digits(word: &str) -> Option<u32> {
    let unsigned = word.strip_prefix('+').unwrap_or(word);
    let end = unsigned.bytes().position(|byte| !byte.is_ascii_digit());
    let digits = unsigned.get(..end.unwrap_or(unsigned.len()))?;
    let number = match digits {
        "" => 0,
        digits => digits.parse().ok()?,
    };
    (number <= MOST_SECONDS && !word.starts_with('-')).then_some(number)
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

fn in_words<'a>(words: impl IntoIterator<Item = &'a Vec<u8>>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| lossy(word)).collect();
    words.join(" ")
}

fn lossy(word: &[u8]) -> String {
    String::from_utf8_lossy(word).into_owned()
}
