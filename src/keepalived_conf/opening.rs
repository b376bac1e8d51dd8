//! The files that lines include, one after the other (lib/parser.c, `check_include`, `open_glob_file`, `check_glob_file`).

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use super::Location;
use super::diagnostic::Problem;
use super::files::Kind;
use super::glob;
use super::include::Strict;
use super::reader::{MAX_FILE, Open, Origin, Reader};
use super::template::placeholder;
use super::words::lossy;

/// The greatest depth of files that include each other. The main file has depth 1.
const DEEPEST: usize = 64;

impl Reader<'_> {
    /// Opens the files that match a pattern. Their lines come next.
    pub fn open(&mut self, pattern: &[u8], strict: Strict) {
        let folder = self.source.folder.clone();
        let found = glob::find(
            self.cx.files,
            &folder,
            pattern,
            strict,
            &mut self.names_left,
        );
        let problem = match found {
            Ok(paths) => {
                let opened = paths.iter().filter_map(|path| self.open_one(path, strict));
                let opened: Vec<Open> = opened.collect();
                return self.stack.extend(opened.into_iter().rev());
            }
            Err(problem) => problem,
        };
        let shown = lossy(pattern);
        let unquoted = shown.trim_matches(['"', '\'']);
        let (name, value) = match problem {
            Problem::FileDenied => ("file", shown.as_str()),
            Problem::NotFollowed => ("part", shown.as_str()),
            Problem::IncludeQuoted => ("pattern", unquoted),
            _ => ("pattern", shown.as_str()),
        };
        self.report(problem, &[(name, &value)]);
    }

    /// Opens a file, if keepalived reads it.
    fn open_one(&mut self, path: &[u8], strict: Strict) -> Option<Open> {
        let source = self.source.clone();
        let full = source.folder.join(OsStr::from_bytes(path));
        let bytes = self.bytes(&full, strict)?;
        if self.known.insert(full.clone()) {
            self.read.push(full.clone());
        }
        if let Some((line, sample)) = placeholder(&bytes) {
            let (place, values) = (Location::new(full, line), &[("sample", &sample as _)]);
            self.cx.report(&place, Problem::Template, values);
            return None;
        }
        let place = Location::new(full, 0);
        Some(Open {
            text: Arc::from(bytes),
            at: 0,
            source: source.including(place.file.clone(), path),
            place,
            origin: Origin::File,
        })
    }

    /// Returns the bytes of a file, if keepalived reads it.
    fn bytes(&mut self, full: &Path, strict: Strict) -> Option<Vec<u8>> {
        let file = full.display();
        // The first source is where the main file is named.
        let mut chain = self.source.chain().filter(|source| source.parent.is_some());
        if chain.any(|source| &*source.file == full) {
            self.report(Problem::IncludeCircle, &[("file", &file)]);
            return None;
        }
        if self.source.chain().count() > DEEPEST || self.opens_left == 0 {
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
                    Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                        Problem::FileDenied
                    }
                    Err(_) => Problem::FileUnreadable,
                }
            }
            Some(Kind::Regular { executable: true }) => Problem::FileExecutable,
            Some(Kind::Denied) => Problem::FileDenied,
            _ => Problem::FileUnreadable,
        };
        let problem = match problem {
            Problem::Limits | Problem::FileDenied => problem,
            _ if strict >= Strict::Readable => Problem::FileRefused,
            _ => problem,
        };
        self.report(problem, &[("file", &file)]);
        None
    }
}
