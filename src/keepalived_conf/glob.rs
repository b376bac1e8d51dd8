//! The files that an `include` names: glob(3) with braces, as keepalived calls it (GLOB_MARK, GLOB_BRACE).

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use super::files::{Files, Kind};

/// A pattern has so many meanings at most, and so many files.
const MOST: usize = 1000;

/// What a pattern found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// The files as the pattern names them, a folder with a slash behind it; each meaning of the braces sorted
    /// for itself, byte by byte.
    pub paths: Vec<Vec<u8>>,
    /// A file or folder that is named without wildcards is not there.
    pub missing: bool,
    /// There are wildcards in it.
    pub wildcards: bool,
}

/// Looks for a pattern, beginning in this folder unless it begins with a slash.
pub(super) fn find(files: &dyn Files, folder: &Path, pattern: &[u8]) -> Found {
    let mut found = Found::default();
    for meaning in braces(pattern) {
        let mut paths = Vec::new();
        walk(files, folder, &meaning, &mut paths, &mut found);
        paths.sort();
        found.paths.extend(paths);
        if found.paths.len() >= MOST {
            found.paths.truncate(MOST);
            break;
        }
    }
    found
}

/// Whether there is a brace that has not been escaped.
pub(super) fn has_brace(pattern: &[u8]) -> bool {
    brace(pattern, 0).is_some()
}

