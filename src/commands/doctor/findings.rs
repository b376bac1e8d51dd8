//! What the doctor has to say.

use std::fmt;

use crate::keepalived_conf::{Place, Remark, Severity as OfReader};
use crate::untrusted::text::printable;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// keepalived would not get its answer, or a wrong one. What could not be looked at counts too.
    Problem,
    /// Worth knowing; keepalived would get its answer all the same.
    Note,
    /// As it should be.
    Ok,
}

impl Severity {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Problem => "problem",
            Self::Note => "note",
            Self::Ok => "ok",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Where it is written, if it is about a file of keepalived's configuration.
    pub place: Option<Place>,
    /// What follows for keepalived, or what was found; one line.
    pub effect: String,
    /// Why; one line. Empty where the effect says it.
    pub cause: String,
    /// What to do; one line. Empty where there is nothing to do.
    pub cure: String,
}

impl Finding {
    /// Nothing is wrong.
    pub fn ok(effect: impl Into<String>) -> Self {
        Self::new(Severity::Ok, effect, "", "")
    }

    /// Something worth knowing, why it is so, and what to do.
    pub fn note(
        effect: impl Into<String>,
        cause: impl Into<String>,
        cure: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Note, effect, cause, cure)
    }

    /// Something that is wrong, why, and what to do.
    pub fn problem(
        effect: impl Into<String>,
        cause: impl Into<String>,
        cure: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Problem, effect, cause, cure)
    }

    /// A finding of this severity. Files may have anything in them that ends up here, so what would
    /// control a terminal, line feeds included, is replaced.
    pub fn new(
        severity: Severity,
        effect: impl Into<String>,
        cause: impl Into<String>,
        cure: impl Into<String>,
    ) -> Self {
        Self {
            severity,
            place: None,
            effect: printable(&effect.into()),
            cause: printable(&cause.into()),
            cure: printable(&cure.into()),
        }
    }

    /// The same, with the place that it is about.
    pub fn at(self, place: &Place) -> Self {
        Self {
            place: Some(place.clone()),
            ..self
        }
    }

    /// Whether something is wrong.
    pub fn is_problem(&self) -> bool {
        self.severity == Severity::Problem
    }
}

impl From<&Remark> for Finding {
    fn from(remark: &Remark) -> Self {
        let severity = match remark.severity {
            OfReader::Problem => Severity::Problem,
            OfReader::Note => Severity::Note,
        };
        let (effect, cause, cure) = (&remark.effect, &remark.cause, &remark.cure);
        Self::new(severity, effect, cause, cure).at(&remark.place)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<8} ", self.severity.name())?;
        if let Some(place) = &self.place {
            write!(f, "{}: ", printable(&place.to_string()))?;
        }
        writeln!(f, "{}", self.effect)?;
        for line in [&self.cause, &self.cure] {
            if !line.is_empty() {
                writeln!(f, "{:<8} {line}", "")?;
            }
        }
        Ok(())
    }
}

/// The last line about all findings.
pub fn summary(findings: &[Finding]) -> String {
    match findings.iter().filter(|found| found.is_problem()).count() {
        0 => "nothing wrong was found".to_owned(),
        1 => "1 problem was found".to_owned(),
        count => format!("{count} problems were found"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_not_controlled() {
        let place = Place::new("/a\x07b", 3);
        let note = Finding::note("a\x1b[2Jb\nc\u{9b}", "\td", "").at(&place);
        let expected =
            "note     /a\u{fffd}b:3: a\u{fffd}[2Jb\u{fffd}c\u{fffd}\n         \u{fffd}d\n";
        assert_eq!(note.to_string(), expected);
    }

    #[test]
    fn columns_and_summary() {
        let ok = Finding::ok("sock_diag answers");
        let note = Finding::note("/proc is asked", "no answer", "");
        let problem = Finding::problem("the script is removed", "/x is missing", "install it");
        assert_eq!(ok.to_string(), "ok       sock_diag answers\n");
        assert_eq!(
            note.to_string(),
            "note     /proc is asked\n         no answer\n"
        );
        assert_eq!(
            problem.to_string(),
            "problem  the script is removed\n         /x is missing\n         install it\n"
        );
        for (findings, expected) in [
            (vec![], "nothing wrong was found"),
            (vec![ok, note.clone()], "nothing wrong was found"),
            (vec![note, problem.clone()], "1 problem was found"),
            (vec![problem.clone(), problem], "2 problems were found"),
        ] {
            assert_eq!(summary(&findings), expected);
        }
    }
}
