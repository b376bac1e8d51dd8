//! The processes that hold a listener: those with a descriptor of its inode.

mod holders;
mod names;

use std::cmp::Reverse;
use std::fmt;
use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use super::descriptors::{BUSY, NOT_NAMED, RingPauses, Table};
use crate::clock::Deadline;
use crate::domain::UnknownReason;
use crate::errno::ErrnoText;
use crate::untrusted::text::printable_bytes;
use crate::untrusted::{ReadError, RegularFile};

/// Bytes of a process's name that the kernel keeps (TASK_COMM_LEN, without its NUL).
const NAME: usize = 15;
/// Bytes of /proc/PID/comm, which kernel threads fill beyond [`NAME`] (kernel/workqueue.c, WORKER_DESC_LEN).
const LONGEST_COMM: u64 = 256;
/// Bytes of /proc/PID/status, which has some 60 lines.
const LONGEST_STATUS: u64 = 64 << 10;

/// Bytes that are read of a process's stat, cgroup and cmdline, of which the first argument is a path: PATH_MAX.
const LONGEST_FILE: u64 = 4096;

/// How many descriptors of each process are read before the rest of any. A service opens its listeners first, so they
/// have the lowest numbers. The many descriptors of a busy service are its connections.
const FIRST: usize = 256;

/// The link to the first PID namespace (include/linux/proc_ns.h, PROC_PID_INIT_INO).
const FIRST_PID_NAMESPACE: &str = "pid:[4026531836]";

/// The processes of one moment.
#[derive(Debug)]
pub struct Processes {
    proc: PathBuf,
    all: Vec<Process>,
    viewer: Option<Viewer>,
    pauses: RingPauses,
}

/// A user other than root, who cannot look into all processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Viewer {
    /// The user's number.
    pub uid: u32,
    /// The group's number, if it is known.
    pub gid: Option<u32>,
}

/// A process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    pid: u32,
    /// The name as ps(1) shows it, or the reason why it could not be read.
    name: Result<Vec<u8>, Errno>,
}

pub use self::holders::SocketHolders;

/// The result of a search among some processes.
#[derive(Debug)]
pub enum SearchResult<'p> {
    /// This process has a descriptor of the socket.
    By(&'p Process),
    /// None of the processes holds it.
    ByNone,
    /// None of the processes that could be examined holds it; this process could not be examined, for this reason.
    Refused(&'p Process, Errno),
}

impl Processes {
    /// Reads the processes below this root, which is /proc except in tests.
    ///
    /// # Errors
    /// Returns the reason if they cannot be listed, or not in time.
    pub fn read(proc: &Path, deadline: Deadline<'_>) -> Result<Self, UnknownReason> {
        let unreadable = |error: io::Error| {
            let why = ErrnoText::from(&error);
            UnknownReason::new(format_args!("{} cannot be listed: {why}", proc.display()))
        };
        let mut all = Vec::new();
        for entry in fs::read_dir(proc).map_err(unreadable)? {
            if deadline.has_passed() {
                return Err(UnknownReason::new(
                    "there was no time to list all processes",
                ));
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
                Ok(name) => all.push(Process::new(pid, Ok(&name))),
                Err(ReadError::System(Errno::ENOENT | Errno::ESRCH)) => {}
                Err(error) => {
                    let why = ErrnoText::from(&io::Error::from(error)).0;
                    all.push(Process::new(pid, Err(why)));
                }
            }
        }
        all.sort_unstable_by_key(|process| process.pid);
        let proc = proc.to_owned();
        Ok(Self {
            proc,
            all,
            viewer: None,
            pauses: RingPauses::default(),
        })
    }

    /// Restricts them to the processes that this user can examine.
    #[must_use]
    pub fn seen_by(self, viewer: Option<Viewer>) -> Self {
        Self { viewer, ..self }
    }

    /// Returns all processes.
    pub fn all(&self) -> impl Iterator<Item = &Process> {
        self.all.iter()
    }

    /// True if the processes of other users are among them. The first process of a PID namespace is missing, or has no name,
    /// if /proc is mounted with hidepid.
    pub fn include_others(&self) -> bool {
        let first = self.all.first();
        first.is_some_and(|process| process.pid == 1 && process.name.is_ok())
    }

    /// True if these are all processes of the machine, and not those of a container, or those that this user can see.
    pub fn are_all(&self) -> bool {
        let namespace = fs::read_link(self.proc.join("self/ns/pid"));
        namespace.is_ok_and(|link| link == Path::new(FIRST_PID_NAMESPACE))
            && self.all.first().is_some_and(|process| process.pid == 1)
    }

    fn folder(&self, process: &Process) -> PathBuf {
        self.proc.join(process.pid.to_string())
    }

    /// Sorts processes, the most likely holder first: the processes in the cgroup with this id, in which the socket was
    /// made, and of them the newest, which has the listener after a reload.
    pub fn sort(&self, processes: &mut [&Process], cgroup: Option<u64>) {
        if processes.len() > 1 {
            processes.sort_by_cached_key(|process| {
                let is_there = cgroup.is_some() && self.cgroup(process) == cgroup;
                Reverse((is_there, self.started(process), process.pid))
            });
        }
    }

    /// Returns the start time of a process: the 22nd field of /proc/PID/stat. The second field can have spaces and
    /// brackets in it.
    fn started(&self, process: &Process) -> Option<u64> {
        let stat = self.file_of(process, "stat")?;
        let stat = String::from_utf8_lossy(&stat);
        let (_, rest) = stat.rsplit_once(')')?;
        rest.split_whitespace().nth(19)?.parse().ok()
    }

    /// Reads the first page of a file of a process. `None` if it cannot be read.
    fn file_of(&self, process: &Process, name: &str) -> Option<Vec<u8>> {
        read_page(&self.folder(process).join(name)).ok()
    }

    /// Returns the id of a process's cgroup, which is the inode of its folder.
    fn cgroup(&self, process: &Process) -> Option<u64> {
        let lines = String::from_utf8(self.file_of(process, "cgroup")?).ok()?;
        let path = lines.lines().find_map(|line| line.strip_prefix("0::/"))?;
        let folder = Path::new("/sys/fs/cgroup").join(path);
        fs::metadata(folder).ok().map(|found| found.ino())
    }

    /// Searches these processes for the socket with this inode: the first descriptors of each, then the rest of each,
    /// and then the tables of threads that have their own.
    pub fn search<'p>(
        &self,
        processes: &[&'p Process],
        inode: u64,
        deadline: Deadline<'_>,
    ) -> SearchResult<'p> {
        let sees = |process: &&Process| {
            let viewer = self.viewer;
            viewer.is_none_or(|viewer| viewer.sees(&self.folder(process)))
        };
        let (processes, unseen): (Vec<&Process>, Vec<&Process>) =
            processes.iter().copied().partition(sees);
        let mut refused = unseen.first().map(|process| (*process, Errno::EACCES));
        let mut refuse = |process, error: &io::Error| {
            refused = Some((process, ErrnoText::from(error).0));
        };
        for places in [0..FIRST, FIRST..usize::MAX] {
            for process in &processes {
                match holds(
                    &Table::of(&self.proc, process.pid, &self.pauses),
                    places.clone(),
                    inode,
                    deadline,
                ) {
                    Ok(true) => return SearchResult::By(process),
                    Ok(false) => {}
                    Err(error) => refuse(*process, &error),
                }
            }
        }
        for process in &processes {
            let tables = Table::of_threads(&self.proc, process.pid, &self.pauses);
            if let Err(error) = &tables {
                refuse(*process, error);
            }
            for table in tables.into_iter().flatten() {
                match holds(&table, 0..usize::MAX, inode, deadline) {
                    Ok(true) => return SearchResult::By(process),
                    Ok(false) => {}
                    Err(error) => refuse(*process, &error),
                }
                if deadline.has_passed() {
                    break;
                }
            }
        }
        refused.map_or(SearchResult::ByNone, |(process, errno)| {
            SearchResult::Refused(process, errno)
        })
    }
}

