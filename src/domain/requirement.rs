//! Requirements that a listener must meet.

use super::ingress::Ingress;
use super::listener::Listener;
use super::unknown_reason::{SetupError, UnknownReason};

/// The result of comparing a listener with the requirements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compliance {
    /// It meets them.
    Compliant,
    /// It does not meet them.
    Violates(Violation),
    /// It is unknown whether it meets them.
    Unknown(UnknownReason),
}

/// The requirement that a listener does not meet, with a sentence about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// Too many connections wait in its accept queue.
    QueueTooLong(String),
    /// It belongs to another user, unit or process.
    WrongOwner(String),
}

impl Violation {
    /// Returns its name, which is also the name of the verdict.
    pub fn name(&self) -> &'static str {
        match self {
            Self::QueueTooLong(_) => "queue too long",
            Self::WrongOwner(_) => "wrong owner",
        }
    }

    /// Returns the sentence.
    pub fn why(&self) -> &str {
        match self {
            Self::QueueTooLong(why) | Self::WrongOwner(why) => why,
        }
    }
}

impl Compliance {
    /// Combines two requirements. A violation outweighs an unknown result, and a wrong owner outweighs a long queue.
    pub fn and(self, other: Self) -> Self {
        let weight = |compliance: &Self| match compliance {
            Self::Compliant => 0,
            Self::Unknown(_) => 1,
            Self::Violates(Violation::QueueTooLong(_)) => 2,
            Self::Violates(Violation::WrongOwner(_)) => 3,
        };
        if weight(&other) > weight(&self) {
            other
        } else {
            self
        }
    }
}

/// The requirements of one check.
pub trait Requirements {
    /// True if there is a requirement. If not, [`Requirements::compliance`] returns [`Compliance::Compliant`] for every
    /// listener.
    fn any(&self) -> bool;

    /// Looks up the names in the requirements again, such as a user or an interface, and returns how connections come in.
    /// `None` stands for any device. A new moment begins with it, which can be in another network namespace.
    ///
    /// # Errors
    /// Returns the name that was not found, or why it could not be looked up.
    fn look_up_names(&mut self) -> Result<Option<Ingress>, SetupError> {
        Ok(None)
    }

    /// True if [`Requirements::look_up_names`] enters a network namespace, which can be another one each time.
    fn enters_namespace(&self) -> bool {
        false
    }

    /// Begins a look: results from an earlier look can be out of date.
    fn begin_look(&mut self) {}

    /// Returns whether this listener meets the requirements.
    fn compliance(&mut self, listener: &Listener) -> Compliance;
}

/// No requirements: any listener is enough.
#[derive(Clone, Copy, Debug)]
pub struct NoRequirements;

impl Requirements for NoRequirements {
    fn any(&self) -> bool {
        false
    }

    fn compliance(&mut self, _listener: &Listener) -> Compliance {
        Compliance::Compliant
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_equal_violations_the_first_is_reported() {
        let reason = |why| Compliance::Unknown(UnknownReason::new(why));
        assert_eq!(reason("one").and(reason("other")), reason("one"));
    }

    #[test]
    fn no_requirements_look_up_nothing_and_stay_in_the_namespace() {
        assert_eq!(NoRequirements.look_up_names(), Ok(None));
        assert!(!NoRequirements.any() && !NoRequirements.enters_namespace());
    }

    #[test]
    fn the_heavier_violation_wins_in_either_order() {
        let by_weight = [
            Compliance::Compliant,
            Compliance::Unknown(UnknownReason::new("why")),
            Compliance::Violates(Violation::QueueTooLong("full".to_owned())),
            Compliance::Violates(Violation::WrongOwner("root".to_owned())),
        ];
        for (light, one) in by_weight.iter().enumerate() {
            for heavy in &by_weight[light..] {
                assert_eq!(&one.clone().and(heavy.clone()), heavy);
                assert_eq!(&heavy.clone().and(one.clone()), heavy);
            }
        }
    }
}
