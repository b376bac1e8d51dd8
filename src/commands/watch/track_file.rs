//! The file that keepalived tracks: never empty, never half, and never removed.
//!
//! keepalived keeps the last value of a file that is removed, emptied or garbled (core/track_file.c,
//! process_track_file), so a file that is not there would be a gateway that never fails over.

use std::ffi::OsString;
use std::fs::{self, Metadata, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::unistd::geteuid;

use crate::host::folders::weak_folder;
use crate::untrusted::{Limits, RegularFile};

/// What is read of the file, which has one number in it.
const LIMITS: Limits = Limits {
    bytes: 4096,
    lines: 100,
};

/// The file and what is known of it.
#[derive(Debug)]
pub struct TrackFile {
    path: PathBuf,
    /// Where a new one is written, beside it: by its process, so that two watches on one file, which is a mistake, do
    /// not put half a draft of the other in its place.
    draft: PathBuf,
    written: Option<Written>,
}

/// By what a file is known again. The kernel's clock for files goes in steps of some milliseconds, so a change right
/// after a write may not show; see [`SETTLES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    device: u64,
    inode: u64,
    length: u64,
    mode: u32,
    modified: (i64, i64),
}

/// How long after a write the file is read to know it again: longer than the longest step (CONFIG_HZ=100).
const SETTLES: Duration = Duration::from_millis(20);

/// What was written last.
#[derive(Clone, Copy, Debug)]
struct Written {
    value: i16,
    mark: Mark,
    /// When. `None`: the mark alone tells.
    fresh: Option<Instant>,
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
        draft.push(format!(".listenup-{}", std::process::id()));
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

    /// Its value, if it has one that keepalived would take.
    pub fn value(&self) -> Option<i16> {
        let text = String::from_utf8(self.text()?).ok()?;
        text.trim().parse().ok()
    }

    /// Sees to it that the file has this value.
    ///
    /// # Errors
    /// Why it may not have it.
    pub fn keep(&mut self, value: i16) -> io::Result<Kept> {
        let before = self.written;
        if before.is_some_and(|written| written.value == value) && self.is_as_written() {
            return Ok(Kept::Same);
        }
        self.written = None;
        let mark = self.write(value)?;
        self.written = Some(Written {
            value,
            mark,
            fresh: Some(Instant::now()),
        });
        Ok(match before {
            Some(written) if written.value == value => Kept::Restored,
            _ => Kept::Written,
        })
    }

    fn is_as_written(&mut self) -> bool {
        let Some(written) = &mut self.written else {
            return false;
        };
        let found = fs::symlink_metadata(&self.path);
        if !found.is_ok_and(|found| Mark::of(&found) == written.mark) {
            return false;
        }
        let Some(since) = written.fresh else {
            return true;
        };
        if since.elapsed() > SETTLES {
            written.fresh = None;
        }
        let expected = line(written.value);
        let text = self.text();
        text.is_some_and(|text| text == expected.as_bytes())
    }

    /// What is in the file, if that can be read without waiting and is short.
    fn text(&self) -> Option<Vec<u8>> {
        let file = RegularFile::open(&self.path).ok()?;
        file.read(LIMITS).ok()
    }

    /// A new file takes the place of the old one in one step (rename(2)), which keepalived notices. A symlink
    /// in its place is replaced and not followed.
    fn write(&self, value: i16) -> io::Result<Mark> {
        let written = self.write_draft(value).and_then(|mark| {
            fs::rename(&self.draft, &self.path)?;
            Ok(mark)
        });
        if written.is_err() {
            // Another process would not take it away.
            let _ = fs::remove_file(&self.draft);
        }
        written
    }

    fn write_draft(&self, value: i16) -> io::Result<Mark> {
        match fs::remove_file(&self.draft) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            // What an earlier process of this number left half done.
            _ => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o644)
            .open(&self.draft)?;
        // Whatever the umask is.
        file.set_permissions(Permissions::from_mode(0o644))?;
        file.write_all(line(value).as_bytes())?;
        Ok(Mark::of(&file.metadata()?))
    }

    /// The first part of the way to the file that others than root and this user can write to: they can move
    /// the address.
    pub fn weak_folder(&self) -> Option<PathBuf> {
        weak_folder(&self.path, geteuid().as_raw())
    }
}

fn line(value: i16) -> String {
    format!("{value}\n")
}

impl Mark {
    fn of(found: &Metadata) -> Self {
        Self {
            device: found.dev(),
            inode: found.ino(),
            length: found.len(),
            mode: found.mode(),
            modified: (found.mtime(), found.mtime_nsec()),
        }
    }
}

#[cfg(test)]
mod tests;
