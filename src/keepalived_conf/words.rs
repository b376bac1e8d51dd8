//! The words of a line. keepalived has two ways: one for most lines, and one for lines with a command.

/// The reason why a line with a command has no words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Malformed {
    /// A quote is not closed, or a backslash ends the line.
    Open,
    /// The same, within the command.
    Inner,
    /// An escape with this letter, such as `\x41`.
    Escape(u8),
}

/// Returns whether keepalived treats a byte as white space (`WHITE_SPACE_STR`).
pub fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\x0c' | b'\n' | b'\r' | b'\x0b')
}

/// Returns whether a line has words for another program.
pub(super) fn is_command(line: &[u8]) -> bool {
    let mut commands = "script misc_path notify quorum_ startup_script shutdown_script".split(' ');
    commands.any(|keyword| line.starts_with(keyword.as_bytes()))
}

/// Returns bytes of a file as text for a person.
pub(super) fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Returns the words of most lines (lib/parser.c, `alloc_strvec_r`). White space separates them, and a double quote
/// begins and ends one. What follows a quote that is not closed is lost.
pub(super) fn plain(line: &[u8]) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = line;
    loop {
        let spaces = rest.iter().take_while(|byte| is_space(**byte)).count();
        rest = rest.get(spaces..).unwrap_or_default();
        let (word, after) = match rest.split_first() {
            None => return words,
            Some((b'"', quoted)) => match quoted.iter().position(|byte| *byte == b'"') {
                Some(end) => (quoted.get(..end), quoted.get(end + 1..)),
                None => return words,
            },
            Some(_) => {
                let is_end = |byte: &u8| is_space(*byte) || *byte == b'"';
                let end = rest.iter().position(is_end).unwrap_or(rest.len());
                (rest.get(..end), rest.get(end..))
            }
        };
        words.push(lossy(word.unwrap_or_default()));
        rest = after.unwrap_or_default();
    }
}

/// The treatment of a backslash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escapes {
    /// The backslash and the next byte become the byte that is meant.
    Decode,
    /// Both stay; only their meaning for quotes and white space counts.
    Keep,
}

/// Returns the words of a line with a command (lib/parser.c, `alloc_strvec_quoted_escaped`). Both kinds of quotes group,
/// and parts without white space between them are one word.
pub(super) fn split(text: &[u8], escapes: Escapes) -> Result<Vec<Vec<u8>>, Malformed> {
    let mut words = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut quote = None;
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        match (quote, byte) {
            (_, b'\\') => {
                let next = bytes.next().ok_or(Malformed::Open)?;
                let word = word.get_or_insert_default();
                match escapes {
                    Escapes::Keep => word.extend([byte, next]),
                    Escapes::Decode => word.push(escaped(next)?),
                }
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
        Some(_) => Err(Malformed::Open),
        None => Ok(words),
    }
}

/// Returns the byte that is meant by what follows a backslash.
fn escaped(byte: u8) -> Result<u8, Malformed> {
    match byte {
        b'n' => Ok(b'\n'),
        b'r' => Ok(b'\r'),
        b't' => Ok(b'\t'),
        b'0'..=b'7' | b'a' | b'b' | b'c' | b'E' | b'f' | b'v' | b'x' => {
            Err(Malformed::Escape(byte))
        }
        other => Ok(other),
    }
}

#[cfg(test)]
mod tests {
    use super::{Escapes, Malformed, lossy, plain, split};

    #[test]
    fn plain_lines_are_split_into_words() {
        for (line, words) in [
            ("interval 3", vec!["interval", "3"]),
            ("a\t\x0b b\r", vec!["a", "b"]),
            ("vrrp_script \"a b\" c", vec!["vrrp_script", "a b", "c"]),
            ("interval\"4\"x", vec!["interval", "4", "x"]),
            ("vrrp_script 'a b'", vec!["vrrp_script", "'a", "b'"]),
            ("a\\ b", vec!["a\\", "b"]),
            ("a \"\" b", vec!["a", "", "b"]),
            ("a \"b c", vec!["a"]),
            ("", vec![]),
        ] {
            assert_eq!(plain(line.as_bytes()), words, "{line}");
        }
    }

    #[test]
    fn command_lines_are_split_into_words() {
        let strings =
            |words: Vec<Vec<u8>>| words.iter().map(|word| lossy(word)).collect::<Vec<_>>();
        for (line, words) in [
            ("script \"/a b\"", vec!["script", "/a b"]),
            ("script /a\\ b 'c d'\"e\"f", vec!["script", "/a b", "c def"]),
            ("script\"/a\"", vec!["script/a"]),
            ("\\n\\t\\\\\\'\\z", vec!["\n\t\\'z"]),
            ("'' \"\"", vec!["", ""]),
        ] {
            let found = split(line.as_bytes(), Escapes::Decode).unwrap();
            assert_eq!(strings(found), words, "{line}");
        }
        let kept = split(b"\"/a \\\"b c\\\" d\\x41\"", Escapes::Keep).unwrap();
        assert_eq!(strings(kept), ["/a \\\"b c\\\" d\\x41"]);
        for (line, malformed) in [
            ("script \"/a", Malformed::Open),
            ("script '/a\"", Malformed::Open),
            ("script /a\\", Malformed::Open),
            ("script \\x41", Malformed::Escape(b'x')),
        ] {
            assert_eq!(
                split(line.as_bytes(), Escapes::Decode),
                Err(malformed),
                "{line}"
            );
        }
    }
}
