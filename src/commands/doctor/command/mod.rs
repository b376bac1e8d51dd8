//! One command: its file, its user, and, if it calls listenup, its arguments and what the check finds now.

pub mod arguments;
mod evaluation;
mod namespace;
mod path;
mod user;

use std::net::IpAddr;
use std::path::Path;

use nix::ifaddrs::getifaddrs;

use self::evaluation::{Evaluation, evaluate};
use super::checks::{Check, OnFailure};
use super::codes::Code;
use super::codes::command::{
    Answers, COULD_NOT_TELL, CURRENT, DEADLOCK, FAILING, NAMES_NOTHING, NO_NAMESPACE,
    NOT_EVALUATED, NotEvaluated, OTHER_FILE, OTHER_NAMESPACE, REMOTE, UNKNOWN_IS_UP,
    until_it_passes,
};
use super::findings::{Finding, Values};
use crate::cli::CheckOptions;
use crate::clock::Deadline;
use crate::domain::{Endpoint, Expectation, SetupError, Target};
use crate::host::netns::Netns;
use crate::keepalived_conf::Spanned;
use crate::untrusted::{ReadError, RegularFile};

pub use arguments::Invocation;
pub use namespace::in_netns;
pub use path::{Program, is_safe};
pub use user::{Accounts, Runners, ScriptUser};

/// Bytes of a number in /proc/sys.
const LONGEST_NUMBER: u64 = 64;

/// A listenup check that keepalived would run.
pub struct Attempt<'a> {
    /// The check.
    pub check: &'a Check<'a>,
    /// The file that keepalived executes.
    pub path: &'a Path,
    /// Its options.
    pub options: &'a CheckOptions,
    /// Its user.
    pub user: &'a ScriptUser,
    /// This program, to compare the file with.
    pub image: &'a Result<RegularFile, ReadError>,
    /// The end of the time for all evaluations together.
    pub deadline: Deadline<'a>,
    /// The network namespace of keepalived, if one is written.
    pub netns: Option<&'a Spanned<String>>,
}

/// Returns that a check was not evaluated.
pub fn not_evaluated(check: &Check<'_>, why: &NotEvaluated) -> Finding {
    check.finding(NOT_EVALUATED, &[("why", why), ("fix", &why.fix())])
}

