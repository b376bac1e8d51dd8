//! What a running keepalived has loaded. Since 2.2.0 it keeps that in a file without a name, which root can read in
//! /proc/PID/fd (lib/parser.c, `open_conf_memfd`).
//!
//! Any user can give a process the name "keepalived", leave such a file open, and execute a setuid program. So a process is
//! believed only if it runs as root alone, its executable belongs to root and is keepalived, and root made the file.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;

use super::findings::Finding;
use crate::clock::{Deadline, SystemClock};
use crate::host::process_folder::{ProcessFolder, option};
use crate::host::processes::Processes;
use crate::keepalived_conf::id_of;
use crate::untrusted::{Limits, ReadError, RegularFile};

/// The name of that file.
const MEMFD: &[u8] = b"/memfd:/keepalived/consolidated_configuration";
/// What is read of it.
const LIMITS: Limits = Limits {
    bytes: 16 << 20,
    lines: 1_000_000,
};
/// What is searched of an executable. keepalived's has about 1 MB.
const LIMITS_OF_EXECUTABLE: Limits = Limits {
    bytes: 32 << 20,
    lines: usize::MAX,
};
/// Bytes of a host's name: HOST_NAME_MAX is 64.
const LONGEST_HOST_NAME: u64 = 256;
/// How long it may take to list the processes.
const LIMIT: Duration = Duration::from_secs(5);

/// A keepalived of this network namespace, and what it has loaded.
#[derive(Debug)]
pub struct Running {
    /// Its main process.
    pub pid: u32,
    /// What it has loaded, comments cut and files included.
    pub text: Vec<u8>,
    /// Its main file.
    pub main: PathBuf,
    /// Where it was started.
    pub folder: PathBuf,
    /// What `@id` means to it.
    pub id: Vec<u8>,
}

/// Reads all of them. Those that cannot be read are notes.
pub fn find(proc: &Path, findings: &mut Vec<Finding>) -> Vec<Running> {
    let clock = SystemClock::start();
    let Ok(processes) = Processes::read(proc, Deadline::new(&clock, LIMIT)) else {
        return Vec::new(); // Without /proc nothing runs that could be seen; the sources tell.
    };
    let named = processes
        .all()
        .filter(|process| process.is_called("keepalived"));
    let here: Vec<Candidate> = named
        .filter_map(|process| Candidate::look(proc, process.pid()))
        .collect();
    let mut running = Vec::new();
    for candidate in &here {
        // Its children have the same file.
        let is_child = here
            .iter()
            .any(|other| other.pid == candidate.parent && other.may_be_keepalived());
        if is_child {
            continue;
        }
        match candidate.read() {
            Ok(found) => running.extend(found),
            Err(why) => findings.push(candidate.note(&why)),
        }
    }
    running
}

/// The name of this host, from which keepalived makes its id. Empty if it cannot be read.
pub fn host_name() -> Vec<u8> {
    let name = RegularFile::open_in_proc(Path::new("/proc/sys/kernel/hostname"));
    let name = name.and_then(|file| file.read_start(LONGEST_HOST_NAME));
    name.unwrap_or_default().trim_ascii_end().to_owned()
}

/// Why a process is not believed, or what it has loaded is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Obstacle {
    ExecutableNotOfRoot,
    ExecutableWritable,
    ExecutableOther,
    FileNotOfRoot(u32),
    Unreadable(ReadError),
}

impl From<ReadError> for Obstacle {
    fn from(error: ReadError) -> Self {
        Self::Unreadable(error)
    }
}

/// A process called keepalived that runs as root alone, in the network and with the files of this process.
#[derive(Debug)]
struct Candidate {
    pid: u32,
    parent: u32,
    folder: ProcessFolder,
    obstacle: Option<Obstacle>,
}

impl Candidate {
    /// `None`: it is not one of these, or has ended.
    fn look(proc: &Path, pid: u32) -> Option<Self> {
        let folder = ProcessFolder::open(proc, pid).ok()?;
        let status = folder.status().ok()?;
        if !status.is_root_alone() {
            return None;
        }
        let is_here = folder
            .shares_namespace("net")
            .and_then(|here| Ok(here && folder.shares_namespace("mnt")?));
        let obstacle = match is_here {
            Ok(false) | Err(ReadError::System(Errno::ENOENT | Errno::ESRCH)) => return None,
            Ok(true) => folder
                .executable()
                .map_err(Obstacle::from)
                .and_then(|executable| examine_executable(&executable))
                .err(),
            Err(error) => Some(error.into()),
        };
        Some(Self {
            pid,
            parent: status.parent,
            folder,
            obstacle,
        })
    }

