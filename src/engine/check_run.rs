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

use tracing::debug;

use super::look::{look, run_lookups};
use super::spec::{CheckSpec, Outcome, Timing};
use crate::clock::Deadline;
use crate::domain::{Expectation, Requirements, SetupError, Survey, UnknownReason, Verdict};
use crate::engine::SourceChain;
use crate::source::{Source, SourceError};

/// The shortest time between two looks that count. In this time a listener that is being replaced, or that the first look
/// has missed, is there again.
const MIN_GAP: Duration = Duration::from_millis(1);

/// The cross-check can use the time limit divided by this.
const CROSS_CHECK_SHARE: u32 = 5;

/// Looks until enough targets are settled, all are proven absent, or the time is over. If a name in the requirements is not
/// found, every answer is "could not tell".
pub fn run_check(
    spec: &CheckSpec,
    chain: &mut SourceChain<'_>,
    requirements: &mut dyn Requirements,
    timing: Timing,
    deadline: Deadline<'_>,
) -> Outcome {
    try_run_check(spec, chain, requirements, timing, deadline)
        .unwrap_or_else(|error| Outcome::setup_failed(&spec.targets, &error))
}

/// The same as [`run_check`].
///
/// # Errors
/// Returns a name in the requirements that was not found until the end of the retries.
pub fn try_run_check(
    spec: &CheckSpec,
    chain: &mut SourceChain<'_>,
    requirements: &mut dyn Requirements,
    timing: Timing,
    deadline: Deadline<'_>,
) -> Result<Outcome, SetupError> {
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
    let (source, reason) = match run.query_until_decided(chain)? {
        Ok(source) => (Some(source), None),
        Err(mut errors) => {
            errors.dedup();
            (None, Some(UnknownReason::new(errors.join("; "))))
        }
    };
    Ok(Outcome {
        answers: run.survey.answers(reason.as_ref()),
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
type Errors = Vec<String>;

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
    ) -> Result<Result<&'static str, Errors>, SetupError> {
        let mut given_up = 0;
        loop {
            let end = match self.query(chain, &mut given_up) {
                Ok(end) => end,
                Err(error) => return Ok(Err(vec![error.to_string()])),
            };
            match end {
                LookEnd::Settled(name) | LookEnd::Absent(name) if self.is_final() => {
                    return Ok(Ok(name));
                }
                LookEnd::NoSource(errors) if self.retry.has_passed() => return Ok(Err(errors)),
                LookEnd::SecondLook => {
                    self.sleep(Duration::ZERO);
                    continue;
                }
                LookEnd::Retry => {}
                LookEnd::Settled(_) | LookEnd::Absent(_) | LookEnd::NoSource(_) => {
                    self.misses = None;
                }
            }
            self.sleep(self.timing.retry_every.min(self.retry.remaining()));
            self.look_up_names()?;
            if self.requirements.enters_namespace() {
                chain.close();
            }
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
    ) -> Result<LookEnd, SourceError> {
        let mut errors = Vec::new();
        let Some(place) = self.query_sources(chain, given_up, &mut errors)? else {
            return Ok(LookEnd::NoSource(errors));
        };
        let Some((source, second)) = chain.get(place) else {
            return Ok(LookEnd::NoSource(errors));
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
        errors: &mut Errors,
    ) -> Result<Option<usize>, SourceError> {
        for (place, source) in chain.sources().enumerate().skip(*given_up) {
            let mut answer = look(source, &mut self.survey, self.requirements, self.deadline);
            self.check_limit()?;
            // The next source can know less: /proc shows neither devices nor MPTCP endpoints.
            let passes = |error: &SourceError| error.can_pass() && !self.survey.is_settled();
            if answer.as_ref().is_err_and(passes) {
                answer = look(source, &mut self.survey, self.requirements, self.deadline);
                self.check_limit()?;
            }
            match answer {
                Err(error) if !self.survey.is_settled() => errors.push(error.to_string()),
                _ => return Ok(Some(place)),
            }
            if self.retry.has_passed() {
                *given_up = place + 1;
            }
        }
        Ok(None)
    }

    /// # Errors
    /// Returns an error if the time limit is over and targets are open.
    fn check_limit(&self) -> Result<(), SourceError> {
        if self.deadline.has_passed() && !self.survey.is_settled() {
            return Err(SourceError::TimeIsUp(self.deadline.limit()));
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
        let absent = self.spec.wanted == Expectation::Absent && unseen >= self.spec.needed;
        self.retry.has_passed() || absent
    }

    /// True if the present answers are final.
    fn is_final(&self) -> bool {
        let answers = self.survey.answers(None);
        let answers = answers.iter().map(|(_, answer)| answer);
        self.retry.has_passed()
            || Verdict::of(answers, self.spec.needed, self.spec.wanted).is_healthy()
    }

    /// Begins a new moment: looks up the names in the requirements, and discards what is known about the targets. A name
    /// that is not found is looked up again as long as there is time to retry.
    ///
    /// # Errors
    /// Returns the name that was not found.
    fn look_up_names(&mut self) -> Result<(), SetupError> {
        loop {
            match self.requirements.look_up_names() {
                Ok(ingress) => {
                    self.survey = self.spec.survey_via(ingress);
                    self.warnings.clear();
                    return Ok(());
                }
                Err(error) if self.retry.has_passed() => return Err(error),
                Err(_) => {
                    self.misses = None;
                    self.sleep(self.timing.retry_every.min(self.retry.remaining()));
                }
            }
        }
    }

    /// Asks every other place that could show a listener, before a "no". One cross-check is enough, because the source
    /// itself is queried again.
    fn cross_check(&mut self, source: &mut dyn Source, second: Option<&mut (dyn Source + '_)>) {
        let survey = &mut self.survey;
        let connections = survey.pending_lookups();
        run_lookups(
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
        // The cross-check must leave time for the second look.
        let share = (self.deadline.limit() / CROSS_CHECK_SHARE).min(self.deadline.remaining() / 2);
        let deadline = Deadline::new(self.deadline.clock(), share);
        let mut opinion = survey.clone();
        if let Err(error) = look(other, &mut opinion, self.requirements, deadline) {
            debug!("the cross-check with {} is left out: {error}", other.name());
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
    fn sleep(&self, pause: Duration) {
        let now = self.deadline.clock().now();
        let since = self.misses.as_ref().map(|misses| misses.since);
        let gap = since.map_or(MIN_GAP, |since| (since + MIN_GAP).saturating_sub(now));
        self.deadline.sleep(gap.max(pause));
    }
}
