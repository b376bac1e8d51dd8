//! The three answers: listening, not listening, could not tell.

use std::fmt;

use super::listener::Listener;

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

/// What is known of one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// This listener serves it.
    Listening(Listener),
    /// A complete answer showed no listener for it.
    NotListening,
    /// There was no complete answer.
    CouldNotTell(Doubt),
}

/// What is said of all targets together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Enough targets are listening.
    Listening,
    /// Too few are, whatever the doubtful ones would turn out to be.
    NotListening,
    /// It hangs on the doubtful ones.
    CouldNotTell,
}

impl Verdict {
    /// The verdict when at least `needed` targets must be listening.
    pub fn of<'a>(answers: impl IntoIterator<Item = &'a Answer>, needed: usize) -> Self {
        let (mut listening, mut doubtful) = (0, 0);
        for answer in answers {
            match answer {
                Answer::Listening(_) => listening += 1,
                Answer::CouldNotTell(_) => doubtful += 1,
                Answer::NotListening => {}
            }
        }
        if listening >= needed {
            Self::Listening
        } else if listening + doubtful < needed {
            Self::NotListening
        } else {
            Self::CouldNotTell
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truth_table() {
        let up = Answer::Listening(Listener {
            address: std::net::Ipv4Addr::UNSPECIFIED.into(),
            port: 443,
            v6only: None,
            device: None,
        });
        let down = Answer::NotListening;
        let doubt = Answer::CouldNotTell(Doubt::new("why"));
        use Verdict::{CouldNotTell, Listening, NotListening};
        // The answers of two targets, then the verdict when one and when both are needed.
        for (answers, any, all) in [
            ([&up, &up], Listening, Listening),
            ([&up, &down], Listening, NotListening),
            ([&up, &doubt], Listening, CouldNotTell),
            ([&down, &down], NotListening, NotListening),
            ([&down, &doubt], CouldNotTell, NotListening),
            ([&doubt, &doubt], CouldNotTell, CouldNotTell),
        ] {
            assert_eq!(Verdict::of(answers, 1), any, "{answers:?}, any");
            assert_eq!(Verdict::of(answers, 2), all, "{answers:?}, all");
        }
    }
}
