//! The file system from which the configuration is read.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::untrusted::{self, PathHandle, RegularFile};

/// The kind of file at a path, after symlinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A folder.
    Folder,
    /// A regular file.
    Regular {
        /// True if it has an x bit. keepalived does not read such files.
        executable: bool,
    },
    /// A device, a pipe or a socket.
    Other,
    /// Unknown: this user is not allowed to look.
    Denied,
}

/// The operations of a file system that `include` requires.
pub trait Files {
    /// Returns the kind of a file. `None` if the file does not exist.
    fn kind(&self, path: &Path) -> Option<Kind>;

    /// Returns at most this many names in a folder, in any order.
    ///
    /// # Errors
    /// Returns an error if the path is not a folder, or if it cannot be read.
    fn names(&self, folder: &Path, at_most: usize) -> io::Result<Vec<OsString>>;

    /// Returns at most this many bytes of a file.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read.
    fn read(&self, file: &Path, at_most: usize) -> io::Result<Vec<u8>>;

    /// Returns a folder's path without symlinks for `${_PWD}`, or the same path if that fails.
    fn real(&self, folder: &Path) -> PathBuf;
}

/// The file system of this process.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl Files for Disk {
    fn kind(&self, path: &Path) -> Option<Kind> {
        let found = match untrusted::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                return Some(Kind::Denied);
            }
            found => found.ok()?,
        };
        Some(if found.is_dir() {
            Kind::Folder
        } else if found.is_file() {
            let executable = found.permissions().mode() & 0o111 != 0;
            Kind::Regular { executable }
        } else {
            Kind::Other
        })
    }

    fn names(&self, folder: &Path, at_most: usize) -> io::Result<Vec<OsString>> {
        let folder = PathHandle::of(folder)?;
        fs::read_dir(folder.path())?
            .map(|entry| entry.map(|entry| entry.file_name()))
            .take(at_most)
            .collect()
    }

    fn read(&self, file: &Path, at_most: usize) -> io::Result<Vec<u8>> {
        let at_most = u64::try_from(at_most).unwrap_or(u64::MAX);
        Ok(RegularFile::open(file)?.read_start(at_most)?)
    }

    fn real(&self, folder: &Path) -> PathBuf {
        fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned())
    }
}
