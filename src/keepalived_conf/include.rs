//! Lines that include files (lib/parser.c, `check_include`, `open_glob_file`, `check_glob_file`).

use super::comments::skip_blanks;

/// What must be there, or keepalived does not start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Strict {
    /// Each file that was found is one, can be read and nobody may execute it.
    pub readable: bool,
    /// A file that is named without wildcards is there.
    pub exists: bool,
    /// Wildcards find something.
    pub matches: bool,
    /// Each meaning of the braces is there.
    pub braces: bool,
}

impl Strict {
    /// What either of them demands.
    pub fn or(self, other: Self) -> Self {
        Self {
            readable: self.readable || other.readable,
            exists: self.exists || other.exists,
            matches: self.matches || other.matches,
            braces: self.braces || other.braces,
        }
    }

    /// Everything (`includea`, `include_check`).
    pub const ALL: Self = Self {
        readable: true,
        exists: true,
        matches: true,
        braces: true,
    };

    /// For the main file.
    pub const MAIN: Self = Self {
        braces: false,
        ..Self::ALL
    };

    /// What `include_check` with these words sets.
    pub fn checked<'a>(self, words: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut checked = self;
        let mut words = words.into_iter().enumerate().peekable();
        if words.peek().is_none() {
            return Self::ALL;
        }
        for (at, word) in words {
            let (adds, name) = match word.split_first() {
                Some((b'-', name)) => (false, name),
                Some((b'+', name)) => (true, name),
                _ if at > 0 => continue,
                _ => {
                    checked = Self::default();
                    checked.readable =
                        [&b"read"[..], b"match", b"wildcard_match", b"brace_match"].contains(&word);
                    (true, word)
                }
            };
            match name {
                b"read" => checked.readable = adds,
                b"match" => checked.exists = adds,
                b"wildcard_match" => checked.matches = adds,
                b"brace_match" => checked.braces = adds,
                _ => {}
            }
        }
        checked
    }
}

/// A line that includes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Directive<'a> {
    pub strict: Strict,
    /// Quotes are part of it.
    pub pattern: &'a [u8],
}

/// What a line includes, if it does.
pub(super) fn directive(line: &[u8]) -> Option<Directive<'_>> {
    let rest = line.strip_prefix(b"include")?;
    let (first, behind) = rest.split_first()?;
    if is_c_space(*first) {
        return Some(Directive {
            strict: Strict::default(),
            pattern: skip_blanks(behind),
        });
    }
    let (second, behind) = behind.split_first()?;
    let readable = Strict {
        readable: true,
        ..Strict::default()
    };
    let strict = match first {
        b'r' => readable,
        b'm' => Strict {
            exists: true,
            ..readable
        },
        b'w' => Strict::MAIN,
        b'b' => Strict {
            braces: true,
            ..readable
        },
        b'a' => Strict::ALL,
        _ => return None,
    };
    is_c_space(*second).then(|| Directive {
        strict,
        pattern: skip_blanks(behind),
    })
}

/// isspace(3).
fn is_c_space(byte: u8) -> bool {
    super::words::is_space(byte)
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
            ("included", None),
        ] {
            let found = directive(line.as_bytes()).map(|found| found.pattern);
            assert_eq!(found, pattern.map(str::as_bytes), "{line}");
        }
        assert_eq!(directive(b"includea x").unwrap().strict, Strict::ALL);
    }

    #[test]
    fn include_check() {
        let check = |words: &[&[u8]]| Strict::default().checked(words.iter().copied());
        assert_eq!(check(&[]), Strict::ALL);
        assert!(check(&[b"match", b"read"]).exists);
        assert_eq!(check(&[b"wildcard_match", b"+brace_match", b"-read"]), {
            Strict {
                matches: true,
                braces: true,
                ..Strict::default()
            }
        });
    }
}
