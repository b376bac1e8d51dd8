//! A line as words. keepalived has two ways: one for most lines, and one for lines with a command.

use std::fmt;
use std::iter::Peekable;

/// Why a line with a command has no words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Malformed {
    /// A quote, double or single, is not closed.
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

/// What keepalived takes for white space (`WHITE_SPACE_STR`).
pub fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\x0c' | b'\n' | b'\r' | b'\x0b')
}

/// The words of most lines (lib/parser.c, `alloc_strvec_r`): at white space; a double quote begins a word, and
/// ends one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plain {
    pub words: Vec<Vec<u8>>,
    /// A quote is not closed; what follows it is lost.
    pub open_quote: bool,
}

pub(super) fn plain(line: &[u8]) -> Plain {
    let mut words = Vec::new();
    let mut rest = line;
    loop {
        rest = skip_space(rest);
        let (word, behind) = match rest.split_first() {
            None => break,
            Some((b'"', quoted)) => match quoted.iter().position(|byte| *byte == b'"') {
                Some(end) => (quoted.get(..end), quoted.get(end + 1..)),
                None => {
                    return Plain {
                        words,
                        open_quote: true,
                    };
                }
            },
            Some(_) => {
                let is_end = |byte: &u8| is_space(*byte) || *byte == b'"';
                let end = rest.iter().position(is_end).unwrap_or(rest.len());
                (rest.get(..end), rest.get(end..))
            }
        };
        words.push(word.unwrap_or_default().to_owned());
        rest = behind.unwrap_or_default();
    }
    Plain {
        words,
        open_quote: false,
    }
}

fn skip_space(text: &[u8]) -> &[u8] {
    let spaces = text.iter().take_while(|byte| is_space(**byte)).count();
    text.get(spaces..).unwrap_or_default()
}

/// What becomes of a backslash and what follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escapes {
    /// Both become the byte that is meant; `\\x` takes all hexadecimal digits that follow (up to 2.3.1).
    Decode,
    /// The same, but `\\x` takes two digits at most (from 2.3.2 on).
    DecodeShort,
    /// Both stay, and the second has no meaning of its own.
    Keep,
}

/// The words of a line with a command (`alloc_strvec_quoted_escaped` and, from 2.3.2 on,
/// `alloc_strvec_quoted`). `"` and `'` group, also within a word; a backslash escapes, in quotes too. A NUL ends
/// a word, as in C.
///
/// # Errors
/// A quote or an escape that does not end.
pub(super) fn split(text: &[u8], escapes: Escapes) -> Result<Vec<Vec<u8>>, Malformed> {
    let mut words = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut quote = None;
    // Where the text ends right behind an opening quote or an escape, keepalived does not miss the closing one.
    let mut misses_quote = false;
    let mut rest = text.iter().copied().peekable();
    while let Some(byte) = rest.next() {
        misses_quote = quote.is_some_and(|open| open != byte) && byte != b'\\';
        match (quote, byte) {
            (_, b'\\') => match escapes {
                Escapes::Decode | Escapes::DecodeShort => {
                    let digits = match escapes {
                        Escapes::DecodeShort => 2,
                        _ => usize::MAX,
                    };
                    let escaped = escape(&mut rest, digits).ok_or(Malformed::Escape)?;
                    word.get_or_insert_default().push(escaped);
                }
                Escapes::Keep => {
                    let escaped = rest.next().ok_or(Malformed::Escape)?;
                    word.get_or_insert_default().extend([byte, escaped]);
                }
            },
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
    for word in &mut words {
        let end = word.iter().position(|byte| *byte == 0);
        word.truncate(end.unwrap_or(word.len()));
    }
    match misses_quote {
        true => Err(Malformed::Quote),
        false => Ok(words),
    }
}

/// The byte that is meant by what follows a backslash.
fn escape(rest: &mut Peekable<impl Iterator<Item = u8>>, digits: usize) -> Option<u8> {
    let byte = rest.next()?;
    Some(match byte {
        b'x' => match number(rest, 16, digits, 0) {
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
    rest: &mut Peekable<impl Iterator<Item = u8>>,
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
        rest.next();
        value = value.wrapping_mul(radix).wrapping_add(digit as u8);
        count += 1;
    }
    (count, value)
}

#[cfg(test)]
mod tests {
    use super::{Escapes, Malformed, plain, split};

    fn strings(words: &[Vec<u8>]) -> Vec<String> {
        let lossy = |word: &Vec<u8>| String::from_utf8_lossy(word).into_owned();
        words.iter().map(lossy).collect()
    }

    #[test]
    fn plain_lines() {
        for (line, words, open_quote) in [
            ("interval 3", vec!["interval", "3"], false),
            ("a\t\x0b b\r", vec!["a", "b"], false),
            (
                "vrrp_script \"a b\" c",
                vec!["vrrp_script", "a b", "c"],
                false,
            ),
            ("interval\"4\"x", vec!["interval", "4", "x"], false),
            ("vrrp_script 'a b'", vec!["vrrp_script", "'a", "b'"], false),
            ("a\\ b", vec!["a\\", "b"], false),
            ("a \"\" b", vec!["a", "", "b"], false),
            ("a \"b c", vec!["a"], true),
            ("", vec![], false),
        ] {
            let found = plain(line.as_bytes());
            assert_eq!(strings(&found.words), words, "{line}");
            assert_eq!(found.open_quote, open_quote, "{line}");
        }
    }

    #[test]
    fn lines_with_a_command() {
        for (line, words) in [
            ("script \"/a b\"", vec!["script", "/a b"]),
            ("script /a\\ b 'c d'\"e\"f", vec!["script", "/a b", "c def"]),
            ("script\"/a\"", vec!["script/a"]),
            ("\\x41\\101\\cA\\n\\t\\\\\\'\\z", vec!["AA\u{1}\n\t\\'z"]),
            ("\\x4142 \\xg \\0b", vec!["B", "xg", ""]),
            (
                "\\a\\b\\E\\f\\r\\v \\c",
                vec!["\u{7}\u{8}\u{1b}\u{c}\r\u{b}", "c"],
            ),
            ("'' \"\"", vec!["", ""]),
            ("/a \"", vec!["/a", ""]),
            ("/a b'\\c", vec!["/a", "bc"]),
        ] {
            let found = split(line.as_bytes(), Escapes::Decode).unwrap();
            assert_eq!(strings(&found), words, "{line}");
        }
        let short = split(b"\\x4142", Escapes::DecodeShort).unwrap();
        assert_eq!(strings(&short), ["A42"]);
        let kept = split(b"\"/a \\\"b c\\\" d\\x41\"", Escapes::Keep).unwrap();
        assert_eq!(strings(&kept), ["/a \\\"b c\\\" d\\x41"]);
    }

    #[test]
    fn what_does_not_end_has_no_words() {
        for escapes in [Escapes::Decode, Escapes::Keep] {
            assert_eq!(split(b"script \"/a", escapes), Err(Malformed::Quote));
            assert_eq!(split(b"script '/a\"", escapes), Err(Malformed::Quote));
            assert_eq!(split(b"script /a\\", escapes), Err(Malformed::Escape));
        }
    }
}
