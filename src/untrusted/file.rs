//! Reads a file at a path that other users can influence.
//!
//! Such a path can lead to a FIFO without a writer, to a device that does something when it is opened, to /dev/zero, or to
//! /proc/kmsg, whose lines are gone once they are read. It can lead elsewhere at each system call. So the path is resolved
//! once, without opening the file (O_PATH). The descriptor says what it is; only a regular file is then opened, and only
//! through that descriptor. No read waits, and each has a limit.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::sys::statfs::{
    DEBUGFS_MAGIC, FsType, PROC_SUPER_MAGIC, SECURITYFS_MAGIC, SYSFS_MAGIC, TRACEFS_MAGIC, fstatfs,
};

use super::ReadError;

/// File systems of the kernel in which a read can wait, use up what it reads, or reach a device.
const OF_THE_KERNEL: [FsType; 5] = [
    DEBUGFS_MAGIC,
    PROC_SUPER_MAGIC,
    SECURITYFS_MAGIC,
    SYSFS_MAGIC,
    TRACEFS_MAGIC,
];
/// Bytes that are compared at a time.
const BLOCK: usize = 64 << 10;

/// How much of a file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A larger file is an error.
    pub bytes: u64,
    /// A file with more lines is an error.
    pub lines: usize,
}

/// A regular file, open for reading.
#[derive(Debug)]
pub struct RegularFile {
    file: File,
    found: Metadata,
}

impl RegularFile {
    /// Opens the file at this path, through symlinks.
    ///
    /// # Errors
    /// Returns an error if it cannot be opened without waiting, is not a regular file, or is one of the kernel's.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        let held = open_with(path, OFlag::O_PATH)?;
        let found = held.metadata()?;
        if !found.is_file() {
            return Err(ReadError::NotRegular);
        }
        if OF_THE_KERNEL.contains(&fstatfs(&held)?.filesystem_type()) {
            return Err(ReadError::KernelFile);
        }
        // Without /proc the path has to be resolved again; what is opened is looked at again in any case.
        let file = match open_with(&descriptor(&held), OFlag::empty()) {
            Err(error) if error.kind() == ErrorKind::NotFound => open_with(path, OFlag::empty())?,
            file => file?,
        };
        Self::of(file)
    }

    /// Opens a file of the kernel, such as /proc/PID/status. Its folders must be the kernel's; the last part of the path
    /// must not be a symlink.
    ///
    /// # Errors
    /// Returns an error if it cannot be opened without waiting, or is not a regular file.
    pub fn open_in_proc(path: &Path) -> Result<Self, ReadError> {
        Self::of(open_with(path, OFlag::O_NOFOLLOW)?)
    }

    fn of(file: File) -> Result<Self, ReadError> {
        let found = file.metadata()?;
        match found.is_file() {
            true => Ok(Self { file, found }),
            false => Err(ReadError::NotRegular),
        }
    }

    /// Owner, mode, size and times, of the file that was opened.
    pub fn metadata(&self) -> &Metadata {
        &self.found
    }

    /// A path of this very file, which no other process can make lead elsewhere. It is valid in this process and in a child
    /// that has not yet called execve(2).
    pub fn descriptor(&self) -> PathBuf {
        descriptor(&self.file)
    }

    /// The whole file.
    ///
    /// # Errors
    /// Returns an error if it is larger than the limits, or cannot be read.
    pub fn read(&self, limits: Limits) -> Result<Vec<u8>, ReadError> {
        let bytes = self.read_start(limits.bytes.saturating_add(1))?;
        if bytes.len() as u64 > limits.bytes {
            return Err(ReadError::TooLarge(limits.bytes));
        }
        let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
        match lines > limits.lines {
            true => Err(ReadError::TooManyLines(limits.lines)),
            false => Ok(bytes),
        }
    }

    /// The beginning of the file: no more than this number of bytes.
    ///
    /// # Errors
    /// Returns an error if it cannot be read, or would have to be waited for.
    pub fn read_start(&self, bytes: u64) -> Result<Vec<u8>, ReadError> {
        let mut start = Vec::new();
        (&self.file).take(bytes).read_to_end(&mut start)?;
        Ok(start)
    }

    /// True if both are the same file, or have the same bytes. No more is read than the smaller one has.
    ///
    /// # Errors
    /// Returns an error if one of them cannot be read.
    pub fn has_content_of(&self, other: &Self) -> Result<bool, ReadError> {
        let identity = |file: &Self| (file.found.dev(), file.found.ino());
        if identity(self) == identity(other) {
            return Ok(true);
        }
        if self.found.size() != other.found.size() {
            return Ok(false);
        }
        let (mut here, mut there) = (vec![0; BLOCK], vec![0; BLOCK]);
        let mut at = 0;
        while at < self.found.size() {
            let length = fill(&self.file, &mut here, at)?;
            let same = length > 0
                && fill(&other.file, &mut there, at)? == length
                && here.get(..length) == there.get(..length);
            if !same {
                return Ok(false);
            }
            at += length as u64;
        }
        Ok(true)
    }

    /// The open file, for a reader with limits of its own.
    pub fn into_file(self) -> File {
        self.file
    }
}

impl From<RegularFile> for OwnedFd {
    fn from(file: RegularFile) -> Self {
        file.file.into()
    }
}

fn open_with(path: &Path, flags: OFlag) -> io::Result<File> {
    // std adds O_CLOEXEC. O_NONBLOCK also keeps open(2) from waiting for the holder of a lease (fcntl(2), F_SETLEASE).
    let flags = flags | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(flags.bits()).open(path)
}

fn descriptor(file: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// Reads from there on until the buffer is full or the file ends.
fn fill(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    let mut length = 0;
    while let Some(rest) = buffer.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, at + length as u64) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

#[cfg(test)]
mod tests;
