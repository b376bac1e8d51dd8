//! One command: its file, its user, and, if it calls listenup, its arguments and a dry run.

pub mod arguments;
mod child;
mod dry_run;
mod namespace;
mod own_image;
mod path;
mod user;

use std::net::IpAddr;
use std::path::Path;

use nix::ifaddrs::getifaddrs;

use self::dry_run::RunResult;
use self::namespace::run_in_netns;
use super::checks::{Check, OnFailure};
use super::codes::Code;
use super::codes::command::{
    Answers, COULD_NOT_TELL, CURRENT, DEADLOCK, FAILING, NAMES_NOTHING, NO_NAMESPACE, NOT_TRIED,
    NotTried, OTHER_FILE, OTHER_NAMESPACE, REMOTE, UNKNOWN_IS_UP, UntilItPasses,
};
use super::codes::outcome::{IfDown, IfUp};
use super::findings::Finding;
use crate::cli::CheckOptions;
use crate::domain::{Place as Endpoint, Target, Wanted};
use crate::keepalived_conf::Set;
use crate::untrusted::{ReadError, RegularFile};

pub use arguments::Invocation;
pub use dry_run::DryRuns;
pub use own_image::OwnImage;
pub use path::{Program, Security, Weakness, is_safe};
pub use user::{Accounts, Runners, ScriptUser};

/// Bytes of a number in /proc/sys.
const LONGEST_NUMBER: u64 = 64;

/// How keepalived would run a listenup check.
pub struct Attempt<'a> {
    /// The check.
    pub check: &'a Check<'a>,
    /// The file that keepalived executes.
    pub path: &'a Path,
    /// Its options.
    pub options: &'a CheckOptions,
    /// Its user.
    pub user: &'a ScriptUser,
    /// The program that is executed in its place.
    pub image: &'a Result<OwnImage, ReadError>,
    /// What the dry runs share.
    pub runs: &'a DryRuns,
    /// The network namespace of keepalived, if one is written.
    pub netns: Option<&'a Set<String>>,
}

