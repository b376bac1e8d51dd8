//! The sockets in a process's tables of descriptors, as far as /proc shows them.
//!
//! The procfs crate is not used: it leaves out descriptors that cannot be read, so "no permission" would become "not
//! there".

use std::cell::Cell;
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
use nix::sys::utsname::uname;
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

/// The pauses that remain for all busy io_urings of a search together: other users can keep many of theirs busy.
#[derive(Debug)]
pub(super) struct RingPauses(Cell<usize>);

impl Default for RingPauses {
    fn default() -> Self {
        Self(Cell::new(MOST_RING_PAUSES))
    }
}

impl RingPauses {
    /// True if there was one more pause.
    fn pause(&self, deadline: Deadline<'_>) -> bool {
        let Some(left) = self.0.get().checked_sub(1) else {
            return false;
        };
        self.0.set(left);
        deadline.sleep(RING_PAUSE);
        true
    }
}

/// The table of a process, or of one of its threads.
pub(super) struct Table<'p> {
    folder: PathBuf,
    pauses: &'p RingPauses,
}

impl<'p> Table<'p> {
    /// The table of a process below `proc`, which is /proc except in tests.
    pub(super) fn of(proc: &Path, pid: u32, pauses: &'p RingPauses) -> Self {
        let folder = proc.join(pid.to_string());
        Self { folder, pauses }
    }

