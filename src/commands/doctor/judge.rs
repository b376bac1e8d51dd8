//! One configuration: what keepalived makes of it, and whether its checks get their answer.

use std::cell::OnceCell;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use super::accounts::{Accounts, ScriptUser};
use super::attempt::Attempt;
use super::checks::{self, Check, OnFailure};
use super::command_line::{self, Use};
use super::conf::Conf;
use super::findings::{Finding, Severity};
use super::foreign::{self, Cost};
use super::moves;
use super::own_image::OwnImage;
use super::path_security::{self, Security};
use super::track;
use super::trial::TimeLeft;
use crate::clock::Clock;
use crate::domain::Wanted;
use crate::keepalived_conf::Place;
use crate::untrusted::ReadError;

/// What is looked at, and by whom it would be run.
pub struct Judge<'a> {
    /// The configuration.
    pub conf: &'a Conf,
    /// Who there is.
    pub accounts: &'a Accounts,
    /// The user to judge by, whatever the configuration says.
    pub user: Option<&'a ScriptUser>,
    /// This program, to know it by another name.
    pub own: Option<&'a Path>,
    /// The executable of this process.
    pub image: &'a Result<OwnImage, ReadError>,
    /// The time for all trials together.
    pub left: &'a TimeLeft,
    /// What is to be written for listenup.
    pub suggested: &'a str,
    /// What other programs cost here, measured when one is found.
    pub cost: &'a OnceCell<Cost>,
    /// The time, for that.
    pub clock: &'a dyn Clock,
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

impl Program {
    /// Whether keepalived would run it, by its path.
    pub fn examine(&self, accounts: &Accounts) -> Vec<Finding> {
        path_security::examine(&self.path, &self.user, self.security, accounts)
    }
}

/// What was found.
#[derive(Debug, Default)]
pub struct Judgement {
    /// In the order of the configuration.
    pub findings: Vec<Finding>,
    /// The programs that are listenup, each once.
    pub programs: Vec<Program>,
    /// Who a script without a user of its own runs as, and how paths are judged.
    pub usual: Option<(ScriptUser, Security)>,
}

impl Judgement {
    fn say(&mut self, finding: Finding) {
        if !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }
}

