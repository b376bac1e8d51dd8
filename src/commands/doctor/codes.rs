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

/// Declares enums whose variants have a text each. The text can contain the value of the variant by its name.
macro_rules! texts {
    ($(
        $(#[$doc:meta])*
        $name:ident {
            $($(#[$of:meta])* $variant:ident $(($value:ident: $type:ty))? = $text:literal,)*
        }
    )*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub enum $name {
            $($(#[$of])* $variant $(($type))?,)*
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self {
                    $(Self::$variant $(($value))? => write!(f, $text),)*
                }
            }
        }
    )*};
}
use texts;

codes! {
    NO_SOCK_DIAG = "LU601";
    NO_PROC = "LU602";
    NO_SOURCE = "LU603";
    LISTENING = "LU611";
    NOT_LISTENING = "LU613";
    TARGET_UNKNOWN = "LU614";
}

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

/// Stands for a code that is not in the table, of which a test ensures that there is none.
static MISSING: Code = Code {
    id: "LU000",
    severity: Severity::Problem,
    decides_result: false,
    in_doubt: false,
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
        for id in named.into_iter().flatten() {
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
