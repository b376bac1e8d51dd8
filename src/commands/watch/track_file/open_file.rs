//! The open file: writing, reading, and noticing changes by other processes.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;
use nix::unistd::{AccessFlags, access};

use super::{Lost, Unfit};
use crate::errno::ErrnoText;
use crate::untrusted::RegularFile;

/// How long after a write a change by another process may not show in the times of the file: longer than a step of the
/// kernel's clock for files, which is up to 10 ms (CONFIG_HZ=100).
const MTIME_GRANULARITY: Duration = Duration::from_millis(20);
/// The value that keepalived treats as up.
pub(super) const UP: i16 = 0;
/// Bytes that are read of the file.
const MOST: usize = 64;

/// A device and an inode.
pub(super) type Id = (u64, u64);

/// The open file.
#[derive(Debug)]
pub(super) struct Held {
    /// Has the lock, and is written to and read.
    pub file: File,
    /// One of them is closed after each write, which notifies keepalived.
    reserves: Vec<File>,
    pub mark: Mark,
    /// When the file was written or its times were set. `None`: the mark is enough to notice a change.
    pub fresh: Option<Duration>,
    is_locked: bool,
    /// True if a lock for reading prevents the lock.
    pub is_read_locked: bool,
}

/// Metadata that change with each change of the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    pub id: Id,
    length: u64,
    modified: (i64, i64),
    /// No program can set it back.
    changed: (i64, i64),
}

impl Held {
    /// Opens the file, or makes it with this value in it.
    pub fn open(path: &Path, value: i16) -> Result<Self, Unfit> {
        let file = match options().read(true).open(path) {
            // Never an empty one, which keepalived would treat as up.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                replace(path, line(value).as_bytes())
            }
            opened => opened,
        };
        Self::new(file?, path)
    }

    pub fn new(file: File, path: &Path) -> Result<Self, Unfit> {
        let found = file.metadata()?;
        if !found.is_file() {
            return Err(Unfit::NotRegular);
        }
        Ok(Self {
            reserves: options().open(path).into_iter().collect(),
            file,
            mark: Mark::of(&found),
            fresh: None,
            is_locked: false,
            is_read_locked: false,
        })
    }

    /// Locks the file, if that is not done yet. A file that keepalived has lost stays marked. A lock for reading can prevent
    /// that, which is not an error: a user who can only read the file must not keep a watch from it.
    ///
    /// The lock belongs to the open file, so a reload keeps it. It is one for writing (F_OFD_SETLK), which a user who can only
    /// read the file cannot get. A file system without locks is left to the person who has chosen it.
    ///
    /// # Errors
    /// Returns an error if another watch has the lock.
    pub fn lock(&mut self, lost: Option<Lost>) -> Result<(), Unfit> {
        let set = |length| {
            let lock = range(libc::F_WRLCK, 0, length);
            fcntl(&self.file, FcntlArg::F_OFD_SETLK(&lock)).is_ok()
        };
        self.is_locked = self.is_locked || set(locked_bytes(lost));
        // Without the bytes of the mark no second watch gets the file either.
        let other = match self.is_locked || set(locked_bytes(Some(Lost::Source))) {
            true => Ok(Watched::No),
            false => watched(&self.file),
        };
        self.is_read_locked = other == Ok(Watched::ReadLocked);
        match other {
            Ok(Watched::Yes | Watched::Unseen(_)) => Err(Unfit::Locked),
            _ => Ok(()),
        }
    }

    /// Makes [`watched`] report that keepalived may not see the file.
    pub fn mark_unseen(&self, lost: Lost) {
        let mark = range(libc::F_UNLCK, locked_bytes(Some(lost)), 0);
        let _ = fcntl(&self.file, FcntlArg::F_OFD_SETLK(&mark));
    }

    /// Returns true if the file holds this value. Its content is read unless the mark shows that nothing has changed.
    pub fn says(&mut self, value: i16, found: &Mark, now: Duration) -> Result<bool, Unfit> {
        if *found == self.mark && self.fresh.is_none() {
            return Ok(true);
        }
        let mut text = [0; MOST];
        let length = self.file.read_at(&mut text, 0);
        let length = length.map_err(|error| Unfit::Unread(ErrnoText::from(&error).0))?;
        // Not after an error: the next look must read the file again.
        let is_fresh = |since: &Duration| now.saturating_sub(*since) <= MTIME_GRANULARITY;
        self.fresh = self.fresh.filter(is_fresh);
        self.mark = *found;
        Ok(text
            .get(..length)
            .unwrap_or_default()
            .starts_with(line(value).as_bytes()))
    }

    /// Opens the descriptors that this write and the next one close.
    ///
    /// # Errors
    /// Returns why up must not be written: a later write of down could not notify keepalived.
    pub fn refill(&mut self, value: i16, path: &Path) -> io::Result<()> {
        while self.reserves.len() < 2 {
            match options().open(path) {
                Ok(reserve) => self.reserves.push(reserve),
                Err(error) if value == UP => return Err(error),
                Err(_) => break,
            }
        }
        Ok(())
    }

    /// Writes the value, notifies keepalived and reads the file back.
    pub fn write(&mut self, value: i16, path: &Path, now: Duration) -> Result<(), Unfit> {
        let line = line(value);
        self.file.write_all_at(line.as_bytes(), 0)?;
        let length = line.len() as u64;
        if self.file.metadata().map_or(0, |found| found.len()) > length {
            // For people: strtol(3) ends before these bytes.
            let _ = self.file.set_len(length);
        }
        // keepalived reads the file when this descriptor is closed.
        drop(match self.reserves.pop() {
            Some(reserve) => reserve,
            None => options()
                .open(path)
                .map_err(|error| Unfit::NotNotified(ErrnoText::from(&error).0))?,
        });
        self.mark = self
            .file
            .metadata()
            .map_or(self.mark, |found| Mark::of(&found));
        self.fresh = Some(now);
        let mark = self.mark;
        self.says(value, &mark, now).map(drop)
    }
}

