//! How sure is sure: the looks that it takes to say "listening", "not listening" or "could not tell".
//!
//! A listener that was seen is one, so "listening" takes one look. "Not listening" moves a virtual IP
//! and resets every connection through it, so it takes two complete looks that show nothing, at least
//! [`APART`] from each other, and before that everybody else who may know is asked.

#[cfg(test)]
mod tests;

use std::time::Duration;

use tracing::debug;

use super::look::{look, look_up};
use super::spec::{CheckSpec, Outcome, Timing};
use crate::clock::Deadline;
use crate::domain::{Doubt, Requirements, Survey, Target, Verdict, Wanted};
use crate::engine::SourceChain;
use crate::source::{Fault, Source};

/// How far apart two looks must be for the second to count: long enough for a listener that is
/// replaced by another, or missed in a race, to be there again.
const APART: Duration = Duration::from_millis(1);

/// The part of the time limit that the second opinion may take: one in this many.
const SECOND_OPINION: u32 = 5;

/// Looks until enough targets are settled, or all are shown to be absent, or the time is up.
pub fn judge(
    spec: &CheckSpec,
    chain: &mut SourceChain<'_>,
    requirements: &mut dyn Requirements,
    timing: Timing,
    deadline: Deadline<'_>,
) -> Outcome {
    let started = deadline.clock().now();
    chain.begin();
    let mut judgement = Judgement {
        spec,
        requirements,
        timing,
        deadline,
        retry: Deadline::new(deadline.clock(), timing.retry_for),
        survey: spec.survey(),
        absence: None,
        warnings: Vec::new(),
    };
    let (source, doubt) = match judgement.ask_until_sure(chain) {
        Ok(source) => (Some(source), None),
        Err(mut faults) => {
            faults.dedup();
            (None, Some(Doubt::new(faults.join("; "))))
        }
    };
    Outcome {
        answers: judgement.survey.answers(doubt.as_ref()),
        warnings: judgement.warnings,
        source,
        took: deadline.clock().now().saturating_sub(started),
    }
}

struct Judgement<'c> {
    spec: &'c CheckSpec,
    requirements: &'c mut dyn Requirements,
    timing: Timing,
    deadline: Deadline<'c>,
    /// Until then there is time for what is not as wanted to become so.
    retry: Deadline<'c>,
    survey: Survey,
    absence: Option<Absence>,
    warnings: Vec<String>,
}

/// Complete looks of one source, one after the other, that did not settle everything.
struct Absence {
    /// The place of the source in the chain.
    source: Option<usize>,
    since: Duration,
    /// The targets of which they have shown nothing.
    unseen: Vec<Target>,
    /// Whether the second opinion was asked.
    corroborated: bool,
}

