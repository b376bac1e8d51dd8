//! The text that a running keepalived has loaded: a line `# FILE` begins a file, `!` ends one, and `#! TEXT` is a message
//! about an include (lib/parser.c, `write_conf_copy`).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use super::Location;
use super::diagnostic::{Problem, Values};
use super::reader::{Open, Origin, Reader};
use super::source::Source;
use super::words::lossy;

impl Reader<'_> {
    /// Reads the lines of this text in place of files.
    pub fn load(&mut self, text: &[u8]) {
        let main = self.source.file.clone();
        // The files that are open, and how many lines of each were read.
        let mut files: Vec<(Arc<Source>, usize)> = vec![(self.source.clone(), 0)];
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            let bare = line.strip_suffix(b"\n").unwrap_or(line);
            let is_first = files.len() == 1;
            let Some((source, number)) = files.last_mut() else {
                return;
            };
            if let Some(message) = bare.strip_prefix(b"#! ") {
                let place = Location::new(&source.file, *number);
                let values: Values = &[("text", &lossy(message))];
                if !message.is_empty() {
                    self.cx.report(&place, Problem::Message, values);
                }
            } else if let Some(name) = bare.strip_prefix(b"# ") {
                let path = source.folder.join(OsStr::from_bytes(name));
                // The main file can be named relative to another folder.
                let file = if is_first {
                    main.clone()
                } else {
                    Arc::from(path)
                };
                if self.known.insert(file.to_path_buf()) {
                    self.read.push(file.to_path_buf());
                }
                let included = source.including(file, name);
                files.push((included, 0));
            } else if bare == b"!" {
                if !is_first {
                    files.pop();
                }
            } else {
                *number += 1;
                let (place, source) = (Location::new(&source.file, *number - 1), source.clone());
                self.stack.push(Open {
                    text: Arc::from(line),
                    at: 0,
                    place,
                    source,
                    origin: Origin::File,
                });
            }
        }
        self.stack.reverse();
    }
}
