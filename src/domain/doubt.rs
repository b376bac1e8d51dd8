//! Reasons for "could not tell".

use std::fmt;

/// The reason for "could not tell", as a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt(String);

impl Doubt {
    /// Returns a doubt with this reason.
    pub fn new(reason: impl fmt::Display) -> Self {
        Self(reason.to_string())
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The reason why a check cannot begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// A name on the command line does not exist. That is wrong usage, not "could not tell", so `--on-unknown up` does not
    /// turn it into up.
    NoSuch(String),
    /// It could not be found out whether the name exists, or what it stands for.
    Doubt(Doubt),
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuch(what) => f.write_str(what),
            Self::Doubt(doubt) => doubt.fmt(f),
        }
    }
}

impl From<Doubt> for Obstacle {
    fn from(doubt: Doubt) -> Self {
        Self::Doubt(doubt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_obstacle_is_shown_as_its_reason() {
        let doubt = Doubt::new("it cannot be read");
        assert_eq!(Obstacle::from(doubt).to_string(), "it cannot be read");
        let no_such = Obstacle::NoSuch("there is no user x".to_owned());
        assert_eq!(no_such.to_string(), "there is no user x");
    }
}
