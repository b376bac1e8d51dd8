//! Comments (lib/parser.c, `decomment`).

/// A line without its comment and the blanks around it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decommented {
    pub text: Vec<u8>,
    /// A double quote is not closed.
    pub open_quote: bool,
}

/// `!` and `#` begin a comment except in double quotes. Outside of them a backslash takes that from a sign and
/// goes. A backslash at the end stays, without the blanks before it, also behind a comment.
pub(super) fn decomment(line: &[u8]) -> Decommented {
    let mut text = Vec::with_capacity(line.len());
    let mut comment = None;
    let mut quoted = false;
    let mut continues = false;
    let start = line.iter().take_while(|byte| is_blank(**byte)).count();
    let mut bytes = line.iter().copied().skip(start);
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' if comment.is_none() => quoted = !quoted,
            b'\\' => match bytes.next() {
                Some(escaped @ (b'#' | b'!')) if !quoted => {
                    text.push(escaped);
                    continue;
                }
                Some(escaped) => {
                    text.extend([byte, escaped]);
                    continue;
                }
                None => {
                    continues = true;
                    break;
                }
            },
            b'#' | b'!' if !quoted && comment.is_none() => comment = Some(text.len()),
            _ => {}
        }
        text.push(byte);
    }
    text.truncate(comment.unwrap_or(text.len()));
    trim_end(&mut text);
    if continues {
        text.push(b'\\');
    }
    Decommented {
        text,
        open_quote: quoted,
    }
}

/// A space or a tab.
pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Cuts spaces and tabs off the end.
pub(super) fn trim_end(text: &mut Vec<u8>) {
    while text.last().is_some_and(|byte| is_blank(*byte)) {
        text.pop();
    }
}

/// A text from its first byte on that is no space and no tab.
pub(super) fn skip_blanks(text: &[u8]) -> &[u8] {
    let blanks = text.iter().take_while(|byte| is_blank(**byte)).count();
    text.get(blanks..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::decomment;

    #[test]
    fn comments_are_cut_except_in_double_quotes() {
        for (line, text, open_quote) in [
            ("# all", "", false),
            ("  ! all", "", false),
            ("interval 2 # x", "interval 2", false),
            ("a!b", "a", false),
            ("script \"a # b ! c\" # d \"", "script \"a # b ! c\"", false),
            ("script 'a # b'", "script 'a", false),
            ("script a\\#b \\! c", "script a#b ! c", false),
            ("script \"a\\#b\"", "script \"a\\#b\"", false),
            ("script \"a\\\"b # c\"", "script \"a\\\"b # c\"", false),
            ("script \"a", "script \"a", true),
            ("$M=a \t \\", "$M=a\\", false),
            ("# comment \\", "\\", false),
            ("a # b \\# c", "a", false),
            ("a \t", "a", false),
        ] {
            let found = decomment(line.as_bytes());
            assert_eq!(String::from_utf8_lossy(&found.text), text, "{line}");
            assert_eq!(found.open_quote, open_quote, "{line}");
        }
    }
}
