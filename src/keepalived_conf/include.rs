//! Lines that include files (lib/parser.c, `check_include`).

use super::comment::skip_blanks;
use super::words::is_space;

/// What keeps keepalived from starting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Strict {
    /// A file that was found cannot be read.
    pub readable: bool,
    /// A file that is named without wildcards does not exist.
    pub exists: bool,
    /// Wildcards match nothing.
    pub matches: bool,
    /// One of the alternatives in braces does not exist.
    pub braces: bool,
}

impl Strict {
    /// For `include` and the letter after it; `w` is also how the main file is read, `a` is `include_check`.
    pub fn new(letter: u8) -> Self {
        Self {
            readable: letter != b' ',
            exists: b"mwa".contains(&letter),
            matches: b"wa".contains(&letter),
            braces: b"ba".contains(&letter),
        }
    }
}

/// Returns the name that a line includes, with its quotes, if it does.
pub(super) fn directive(line: &[u8]) -> Option<(&[u8], Strict)> {
    let rest = line.strip_prefix(b"include")?;
    let end = rest.iter().position(|byte| is_space(*byte))?;
    let letter = match rest.get(..end)? {
        [] => b' ',
        [letter] if b"rmwba".contains(letter) => *letter,
        _ => return None,
    };
    let pattern = skip_blanks(rest.get(end + 1..).unwrap_or_default());
    Some((pattern, Strict::new(letter)))
}

#[cfg(test)]
mod tests {
    use super::{Strict, directive};

    #[test]
    fn lines() {
        for (line, pattern) in [
            ("include a", Some("a")),
            ("include \t a b", Some("a b")),
            ("include \"a\"", Some("\"a\"")),
            ("includem\ta", Some("a")),
            ("include", None),
            ("includes a", None),
            ("includea", None),
            ("include_check a", None),
        ] {
            let found = directive(line.as_bytes()).map(|(pattern, _)| pattern);
            assert_eq!(found, pattern.map(str::as_bytes), "{line}");
        }
        assert_eq!(directive(b"includea x").unwrap().1, Strict::new(b'a'));
    }
}
