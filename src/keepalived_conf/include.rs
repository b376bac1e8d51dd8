//! The lines that include other files (lib/parser.c, `check_include`).

use super::comment::skip_blanks;
use super::words::is_space;

/// The failures of an include that keep keepalived from starting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Strict {
    /// Nothing: `include`.
    No,
    /// A file that was found cannot be read: `includer`, `includeb`.
    Readable,
    /// The same, and a file that is named without wildcards does not exist: `includem`.
    Exists,
    /// The same, and wildcards match nothing: `includew`, `includea`, and the main file.
    Matches,
}

/// Returns the name that a line includes, with its quotes, if it does.
pub(super) fn directive(line: &[u8]) -> Option<(&[u8], Strict)> {
    let rest = line.strip_prefix(b"include")?;
    let end = rest.iter().position(|byte| is_space(*byte))?;
    let (letter, pattern) = rest.split_at(end);
    let strict = match letter {
        [] => Strict::No,
        b"r" | b"b" => Strict::Readable,
        b"m" => Strict::Exists,
        b"w" | b"a" => Strict::Matches,
        _ => return None,
    };
    Some((skip_blanks(pattern.get(1..).unwrap_or_default()), strict))
}

#[cfg(test)]
mod tests {
    use super::{Strict, directive};

    #[test]
    fn include_directives_are_recognized() {
        for (line, found) in [
            ("include a", Some(("a", Strict::No))),
            ("include \t a b", Some(("a b", Strict::No))),
            ("include \"a\"", Some(("\"a\"", Strict::No))),
            ("includem\ta", Some(("a", Strict::Exists))),
            ("includea x", Some(("x", Strict::Matches))),
            ("include", None),
            ("includes a", None),
            ("includea", None),
        ] {
            let found = found.map(|(pattern, strict)| (pattern.as_bytes(), strict));
            assert_eq!(directive(line.as_bytes()), found, "{line}");
        }
    }
}
