//! The text that a running keepalived has loaded: a line `# FILE` begins a file, `!` ends one, and `#! TEXT` is a message
//! about an include (lib/parser.c, `write_conf_copy`).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use super::Location;
use super::diagnostic::Problem;
use super::reader::Reader;
use super::words::lossy;

impl Reader<'_> {
    /// Reads the lines of this text in place of files. `main` is the name of the main file.
    pub fn load(&mut self, text: &[u8], main: &Path) {
        let mut lines = Vec::new();
        let mut open: Vec<(Location, Arc<Path>)> = Vec::new();
        let (mut place, mut folder) = (Location::new(main, 0), parent(main));
        for line in text.split(|byte| *byte == b'\n') {
            if let Some(message) = line.strip_prefix(b"#! ") {
                if !message.is_empty() {
                    let values: &[_] = &[("text", &lossy(message) as &dyn std::fmt::Display)];
                    self.cx.report(&place, Problem::Message, values);
                }
            } else if let Some(name) = line.strip_prefix(b"# ") {
                let is_main = open.is_empty();
                open.push((place, folder.clone()));
                let path = folder.join(OsStr::from_bytes(name));
                // The main file can be named relative to another folder.
                if is_main {
                    place = Location::new(main, 0);
                } else {
                    if name.contains(&b'/') {
                        folder = parent(&path);
                    }
                    place = Location::new(&path, 0);
                }
                let file = place.file.to_path_buf();
                if self.known.insert(file.clone()) {
                    self.read.push(file);
                }
            } else if line == b"!" {
                (place, folder) = open.pop().unwrap_or((place, folder));
            } else {
                place.line += 1;
                lines.push((place.clone(), folder.clone(), line.to_owned()));
            }
        }
        self.loaded = Some(lines.into_iter());
    }
}

fn parent(path: &Path) -> Arc<Path> {
    Arc::from(path.parent().unwrap_or(path))
}
