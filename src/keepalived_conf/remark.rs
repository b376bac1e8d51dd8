//! What a configuration has in it that keepalived makes something else of than it says.

use std::collections::HashSet;

use super::Place;

/// So many are kept; a file of nonsense has one a line.
const MOST: usize = 1000;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; keepalived does what was probably meant.
    Note,
    /// keepalived does something else, or nothing.
    Problem,
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Remark {
    /// How bad it is.
    pub severity: Severity,
    /// Where it is written.
    pub place: Place,
    /// What keepalived does because of it. May have any characters of the file in it.
    pub effect: String,
    /// What is written there.
    pub cause: String,
    /// What to write instead. Empty where nobody can know.
    pub cure: String,
}

/// The remarks so far, each once: the file is read more than once.
#[derive(Debug, Default)]
pub(super) struct Remarks {
    list: Vec<Remark>,
    seen: HashSet<Remark>,
    left_out: Option<Place>,
}

impl Remarks {
    pub fn problem(
        &mut self,
        place: &Place,
        effect: impl Into<String>,
        cause: impl Into<String>,
        cure: impl Into<String>,
    ) {
        self.add(Severity::Problem, place, effect, cause, cure);
    }

    pub fn note(
        &mut self,
        place: &Place,
        effect: impl Into<String>,
        cause: impl Into<String>,
        cure: impl Into<String>,
    ) {
        self.add(Severity::Note, place, effect, cause, cure);
    }

    fn add(
        &mut self,
        severity: Severity,
        place: &Place,
        effect: impl Into<String>,
        cause: impl Into<String>,
        cure: impl Into<String>,
    ) {
        if self.is_full() {
            self.left_out.get_or_insert_with(|| place.clone());
            return;
        }
        let remark = Remark {
            severity,
            place: place.clone(),
            effect: effect.into(),
            cause: cause.into(),
            cure: cure.into(),
        };
        if self.seen.insert(remark.clone()) {
            self.list.push(remark);
        }
    }

    /// Whether no more are taken.
    pub fn is_full(&self) -> bool {
        self.list.len() >= MOST
    }

    /// All of them, in the order of reading.
    pub fn into_list(mut self) -> Vec<Remark> {
        if let Some(place) = self.left_out {
            self.list.push(Remark {
                severity: Severity::Problem,
                place,
                effect: format!(
                    "what is found from here on is not told: there are over {MOST} things"
                ),
                cause: "hardly a line is understood".to_owned(),
                cure: "see whether this is a keepalived.conf".to_owned(),
            });
        }
        self.list
    }
}

/// Bytes of a file for a sentence.
pub(super) fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
