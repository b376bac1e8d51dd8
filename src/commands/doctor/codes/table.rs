//! Reads `table.txt`.
//!
//! A paragraph has the code and its severity in the first line, the effect in the second, then perhaps lines that begin
//! with `cause: `, `fix: ` and `versions: `, and last the explanation. After the severity can be `decides-result`: the
//! result of a check that has the finding does not depend on its service. And `in-doubt`: the doctor could not tell.

use std::sync::LazyLock;

use super::{Code, Severity};

/// The text of the table.
pub const TEXT: &str = include_str!("table.txt");

/// All rows.
pub static TABLE: LazyLock<Vec<Code>> =
    LazyLock::new(|| TEXT.split("\n\n").filter_map(row).collect());

fn row(paragraph: &'static str) -> Option<Code> {
    let (first, rest) = paragraph.split_once('\n')?;
    let (id, words) = first.split_once(' ')?;
    let has = |wanted| words.split(' ').any(|word| word == wanted);
    let (effect, mut rest) = rest.split_once('\n')?;
    let mut field = |start: &str| {
        let line = rest.strip_prefix(start)?;
        let (line, after) = line.split_once('\n')?;
        rest = after;
        Some(line)
    };
    let (cause, fix, versions) = (field("cause: "), field("fix: "), field("versions: "));
    let mut severities = [
        Severity::Problem,
        Severity::Failing,
        Severity::Note,
        Severity::Ok,
    ]
    .into_iter();
    Some(Code {
        id,
        severity: severities.find(|known| has(known.name()))?,
        decides_result: has("decides-result"),
        in_doubt: has("in-doubt"),
        effect,
        cause: cause.unwrap_or_default(),
        fix: fix.unwrap_or_default(),
        explanation: rest.trim_ascii_end(),
        versions: versions.unwrap_or_default(),
    })
}
