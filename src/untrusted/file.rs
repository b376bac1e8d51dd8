//! Reads a file at a path that other users can influence.
//!
//! Such a path can lead to a FIFO without a writer, to a device that does something when it is opened, to /dev/zero, or to
//! /proc/kmsg, whose lines are gone once they are read. It can lead elsewhere at each system call. So the path is resolved
//! once, without opening the file (O_PATH). If the descriptor is that of a regular file, the file is opened through it.
//! No read waits, and each has a limit.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, fstatfs, openat2};
use rustix::io::Errno;

use super::ReadError;

/// The kernel's own file systems. In these a read can wait, use up what it reads, or reach a device. Each is the last
/// four bytes of its number (include/uapi/linux/magic.h, and the sources of those that it lacks). A list of all others
/// would be longer, and would refuse the next file system for data.
const OF_THE_KERNEL: [u32; 26] = [
    0x9fa0,      // proc
    0x6265_6572, // sysfs
    0x6462_6720, // debugfs
    0x7472_6163, // tracefs
    0x7363_6673, // securityfs
    0x0027_e0eb, // cgroup
    0x6367_7270, // cgroup2
    0x6265_6570, // configfs
    0xf97c_ff8c, // selinuxfs
    0x4341_5d53, // smackfs
    0x5a3c_69f0, // apparmorfs
    0xcafe_4a11, // bpf
    0x6165_676c, // pstore
    0x6e66_7364, // nfsd
    0x6759_6969, // rpc_pipefs
    0x4249_4e4d, // binfmt_misc
    0x6573_5543, // fusectl
    0xde5e_81e4, // efivarfs
    0x9584_58f6, // hugetlbfs
    0x1cd1,      // devpts
    0x1980_0202, // mqueue
    0x0765_5821, // resctrl
    0xabba_1974, // xenfs
    0x9fa1,      // openpromfs
    0x6e73_6673, // nsfs
    0x5049_4446, // pidfs
];
/// Bytes that are compared at a time.
const BLOCK: usize = 64 << 10;

/// Limits on what is read of a file.
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
        let resolved = PathHandle::of(path)?;
        if is_of_the_kernel(&resolved.0)? {
            return match resolved.metadata()?.is_file() {
                true => Err(ReadError::KernelFile),
                false => Err(ReadError::NotRegular),
            };
        }
        resolved.open()
    }

    /// Opens the file that a link of the kernel leads to, such as /proc/PID/exe or /proc/PID/ns/net. No symlink shows where
    /// it leads, so the caller must know who decides that.
    ///
    /// # Errors
    /// Returns an error if it cannot be opened without waiting, or is not a regular file.
    pub fn open_magic_link(path: &Path) -> Result<Self, ReadError> {
        PathHandle(open_path(path, OFlag::empty())?).open()
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

/// A path that was resolved without opening the file.
#[derive(Debug)]
pub struct PathHandle(File);

impl PathHandle {
    /// Resolves a path, through symlinks, but through no link of the kernel such as /proc/PID/root: behind that, a user can
    /// have mounted a file system that never answers (openat2(2), since Linux 5.6).
    ///
    /// # Errors
    /// Returns an error if there is nothing, or this user is not allowed to look.
    pub fn of(path: &Path) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        match openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_MAGICLINKS) {
            Ok(held) => Ok(Self(held.into())),
            // An older kernel, or a filter of system calls that does not know it.
            Err(Errno::NOSYS | Errno::PERM) => open_path(path, OFlag::empty()).map(Self),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Owner, mode, size and times.
    ///
    /// # Errors
    /// Returns an error if they cannot be read.
    pub fn metadata(&self) -> io::Result<Metadata> {
        self.0.metadata()
    }

    /// Returns the path of the file without symlinks. `None`: it has none.
    pub fn real_path(&self) -> Option<PathBuf> {
        fs::read_link(self.path()).ok()
    }

    /// Returns a path that always leads here, also if the original path leads elsewhere now.
    pub fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.0.as_raw_fd()))
    }

    fn open(&self) -> Result<RegularFile, ReadError> {
        match self.metadata()?.is_file() {
            true => match open_with(&self.path(), OFlag::empty()) {
                Err(error) if error.kind() == ErrorKind::NotFound => Err(ReadError::NoProc),
                file => RegularFile::of(file?),
            },
            false => Err(ReadError::NotRegular),
        }
    }
}

/// Returns owner, mode, size and times of the file at a path. See [`PathHandle::of`].
///
/// # Errors
/// Returns an error if there is nothing, or this user is not allowed to look.
pub fn metadata(path: &Path) -> io::Result<Metadata> {
    PathHandle::of(path)?.metadata()
}

fn is_of_the_kernel(file: &File) -> Result<bool, ReadError> {
    let found = fstatfs(file).map_err(io::Error::from)?;
    // The type of this field depends on the processor, and some numbers are negative on some.
    #[allow(clippy::useless_conversion)]
    let [kind @ .., _, _, _, _] = i64::from(found.f_type).to_le_bytes();
    Ok(OF_THE_KERNEL.contains(&u32::from_le_bytes(kind)))
}

fn open_with(path: &Path, flags: OFlag) -> io::Result<File> {
    // std adds O_CLOEXEC. O_NONBLOCK also keeps open(2) from waiting for the holder of a lease (fcntl(2), F_SETLEASE).
    let flags = flags | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(flags.bits()).open(path)
}

/// Returns a descriptor of the path (O_PATH). What is there is not opened, so a FIFO or a device cannot have effects.
///
/// With musl, std drops O_PATH from custom flags, because it is a part of musl's O_ACCMODE.
///
/// # Errors
/// Returns the error of open(2).
pub fn open_path(path: &Path, flags: OFlag) -> io::Result<File> {
    let flags = flags | OFlag::O_PATH | OFlag::O_CLOEXEC;
    let opened = nix::fcntl::open(path, flags, nix::sys::stat::Mode::empty())?;
    Ok(opened.into())
}

/// Reads from this position until the buffer is full or the file ends.
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
