//! Opens the files that are included, one after the other (lib/parser.c, `open_glob_file`, `check_glob_file`).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use super::Place;
use super::diagnostic::{Construct, Problem, Unreadable};
use super::files::Kind;
use super::glob::{self, Found};
use super::include::Strict;
use super::reader::{Open, Reader};
use super::template::placeholder;
use super::words::lossy;

/// How deep files can include each other.
const DEEPEST: usize = 64;

impl Reader<'_> {
    /// Includes what a line names.
    pub(super) fn include(&mut self, pattern: &[u8], strict: Strict) {
        if self.loaded.is_none() {
            if self.conditional {
                self.report(Problem::IncludedTwice);
            }
            self.open(pattern, strict);
        }
    }

    /// Opens the first of the files that match a pattern. The others follow.
    pub fn open(&mut self, pattern: &[u8], strict: Strict) {
        let folder = self.folder.clone();
        let found = glob::find(self.context.files, &folder, pattern);
        let strict = match self.check {
            true => Strict::ALL,
            false => strict,
        };
        if self.check_found(pattern, &found, strict) {
            let conditional = self.conditional && !self.stack.is_empty();
            self.open_next(found.paths.into_iter(), &folder, strict, conditional);
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
        self.open_next(
            ended.others,
            &ended.folder_after,
            ended.strict,
            ended.conditional,
        );
    }

    /// Reports files that do not exist. Returns whether there is one to open.
    fn check_found(&mut self, pattern: &[u8], found: &Found, strict: Strict) -> bool {
        let is_main = self.stack.is_empty();
        let has_brace = glob::has_brace(pattern);
        let demanded = if found.paths.is_empty() {
            let missing = if has_brace {
                strict.braces
            } else {
                strict.exists
            };
            (found.missing && missing) || (found.wildcards && !found.missing && strict.matches)
        } else {
            found.missing && strict.braces
        };
        if !found.missing && !found.paths.is_empty() {
            return true;
        }
        let is_quoted = pattern.first().is_some_and(|byte| b"\"'".contains(byte));
        let pattern = lossy(pattern);
        self.report(if demanded || is_main {
            Problem::FileMissing { pattern }
        } else if is_quoted {
            let pattern = pattern.trim_matches(['"', '\'']).to_owned();
            Problem::IncludeQuoted { pattern }
        } else if found.missing {
            Problem::IncludeMissing { pattern }
        } else {
            Problem::IncludeMatchesNothing { pattern }
        });
        !(found.paths.is_empty() || found.missing && strict.braces)
    }

    /// Opens the first of these paths that is a file to be read.
    fn open_next(
        &mut self,
        mut paths: std::vec::IntoIter<Vec<u8>>,
        folder_after: &Arc<Path>,
        strict: Strict,
        conditional: bool,
    ) {
        while let Some(path) = paths.next() {
            let full = self.folder.join(OsStr::from_bytes(&path));
            let bytes = match self.bytes(&path, &full, strict) {
                Ok(bytes) => bytes,
                Err(problem) => {
                    self.report(problem);
                    continue;
                }
            };
            if self.known.insert(full.clone()) {
                self.read.push(full.clone());
            }
            if let Some((line, sample)) = placeholder(&bytes) {
                let place = Place::new(full, line);
                self.context.report(&place, Problem::Template { sample });
                continue;
            }
            // keepalived changes to the folder of a file that is named with one.
            if path.contains(&b'/') {
                self.folder = full.parent().map_or_else(|| self.folder.clone(), Arc::from);
            }
            self.stack.push(Open {
                bytes,
                at: 0,
                place: Place::new(full, 0),
                others: paths,
                folder: self.folder.clone(),
                folder_after: folder_after.clone(),
                strict,
                conditional,
            });
            return;
        }
    }

    /// Returns the bytes of a file, or the problem with it.
    fn bytes(&mut self, path: &[u8], full: &Path, strict: Strict) -> Result<Vec<u8>, Problem> {
        let file = full.display().to_string();
        let construct = Construct::Limits;
        if self.stack.iter().any(|open| &*open.place.file == full) {
            return Err(Problem::IncludeCircle { file });
        }
        let is_deep = self.stack.len() >= DEEPEST || self.opens_left == 0;
        if is_deep {
            return Err(Problem::NotUnderstood { construct });
        }
        self.opens_left -= 1;
        let kind = match path.ends_with(b"/") {
            true => Some(Kind::Folder),
            false => self.context.files.kind(full),
        };
        let left = self.bytes_left;
        let read = match kind {
            Some(Kind::Regular { executable: false }) => {
                let bytes = self.context.files.read(full, left.saturating_add(1));
                bytes.map_err(|error| Unreadable::Error(error.to_string()))
            }
            Some(Kind::Regular { executable: true }) => Err(Unreadable::Executable),
            Some(Kind::Folder) => Err(Unreadable::Folder),
            Some(Kind::Other) | None => Err(Unreadable::NotRegular),
        };
        let bytes = read.map_err(|why| match strict.readable {
            true => Problem::FileRefused { file, why },
            false => Problem::FileSkipped { file, why },
        })?;
        let left = left.checked_sub(bytes.len());
        self.bytes_left = left.ok_or(Problem::NotUnderstood { construct })?;
        Ok(bytes)
    }
}