/// True if a lack of permission is the reason.
pub(crate) fn is_refusal(errno: Errno) -> bool {
    matches!(errno, Errno::EACCES | Errno::EPERM)
}

/// The reason why a process could not be examined, for a person.
pub(crate) fn why_not_examined(errno: Errno) -> String {
    match errno {
        BUSY => "an io_uring was busy".to_owned(),
        NOT_NAMED => "this kernel does not show which sockets are in an io_uring".to_owned(),
        errno => ErrnoText(errno).to_string(),
    }
}

/// Reads the first page of a file of the kernel.
fn read_page(file: &Path) -> Result<Vec<u8>, ReadError> {
    RegularFile::open_in_proc(file)?.read_start(LONGEST_FILE)
}

fn holds(
    table: &Table<'_>,
    places: std::ops::Range<usize>,
    inode: u64,
    deadline: Deadline<'_>,
) -> io::Result<bool> {
    let end = table.sockets(places, deadline, &mut |found| match found == inode {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    });
    Ok(end?.is_break())
}

impl Process {
    /// Reads a process and its name from /proc/PID/comm, or the reason why it could not be read.
    pub fn new(pid: u32, name: Result<&[u8], Errno>) -> Self {
        let name = name.map(|name| name.trim_ascii_end().to_owned());
        Self { pid, name }
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The printable name: any user can give a process a name that would control a terminal.
    pub fn name(&self) -> Option<String> {
        Some(printable_bytes(self.name.as_ref().ok()?))
    }

    /// The reason why its name could not be read. `None` if it is known.
    pub fn unnamed_because(&self) -> Option<Errno> {
        self.name.as_ref().err().copied()
    }

    /// True if it has this name. The kernel keeps only the beginning of a name. An unknown name does not match.
    pub fn matches_name(&self, wanted: &str) -> bool {
        let wanted = wanted.as_bytes();
        self.name
            .as_ref()
            .is_ok_and(|name| name == wanted || name.len() == NAME && wanted.starts_with(name))
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
    /// True if the kernel lets this user examine a process (kernel/ptrace.c, `__ptrace_may_access`): all its users and
    /// groups are the same, it has no capabilities, and it can be dumped, or else its folder belongs to root.
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

/// The name of a process.
fn comm(process: &Path) -> Result<Vec<u8>, ReadError> {
    RegularFile::open_in_proc(&process.join("comm"))?.read_start(LONGEST_COMM)
}
