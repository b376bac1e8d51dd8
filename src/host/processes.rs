//! The processes that hold a listener: those with a descriptor of its inode in /proc/PID/fd.
//!
//! Not by the procfs crate, which leaves out descriptors that may not be read: "no rights to look"
//! would become "not among them".

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use crate::clock::Deadline;
use crate::domain::Doubt;
use crate::errno::ErrnoText;
use crate::untrusted::text::printable_bytes;
use crate::untrusted::{ReadError, RegularFile};

/// Bytes of a process's name that the kernel keeps (TASK_COMM_LEN, without its NUL).
const NAME: usize = 15;
/// Bytes of /proc/PID/comm, which kernel threads fill beyond [`NAME`] (kernel/workqueue.c, WORKER_DESC_LEN).
const LONGEST_COMM: u64 = 256;
/// Bytes of /proc/PID/status, which has some 60 lines.
const LONGEST_STATUS: u64 = 64 << 10;

/// The processes of one moment.
#[derive(Debug)]
pub struct Processes {
    proc: PathBuf,
    all: Vec<Process>,
    viewer: Option<Viewer>,
}

/// A user other than root, who cannot look into all processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Viewer {
    /// The user's number.
    pub uid: u32,
    /// The group's number, if it is known.
    pub gid: Option<u32>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    pid: u32,
    /// As ps(1) and pidof(8) have it. `None`: it could not be read.
    name: Option<Vec<u8>>,
}

impl Processes {
    /// Those below this root, which is /proc but for tests.
    ///
    /// # Errors
    /// When they cannot be listed, or not in time.
    pub fn read(proc: &Path, deadline: Deadline<'_>) -> Result<Self, Doubt> {
        let unreadable = |error: io::Error| {
            let why = ErrnoText::from(&error);
            Doubt::new(format_args!("{} cannot be listed: {why}", proc.display()))
        };
        let mut all = Vec::new();
        for entry in fs::read_dir(proc).map_err(unreadable)? {
            if deadline.is_over() {
                return Err(Doubt::new("there was no time to list all processes"));
            }
            let entry = entry.map_err(unreadable)?;
            let pid = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok());
            let Some(pid) = pid else {
                continue;
            };
            match comm(&entry.path()) {
                Ok(name) => all.push(Process::new(pid, Some(&name))),
                Err(ReadError::System(Errno::ENOENT | Errno::ESRCH)) => {}
                Err(_) => all.push(Process::new(pid, None)),
            }
        }
        all.sort_unstable_by_key(|process| process.pid);
        let proc = proc.to_owned();
        Ok(Self {
            proc,
            all,
            viewer: None,
        })
    }

    /// The same processes, of which only those can be looked into that this user can look into.
    #[must_use]
    pub fn seen_by(self, viewer: Option<Viewer>) -> Self {
        Self { viewer, ..self }
    }

    /// Each of them.
    pub fn all(&self) -> impl Iterator<Item = &Process> {
        self.all.iter()
    }

    /// The processes that hold each of these inodes, which are ascending, as far as they may be
    /// looked into.
    pub fn holders(self, inodes: &[u64], deadline: Deadline<'_>) -> Holders {
        let mut of: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        for (index, process) in self.all.iter().enumerate() {
            // One that may not be looked into, or is gone, holds nothing that we could tell.
            let _ = self.sockets(process, deadline, &mut |inode| {
                if inodes.binary_search(&inode).is_ok() {
                    let known = of.entry(inode).or_default();
                    if known.last() != Some(&index) {
                        known.push(index);
                    }
                }
                ControlFlow::Continue(())
            });
        }
        let in_time = !deadline.is_over();
        Holders {
            all: self.all,
            of,
            in_time,
        }
    }

    /// Whether this process has a descriptor of this socket.
    ///
    /// # Errors
    /// When one of its descriptors may not be looked at, and those that may are not the one.
    pub fn holds(&self, process: &Process, inode: u64, deadline: Deadline<'_>) -> io::Result<bool> {
        let end = self.sockets(process, deadline, &mut |found| {
            if found == inode {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        Ok(end?.is_break())
    }

    /// Shows the inodes of the sockets that a process has, until the time is up. One that is gone has
    /// none.
    ///
    /// # Errors
    /// When its descriptors may not be listed, or one may not be looked at. To list them takes
    /// less than that (fs/proc/fd.c, proc_fd_permission; proc_pid_readlink in base.c).
    fn sockets(
        &self,
        process: &Process,
        deadline: Deadline<'_>,
        visit: &mut dyn FnMut(u64) -> ControlFlow<()>,
    ) -> io::Result<ControlFlow<()>> {
        let mut refused = Ok(ControlFlow::Continue(()));
        if deadline.is_over() {
            return refused;
        }
        let folder = self.proc.join(process.pid.to_string());
        if self.viewer.is_some_and(|viewer| !viewer.sees(&folder)) {
            return Err(Errno::EACCES.into());
        }
        let folder = folder.join("fd");
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if is_gone(&error) => return refused,
            Err(error) => return Err(error),
        };
        for entry in entries {
            if deadline.is_over() {
                break;
            }
            match entry.and_then(|entry| fs::read_link(entry.path())) {
                Ok(link) => {
                    if socket(link.as_os_str().as_bytes())
                        .is_some_and(|inode| visit(inode).is_break())
                    {
                        return Ok(ControlFlow::Break(()));
                    }
                }
                Err(error) if is_gone(&error) => {}
                Err(error) => refused = Err(error),
            }
        }
        refused
    }
}

impl Process {
    /// A process and its name, as /proc/PID/comm has it. `None`: it could not be read.
    pub fn new(pid: u32, name: Option<&[u8]>) -> Self {
        let name = name.map(|name| name.trim_ascii_end().to_owned());
        Self { pid, name }
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Its name as it can be shown: any user can give a process a name that would control a terminal.
    pub fn name(&self) -> Option<String> {
        Some(printable_bytes(self.name.as_ref()?))
    }

    /// Whether its name is known.
    pub fn has_name(&self) -> bool {
        self.name.is_some()
    }

    /// Whether it has this name, of which the kernel keeps the beginning. Unknown names are nobody's.
    pub fn is_called(&self, wanted: &str) -> bool {
        let wanted = wanted.as_bytes();
        self.name
            .as_ref()
            .is_some_and(|name| name == wanted || name.len() == NAME && wanted.starts_with(name))
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} ({})", self.pid),
            None => write!(f, "process {}", self.pid),
        }
    }
}

