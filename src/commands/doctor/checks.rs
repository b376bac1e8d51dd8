//! The checks of a configuration that are programs: `vrrp_script` and MISC_CHECK alike.

use std::time::Duration;

use crate::keepalived_conf::{
    Command, Config, MiscCheck, Place, RealServer, Script, User, VirtualServer,
};

/// What keepalived does with the result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// A `vrrp_script` that no instance tracks.
    Unused,
    /// A failure is FAULT for an instance.
    Fault,
    /// A failure changes the priority.
    Priority,
    /// A failure takes a real server out.
    Server {
        /// Exit codes from 2 on are weights (`misc_dynamic`).
        dynamic: bool,
    },
}

impl OnFailure {
    /// What becomes of a check that can never succeed.
    pub fn of_failing_always(self) -> &'static str {
        match self {
            Self::Unused => "it would fail always",
            Self::Fault => "FAULT for ever: this node never has the address",
            Self::Priority => "it fails for ever: the priority says so whatever listens",
            Self::Server { .. } => "the real server stays down for ever",
        }
    }

    /// What becomes of a check that is not run at all.
    pub fn of_not_running(self) -> &'static str {
        match self {
            Self::Server { .. } => "keepalived removes the check: the real server stays up",
            _ => "keepalived disables the script: the address never moves",
        }
    }

    /// What one failure does.
    pub fn of_a_failure(self) -> &'static str {
        match self {
            Self::Unused => "it would fail",
            Self::Fault => "FAULT: the address moves",
            Self::Priority => "the priority changes",
            Self::Server { .. } => "the real server is taken out",
        }
    }
}

/// A command that keepalived would run.
#[derive(Clone, Debug)]
pub struct Check<'c> {
    /// For a person: the name of the script, or of the real server.
    pub name: String,
    /// `script` or `misc_path`.
    pub keyword: &'static str,
    /// The line whose command is run.
    pub command: &'c Command,
    /// The program and its arguments.
    pub words: &'c [Vec<u8>],
    /// The time between two runs.
    pub interval: Duration,
    /// The time until it is killed.
    pub timeout: Duration,
    /// A user of its own.
    pub user: Option<&'c User>,
    /// What its result is for.
    pub on_failure: OnFailure,
    /// Its block, if it is a `vrrp_script`.
    pub script: Option<&'c Script>,
}

impl Check<'_> {
    /// Where its command is written.
    pub fn place(&self) -> &Place {
        &self.command.place
    }

    /// The program.
    pub fn program(&self) -> &[u8] {
        self.words.first().map(Vec::as_slice).unwrap_or_default()
    }

    /// The command as it might be written.
    pub fn in_words(&self) -> String {
        in_words(self.words)
    }
}

/// Words as they might be written.
pub fn in_words<'a>(words: impl IntoIterator<Item = &'a Vec<u8>>) -> String {
    let words = words.into_iter().map(|word| String::from_utf8_lossy(word));
    words.collect::<Vec<_>>().join(" ")
}

/// All that keepalived keeps, in the order of the blocks.
pub fn of(config: &Config) -> Vec<Check<'_>> {
    let scripts = config.scripts.iter().filter_map(of_script);
    let servers = config.virtual_servers.iter().flat_map(|virtual_server| {
        let servers = virtual_server.real_servers.iter();
        servers.flat_map(move |server| {
            let checks = server.misc_checks.iter();
            checks.filter_map(move |check| of_misc(virtual_server, server, check))
        })
    });
    scripts.chain(servers).collect()
}

fn of_script(script: &Script) -> Option<Check<'_>> {
    let command = script.command.as_ref()?;
    if script.shadowed_by.is_some() {
        return None;
    }
    let weights = || script.tracked_by.iter().map(|by| by.weight.value);
    Some(Check {
        name: script.name.clone(),
        keyword: "script",
        command,
        words: &command.words,
        interval: script.interval(),
        timeout: script.timeout(),
        user: script.user.as_ref(),
        on_failure: match weights().next() {
            None => OnFailure::Unused,
            Some(_) if weights().any(|weight| weight == 0) => OnFailure::Fault,
            Some(_) => OnFailure::Priority,
        },
        script: Some(script),
    })
}

fn of_misc<'c>(
    virtual_server: &VirtualServer,
    server: &'c RealServer,
    check: &'c MiscCheck,
) -> Option<Check<'c>> {
    let command = check.command.as_ref()?;
    let effective = check.effective(virtual_server, server);
    Some(Check {
        name: format!("MISC_CHECK of {}", server.name),
        keyword: "misc_path",
        command,
        words: &command.words,
        interval: effective.delay_loop,
        timeout: effective.timeout,
        user: check.user.as_ref(),
        on_failure: OnFailure::Server {
            dynamic: check.dynamic.is_some(),
        },
        script: None,
    })
}
