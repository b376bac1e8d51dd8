//! The table of findings, `codes/table.txt`: a paragraph for each thing that the doctor can report. No other file
//! contains its wording.
//!
//! The hundreds group the codes: 1 how keepalived reads the file, 2 what the configuration means, 3 checks by other
//! programs, 4 checks by listenup, 5 the running keepalived, 6 this host.

pub mod audit;
pub mod command;
pub mod conf;
pub mod live;
pub mod outcome;
mod table;
pub mod third_party;

use std::ops::Deref;

pub use super::findings::{Code, Severity};

/// The name of a code, which stands for its row of the table.
#[derive(Debug)]
pub struct Id(pub &'static str);

impl Deref for Id {
    type Target = Code;

    fn deref(&self) -> &Code {
        get(self.0)
    }
}

/// Declares constants for codes of the table.
macro_rules! codes {
    ($($name:ident = $id:literal;)*) => {
        $(pub(in crate::commands::doctor) const $name: &crate::commands::doctor::codes::Id =
            &crate::commands::doctor::codes::Id($id);)*
        #[cfg(test)]
        pub(super) const IDS: &[&str] = &[$($id),*];
    };
}
use codes;

codes! {
    NO_SOCK_DIAG = "LU601";
    NO_PROC = "LU602";
    NO_SOURCE = "LU603";
    LISTENING = "LU611";
    NOT_LISTENING = "LU613";
    TARGET_UNKNOWN = "LU614";
}

/// The codes of findings after which the result of a check does not depend on its service.
const DECISIVE: &str = "
    LU211 LU212 LU214 LU215 LU216 LU217 LU218 LU219 LU223 LU231 LU232 LU253 LU256 LU262 LU263 LU302 LU303 LU305 LU310 LU314 LU315 LU318
    LU322 LU331 LU332 LU333 LU402 LU403 LU404 LU405 LU408 LU413 LU414 LU415 LU416 LU421 LU521
";

/// The codes of findings about something that the doctor could not tell.
const IN_DOUBT: &str = "LU222 LU257 LU262 LU301 LU304 LU401 LU417 LU418";

/// Returns the whole table, in the order of the codes.
pub fn all() -> Vec<&'static Code> {
    let mut all: Vec<&Code> = table::TABLE.iter().collect();
    all.sort_unstable_by_key(|code| code.id);
    all
}

/// Returns the code of this name, in capital letters or not.
pub fn by_id(id: &str) -> Option<&'static Code> {
    let mut all = table::TABLE.iter();
    all.find(|code| code.id.eq_ignore_ascii_case(id))
}

/// Returns whether a finding of this code is about something that the doctor could not tell.
pub fn is_in_doubt(code: &Code) -> bool {
    let mut in_doubt = IN_DOUBT.split_ascii_whitespace();
    in_doubt.any(|id| id == code.id)
}

/// Stands for a code that is not in the table, of which a test ensures that there is none.
static MISSING: Code = Code {
    id: "LU000",
    severity: Severity::Problem,
    effect: "this is a fault of listenup: please report it",
    cause: "",
    fix: "",
    explanation: "",
    versions: "",
};

/// Returns the code of a name that is in the table, as a test ensures.
fn get(id: &str) -> &'static Code {
    by_id(id).unwrap_or(&MISSING)
}

/// Returns whether the result of a check does not depend on its service if it has a finding of this code.
pub fn decides_result(code: &Code) -> bool {
    let mut decisive = DECISIVE.split_ascii_whitespace();
    decisive.any(|id| id == code.id)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_code_has_an_id_of_its_own_and_texts() {
        let mut ids = HashSet::new();
        for code in all() {
            let id = code.id;
            assert!(ids.insert(id), "{id}");
            assert!(id.len() == 5 && id.starts_with("LU"), "{id}");
            assert!(id.bytes().skip(2).all(|byte| byte.is_ascii_digit()), "{id}");
            assert!(
                !code.effect.is_empty() && code.explanation.ends_with('.'),
                "{id}"
            );
        }
        assert!(ids.len() > 100, "{}", ids.len());
        assert_eq!(by_id("lu101").map(|code| code.id), Some("LU101"));
        assert!(by_id("LU000").is_none());
        assert_eq!(ids.len(), table::TEXT.split("\n\n").count());
        let named = [IDS, audit::IDS, command::IDS, live::IDS, third_party::IDS];
        let named = named.into_iter().flatten().copied();
        let listed = [DECISIVE, IN_DOUBT]
            .into_iter()
            .flat_map(str::split_ascii_whitespace);
        for id in named.chain(listed) {
            assert!(ids.contains(id), "{id}");
        }
    }

    /// Texts that were read as their opposite, or that name a user who is called nobody.
    #[test]
    fn no_text_has_a_phrase_that_can_be_misread() {
        for code in all() {
            for text in [code.effect, code.cause, code.fix, code.explanation] {
                for word in [
                    "whatever",
                    "nobody may",
                    "anybody",
                    "for ever",
                    "anew",
                    "minds",
                    "may not",
                    "takes for",
                    "is no file",
                    "is no whole",
                    "others than",
                    "goes by",
                ] {
                    assert!(!text.contains(word), "{}: {word}: {text}", code.id);
                }
                let is_paragraph = text == code.explanation;
                assert!(!text.contains("  "), "{}: {text}", code.id);
                assert!(!text.contains('\n') || is_paragraph, "{}: {text}", code.id);
            }
        }
    }
}
