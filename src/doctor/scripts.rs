//! The vrrp_scripts of a keepalived.conf that call listenup, and what is wrong with them.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::accounts::{Accounts, ScriptUser};
use super::conf::{Call, Conf, Value, VrrpScript, Words};
use super::findings::Finding;
use super::path::Security;
use crate::cli::{self, Request};

/// keepalived's `interval` where a block has none, and its `timeout` is the interval then.
const INTERVAL: Duration = Duration::from_secs(1);

/// A file and what it says.
#[derive(Debug)]
pub struct File {
    /// As it was given.
    pub path: PathBuf,
    /// What it says.
    pub conf: Conf,
}

/// All files together, as one keepalived would read them.
pub struct Setup<'a> {
    /// In the order they were given.
    pub files: &'a [File],
    /// Who there is.
    pub accounts: &'a Accounts,
    /// The user to judge by, whatever the files say.
    pub user: Option<&'a ScriptUser>,
    /// This program, to know it by another name.
    pub own: Option<&'a Path>,
}

/// A program that keepalived would run, and as whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Its absolute path.
    pub path: PathBuf,
    /// The user.
    pub user: ScriptUser,
    /// Whether an unsafe path keeps keepalived from running it.
    pub security: Security,
}

impl Setup<'_> {
    /// Reads all lines that call listenup. The programs in them, each once.
    pub fn examine(&self) -> (Vec<Finding>, Vec<Program>) {
        let mut findings = self.global();
        let mut programs = Vec::new();
        let mut called = false;
        for file in self.files {
            let scripts = file.conf.scripts.iter();
            for (script, call) in
                scripts.flat_map(|script| script.calls.iter().map(move |call| (script, call)))
            {
                let Some(caller) = self.caller(file, call) else {
                    continue;
                };
                called = true;
                let at = format!("{}:{}", file.path.display(), call.line);
                let place = Place { at, file, script };
                findings.extend(place.examine(call, caller));
                let user = self.user_of(&place).unwrap_or_else(|problem| {
                    if !findings.contains(&problem) {
                        findings.push(problem);
                    }
                    Accounts::root()
                });
                let program = self.program(call, caller, user);
                programs.extend(program.filter(|program| !programs.contains(program)));
                findings.extend(self.untracked(&place));
            }
        }
        if !called && !self.files.is_empty() {
            findings.push(Finding::note(
                "no vrrp_script in keepalived.conf calls listenup",
                "there is a block to paste below",
            ));
        }
        (findings, programs)
    }

    /// The user where no script has one of its own.
    pub fn default_user(&self) -> Result<ScriptUser, Finding> {
        if let Some(user) = self.user {
            return Ok(user.clone());
        }
        for file in self.files {
            if let Some(value) = &file.conf.script_user {
                let at = format!("{}:{}", file.path.display(), value.line);
                return self.accounts.by_conf(&at, value);
            }
        }
        Ok(self
            .accounts
            .keepalived_script()
            .unwrap_or_else(Accounts::root))
    }

    /// Without a file it is judged as if script security were enabled.
    pub fn security(&self) -> Security {
        match self.files.is_empty() || self.security_line().is_some() {
            true => Security::Enabled,
            false => Security::Disabled,
        }
    }

    fn security_line(&self) -> Option<String> {
        self.files.iter().find_map(|file| {
            let line = file.conf.script_security?;
            Some(format!("{}:{line}", file.path.display()))
        })
    }

    /// What concerns the files as a whole.
    fn global(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for file in self.files {
            for include in &file.conf.includes {
                findings.push(Finding::note(
                    format!(
                        "{}:{}: includes {}, which was not read",
                        file.path.display(),
                        include.line,
                        include.words.join(" ")
                    ),
                    "give it by a further --keepalived-conf",
                ));
            }
        }
        if self.security() == Security::Disabled {
            findings.push(Finding::note(
                "keepalived.conf has no enable_script_security",
                "keepalived runs what anybody may have written, and logs a SECURITY VIOLATION",
            ));
        }
        findings
    }

    /// How a line calls listenup, if it does.
    fn caller(&self, file: &File, call: &Call) -> Option<Caller> {
        let mentioned = call.text.windows(8).any(|part| part == b"listenup");
        let Ok(Words { command, .. }) = &call.words else {
            return mentioned.then_some(Caller::Unreadable);
        };
        if file.conf.is_defined(&call.text) {
            return mentioned.then_some(Caller::Defined);
        }
        let program = Path::new(OsStr::from_bytes(command.first()?));
        let same = |own: &Path| is_same(own, program);
        if program.file_name() == Some(OsStr::new("listenup")) || self.own.is_some_and(same) {
            Some(Caller::Direct)
        } else {
            mentioned.then_some(Caller::Other)
        }
    }

    fn user_of(&self, place: &Place<'_>) -> Result<ScriptUser, Finding> {
        if let (None, Some(value)) = (self.user, &place.script.user) {
            let at = format!("{}:{}", place.file.path.display(), value.line);
            return self.accounts.by_conf(&at, value);
        }
        let named = self.user.is_some()
            || self
                .files
                .iter()
                .any(|file| file.conf.script_user.is_some())
            || self.accounts.keepalived_script().is_some();
        match self.security_line().filter(|_| !named) {
            Some(line) => Err(Finding::problem(
                format!(
                    "{line}: enable_script_security, and no user to run scripts as: keepalived removes them"
                ),
                "script_user root in global_defs, or create a user keepalived_script",
            )),
            None => self.default_user(),
        }
    }

    fn program(&self, call: &Call, caller: Caller, user: ScriptUser) -> Option<Program> {
        let words = call
            .words
            .as_ref()
            .ok()
            .filter(|_| caller == Caller::Direct)?;
        let path = PathBuf::from(OsString::from_vec(words.command.first()?.clone()));
        path.is_absolute().then(|| Program {
            path,
            user,
            security: self.security(),
        })
    }

    /// A script that no instance tracks; told only where all was read.
    fn untracked(&self, place: &Place<'_>) -> Option<Finding> {
        let name = &place.script.name;
        let mut confs = self.files.iter().map(|file| &file.conf);
        let known = confs.all(|conf| conf.includes.is_empty() && !conf.tracked.contains(name));
        known.then(|| {
            Finding::note(
                format!("{}: no track_script names {name}", place.at),
                "keepalived does not use it",
            )
        })
    }
}

