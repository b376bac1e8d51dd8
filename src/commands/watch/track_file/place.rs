//! The place of the file. keepalived has an inotify watch of the folder, and opens the file by its path. It loses the file if that
//! folder is replaced, if something is mounted over the file, or if the source of the mount that holds the file here is moved.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::Path;

use nix::fcntl::OFlag;

use super::open_file::{Id, Mark, folder};
use crate::host::folders::{mount_id, mount_root};
use crate::untrusted::open_path;

/// The folder of the file, and the mount that holds the file.
#[derive(Debug)]
pub(super) struct Place {
    folder: Id,
    /// Its number. `None`: /proc does not show it.
    mount: Option<u64>,
    /// The path of its source. `None`: /proc does not show it.
    root: Option<Vec<u8>>,
    /// True if the file itself is a mount.
    is_mount: bool,
    /// Kept open, so that no new folder gets the same inode number.
    _open: Option<File>,
}

/// The way in which keepalived lost the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The folder was replaced, or something is mounted over it or over the file.
    Folder,
    /// The source of the mount that holds the file was moved or removed.
    Source,
}

impl Place {
    /// Returns the place of this path. The file need not exist.
    pub fn of(path: &Path) -> io::Result<Self> {
        let id = Mark::of(&fs::metadata(folder(path))?).id;
        let open = open_path(folder(path), OFlag::O_DIRECTORY).ok();
        let around = open.as_ref().and_then(mount_id);
        let mount = match open_path(path, OFlag::O_NOFOLLOW) {
            Err(error) if error.kind() == ErrorKind::NotFound => around,
            file => file.ok().as_ref().and_then(mount_id),
        };
        Ok(Self {
            folder: id,
            mount,
            root: mount.and_then(mount_root),
            is_mount: differ(&mount, &around),
            _open: open,
        })
    }

    /// Returns how an inotify watch of this folder lost the file, if the file is at the new place now. A new mount of the same
    /// folder changes nothing.
    pub fn lost_at(&self, new: &Self) -> Option<Lost> {
        let is_other = differ(&self.mount, &new.mount);
        let is_deleted = new
            .root
            .as_ref()
            .is_some_and(|root| root.ends_with(DELETED));
        if self.folder != new.folder || is_other && (self.is_mount || new.is_mount) {
            Some(Lost::Folder)
        } else if is_deleted || !is_other && differ(&self.root, &new.root) {
            Some(Lost::Source)
        } else {
            None
        }
    }

    /// True if /proc does not show the mount.
    pub fn is_unknown(&self) -> bool {
        self.root.is_none()
    }
}

/// The end of the source of a mount that was removed (/proc/self/mountinfo).
const DELETED: &[u8] = b"//deleted";

/// True if both are known and are not the same.
fn differ<T: PartialEq>(old: &Option<T>, new: &Option<T>) -> bool {
    matches!((old, new), (Some(old), Some(new)) if old != new)
}

/// Returns the message that keepalived may not see the file at this path, with what to do.
pub fn unseen(path: &Path, lost: Lost) -> String {
    let folder = folder(path).file_name().and_then(|name| name.to_str());
    // The unit's RuntimeDirectory=. A name that a shell would change is not advice to paste.
    let is_plain = |name: &&str| {
        name.chars()
            .all(|c| c.is_alphanumeric() || "-._:".contains(c))
    };
    let instance = folder.and_then(|name| name.strip_prefix("listenup-watch-"));
    let unit = |verb: &str, by_hand: &str| match instance.filter(is_plain) {
        Some(instance) => format!("systemctl {verb} listenup-watch@{instance}"),
        None => by_hand.to_owned(),
    };
    let cure = match lost {
        Lost::Folder => {
            let reload = unit("reload", "reload this watch (SIGHUP)");
            format!("reload keepalived, then {reload}")
        }
        Lost::Source => {
            let restart = unit("restart", "mount its folder again, restart this watch");
            format!(
                "the source of this mount was moved or removed; {restart}, then reload keepalived"
            )
        }
    };
    format!("keepalived may no longer see {}: {cure}", path.display())
}
