//! The sockets in a process's tables of descriptors, as far as /proc shows them.
//!
//! The procfs crate is not used: it leaves out descriptors that cannot be read, so "no permission" would become "not
//! there".

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::mem::MaybeUninit;
use std::ops::{ControlFlow, Range};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

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
    ///
    /// # Errors
    /// Returns an error if the threads cannot be listed, except if the process has ended.
    pub(super) fn of_threads(proc: &Path, pid: u32) -> io::Result<Vec<Self>> {
        let folder = proc.join(pid.to_string()).join("task");
        let apart = threads(&folder)?;
        let apart = apart
            .into_iter()
            .filter(|thread| *thread != pid && !shares(pid, *thread));
        Ok(apart
            .map(|thread| Self(folder.join(thread.to_string())))
            .collect())
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
                        (Some(inode), _) => Ok(visit(inode)),
                        (None, true) => self.registered(name.to_bytes(), deadline, visit),
                        (None, false) => Ok(ControlFlow::Continue(())),
                    };
                    match found {
                        Ok(ControlFlow::Break(())) => return found,
                        Ok(ControlFlow::Continue(())) => {}
                        Err(error) => refused = Err(error),
                    }
                }
                Err(errno) if is_gone(&errno.into()) => {}
                Err(errno) => refused = Err(errno.into()),
            }
        }
        refused
    }

    /// The sockets in the table of files of an io_uring, which can be in no other table.
    ///
    /// # Errors
    /// Returns an error if the table cannot be read, EAGAIN if the ring is busy. A ring that is gone has no sockets.
    fn registered(
        &self,
        descriptor: &[u8],
        deadline: Deadline<'_>,
        visit: Visit<'_>,
    ) -> io::Result<ControlFlow<()>> {
        let file = self.0.join("fdinfo").join(OsStr::from_bytes(descriptor));
        for _ in 0..RING_READS {
            let info = match fs::read(&file) {
                Ok(info) => info,
                Err(error) if is_gone(&error) => return Ok(ControlFlow::Continue(())),
                Err(error) => return Err(error),
            };
            if let Some(sockets) = registered_sockets(&info) {
                return Ok(sockets.into_iter().try_for_each(visit));
            }
            deadline.sleep(RING_PAUSE);
        }
        Err(Errno::EAGAIN.into())
    }
}

/// The threads in a folder /proc/PID/task. Empty if the process has ended.
///
/// # Errors
/// Returns an error if they cannot be listed.
pub(super) fn threads(task: &Path) -> io::Result<Vec<u32>> {
    let entries = match fs::read_dir(task) {
        Err(error) if is_gone(&error) => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut threads = Vec::new();
    for entry in entries {
        match entry {
            Ok(entry) => {
                let name = entry.file_name();
                threads.extend(name.to_str().and_then(|name| name.parse::<u32>().ok()));
            }
            Err(error) if is_gone(&error) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(threads)
}

/// How often the table of files of an io_uring is read while the ring is busy, and the pause after each time.
const RING_READS: usize = 5;
const RING_PAUSE: Duration = Duration::from_micros(200);

/// The inodes of the sockets in the table of files of an io_uring, from the fdinfo of its descriptor. `None` if the table
/// is incomplete: the kernel leaves out the entries, or the whole table, while another thread has the lock of the ring
/// (io_uring/fdinfo.c, mutex_trylock). Older kernels show a socket without its inode.
fn registered_sockets(info: &[u8]) -> Option<Vec<u64>> {
    let info = String::from_utf8_lossy(info);
    let mut lines = info.lines();
    let count = lines.find_map(|line| line.strip_prefix("UserFiles:"))?;
    let mut sockets = Vec::new();
    let mut has_entries = false;
    for line in lines {
        let entry = line.split_once(": ");
        let Some((_, file)) = entry.filter(|(index, _)| index.trim().parse::<u32>().is_ok()) else {
            break;
        };
        has_entries = true;
        match socket(file.as_bytes()) {
            Some(inode) => sockets.push(inode),
            None if file == "<none>" || file.starts_with('/') || file.contains(":[") => {}
            None => return None,
        }
    }
    (has_entries || count.trim() == "0").then_some(sockets)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_an_io_uring_counts_only_if_it_is_complete() {
        for (info, expected) in [
            (
                "SqMask:\t0x7\nUserFiles:\t1\n    0: socket:[7]\nUserBufs:\t0\n",
                Some(vec![7]),
            ),
            (
                "UserFiles:\t5\n    0: socket:[7]\n    1: <none>\n    2: /tmp/a\n    3: anon_inode:[eventfd]\n    4: \
                 socket:[8]\nUserBufs:\t1\n    0: 0x7f/4096\n",
                Some(vec![7, 8]),
            ),
            ("UserFiles:\t0\nUserBufs:\t0\n", Some(vec![])),
            // The ring was busy.
            ("", None),
            ("SqThread:\t-1\nSqThreadCpu:\t-1\n", None),
            ("UserFiles:\t1\nUserBufs:\t0\nPollList:\n", None),
            // A kernel that does not show the inode.
            ("UserFiles:\t1\n    0: TCP\nUserBufs:\t0\n", None),
        ] {
            assert_eq!(registered_sockets(info.as_bytes()), expected, "{info}");
        }
    }
}
