//! The processes of a running keepalived, and its loaded configuration. Since 2.2.0 it keeps that in a file without a
//! name, which root can read in /proc/PID/fd (lib/parser.c, `open_conf_memfd`).
//!
//! Any user can give a process the name "keepalived", leave such a file open, and execute a setuid program. So a
//! process is trusted only if it runs as root alone, its executable belongs to root and is keepalived, and root made
//! the file.

use std::ffi::OsStr;
use std::fmt::Display;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;

use super::version;
use crate::clock::{Deadline, SystemClock};
use crate::commands::doctor::codes::live::{
    LOADED_UNREADABLE, NOT_BELIEVED, NotTrusted, PROCESSES_UNKNOWN,
};
use crate::commands::doctor::findings::{Finding, Findings};
use crate::host::process_folder::{ProcessFolder, option};
use crate::host::processes::Processes;
use crate::keepalived_conf::{Version, instance_id};
use crate::untrusted::{Limits, ReadError, RegularFile};

/// The name of that file.
const MEMFD: &[u8] = b"/memfd:/keepalived/consolidated_configuration";
/// The limits for reading that file.
const LIMITS: Limits = Limits {
    bytes: 4 << 20,
    lines: 1_000_000,
};
/// Bytes of a host's name: HOST_NAME_MAX is 64.
const LONGEST_HOST_NAME: u64 = 256;
/// How long it may take to list the processes.
const LIMIT: Duration = Duration::from_secs(5);

/// A keepalived in this network namespace.
#[derive(Debug)]
pub struct Running {
    /// Its main process.
    pub pid: u32,
    /// Its version.
    pub version: Option<Version>,
    /// The path of its executable.
    pub program: PathBuf,
    /// Its other processes, which run the scripts and watch the files.
    pub children: Vec<ProcessFolder>,
    /// Its loaded configuration. `None`: it has no such file, as before 2.2.0, or that cannot be read.
    pub loaded: Option<Loaded>,
}

/// A configuration that a running keepalived has loaded.
#[derive(Debug)]
pub struct Loaded {
    /// The text, with comments cut and files included.
    pub text: Vec<u8>,
    /// Its main file.
    pub main: PathBuf,
    /// The folder in which it was started.
    pub folder: PathBuf,
    /// The id that keepalived compares `@id` with.
    pub id: Vec<u8>,
}

/// Finds the running keepalived processes, and reports what cannot be read.
pub fn find(proc: &Path, findings: &mut Findings) -> Vec<Running> {
    let clock = SystemClock::start();
    let unknown = |why: &dyn Display| PROCESSES_UNKNOWN.with(&[("why", why)]);
    let processes = match Processes::read(proc, Deadline::new(&clock, LIMIT)) {
        Ok(processes) => processes,
        Err(why) => {
            findings.add(unknown(&why));
            return Vec::new();
        }
    };
    let named = processes
        .all()
        .filter(|process| process.matches_name("keepalived"));
    let candidates = named.filter_map(|process| Candidate::find(proc, process.pid()));
    let candidates: Vec<Candidate> = candidates.collect();
    if candidates.is_empty() && !processes.include_others() {
        findings.add(unknown(&"this user cannot see the processes of others"));
    }
    let is_keepalived = |pid: u32| {
        let mut all = candidates.iter();
        all.any(|other| other.pid == pid && other.may_be_keepalived())
    };
    // Its children have the same file.
    let (children, mains): (Vec<&Candidate>, Vec<&Candidate>) = candidates
        .iter()
        .partition(|candidate| is_keepalived(candidate.parent));
    let mut running = Vec::new();
    for main in mains {
        let version = match &main.version {
            Ok(version) => Some(*version),
            Err(why) => {
                findings.add(main.report(why));
                continue;
            }
        };
        let loaded = main.loaded().unwrap_or_else(|why| {
            findings.add(main.report(&why));
            None
        });
        let children = children.iter().filter(|child| child.parent == main.pid);
        let children = children.filter_map(|child| ProcessFolder::open(proc, child.pid).ok());
        running.push(Running {
            pid: main.pid,
            version,
            program: main.folder.executable_path(),
            children: children.collect(),
            loaded,
        });
    }
    running
}

