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
    /// `includea` and `include_check`.
    pub const ALL: Self = Self {
        readable: true,
        exists: true,
        matches: true,
        braces: true,
    };
    /// `includew`, and the main file.
    pub const FILE: Self = Self {
        braces: false,
        ..Self::ALL
    };
    const READABLE: Self = Self {
        exists: false,
        matches: false,
        ..Self::FILE
    };
}

/// A line that includes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Directive<'a> {
    pub strict: Strict,
    /// The name, with its quotes.
    pub pattern: &'a [u8],
}

/// Returns what a line includes, if it does.
pub(super) fn directive(line: &[u8]) -> Option<Directive<'_>> {
    let rest = line.strip_prefix(b"include")?;
    let end = rest.iter().position(|byte| is_space(*byte))?;
    let (exists, matches) = (true, false);
    let strict = match rest.get(..end)? {
        b"" => Strict::default(),
        b"r" => Strict::READABLE,
        b"m" => Strict {
            exists,
            ..Strict::READABLE
        },
        b"w" => Strict::FILE,
        b"b" => Strict {
            exists: false,
            matches,
            ..Strict::ALL
        },
        b"a" => Strict::ALL,
        _ => return None,
    };
    let pattern = skip_blanks(rest.get(end + 1..).unwrap_or_default());
    Some(Directive { strict, pattern })
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
            let found = directive(line.as_bytes()).map(|found| found.pattern);
            assert_eq!(found, pattern.map(str::as_bytes), "{line}");
        }
        assert_eq!(directive(b"includea x").unwrap().strict, Strict::ALL);
    }
}