impl Attempt<'_> {
    /// Runs the check, and returns what that shows.
    pub fn examine(&self) -> Vec<Finding> {
        let place = self.check.place();
        let own = nix::unistd::geteuid().as_raw();
        if own != 0 && own != self.user.uid {
            let why = NotTried::NotRoot(self.user.name.clone());
            return vec![self.not_tried(&why).at(place)];
        }
        let image = match self.image() {
            Ok(image) => image,
            Err(finding) => return vec![finding.at(place)],
        };
        let netns = self.netns.map(|set| set.value.as_str());
        let inside = run_in_netns(netns, || {
            let result = self.run(image);
            let deadlock = self.deadlock(&result);
            (result, deadlock)
        });
        let (result, deadlock) = match inside {
            Ok(inside) => inside,
            Err(why) => {
                let netns = netns.unwrap_or_default();
                let finding = NO_NAMESPACE.with(&[("netns", &netns), ("why", &why)]);
                return vec![finding.at(self.netns.map_or(place, |set| &set.place))];
            }
        };
        let elsewhere = match (&result, self.netns) {
            (RunResult::Fails(inside), Some(set)) => self.elsewhere(image, inside, set),
            _ => None,
        };
        let finding = elsewhere.unwrap_or_else(|| self.finding(&result).at(place));
        let deadlock = deadlock.map(|finding| finding.at(place));
        std::iter::once(finding).chain(deadlock).collect()
    }

    /// Returns the program to execute, if it is the one in the configuration.
    fn image(&self) -> Result<&OwnImage, Finding> {
        let unreadable = |error: &ReadError| self.not_tried(&NotTried::Unreadable(*error));
        let image = self.image.as_ref().map_err(unreadable)?;
        match RegularFile::open(self.path).and_then(|file| image.is_in(&file)) {
            Ok(true) => Ok(image),
            Ok(false) => Err(self.with(&OTHER_FILE, &[("program", &self.path.display())])),
            Err(error) => Err(unreadable(&error)),
        }
    }

    fn run(&self, image: &OwnImage) -> RunResult {
        self.runs
            .run(image, self.check.words, self.user, self.check.timeout)
    }

    fn finding(&self, result: &RunResult) -> Finding {
        if let OnFailure::Server { .. } = self.check.on_failure {
            if let Some((address, _)) = self.options.targets.iter().find_map(unbindable) {
                return self.with(&REMOTE, &[("address", &address)]);
            }
        }
        let answered = |code, answer: &Answers| self.with(code, &[("answer", answer)]);
        match result {
            RunResult::Succeeds(answers) => answered(&CURRENT, answers),
            RunResult::Fails(answers) => answered(&FAILING, answers),
            RunResult::UnknownIsUp(answers) => answered(&UNKNOWN_IS_UP, answers),
            RunResult::CouldNotTell(answers) => answered(&COULD_NOT_TELL, answers),
            RunResult::Refused(why) => self.with(&NAMES_NOTHING, &[("answer", why)]),
            RunResult::NotTried(why) => self.not_tried(why),
        }
    }

    fn not_tried(&self, why: &NotTried) -> Finding {
        self.with(&NOT_TRIED, &[("why", why), ("fix", &why.fix())])
    }

    /// Reports a check that fails in keepalived's namespace and succeeds outside of it.
    fn elsewhere(&self, image: &OwnImage, inside: &Answers, set: &Set<String>) -> Option<Finding> {
        let RunResult::Succeeds(outside) = self.run(image) else {
            return None;
        };
        let finding = self.with(
            &OTHER_NAMESPACE,
            &[
                ("netns", &set.value),
                ("inside", inside),
                ("outside", &outside),
            ],
        );
        Some(finding.at(&set.place))
    }

    /// Reports a service that cannot bind its address before it is here, and a check that keeps it away.
    fn deadlock(&self, result: &RunResult) -> Option<Finding> {
        let is_deadlock = matches!(result, RunResult::Fails(_))
            && self.options.wanted == Wanted::Listening
            && self.check.on_failure == OnFailure::Fault;
        let mut targets = self.options.targets.iter().filter(|_| is_deadlock);
        targets.find_map(|target| {
            let (address, sysctl) = unbindable(target)?;
            Some(self.with(
                &DEADLOCK,
                &[
                    ("address", &address),
                    ("sysctl", &sysctl),
                    ("port", &target.port()),
                    ("target", target),
                ],
            ))
        })
    }

    fn with(
        &self,
        code: &'static Code,
        values: &[(&'static str, &dyn std::fmt::Display)],
    ) -> Finding {
        let Check {
            name, on_failure, ..
        } = self.check;
        let tracked_by = self.check.script.map(|script| &script.tracked_by);
        let instances = tracked_by
            .into_iter()
            .flatten()
            .map(|by| by.instance.clone());
        let now = UntilItPasses {
            on_failure: *on_failure,
            instances: instances.collect(),
        };
        let common: &[(&'static str, &dyn std::fmt::Display)] = &[
            ("name", name),
            ("user", &self.user.name),
            ("fails", &IfDown(*on_failure)),
            ("always", &IfUp(*on_failure)),
            ("now", &now),
        ];
        code.with(&[values, common].concat())
    }
}

/// Returns the address of a target and a sysctl, if only the sysctl lets a program bind the address here.
fn unbindable(target: &Target) -> Option<(IpAddr, String)> {
    let Endpoint::Address(address, _) = target.place else {
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
fn is_assigned(address: IpAddr) -> Option<bool> {
    let mut all = getifaddrs().ok()?;
    Some(all.any(|interface| {
        let found = interface.address.as_ref();
        let v4 = found.and_then(|found| Some(IpAddr::V4(found.as_sockaddr_in()?.ip())));
        let v6 = found.and_then(|found| Some(IpAddr::V6(found.as_sockaddr_in6()?.ip())));
        v4.or(v6) == Some(address)
    }))
}
