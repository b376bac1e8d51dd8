//! What may be required of a listener beyond that it is there.

use super::doubt::{Doubt, Obstacle};
use super::ingress::Ingress;
use super::listener::Listener;

/// Whether a listener meets the requirements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compliance {
    /// It does.
    Compliant,
    /// It does not.
    Violates(Violation),
    /// Whether it does is not known.
    Unknown(Doubt),
}

/// What is wrong with a listener that is there. The text is a sentence for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// Too many connections wait in its accept queue.
    QueueTooLong(String),
    /// It belongs to another user, unit or process.
    WrongOwner(String),
}

impl Violation {
    /// Its name, which is also that of the verdict.
    pub fn name(&self) -> &'static str {
        match self {
            Self::QueueTooLong(_) => "queue too long",
            Self::WrongOwner(_) => "wrong owner",
        }
    }

    /// What is wrong, in a sentence.
    pub fn why(&self) -> &str {
        match self {
            Self::QueueTooLong(why) | Self::WrongOwner(why) => why,
        }
    }
}

impl Compliance {
    /// Both requirements together: what is known to be wrong outweighs what is not known, and an owner
    /// who is wrong outweighs a queue that is too long.
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

/// Who knows what is required.
pub trait Requirements {
    /// Whether there is any requirement at all. If not, [`Requirements::compliance`] says [`Compliance::Compliant`] of
    /// every listener.
    fn any(&self) -> bool;

    /// Looks up again what the requirements name, such as a user or an interface, and returns how connections come
    /// in. `None` if they can come in by any device. A new moment begins with it, which can be in another network
    /// namespace.
    ///
    /// # Errors
    /// Returns the name that was not found, or why it could not be looked up.
    fn look_up_names(&mut self) -> Result<Option<Ingress>, Obstacle> {
        Ok(None)
    }

    /// Begins a look: what is known from an earlier one can be out of date.
    fn begin_look(&mut self) {}

    /// Whether this listener meets the requirements.
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
    fn of_two_that_weigh_the_same_the_first_is_told() {
        let doubt = |why| Compliance::Unknown(Doubt::new(why));
        assert_eq!(doubt("one").and(doubt("other")), doubt("one"));
    }

    #[test]
    fn the_heavier_one_counts_on_either_side() {
        let by_weight = [
            Compliance::Compliant,
            Compliance::Unknown(Doubt::new("why")),
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
