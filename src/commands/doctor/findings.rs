//! What the doctor has to say.

use std::fmt;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// As it should be.
    Ok,
    /// Worth knowing; keepalived would get its answer all the same.
    Note,
    /// keepalived would not get its answer, or a wrong one. What could not be looked at counts too.
    Problem,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What was found; one line.
    pub text: String,
    /// What to do, or what follows from it; one line. Empty where there is nothing to say.
    pub advice: String,
}

impl Finding {
    /// Nothing is wrong.
    pub fn ok(text: impl Into<String>) -> Self {
        Self::new(Severity::Ok, text, "")
    }

    /// Something worth knowing, and what follows from it.
    pub fn note(text: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(Severity::Note, text, advice)
    }

    /// Something that is wrong, and what to do.
    pub fn problem(text: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(Severity::Problem, text, advice)
    }

    /// A finding of this severity. Files may have anything in them that ends up here, so what would
    /// control a terminal, line feeds included, is replaced.
    pub fn new(severity: Severity, text: impl Into<String>, advice: impl Into<String>) -> Self {
        let harmless = |text: String| text.replace(char::is_control, "\u{fffd}");
        Self {
            severity,
            text: harmless(text.into()),
            advice: harmless(advice.into()),
        }
    }

    /// Whether something is wrong.
    pub fn is_problem(&self) -> bool {
        self.severity == Severity::Problem
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Ok => "ok",
            Severity::Note => "note",
            Severity::Problem => "problem",
        };
        writeln!(f, "{severity:<8} {}", self.text)?;
        if self.advice.is_empty() {
            return Ok(());
        }
        writeln!(f, "{:<8} {}", "", self.advice)
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
        let note = Finding::note("a\x1b[2Jb\nc\u{9b}", "\td");
        let expected = "note     a\u{fffd}[2Jb\u{fffd}c\u{fffd}\n         \u{fffd}d\n";
        assert_eq!(note.to_string(), expected);
    }

    #[test]
    fn columns_and_summary() {
        let ok = Finding::ok("sock_diag answers");
        let note = Finding::note("no answer", "/proc is asked");
        let problem = Finding::problem("/x: is missing", "install it");
        assert_eq!(ok.to_string(), "ok       sock_diag answers\n");
        assert_eq!(
            note.to_string(),
            "note     no answer\n         /proc is asked\n"
        );
        assert_eq!(
            problem.to_string(),
            "problem  /x: is missing\n         install it\n"
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
