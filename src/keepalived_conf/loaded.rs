//! The text that a running keepalived has: a line `# FILE` begins a file, `!` ends one, `#! TEXT` is what was
//! said while files were included (lib/parser.c, `write_conf_copy`).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use super::Place;
use super::reader::{Copied, Shared};
use super::remark::lossy;

/// The lines, with the places that they have in their files.
pub(super) fn lines(shared: &mut Shared, text: &[u8], main: &Path) -> Vec<Copied> {
    let mut copy = Vec::new();
    let mut open: Vec<(Place, Arc<Path>)> = Vec::new();
    let (mut place, mut folder) = (Place::new(main, 0), parent(main));
    for line in text.split(|byte| *byte == b'\n') {
        if let Some(message) = line.strip_prefix(b"#! ") {
            if !message.is_empty() {
                let effect = lossy(message);
                let cause = "keepalived said so when it was started, or read again";
                shared.remarks.problem(&place, effect, cause, "");
            }
        } else if let Some(name) = line.strip_prefix(b"# ") {
            open.push((place.clone(), folder.clone()));
            let path = folder.join(OsStr::from_bytes(name));
            if open.len() == 1 {
                // The main file's name may begin elsewhere than in its own folder.
                (place, folder) = (Place::new(main, 0), parent(main));
            } else {
                if name.contains(&b'/') {
                    folder = parent(&path);
                }
                place = Place::new(&path, 0);
            }
            let file = place.file.to_path_buf();
            if !shared.read.contains(&file) {
                shared.read.push(file);
            }
        } else if line == b"!" {
            (place, folder) = open.pop().unwrap_or((place, folder));
        } else {
            place.line += 1;
            copy.push(Copied {
                text: line.to_owned(),
                place: place.clone(),
                folder: folder.clone(),
            });
        }
    }
    copy
}

fn parent(path: &Path) -> Arc<Path> {
    Arc::from(path.parent().unwrap_or(path))
}
