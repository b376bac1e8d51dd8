//! Why it could not be told whether something listens.

use std::fmt;

/// Why it could not be told whether something listens: a sentence for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt(String);

impl Doubt {
    /// A doubt with this reason.
    pub fn new(reason: impl fmt::Display) -> Self {
        Self(reason.to_string())
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What keeps a check from looking at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// What the command line names does not exist: wrong usage, which must never pass for "could not
    /// tell" and so, with `--on-unknown up`, for up.
    NoSuch(String),
    /// It may exist; whether it does, or what it is, could not be told.
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
