//! The files that an `include` names: glob(3) with braces, as keepalived calls it (GLOB_MARK, GLOB_BRACE).

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use super::files::{Files, Kind};

/// How much is left of the work for all patterns of a reading. A few lines can name very many files.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    /// Names in folders.
    names: usize,
    /// Alternatives of braces, and files that are looked at.
    steps: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            names: 100_000,
            steps: 10_000,
        }
    }
}

impl Budget {
    /// `None`: nothing is left.
    fn step(&mut self) -> Option<()> {
        self.steps = self.steps.checked_sub(1)?;
        Some(())
    }

    /// The names in a folder, or why it cannot be read. `None`: there are more than are left.
    fn names(&mut self, files: &dyn Files, folder: &Path) -> Option<io::Result<Vec<OsString>>> {
        self.step()?;
        let names = files.names(folder, self.names.saturating_add(1));
        let count = names.as_ref().map_or(0, Vec::len);
        self.names = self.names.checked_sub(count)?;
        Some(names)
    }
}

/// What a pattern found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The files as the pattern names them, a folder with a slash at its end. Those of each alternative are sorted.
    pub paths: Vec<Vec<u8>>,
    /// True if a file or folder that is named without wildcards does not exist.
    pub missing: bool,
    /// True if there are wildcards in the pattern.
    pub wildcards: bool,
}

/// Looks for a pattern, beginning in this folder unless it begins with a slash. `None`: that takes more work than is left.
pub(super) fn find(
    files: &dyn Files,
    folder: &Path,
    pattern: &[u8],
    budget: &mut Budget,
) -> Option<Found> {
    let mut found = Found::default();
    for pattern in expand_braces(pattern, budget)? {
        let mut paths = walk(files, folder, &pattern, &mut found, budget)?;
        paths.sort();
        found.paths.extend(paths);
    }
    Some(found)
}

/// Returns whether there is a brace in a pattern.
pub(super) fn has_brace(pattern: &[u8]) -> bool {
    pattern.contains(&b'{')
}

/// Returns `ab` and `ac` for `a{b,c}`. A brace that is not closed stays as it is.
fn expand_braces(pattern: &[u8], budget: &mut Budget) -> Option<Vec<Vec<u8>>> {
    let mut done = Vec::new();
    let mut left = vec![pattern.to_owned()];
    while let Some(pattern) = left.pop() {
        budget.step()?;
        let parts = alternatives(&pattern);
        match parts.is_empty() {
            true => done.push(pattern),
            false => left.extend(parts.into_iter().rev()),
        }
    }
    Some(done)
}

/// Returns the pattern with each of the alternatives in its first brace.
fn alternatives(pattern: &[u8]) -> Vec<Vec<u8>> {
    let begin = pattern.iter().position(|byte| *byte == b'{');
    let begin = begin.map_or(pattern.len(), |begin| begin + 1);
    let inner = pattern.get(begin..).unwrap_or_default();
    let front = pattern.get(..begin.saturating_sub(1)).unwrap_or_default();
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (here, byte) in inner.iter().enumerate() {
        match (byte, depth) {
            (b'{', _) => depth += 1,
            (b',' | b'}', 0) => {
                parts.push(inner.get(start..here).unwrap_or_default());
                start = here + 1;
            }
            (b'}', _) => depth -= 1,
            _ => {}
        }
        if *byte == b'}' && start == here + 1 {
            let back = inner.get(start..).unwrap_or_default();
            return parts
                .iter()
                .map(|part| [front, part, back].concat())
                .collect();
        }
    }
    Vec::new()
}

/// Follows a pattern without braces through the folders.
fn walk(
    files: &dyn Files,
    folder: &Path,
    pattern: &[u8],
    found: &mut Found,
    budget: &mut Budget,
) -> Option<Vec<Vec<u8>>> {
    let mut fronts = vec![Vec::new()];
    let mut parts = pattern.split(|byte| *byte == b'/').peekable();
    let mut after_wildcard = false;
    while let Some(part) = parts.next() {
        let separator: &[u8] = if parts.peek().is_none() { b"" } else { b"/" };
        let is_wild = part.iter().any(|byte| b"*?[".contains(byte));
        let mut next = Vec::new();
        for front in &fronts {
            if !is_wild {
                next.push([front, part, separator].concat());
                continue;
            }
            let names = budget.names(files, &folder.join(OsStr::from_bytes(front)))?;
            let Ok(names) = names else {
                found.missing |= !after_wildcard;
                continue;
            };
            let names = names.into_iter().map(OsStringExt::into_vec);
            let matching = names.filter(|name| matches(part, name));
            next.extend(matching.map(|name| [front, name.as_slice(), separator].concat()));
        }
        after_wildcard |= is_wild;
        fronts = next;
    }
    found.wildcards |= after_wildcard;
    let mut paths = Vec::new();
    for mut path in fronts {
        budget.step()?;
        match files.kind(&folder.join(OsStr::from_bytes(&path))) {
            None => found.missing = true,
            Some(kind) => {
                if kind == Kind::Folder && !path.ends_with(b"/") {
                    path.push(b'/');
                }
                paths.push(path);
            }
        }
    }
    Some(paths)
}

