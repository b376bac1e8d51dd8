//! How many looks it takes to say "listening", "not listening" or "could not tell".
//!
//! One look that shows a listener is enough for "listening". "Not listening" moves a virtual IP and resets every connection
//! through it. So it requires two complete looks without a listener, at least [`MIN_GAP`] apart, and a question to every
//! other place that could show one.
//!
//! An answer is about one moment. While there is time to retry, each look discards the results of the look before.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::time::Duration;

use ::log::debug;

use super::look::{look, look_up};
use super::spec::{CheckSpec, Outcome, Timing};
use crate::clock::Deadline;
use crate::domain::{Doubt, Obstacle, Requirements, Survey, Verdict, Wanted};
use crate::engine::SourceChain;
use crate::source::{Fault, Source};

/// The shortest time between two looks that count. In this time a listener that is being replaced, or that the first look
/// has missed, is there again.
const MIN_GAP: Duration = Duration::from_millis(1);

/// The second opinion can use the time limit divided by this.
const CROSS_CHECK_SHARE: u32 = 5;

/// Looks until enough targets are settled, all are proven absent, or the time is over. If a name in the requirements is not
/// found, every answer is "could not tell".
pub fn judge(
    spec: &CheckSpec,
    chain: &mut SourceChain<'_>,
    requirements: &mut dyn Requirements,
    timing: Timing,
    deadline: Deadline<'_>,
) -> Outcome {
    try_judge(spec, chain, requirements, timing, deadline)
        .unwrap_or_else(|obstacle| Outcome::obstructed(&spec.targets, &obstacle))
}

/// The same as [`judge`].
///
/// # Errors
/// Returns a name in the requirements that was not found until the end of the retries.
pub fn try_judge(
    spec: &CheckSpec,
    chain: &mut SourceChain<'_>,
    requirements: &mut dyn Requirements,
    timing: Timing,
    deadline: Deadline<'_>,
) -> Result<Outcome, Obstacle> {
    let started = deadline.clock().now();
    chain.begin_check();
    let mut run = CheckRun {
        spec,
        requirements,
        timing,
        deadline,
        retry: Deadline::new(deadline.clock(), timing.retry_for),
        survey: spec.survey(),
        misses: None,
        warnings: Vec::new(),
    };
    run.look_up_names()?;
    let (source, doubt) = match run.query_until_decided(chain)? {
        Ok(source) => (Some(source), None),
        Err(mut faults) => {
            faults.dedup();
            (None, Some(Doubt::new(faults.join("; "))))
        }
    };
    Ok(Outcome {
        answers: run.survey.answers(doubt.as_ref()),
        elsewhere: run.survey.elsewhere().to_vec(),
        warnings: run.warnings,
        source,
        took: deadline.clock().now().saturating_sub(started),
        names_missing: false,
    })
}

struct CheckRun<'c> {
    spec: &'c CheckSpec,
    requirements: &'c mut dyn Requirements,
    timing: Timing,
    deadline: Deadline<'c>,
    /// The time in which looks are repeated.
    retry: Deadline<'c>,
    survey: Survey,
    /// `None` if the last look was not complete, or settled enough targets.
    misses: Option<MissStreak>,
    warnings: Vec<String>,
}

/// Successive complete looks by one source that did not settle enough targets.
struct MissStreak {
    /// The index of the source in the chain.
    source: usize,
    since: Duration,
    /// The indexes of the targets for which they have shown no listener.
    unseen: BTreeSet<usize>,
    cross_checked: bool,
}

/// The result of one look.
enum LookEnd {
    /// Enough targets have a listener.
    Settled(&'static str),
    /// The targets without a listener are proven absent.
    Absent(&'static str),
    /// A second look by the same source must confirm the first.
    SecondLook,
    /// There is time to wait for a listener.
    Retry,
    /// No source has answered, for these reasons.
    NoSource(Vec<String>),
}

/// The reasons why there is no answer: one for each source.
type Faults = Vec<String>;

impl CheckRun<'_> {
    /// Queries until enough targets are settled or all others are proven absent. A source that cannot answer
    /// is queried again as long as there is time to retry. Returns the name of the source that answered, or the
    /// reasons why none could.
    ///
    /// # Errors
    /// Returns a name in the requirements that was not found.
    fn query_until_decided(
        &mut self,
        chain: &mut SourceChain<'_>,
    ) -> Result<Result<&'static str, Faults>, Obstacle> {
        let mut given_up = 0;
        loop {
            let end = match self.query(chain, &mut given_up) {
                Ok(end) => end,
                Err(fault) => return Ok(Err(vec![fault.to_string()])),
            };
            match end {
                LookEnd::Settled(name) | LookEnd::Absent(name) if self.is_final() => {
                    return Ok(Ok(name));
                }
                LookEnd::NoSource(faults) if self.retry.is_over() => return Ok(Err(faults)),
                LookEnd::SecondLook => {
                    self.pause(Duration::ZERO);
                    continue;
                }
                LookEnd::Retry => {}
                LookEnd::Settled(_) | LookEnd::Absent(_) | LookEnd::NoSource(_) => {
                    self.misses = None;
                }
            }
            self.pause(self.timing.retry_every.min(self.retry.left()));
            self.look_up_names()?;
            chain.close();
        }
    }

