//! The files that lines include, one after the other (lib/parser.c, `check_include`, `open_glob_file`, `check_glob_file`).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use super::Location;
use super::comment::skip_blanks;
use super::diagnostic::Problem;
use super::files::Kind;
use super::glob::{self, Found};
use super::reader::{MAX_FILE, Open, Reader};
use super::template::placeholder;
use super::words::{is_space, lossy};

/// How deep files can include each other.
const DEEPEST: usize = 64;

/// What keeps keepalived from starting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Strict {
    /// Nothing: `include`.
    No,
    /// A file that was found cannot be read: `includer`, `includeb`.
    Readable,
    /// The same, and a file that is named without wildcards does not exist: `includem`.
    Exists,
    /// The same, and wildcards match nothing: `includew`, `includea`, and the main file.
    Matches,
}

/// Returns the name that a line includes, with its quotes, if it does.
pub(super) fn directive(line: &[u8]) -> Option<(&[u8], Strict)> {
    let rest = line.strip_prefix(b"include")?;
    let end = rest.iter().position(|byte| is_space(*byte))?;
    let (letter, pattern) = rest.split_at(end);
    let strict = match letter {
        [] => Strict::No,
        b"r" | b"b" => Strict::Readable,
        b"m" => Strict::Exists,
        b"w" | b"a" => Strict::Matches,
        _ => return None,
    };
    Some((skip_blanks(pattern.get(1..).unwrap_or_default()), strict))
}

impl Reader<'_> {
    /// Opens the first of the files that match a pattern. The others follow.
    pub fn open(&mut self, pattern: &[u8], strict: Strict) {
        let folder = self.folder.clone();
        let shown = lossy(pattern);
        let unquoted = shown.trim_matches(['"', '\'']);
        let problem = match glob::find(self.cx.files, &folder, pattern, &mut self.names_left) {
            Found::Paths(paths) => return self.open_next(paths.into_iter(), folder, strict),
            Found::TooMany => return self.report(Problem::Limits, &[]),
            Found::NotFollowed => return self.report(Problem::NotFollowed, &[("part", &shown)]),
            Found::Missing if strict >= Strict::Exists => Problem::FileMissing,
            Found::NoMatch if strict >= Strict::Matches => Problem::FileMissing,
            Found::Missing if unquoted != shown => Problem::IncludeQuoted,
            Found::Missing => Problem::IncludeMissing,
            Found::NoMatch => Problem::IncludeMatchesNothing,
        };
        let is_quoted = problem == Problem::IncludeQuoted;
        let name: &dyn std::fmt::Display = if is_quoted { &unquoted } else { &shown };
        self.report(problem, &[("pattern", name)]);
    }

    /// Continues with the next file of the same `include`, or with the line after it.
    pub(super) fn next_file(&mut self) {
        let Some(ended) = self.stack.pop() else {
            return;
        };
        self.folder = ended.folder_after.clone();
        if let Some(outer) = self.stack.last() {
            self.place = outer.place.clone();
        }
        self.open_next(ended.others, ended.folder_after, ended.strict);
    }

    /// Opens the first of these paths that is a file to be read.
    fn open_next(
        &mut self,
        mut paths: std::vec::IntoIter<Vec<u8>>,
        folder_after: Arc<Path>,
        strict: Strict,
    ) {
        while let Some(path) = paths.next() {
            let full = self.folder.join(OsStr::from_bytes(&path));
            let Some(bytes) = self.bytes(&full, strict) else {
                continue;
            };
            if self.known.insert(full.clone()) {
                self.read.push(full.clone());
            }
            if let Some((line, sample)) = placeholder(&bytes) {
                let place = Location::new(full, line);
                self.cx
                    .report(&place, Problem::Template, &[("sample", &sample)]);
                continue;
            }
            // keepalived changes to the folder of a file that is named with one.
            if let (true, Some(folder)) = (path.contains(&b'/'), full.parent()) {
                self.folder = Arc::from(folder);
            }
            self.stack.push(Open {
                bytes,
                at: 0,
                place: Location::new(full, 0),
                others: paths,
                folder_after,
                strict,
            });
            return;
        }
    }

    /// Returns the bytes of a file, if keepalived reads it.
    fn bytes(&mut self, full: &Path, strict: Strict) -> Option<Vec<u8>> {
        let file = full.display();
        if self.stack.iter().any(|open| &*open.place.file == full) {
            self.report(Problem::IncludeCircle, &[("file", &file)]);
            return None;
        }
        if self.stack.len() >= DEEPEST || self.opens_left == 0 {
            self.report(Problem::Limits, &[]);
            return None;
        }
        self.opens_left -= 1;
        let left = self.bytes_left.min(MAX_FILE);
        let problem = match self.cx.files.kind(full) {
            Some(Kind::Regular { executable: false }) => {
                match self.cx.files.read(full, left.saturating_add(1)) {
                    Ok(bytes) if bytes.len() <= left => {
                        self.bytes_left -= bytes.len();
                        return Some(bytes);
                    }
                    Ok(_) => Problem::Limits,
                    Err(_) => Problem::FileUnreadable,
                }
            }
            Some(Kind::Regular { executable: true }) => Problem::FileExecutable,
            _ => Problem::FileUnreadable,
        };
        let is_refused = strict >= Strict::Readable && problem != Problem::Limits;
        let problem = if is_refused {
            Problem::FileRefused
        } else {
            problem
        };
        self.report(problem, &[("file", &file)]);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::{Strict, directive};

    #[test]
    fn lines() {
        for (line, found) in [
            ("include a", Some(("a", Strict::No))),
            ("include \t a b", Some(("a b", Strict::No))),
            ("include \"a\"", Some(("\"a\"", Strict::No))),
            ("includem\ta", Some(("a", Strict::Exists))),
            ("includea x", Some(("x", Strict::Matches))),
            ("include", None),
            ("includes a", None),
            ("includea", None),
        ] {
            let found = found.map(|(pattern, strict)| (pattern.as_bytes(), strict));
            assert_eq!(directive(line.as_bytes()), found, "{line}");
        }
    }
}
