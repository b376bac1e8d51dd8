//! The names of a process, as pidof(8) accepts them.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;
use tracing::debug;

use super::{Process, Processes, is_refusal, read_page};
use crate::errno::ErrnoText;
use crate::host::descriptors::threads;
use crate::untrusted::text::printable_bytes;

impl Processes {
    /// True if the file that a process runs has this name, which pidof(8) also accepts. Some programs, such as Node.js,
    /// give their main thread another name.
    ///
    /// # Errors
    /// Returns an error if that is unknown, except if this user is not allowed to look.
    pub fn matches_file(&self, process: &Process, wanted: &str) -> Result<bool, Errno> {
        let is_it = runs(&self.folder(process), wanted)?;
        if is_it {
            debug!("{process} is called {wanted} by the file that it runs");
        }
        Ok(is_it)
    }

    /// True if the first argument of a process has this name, which pidof(8) also accepts. The kernel reads the
    /// memory of the process for it, so the process can hold it up. If the main thread has ended, the other threads have
    /// the file and the arguments.
    ///
    /// # Errors
    /// Returns an error if that is unknown, except if this user is not allowed to look.
    pub fn matches_argument(&self, process: &Process, wanted: &str) -> Result<bool, Errno> {
        let folder = self.folder(process);
        let is_it = match first_argument(&folder)? {
            first if first.is_empty() => {
                let task = folder.join("task");
                let threads = threads(&task).or_else(|error| known(&error, Vec::new()))?;
                let thread = threads.iter().find(|thread| **thread != process.pid);
                match thread.map(|thread| task.join(thread.to_string())) {
                    Some(thread) => {
                        runs(&thread, wanted)? || is_called(&first_argument(&thread)?, wanted)
                    }
                    None => false,
                }
            }
            first => is_called(&first, wanted),
        };
        if is_it {
            debug!("{process} is called {wanted} by its first argument");
        }
        Ok(is_it)
    }

    /// Returns the name of the executable, if it differs from the name of the process.
    pub fn program(&self, process: &Process) -> Option<String> {
        let link = fs::read_link(self.folder(process).join("exe")).ok()?;
        let name = link.file_name()?.as_bytes();
        let name = name.strip_suffix(b" (deleted)").unwrap_or(name);
        let is_other = !process.matches_name(&String::from_utf8_lossy(name));
        is_other.then(|| printable_bytes(name))
    }
}

/// Returns the value that stands for something that has ended, or that this user is not allowed to read.
///
/// # Errors
/// Returns every other error.
fn known<T>(error: &io::Error, value: T) -> Result<T, Errno> {
    match ErrnoText::from(error).0 {
        Errno::ENOENT | Errno::ESRCH => Ok(value),
        errno if is_refusal(errno) => Ok(value),
        errno => Err(errno),
    }
}

/// True if a process, or a thread, runs a file with this name.
fn runs(folder: &Path, wanted: &str) -> Result<bool, Errno> {
    match fs::read_link(folder.join("exe")) {
        Ok(link) => Ok(has_file_name(link.as_os_str().as_bytes(), wanted)),
        Err(error) => known(&error, false),
    }
}

/// The first argument of a process, or of a thread. Empty if its main thread has ended.
fn first_argument(folder: &Path) -> Result<Vec<u8>, Errno> {
    let line = read_page(&folder.join("cmdline"));
    let line = line.or_else(|error| known(&error.into(), Vec::new()))?;
    let first = line.split(|byte| *byte == 0).next();
    Ok(first.unwrap_or_default().to_owned())
}

fn is_called(argument: &[u8], wanted: &str) -> bool {
    has_file_name(argument.strip_prefix(b"-").unwrap_or(argument), wanted)
}

/// True if the last part of a path is this name.
fn has_file_name(path: &[u8], wanted: &str) -> bool {
    let path = path.strip_suffix(b" (deleted)").unwrap_or(path);
    path.rsplit(|byte| *byte == b'/').next() == Some(wanted.as_bytes())
}
