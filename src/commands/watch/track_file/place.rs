//! The place of the file. keepalived has an inotify watch of the folder, and loses the file if that folder or the mount of the
//! file becomes another one.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::open_file::{Id, Mark, folder, open_folder};
use crate::host::folders::mount_id;

/// The folder of the file, and whether the file itself is a mount.
#[derive(Debug)]
pub(super) struct Place {
    id: Id,
    is_mount: bool,
    /// Kept open, so that no new folder gets the same inode number.
    _folder: File,
}

impl Place {
    /// Returns the place of this path, at which this file is open.
    pub fn of(path: &Path, file: Option<&File>) -> io::Result<Self> {
        let folder = open_folder(folder(path))?;
        Ok(Self {
            id: Mark::of(&folder.metadata()?).id,
            is_mount: file.is_some_and(|file| mount_id(file) != mount_id(&folder)),
            _folder: folder,
        })
    }

    /// True if an inotify watch of this folder reports the file at the new place, too, which is not the same file. A file that
    /// was not a mount and is not one now was replaced in its folder.
    pub fn is_seen_at(&self, new: &Self) -> bool {
        self.id == new.id && !self.is_mount && !new.is_mount
    }
}

/// True for the source of a mount that was removed or replaced where keepalived tracks it: only the mount still leads to it.
pub(super) fn is_nameless(found: &Metadata) -> bool {
    found.nlink() == 0
}

/// Returns the message that keepalived may not see the file at this path, with what to do.
pub fn unseen(path: &Path) -> String {
    let shown = path.display();
    if fs::symlink_metadata(path).is_ok_and(|found| is_nameless(&found)) {
        return format!(
            "keepalived may no longer see {shown}: the source of this mount was removed or replaced; mount its folder instead"
        );
    }
    let folder = folder(path).file_name().and_then(|name| name.to_str());
    // The unit's RuntimeDirectory=. A name that a shell would change is not advice to paste.
    let is_plain = |name: &&str| {
        name.chars()
            .all(|c| c.is_alphanumeric() || "-._:".contains(c))
    };
    let instance = folder.and_then(|name| name.strip_prefix("listenup-watch-"));
    let reload = match instance.filter(is_plain) {
        Some(instance) => format!("systemctl reload listenup-watch@{instance}"),
        None => "reload this watch (SIGHUP)".to_owned(),
    };
    format!("keepalived may no longer see {shown}: reload keepalived, then {reload}")
}
