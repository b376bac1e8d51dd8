//! What is to be checked, and what came out.

use std::time::Duration;

use crate::domain::{Answer, Doubt, Entrance, Survey, Target, Wanted};

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
    /// How connections come in. `None`: by any device.
    pub entrance: Option<Entrance>,
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
            entrance: None,
            wanted: Wanted::Listening,
        }
    }

    /// A survey of the targets, of which nothing is known yet.
    pub fn survey(&self) -> Survey {
        let enough = match self.wanted {
            Wanted::Listening => self.needed,
            // What listens is then what should not be, and all that is not must be shown.
            Wanted::Absent => self.targets.len(),
        };
        Survey::new(self.targets.iter().copied(), self.entrance.clone(), enough)
    }
}

/// What came out.
#[derive(Debug)]
pub struct Outcome {
    /// The answer for each target, in the order they were asked for.
    pub answers: Vec<(Target, Answer)>,
    /// What a person should know although there is an answer.
    pub warnings: Vec<String>,
    /// Who gave the answers. `None`: nobody could.
    pub source: Option<&'static str>,
    /// How long that took.
    pub took: Duration,
}

impl Outcome {
    /// The outcome where no look is possible.
    pub fn in_doubt(targets: &[Target], doubt: &Doubt) -> Self {
        let answer = |target: &Target| (*target, Answer::CouldNotTell(doubt.clone()));
        Self {
            answers: targets.iter().map(answer).collect(),
            warnings: Vec::new(),
            source: None,
            took: Duration::ZERO,
        }
    }
}