impl Judge<'_> {
    /// Looks at all of it.
    pub fn examine(&self) -> Judgement {
        let mut said = Judgement::default();
        for remark in &self.conf.config.remarks {
            said.say(remark.into());
        }
        // Nothing was read, which has been said.
        if self.conf.config.files.is_empty() {
            return said;
        }
        self.globals(&mut said);
        let checks = checks::of(&self.conf.config);
        let usual = self.default_user().unwrap_or_else(|problem| {
            if checks.iter().any(|check| check.user.is_none()) {
                said.say(problem);
            }
            Accounts::root()
        });
        said.usual = Some((usual, self.security()));
        let tracked = track::examine(
            &self.conf.config,
            self.image.as_ref().ok(),
            Path::new("/proc"),
        );
        tracked.into_iter().for_each(|finding| said.say(finding));
        let mut calls = 0;
        for check in &checks {
            calls += usize::from(self.check(check, &mut said));
        }
        if calls == 0 && self.conf.config.track_files.is_empty() {
            let main = Place::new(&self.conf.main, 0);
            let finding = Finding::note(
                "nothing of this configuration is checked by listenup",
                "no vrrp_script and no MISC_CHECK calls it",
                "",
            );
            said.say(finding.at(&main));
        }
        said
    }

    /// What concerns the configuration as a whole.
    fn globals(&self, said: &mut Judgement) {
        if self.security() == Security::Disabled {
            let main = Place::new(&self.conf.main, 0);
            let finding = Finding::note(
                "keepalived runs what anybody may have written, and logs a SECURITY VIOLATION",
                "there is no enable_script_security",
                "write enable_script_security into global_defs",
            );
            said.say(finding.at(&main));
        }
        let lost =
            "keepalived removes all scripts without a user of their own: the address never moves";
        for user in &self.conf.config.globals.script_users {
            if let Err(problem) = self.accounts.by_conf(user, lost) {
                if self.user.is_none() {
                    said.say(problem);
                }
            }
        }
    }

    /// Looks at one check. Whether it calls listenup.
    fn check(&self, check: &Check<'_>, said: &mut Judgement) -> bool {
        let used = match command_line::used(check, self.own) {
            Use::No if foreign::calls_listenup(check) => Use::Indirect,
            used => used,
        };
        match used {
            Use::Direct => self.direct(check, said),
            Use::Indirect => {
                self.other(check, said);
                said.say(command_line::examine_indirect(check));
                self.moves(check, None, said);
            }
            Use::No => {
                self.other(check, said);
                if let Some(foreign) = foreign::of(check, &self.conf.config) {
                    let measure = || Cost::measure(Path::new("/proc"), self.clock);
                    let cost = self.cost.get_or_init(measure);
                    said.say(foreign.finding(check, self.suggested, cost));
                }
                self.moves(check, None, said);
            }
        }
        used != Use::No
    }

    /// Whether keepalived would run another program, where its path is written.
    fn other(&self, check: &Check<'_>, said: &mut Judgement) {
        let Ok(user) = self.user_of(check).map_err(|problem| said.say(problem)) else {
            return;
        };
        let program = self.program(check, &user);
        let found = program
            .iter()
            .flat_map(|program| program.examine(self.accounts));
        let wrong = found.filter(|finding| finding.severity != Severity::Ok);
        wrong.for_each(|finding| said.say(finding.at(check.place())));
    }

    /// Looks at a check that is listenup's.
    fn direct(&self, check: &Check<'_>, said: &mut Judgement) {
        let user = self.user_of(check);
        let has_user = user.is_ok();
        let user = user.unwrap_or_else(|problem| {
            said.say(problem);
            Accounts::root()
        });
        let call = command_line::examine(check);
        let is_well = call.findings.is_empty();
        call.findings
            .into_iter()
            .for_each(|finding| said.say(finding));
        let program = self.program(check, &user);
        if let Some(program) = program.as_ref().filter(|one| !said.programs.contains(one)) {
            said.programs.push(program.clone());
        }
        let Some(options) = call.options else {
            self.moves(check, None, said);
            return;
        };
        let means_up = options.wanted == Wanted::Listening;
        let moves_well = self.moves(check, Some(means_up), said);
        let would_run = program.is_some_and(|program| self.would_run(&program));
        if !is_well || !would_run {
            return;
        }
        let attempt = Attempt {
            check,
            options: &options,
            user: &user,
            image: self.image,
            left: self.left,
            netns: self.conf.config.globals.net_namespace.as_ref(),
            does: moves::in_words(&self.conf.config, check),
        };
        // An "ok" is for a check that keepalived runs, and whose success does what it should.
        let earned = has_user && moves_well && self.runs(check);
        let found = attempt.examine().into_iter();
        let found = found.filter(|finding| earned || finding.severity != Severity::Ok);
        found.for_each(|finding| said.say(finding));
    }

    /// What its result does to the address. Whether there is no problem in that.
    fn moves(&self, check: &Check<'_>, means_up: Option<bool>, said: &mut Judgement) -> bool {
        let script = check.script.into_iter();
        let found = script.flat_map(|script| moves::examine(&self.conf.config, script, means_up));
        let mut is_well = true;
        for finding in found {
            is_well &= !finding.is_problem();
            said.say(finding);
        }
        is_well
    }

    /// Whether keepalived comes to run it, as far as its configuration goes.
    fn runs(&self, check: &Check<'_>) -> bool {
        let config = &self.conf.config;
        let process = match check.on_failure {
            OnFailure::Server { .. } => config.runs_checker,
            OnFailure::Unused => false,
            OnFailure::Fault | OnFailure::Priority => config.runs_vrrp,
        };
        let users = config.globals.script_users.iter();
        let mut users = users.map(|user| self.accounts.by_conf(user, ""));
        process && config.fatal.is_none() && (self.user.is_some() || users.all(|user| user.is_ok()))
    }

    /// Who a script runs as that has no user of its own.
    ///
    /// # Errors
    /// Nobody: keepalived removes it.
    pub fn default_user(&self) -> Result<ScriptUser, Finding> {
        if let Some(user) = self.user {
            return Ok(user.clone());
        }
        let globals = &self.conf.config.globals;
        let lost =
            "keepalived removes all scripts without a user of their own: the address never moves";
        if let Some(user) = globals.script_users.last() {
            return self.accounts.by_conf(user, lost);
        }
        match (self.accounts.keepalived_script(), &globals.script_security) {
            (Some(user), _) => Ok(user),
            (None, None) => Ok(Accounts::root()),
            (None, Some(place)) => Err(Finding::problem(
                lost,
                "enable_script_security, and no user to run scripts as",
                "script_user root in global_defs, or create a user keepalived_script",
            )
            .at(place)),
        }
    }

    fn user_of(&self, check: &Check<'_>) -> Result<ScriptUser, Finding> {
        match (self.user, check.user) {
            (None, Some(user)) => self
                .accounts
                .by_conf(user, check.on_failure.of_not_running()),
            _ => self.default_user(),
        }
    }

    fn security(&self) -> Security {
        match self.conf.config.globals.script_security {
            Some(_) => Security::Enabled,
            None => Security::Disabled,
        }
    }

    /// Whether keepalived would run it, as far as its path goes; if not, that is said of the program.
    fn would_run(&self, program: &Program) -> bool {
        let found = program.examine(self.accounts);
        !found.iter().any(Finding::is_problem)
    }

    fn program(&self, check: &Check<'_>, user: &ScriptUser) -> Option<Program> {
        let path = PathBuf::from(OsString::from_vec(check.program().to_owned()));
        path.is_absolute().then(|| Program {
            path,
            user: user.clone(),
            security: self.security(),
        })
    }
}
