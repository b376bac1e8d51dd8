//! What `check` and `watch` share: options -> the judge -> a verdict.

use std::path::Path;

use nix::errno::Errno;
use nix::net::if_::if_nametoindex;

use crate::cli::CheckOptions;
use crate::clock::Deadline;
use crate::domain::{Doubt, ExitReason, ExitStatus, Obstacle, Verdict};
use crate::engine::{CheckSpec, Outcome, SourceChain, judge};
use crate::errno::ErrnoText;
use crate::report::CheckResult;
use crate::requirements::RequirementChecker;

const PROC: &str = "/proc";

/// Judges the same targets as often as it is asked.
pub struct Checker<'a> {
    options: &'a CheckOptions,
    chain: SourceChain<'static>,
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
        Ok(Self {
            options,
            chain: SourceChain::chosen(options.source, PROC),
        })
    }

    /// One judgement. What was named is looked up anew: a device can go and come back with another index.
    ///
    /// # Errors
    /// What keeps it from looking at all.
    pub fn judge(&mut self, deadline: Deadline<'_>) -> Result<Outcome, Obstacle> {
        let options = self.options;
        let interface = options.interface.as_deref().map(index).transpose()?;
        let (max, owner, proc) = (options.max_queue, &options.owner, Path::new(PROC));
        let mut requirements = RequirementChecker::new(max, owner, proc, deadline)?;
        let spec = CheckSpec {
            targets: options.targets.clone(),
            interface,
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

/// The index of the device with this name.
fn index(interface: &str) -> Result<u32, Obstacle> {
    if_nametoindex(interface).map_err(|errno| {
        let why = ErrnoText(errno);
        match errno {
            Errno::ENODEV => Obstacle::NoSuch(format!("there is no interface {interface}: {why}")),
            // The C library says ENOENT where it has no descriptor left to ask with.
            _ => Doubt::new(format_args!(
                "the interface {interface} cannot be looked up: {why}"
            ))
            .into(),
        }
    })
}
