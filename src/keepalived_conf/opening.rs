//! Opens the files that are included, one after the other.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use super::Place;
use super::files::Kind;
use super::glob::{self, Found};
use super::include::{Strict, directive};
use super::reader::{MOST_BYTES, Open, Reader, Source};
use super::remark::lossy;

/// How deep files may include each other.
const DEEPEST: usize = 64;

impl Reader<'_, '_> {
    /// Includes what the line says, if it does.
    pub fn include(&mut self, text: &[u8]) -> bool {
        let Some(found) = directive(text) else {
            return false;
        };
        if !self.inlined {
            self.open(found.pattern, found.strict);
        }
        true
    }

    /// Opens the first of the files that a pattern finds; the others follow.
    pub fn open(&mut self, pattern: &[u8], strict: Strict) {
        let folder = self.folder.clone();
        let found = glob::find(self.shared.files, &folder, pattern);
        let strict = self.check.or(strict);
        if !self.judge_found(pattern, &found, strict) {
            return;
        }
        let mut others = found.paths.into_iter();
        if let Some(mut open) = self.open_next(&mut others, strict) {
            open.folder_behind = folder;
            open.check_behind = self.check;
            open.others = others;
            self.enter(open);
        }
    }

    /// Goes on with the next file of the same `include`, or with the line behind it.
    pub fn next_file(&mut self) {
        let Some(mut ended) = self.stack.pop() else {
            return;
        };
        self.check = ended.check_behind;
        self.folder = ended.folder_behind.clone();
        if let Some(behind) = self.stack.last() {
            self.place = behind.place.clone();
        }
        if let Some(mut open) = self.open_next(&mut ended.others, ended.strict) {
            open.folder_behind = ended.folder_behind;
            open.check_behind = ended.check_behind;
            open.others = ended.others;
            self.enter(open);
        }
    }

    fn enter(&mut self, open: Open) {
        self.folder = open.folder.clone();
        self.stack.push(open);
    }

    /// Whether what was found is opened.
    fn judge_found(&mut self, pattern: &[u8], found: &Found, strict: Strict) -> bool {
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
        let name = lossy(pattern);
        let cause = match (found.paths.is_empty(), found.missing) {
            (false, true) => format!("a part of {name} is not there"),
            (true, true) => format!("{name} is not there"),
            (true, false) => format!("no file fits {name}"),
            (false, false) => return true,
        };
        let quoted = pattern.first().is_some_and(|byte| b"\"'".contains(byte));
        let cure = match quoted {
            true => "write the name without quotes; keepalived takes them for a part of it",
            false => {
                "write the name of a file that is there, relative to the file that includes it"
            }
        };
        if demanded || is_main {
            self.shared.fatal.get_or_insert_with(|| self.place.clone());
            let effect = "keepalived does not start, and refuses to reload";
            self.shared
                .remarks
                .problem(&self.place, effect, cause, cure);
        } else if found.missing {
            let effect = "keepalived reads on without it and starts";
            self.shared
                .remarks
                .problem(&self.place, effect, cause, cure);
        } else {
            let effect = "keepalived reads on without a word";
            self.shared.remarks.note(&self.place, effect, cause, "");
        }
        !(found.paths.is_empty() || found.missing && strict.braces)
    }

    /// The first of these paths that is a file to be read.
    fn open_next(
        &mut self,
        paths: &mut std::vec::IntoIter<Vec<u8>>,
        strict: Strict,
    ) -> Option<Open> {
        for path in paths {
            let full = self.folder.join(OsStr::from_bytes(&path));
            match self.text(&path, &full) {
                Ok(bytes) => return Some(self.opened(&path, &full, bytes, strict)),
                Err((cause, cure)) => self.skip(&full, cause, cure, strict),
            }
        }
        None
    }

    fn opened(&mut self, path: &[u8], full: &Path, bytes: Vec<u8>, strict: Strict) -> Open {
        if !self.shared.read.iter().any(|read| read == full) {
            self.shared.read.push(full.to_owned());
        }
        // keepalived goes to the folder of a file that is named with one.
        let folder = match path.contains(&b'/') {
            true => full.parent().map_or_else(|| self.folder.clone(), Arc::from),
            false => self.folder.clone(),
        };
        Open {
            source: Source::File {
                bytes,
                at: 0,
                cut: false,
            },
            place: Place::new(full, 0),
            others: Vec::new().into_iter(),
            folder,
            folder_behind: self.folder.clone(),
            strict,
            check_behind: self.check,
        }
    }

    /// The bytes of a file, or why keepalived skips it, and what to do.
    fn text(&mut self, path: &[u8], full: &Path) -> Result<Vec<u8>, (String, &'static str)> {
        if path.ends_with(b"/") {
            return Err(("it is a directory".to_owned(), "name the files in it"));
        }
        match self.shared.files.kind(full) {
            Some(Kind::Regular { executable: false }) => {}
            Some(Kind::Regular { executable: true }) => {
                let cause = "it is not a regular non-executable file: it has an x bit".to_owned();
                return Err((cause, "chmod a-x it"));
            }
            _ => return Err(("it is not a regular file".to_owned(), "")),
        }
        let is_open = |open: &Open| &*open.place.file == full;
        if self.stack.iter().any(is_open) {
            let cause = "it includes itself; keepalived goes round until it has no more files left";
            return Err((cause.to_owned(), "take the include out"));
        }
        let left = self.shared.bytes_left;
        match (
            self.stack.len() < DEEPEST,
            self.shared.opens_left.checked_sub(1),
        ) {
            (true, Some(opens)) => self.shared.opens_left = opens,
            _ => return Err(("too many files include each other".to_owned(), "")),
        }
        let bytes = self.shared.files.read(full, left.saturating_add(1));
        let bytes = bytes
            .map_err(|error| (format!("it cannot be read: {error}"), "see who may read it"))?;
        match left.checked_sub(bytes.len()) {
            Some(left) => self.shared.bytes_left = left,
            None => {
                let most = MOST_BYTES >> 20;
                return Err((
                    format!("all files together are over {most} MiB; it is not looked at"),
                    "",
                ));
            }
        }
        Ok(bytes)
    }

    fn skip(&mut self, full: &Path, cause: String, cure: &str, strict: Strict) {
        let effect = if self.stack.is_empty() || strict.readable {
            self.shared.fatal.get_or_insert_with(|| self.place.clone());
            "keepalived does not start, and refuses to reload"
        } else {
            "keepalived skips the file and starts"
        };
        let effect = format!("{}: {effect}", full.display());
        self.shared
            .remarks
            .problem(&self.place, effect, cause, cure);
    }
}
