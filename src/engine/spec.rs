//! The specification of a check, and its outcome.

use std::time::Duration;

use crate::domain::{
    Answer, Expectation, Ingress, Listener, SetupError, Survey, Target, UnknownReason,
};

/// The time limits of a check.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// The limit on the whole check.
    pub timeout: Duration,
    /// How long looks are repeated while the check fails.
    pub retry_for: Duration,
    /// The pause between two of those looks.
    pub retry_every: Duration,
}

/// The targets of a check, and the state that they must have.
#[derive(Clone, Debug)]
pub struct CheckSpec {
    /// The targets, each once.
    pub targets: Vec<Target>,
    /// The expected state of the targets. Retries wait for it.
    pub wanted: Expectation,
    /// How many targets must have that state.
    pub needed: usize,
}

impl CheckSpec {
    /// Returns a check that requires all of these targets to be listening.
    pub fn all_listening(targets: impl IntoIterator<Item = Target>) -> Self {
        let targets: Vec<Target> = targets.into_iter().collect();
        Self {
            needed: targets.len(),
            targets,
            wanted: Expectation::Listening,
        }
    }

    /// Returns a survey of the targets before any look, for connections through any device.
    pub fn survey(&self) -> Survey {
        self.survey_via(None)
    }

    /// Returns the same for connections through this ingress.
    pub fn survey_via(&self, ingress: Option<Ingress>) -> Survey {
        let enough = match self.wanted {
            Expectation::Listening => self.needed,
            // With --absent every target must be proven absent, so the survey cannot stop early.
            Expectation::Absent => self.targets.len(),
        };
        Survey::new(self.targets.iter().copied(), ingress, enough)
    }
}

/// The outcome of a check.
#[derive(Debug)]
pub struct Outcome {
    /// The answer for each target, in the order of the command line.
    pub answers: Vec<(Target, Answer)>,
    /// Listeners from the last look that have the port of a target and do not serve it.
    pub elsewhere: Vec<Listener>,
    /// Warnings in addition to the answers.
    pub warnings: Vec<String>,
    /// The name of the source that answered. `None` if no source could.
    pub source: Option<&'static str>,
    /// How long the check took.
    pub took: Duration,
    /// True if a name in the options does not exist. That is wrong usage, and never counts as up.
    pub names_missing: bool,
}

impl Outcome {
    /// Returns the listeners that have the port of this target and do not serve it.
    pub fn elsewhere_of(&self, target: &Target) -> impl Iterator<Item = &Listener> {
        let place = (target.protocol, target.port());
        let listeners = self.elsewhere.iter();
        listeners.filter(move |one| (one.protocol, one.port) == place)
    }

    /// Returns the outcome if no look is possible.
    pub fn inconclusive(targets: &[Target], reason: &UnknownReason) -> Self {
        let answer = |target: &Target| (*target, Answer::CouldNotTell(reason.clone()));
        Self {
            answers: targets.iter().map(answer).collect(),
            elsewhere: Vec::new(),
            warnings: Vec::new(),
            source: None,
            took: Duration::ZERO,
            names_missing: false,
        }
    }

    /// Returns the outcome if the check cannot begin.
    pub fn setup_failed(targets: &[Target], error: &SetupError) -> Self {
        Self {
            names_missing: matches!(error, SetupError::NoSuch(_)),
            ..Self::inconclusive(targets, &UnknownReason::new(error))
        }
    }
}
