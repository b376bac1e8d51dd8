//! `--rewrite`: the lines that replace other programs' checks, as a patch. Nothing is written.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::accounts::Accounts;
use super::checks::{self, Check};
use super::command_line::{self, Use};
use super::conf;
use super::foreign;
use super::paste;
use crate::keepalived_conf::Place;
use crate::untrusted::text::is_unprintable;
use crate::untrusted::{Limits, RegularFile};

/// Unchanged lines around a change.
const CONTEXT: usize = 3;
/// What is read of a file, as of all files of a configuration together.
const LIMITS: Limits = Limits {
    bytes: 16 << 20,
    lines: 1_000_000,
};
/// Why there is no patch. It has to keep each byte of the file, also those that a terminal obeys.
const UNPRINTABLE: &str =
    "no patch is printed, because there are characters that a terminal obeys or hides";

/// A patch, and what could not be rewritten.
#[derive(Debug, Default)]
pub struct Rewritten {
    /// A unified diff; empty where nothing is replaced.
    pub patch: String,
    /// A line for each check that stays, and why.
    pub left: Vec<String>,
}

/// Replaces what can be replaced in a file.
///
/// # Errors
/// The file cannot be read, or is no text.
pub fn file(path: &Path, own: Option<&Path>, accounts: &Accounts) -> Result<Rewritten, String> {
    let shown = path.display();
    let bytes = RegularFile::open(path).and_then(|file| file.read(LIMITS));
    let bytes = bytes.map_err(|error| format!("{shown} cannot be read: {error}"))?;
    let text = String::from_utf8(bytes).map_err(|_| format!("{shown} is not UTF-8"))?;
    if shown.to_string().contains(is_unprintable) {
        return Err(format!("{shown}: {UNPRINTABLE} in its name"));
    }
    if let Some(line) = text.split('\n').position(is_unprintable_line) {
        return Err(format!("{shown}:{}: {UNPRINTABLE} in this line", line + 1));
    }
    let old: Vec<&str> = text.split_inclusive('\n').collect();
    let mut new: Vec<String> = old.iter().map(|line| (*line).to_owned()).collect();
    let program = paste::suggested(own, accounts);
    let mut rewritten = Rewritten::default();
    for conf in conf::files(&[path.to_owned()]) {
        for check in checks::of(&conf.config) {
            if command_line::used(&check, own) != Use::No || !is_of(check.place(), path) {
                continue;
            }
            let Some(found) = foreign::of(&check, &conf.config) else {
                continue;
            };
            let replaced = found
                .line(&check, &program)
                .map(|line| replace(&mut new, &check, &line));
            if replaced != Some(true) {
                let why = "what it looks for is not clear from its line; see listenup doctor";
                rewritten.left.push(format!(
                    "{}: {}: left as it is: {why}",
                    check.place(),
                    check.name
                ));
            }
        }
    }
    let new: Vec<&str> = new.iter().map(String::as_str).collect();
    rewritten.patch = patch(&shown.to_string(), &old, &new);
    Ok(rewritten)
}

/// True if a terminal that shows the line would not show it as it is. Tabs are shown, and a carriage return at the end does
/// nothing.
fn is_unprintable_line(line: &str) -> bool {
    let line = line.strip_suffix('\r').unwrap_or(line);
    line.contains(|c| c != '\t' && is_unprintable(c))
}

fn is_of(place: &Place, path: &Path) -> bool {
    fs::canonicalize(&place.file).ok() == fs::canonicalize(path).ok()
}

/// Whether the command stands in its line as it is.
fn replace(lines: &mut [String], check: &Check<'_>, by: &str) -> bool {
    let command = String::from_utf8_lossy(&check.command.text);
    let index = check.place().line.checked_sub(1);
    let Some(line) = index.and_then(|index| lines.get_mut(index)) else {
        return false;
    };
    if check.command.expanded || line.matches(&*command).count() != 1 {
        return false;
    }
    *line = line.replacen(&*command, by, 1);
    true
}

/// A unified diff of texts with the same number of lines.
fn patch(name: &str, old: &[&str], new: &[&str]) -> String {
    let changed: Vec<usize> = (0..old.len())
        .filter(|at| old.get(*at) != new.get(*at))
        .collect();
    let mut text = String::new();
    let mut rest = changed.as_slice();
    while let Some(first) = rest.first() {
        // Changes whose context meets stand in one hunk.
        let together = rest.windows(2).take_while(|pair| match pair {
            [one, next] => next - one <= 2 * CONTEXT,
            _ => false,
        });
        let count = together.count() + 1;
        let (hunk, behind) = rest.split_at(count.min(rest.len()));
        let last = hunk.last().unwrap_or(first);
        let from = first.saturating_sub(CONTEXT);
        let to = (last + CONTEXT + 1).min(old.len());
        if text.is_empty() {
            // Writing to a String cannot fail.
            let _ = write!(text, "--- {name}\n+++ {name}\n");
        }
        let length = to - from;
        let _ = writeln!(text, "@@ -{0},{length} +{0},{length} @@", from + 1);
        for at in from..to {
            let (old, new) = (
                old.get(at).copied().unwrap_or_default(),
                new.get(at).copied().unwrap_or_default(),
            );
            if old == new {
                line(&mut text, ' ', old);
            } else {
                line(&mut text, '-', old);
                line(&mut text, '+', new);
            }
        }
        rest = behind;
    }
    text
}

fn line(text: &mut String, sign: char, line: &str) {
    text.push(sign);
    text.push_str(line);
    if !line.ends_with('\n') {
        text.push_str("\n\\ No newline at end of file\n");
    }
}

#[cfg(test)]
mod tests {
    use super::patch;

    #[test]
    fn hunks() {
        let old: Vec<String> = (1..=20).map(|number| format!("{number}\n")).collect();
        let mut new = old.clone();
        for at in [0, 5, 15] {
            new[at] = format!("new {at}\n");
        }
        let old: Vec<&str> = old.iter().map(String::as_str).collect();
        let new: Vec<&str> = new.iter().map(String::as_str).collect();
        let expected = "--- a\n+++ a\n@@ -1,9 +1,9 @@\n-1\n+new 0\n 2\n 3\n 4\n 5\n-6\n+new 5\n 7\n 8\n 9\n\
                        @@ -13,7 +13,7 @@\n 13\n 14\n 15\n-16\n+new 15\n 17\n 18\n 19\n";
        assert_eq!(patch("a", &old, &new), expected);
        assert_eq!(patch("a", &old, &old), "");
        assert_eq!(
            patch("a", &["x"], &["y"]),
            "--- a\n+++ a\n@@ -1,1 +1,1 @@\n-x\n\\ No newline at end of file\n+y\n\\ No newline at end of file\n"
        );
    }
}
