//! The table of findings: one row for each thing that the doctor can report. No other file contains its wording.
//!
//! The hundreds group the codes: 1 how keepalived reads the file, 2 what the configuration means, 3 checks by other
//! programs, 4 checks by listenup, 5 the running keepalived, 6 this host.

pub mod third_party;

use std::fmt::Display;

use super::findings::{Finding, Severity};

/// A kind of finding. A text can contain `{name}`, which stands for the finding's value of that name.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// The stable name, such as `LU101`. It is never reused for something else.
    pub id: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What happens, in one line that is understandable alone.
    pub effect: &'static str,
    /// Why it happens, in one line; empty if the effect says it.
    pub cause: &'static str,
    /// What to write or to run, in one line; empty if nothing can be done.
    pub fix: &'static str,
    /// A paragraph for `--explain` and the manual page.
    pub explanation: &'static str,
    /// The versions of keepalived that behave like this, as text for the manual page; empty for all.
    pub versions: &'static str,
}

impl Code {
    /// Returns the finding of this kind with these values.
    pub fn with(&'static self, values: &[(&str, &dyn Display)]) -> Finding {
        let fill = |text: &str| fill(text, values);
        Finding {
            code: self.id,
            ..Finding::new(
                self.severity,
                fill(self.effect),
                fill(self.cause),
                fill(self.fix),
            )
        }
    }
}

/// Returns the text with each `{name}` replaced by its value. A name without a value stays as it is.
fn fill(text: &str, values: &[(&str, &dyn Display)]) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let value = after.split_once('}').and_then(|(name, after)| {
            let (_, value) = values.iter().find(|(known, _)| *known == name)?;
            Some((value, after))
        });
        match value {
            Some((value, after)) => {
                filled.push_str(&value.to_string());
                rest = after;
            }
            None => {
                filled.push('{');
                rest = after;
            }
        }
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::fill;

    #[test]
    fn values_replace_their_names_once() {
        let values: &[(&str, &dyn std::fmt::Display)] = &[("a", &"{b}"), ("b", &2)];
        for (text, expected) in [
            ("", ""),
            ("{a} and {b}", "{b} and 2"),
            ("track_script { {b} }", "track_script { 2 }"),
            ("{c} {", "{c} {"),
        ] {
            assert_eq!(fill(text, values), expected, "{text}");
        }
    }
}
