//! The files that an `include` names. Of what keepalived's glob(3) knows, `*` and `?` in the last part of a path are
//! followed.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use super::files::Files;

/// The result of a search for a pattern.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Files as the pattern names them, sorted.
    Paths(Vec<Vec<u8>>),
    /// A file or folder that is named without wildcards does not exist.
    Missing,
    /// Wildcards match nothing.
    NoMatch,
    /// The pattern has braces, brackets or a wildcard in the name of a folder.
    NotFollowed,
    /// There are more names than are left.
    TooMany,
    /// This user is not allowed to look.
    Denied,
}

/// Looks for a pattern, beginning in this folder unless it begins with a slash. At most `names_left` names are read.
pub(super) fn find(
    files: &dyn Files,
    folder: &Path,
    pattern: &[u8],
    names_left: &mut usize,
) -> Found {
    let slash = pattern.iter().rposition(|byte| *byte == b'/');
    let (front, last) = pattern.split_at(slash.map_or(0, |slash| slash + 1));
    let has = |part: &[u8], bytes: &[u8]| part.iter().any(|byte| bytes.contains(byte));
    if has(pattern, b"{[") || has(front, b"*?") {
        return Found::NotFollowed;
    }
    let at = |path: &[u8]| folder.join(OsStr::from_bytes(path));
    if !has(last, b"*?") {
        return match files.kind(&at(pattern)) {
            Some(_) => Found::Paths(vec![pattern.to_owned()]),
            None => Found::Missing,
        };
    }
    let names = match files.names(&at(front), names_left.saturating_add(1)) {
        Ok(names) => names,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Found::Denied,
        Err(_) => return Found::Missing,
    };
    let Some(left) = names_left.checked_sub(names.len()) else {
        return Found::TooMany;
    };
    *names_left = left;
    let names = names.into_iter().map(OsStringExt::into_vec);
    let matching = names.filter(|name| !name.starts_with(b".") && matches(last, name));
    let mut paths: Vec<Vec<u8>> = matching.map(|name| [front, &name].concat()).collect();
    paths.sort();
    match paths.is_empty() {
        true => Found::NoMatch,
        false => Found::Paths(paths),
    }
}

/// Returns whether a name matches `*` and `?`.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut rest, mut left) = (pattern, name);
    // The pattern after the last star, and what the star has not taken.
    let mut star: Option<(&[u8], &[u8])> = None;
    loop {
        match (rest, left, star) {
            ([b'*', after @ ..], _, _) => {
                star = Some((after, left));
                rest = after;
            }
            ([], [], _) => return true,
            ([one, after @ ..], [byte, more @ ..], _) if *one == b'?' || one == byte => {
                (rest, left) = (after, more);
            }
            (_, _, Some((after, [_, more @ ..]))) => {
                star = Some((after, more));
                (rest, left) = (after, more);
            }
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keepalived_conf::Disk;

    #[test]
    fn glob_patterns_match_names() {
        for (pattern, name, expected) in [
            ("*.conf", "a.conf", true),
            ("*.conf", "a.conf~", false),
            ("*", "", true),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxbyyd", false),
            ("?", "a", true),
            ("?", "ab", false),
            ("*.c?nf", "a.b.conf", true),
        ] {
            let found = matches(pattern.as_bytes(), name.as_bytes());
            assert_eq!(found, expected, "{pattern} {name}");
        }
    }

    #[test]
    fn glob_patterns_find_sorted_paths() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.conf", "a.conf", ".c.conf", "d"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let mut left = 15;
        let mut find = |pattern: &str| find(&Disk, folder.path(), pattern.as_bytes(), &mut left);
        let paths = |names: &[&str]| {
            let names = names.iter().map(|name| name.as_bytes().to_vec());
            Found::Paths(names.collect())
        };
        assert_eq!(find("*.conf"), paths(&["a.conf", "b.conf"]));
        assert_eq!(find("./*.conf"), paths(&["./a.conf", "./b.conf"]));
        assert_eq!(find("d"), paths(&["d"]));
        assert_eq!(find("x"), Found::Missing);
        assert_eq!(find("x/*"), Found::Missing);
        assert_eq!(find("x*"), Found::NoMatch);
        assert_eq!(find("*"), Found::TooMany);
        for pattern in ["{a,b}.conf", "[ab].conf", "*/a.conf"] {
            assert_eq!(find(pattern), Found::NotFollowed);
        }
    }
}
