//! Who can write on the way to a file.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The first part of the way to a file that others than root and this user can write to: they can replace the file.
/// `None`: there is none, or the folder is not there.
pub fn weak_folder(file: &Path, owner: u32) -> Option<PathBuf> {
    let folder = match file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let folder = fs::canonicalize(folder).ok()?;
    let is_weak = |part: &&Path| {
        fs::symlink_metadata(part).is_ok_and(|found| {
            let (mode, by) = (found.mode(), found.uid());
            let by_group = mode & 0o020 != 0 && found.gid() != 0;
            // In a sticky folder nobody can replace what is somebody else's.
            let by_others = by_group || mode & 0o002 != 0;
            (by != 0 && by != owner) || by_others && mode & 0o1000 == 0
        })
    };
    folder.ancestors().find(is_weak).map(Path::to_owned)
}
