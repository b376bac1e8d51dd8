//! Reads `table.txt` while the program is compiled.
//!
//! A paragraph has the code and its severity in the first line, the effect in the second, then perhaps lines that begin
//! with `cause: `, `fix: ` and `versions: `, and last the explanation.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what is wrong in the table is an error of the compiler"
)]
#![allow(
    long_running_const_eval,
    reason = "the compiler reads a text of 49 KB, which takes it a second"
)]

use super::{Code, Severity};

const TEXT: &[u8] = include_bytes!("table.txt");
const COUNT: usize = {
    let (mut count, mut rest) = (0, TEXT);
    while !rest.is_empty() {
        rest = cut(rest, b"\n\n").1;
        count += 1;
    }
    count
};

/// All rows.
pub static TABLE: [Code; COUNT] = {
    let mut table = [const { row(b"LU000 ok\n-\n-") }; COUNT];
    let (mut at, mut rest) = (0, TEXT);
    while at < COUNT {
        let (paragraph, after) = cut(rest, b"\n\n");
        table[at] = row(paragraph);
        (at, rest) = (at + 1, after);
    }
    table
};

/// Returns the code of this name.
pub const fn get(id: &str) -> &'static Code {
    numbered(number(id))
}

/// Returns the code of this number.
pub const fn numbered(wanted: u16) -> &'static Code {
    let mut at = 0;
    while at < COUNT {
        if number(TABLE[at].id) == wanted {
            return &TABLE[at];
        }
        at += 1;
    }
    panic!("there is no such code");
}

/// Returns the number of `LU101`.
const fn number(id: &str) -> u16 {
    let &[b'L', b'U', hundreds, tens, ones] = id.as_bytes() else {
        panic!("a code is LU and three digits");
    };
    let (hundreds, tens, ones) = (hundreds as u16, tens as u16, ones as u16);
    hundreds * 100 + tens * 10 + ones - b'0' as u16 * 111
}

const fn row(paragraph: &'static [u8]) -> Code {
    let (first, rest) = cut(paragraph, b"\n");
    let (id, severity) = cut(first, b" ");
    let (effect, rest) = cut(rest, b"\n");
    let (cause, rest) = field(rest, b"cause: ");
    let (fix, rest) = field(rest, b"fix: ");
    let (versions, explanation) = field(rest, b"versions: ");
    Code {
        id: text(id),
        severity: match severity {
            b"problem" => Severity::Problem,
            b"failing" => Severity::Failing,
            b"note" => Severity::Note,
            b"ok" => Severity::Ok,
            _ => panic!("there is no such severity"),
        },
        effect: text(effect),
        cause: text(cause),
        fix: text(fix),
        explanation: text(explanation),
        versions: text(versions),
    }
}

/// Returns the rest of the first line if it begins like this, and what follows it.
const fn field(rest: &'static [u8], start: &[u8]) -> (&'static [u8], &'static [u8]) {
    if !starts_with(rest, start) {
        return (b"", rest);
    }
    let (line, rest) = cut(rest, b"\n");
    (line.split_at(start.len()).1, rest)
}

/// Returns what is before a separator, and what follows it.
const fn cut(bytes: &'static [u8], separator: &[u8]) -> (&'static [u8], &'static [u8]) {
    let mut at = 0;
    while at < bytes.len() {
        let (before, rest) = bytes.split_at(at);
        if starts_with(rest, separator) {
            return (before, rest.split_at(separator.len()).1);
        }
        at += 1;
    }
    (bytes, b"")
}

const fn starts_with(bytes: &[u8], start: &[u8]) -> bool {
    let mut at = 0;
    while at < start.len() {
        if at >= bytes.len() || bytes[at] != start[at] {
            return false;
        }
        at += 1;
    }
    true
}

const fn text(bytes: &'static [u8]) -> &'static str {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.trim_ascii_end(),
        Err(_) => panic!("the table is not UTF-8"),
    }
}
