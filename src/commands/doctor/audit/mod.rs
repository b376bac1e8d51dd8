//! The meaning of a configuration: whether its checks run, and what their results do.

pub mod interfaces;
mod seen;
mod track_files;
mod weights;

use std::collections::HashSet;
use std::fmt::Display;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::unistd::geteuid;

use self::weights::Index;
use super::checks::{self, Check, OnFailure};
use super::codes;
use super::codes::audit::{
    FILE_DOWN, FILE_VALUE, NOT_READABLE, ONE_FAILURE, SECURITY_OFF, SERVER_TAKEN_OUT,
};
use super::codes::command::{INDIRECT, NotEvaluated};
use super::codes::live::{FOLDER_NOT_WATCHED, SCRIPTS_NOT_RUN};
use super::codes::outcome::{Dropped, NeverRun};
use super::codes::third_party::NOT_JUDGED;
use super::command::{
    Accounts, Attempt, Invocation, Program, Runners, ScriptUser, arguments, not_evaluated,
};
use super::findings::{Finding, Findings};
use super::third_party::{self, Analysis, Setting};
use crate::clock::Deadline;
use crate::domain::Expectation;
use crate::keepalived_conf::{Config, Notify, Version};
use crate::untrusted::{ReadError, RegularFile};

/// The context that all checks of a configuration share.
pub struct Audit<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// The version of keepalived.
    pub version: Option<Version>,
    /// The users there are.
    pub accounts: &'a Accounts,
    /// The user of `--user`.
    pub forced: Option<&'a ScriptUser>,
    /// The executable of this process, opened once: no change of a path leads to another file.
    pub image: &'a Result<RegularFile, ReadError>,
    /// This program's path, to recognize it under another name.
    pub own: Option<&'a Path>,
    /// The end of the time for the evaluations of all checks together.
    pub evaluating: Deadline<'a>,
    /// The path of listenup to write into the configuration.
    pub listenup: &'a str,
}

/// The facts about the checks of a configuration that its audit found.
#[derive(Debug, Default)]
pub struct Audited {
    /// True if a check calls listenup.
    pub calls_listenup: bool,
    /// True if keepalived runs a `vrrp_script`, as far as its configuration and the files show.
    pub runs_a_script: bool,
    /// The names of the checks that keepalived drops, because they have no user.
    dropped: Vec<String>,
    /// The options and targets with which listenup finds what the checks by other programs look for.
    pub looks: Vec<String>,
}

/// Reports a script that its user cannot read. Only root and that user can find out about permissions.
fn unreadable(check: &Check<'_>, user: &ScriptUser) -> Option<Finding> {
    let file = third_party::script_of(check)?;
    let error = user.reads(|| RegularFile::open(&file).err()).ok()??;
    let own = geteuid();
    let (fix, is_known) = match error {
        ReadError::System(Errno::EACCES) => {
            (NOT_READABLE.fix, own.is_root() || own.as_raw() == user.uid)
        }
        ReadError::System(Errno::ENOENT | Errno::ENOTDIR) => {
            ("correct the path in the line, or create {file}", true)
        }
        _ => ("", false),
    };
    let values: &[(_, &dyn Display)] = &[("user", &user.name), ("error", &error)];
    let finding = || check.finding(NOT_READABLE, values);
    Some(match is_known {
        true => finding().with_fix(fix, ("file", &file.display())),
        false => not_evaluated(check, &NotEvaluated::Unreadable(error)),
    })
}

/// Drops findings that another finding contradicts: one failure changes nothing if a check cannot fail, or always
/// fails, and keepalived does not use the value of a file that it does not see.
fn drop_contradicted(decided: &HashSet<String>, findings: &mut Findings) {
    let unseen = findings
        .iter()
        .filter(|found| found.code.id == FOLDER_NOT_WATCHED.id);
    let unseen = unseen.filter_map(|found| found.value("name").map(str::to_owned));
    let unseen: HashSet<String> = unseen.collect();
    findings.retain(|found| {
        let is_of = |names: &HashSet<String>| {
            let name = found.value("name");
            name.is_some_and(|name| names.contains(name))
        };
        let is_about_value = [FILE_DOWN.id, FILE_VALUE.id].contains(&found.code.id);
        let is_fall = found.code.id == ONE_FAILURE.id;
        !(is_about_value && is_of(&unseen) || is_fall && is_of(decided))
    });
}