/// The place of the first `{` from there on.
fn brace(pattern: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        match pattern.get(at)? {
            b'{' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// `a{b,c}` as `ab` and `ac`. What has no end stays as it is.
fn braces(pattern: &[u8]) -> Vec<Vec<u8>> {
    let mut open = VecDeque::from([pattern.to_owned()]);
    let mut done = Vec::new();
    while let Some(pattern) = open.pop_front() {
        let parts = brace(&pattern, 0).and_then(|at| alternatives(&pattern, at));
        match parts {
            Some(parts) if open.len() + done.len() + parts.len() <= MOST => {
                for part in parts.into_iter().rev() {
                    open.push_front(part);
                }
            }
            _ => done.push(pattern),
        }
    }
    done
}

/// The pattern with each of the alternatives in the brace there.
fn alternatives(pattern: &[u8], at: usize) -> Option<Vec<Vec<u8>>> {
    let front = pattern.get(..at)?;
    let mut parts = Vec::new();
    let (mut depth, mut start, mut here) = (0_usize, at + 1, at + 1);
    loop {
        match pattern.get(here)? {
            b'\\' => here += 1,
            b'{' => depth += 1,
            b'}' if depth > 0 => depth -= 1,
            b',' if depth == 0 => {
                parts.push(pattern.get(start..here)?);
                start = here + 1;
            }
            b'}' => {
                parts.push(pattern.get(start..here)?);
                break;
            }
            _ => {}
        }
        here += 1;
    }
    let back = pattern.get(here + 1..)?;
    let parts = parts.into_iter();
    Some(parts.map(|part| [front, part, back].concat()).collect())
}

/// Follows a pattern without braces through the folders.
fn walk(
    files: &dyn Files,
    folder: &Path,
    pattern: &[u8],
    paths: &mut Vec<Vec<u8>>,
    found: &mut Found,
) {
    let mut fronts = vec![Vec::new()];
    let mut parts = pattern.split(|byte| *byte == b'/').peekable();
    let mut behind_wildcard = false;
    while let Some(part) = parts.next() {
        let last = parts.peek().is_none();
        let separator: &[u8] = if last { b"" } else { b"/" };
        let wild = part.iter().any(|byte| b"*?[".contains(byte));
        found.wildcards |= wild;
        let mut next = Vec::new();
        for front in fronts {
            if next.len() >= MOST {
                break;
            }
            if !wild {
                next.push([&front, unescape(part).as_slice(), separator].concat());
                continue;
            }
            let path = folder.join(OsStr::from_bytes(&front));
            let Ok(names) = files.names(&path) else {
                found.missing |= !behind_wildcard;
                continue;
            };
            let names = names.into_iter().map(OsStringExt::into_vec);
            let fitting = names.filter(|name| fits(part, name));
            next.extend(fitting.map(|name| [&front, name.as_slice(), separator].concat()));
        }
        behind_wildcard |= wild;
        fronts = next;
    }
    for mut path in fronts {
        match files.kind(&folder.join(OsStr::from_bytes(&path))) {
            None => found.missing = true,
            Some(Kind::Folder) if !path.ends_with(b"/") => {
                path.push(b'/');
                paths.push(path);
            }
            Some(_) => paths.push(path),
        }
    }
}

fn unescape(part: &[u8]) -> Vec<u8> {
    let mut bytes = part.iter().copied();
    let mut plain = Vec::new();
    while let Some(byte) = bytes.next() {
        plain.push(match byte {
            b'\\' => bytes.next().unwrap_or(byte),
            byte => byte,
        });
    }
    plain
}

/// Whether a name fits `*`, `?`, `[...]` and what is escaped (fnmatch(3) with FNM_PERIOD).
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    if name.starts_with(b".") && !pattern.starts_with(b".") {
        return false;
    }
    let (mut rest, mut left) = (pattern, name);
    let mut star: Option<(&[u8], &[u8])> = None;
    loop {
        if let Some((b'*', behind)) = rest.split_first() {
            star = Some((behind, left));
            rest = behind;
            continue;
        }
        let Some((byte, behind_byte)) = left.split_first() else {
            return rest.is_empty();
        };
        if let Some(behind) = one(rest, *byte) {
            (rest, left) = (behind, behind_byte);
            continue;
        }
        // The last star takes one more.
        match star {
            Some((behind, from)) => match from.split_first() {
                Some((_, from)) => {
                    star = Some((behind, from));
                    (rest, left) = (behind, from);
                }
                None => return false,
            },
            None => return false,
        }
    }
}

/// The pattern behind its first element, if that fits the byte.
fn one(pattern: &[u8], byte: u8) -> Option<&[u8]> {
    match pattern.split_first()? {
        (b'?', behind) => Some(behind),
        (b'[', behind) => match class(behind, byte) {
            Some((fits, behind)) => fits.then_some(behind),
            None => (byte == b'[').then_some(behind),
        },
        (b'\\', behind) => match behind.split_first() {
            Some((escaped, behind)) => (*escaped == byte).then_some(behind),
            None => (byte == b'\\').then_some(behind),
        },
        (literal, behind) => (*literal == byte).then_some(behind),
    }
}

/// Whether a byte is in `[...]`, and what is behind it. `None`: it has no end.
fn class(text: &[u8], byte: u8) -> Option<(bool, &[u8])> {
    let (negated, mut rest) = match text.split_first()? {
        (b'!' | b'^', rest) => (true, rest),
        _ => (false, text),
    };
    let mut found = false;
    let mut first = true;
    loop {
        let (low, behind) = match rest.split_first()? {
            (b']', behind) if !first => return Some((found != negated, behind)),
            (b'\\', behind) => behind.split_first()?,
            (low, behind) => (low, behind),
        };
        first = false;
        rest = behind;
        let mut high = low;
        if let [b'-', end, behind @ ..] = rest {
            if *end != b']' {
                (high, rest) = (end, behind);
            }
        }
        found |= (*low..=*high).contains(&byte);
    }
}

#[cfg(test)]
mod tests {
    use super::{braces, fits};

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
            ("[]a]", "]", true),
            ("[a-]", "-", true),
            ("[a", "[a", true),
            ("\\*", "*", true),
            ("\\*", "a", false),
        ] {
            assert_eq!(
                fits(pattern.as_bytes(), name.as_bytes()),
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
            ("\\{a,b}", vec!["\\{a,b}"]),
            ("{,x}", vec!["", "x"]),
        ] {
            let found = braces(pattern.as_bytes());
            let found: Vec<_> = found
                .iter()
                .map(|one| String::from_utf8_lossy(one))
                .collect();
            assert_eq!(found, meanings, "{pattern}");
        }
    }
}
