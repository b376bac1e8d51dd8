//! The findings that the doctor reports: codes with places and values. The wording is in `codes/table.txt`.

use std::collections::HashSet;
use std::fmt::{self, Display};

use crate::keepalived_conf::Location;
use crate::untrusted::text::printable;

/// The severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// It fails, misleads or is ignored on this host now.
    Problem,
    /// A check that is as it should be fails right now.
    Failing,
    /// Worth knowing.
    Note,
    /// As it should be.
    Ok,
}

impl Severity {
    /// Returns the word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Problem => "problem",
            Self::Failing => "failing",
            Self::Note => "note",
            Self::Ok => "ok",
        }
    }
}

/// A kind of finding. A text can contain `{name}`, which stands for the finding's value of that name.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Code {
    /// The stable name, such as `LU101`. It is never reused for something else.
    pub id: &'static str,
    /// The severity of the finding.
    pub severity: Severity,
    /// True if the result of a check does not depend on its service if it has such a finding.
    pub decides_result: bool,
    /// True if it is about something that the doctor could not tell.
    pub in_doubt: bool,
    /// The effect, in one line that is understandable alone.
    pub effect: &'static str,
    /// The cause, in one line; empty if the effect says it.
    pub cause: &'static str,
    /// The fix, a line to write or a command to run; empty if nothing can be done.
    pub fix: &'static str,
    /// A paragraph for `--explain` and the manual page.
    pub explanation: &'static str,
    /// The versions of keepalived that behave like this, as text for the manual page; empty for all.
    pub versions: &'static str,
}

impl Code {
    /// Returns the finding of this kind with these values.
    pub fn with(&'static self, values: Values) -> Finding {
        let values = values
            .iter()
            .map(|(name, value)| (*name, value.to_string()));
        Finding::new(self, values.collect())
    }
}

/// Values of a finding by their names.
pub type Values<'a> = &'a [(&'static str, &'a dyn Display)];

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Finding {
    /// Its kind.
    pub code: &'static Code,
    /// The line that it is about. `None`: it is not about a file of keepalived's configuration.
    pub place: Option<Location>,
    values: Vec<(&'static str, String)>,
    /// The text of the fix; that of the code unless something better is known.
    fix: &'static str,
}

impl Finding {
    /// Returns a finding of this kind. Files can contain anything that ends up in the values, so what would control a
    /// terminal, line feeds included, is replaced.
    pub fn new(code: &'static Code, values: Vec<(&'static str, String)>) -> Self {
        let values = values
            .into_iter()
            .map(|(name, value)| (name, printable(&value)));
        Self {
            code,
            place: None,
            values: values.collect(),
            fix: code.fix,
        }
    }

    /// Returns the same finding at this place.
    pub fn at(self, place: &Location) -> Self {
        Self {
            place: Some(place.clone()),
            ..self
        }
    }

    /// Returns the same finding with another fix, and a value for it.
    pub fn with_fix(mut self, fix: &'static str, value: (&'static str, &dyn Display)) -> Self {
        self.values.push((value.0, printable(&value.1.to_string())));
        Self { fix, ..self }
    }

    /// Returns what happens, in one line.
    pub fn effect(&self) -> String {
        self.fill(self.code.effect, |_, value| value.to_owned())
    }

    /// Returns why it happens; empty if the effect says it.
    pub fn cause(&self) -> String {
        self.fill(self.code.cause, |_, value| value.to_owned())
    }

    /// Returns what to do; empty if nothing can be done. People paste commands, and users choose names of files. So a
    /// path is one word of a shell.
    pub fn fix(&self) -> String {
        let is_of_conf = self.fix.starts_with("include");
        self.fill(self.fix, |name, value| match name {
            "path" | "file" | "main" if !is_of_conf => shell_word(value),
            _ => value.to_owned(),
        })
    }

    /// Returns how bad it is.
    pub fn severity(&self) -> Severity {
        self.code.severity
    }

    /// True if it is a problem.
    pub fn is_problem(&self) -> bool {
        self.severity() == Severity::Problem
    }

    /// Returns the value of this name.
    pub fn value(&self, name: &str) -> Option<&str> {
        let (_, value) = self.values.iter().find(|(known, _)| *known == name)?;
        Some(value)
    }

    /// Returns the text with each `{name}` replaced by its value as it is shown. A name without a value stays as it is.
    fn fill(&self, text: &str, shown: impl Fn(&str, &str) -> String) -> String {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            let value = after.split_once('}');
            let value =
                value.and_then(|(name, after)| Some((shown(name, self.value(name)?), after)));
            match value {
                Some((value, after)) => {
                    filled.push_str(&value);
                    rest = after;
                }
                None => {
                    filled.push('{');
                    rest = after;
                }
            }
        }
        filled + rest
    }
}

