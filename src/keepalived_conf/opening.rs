//! Opens the files that are included, one after the other (lib/parser.c, `open_glob_file`, `check_glob_file`).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use super::Place;
use super::diagnostic::Problem;
use super::files::Kind;
use super::glob::{self, Found};
use super::include::Strict;
use super::reader::{MAX_FILE, Open, Reader};
use super::template::placeholder;
use super::words::lossy;

/// How deep files can include each other.
const DEEPEST: usize = 64;

impl Reader<'_> {
    /// Includes what a line names.
    pub(super) fn include(&mut self, pattern: &[u8], strict: Strict) {
        if self.loaded.is_none() {
            if self.twice {
                self.report(Problem::IncludedTwice, &[]);
            }
            self.open(pattern, strict, self.twice);
        }
    }

    /// Opens the first of the files that match a pattern. The others follow.
    pub fn open(&mut self, pattern: &[u8], strict: Strict, twice: bool) {
        let folder = self.folder.clone();
        let found = glob::find(self.cx.files, &folder, pattern, &mut self.searches);
        let Some(found) = found else {
            return self.report(Problem::Limits, &[]);
        };
        let strict = if self.check {
            Strict::new(b'a')
        } else {
            strict
        };
        if self.check_found(pattern, &found, strict) {
            self.open_next(found.paths.into_iter(), folder, strict, twice);
        }
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
        self.open_next(ended.others, ended.folder_after, ended.strict, ended.twice);
    }

    /// Reports files that do not exist. Returns whether there is one to open.
    fn check_found(&mut self, pattern: &[u8], found: &Found, strict: Strict) -> bool {
        let is_empty = found.paths.is_empty();
        if !found.missing && !is_empty {
            return true;
        }
        let is_fatal = match (found.missing, is_empty && !glob::has_brace(pattern)) {
            (false, _) => found.wildcards && strict.matches,
            (true, true) => strict.exists,
            (true, false) => strict.braces,
        };
        let is_quoted = pattern.first().is_some_and(|byte| b"\"'".contains(byte));
        let pattern = lossy(pattern);
        let unquoted = pattern.trim_matches(['"', '\'']);
        let problem = match found.missing {
            _ if is_fatal || self.stack.is_empty() => Problem::FileMissing,
            true if is_quoted => Problem::IncludeQuoted,
            true => Problem::IncludeMissing,
            false => Problem::IncludeMatchesNothing,
        };
        let name: &dyn std::fmt::Display = if is_quoted { &unquoted } else { &pattern };
        self.report(problem, &[("pattern", name)]);
        !(is_empty || found.missing && strict.braces)
    }

    /// Opens the first of these paths that is a file to be read.
    fn open_next(
        &mut self,
        mut paths: std::vec::IntoIter<Vec<u8>>,
        folder_after: Arc<Path>,
        strict: Strict,
        twice: bool,
    ) {
        while let Some(path) = paths.next() {
            let full = self.folder.join(OsStr::from_bytes(&path));
            let Some(bytes) = self.bytes(&path, &full, strict) else {
                continue;
            };
            if self.known.insert(full.clone()) {
                self.read.push(full.clone());
            }
            if let Some((line, sample)) = placeholder(&bytes) {
                let place = Place::new(full, line);
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
                place: Place::new(full, 0),
                others: paths,
                folder_after,
                strict,
                twice,
            });
            return;
        }
    }

    /// Returns the bytes of a file, if keepalived reads it.
    fn bytes(&mut self, path: &[u8], full: &Path, strict: Strict) -> Option<Vec<u8>> {
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
        let kind = match path.ends_with(b"/") {
            true => Some(Kind::Folder),
            false => self.cx.files.kind(full),
        };
        let left = self.bytes_left.min(MAX_FILE);
        let problem = match kind {
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
            Some(Kind::Folder) => Problem::FileIsFolder,
            Some(Kind::Other) | None => Problem::FileUnreadable,
        };
        let is_refused = strict.readable && problem != Problem::Limits;
        let problem = if is_refused {
            Problem::FileRefused
        } else {
            problem
        };
        self.report(problem, &[("file", &file)]);
        None
    }
}
