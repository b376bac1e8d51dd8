//! A reload: the program on disk is executed in place of this one, with the options as they are now.
//!
//! The process, the file and its lock stay, so nothing else can take the file meanwhile. Signals stay blocked and pending:
//! a SIGTERM that comes in between is read by the program that follows.

use std::convert::Infallible;
use std::ffi::{CString, OsString};
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::execv;

use crate::cli::RELOADED;
use crate::errno::ErrnoText;

/// How long the program on disk may take to check the options.
const LIMIT: Duration = Duration::from_secs(3);
/// The most bytes that are read of its output.
const MOST: u64 = 4_096;
/// The output of a program on disk that can take over. Another program does not print it, even if it ends with success.
pub const ANSWER: &str = "listenup watch: the options are correct\n";

/// The command line that is executed again.
#[derive(Debug)]
pub struct Program {
    path: PathBuf,
    line: Vec<OsString>,
}

/// The program on disk, while it checks the options.
#[derive(Debug)]
pub struct Trial {
    child: Child,
    until: Duration,
}

impl Program {
    /// Returns the program of this process. Must be called at the start: after an upgrade /proc/self/exe shows a removed file.
    pub fn of(line: &[OsString]) -> Self {
        let name = line.first().map(PathBuf::from).unwrap_or_default();
        let path = match name.as_os_str().as_bytes().contains(&b'/') {
            true => name,
            false => std::env::current_exe().unwrap_or(name),
        };
        Self {
            path,
            line: line.to_vec(),
        }
    }

    /// Starts the program on disk with `--check-options`. Its standard input is the file, so that it can compare that with the
    /// file that it would keep.
    ///
    /// # Errors
    /// Returns why it cannot be started.
    pub fn start_trial(&self, file: BorrowedFd<'_>, now: Duration) -> Result<Trial, String> {
        let mut command = Command::new(&self.path);
        command.args(self.line.iter().skip(1));
        command.args(["--check-options", RELOADED, "0"]);
        let child = file.try_clone_to_owned().and_then(|file| {
            command
                .stdin(file)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
        });
        let child = child.map_err(|error| self.not_executed(ErrnoText::from(&error)))?;
        // A process that it has started may keep the pipes open.
        let pipes = [
            child.stdout.as_ref().map(AsFd::as_fd),
            child.stderr.as_ref().map(AsFd::as_fd),
        ];
        for pipe in pipes.into_iter().flatten() {
            let _ = fcntl(pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK));
        }
        Ok(Trial {
            child,
            until: now + LIMIT,
        })
    }

    /// Executes the program on disk in place of this one. Does not return if that succeeds.
    ///
    /// # Errors
    /// Returns why it cannot be executed.
    pub fn execute(&self, file: BorrowedFd<'_>) -> Result<Infallible, String> {
        let number = file.as_raw_fd().to_string();
        let added = [RELOADED, &number].map(OsString::from);
        let words = self
            .line
            .iter()
            .cloned()
            .chain(added)
            .map(OsString::into_vec);
        let words: Result<Vec<CString>, _> = words.map(CString::new).collect();
        let path = CString::new(self.path.as_os_str().as_bytes());
        let kept = |flag| fcntl(file, FcntlArg::F_SETFD(flag));
        let executed = match (path, words) {
            (Ok(path), Ok(words)) => kept(FdFlag::empty()).and_then(|_| execv(&path, &words)),
            _ => Err(Errno::EINVAL),
        };
        let _ = kept(FdFlag::FD_CLOEXEC);
        executed.map_err(|errno| self.not_executed(ErrnoText(errno)))
    }

    fn not_executed(&self, why: ErrnoText) -> String {
        format!("{} cannot be executed: {why}", self.path.display())
    }
}

impl Trial {
    /// Returns the result, with the reason of a failure. `None`: the program is still running.
    pub fn result(&mut self, now: Duration) -> Option<Result<(), String>> {
        match self.child.try_wait() {
            Ok(None) if now < self.until => None,
            Ok(None) => Some(Err(
                "the program on disk does not finish --check-options".to_owned()
            )),
            Ok(Some(status)) if status.success() => {
                let is_answer = start_of(self.child.stdout.take()) == ANSWER;
                let why = "the program on disk is not listenup: it does not answer --check-options";
                Some(is_answer.then_some(()).ok_or(why.to_owned()))
            }
            Ok(Some(status)) => {
                let text = start_of(self.child.stderr.take());
                let line = text.lines().map(str::trim).find(|line| !line.is_empty());
                let line = line.map(|line| {
                    let line = line.trim_start_matches("listenup: ");
                    line.trim_start_matches("error: ").to_owned()
                });
                Some(Err(line.unwrap_or_else(|| {
                    format!("the program on disk ends with {status}")
                })))
            }
            Err(error) => Some(Err(ErrnoText::from(&error).to_string())),
        }
    }
}

/// Removes the processes of earlier trials, which were not waited for.
pub fn reap() {
    let ended = || waitpid(None, Some(WaitPidFlag::WNOHANG));
    while ended().is_ok_and(|status| status != WaitStatus::StillAlive) {}
}

/// Returns what a pipe holds, up to [`MOST`] bytes.
fn start_of(pipe: Option<impl Read>) -> String {
    let mut text = Vec::new();
    let _ = pipe.map(|pipe| pipe.take(MOST).read_to_end(&mut text));
    String::from_utf8_lossy(&text).into_owned()
}

impl Drop for Trial {
    fn drop(&mut self) {
        // Not waited for: it could be in a system call that no signal ends.
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
        }
    }
}
