//! The files that an `include` names: glob(3) with braces, as keepalived calls it (GLOB_MARK, GLOB_BRACE).

use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use super::files::{Files, Kind};

/// A pattern has at most this many alternatives, and this many files.
const MAX: usize = 1000;

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

/// Looks for a pattern, beginning in this folder unless it begins with a slash.
pub(super) fn find(files: &dyn Files, folder: &Path, pattern: &[u8]) -> Found {
    let mut found = Found::default();
    let mut alternatives = Vec::new();
    expand_braces(pattern.to_owned(), &mut alternatives);
    for pattern in alternatives {
        let mut paths = walk(files, folder, &pattern, &mut found);
        paths.sort();
        found.paths.extend(paths);
        found.paths.truncate(MAX);
    }
    found
}

/// Returns whether there is a brace in a pattern.
pub(super) fn has_brace(pattern: &[u8]) -> bool {
    pattern.contains(&b'{')
}

/// Adds `ab` and `ac` for `a{b,c}`. A brace that is not closed stays as it is.
fn expand_braces(pattern: Vec<u8>, done: &mut Vec<Vec<u8>>) {
    let parts = alternatives(&pattern);
    if parts.is_empty() && done.len() < MAX {
        done.push(pattern);
    } else {
        for part in parts.into_iter().take(MAX - done.len().min(MAX)) {
            expand_braces(part, done);
        }
    }
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
fn walk(files: &dyn Files, folder: &Path, pattern: &[u8], found: &mut Found) -> Vec<Vec<u8>> {
    let mut fronts = vec![Vec::new()];
    let mut parts = pattern.split(|byte| *byte == b'/').peekable();
    let mut after_wildcard = false;
    while let Some(part) = parts.next() {
        let separator: &[u8] = if parts.peek().is_none() { b"" } else { b"/" };
        let is_wild = part.iter().any(|byte| b"*?[".contains(byte));
        let mut next = Vec::new();
        for front in fronts.iter().take(MAX) {
            if !is_wild {
                next.push([front, part, separator].concat());
                continue;
            }
            let Ok(names) = files.names(&folder.join(OsStr::from_bytes(front))) else {
                found.missing |= !after_wildcard;
                continue;
            };
            let names = names.into_iter().map(OsStringExt::into_vec);
            let matching = names.filter(|name| matches(part, name)).take(MAX);
            next.extend(matching.map(|name| [front, name.as_slice(), separator].concat()));
        }
        after_wildcard |= is_wild;
        fronts = next;
    }
    found.wildcards |= after_wildcard;
    let mut paths = Vec::new();
    for mut path in fronts {
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
    paths
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
    use super::{expand_braces, matches};

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
            let mut found = Vec::new();
            expand_braces(pattern.into(), &mut found);
            let found: Vec<_> = found
                .iter()
                .map(|one| String::from_utf8_lossy(one))
                .collect();
            assert_eq!(found, meanings, "{pattern}");
        }
    }
}
