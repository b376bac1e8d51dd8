//! The sockets in a process's tables of descriptors, as far as /proc shows them.
//!
//! The procfs crate is not used: it leaves out descriptors that cannot be read, so "no permission" would become "not
//! there".

use std::fs::{self, File};
use std::io;
use std::mem::MaybeUninit;
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::libc;
use rustix::fs::{RawDir, readlinkat};

use crate::clock::Deadline;
use crate::errno::ErrnoText;

/// Bytes of names that are read at once. The kernel makes an entry for each name that it hands out, so a large buffer
/// costs as much as the whole table of a proxy with many connections.
const NAMES: usize = 4096;

/// The answer of kcmp(2) for two equal objects, and the number of its question about descriptors (linux/kcmp.h).
const SAME: libc::c_long = 0;
const KCMP_FILES: libc::c_int = 2;

/// The function that gets the inode of each socket.
pub(super) type Visit<'v> = &'v mut dyn FnMut(u64) -> ControlFlow<()>;

/// The table of a process, or of one of its threads.
pub(super) struct Table(PathBuf);

impl Table {
    /// The table of a process below `proc`, which is /proc except in tests.
    pub(super) fn of(proc: &Path, pid: u32) -> Self {
        Self(proc.join(pid.to_string()))
    }

    /// The tables of the threads that do not share the table of the process: its main thread has ended, or they have
    /// their own (CLONE_FILES, unshare(2)).
    pub(super) fn of_threads(proc: &Path, pid: u32) -> Vec<Self> {
        let folder = proc.join(pid.to_string()).join("task");
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        let threads = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let apart = threads.filter(|thread| *thread != pid && !shares(pid, *thread));
        apart
            .map(|thread: u32| Self(folder.join(thread.to_string())))
            .collect()
    }

    /// Shows the inodes of the sockets at these positions in the table, until the time is up. The table lists
    /// descriptors in the order of their numbers. A descriptor that is gone is skipped.
    ///
    /// # Errors
    /// Returns an error if the descriptors cannot be listed, or one cannot be read. Listing requires fewer rights than
    /// reading (fs/proc/fd.c, proc_fd_permission; proc_pid_readlink in base.c).
    pub(super) fn sockets(
        &self,
        places: Range<usize>,
        deadline: Deadline<'_>,
        visit: Visit<'_>,
    ) -> io::Result<ControlFlow<()>> {
        let mut refused = Ok(ControlFlow::Continue(()));
        let folder = match File::open(self.0.join("fd")) {
            Ok(folder) => folder,
            Err(error) if is_gone(&error) => return refused,
            Err(error) => return Err(error),
        };
        let mut names = [MaybeUninit::uninit(); NAMES];
        let mut entries = RawDir::new(&folder, &mut names);
        let mut place = 0..;
        while let Some(entry) = entries.next() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(errno) if is_gone(&errno.into()) => return refused,
                Err(errno) => return Err(errno.into()),
            };
            let name = entry.file_name();
            if name.to_bytes().starts_with(b".") {
                continue;
            }
            match place.next() {
                Some(place) if place < places.start => continue,
                Some(place) if place < places.end && !deadline.has_passed() => {}
                _ => break,
            }
            match readlinkat(&folder, name, Vec::new()) {
                Ok(link) => {
                    let link = link.as_bytes();
                    let found = match (socket(link), link == IO_URING) {
                        (Some(inode), _) => visit(inode),
                        (None, true) => self.registered(name.to_bytes(), visit),
                        (None, false) => ControlFlow::Continue(()),
                    };
                    if found.is_break() {
                        return Ok(found);
                    }
                }
                Err(errno) if is_gone(&errno.into()) => {}
                Err(errno) => refused = Err(errno.into()),
            }
        }
        refused
    }

    /// The sockets in the table of files of an io_uring, which can be in no other table
    /// (io_uring/fdinfo.c, "UserFiles").
    fn registered(&self, descriptor: &[u8], visit: Visit<'_>) -> ControlFlow<()> {
        let Ok(descriptor) = std::str::from_utf8(descriptor) else {
            return ControlFlow::Continue(());
        };
        let info = fs::read(self.0.join("fdinfo").join(descriptor)).unwrap_or_default();
        let words = info.split(u8::is_ascii_whitespace);
        let mut sockets = words.filter_map(socket);
        sockets.try_for_each(visit)
    }
}

/// The text that the descriptor of an io_uring links to.
const IO_URING: &[u8] = b"anon_inode:[io_uring]";

/// True if the process or the descriptor is gone, which can happen at any moment.
pub(super) fn is_gone(error: &io::Error) -> bool {
    [Errno::ENOENT, Errno::ESRCH].contains(&ErrnoText::from(error).0)
}

/// The inode in what a socket's descriptor links to (net/socket.c, sockfs_dname).
fn socket(link: &[u8]) -> Option<u64> {
    let inode = link.strip_prefix(b"socket:[")?.strip_suffix(b"]")?;
    std::str::from_utf8(inode).ok()?.parse().ok()
}

/// True if a thread certainly has the table of its process. If the kernel does not say, the table is read.
fn shares(pid: u32, thread: u32) -> bool {
    // SAFETY: kcmp(2) takes numbers and touches no memory of this process.
    let answer = unsafe { libc::syscall(libc::SYS_kcmp, pid, thread, KCMP_FILES, 0, 0) };
    answer == SAME
}
