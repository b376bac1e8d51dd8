//! How sure is sure: the looks that it takes to say "listening", "not listening" or "could not tell".
//!
//! A listener that was seen is one, so "listening" takes one look. "Not listening" moves a virtual IP
//! and resets every connection through it, so it takes two complete looks that show nothing, at least
//! [`APART`] from each other, and before that everybody else who may know is asked.

#[cfg(test)]
mod tests;

use std::time::Duration;

use tracing::debug;

use crate::clock::{Clock, TimeLimit};
use crate::domain::{Answer, Demands, Doubt, Inquiry, NoDemands, Target, Verdict, Wanted};
use crate::look::{look, look_exactly};
use crate::source::{Fault, Source};

/// How far apart two looks must be for the second to count: long enough for a listener that is
/// replaced by another, or missed in a race, to be there again.
const APART: Duration = Duration::from_millis(1);

/// Whom to ask.
pub struct Sources<'a> {
    /// Asked in this order: the next one where the one before cannot answer. Not empty.
    pub in_order: Vec<&'a mut dyn Source>,
    /// Asked before the first of them says no; of what it says only a yes counts.
    pub second_opinion: Option<&'a mut dyn Source>,
}

/// How long to look.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// The limit on everything.
    pub timeout: Duration,
    /// How long to keep looking while it is not as wanted.
    pub retry_for: Duration,
    /// How long to wait between two of those looks.
    pub retry_every: Duration,
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

/// What to find out.
pub struct Matter<'a> {
    /// The targets.
    pub inquiry: Inquiry,
    /// What a listener must meet to count.
    pub demands: &'a mut dyn Demands,
    /// What should be so, which is what retries wait for.
    pub wanted: Wanted,
    /// Of how many targets.
    pub needed: usize,
}

impl<'a> Matter<'a> {
    /// Whether all of these targets are listening, and no more than that.
    pub fn plain(targets: impl IntoIterator<Item = Target>, none: &'a mut NoDemands) -> Self {
        let targets: Vec<Target> = targets.into_iter().collect();
        Self {
            needed: targets.len(),
            inquiry: Inquiry::new(targets, None),
            demands: none,
            wanted: Wanted::Listening,
        }
    }

    /// Whether what has been seen is enough, if nothing else is to come.
    fn is_well(&self) -> bool {
        let answers = self.inquiry.answers(None);
        let answers = answers.iter().map(|(_, answer)| answer);
        Verdict::of(answers, self.needed, self.wanted).is_healthy()
    }
}

/// Looks until every target is settled, or shown to be absent, or the time is up.
pub fn judge<'a>(
    matter: Matter<'a>,
    mut sources: Sources<'_>,
    patience: Patience,
    clock: &'a dyn Clock,
) -> Outcome {
    let started = clock.now();
    let mut case = Case {
        matter,
        patience,
        limit: TimeLimit::new(clock, patience.timeout),
        retry: TimeLimit::new(clock, patience.retry_for),
        warnings: Vec::new(),
    };
    let mut faults: Vec<String> = Vec::new();
    let mut answered = None;
    let mut second_opinion = sources.second_opinion.take();
    let last = sources.in_order.len().saturating_sub(1);
    for (index, source) in sources.in_order.into_iter().enumerate() {
        match case.hear(source, second_opinion.take(), index == last) {
            Ok(()) => {
                answered = Some(source.name());
                break;
            }
            Err(fault) => faults.push(fault.to_string()),
        }
    }
    faults.dedup();
    let doubt = match answered {
        Some(_) => None,
        None => Some(Doubt::new(faults.join("; "))),
    };
    Outcome {
        answers: case.matter.inquiry.answers(doubt.as_ref()),
        warnings: case.warnings,
        source: answered,
        took: clock.now().saturating_sub(started),
    }
}

struct Case<'c> {
    matter: Matter<'c>,
    patience: Patience,
    limit: TimeLimit<'c>,
    /// Until then there is time for what is not as wanted to become so.
    retry: TimeLimit<'c>,
    warnings: Vec<String>,
}