/// Returns whether a name matches `*`, `?` and `[...]` (fnmatch(3) with FNM_PERIOD).
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    if name.starts_with(b".") && !pattern.starts_with(b".") {
        return false;
    }
    let (mut rest, mut left) = (pattern, name);
    // The pattern after the last star, and what the star has not taken.
    let mut star: Option<(&[u8], &[u8])> = None;
    loop {
        if let Some((b'*', after)) = rest.split_first() {
            star = Some((after, left));
            rest = after;
            continue;
        }
        let Some((byte, after_byte)) = left.split_first() else {
            return rest.is_empty();
        };
        if let Some(after) = match_one(rest, *byte) {
            (rest, left) = (after, after_byte);
            continue;
        }
        let Some((after, [_, from @ ..])) = star else {
            return false;
        };
        star = Some((after, from));
        (rest, left) = (after, from);
    }
}

/// Returns the pattern after its first element, if that matches the byte.
fn match_one(pattern: &[u8], byte: u8) -> Option<&[u8]> {
    match pattern {
        [b'?', after @ ..] => Some(after),
        [b'[', class @ ..] => {
            let (negated, class) = match class {
                [b'!' | b'^', class @ ..] => (true, class),
                class => (false, class),
            };
            // A `]` that comes first is one of the bytes.
            let end = 1 + class.get(1..)?.iter().position(|byte| *byte == b']')?;
            let (class, after) = (class.get(..end)?, class.get(end + 1..)?);
            let in_range = |range: &[u8]| match range {
                [low, b'-', high] => (*low..=*high).contains(&byte),
                _ => false,
            };
            let is_in = class.contains(&byte) || class.windows(3).any(in_range);
            (is_in != negated).then_some(after)
        }
        [literal, after @ ..] => (*literal == byte).then_some(after),
        [] => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keepalived_conf::Disk;

    #[test]
    fn names() {
        for (pattern, name, expected) in [
            ("*.conf", "a.conf", true),
            ("*.conf", ".conf", false),
            (".*", ".conf", true),
            ("*", "", true),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxbyyd", false),
            ("?", "a", true),
            ("?", "ab", false),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[^a]", "b", true),
            ("[^0-9]", "x", true),
            ("[]a]", "]", true),
            ("[0-9][0-9]-*.conf", "10-a.conf", true),
            ("[a]x", "ax", true),
        ] {
            assert_eq!(
                matches(pattern.as_bytes(), name.as_bytes()),
                expected,
                "{pattern} {name}"
            );
        }
    }

    #[test]
    fn meanings_of_braces() {
        for (pattern, meanings) in [
            ("a", vec!["a"]),
            ("a{b,c}d", vec!["abd", "acd"]),
            ("{a,b}{c,d}", vec!["ac", "ad", "bc", "bd"]),
            ("{a,{b,c}d}", vec!["a", "bd", "cd"]),
            ("{a,b", vec!["{a,b"]),
            ("{,x}", vec!["", "x"]),
        ] {
            let found = expand_braces(pattern.as_bytes(), &mut Budget::default()).unwrap();
            let found: Vec<_> = found
                .iter()
                .map(|one| String::from_utf8_lossy(one))
                .collect();
            assert_eq!(found, meanings, "{pattern}");
        }
    }

    #[test]
    fn all_patterns_of_a_reading_share_one_budget() {
        let folder = tempfile::tempdir().unwrap();
        for name in 0..20 {
            std::fs::write(folder.path().join(format!("{name}")), "").unwrap();
        }
        let find = |pattern: &str, budget: &mut Budget| {
            find(&Disk, folder.path(), pattern.as_bytes(), budget).map(|found| found.paths.len())
        };
        let mut budget = Budget {
            names: 50,
            steps: 1000,
        };
        assert_eq!(find("*", &mut budget), Some(20));
        assert_eq!(find("1*", &mut budget), Some(11));
        assert_eq!(find("2*", &mut budget), None);
        let pairs = "{a,b}".repeat(9);
        assert_eq!(find(&pairs, &mut Budget::default()), Some(0));
        let mut budget = Budget::default();
        let all = (0..8).map(|_| find(&format!("{pairs}*"), &mut budget));
        assert!(all.collect::<Vec<_>>().contains(&None));
    }
}
