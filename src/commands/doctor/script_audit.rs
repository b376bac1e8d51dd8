//! The vrrp_scripts of a keepalived.conf that call listenup: as whom, and which program.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use super::accounts::{Accounts, ScriptUser};
use super::conf::{Call, Conf, VrrpScript, Words};
use super::findings::Finding;
use super::path_security::Security;
use super::script_line::{Line, Use};

/// A file and what it says.
#[derive(Debug)]
pub struct File {
    /// As it was given.
    pub path: PathBuf,
    /// What it says.
    pub conf: Conf,
}

impl File {
    /// A line of it, for a person.
    fn at(&self, line: usize) -> String {
        format!("{}:{line}", self.path.display())
    }
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
    /// Looks at all lines that call listenup. What is wrong with them, and the programs, each once.
    pub fn examine(&self) -> (Vec<Finding>, Vec<Program>) {
        let mut findings = self.global();
        let mut programs = Vec::new();
        let mut called = false;
        for (file, script, call) in self.calls() {
            let line = Line::new(&file.path, script, call);
            let Some(used) = line.used(&file.conf, self.own) else {
                continue;
            };
            called = true;
            findings.extend(line.examine(&used));
            findings.extend(self.untracked(&line, script));
            let user = self.user_of(file, script).unwrap_or_else(|problem| {
                if !findings.contains(&problem) {
                    findings.push(problem);
                }
                Accounts::root()
            });
            if let Use::Direct(words) = used {
                let program = self.program(words, user);
                programs.extend(program.filter(|program| !programs.contains(program)));
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

    /// All lines with `script`.
    fn calls(&self) -> Vec<(&File, &VrrpScript, &Call)> {
        let mut calls = Vec::new();
        for file in self.files {
            for script in &file.conf.scripts {
                calls.extend(script.calls.iter().map(|call| (file, script, call)));
            }
        }
        calls
    }

    /// Who a script runs as that has no user of its own.
    ///
    /// # Errors
    /// Nobody: keepalived removes it.
    pub fn default_user(&self) -> Result<ScriptUser, Finding> {
        if let Some(user) = self.user {
            return Ok(user.clone());
        }
        for file in self.files {
            if let Some(value) = &file.conf.script_user {
                return self.accounts.by_conf(&file.at(value.line), value);
            }
        }
        match (self.accounts.keepalived_script(), self.security_line()) {
            (Some(user), _) => Ok(user),
            (None, None) => Ok(Accounts::root()),
            (None, Some(line)) => Err(Finding::problem(
                format!(
                    "{line}: enable_script_security, and no user to run scripts as: keepalived \
                     removes them"
                ),
                "script_user root in global_defs, or create a user keepalived_script",
            )),
        }
    }

    /// Without a file it is judged as if script security were enabled.
    pub fn security(&self) -> Security {
        match self.files.is_empty() || self.security_line().is_some() {
            true => Security::Enabled,
            false => Security::Disabled,
        }
    }

    fn security_line(&self) -> Option<String> {
        self.files
            .iter()
            .find_map(|file| file.conf.script_security.map(|line| file.at(line)))
    }

    /// What concerns the files as a whole.
    fn global(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for file in self.files {
            for include in &file.conf.includes {
                findings.push(Finding::note(
                    format!(
                        "{}: includes {}, which was not read",
                        file.at(include.line),
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

    fn user_of(&self, file: &File, script: &VrrpScript) -> Result<ScriptUser, Finding> {
        match (self.user, &script.user) {
            (None, Some(value)) => self.accounts.by_conf(&file.at(value.line), value),
            _ => self.default_user(),
        }
    }

    fn program(&self, words: &Words, user: ScriptUser) -> Option<Program> {
        let path = PathBuf::from(OsString::from_vec(words.command.first()?.clone()));
        path.is_absolute().then(|| Program {
            path,
            user,
            security: self.security(),
        })
    }

    /// A script that no instance tracks; told only where all was read.
    fn untracked(&self, line: &Line<'_>, script: &VrrpScript) -> Option<Finding> {
        let name = &script.name;
        let mut confs = self.files.iter().map(|file| &file.conf);
        let known = confs.all(|conf| conf.includes.is_empty() && !conf.tracked.contains(name));
        known.then(|| {
            Finding::note(
                format!("{}: no track_script names it", line.place()),
                "keepalived does not use it",
            )
        })
    }
}
