//! What may be demanded of a listener beyond that it is there.

use super::doubt::Doubt;
use super::listener::Listener;

/// Whether a listener meets what is demanded of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fitness {
    /// It does.
    Fit,
    /// It does not.
    Unfit(Flaw),
    /// Whether it does is not known.
    Unknown(Doubt),
}

/// What is wrong with a listener that is there. The text is a sentence for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Too many connections wait in its accept queue.
    NotAccepting(String),
    /// It belongs to another user, unit or process.
    WrongOwner(String),
}

impl Flaw {
    /// Its name, which is also that of the verdict.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NotAccepting(_) => "queue too long",
            Self::WrongOwner(_) => "wrong owner",
        }
    }

    /// What is wrong, in a sentence.
    pub fn why(&self) -> &str {
        match self {
            Self::NotAccepting(why) | Self::WrongOwner(why) => why,
        }
    }
}

impl Fitness {
    /// Both demands together: what is known to be wrong outweighs what is not known, and an owner
    /// who is wrong outweighs a queue that is too long.
    pub fn and(self, other: Self) -> Self {
        let weight = |fitness: &Self| match fitness {
            Self::Fit => 0,
            Self::Unknown(_) => 1,
            Self::Unfit(Flaw::NotAccepting(_)) => 2,
            Self::Unfit(Flaw::WrongOwner(_)) => 3,
        };
        if weight(&other) > weight(&self) {
            other
        } else {
            self
        }
    }
}

/// Who knows what is demanded.
pub trait Demands {
    /// Whether anything is demanded at all. If not, [`Demands::fitness`] says [`Fitness::Fit`] of
    /// every listener.
    fn any(&self) -> bool;

    /// A look begins: what is known from an earlier one may not hold any more.
    fn begin(&mut self) {}

    /// Whether this listener meets the demands.
    fn fitness(&mut self, listener: &Listener) -> Fitness;
}

/// No demands: whatever listens will do.
#[derive(Clone, Copy, Debug)]
pub struct NoDemands;

impl Demands for NoDemands {
    fn any(&self) -> bool {
        false
    }

    fn fitness(&mut self, _listener: &Listener) -> Fitness {
        Fitness::Fit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heavier_one_counts_on_either_side() {
        let by_weight = [
            Fitness::Fit,
            Fitness::Unknown(Doubt::new("why")),
            Fitness::Unfit(Flaw::NotAccepting("full".to_owned())),
            Fitness::Unfit(Flaw::WrongOwner("root".to_owned())),
        ];
        for (light, one) in by_weight.iter().enumerate() {
            for heavy in &by_weight[light..] {
                assert_eq!(&one.clone().and(heavy.clone()), heavy);
                assert_eq!(&heavy.clone().and(one.clone()), heavy);
            }
        }
    }
}
