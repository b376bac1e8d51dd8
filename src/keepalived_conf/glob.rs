//! The files that an `include` names. Of what keepalived's glob(3) knows, `*` and `?` in the last part of a path are
//! followed.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use super::diagnostic::Problem;
use super::files::Files;
use super::include::Strict;

/// Returns the files that a pattern names, sorted, beginning in this folder unless it begins with a slash. At most
/// `names_left` names are read.
///
/// # Errors
/// Returns the problem if there is none, or if the pattern is not followed: it has braces, brackets or a wildcard in the
/// name of a folder.
pub(super) fn find(
    files: &dyn Files,
    folder: &Path,
    pattern: &[u8],
    strict: Strict,
    names_left: &mut usize,
) -> Result<Vec<Vec<u8>>, Problem> {
    let slash = pattern.iter().rposition(|byte| *byte == b'/');
    let (front, last) = pattern.split_at(slash.map_or(0, |slash| slash + 1));
    let has = |part: &[u8], bytes: &[u8]| part.iter().any(|byte| bytes.contains(byte));
    if has(pattern, b"{[") || has(front, b"*?") {
        return Err(Problem::NotFollowed);
    }
    let missing = match strict {
        Strict::Exists | Strict::Matches => Problem::FileMissing,
        _ if is_quoted(pattern) => Problem::IncludeQuoted,
        _ => Problem::IncludeMissing,
    };
    let at = |path: &[u8]| folder.join(OsStr::from_bytes(path));
    if !has(last, b"*?") {
        let found = files.kind(&at(pattern)).map(|_| vec![pattern.to_owned()]);
        return found.ok_or(missing);
    }
    let names = files.names(&at(front), names_left.saturating_add(1));
    let names = names.map_err(|error| match error.kind() {
        ErrorKind::PermissionDenied => Problem::FileDenied,
        _ => missing,
    })?;
    let left = names_left.checked_sub(names.len());
    *names_left = left.ok_or(Problem::Limits)?;
    let names = names.into_iter().map(OsStringExt::into_vec);
    let matching = names.filter(|name| !name.starts_with(b".") && matches(last, name));
    let mut paths: Vec<Vec<u8>> = matching.map(|name| [front, &name].concat()).collect();
    paths.sort();
    match paths.is_empty() {
        true if strict == Strict::Matches => Err(Problem::FileMissing),
        true => Err(Problem::IncludeMatchesNothing),
        false => Ok(paths),
    }
}

/// True if quotes are a part of the name, as keepalived reads it.
fn is_quoted(pattern: &[u8]) -> bool {
    let is_quote = |byte: Option<&u8>| byte.is_some_and(|byte| b"\"'".contains(byte));
    is_quote(pattern.first()) || is_quote(pattern.last())
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
        let folder = folder.path();
        let mut find =
            |pattern: &str| find(&Disk, folder, pattern.as_bytes(), Strict::No, &mut left);
        let paths = |names: &[&str]| {
            let names = names.iter().map(|name| name.as_bytes().to_vec());
            Ok(names.collect())
        };
        assert_eq!(find("*.conf"), paths(&["a.conf", "b.conf"]));
        assert_eq!(find("./*.conf"), paths(&["./a.conf", "./b.conf"]));
        assert_eq!(find("d"), paths(&["d"]));
        assert_eq!(find("x"), Err(Problem::IncludeMissing));
        assert_eq!(find("\"d\""), Err(Problem::IncludeQuoted));
        assert_eq!(find("x/*"), Err(Problem::IncludeMissing));
        assert_eq!(find("x*"), Err(Problem::IncludeMatchesNothing));
        assert_eq!(find("*"), Err(Problem::Limits));
        for pattern in ["{a,b}.conf", "[ab].conf", "*/a.conf"] {
            assert_eq!(find(pattern), Err(Problem::NotFollowed));
        }
    }
}
