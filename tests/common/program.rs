//! The program under test, and exact assertions about what it says.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The binary that cargo built for this test run, or the one that `LISTENUP_TEST_PROGRAM` names when the tests are
/// compiled, so that they can run on that of the packages, too.
pub const LISTENUP: &str = match option_env!("LISTENUP_TEST_PROGRAM") {
    Some(program) => program,
    None => env!("CARGO_BIN_EXE_listenup"),
};

/// The keepalived of the tests: the installed one, or the one that `LISTENUP_TEST_KEEPALIVED` names
/// (see scripts/keepalived-test).
pub fn keepalived() -> String {
    std::env::var("LISTENUP_TEST_KEEPALIVED").unwrap_or_else(|_| "keepalived".to_owned())
}

/// Runs `listenup` with these words as arguments.
pub fn listenup(words: &str) -> ProgramOutput {
    listenup_with(&words.split_whitespace().collect::<Vec<_>>())
}

/// Runs `listenup` with these arguments.
pub fn listenup_with(args: &[&str]) -> ProgramOutput {
    ProgramOutput::by(Command::new(LISTENUP).args(args).stdin(Stdio::null()))
}

/// Runs a line of sh, in which `$0` is the program.
pub fn sh(line: &str) -> ProgramOutput {
    ProgramOutput::by(
        Command::new("sh")
            .args(["-c", line, LISTENUP])
            .stdin(Stdio::null()),
    )
}

/// A program of the scripts, which `cargo test` builds for the whole test run.
pub fn example(name: &str) -> PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    let path = path.join("examples").join(name);
    assert!(
        path.exists(),
        "no {}: for a single test file, run `cargo build --examples` first",
        path.display()
    );
    path
}

/// This process as the program calls it.
pub fn this_process() -> String {
    let name = std::fs::read_to_string("/proc/self/comm").unwrap();
    format!("{} ({})", name.trim_end(), std::process::id())
}

/// Waits until the main thread of this process waits in one of these system calls.
#[track_caller]
pub fn await_call(pid: u32, calls: &[libc::c_long]) {
    let path = format!("/proc/{pid}/syscall");
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let call = std::fs::read_to_string(&path).unwrap();
        let number = call.split_whitespace().next();
        if calls.iter().any(|call| number == Some(&call.to_string())) {
            return;
        }
        assert!(Instant::now() < deadline, "{path}: {call}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Stops a process and waits until each of its threads stands still: until then one of them may still do something.
#[track_caller]
pub fn stop(pid: Pid) {
    kill(pid, Signal::SIGSTOP).unwrap();
    let is_stopped = |thread: std::fs::DirEntry| {
        let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap();
        stat.contains(") T ")
    };
    let deadline = Instant::now() + Duration::from_secs(10);
    let threads = || std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    while !threads().all(|thread| is_stopped(thread.unwrap())) {
        assert!(Instant::now() < deadline, "{pid} goes on");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// What a run said and how it exited.
#[derive(Debug)]
pub struct ProgramOutput {
    pub stdout: String,
    pub stderr: String,
    /// `None`: ended by a signal.
    pub code: Option<i32>,
    what: String,
}

impl ProgramOutput {
    pub fn by(command: &mut Command) -> Self {
        let what = format!("{command:?}");
        Self::of(what, command.output().unwrap())
    }

    /// What a process said that was started otherwise.
    pub fn of(what: String, output: Output) -> Self {
        let Output {
            status,
            stdout,
            stderr,
        } = output;
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self {
            stdout: text(stdout),
            stderr: text(stderr),
            code: status.code(),
            what,
        }
    }

    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    #[track_caller]
    pub fn stdout(self, expected: &str) -> Self {
        assert_eq!(self.stdout, expected, "{self:#?}");
        self
    }

    /// Asserts that one line begins so, and goes on at most with where else something listens.
    #[track_caller]
    pub fn says_not(self, beginning: &str) -> Self {
        let rest = self.stdout.strip_prefix(beginning).map(str::trim_end);
        let only = self.stdout.lines().count() == 1;
        let is_so = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("; "));
        assert!(only && is_so, "{self:#?}\ndoes not say {beginning:?}");
        self
    }

    #[track_caller]
    pub fn stderr(self, expected: &str) -> Self {
        assert_eq!(self.stderr, expected, "{self:#?}");
        self
    }

    #[track_caller]
    pub fn stdout_has(self, part: &str) -> Self {
        assert!(self.stdout.contains(part), "{self:#?}\nhas no {part:?}");
        self
    }

    #[track_caller]
    pub fn stderr_has(self, part: &str) -> Self {
        assert!(self.stderr.contains(part), "no {part:?} in {self:#?}");
        self
    }
}
