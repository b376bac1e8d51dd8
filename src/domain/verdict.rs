//! The three answers: listening, not listening, could not tell.

use std::fmt;

use super::listener::Listener;
use super::requirement::Violation;
use super::unknown_reason::UnknownReason;

/// The answer about one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// This listener serves it.
    Listening(Listener),
    /// This listener would serve it, but does not meet a requirement.
    RequirementFailed(Listener, Violation),
    /// No listener serves it; the sources answered completely.
    NotListening,
    /// The sources did not answer completely.
    CouldNotTell(UnknownReason),
    /// It was not checked to the end, because enough other targets are listening.
    NotChecked,
}

impl Answer {
    /// True if it is the expected answer.
    pub fn meets(&self, wanted: Expectation) -> bool {
        match wanted {
            Expectation::Listening => matches!(self, Self::Listening(_)),
            Expectation::Absent => matches!(self, Self::NotListening),
        }
    }

    /// Returns the words for the answer, and its reason.
    pub fn words(&self) -> (&'static str, Option<String>) {
        match self {
            Self::Listening(_) => ("listening", None),
            Self::RequirementFailed(_, violation) => {
                (violation.name(), Some(violation.why().to_owned()))
            }
            Self::NotListening => ("not listening", None),
            Self::CouldNotTell(doubt) => ("could not tell", Some(doubt.to_string())),
            Self::NotChecked => ("not checked", None),
        }
    }
}

/// The expected state of the targets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expectation {
    /// The targets should be listening.
    #[default]
    Listening,
    /// Nothing should be listening on them.
    Absent,
}

/// The verdict about all targets together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Enough targets are listening, as expected.
    Listening,
    /// Enough targets are not listening, as expected with `--absent`.
    Absent,
    /// Too few are listening, even if all uncertain targets were listening.
    NotListening,
    /// Enough would be listening if no queue were too long.
    QueueTooLong,
    /// Enough would be listening if all owners were right.
    WrongOwner,
    /// Something is listening where nothing should.
    Present,
    /// The uncertain targets decide.
    CouldNotTell,
}

/// How many answers of each kind there are.
#[derive(Default)]
struct Count {
    listening: usize,
    uncertain: usize,
    absent: usize,
    not_accepting: usize,
    wrong_owner: usize,
}

impl Verdict {
    /// Returns the verdict if at least `needed` targets must have the expected state.
    pub fn of<'a>(
        answers: impl IntoIterator<Item = &'a Answer>,
        needed: usize,
        wanted: Expectation,
    ) -> Self {
        let mut count = Count::default();
        for answer in answers {
            *match answer {
                Answer::Listening(_) => &mut count.listening,
                Answer::CouldNotTell(_) => &mut count.uncertain,
                Answer::NotListening => &mut count.absent,
                Answer::RequirementFailed(_, Violation::QueueTooLong(_)) => {
                    &mut count.not_accepting
                }
                Answer::RequirementFailed(_, Violation::WrongOwner(_)) => &mut count.wrong_owner,
                Answer::NotChecked => continue,
            } += 1;
        }
        let (good, healthy, otherwise) = match wanted {
            Expectation::Listening => (count.listening, Self::Listening, count.problem(needed)),
            Expectation::Absent => (count.absent, Self::Absent, Self::Present),
        };
        if good >= needed {
            healthy
        } else if good + count.uncertain >= needed {
            Self::CouldNotTell
        } else {
            otherwise
        }
    }

    /// True if it is a success.
    pub fn is_healthy(self) -> bool {
        matches!(self, Self::Listening | Self::Absent)
    }
}

