//! What is to be checked, and what came out.

use std::time::Duration;

use crate::domain::{Answer, Doubt, Ingress, Listener, Obstacle, Survey, Target, Wanted};

/// How long to look.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// The limit on everything.
    pub timeout: Duration,
    /// How long to keep looking while it is not as wanted.
    pub retry_for: Duration,
    /// How long to wait between two of those looks.
    pub retry_every: Duration,
}

/// What is to be found out.
#[derive(Clone, Debug)]
pub struct CheckSpec {
    /// The targets, each once.
    pub targets: Vec<Target>,
    /// What should be so, which is what retries wait for.
    pub wanted: Wanted,
    /// Of how many targets.
    pub needed: usize,
}

impl CheckSpec {
    /// Whether all of these targets are listening, and no more than that.
    pub fn all_listening(targets: impl IntoIterator<Item = Target>) -> Self {
        let targets: Vec<Target> = targets.into_iter().collect();
        Self {
            needed: targets.len(),
            targets,
            wanted: Wanted::Listening,
        }
    }

    /// A survey of the targets, of which nothing is known yet, for connections that come in by any device.
    pub fn survey(&self) -> Survey {
        self.survey_via(None)
    }

    /// The same for connections that come in so.
    pub fn survey_via(&self, ingress: Option<Ingress>) -> Survey {
        let enough = match self.wanted {
            Wanted::Listening => self.needed,
            // With --absent every target must be shown to be absent, so the survey cannot stop early.
            Wanted::Absent => self.targets.len(),
        };
        Survey::new(self.targets.iter().copied(), ingress, enough)
    }
}

/// What came out.
#[derive(Debug)]
pub struct Outcome {
    /// The answer for each target, in the order they were asked for.
    pub answers: Vec<(Target, Answer)>,
    /// Listeners on the ports of targets that they do not serve, as the last look has shown them.
    pub elsewhere: Vec<Listener>,
    /// What a person should know although there is an answer.
    pub warnings: Vec<String>,
    /// Who gave the answers. `None`: nobody could.
    pub source: Option<&'static str>,
    /// How long that took.
    pub took: Duration,
    /// Whether something that the options name does not exist. It is wrong usage, and never counts as up.
    pub names_missing: bool,
}

impl Outcome {
    /// The listeners on the port of a target that they do not serve.
    pub fn elsewhere_of(&self, target: &Target) -> impl Iterator<Item = &Listener> {
        let place = (target.protocol, target.port());
        let listeners = self.elsewhere.iter();
        listeners.filter(move |one| (one.protocol, one.port) == place)
    }

    /// The outcome where no look is possible.
    pub fn in_doubt(targets: &[Target], doubt: &Doubt) -> Self {
        let answer = |target: &Target| (*target, Answer::CouldNotTell(doubt.clone()));
        Self {
            answers: targets.iter().map(answer).collect(),
            elsewhere: Vec::new(),
            warnings: Vec::new(),
            source: None,
            took: Duration::ZERO,
            names_missing: false,
        }
    }

    /// The outcome if something keeps a check from looking at all.
    pub fn obstructed(targets: &[Target], obstacle: &Obstacle) -> Self {
        Self {
            names_missing: matches!(obstacle, Obstacle::NoSuch(_)),
            ..Self::in_doubt(targets, &Doubt::new(obstacle))
        }
    }
}