/// The same file, by whatever name.
fn is_same(one: &Path, other: &Path) -> bool {
    let identity = |path| fs::metadata(path).ok().map(|file| (file.dev(), file.ino()));
    identity(one).is_some_and(|one| identity(other) == Some(one))
}

/// How a line calls listenup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Caller {
    /// As the program.
    Direct,
    /// It is an argument of another program.
    Other,
    /// With a definition in the line.
    Defined,
    /// keepalived cannot read the line.
    Unreadable,
}

/// A line in a block in a file.
struct Place<'a> {
    /// For a person.
    at: String,
    file: &'a File,
    script: &'a VrrpScript,
}

impl Place<'_> {
    fn examine(&self, call: &Call, caller: Caller) -> Vec<Finding> {
        let Place { at, script, .. } = self;
        let name = &script.name;
        match (&call.words, caller) {
            (Err(malformed), _) => vec![Finding::problem(
                format!("{at}: {name}: {malformed}"),
                "keepalived cannot read this line; 2.2.7 dies of it",
            )],
            (Ok(_), Caller::Defined) => vec![Finding::note(
                format!("{at}: {name}: uses a definition, which the doctor does not expand"),
                "this line was not judged",
            )],
            (Ok(_), Caller::Other | Caller::Unreadable) => vec![Finding::note(
                format!("{at}: {name}: calls listenup by way of another program"),
                "this line was not judged",
            )],
            (Ok(words), Caller::Direct) => {
                let mut findings = self.command(words);
                if findings.is_empty() {
                    let command = in_words(&words.command);
                    findings.push(Finding::ok(format!("{at}: {name}: {command}")));
                }
                findings
            }
        }
    }

    fn command(&self, words: &Words) -> Vec<Finding> {
        let Place { at, script, .. } = self;
        let name = &script.name;
        let mut findings = Vec::new();
        let program = words.command.first().map(Vec::as_slice).unwrap_or_default();
        if !program.starts_with(b"/") {
            findings.push(Finding::problem(
                format!("{at}: {name}: {} is no absolute path", lossy(program)),
                "keepalived would search for it by its own PATH and in its own folder",
            ));
        }
        if !words.dropped.is_empty() {
            let whole = in_words(words.command.iter().chain(&words.dropped));
            findings.push(Finding::problem(
                format!(
                    "{at}: {name}: outside the quotes, so keepalived drops it: {}",
                    in_words(&words.dropped)
                ),
                format!("script \"{whole}\""),
            ));
            // What is left is not what was meant.
            return findings;
        }
        let shell = words.command.iter().find(|word| word.iter().any(is_shell));
        if let Some(word) = shell {
            findings.push(Finding::problem(
                format!(
                    "{at}: {name}: keepalived starts no shell for {}",
                    lossy(word)
                ),
                "it arrives as an argument; leave it out (-q prints nothing)",
            ));
            return findings;
        }
        findings.extend(self.arguments(&words.command));
        findings
    }

    /// Lets the program's own command line judge the words.
    fn arguments(&self, command: &[Vec<u8>]) -> Vec<Finding> {
        let Place { at, script, .. } = self;
        let name = &script.name;
        let words = command.iter().cloned().map(OsString::from_vec);
        match cli::parse(words) {
            Ok(Request::Check(options)) => self.times(options.patience.timeout),
            Ok(_) => vec![Finding::problem(
                format!(
                    "{at}: {name}: {} is not `listenup check`",
                    in_words(command)
                ),
                "its exit status is not that of a check",
            )],
            Err(refusal) if refusal.is_help() => vec![Finding::problem(
                format!("{at}: {name}: {} exits with 0 always", in_words(command)),
                "it looks at nothing",
            )],
            Err(refusal) => vec![Finding::problem(
                format!("{at}: {name}: {refusal}"),
                "listenup refuses it, which exits with 1 always",
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
        let name = &self.script.name;
        let shown = |time| humantime::format_duration(time);
        if ours >= timeout {
            findings.push(Finding::problem(
                format!(
                    "{}: {name}: --timeout {} is not shorter than keepalived's timeout of {}",
                    self.at,
                    shown(ours),
                    shown(timeout)
                ),
                "keepalived ends the check first, which counts as down: lower --timeout or raise timeout",
            ));
        } else if ours >= interval {
            findings.push(Finding::note(
                format!(
                    "{}: {name}: --timeout {} is not shorter than the interval of {}",
                    self.at,
                    shown(ours),
                    shown(interval)
                ),
                "keepalived 2.1.3 to 2.3.2 starts a slow check again on top of itself",
            ));
        }
        findings
    }

    /// The time in a line. `None` where there is no such line, or no time in it.
    fn seconds(
        &self,
        keyword: &str,
        value: Option<&Value>,
        findings: &mut Vec<Finding>,
    ) -> Option<Duration> {
        let value = value?;
        let at = format!("{}:{}", self.file.path.display(), value.line);
        let text = value.words.join(" ");
        let seconds = text.parse().ok().map(Duration::try_from_secs_f64);
        let Some(Ok(seconds)) = seconds.filter(|seconds| *seconds != Ok(Duration::ZERO)) else {
            findings.push(Finding::problem(
                format!("{at}: {keyword} {text} is no time in seconds"),
                "keepalived ignores it",
            ));
            return None;
        };
        if seconds.subsec_nanos() != 0 {
            findings.push(Finding::note(
                format!("{at}: {keyword} {text} is not a whole number of seconds"),
                "keepalived before 2.3.2 ignores it",
            ));
        }
        Some(seconds)
    }
}

/// A byte that means something to a shell and nothing to listenup.
fn is_shell(byte: &u8) -> bool {
    b"|&;<>$`()~".contains(byte)
}

fn in_words<'a>(words: impl IntoIterator<Item = &'a Vec<u8>>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| lossy(word)).collect();
    words.join(" ")
}

fn lossy(word: &[u8]) -> String {
    String::from_utf8_lossy(word).into_owned()
}