impl Viewer {
    /// Whether the kernel lets this user look into a process (kernel/ptrace.c, `__ptrace_may_access`): all its users and groups
    /// are the same, it has no capabilities, and it can be dumped, or else its folder belongs to root.
    fn sees(self, process: &Path) -> bool {
        let is_own = fs::metadata(process).is_ok_and(|found| found.uid() == self.uid);
        let status = RegularFile::open_in_proc(&process.join("status"));
        let status = status.and_then(|file| file.read_start(LONGEST_STATUS));
        let status = String::from_utf8_lossy(&status.unwrap_or_default()).into_owned();
        let all = |key: &str, is_right: &dyn Fn(&str) -> bool| {
            let line = status.lines().find_map(|line| line.strip_prefix(key));
            line.is_some_and(|values| values.split_whitespace().all(is_right))
        };
        let is = |wanted: u32| move |value: &str| value.parse() == Ok(wanted);
        is_own
            && all("Uid:", &is(self.uid))
            && self.gid.is_none_or(|gid| all("Gid:", &is(gid)))
            && all("CapPrm:", &|set| set.bytes().all(|digit| digit == b'0'))
    }
}

/// Which processes hold which sockets.
#[derive(Debug, Default)]
pub struct Holders {
    all: Vec<Process>,
    of: BTreeMap<u64, Vec<usize>>,
    in_time: bool,
}

impl Holders {
    /// The processes that hold the socket with this inode. `None`: none is known.
    pub fn of(&self, inode: u64) -> Option<Vec<&Process>> {
        let indices = self.of.get(&inode)?.iter();
        Some(indices.filter_map(|index| self.all.get(*index)).collect())
    }

    /// Whether there was time to look at all of them.
    pub fn in_time(&self) -> bool {
        self.in_time
    }
}

/// The name of a process.
fn comm(process: &Path) -> Result<Vec<u8>, ReadError> {
    RegularFile::open_in_proc(&process.join("comm"))?.read_start(LONGEST_COMM)
}

/// A process or a descriptor can go at any moment.
fn is_gone(error: &io::Error) -> bool {
    [Errno::ENOENT, Errno::ESRCH].contains(&ErrnoText::from(error).0)
}

/// The inode in what a socket's descriptor links to (net/socket.c, sockfs_dname).
fn socket(link: &[u8]) -> Option<u64> {
    let inode = link.strip_prefix(b"socket:[")?.strip_suffix(b"]")?;
    std::str::from_utf8(inode).ok()?.parse().ok()
}