    /// The tables of the threads that do not share the table of the process: its main thread has ended, or they have
    /// their own (CLONE_FILES, unshare(2)).
    ///
    /// # Errors
    /// Returns an error if the threads cannot be listed, except if the process has ended.
    pub(super) fn of_threads(
        proc: &Path,
        pid: u32,
        pauses: &'p RingPauses,
    ) -> io::Result<Vec<Self>> {
        let folder = proc.join(pid.to_string()).join("task");
        let apart = threads(&folder)?;
        let apart = apart
            .into_iter()
            .filter(|thread| *thread != pid && !shares(pid, *thread));
        Ok(apart
            .map(|thread| Self {
                folder: folder.join(thread.to_string()),
                pauses,
            })
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
        let folder = match File::open(self.folder.join("fd")) {
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
    /// Returns an error if the table cannot be read, [`BUSY`] or [`NOT_NAMED`]. A ring that is gone has no sockets.
    fn registered(
        &self,
        descriptor: &[u8],
        deadline: Deadline<'_>,
        visit: Visit<'_>,
    ) -> io::Result<ControlFlow<()>> {
        let fdinfo = self.folder.join("fdinfo");
        let file = fdinfo.join(OsStr::from_bytes(descriptor));
        loop {
            let info = match fs::read(&file) {
                Ok(info) => info,
                Err(error) if is_gone(&error) => return Ok(ControlFlow::Continue(())),
                Err(error) => return Err(error),
            };
            match registered_sockets(&info, names_registered_sockets()) {
                Ok(sockets) => return Ok(sockets.into_iter().try_for_each(visit)),
                Err(BUSY) if self.pauses.pause(deadline) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
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

/// The pauses for all busy io_urings together, and the length of each.
const MOST_RING_PAUSES: usize = 4;
const RING_PAUSE: Duration = Duration::from_micros(200);

/// The error of an io_uring that is busy: the kernel leaves out the table of its files while another thread has the
/// lock of the ring (io_uring/fdinfo.c, mutex_trylock).
pub(crate) const BUSY: Errno = Errno::EAGAIN;
/// The error of an io_uring with a socket whose inode the kernel does not show.
pub(crate) const NOT_NAMED: Errno = Errno::EOPNOTSUPP;

/// The first Linux that shows the inodes of the sockets in the table of files of an io_uring.
const NAMES_SOCKETS: (u32, u32) = (6, 14);

/// True if this kernel is one of those.
fn names_registered_sockets() -> bool {
    let name = uname().ok();
    let release = name.and_then(|name| name.release().to_str().and_then(version));
    release.is_some_and(|release| release >= NAMES_SOCKETS)
}

/// The first two numbers of a release of the kernel.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|other: char| !other.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// The inodes of the sockets in the table of files of an io_uring, from the fdinfo of its descriptor.
///
/// From [`NAMES_SOCKETS`] on (6.14.8 in its series) the table is whole if it is there, and empty places have no line.
/// Older kernels leave out only the lines for the places, of which an empty one is `<none>`. They show the last part
/// of a file's path, which any user can choose, and a socket as its protocol.
///
/// # Errors
/// Returns [`BUSY`] or [`NOT_NAMED`].
fn registered_sockets(info: &[u8], names_sockets: bool) -> Result<Vec<u64>, Errno> {
    let info = String::from_utf8_lossy(info);
    let mut lines = info.lines();
    let count = lines.find_map(|line| line.strip_prefix("UserFiles:"));
    let count = count.ok_or(BUSY)?;
    let files = lines.map_while(|line| {
        let (index, file) = line.split_once(": ")?;
        index.trim().parse::<u32>().ok().map(|_| file)
    });
    let files: Vec<&str> = files.collect();
    let sockets: Vec<u64> = files
        .iter()
        .filter_map(|file| socket(file.as_bytes()))
        .collect();
    match names_sockets {
        true => Ok(sockets),
        false if files.is_empty() && count.trim() != "0" => Err(BUSY),
        false if !sockets.is_empty() || files.iter().any(|file| PROTOCOLS.contains(file)) => {
            Err(NOT_NAMED)
        }
        false => Ok(Vec::new()),
    }
}

/// The protocols of sockets that can be a listener, as older kernels show them (`struct proto`, name).
const PROTOCOLS: [&str; 6] = ["TCP", "TCPv6", "UDP", "UDPv6", "MPTCP", "MPTCPv6"];

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
    fn the_table_of_an_io_uring_counts_if_it_is_there() {
        for (info, expected) in [
            (
                "SqMask:\t0x7\nUserFiles:\t1\n    0: socket:[7]\nUserBufs:\t0\n",
                Ok(vec![7]),
            ),
            // As Linux 6.18 shows it.
            (
                "UserFiles:\t9\n    0: socket:[7]\n    2: /tmp/a\n    3: anon_inode:[eventfd]\n    5: \
                 anon_inode:inotify\n    6: /memfd:x\\040(deleted)\n    8: socket:[8]\nUserBufs:\t1\n    0: \
                 0x7f/4096\n",
                Ok(vec![7, 8]),
            ),
            ("UserFiles:\t0\nUserBufs:\t0\n", Ok(vec![])),
            // All places are empty.
            ("UserFiles:\t8\nUserBufs:\t0\nPollList:\n", Ok(vec![])),
            // The ring was busy.
            ("", Err(BUSY)),
            ("SqThread:\t-1\nSqThreadCpu:\t-1\n", Err(BUSY)),
        ] {
            let found = registered_sockets(info.as_bytes(), true);
            assert_eq!(found, expected, "{info}");
        }
    }

    #[test]
    fn the_table_of_an_io_uring_of_an_older_kernel_names_no_socket() {
        for (info, expected) in [
            // As Linux 6.12 shows it.
            (
                "SqThread:\t-1\nUserFiles:\t2\n    0: <none>\n    1: <none>\nUserBufs:\t0\n",
                Ok(vec![]),
            ),
            (
                "UserFiles:\t4\n    0: inotify\n    1: [eventfd]\n    2: a file\n    3: \nUserBufs:\t0\n",
                Ok(vec![]),
            ),
            ("UserFiles:\t1\n    0: TCP\nUserBufs:\t0\n", Err(NOT_NAMED)),
            (
                "UserFiles:\t2\n    0: <none>\n    1: MPTCPv6\n",
                Err(NOT_NAMED),
            ),
            // A file with this name.
            ("UserFiles:\t1\n    0: socket:[7]\n", Err(NOT_NAMED)),
            ("UserFiles:\t0\nUserBufs:\t0\n", Ok(vec![])),
            ("UserFiles:\t8\nUserBufs:\t0\nPollList:\n", Err(BUSY)),
            ("", Err(BUSY)),
        ] {
            let found = registered_sockets(info.as_bytes(), false);
            assert_eq!(found, expected, "{info}");
        }
    }

    #[test]
    fn a_version_is_the_first_two_numbers_of_a_release() {
        for (release, expected) in [
            ("6.14.0", Some((6, 14))),
            ("6.12.118+deb13-amd64", Some((6, 12))),
            ("7.2-rc1", Some((7, 2))),
            ("10.0", Some((10, 0))),
            ("x", None),
        ] {
            assert_eq!(version(release), expected, "{release}");
        }
    }
}
