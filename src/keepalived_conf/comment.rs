//! Comments and blanks (lib/parser.c, `decomment`).

/// A line without its comment and the blanks around it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decommented {
    pub text: Vec<u8>,
    /// True if a double quote is not closed.
    pub open_quote: bool,
    /// True if a backslash at the end of the comment continues the line.
    pub continues: bool,
}

/// Cuts the comment of a line. `!` and `#` begin one, except in double quotes.
///
/// keepalived removes a backslash before them, and then its child processes read a comment. A backslash at the end of
/// the line remains at the end of the text, even after a comment.
pub(super) fn decomment(line: &[u8]) -> Decommented {
    let mut text = Vec::with_capacity(line.len());
    let mut comment = None;
    let (mut quoted, mut continues) = (false, false);
    let mut bytes = skip_blanks(line).iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' if comment.is_none() => quoted = !quoted,
            b'\\' => match bytes.next() {
                Some(b'#' | b'!') if !quoted => {
                    comment.get_or_insert(text.len());
                    continue;
                }
                Some(next) => {
                    text.extend([byte, next]);
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
        continues: continues && comment.is_some(),
    }
}

/// Cuts spaces and tabs off the end.
pub(super) fn trim_end(text: &mut Vec<u8>) {
    while matches!(text.last(), Some(b' ' | b'\t')) {
        text.pop();
    }
}

/// Returns the text from its first byte on that is neither a space nor a tab.
pub(super) fn skip_blanks(text: &[u8]) -> &[u8] {
    let is_blank = |byte: &&u8| matches!(byte, b' ' | b'\t');
    let blanks = text.iter().take_while(is_blank).count();
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
            ("script a\\#b \\! c", "script a", false),
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
