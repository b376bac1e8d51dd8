//! The checks of a configuration that are programs: `vrrp_script` and MISC_CHECK alike.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::time::Duration;

use super::codes::Code;
use super::codes::outcome::{IfDown, IfUp, OnOneFailure};
use super::findings::{Finding, Values};
use crate::clock::HumanDuration;
use crate::keepalived_conf::{Command, Config, Location, MiscCheck, Notify, Script, User};

/// The consequence of a failed check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// A `vrrp_script` that no instance tracks.
    Unused,
    /// A failure puts an instance into FAULT.
    Fault,
    /// A failure changes the priority.
    Priority,
    /// A failure removes a real server from service.
    Server {
        /// Exit codes from 2 on are weights (`misc_dynamic`).
        dynamic: bool,
    },
    /// Not a check: keepalived runs it after a change.
    Notification,
}

/// A command that keepalived would run.
#[derive(Clone, Debug)]
pub struct Check<'c> {
    /// The name of the script, or of the real server.
    pub name: String,
    /// `script` or `misc_path`.
    pub keyword: &'static str,
    /// The line with the command.
    pub command: &'c Command,
    /// The program and its arguments.
    pub words: &'c [Vec<u8>],
    /// The time between two runs.
    pub interval: Duration,
    /// The time until it is killed.
    pub timeout: Duration,
    /// A user of its own.
    pub user: Option<&'c User>,
    /// The consequence of a failure.
    pub on_failure: OnFailure,
    /// Its block, if it is a `vrrp_script`.
    pub script: Option<&'c Script>,
}

impl Check<'_> {
    /// Returns where its command is written.
    pub fn place(&self) -> &Location {
        &self.command.place
    }

    /// Returns the program as it is written.
    pub fn program(&self) -> &[u8] {
        self.words.first().map(Vec::as_slice).unwrap_or_default()
    }

    /// Returns the program as a path.
    pub fn path(&self) -> PathBuf {
        OsString::from_vec(self.program().to_owned()).into()
    }

    /// Returns a finding about it. All texts can use its name and keyword, its times, and what its results do.
    pub fn finding(&self, code: &'static Code, values: Values) -> Finding {
        let common: Values = &[
            ("name", &self.name),
            ("keyword", &self.keyword),
            ("if_up", &IfUp(self.on_failure)),
            ("if_down", &IfDown(self.on_failure)),
            ("on_failure", &OnOneFailure(self.on_failure)),
            ("timeout", &HumanDuration(self.timeout)),
            ("interval", &HumanDuration(self.interval)),
        ];
        code.with(&[values, common].concat()).at(self.place())
    }

    /// Returns the command as it can be written.
    pub fn command_line(&self) -> String {
        let words = self.words.iter().map(|word| String::from_utf8_lossy(word));
        words.collect::<Vec<_>>().join(" ")
    }
}

/// Returns all checks that keepalived keeps, in the order of the blocks.
pub fn of(config: &Config) -> Vec<Check<'_>> {
    let scripts = config.scripts.iter().map(of_script);
    let servers = config.misc_checks.iter().map(of_misc);
    scripts.chain(servers).collect()
}

/// Returns a program that is not a check, to ask whether keepalived can run it.
pub fn of_notify(notify: &Notify) -> Check<'_> {
    Check {
        name: notify.name.clone(),
        keyword: "notify",
        command: &notify.command,
        words: &notify.command.words,
        interval: Duration::ZERO,
        timeout: Duration::ZERO,
        user: notify.user.as_ref(),
        on_failure: OnFailure::Notification,
        script: None,
    }
}

fn of_script(script: &Script) -> Check<'_> {
    let weights = || script.tracked_by.iter().map(|by| by.weight.value);
    Check {
        name: script.name.clone(),
        keyword: "script",
        command: &script.command,
        words: &script.command.words,
        interval: script.interval,
        timeout: script.timeout(),
        user: script.user.as_ref(),
        on_failure: match weights().next() {
            None => OnFailure::Unused,
            Some(_) if weights().any(|weight| weight == 0) => OnFailure::Fault,
            Some(_) => OnFailure::Priority,
        },
        script: Some(script),
    }
}

fn of_misc(check: &MiscCheck) -> Check<'_> {
    Check {
        name: format!("MISC_CHECK of {}", check.real_server),
        keyword: "misc_path",
        command: &check.command,
        words: &check.command.words,
        interval: check.interval,
        timeout: check.timeout.unwrap_or(check.default_timeout),
        user: check.user.as_ref(),
        on_failure: OnFailure::Server {
            dynamic: check.dynamic,
        },
        script: None,
    }
}
