//! The file that keepalived tracks: never empty, never half, and never removed.
//!
//! keepalived keeps the last value of a file that is removed, emptied or garbled (core/track_file.c,
//! process_track_file), so a file that is not there would be a gateway that never fails over.

use std::ffi::OsString;
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

/// The file and what is known of it.
#[derive(Debug)]
pub struct TrackFile {
    path: PathBuf,
    /// Where a new one is written, beside it.
    draft: PathBuf,
    /// What was written last, and what it looked like then.
    written: Option<(i16, Mark)>,
}

/// By what a file is known again: nobody can change it without changing one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    device: u64,
    inode: u64,
    length: u64,
    mode: u32,
    changed: (i64, i64),
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Nothing: it is as it was left.
    Same,
    /// It has another value.
    Written,
    /// Somebody else had changed or removed it, and it has its value again.
    Restored,
}

impl TrackFile {
    /// The file at this path, which need not be there.
    pub fn at(path: &Path) -> Self {
        let mut draft = OsString::from(".");
        draft.push(path.file_name().unwrap_or_default());
        draft.push(".listenup");
        Self {
            path: path.to_owned(),
            draft: path.with_file_name(draft),
            written: None,
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it has a value that keepalived would take.
    pub fn has_value(&self) -> bool {
        let text = fs::read_to_string(&self.path).unwrap_or_default();
        text.trim().parse::<i16>().is_ok()
    }

    /// Sees to it that the file has this value.
    ///
    /// # Errors
    /// Why it may not have it.
    pub fn keep(&mut self, value: i16) -> io::Result<Kept> {
        let before = self.written;
        if let Some((known, mark)) = before {
            if known == value && Mark::of(&self.path).is_ok_and(|now| now == mark) {
                return Ok(Kept::Same);
            }
        }
        self.written = None;
        self.write(value)?;
        self.written = Some((value, Mark::of(&self.path)?));
        Ok(match before {
            Some((known, _)) if known == value => Kept::Restored,
            _ => Kept::Written,
        })
    }

    /// A new file takes the place of the old one in one step (rename(2)), which keepalived notices. A symlink
    /// in its place is replaced and not followed.
    fn write(&self, value: i16) -> io::Result<()> {
        match fs::remove_file(&self.draft) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            // What an earlier run left half done.
            _ => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o644)
            .open(&self.draft)?;
        // Whatever the umask is.
        file.set_permissions(Permissions::from_mode(0o644))?;
        file.write_all(format!("{value}\n").as_bytes())?;
        drop(file);
        fs::rename(&self.draft, &self.path)
    }

    /// The first part of the way to the file that others than root and this user can write to: they can move
    /// the address.
    pub fn weak_folder(&self) -> Option<PathBuf> {
        let folder = match self.path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        let folder = fs::canonicalize(folder).ok()?;
        let own = geteuid().as_raw();
        let is_weak = |part: &&Path| {
            fs::symlink_metadata(part).is_ok_and(|found| {
                let (mode, owner) = (found.mode(), found.uid());
                let by_group = mode & 0o020 != 0 && found.gid() != 0;
                // In a sticky folder nobody can replace what is somebody else's.
                let by_others = by_group || mode & 0o002 != 0;
                (owner != 0 && owner != own) || by_others && mode & 0o1000 == 0
            })
        };
        folder.ancestors().find(is_weak).map(Path::to_owned)
    }
}

impl Mark {
    fn of(path: &Path) -> io::Result<Self> {
        let found = fs::symlink_metadata(path)?;
        Ok(Self {
            device: found.dev(),
            inode: found.ino(),
            length: found.len(),
            mode: found.mode(),
            changed: (found.ctime(), found.ctime_nsec()),
        })
    }
}

#[cfg(test)]
mod tests;