impl Audit<'_> {
    /// Examines the whole configuration.
    pub fn examine(&self, findings: &mut Findings) -> Audited {
        let mut audited = Audited::default();
        findings.extend(self.config.diagnostics.iter().map(codes::conf::finding));
        // Nothing was read, and a finding says so.
        if self.config.files.is_empty() {
            return audited;
        }
        let checks = checks::of(self.config);
        findings.extend(track_files::examine(self.config, self.accounts));
        let before = findings.len();
        let index = Index::new(self.config);
        for check in &checks {
            self.check(check, &index, findings, &mut audited);
        }
        for notify in &self.config.notifies {
            self.notify(notify, findings);
        }
        let is_unsafe = |found: &Finding| found.value("weakness").is_some();
        let is_safe = !findings.since(before).iter().any(is_unsafe);
        if !checks.is_empty() && is_safe && self.config.globals.script_security.is_none() {
            findings.extend(self.security_off());
        }
        audited
    }

    /// Reports what happens to the addresses if a check fails, after everything else about the checks is known.
    pub fn outcomes(&self, audited: &Audited, findings: &mut Findings) {
        let runs_scripts = findings
            .iter()
            .all(|found| found.code.id != SCRIPTS_NOT_RUN.id);
        let decided = findings.iter().filter(|found| found.code.decides_result);
        let decided = decided.filter_map(|found| found.value("name").map(str::to_owned));
        // A command without words that were meant is another command.
        let checks = checks::of(self.config);
        let cut = checks.iter().filter(|check| !check.command.rest.is_empty());
        let cut = cut.map(|check| check.name.clone());
        let dropped = audited.dropped.iter().cloned();
        let mut decided: HashSet<String> = decided.chain(dropped).chain(cut).collect();
        if !runs_scripts {
            decided.extend(self.config.scripts.iter().map(|script| script.name.clone()));
        }
        drop_contradicted(&decided, findings);
        let in_doubt = findings.iter().filter(|found| found.code.in_doubt);
        let in_doubt = in_doubt.filter_map(|found| found.value("name").map(str::to_owned));
        let in_doubt: HashSet<String> = in_doubt.collect();
        // The line that begins with "ok" is read alone, too.
        let shown = |name: &str| match in_doubt.contains(name) {
            true => format!("{name} (not judged)"),
            false => name.to_owned(),
        };
        findings.extend(weights::instances(self.config, &decided, shown));
        let of_servers = checks.iter().filter(|check| {
            let is_of_server = matches!(check.on_failure, OnFailure::Server { .. });
            is_of_server && self.runs(check) && !decided.contains(&check.name)
        });
        findings.extend(
            of_servers
                .map(|check| check.finding(SERVER_TAKEN_OUT, &[("check", &shown(&check.name))])),
        );
    }

    /// True if a listenup check with one of these arguments must have a user of its own: keepalived drops scripts without
    /// one, or that user cannot see the owners of sockets.
    pub fn needs_user(&self, arguments: &[String]) -> bool {
        let has_owner = arguments.iter().any(|one| one.contains("--owner-process"));
        let user = self.runners().default_user();
        user.map_or(true, |user| has_owner && user.uid != 0)
    }

    /// Reports that there is no script security, if adding it keeps all scripts.
    fn security_off(&self) -> Option<Finding> {
        // A part that was not read could enable it.
        let user = self
            .runners()
            .default_user()
            .ok()
            .filter(|_| self.config.complete)?;
        // The name as it is written: USER or USER GROUP.
        let user = user.name.replace(':', " ");
        let finding = SECURITY_OFF.with(&[("user", &user)]);
        let main = self.config.files.first()?;
        Some(finding.at(&crate::keepalived_conf::Location::new(main, 0)))
    }

    fn runners(&self) -> Runners<'_> {
        Runners {
            accounts: self.accounts,
            forced: self.forced,
            globals: &self.config.globals,
            complete: self.config.complete,
            version: self.version,
        }
    }

    fn check(
        &self,
        check: &Check<'_>,
        index: &Index<'_>,
        findings: &mut Findings,
        audited: &mut Audited,
    ) {
        let before = findings.len();
        let user = self.runners().user(check.user, Dropped::Check(&check.name));
        let has_user = user.is_ok();
        if !has_user {
            audited.dropped.push(check.name.clone());
        }
        let user = user.unwrap_or_else(|finding| {
            findings.add(finding);
            Accounts::root()
        });
        let path = self.path(check, &user, findings);
        if !findings.since(before).iter().any(Finding::is_problem) {
            findings.extend(unreadable(check, &user));
        }
        let calls_listenup = || third_party::calls_listenup(check);
        let invocation = match arguments::classify(check, self.own, path.as_deref()) {
            Invocation::None if user.reads(calls_listenup).unwrap_or(false) => {
                Invocation::ViaWrapper
            }
            invocation => invocation,
        };
        let is_well = |findings: &Findings| {
            let mut found = findings.since(before).iter();
            !found.any(Finding::is_problem)
        };
        let starts = has_user && is_well(findings);
        let runs = starts && self.runs(check);
        audited.runs_a_script |= runs && check.script.is_some();
        audited.calls_listenup |= invocation != Invocation::None;
        let setting = Setting {
            user: &user,
            listenup: self.listenup,
        };
        let weights = |means_up: Option<bool>, findings: &mut Findings| {
            // What never runs changes no priority.
            if let Some(script) = check.script.filter(|_| starts) {
                findings.extend(weights::examine(index, check, script, means_up));
            }
        };
        match invocation {
            Invocation::Direct => {
                let options = arguments::examine(check, self.version, findings);
                let wanted = options
                    .as_ref()
                    .map(|options| options.wanted == Expectation::Listening);
                weights(wanted, findings);
                if let (Some(options), Some(path), true) =
                    (&options, &path, runs && is_well(findings))
                {
                    let attempt = Attempt {
                        check,
                        path,
                        options,
                        user: &user,
                        image: self.image,
                        deadline: self.evaluating,
                        netns: self.config.globals.net_namespace.as_ref(),
                    };
                    findings.extend(attempt.examine());
                }
            }
            Invocation::ViaWrapper => {
                let start = || Analysis::new(check, self.config, setting).start();
                findings.extend(user.reads(start).into_iter().flatten());
                findings.add(check.finding(INDIRECT, &[]));
                weights(None, findings);
            }
            Invocation::None => {
                // keepalived drops the script of a user who does not exist.
                if has_user {
                    let examined = user.reads(|| {
                        let analysis = Analysis::new(check, self.config, setting);
                        (analysis.arguments(), analysis.findings())
                    });
                    match examined {
                        Ok((looks, found)) => {
                            audited.looks.extend(looks);
                            // What never runs need not be judged.
                            let is_wanted = |one: &Finding| starts || one.code.id != NOT_JUDGED.id;
                            findings.extend(found.into_iter().filter(is_wanted));
                        }
                        Err(why) => findings.add(not_evaluated(check, &why)),
                    }
                }
                weights(None, findings);
            }
        }
    }

    /// Reports a program that keepalived does not run when the state of an instance changes.
    fn notify(&self, notify: &Notify, findings: &mut Findings) {
        let check = checks::of_notify(notify);
        let user = match self
            .runners()
            .user(check.user, Dropped::Notify(&check.name))
        {
            Ok(user) => user,
            Err(finding) => return findings.add(finding),
        };
        let before = findings.len();
        self.path(&check, &user, findings);
        if findings.since(before).iter().any(Finding::is_problem) {
            return;
        }
        findings.extend(unreadable(&check, &user));
        let setting = Setting {
            user: &user,
            listenup: self.listenup,
        };
        let start = || Analysis::new(&check, self.config, setting).start();
        findings.extend(user.reads(start).into_iter().flatten());
    }

    /// Returns the file that a check executes. `None`: it executes none.
    fn path(
        &self,
        check: &Check<'_>,
        user: &ScriptUser,
        findings: &mut Findings,
    ) -> Option<PathBuf> {
        // `</dev/tcp/...` and `</path` are opened by a shell.
        if check.program().starts_with(b"<") {
            return None;
        }
        let program = check.path();
        let program = Program {
            name: &check.name,
            program: &program,
            user,
            is_secured: self.config.globals.script_security.is_some(),
            never: NeverRun(check.on_failure),
        };
        match program.find() {
            Ok(path) => {
                let found = program.examine(&path, self.accounts).into_iter();
                findings.extend(found.map(|finding| finding.at(check.place())));
                Some(path)
            }
            Err(finding) => {
                findings.add(finding.at(check.place()));
                None
            }
        }
    }

    /// True if keepalived runs it, as far as its configuration goes.
    fn runs(&self, check: &Check<'_>) -> bool {
        let process = match check.on_failure {
            OnFailure::Server { .. } => self.config.runs_checker,
            OnFailure::Unused | OnFailure::Notification => false,
            OnFailure::Fault | OnFailure::Priority => self.config.runs_vrrp,
        };
        process && self.config.complete && self.config.fatal.is_none()
    }
}