    fn may_be_keepalived(&self) -> bool {
        matches!(self.obstacle, None | Some(Obstacle::Unreadable(_)))
    }

    /// `None`: it has no such file, as before 2.2.0.
    fn read(&self) -> Result<Option<Running>, Obstacle> {
        if let Some(obstacle) = &self.obstacle {
            return Err(obstacle.clone());
        }
        let Some(file) = self.folder.open_file(MEMFD)? else {
            return Ok(None);
        };
        let owner = file.metadata().uid();
        if owner != 0 {
            return Err(Obstacle::FileNotOfRoot(owner));
        }
        let words = self.folder.words()?;
        let folder = self.folder.working_folder()?;
        let main = option(&words, "-f", "--use-file");
        let main = folder.join(main.unwrap_or("/etc/keepalived/keepalived.conf".as_ref()));
        let host = host_name();
        let id = option(&words, "-i", "--config-id");
        let id = id.map_or(id_of(&host), OsStr::as_bytes);
        Ok(Some(Running {
            pid: self.pid,
            text: file.read(LIMITS)?,
            main,
            folder,
            id: id.to_owned(),
        }))
    }

    fn note(&self, why: &Obstacle) -> Finding {
        let pid = self.pid;
        let program = self.folder.executable_path();
        let program = program.display();
        let not_believed = format!("process {pid} is called keepalived, but is not examined");
        match why {
            Obstacle::ExecutableNotOfRoot => Finding::note(
                not_believed,
                format!("its program {program} does not belong to root"),
                "",
            ),
            Obstacle::ExecutableWritable => Finding::note(
                not_believed,
                format!("users other than root can write to its program {program}"),
                "",
            ),
            Obstacle::ExecutableOther => Finding::note(
                not_believed,
                format!("its program {program} is not keepalived"),
                "",
            ),
            Obstacle::FileNotOfRoot(owner) => Finding::note(
                not_believed,
                format!("user {owner} made the configuration that it has open"),
                "",
            ),
            Obstacle::Unreadable(error) => {
                let is_refused = matches!(error, ReadError::System(Errno::EACCES | Errno::EPERM));
                Finding::note(
                    format!("what the running keepalived ({pid}) has loaded is not known"),
                    error.to_string(),
                    if is_refused {
                        "run the doctor as root"
                    } else {
                        ""
                    },
                )
            }
        }
    }
}

/// Nobody but root can have made it, and it is keepalived.
fn examine_executable(executable: &RegularFile) -> Result<(), Obstacle> {
    let found = executable.metadata();
    if found.uid() != 0 {
        return Err(Obstacle::ExecutableNotOfRoot);
    }
    let by_group = found.gid() != 0 && found.mode() & 0o020 != 0;
    if by_group || found.mode() & 0o002 != 0 {
        return Err(Obstacle::ExecutableWritable);
    }
    match has_version(&executable.read(LIMITS_OF_EXECUTABLE)?) {
        true => Ok(()),
        false => Err(Obstacle::ExecutableOther),
    }
}

/// True if a program has the text that `keepalived --version` begins with, such as `Keepalived v2.2.8 (`. Each keepalived
/// has it once.
fn has_version(program: &[u8]) -> bool {
    const START: &[u8] = b"Keepalived v";
    let mut starts = program.windows(START.len()).enumerate();
    starts.any(|(at, text)| {
        let rest = program.get(at + START.len()..).unwrap_or_default();
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b".+-~_".contains(byte);
        let length = rest
            .iter()
            .take(LONGEST_VERSION)
            .take_while(|byte| is_part(byte))
            .count();
        text == START
            && rest.first().is_some_and(u8::is_ascii_digit)
            && rest
                .get(length..)
                .is_some_and(|rest| rest.starts_with(b" ("))
    })
}

/// Bytes of a version.
const LONGEST_VERSION: usize = 40;

#[cfg(test)]
mod tests {
    use super::has_version;

    #[test]
    fn the_text_of_each_keepalived() {
        for (program, expected) in [
            ("\0Keepalived v2.2.7 (01/16,2022)\0", true),
            ("Keepalived v1.2.24 (", true),
            ("Keepalived v2.4.3+git1~x-1 (", true),
            ("Keepalived v%s Keepalived v2.3.4 (", true),
            ("Keepalived v", false),
            ("Keepalived v (", false),
            ("Keepalived vx (", false),
            ("Keepalived v2.2.7", false),
            ("Keepalived v2.2.7 x (", false),
            ("", false),
        ] {
            assert_eq!(has_version(program.as_bytes()), expected, "{program}");
        }
    }
}