impl Count {
    /// Returns the smallest problem that prevents success. Uncertain targets count as listening.
    fn problem(&self, needed: usize) -> Verdict {
        let listening = self.listening + self.uncertain + self.not_accepting;
        if listening >= needed {
            Verdict::QueueTooLong
        } else if listening + self.wrong_owner >= needed {
            Verdict::WrongOwner
        } else {
            Verdict::NotListening
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Listening => "listening",
            Self::Absent => "absent",
            Self::NotListening => "not listening",
            Self::QueueTooLong => "queue too long",
            Self::WrongOwner => "wrong owner",
            Self::Present => "present",
            Self::CouldNotTell => "could not tell",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_certain_answer_meets_the_expectation() {
        let listener = Listener::at([0, 0, 0, 0], 443);
        let full = Violation::QueueTooLong("full".to_owned());
        for (answer, as_wanted) in [
            (
                Answer::Listening(listener.clone()),
                Some(Expectation::Listening),
            ),
            (Answer::NotListening, Some(Expectation::Absent)),
            (Answer::RequirementFailed(listener, full), None),
            (Answer::CouldNotTell(UnknownReason::new("why")), None),
            (Answer::NotChecked, None),
        ] {
            for wanted in [Expectation::Listening, Expectation::Absent] {
                assert_eq!(
                    answer.meets(wanted),
                    as_wanted == Some(wanted),
                    "{answer:?}"
                );
            }
        }
    }

    #[test]
    fn the_names_of_the_verdicts() {
        use Verdict::{
            Absent, CouldNotTell, Listening, NotListening, Present, QueueTooLong, WrongOwner,
        };
        for (verdict, name) in [
            (Listening, "listening"),
            (Absent, "absent"),
            (NotListening, "not listening"),
            (QueueTooLong, "queue too long"),
            (WrongOwner, "wrong owner"),
            (Present, "present"),
            (CouldNotTell, "could not tell"),
        ] {
            assert_eq!(verdict.to_string(), name);
        }
    }

    #[test]
    fn an_answer_in_words_has_its_reason() {
        let listener = Listener::at([0, 0, 0, 0], 443);
        let full = Violation::QueueTooLong("full".to_owned());
        let reason = |text: &str| Some(text.to_owned());
        for (answer, words) in [
            (Answer::Listening(listener.clone()), ("listening", None)),
            (Answer::NotListening, ("not listening", None)),
            (
                Answer::RequirementFailed(listener, full),
                ("queue too long", reason("full")),
            ),
            (
                Answer::CouldNotTell(UnknownReason::new("why")),
                ("could not tell", reason("why")),
            ),
            (Answer::NotChecked, ("not checked", None)),
        ] {
            assert_eq!(answer.words(), words, "{answer:?}");
        }
    }

    #[test]
    fn verdicts_of_two_targets() {
        let listener = Listener::at([0, 0, 0, 0], 443);
        let up = Answer::Listening(listener.clone());
        let down = Answer::NotListening;
        let doubt = Answer::CouldNotTell(UnknownReason::new("why"));
        let full =
            Answer::RequirementFailed(listener.clone(), Violation::QueueTooLong("full".to_owned()));
        let alien = Answer::RequirementFailed(listener, Violation::WrongOwner("root".to_owned()));
        use Verdict::{
            Absent, CouldNotTell, Listening, NotListening, Present, QueueTooLong, WrongOwner,
        };
        // The answers of two targets, then the verdict when one and when both should listen, and
        // when on one and on both nothing should.
        for (answers, any, all, any_absent, all_absent) in [
            ([&up, &up], Listening, Listening, Present, Present),
            ([&up, &down], Listening, NotListening, Absent, Present),
            (
                [&up, &doubt],
                Listening,
                CouldNotTell,
                CouldNotTell,
                Present,
            ),
            ([&up, &full], Listening, QueueTooLong, Present, Present),
            ([&up, &alien], Listening, WrongOwner, Present, Present),
            ([&down, &down], NotListening, NotListening, Absent, Absent),
            (
                [&down, &doubt],
                CouldNotTell,
                NotListening,
                Absent,
                CouldNotTell,
            ),
            ([&down, &full], QueueTooLong, NotListening, Absent, Present),
            ([&down, &alien], WrongOwner, NotListening, Absent, Present),
            (
                [&doubt, &doubt],
                CouldNotTell,
                CouldNotTell,
                CouldNotTell,
                CouldNotTell,
            ),
            (
                [&doubt, &full],
                CouldNotTell,
                QueueTooLong,
                CouldNotTell,
                Present,
            ),
            (
                [&doubt, &alien],
                CouldNotTell,
                WrongOwner,
                CouldNotTell,
                Present,
            ),
            ([&full, &full], QueueTooLong, QueueTooLong, Present, Present),
            ([&full, &alien], QueueTooLong, WrongOwner, Present, Present),
            ([&alien, &alien], WrongOwner, WrongOwner, Present, Present),
        ] {
            for (needed, wanted, verdict) in [
                (1, Expectation::Listening, any),
                (2, Expectation::Listening, all),
                (1, Expectation::Absent, any_absent),
                (2, Expectation::Absent, all_absent),
            ] {
                assert_eq!(
                    Verdict::of(answers, needed, wanted),
                    verdict,
                    "{answers:?}, {needed} {wanted:?}"
                );
            }
        }
    }
}