/// Returns the text as one word of a shell, in quotes if it is not plain.
fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._+-@%,:=".contains(c);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

impl Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<8} ", self.severity().name())?;
        if let Some(place) = &self.place {
            write!(f, "{}: ", printable(&place.to_string()))?;
        }
        writeln!(f, "{} [{}]", self.effect(), self.code.id)?;
        for line in [self.cause(), self.fix()] {
            if !line.is_empty() {
                writeln!(f, "{:<8} {line}", "")?;
            }
        }
        Ok(())
    }
}

/// Findings, each once, in the order in which they were found.
#[derive(Debug, Default)]
pub struct Findings {
    list: Vec<Finding>,
    seen: HashSet<Finding>,
}

impl Findings {
    /// Adds a finding, unless it is there already.
    pub fn add(&mut self, finding: Finding) {
        if self.seen.insert(finding.clone()) {
            self.list.push(finding);
        }
    }

    /// Adds several findings.
    pub fn extend(&mut self, findings: impl IntoIterator<Item = Finding>) {
        findings.into_iter().for_each(|finding| self.add(finding));
    }

    /// Returns all of them.
    pub fn iter(&self) -> impl Iterator<Item = &Finding> {
        self.list.iter()
    }

    /// Drops those for which this is false.
    pub fn retain(&mut self, keep: impl FnMut(&Finding) -> bool) {
        self.list.retain(keep);
    }

    /// Returns how many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Returns those after the first `start` ones.
    pub fn since(&self, start: usize) -> &[Finding] {
        self.list.get(start..).unwrap_or_default()
    }

    /// Returns all of them, the worst first; equally bad ones stay in their order.
    pub fn into_sorted(mut self) -> Vec<Finding> {
        self.list.sort_by_key(Finding::severity);
        self.list
    }
}

#[cfg(test)]
mod tests {
    use super::super::codes::by_id;
    use super::*;

    fn finding(values: &[(&'static str, &str)]) -> Finding {
        let values = values
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        Finding::new(by_id("LU101").unwrap(), values.collect())
    }

    #[test]
    fn control_characters_in_values_are_replaced() {
        let found = finding(&[("pattern", "a\x1b[2Jb\nc\u{9b}")]).at(&Location::new("/a\x07b", 3));
        let text = found.to_string();
        assert!(text.starts_with("problem  /a\u{fffd}b:3: "), "{text}");
        assert!(text.contains("a\u{fffd}[2Jb\u{fffd}c\u{fffd}"), "{text}");
    }

    #[test]
    fn values_are_filled_in_once_and_not_again() {
        let found = finding(&[("a", "{b}"), ("b", "2")]);
        for (text, expected) in [
            ("", ""),
            ("{a} and {b}", "{b} and 2"),
            ("track_script { {b} }", "track_script { 2 }"),
            ("{c} {", "{c} {"),
        ] {
            let filled = found.fill(text, |_, value| value.to_owned());
            assert_eq!(filled, expected, "{text}");
        }
    }

    #[test]
    fn a_path_in_a_fix_is_one_word_of_a_shell() {
        let code = by_id("LU216").unwrap();
        for (path, shown) in [
            ("/usr/a-b_c.sh", "/usr/a-b_c.sh"),
            ("/a b/$(reboot)", "'/a b/$(reboot)'"),
            ("/a'; reboot; '", r"'/a'\''; reboot; '\'''"),
            ("/a`b`", "'/a`b`'"),
            ("/Zürich", "/Zürich"),
        ] {
            let fix = code.with(&[("path", &path)]).fix();
            assert!(fix.contains(&format!("chmod 755 {shown}, ")), "{fix}");
        }
    }

    #[test]
    fn duplicate_findings_are_reported_once() {
        let mut findings = Findings::default();
        for value in ["a", "b", "a"] {
            findings.add(finding(&[("pattern", value)]));
        }
        findings.add(finding(&[("pattern", "a")]).at(&Location::new("/a", 1)));
        assert_eq!(findings.len(), 3);
    }
}
