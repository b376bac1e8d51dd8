//! The part that `check`, `watch` and `doctor` share: from options to a verdict.

use std::path::Path;
use std::time::Duration;

use crate::cli::CheckOptions;
use crate::clock::Deadline;
use crate::domain::{ExitReason, ExitStatus, Protocol, Requirements as _, SetupError, Verdict};
use crate::engine::{CheckSpec, Outcome, SourceChain, Timing, look, try_run_check};
use crate::host::netns::Netns;
use crate::host::processes::Viewer;
use crate::report::CheckResult;
use crate::requirements::{Demands, Drops, RequirementChecker};

const PROC: &str = "/proc";

/// A check of the same targets, as often as needed.
pub struct Checker<'a> {
    options: &'a CheckOptions,
    chain: SourceChain<'static>,
    /// The network namespace that is entered for each look. `None` if the thread stays in its own.
    netns: Option<&'a Netns>,
    /// The drops of UDP sockets at the last check. `None` before the first one.
    drops: Option<Drops>,
    viewer: Option<Viewer>,
}

/// How long UDP sockets are watched for drops before the first check, and at most this part of the time limit.
const DROPS_WATCHED: Duration = Duration::from_millis(100);
const DROPS_SHARE: u32 = 4;

impl<'a> Checker<'a> {
    /// Makes a checker for the network namespace of `--netns`. The calling thread enters it and stays there.
    pub fn new(options: &'a CheckOptions) -> Self {
        Self {
            options,
            chain: SourceChain::from_choice(options.source, PROC),
            netns: options.netns.as_ref(),
            drops: None,
            viewer: None,
        }
    }

    /// Makes a checker, and the thread enters the network namespace now.
    ///
    /// # Errors
    /// Returns the reason if it cannot be entered.
    pub fn in_netns(options: &'a CheckOptions) -> Result<Self, SetupError> {
        let checker = Self::new(options);
        if let Some(netns) = checker.netns {
            netns.enter()?;
        }
        Ok(Self::here(options, None))
    }

    /// Makes a checker for the network namespace of the calling thread; it ignores `--netns`. It sees no more processes
    /// than the viewer.
    pub fn here(options: &'a CheckOptions, viewer: Option<Viewer>) -> Self {
        Self {
            netns: None,
            viewer,
            ..Self::new(options)
        }
    }

    /// Checks once. Names are looked up each time: a device can go and come back with another index, or move into a VRF.
    ///
    /// # Errors
    /// Returns the reason if it could not look at all.
    pub fn check(&mut self, deadline: Deadline<'_>) -> Result<Outcome, SetupError> {
        self.check_with(self.options.timing, deadline)
    }

    /// Chooses the sources without the cross-check, or with it again.
    pub fn skip_cross_check(&mut self, is_skipped: bool) {
        self.chain.skip_cross_check(is_skipped);
    }

    /// Checks once, with retries of its own.
    ///
    /// # Errors
    /// Returns the same errors as [`Checker::check`].
    pub fn check_with(
        &mut self,
        timing: Timing,
        deadline: Deadline<'_>,
    ) -> Result<Outcome, SetupError> {
        let options = self.options;
        let spec = CheckSpec {
            targets: options.targets.clone(),
            wanted: options.wanted,
            needed: options.needed,
        };
        let mut targets = options.targets.iter();
        let counts_drops =
            options.max_queue.is_some() && targets.any(|target| target.protocol == Protocol::Udp);
        if self.drops.is_none() && counts_drops {
            self.drops = self.watch_drops(&spec, deadline);
        }
        let mut requirements = self.requirements(deadline);
        let chain = &mut self.chain;
        let outcome = try_run_check(&spec, chain, &mut requirements, timing, deadline);
        self.drops = counts_drops.then(|| requirements.into_drops());
        outcome
    }

    fn requirements<'b>(&mut self, deadline: Deadline<'b>) -> RequirementChecker<'b>
    where
        'a: 'b,
    {
        let options = self.options;
        let demands = Demands {
            max_queue: options.max_queue,
            owner: &options.owner,
            interface: options.interface.as_deref(),
            netns: self.netns,
            viewer: self.viewer,
        };
        let drops = self.drops.take().unwrap_or_default();
        RequirementChecker::new(demands, Path::new(PROC), deadline, drops)
    }

    /// Reads once how much sockets have dropped, and waits, so that the check sees whether it grows. `None` if the
    /// names are not found, or no source answers.
    fn watch_drops(&mut self, spec: &CheckSpec, deadline: Deadline<'_>) -> Option<Drops> {
        let mut requirements = self.requirements(deadline);
        let ingress = requirements.look_up_names().ok()?;
        let mut survey = spec.survey_via(ingress);
        let mut sources = self.chain.sources();
        let answered =
            sources.any(|source| look(source, &mut survey, &mut requirements, deadline).is_ok());
        if !answered {
            return None;
        }
        deadline.sleep(DROPS_WATCHED.min(deadline.limit() / DROPS_SHARE));
        Some(requirements.into_drops())
    }
}

/// Makes the result of a check from its outcome.
pub fn check_result(options: &CheckOptions, outcome: Outcome) -> CheckResult {
    let answers = outcome.answers.iter().map(|(_, answer)| answer);
    let verdict = Verdict::of(answers, options.needed, options.wanted);
    let reason = match outcome.names_missing {
        true => ExitReason::Usage,
        false => ExitReason::Verdict(verdict),
    };
    CheckResult {
        outcome,
        verdict,
        status: exit_status(options, reason),
        max_queue: options.max_queue,
        wanted: options.wanted,
        needed: options.needed,
    }
}

/// Returns the exit status of a check.
pub fn exit_status(options: &CheckOptions, reason: ExitReason) -> ExitStatus {
    ExitStatus {
        reason,
        codes: options.exit_codes,
        on_unknown: options.on_unknown,
    }
}