impl Attempt<'_> {
    /// Evaluates the check, and returns what that shows.
    pub fn examine(&self) -> Vec<Finding> {
        let place = self.check.place();
        if let Err(finding) = self.is_this_program().and_then(|()| self.has_rights()) {
            return vec![finding];
        }
        let name = self.netns.map(|set| set.value.as_str());
        let netns = name.and_then(Netns::parse);
        let inside = in_netns(netns.as_ref(), || {
            let found = self.evaluate();
            let deadlock = self.deadlock(&found);
            (found, deadlock)
        });
        let (found, deadlock) = match inside {
            Ok(inside) => inside,
            Err(SetupError::NoSuch(why)) => {
                let netns = name.unwrap_or_default();
                let finding = NO_NAMESPACE.with(&[("netns", &netns), ("why", &why)]);
                return vec![finding.at(self.netns.map_or(place, |set| &set.place))];
            }
            Err(SetupError::Unknown(reason)) => {
                let why = NotEvaluated::System(reason.to_string());
                return vec![self.not_evaluated(&why)];
            }
        };
        let elsewhere = match (&found, self.netns) {
            (Evaluation::Fails(inside), Some(set)) => self.elsewhere(inside, set),
            _ => None,
        };
        let finding = elsewhere.unwrap_or_else(|| self.finding(&found));
        std::iter::once(finding).chain(deadlock).collect()
    }

    /// Returns a finding unless the file in the configuration is this program.
    fn is_this_program(&self) -> Result<(), Finding> {
        let unreadable = |error: &ReadError| self.not_evaluated(&NotEvaluated::Unreadable(*error));
        let image = self.image.as_ref().map_err(unreadable)?;
        match RegularFile::open(self.path).and_then(|file| image.has_content_of(&file)) {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.with(OTHER_FILE, &[("program", &self.path.display())])),
            Err(error) => Err(unreadable(&error)),
        }
    }

    /// Returns a finding if the script's user sees more than the user of this process. All users see the same
    /// listeners, with their queues, users and units.
    fn has_rights(&self) -> Result<(), Finding> {
        let own = nix::unistd::geteuid().as_raw();
        let needs_rights = self.options.netns.is_some() || self.options.owner.process.is_some();
        match own != 0 && own != self.user.uid && needs_rights {
            true => Err(self.not_evaluated(&NotEvaluated::NotRoot(self.user.name.clone()))),
            false => Ok(()),
        }
    }

    fn evaluate(&self) -> Evaluation {
        evaluate(self.options, self.user, self.deadline)
    }

    fn finding(&self, found: &Evaluation) -> Finding {
        if let OnFailure::Server { .. } = self.check.on_failure {
            if let Some((address, _)) = self.options.targets.iter().find_map(unbindable) {
                return self.with(REMOTE, &[("address", &address)]);
            }
        }
        let answered = |code, answer: &Answers| self.with(code, &[("answer", answer)]);
        match found {
            Evaluation::Succeeds(answers) => answered(CURRENT, answers),
            Evaluation::Fails(answers) => answered(FAILING, answers),
            Evaluation::UnknownIsUp(answers) => answered(UNKNOWN_IS_UP, answers),
            Evaluation::CouldNotTell(answers) => answered(COULD_NOT_TELL, answers),
            Evaluation::Refused(why) => self.with(NAMES_NOTHING, &[("answer", why)]),
            Evaluation::Unknown(why) => self.not_evaluated(why),
        }
    }

    fn not_evaluated(&self, why: &NotEvaluated) -> Finding {
        not_evaluated(self.check, why)
    }

    /// Reports a check that fails in keepalived's namespace and succeeds outside of it.
    fn elsewhere(&self, inside: &Answers, set: &Spanned<String>) -> Option<Finding> {
        let Evaluation::Succeeds(outside) = self.evaluate() else {
            return None;
        };
        let finding = self.with(
            OTHER_NAMESPACE,
            &[
                ("netns", &set.value),
                ("inside", inside),
                ("outside", &outside),
            ],
        );
        Some(finding.at(&set.place))
    }

    /// Reports a service that cannot bind its address before it is here, and a check that keeps it away.
    fn deadlock(&self, found: &Evaluation) -> Option<Finding> {
        let is_deadlock = matches!(found, Evaluation::Fails(_))
            && self.options.wanted == Expectation::Listening
            && self.check.on_failure == OnFailure::Fault;
        let mut targets = self.options.targets.iter().filter(|_| is_deadlock);
        targets.find_map(|target| {
            let (address, sysctl) = unbindable(target)?;
            Some(self.with(
                DEADLOCK,
                &[
                    ("address", &address),
                    ("sysctl", &sysctl),
                    ("port", &target.on_any_address()),
                    ("target", target),
                ],
            ))
        })
    }

    fn with(&self, code: &'static Code, values: Values) -> Finding {
        let tracked_by = self.check.script.map(|script| &script.tracked_by);
        let instances = tracked_by.into_iter().flatten();
        let instances: Vec<&str> = instances.map(|by| by.instance.as_str()).collect();
        let now = until_it_passes(self.check.on_failure, &instances.join(", "));
        let common: Values = &[("user", &self.user.name), ("now", &now)];
        self.check.finding(code, &[values, common].concat())
    }
}

/// Returns the address of a target and a sysctl, if only the sysctl lets a program bind the address here.
fn unbindable(target: &Target) -> Option<(IpAddr, String)> {
    let Endpoint::Address(address, _) = target.endpoint else {
        return None;
    };
    let family = match address {
        IpAddr::V4(_) => "ipv4",
        IpAddr::V6(_) => "ipv6",
    };
    let path = format!("/proc/sys/net/{family}/ip_nonlocal_bind");
    let value = RegularFile::open_in_proc(Path::new(&path))
        .ok()?
        .read_start(LONGEST_NUMBER)
        .ok()?;
    let is_local = address.is_unspecified() || address.is_loopback() || is_assigned(address)?;
    let is_refused = value.trim_ascii() == b"0" && !is_local;
    is_refused.then(|| (address, format!("net.{family}.ip_nonlocal_bind")))
}

/// Returns whether this host has an address. `None`: that could not be found out.
pub fn is_assigned(address: IpAddr) -> Option<bool> {
    let mut all = getifaddrs().ok()?;
    Some(all.any(|interface| {
        let found = interface.address.as_ref();
        let v4 = found.and_then(|found| Some(IpAddr::V4(found.as_sockaddr_in()?.ip())));
        let v6 = found.and_then(|found| Some(IpAddr::V6(found.as_sockaddr_in6()?.ip())));
        v4.or(v6) == Some(address)
    }))
}
