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
use crate::domain::{Answer, Doubt, Inquiry, Target};
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
    /// How long to keep looking for what is not there.
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
}

/// Looks until every target is settled, or shown to be absent, or the time is up.
pub fn judge(
    targets: impl IntoIterator<Item = Target>,
    mut sources: Sources<'_>,
    patience: Patience,
    clock: &dyn Clock,
) -> Outcome {
    let limit = TimeLimit::new(clock, patience.timeout);
    let retry = TimeLimit::new(clock, patience.retry_for);
    let mut inquiry = Inquiry::new(targets);
    let mut warnings = Vec::new();
    let mut faults: Vec<String> = Vec::new();
    let mut second_opinion = sources.second_opinion.take();
    let last = sources.in_order.len().saturating_sub(1);
    for (index, source) in sources.in_order.into_iter().enumerate() {
        let mut case = Case {
            inquiry: &mut inquiry,
            patience,
            limit,
            retry,
        };
        let patient = index == last;
        match case.hear(source, second_opinion.take(), patient, &mut warnings) {
            Ok(()) => {
                return Outcome {
                    answers: inquiry.answers(None),
                    warnings,
                };
            }
            Err(fault) => faults.push(fault.to_string()),
        }
    }
    faults.dedup();
    let doubt = Doubt::new(faults.join("; "));
    Outcome {
        answers: inquiry.answers(Some(&doubt)),
        warnings,
    }
}

struct Case<'c> {
    inquiry: &'c mut Inquiry,
    patience: Patience,
    limit: TimeLimit<'c>,
    /// Until then absence is not even considered.
    retry: TimeLimit<'c>,
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
        warnings: &mut Vec<String>,
    ) -> Result<(), Fault> {
        let mut in_vain_since = None;
        loop {
            let answer = look(source, self.inquiry, self.limit);
            if self.inquiry.is_settled() {
                return Ok(());
            }
            if self.limit.is_over() {
                return Err(Fault::TimeIsUp(self.limit.whole()));
            }
            let last_chance = self.retry.is_over();
            match answer {
                Err(fault) if last_chance || !patient => return Err(fault),
                Err(_) => in_vain_since = None,
                Ok(()) => {
                    let again = in_vain_since.is_some();
                    in_vain_since.get_or_insert(self.limit.clock().now());
                    let others_know =
                        last_chance && self.others_know(source, &mut second_opinion, warnings);
                    if others_know || last_chance && again {
                        return Ok(());
                    }
                }
            }
            self.wait(in_vain_since);
        }
    }

    /// Asks everybody else who may know, before a no. True when that settles all.
    fn others_know(
        &mut self,
        source: &mut dyn Source,
        second_opinion: &mut Option<&mut dyn Source>,
        warnings: &mut Vec<String>,
    ) -> bool {
        look_exactly(source, self.inquiry, self.limit);
        // Once is enough: the source itself is asked again.
        if let Some(other) = second_opinion.take().filter(|_| !self.inquiry.is_settled()) {
            let mut opinion = self.inquiry.clone();
            if let Err(fault) = look(other, &mut opinion, self.limit) {
                debug!(
                    "the second opinion of {} is left out: {fault}",
                    other.name()
                );
            }
            for (target, listener) in self.inquiry.adopt(&opinion) {
                warnings.push(format!(
                    "{} shows no listener for {target}, but {} shows {listener}",
                    source.name(),
                    other.name()
                ));
            }
        }
        self.inquiry.is_settled()
    }

    /// Waits for the next look: the pause between retries, or what is missing from [`APART`].
    fn wait(&self, in_vain_since: Option<Duration>) {
        let now = self.limit.clock().now();
        let apart = in_vain_since.map_or(APART, |since| (since + APART).saturating_sub(now));
        self.limit
            .pause(apart.max(self.patience.retry_every.min(self.retry.left())));
    }
}
