//! The processes that keep a track_file: each `listenup watch`.
//!
//! Any user can start a process whose command line says `listenup watch --track-file FILE`. Such a process counts only if it
//! executes this program and the file belongs to its user.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::own_image::OwnImage;
use crate::host::process_folder::{ProcessFolder, option};
use crate::untrusted::ReadError;

/// The processes that say of themselves that they keep a file.
#[derive(Debug, Default)]
pub struct Writers(Vec<Writer>);

/// A process that says of itself that it keeps a file.
#[derive(Debug)]
pub struct Writer {
    /// Its number.
    pub pid: u32,
    /// Its effective user.
    pub user: u32,
    file: PathBuf,
    program: Result<bool, ReadError>,
}

/// Why it is not known that a process keeps a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// It executes another file than this program.
    OtherProgram,
    /// What it executes cannot be looked at.
    Unreadable(ReadError),
    /// The file belongs to another user than the process.
    OtherUser,
}

impl Writers {
    /// Finds them all. `own` is the program that they must execute.
    pub fn find(own: Option<&OwnImage>, proc: &Path) -> Self {
        let entries = fs::read_dir(proc).into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        Self(
            pids.filter_map(|pid| Writer::look(own, proc, pid))
                .collect(),
        )
    }

    /// The process that keeps this file. One that executes this program goes before others.
    pub fn of(&self, file: &Path) -> Option<&Writer> {
        let writers = self.0.iter().filter(|writer| is_same(&writer.file, file));
        writers.max_by_key(|writer| writer.is_listenup())
    }
}

impl Writer {
    /// `None`: its command line is another, or it has ended.
    fn look(own: Option<&OwnImage>, proc: &Path, pid: u32) -> Option<Self> {
        let folder = ProcessFolder::open(proc, pid).ok()?;
        let [_, user, _] = folder.status().ok()?.users;
        let words = folder.words().ok()?;
        let [program, subcommand, ..] = words.as_slice() else {
            return None;
        };
        let program = Path::new(OsStr::from_bytes(program));
        if program.file_name() != Some("listenup".as_ref()) || subcommand != b"watch" {
            return None;
        }
        // Only the long form exists.
        let file = option(&words, "--track-file", "--track-file")?;
        let program = match own {
            Some(own) => folder.executable().and_then(|file| own.is_in(&file)),
            None => Ok(false),
        };
        Some(Self {
            pid,
            user,
            file: folder.working_folder().unwrap_or_default().join(file),
            program,
        })
    }

    /// True if it executes this program.
    pub fn is_listenup(&self) -> bool {
        self.program == Ok(true)
    }

    /// Why it is not known that it keeps a file which belongs to this user. `None`: it does.
    pub fn doubt(&self, owner: u32) -> Option<Doubt> {
        match self.program {
            Err(error) => Some(Doubt::Unreadable(error)),
            Ok(false) => Some(Doubt::OtherProgram),
            Ok(true) if owner != self.user => Some(Doubt::OtherUser),
            Ok(true) => None,
        }
    }
}

/// The same file, through links or not, whether or not it is there.
fn is_same(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| {
        let folder = path
            .parent()
            .and_then(|folder| fs::canonicalize(folder).ok());
        folder
            .zip(path.file_name())
            .map(|(folder, name)| folder.join(name))
    };
    one == other || real(one).is_some_and(|one| real(other) == Some(one))
}
