//! What `check` and `watch` share: options -> the judge -> a verdict.

use std::path::Path;

use crate::cli::CheckOptions;
use crate::clock::Deadline;
use crate::domain::{ExitReason, ExitStatus, Obstacle, Verdict};
use crate::engine::{CheckSpec, Outcome, SourceChain, try_judge};
use crate::host::netns::Netns;
use crate::report::CheckResult;
use crate::requirements::{Demands, RequirementChecker};

const PROC: &str = "/proc";

/// Judges the same targets as often as it is asked.
pub struct Checker<'a> {
    options: &'a CheckOptions,
    chain: SourceChain<'static>,
    /// The network namespace that is still to be entered.
    netns: Option<&'a Netns>,
}

impl<'a> Checker<'a> {
    /// In the network namespace that was asked for, which the calling thread enters for good when it judges first.
    pub fn new(options: &'a CheckOptions) -> Self {
        Self {
            options,
            chain: SourceChain::chosen(options.source, PROC),
            netns: options.netns.as_ref(),
        }
    }

    /// The same, and the thread enters it now.
    ///
    /// # Errors
    /// Returns why it cannot be entered.
    pub fn enter(options: &'a CheckOptions) -> Result<Self, Obstacle> {
        let checker = Self::new(options);
        if let Some(netns) = checker.netns {
            netns.enter()?;
        }
        Ok(Self {
            netns: None,
            ..checker
        })
    }

    /// Judges once. Names are looked up each time: a device can go and come back with another index, or move into a VRF.
    ///
    /// # Errors
    /// Returns why it could not look at all.
    pub fn judge(&mut self, deadline: Deadline<'_>) -> Result<Outcome, Obstacle> {
        let options = self.options;
        let demands = Demands {
            max_queue: options.max_queue,
            owner: &options.owner,
            interface: options.interface.as_deref(),
            netns: self.netns,
        };
        let mut requirements = RequirementChecker::new(demands, Path::new(PROC), deadline);
        let spec = CheckSpec {
            targets: options.targets.clone(),
            wanted: options.wanted,
            needed: options.needed,
        };
        let (chain, timing) = (&mut self.chain, options.timing);
        try_judge(&spec, chain, &mut requirements, timing, deadline)
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