impl Case<'_> {
    /// Asks one source until all targets are settled or shown to be absent. A patient one is asked
    /// again after an error too, as long as there is time to retry.
    ///
    /// # Errors
    /// The reason for which neither came about.
    fn hear(
        &mut self,
        source: &mut dyn Source,
        mut second_opinion: Option<&mut dyn Source>,
        patient: bool,
    ) -> Result<(), Fault> {
        let mut in_vain_since = None;
        let (mut in_vain, mut heard) = (Vec::new(), false);
        loop {
            let answer = look(
                source,
                &mut self.matter.inquiry,
                self.matter.demands,
                self.limit,
            );
            let settled = self.matter.inquiry.is_settled();
            if !settled && self.limit.is_over() {
                return Err(Fault::TimeIsUp(self.limit.whole()));
            }
            let known = match answer {
                _ if settled => true,
                Err(fault) if self.retry.is_over() || !patient => return Err(fault),
                Err(_) => {
                    in_vain_since = None;
                    false
                }
                Ok(()) => {
                    // What the look before still showed has not been looked for in vain yet.
                    let before = std::mem::replace(&mut in_vain, self.matter.inquiry.in_vain());
                    if in_vain.iter().any(|target| !before.contains(target)) {
                        (in_vain_since, heard) = (None, false);
                    }
                    let again = in_vain_since.is_some();
                    in_vain_since.get_or_insert(self.limit.clock().now());
                    self.last_chance() && {
                        let other = second_opinion.as_deref_mut();
                        self.hear_others(source, other, &mut heard);
                        again || self.matter.inquiry.is_settled()
                    }
                }
            };
            if known && !self.may_go_yet() {
                return Ok(());
            }
            if known {
                self.matter.inquiry.reopen();
                (in_vain_since, heard) = (None, false);
            }
            self.wait(in_vain_since);
        }
    }

    /// Whether a listener that is not there now need not be waited for.
    fn last_chance(&self) -> bool {
        self.matter.wanted == Wanted::Absent || self.retry.is_over() || self.matter.is_well()
    }

    /// Whether something listens that should not, and there is time left for it to go.
    fn may_go_yet(&self) -> bool {
        self.matter.wanted == Wanted::Absent
            && !self.retry.is_over()
            && !self.matter.is_well()
            && self.matter.inquiry.has_settled()
    }

    /// Asks everybody else who may know, before a no. One second opinion is enough, since the source
    /// itself is asked again; `heard` says that there was one.
    fn hear_others(
        &mut self,
        source: &mut dyn Source,
        second_opinion: Option<&mut (dyn Source + '_)>,
        heard: &mut bool,
    ) {
        let Matter {
            inquiry, demands, ..
        } = &mut self.matter;
        look_exactly(source, inquiry, *demands, self.limit);
        let Some(other) = second_opinion.filter(|_| !inquiry.in_vain().is_empty() && !*heard)
        else {
            return;
        };
        *heard = true;
        let mut opinion = inquiry.clone();
        if let Err(fault) = look(other, &mut opinion, *demands, self.limit) {
            debug!(
                "the second opinion of {} is left out: {fault}",
                other.name()
            );
        }
        for (target, listener) in inquiry.adopt(&opinion) {
            self.warnings.push(format!(
                "{} shows no listener for {target}, but {} shows {listener}",
                source.name(),
                other.name()
            ));
        }
    }

    /// Waits for the next look: the pause between retries, or what is missing from [`APART`].
    fn wait(&self, in_vain_since: Option<Duration>) {
        let now = self.limit.clock().now();
        let apart = in_vain_since.map_or(APART, |since| (since + APART).saturating_sub(now));
        let pause = if in_vain_since.is_some() && self.last_chance() {
            Duration::ZERO
        } else {
            self.patience.retry_every.min(self.retry.left())
        };
        self.limit.pause(apart.max(pause));
    }
}