impl Judgement<'_> {
    /// Asks until enough targets are settled or all are shown to be absent. A source that cannot answer
    /// is asked again as long as there is time to retry. Who gave the answers.
    ///
    /// # Errors
    /// The reasons for which neither came about.
    fn ask_until_sure(&mut self, chain: &mut SourceChain<'_>) -> Result<&'static str, Vec<String>> {
        let mut given_up = 0;
        loop {
            let mut faults = Vec::new();
            let place = self.look_once(chain, &mut given_up, &mut faults)?;
            let (name, known) = match place.and_then(|place| chain.at(place)) {
                None if self.retry.is_over() => return Err(faults),
                None => {
                    self.absence = None;
                    ("", false)
                }
                Some((source, second)) => (source.name(), self.is_known(place, source, second)?),
            };
            if known && self.is_over() {
                return Ok(name);
            }
            if known {
                self.start_anew();
            }
            self.wait();
        }
    }

    /// Asks the sources in their order until one answers. Its place; `None` where none does. Once there
    /// is no time to retry, one that could not answer is not asked again.
    ///
    /// # Errors
    /// The time limit is over.
    fn look_once(
        &mut self,
        chain: &mut SourceChain<'_>,
        given_up: &mut usize,
        faults: &mut Vec<String>,
    ) -> Result<Option<usize>, Vec<String>> {
        for (place, source) in chain.sources().enumerate().skip(*given_up) {
            let answer = look(source, &mut self.survey, self.requirements, self.deadline);
            self.check_limit()?;
            match answer {
                Err(fault) if !self.survey.is_settled() => faults.push(fault.to_string()),
                _ => return Ok(Some(place)),
            }
            if self.retry.is_over() {
                *given_up = place + 1;
            }
        }
        Ok(None)
    }

    /// Whether the answer of this source, together with those before, leaves nothing to ask.
    ///
    /// # Errors
    /// The time limit is over.
    fn is_known(
        &mut self,
        place: Option<usize>,
        source: &mut dyn Source,
        second: Option<&mut (dyn Source + '_)>,
    ) -> Result<bool, Vec<String>> {
        if self.survey.is_settled() {
            return Ok(true);
        }
        let again = self.count(place);
        if !self.is_last_chance() {
            return Ok(false);
        }
        self.corroborate(source, second);
        self.check_limit()?;
        Ok(again || self.survey.is_settled())
    }

    /// # Errors
    /// The time limit is over, and what it leaves unasked is not known.
    fn check_limit(&self) -> Result<(), Vec<String>> {
        if self.deadline.is_over() && !self.survey.is_settled() {
            return Err(vec![Fault::TimeIsUp(self.deadline.whole()).to_string()]);
        }
        Ok(())
    }

    /// Takes note of a complete look of this source. Whether it is not the first in a row: what the look
    /// before still showed has not been looked for in vain yet.
    fn count(&mut self, source: Option<usize>) -> bool {
        let unseen = self.survey.unseen();
        match &mut self.absence {
            Some(absence)
                if absence.source == source
                    && unseen.iter().all(|target| absence.unseen.contains(target)) =>
            {
                absence.unseen = unseen;
                true
            }
            absence => {
                *absence = Some(Absence {
                    source,
                    since: self.deadline.clock().now(),
                    unseen,
                    corroborated: false,
                });
                false
            }
        }
    }

    /// Whether a listener that is not there now need not be waited for.
    fn is_last_chance(&self) -> bool {
        let unseen = self.absence.as_ref().map_or(0, |row| row.unseen.len());
        let absent = self.spec.wanted == Wanted::Absent && unseen >= self.spec.needed;
        self.retry.is_over() || absent
    }

    /// Whether there is nothing to wait for once everything is known.
    fn is_over(&self) -> bool {
        let answers = self.survey.answers(None);
        let answers = answers.iter().map(|(_, answer)| answer);
        self.retry.is_over()
            || Verdict::of(answers, self.spec.needed, self.spec.wanted).is_healthy()
    }

    /// Forgets everything: it may become as wanted yet.
    fn start_anew(&mut self) {
        self.survey.reopen();
        self.warnings.clear();
        self.absence = None;
    }

    /// Asks everybody else who may know, before a no. One second opinion is enough, since the source
    /// itself is asked again.
    fn corroborate(&mut self, source: &mut dyn Source, second: Option<&mut (dyn Source + '_)>) {
        let survey = &mut self.survey;
        let connections = survey.connections_wanted();
        look_up(
            source,
            survey,
            self.requirements,
            self.deadline,
            connections,
        );
        let Some(absence) = &mut self.absence else {
            return;
        };
        let wanted = !absence.corroborated && !survey.unseen().is_empty();
        let Some(other) = second.filter(|_| wanted) else {
            return;
        };
        absence.corroborated = true;
        // The second look must have its time, however long the second opinion takes.
        let share = (self.deadline.whole() / SECOND_OPINION).min(self.deadline.left() / 2);
        let deadline = Deadline::new(self.deadline.clock(), share);
        let mut opinion = survey.clone();
        if let Err(fault) = look(other, &mut opinion, self.requirements, deadline) {
            debug!(
                "the second opinion of {} is left out: {fault}",
                other.name()
            );
        }
        for (target, listener) in survey.adopt(&opinion) {
            self.warnings.push(format!(
                "{} shows no listener for {target}, but {} shows {listener}",
                source.name(),
                other.name()
            ));
        }
    }

    /// Waits for the next look: the pause between retries, or what is missing from [`APART`].
    fn wait(&self) {
        let now = self.deadline.clock().now();
        let since = self.absence.as_ref().map(|absence| absence.since);
        let apart = since.map_or(APART, |since| (since + APART).saturating_sub(now));
        let pause = if since.is_some() && self.is_last_chance() {
            Duration::ZERO
        } else {
            self.timing.retry_every.min(self.retry.left())
        };
        self.deadline.pause(apart.max(pause));
    }
}
