//! A line of keepalived.conf as words, the way keepalived makes them
//! (lib/parser.c, `alloc_strvec_quoted_escaped`).

use std::fmt;

/// Why a line has no words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// A quote is not closed.
    Quote,
    /// It ends with a backslash.
    Escape,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Quote => "a quote is not closed",
            Self::Escape => "it ends with a backslash",
        })
    }
}

/// What keepalived takes for white space.
pub fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\x0c' | b'\n' | b'\r' | b'\x0b')
}

/// Splits at white space. `"` and `'` group, also within a word; a backslash escapes, in quotes too.
///
/// # Errors
/// A quote or an escape that does not end.
pub fn split(text: &[u8]) -> Result<Vec<Vec<u8>>, Malformed> {
    let mut words = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut quote = None;
    let mut rest = text.iter().copied().peekable();
    while let Some(byte) = rest.next() {
        match (quote, byte) {
            (_, b'\\') => {
                let escaped = escape(&mut rest).ok_or(Malformed::Escape)?;
                word.get_or_insert_default().push(escaped);
            }
            (Some(open), byte) if byte == open => quote = None,
            (None, b'"' | b'\'') => {
                quote = Some(byte);
                word.get_or_insert_default();
            }
            (None, byte) if is_space(byte) => words.extend(word.take()),
            (_, byte) => word.get_or_insert_default().push(byte),
        }
    }
    words.extend(word);
    match quote {
        Some(_) => Err(Malformed::Quote),
        None => Ok(words),
    }
}

/// The byte that is meant by what follows a backslash.
fn escape(rest: &mut std::iter::Peekable<impl Iterator<Item = u8>>) -> Option<u8> {
    let byte = rest.next()?;
    Some(match byte {
        b'x' => match number(rest, 16, usize::MAX, 0) {
            (0, _) => b'x',
            (_, value) => value,
        },
        b'0'..=b'7' => number(rest, 8, 2, byte - b'0').1,
        b'c' => rest.next().map_or(b'c', |letter| letter & 0x1f),
        b'a' => 0x07,
        b'b' => 0x08,
        b'E' => 0x1b,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 0x0b,
        other => other,
    })
}

/// Takes at most so many digits; how many there were, and the low byte of the number.
fn number(
    rest: &mut std::iter::Peekable<impl Iterator<Item = u8>>,
    radix: u8,
    most: usize,
    mut value: u8,
) -> (usize, u8) {
    let mut count = 0;
    while count < most {
        let next = rest.peek().copied().map(char::from);
        let Some(digit) = next.and_then(|digit| digit.to_digit(radix.into())) else {
            break;
        };
        value = value.wrapping_mul(radix).wrapping_add(digit as u8);
        rest.next();
        count += 1;
    }
    (count, value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn words(text: &str) -> Vec<String> {
        let words = split(text.as_bytes()).unwrap();
        let text = |word| String::from_utf8(word).unwrap();
        words.into_iter().map(text).collect()
    }

    #[test]
    fn quotes_and_escapes() {
        for (text, expected) in [
            ("", &[][..]),
            (" \t ", &[]),
            ("a b\tc", &["a", "b", "c"]),
            ("script \"/x check 1\"", &["script", "/x check 1"]),
            ("script '/x check 1'", &["script", "/x check 1"]),
            ("script \"/x\" check 1", &["script", "/x", "check", "1"]),
            ("a\"b c\"d", &["ab cd"]),
            ("\"it's\" 'a \"b\"'", &["it's", "a \"b\""]),
            ("\"\" x", &["", "x"]),
            ("a\\ b \\\"c", &["a b", "\"c"]),
            ("\"a\\\"b\"", &["a\"b"]),
            ("\\x41\\x zz\\101\\0618\\cA", &["Ax", "zzA18\u{1}"]),
            ("\\n\\t\\q", &["\n\tq"]),
        ] {
            assert_eq!(words(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_does_not_end() {
        for (text, error) in [
            ("a \"b", Malformed::Quote),
            ("a 'b\"", Malformed::Quote),
            ("\"", Malformed::Quote),
            ("a\\", Malformed::Escape),
            ("\"a\\", Malformed::Escape),
        ] {
            assert_eq!(split(text.as_bytes()), Err(error), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_there_are_words_or_an_error(text: Vec<u8>) {
            if let Ok(words) = split(&text) {
                prop_assert!(words.iter().map(Vec::len).sum::<usize>() <= text.len());
            }
        }

        #[test]
        fn without_quotes_and_backslashes_it_is_the_white_space(text in "[a-z${};|. \t]*") {
            let expected: Vec<&str> = text.split_whitespace().collect();
            prop_assert_eq!(words(&text), expected);
        }
    }
}
