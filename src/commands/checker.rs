//! What `check` and `watch` share: options -> the judge -> a verdict.

use std::fmt::Display;
use std::path::Path;

use nix::errno::Errno;
use nix::net::if_::if_nametoindex;

use crate::cli::CheckOptions;
use crate::clock::Deadline;
use crate::domain::{Doubt, Entrance, ExitReason, ExitStatus, Obstacle, Verdict};
use crate::engine::{CheckSpec, Outcome, SourceChain, judge};
use crate::errno::ErrnoText;
use crate::host::processes::Viewer;
use crate::host::vrf;
use crate::report::CheckResult;
use crate::requirements::RequirementChecker;
use crate::source::{Fault, netlink};

const PROC: &str = "/proc";

/// Judges the same targets as often as it is asked.
pub struct Checker<'a> {
    options: &'a CheckOptions,
    chain: SourceChain<'static>,
    viewer: Option<Viewer>,
}

impl<'a> Checker<'a> {
    /// In the network namespace that was asked for, which the calling thread enters for good.
    ///
    /// # Errors
    /// What keeps it from there.
    pub fn enter(options: &'a CheckOptions) -> Result<Self, Obstacle> {
        if let Some(netns) = &options.netns {
            netns.enter()?;
        }
        Ok(Self::here(options, None))
    }

    /// In the network namespace of the calling thread, without regard to `--netns`. It sees no more processes than the viewer.
    pub fn here(options: &'a CheckOptions, viewer: Option<Viewer>) -> Self {
        Self {
            options,
            chain: SourceChain::chosen(options.source, PROC),
            viewer,
        }
    }

    /// One judgement. What was named is looked up anew: a device can go and come back with another index, or move into a VRF.
    ///
    /// # Errors
    /// What keeps it from looking at all.
    pub fn judge(&mut self, deadline: Deadline<'_>) -> Result<Outcome, Obstacle> {
        let options = self.options;
        let proc = Path::new(PROC);
        let entrance = match options.interface.as_deref() {
            Some(interface) => Some(entrance(interface, proc, deadline)?),
            None => None,
        };
        let (max, owner) = (options.max_queue, &options.owner);
        let mut requirements = RequirementChecker::new(max, owner, proc, deadline)?;
        requirements.see_as(self.viewer);
        let spec = CheckSpec {
            targets: options.targets.clone(),
            entrance,
            wanted: options.wanted,
            needed: options.needed,
        };
        let (chain, timing) = (&mut self.chain, options.timing);
        Ok(judge(&spec, chain, &mut requirements, timing, deadline))
    }
}

/// What an outcome amounts to.
pub fn conclude(options: &CheckOptions, outcome: Outcome) -> CheckResult {
    let answers = outcome.answers.iter().map(|(_, answer)| answer);
    let verdict = Verdict::of(answers, options.needed, options.wanted);
    CheckResult {
        outcome,
        verdict,
        status: status(options, ExitReason::Verdict(verdict)),
        max_queue: options.max_queue,
        wanted: options.wanted,
        needed: options.needed,
    }
}

/// How a check exits.
pub fn status(options: &CheckOptions, reason: ExitReason) -> ExitStatus {
    ExitStatus {
        reason,
        codes: options.exit_codes,
        on_unknown: options.on_unknown,
    }
}

/// How connections come in by the device with this name.
fn entrance(interface: &str, proc: &Path, deadline: Deadline<'_>) -> Result<Entrance, Obstacle> {
    let no_such = || {
        let why = ErrnoText(Errno::ENODEV);
        Obstacle::NoSuch(format!("there is no interface {interface}: {why}"))
    };
    let index = if_nametoindex(interface).map_err(|errno| match errno {
        Errno::ENODEV => no_such(),
        // The C library says ENOENT where it has no descriptor left to ask with.
        _ => {
            let why = ErrnoText(errno);
            Doubt::new(format_args!(
                "the interface {interface} cannot be looked up: {why}"
            ))
            .into()
        }
    })?;
    vrf::entrance(index, proc, deadline).map_err(|fault| match fault {
        Fault::Netlink(netlink::Fault::Kernel(Errno::ENODEV)) => no_such(),
        Fault::Netlink(fault) => not_asked(interface, &format_args!("rtnetlink: {fault}")),
        fault => not_asked(interface, &fault),
    })
}

fn not_asked(interface: &str, why: &dyn Display) -> Obstacle {
    Doubt::new(format_args!(
        "whether the interface {interface} belongs to a VRF cannot be looked up: {why}"
    ))
    .into()
}