/// Returns the name of this host, from which keepalived makes its id. It is empty if it cannot be read.
pub fn host_name() -> Vec<u8> {
    let name = RegularFile::open_in_proc(Path::new("/proc/sys/kernel/hostname"));
    let name = name.and_then(|file| file.read_start(LONGEST_HOST_NAME));
    name.unwrap_or_default().trim_ascii_end().to_owned()
}

impl From<ReadError> for NotTrusted {
    fn from(error: ReadError) -> Self {
        Self::Unreadable(error)
    }
}

/// A process called keepalived that runs as root alone, with the network and the files of this process.
#[derive(Debug)]
struct Candidate {
    pid: u32,
    parent: u32,
    folder: ProcessFolder,
    /// Its version, or why it is not trusted.
    version: Result<Version, NotTrusted>,
}

impl Candidate {
    /// Examines a process. `None`: it is not one of these, or has ended.
    fn find(proc: &Path, pid: u32) -> Option<Self> {
        let folder = ProcessFolder::open(proc, pid).ok()?;
        let status = folder.status().ok()?;
        if !status.is_root_alone() {
            return None;
        }
        let is_here = folder
            .shares_namespace("net")
            .and_then(|here| Ok(here && folder.shares_namespace("mnt")?));
        let version = match is_here {
            Ok(false) | Err(ReadError::System(Errno::ENOENT | Errno::ESRCH)) => return None,
            Ok(true) => folder
                .executable()
                .map_err(NotTrusted::from)
                .and_then(examine_executable),
            Err(error) => Err(error.into()),
        };
        Some(Self {
            pid,
            parent: status.parent,
            folder,
            version,
        })
    }

    fn may_be_keepalived(&self) -> bool {
        matches!(self.version, Ok(_) | Err(NotTrusted::Unreadable(_)))
    }

    /// Returns the loaded configuration. `None`: the process has no such file, as before 2.2.0.
    fn loaded(&self) -> Result<Option<Loaded>, NotTrusted> {
        let Some(file) = self.folder.open_file(MEMFD)? else {
            return Ok(None);
        };
        let owner = file.metadata().uid();
        if owner != 0 {
            return Err(NotTrusted::FileNotOfRoot(owner));
        }
        let words = self.folder.words()?;
        let folder = self.folder.working_folder()?;
        let main = option(&words, "-f", "--use-file");
        let main = folder.join(main.unwrap_or("/etc/keepalived/keepalived.conf".as_ref()));
        let host = host_name();
        let id = option(&words, "-i", "--config-id");
        let id = id.map_or(instance_id(&host), OsStr::as_bytes);
        Ok(Some(Loaded {
            text: file.read(LIMITS)?,
            main,
            folder,
            id: id.to_owned(),
        }))
    }

    fn report(&self, why: &NotTrusted) -> Finding {
        let code = match why {
            NotTrusted::Unreadable(_) => LOADED_UNREADABLE,
            _ => NOT_BELIEVED,
        };
        let program = self.folder.executable_path();
        code.with(&[
            ("pid", &self.pid),
            ("program", &program.display()),
            ("why", why),
        ])
    }
}

/// Returns the version of an executable that only root can have made.
fn examine_executable(executable: RegularFile) -> Result<Version, NotTrusted> {
    let found = executable.metadata();
    if found.uid() != 0 {
        return Err(NotTrusted::ExecutableNotOfRoot);
    }
    let by_group = found.gid() != 0 && found.mode() & 0o020 != 0;
    if by_group || found.mode() & 0o002 != 0 {
        return Err(NotTrusted::ExecutableWritable);
    }
    version::of_file(&executable)?.ok_or(NotTrusted::ExecutableOther)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_that_cannot_be_listed_are_reported() {
        let mut findings = Findings::default();
        assert!(find(Path::new("/nonexistent"), &mut findings).is_empty());
        let codes: Vec<&str> = findings.iter().map(|found| found.code.id).collect();
        assert_eq!(codes, ["LU515"]);
    }
}