    /// Looks once, by the first source that answers.
    ///
    /// # Errors
    /// Returns an error if the time limit is over.
    fn query(
        &mut self,
        chain: &mut SourceChain<'_>,
        given_up: &mut usize,
    ) -> Result<LookEnd, Fault> {
        let mut faults = Vec::new();
        let Some(place) = self.query_sources(chain, given_up, &mut faults)? else {
            return Ok(LookEnd::NoSource(faults));
        };
        let Some((source, second)) = chain.get(place) else {
            return Ok(LookEnd::NoSource(faults));
        };
        if self.survey.is_settled() {
            return Ok(LookEnd::Settled(source.name()));
        }
        let again = self.record_misses(place);
        if !self.retries_exhausted() {
            return Ok(LookEnd::Retry);
        }
        self.cross_check(source, second);
        self.check_limit()?;
        Ok(match (self.survey.is_settled(), again) {
            (true, _) => LookEnd::Settled(source.name()),
            (false, true) => LookEnd::Absent(source.name()),
            (false, false) => LookEnd::SecondLook,
        })
    }

    /// Queries the sources in their order until one answers, and returns its index; `None` if none does. Once there is no
    /// time to retry, a source that could not answer is not queried again.
    ///
    /// # Errors
    /// Returns an error if the time limit is over.
    fn query_sources(
        &mut self,
        chain: &mut SourceChain<'_>,
        given_up: &mut usize,
        faults: &mut Faults,
    ) -> Result<Option<usize>, Fault> {
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

    /// # Errors
    /// Returns an error if the time limit is over and targets are open.
    fn check_limit(&self) -> Result<(), Fault> {
        if self.deadline.is_over() && !self.survey.is_settled() {
            return Err(Fault::TimeIsUp(self.deadline.whole()));
        }
        Ok(())
    }

    /// Records a complete look by this source. Returns true if the look before it was by the same source and saw
    /// none of the targets that are still missing.
    fn record_misses(&mut self, source: usize) -> bool {
        let unseen = self.survey.missing_targets();
        match &mut self.misses {
            Some(misses) if misses.source == source && unseen.is_subset(&misses.unseen) => {
                misses.unseen = unseen;
                true
            }
            misses => {
                *misses = Some(MissStreak {
                    source,
                    since: self.deadline.clock().now(),
                    unseen,
                    cross_checked: false,
                });
                false
            }
        }
    }

    /// True if the check does not wait for missing listeners any more.
    fn retries_exhausted(&self) -> bool {
        let unseen = self.misses.as_ref().map_or(0, |misses| misses.unseen.len());
        let absent = self.spec.wanted == Wanted::Absent && unseen >= self.spec.needed;
        self.retry.is_over() || absent
    }

    /// True if the present answers are final.
    fn is_final(&self) -> bool {
        let answers = self.survey.answers(None);
        let answers = answers.iter().map(|(_, answer)| answer);
        self.retry.is_over()
            || Verdict::of(answers, self.spec.needed, self.spec.wanted).is_healthy()
    }

    /// Begins a new moment: looks up the names in the requirements, and discards what is known about the targets. A name
    /// that is not found is looked up again as long as there is time to retry.
    ///
    /// # Errors
    /// Returns the name that was not found.
    fn look_up_names(&mut self) -> Result<(), Obstacle> {
        loop {
            match self.requirements.look_up_names() {
                Ok(ingress) => {
                    self.survey = self.spec.survey_via(ingress);
                    self.warnings.clear();
                    return Ok(());
                }
                Err(obstacle) if self.retry.is_over() => return Err(obstacle),
                Err(_) => {
                    self.misses = None;
                    self.pause(self.timing.retry_every.min(self.retry.left()));
                }
            }
        }
    }

    /// Asks every other place that could show a listener, before a "no". One second opinion is enough, because the source
    /// itself is queried again.
    fn cross_check(&mut self, source: &mut dyn Source, second: Option<&mut (dyn Source + '_)>) {
        let survey = &mut self.survey;
        let connections = survey.pending_lookups();
        look_up(
            source,
            survey,
            self.requirements,
            self.deadline,
            connections,
        );
        let Some(misses) = &mut self.misses else {
            return;
        };
        let wanted = !misses.cross_checked && !survey.missing_targets().is_empty();
        let Some(other) = second.filter(|_| wanted) else {
            return;
        };
        misses.cross_checked = true;
        // The second opinion must leave time for the second look.
        let share = (self.deadline.whole() / CROSS_CHECK_SHARE).min(self.deadline.left() / 2);
        let deadline = Deadline::new(self.deadline.clock(), share);
        let mut opinion = survey.clone();
        if let Err(fault) = look(other, &mut opinion, self.requirements, deadline) {
            debug!(
                "the second opinion of {} is left out: {fault}",
                other.name()
            );
        }
        for (target, listener) in survey.merge(&opinion) {
            self.warnings.push(format!(
                "{} shows no listener for {target}, but {} shows {listener}",
                source.name(),
                other.name()
            ));
        }
    }

    /// Waits for this long, and at least for the rest of [`MIN_GAP`].
    fn pause(&self, pause: Duration) {
        let now = self.deadline.clock().now();
        let since = self.misses.as_ref().map(|misses| misses.since);
        let gap = since.map_or(MIN_GAP, |since| (since + MIN_GAP).saturating_sub(now));
        self.deadline.pause(gap.max(pause));
    }
}