/// The answer to whether a watch keeps a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watched {
    /// No watch has the lock.
    No,
    /// A watch has it.
    Yes,
    /// A watch has it, and keepalived may not see the file.
    Unseen(Lost),
    /// Another process has a lock for reading, so a watch can be there without its lock.
    ReadLocked,
}

/// Returns whether a watch has locked this file through another open file description.
///
/// # Errors
/// Returns why the file system or the kernel (gVisor) cannot answer.
pub fn watched(file: &File) -> Result<Watched, Errno> {
    let other = |kind, start| {
        let mut lock = range(kind, start, 0);
        fcntl(file, FcntlArg::F_OFD_GETLK(&mut lock))?;
        Ok((i32::from(lock.l_type), lock.l_len))
    };
    // A lock for reading conflicts with one for writing alone.
    Ok(match other(libc::F_RDLCK, 0)? {
        (libc::F_WRLCK, 0) => Watched::Yes,
        // A lock for reading hides the mark.
        (libc::F_WRLCK, length) if other(libc::F_WRLCK, length)?.0 == libc::F_RDLCK => Watched::Yes,
        (libc::F_WRLCK, libc::off_t::MAX) => Watched::Unseen(Lost::Folder),
        (libc::F_WRLCK, _) => Watched::Unseen(Lost::Source),
        _ if other(libc::F_WRLCK, 0)?.0 == libc::F_RDLCK => Watched::ReadLocked,
        _ => Watched::No,
    })
}

/// The length of the lock, which is also the mark: the last bytes that a file can have are not locked. 0 is all bytes.
fn locked_bytes(lost: Option<Lost>) -> libc::off_t {
    match lost {
        None => 0,
        Some(Lost::Folder) => libc::off_t::MAX,
        Some(Lost::Source) => libc::off_t::MAX - 1,
    }
}

/// 0 is the length of all bytes that follow.
fn range(kind: i32, l_start: libc::off_t, l_len: libc::off_t) -> libc::flock {
    libc::flock {
        l_type: i16::try_from(kind).unwrap_or_default(),
        l_whence: 0,
        l_start,
        l_len,
        l_pid: 0,
    }
}

/// Puts a new file with this content in the place of what exists at this path, in one step: no reader sees a part of it, or
/// nothing.
///
/// # Errors
/// Returns why that failed. What exists there is then unchanged.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<File> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let draft = path.with_file_name(format!(".{name}.listenup"));
    let _ = fs::remove_file(&draft);
    let file = options()
        .read(true)
        .create_new(true)
        .mode(0o644)
        .open(&draft)?;
    let written = file
        .set_permissions(fs::Permissions::from_mode(0o644))
        .and_then(|()| file.write_all_at(content, 0))
        .and_then(|()| fs::rename(&draft, path));
    if written.is_err() {
        let _ = fs::remove_file(&draft);
    }
    written.map(|()| file)
}

/// Returns the number in a file as keepalived reads it. `None`: there is no file, or it is empty.
///
/// # Errors
/// Returns why this is not a track file.
pub fn value(path: &Path) -> Result<Option<i64>, Unfit> {
    let Ok(found) = fs::symlink_metadata(path) else {
        return Ok(None);
    };
    if !found.is_file() {
        return Err(Unfit::NotRegular);
    }
    let text = RegularFile::open(path).and_then(|file| file.read_start(MOST as u64));
    let text = text.unwrap_or_default();
    let first = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    match std::str::from_utf8(first).map(|first| first.trim().parse()) {
        Ok(Ok(number)) => Ok(Some(number)),
        _ if text.trim_ascii().is_empty() => Ok(None),
        _ => Err(Unfit::NotANumber),
    }
}

/// True if the file at this path is this open one.
pub fn is_same(file: &File, path: &Path) -> bool {
    let found = file.metadata().map(|found| Mark::of(&found));
    found.is_ok_and(|found| id(path).is_ok_and(|id| id == found.id))
}

/// Checks that this process can write to the file, or make it. Changes nothing.
///
/// # Errors
/// Returns why neither is possible.
pub fn check_writable(path: &Path) -> Result<(), Unfit> {
    access(path, AccessFlags::W_OK)
        .or_else(|_| access(folder(path), AccessFlags::W_OK | AccessFlags::X_OK))
        .map_err(Unfit::System)
}

/// Returns the folder of a file.
pub(super) fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

pub(super) fn is_in_the_way(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir())
}

/// Writes a number into a file that another thread has open. It does not wait for a FIFO.
///
/// # Errors
/// Returns why the number was not written.
pub fn write_once(path: &Path, value: i16) -> io::Result<()> {
    options()
        .open(path)?
        .write_all_at(line(value).as_bytes(), 0)
}

/// Refuses a symbolic link, and does not wait for a FIFO.
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    options.custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits());
    options
}

pub(super) fn line(value: i16) -> String {
    format!("{value}\n")
}

fn id(path: &Path) -> io::Result<Id> {
    fs::metadata(path).map(|found| (found.dev(), found.ino()))
}

impl Mark {
    pub fn of(found: &Metadata) -> Self {
        Self {
            id: (found.dev(), found.ino()),
            length: found.len(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        }
    }
}
