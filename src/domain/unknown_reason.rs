//! Reasons for "could not tell".

use std::fmt;

/// The reason for "could not tell", as a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownReason(String);

impl UnknownReason {
    /// Returns this reason.
    pub fn new(reason: impl fmt::Display) -> Self {
        Self(reason.to_string())
    }
}

impl fmt::Display for UnknownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The reason why a check cannot begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetupError {
    /// A name on the command line does not exist. That is wrong usage, not "could not tell", so `--on-unknown up` does not
    /// turn it into up.
    NoSuch(String),
    /// It could not be found out whether the name exists, or what it stands for.
    Unknown(UnknownReason),
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuch(what) => f.write_str(what),
            Self::Unknown(reason) => reason.fmt(f),
        }
    }
}

impl From<UnknownReason> for SetupError {
    fn from(reason: UnknownReason) -> Self {
        Self::Unknown(reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setup_error_is_shown_as_its_reason() {
        let reason = UnknownReason::new("it cannot be read");
        assert_eq!(SetupError::from(reason).to_string(), "it cannot be read");
        let no_such = SetupError::NoSuch("there is no user x".to_owned());
        assert_eq!(no_such.to_string(), "there is no user x");
    }
}
