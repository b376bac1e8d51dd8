//! Makes text of other users safe for a terminal.

/// True if a terminal obeys this character or does not show it: a control character (also those of U+0080 to U+009F), one
/// that changes the direction of the text, one without a width, or a separator of lines.
pub fn is_unprintable(c: char) -> bool {
    match c {
        // Nearly all text is this.
        ' '..='~' => false,
        // The control characters, all of them.
        '\0'..='\u{9f}' => true,
        _ => matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{8e2}'
            | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{13455}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'),
    }
}

/// Replaces each unprintable character with U+FFFD. The text stays on one line.
pub fn printable(text: &str) -> String {
    replace(text, is_unprintable)
}

/// Replaces them in a text of several lines, whose line feeds stay.
pub fn printable_lines(text: &str) -> String {
    replace(text, |c| c != '\n' && is_unprintable(c))
}

fn replace(text: &str, is_unprintable: impl Fn(char) -> bool) -> String {
    // With 64 targets a search by characters took a third of what a check computes.
    let is_plain = |byte: u8| byte.is_ascii() && !is_unprintable(char::from(byte));
    if text.bytes().all(is_plain) {
        return text.to_owned();
    }
    text.replace(is_unprintable, "\u{fffd}")
}

/// Replaces them in bytes that need not be UTF-8.
pub fn printable_bytes(bytes: &[u8]) -> String {
    printable(&String::from_utf8_lossy(bytes))
}

/// Writes each unprintable character in JSON as `\uXXXX`, which means the same to a reader of JSON. Outside of strings
/// JSON has only spaces and line feeds of this kind, and this JSON must not have any.
pub fn escape_json(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        if is_unprintable(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                escaped.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            escaped.push(c);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unprintable_characters_are_replaced_and_others_stay() {
        for unprintable in "\0\t\n\r\u{1b}\u{7f}\u{80}\u{9b}\u{9f}\u{200b}\u{200e}\u{200f}\u{202a}\u{202e}\u{2066}\u{2069}\
                           \u{61c}\u{feff}\u{2028}\u{2029}\u{2060}\u{ad}\u{e0041}"
            .chars()
        {
            let text = format!("a{unprintable}b");
            assert_eq!(printable(&text), "a\u{fffd}b", "{unprintable:?}");
        }
        for (first, last) in [
            (0x600, 0x605),
            (0x180b, 0x180f),
            (0xfe00, 0xfe0f),
            (0xfff0, 0xfffb),
            (0x1_3430, 0x1_3455),
            (0x1_bca0, 0x1_bca3),
            (0x1_d173, 0x1_d17a),
            (0xe_0000, 0xe_0fff),
        ] {
            let all: Vec<char> = (first..=last).filter_map(char::from_u32).collect();
            assert!(all.iter().copied().all(is_unprintable), "{first:x}");
        }
        for filler in "\u{34f}\u{6dd}\u{70f}\u{8e2}\u{115f}\u{1160}\u{17b4}\u{17b5}\u{3164}\u{ffa0}\u{110bd}\u{110cd}".chars() {
            assert!(is_unprintable(filler), "{filler:?}");
        }
        assert_eq!(printable_lines("a\n\tb\x1b"), "a\n\u{fffd}b\u{fffd}");
        let text = "Zürich 東京 עברית — ~ \u{fffd}";
        assert_eq!(printable(text), text);
        assert_eq!(printable_bytes(b"a\xff\x1bb"), "a\u{fffd}\u{fffd}b");
    }

    #[test]
    fn escaped_json_has_the_same_meaning() {
        let value = serde_json::json!({"a\u{9b}": "b\u{202e}\u{e0041}\u{7f}\n\u{1b}ü"});
        let escaped = escape_json(&value.to_string());
        assert!(!escaped.chars().any(is_unprintable), "{escaped}");
        assert!(escaped.contains('ü'), "{escaped}");
        let read: serde_json::Value = serde_json::from_str(&escaped).unwrap();
        assert_eq!(read, value);
    }
}
