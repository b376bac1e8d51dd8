//! A `listenup watch` that runs while a test does something.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::confined::Confined;
use super::program::{LISTENUP, ProgramOutput, stop};

/// One watch and its file. It is killed with this value.
pub struct Watcher {
    child: Option<Child>,
    pub file: PathBuf,
    folder: tempfile::TempDir,
    manager: UnixDatagram,
}

impl Watcher {
    /// Begins, and waits for the first verdict.
    #[track_caller]
    pub fn start(words: &str) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), Confined::new("sh"), words)
    }

    /// The same in a folder of the test's, by a shell under restrictions.
    #[track_caller]
    pub fn start_in(folder: tempfile::TempDir, confined: Confined, words: &str) -> Self {
        Self::start_at(&folder.path().join("track"), folder, confined, words)
    }

    /// The same with its file elsewhere.
    #[track_caller]
    pub fn start_at(
        file: &Path,
        folder: tempfile::TempDir,
        confined: Confined,
        words: &str,
    ) -> Self {
        Self::start_of(Path::new(LISTENUP), file, folder, confined, words)
    }

    /// The same by another file of the program.
    #[track_caller]
    pub fn start_of(
        program: &Path,
        file: &Path,
        folder: tempfile::TempDir,
        confined: Confined,
        words: &str,
    ) -> Self {
        let watcher = Self::spawn_of(program, file, folder, confined, words);
        watcher.await_notice("READY=1");
        watcher
    }

    /// Begins, and waits for nothing.
    #[track_caller]
    pub fn spawn_at(
        file: &Path,
        folder: tempfile::TempDir,
        confined: Confined,
        words: &str,
    ) -> Self {
        Self::spawn_of(Path::new(LISTENUP), file, folder, confined, words)
    }

    /// Begins in a folder of its own, and waits for nothing.
    #[track_caller]
    pub fn spawn_in(words: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("track");
        Self::spawn_at(&file, folder, Confined::new("sh"), words)
    }

    fn spawn_of(
        program: &Path,
        file: &Path,
        folder: tempfile::TempDir,
        confined: Confined,
        words: &str,
    ) -> Self {
        let socket = folder.path().join("notify");
        let manager = UnixDatagram::bind(&socket).unwrap();
        manager
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let mut command = confined.into_command();
        // systemd names the process that is to feed its watchdog.
        command.args(["-c", "WATCHDOG_PID=$$ exec \"$0\" \"$@\""]);
        command.arg(program);
        command.args(["watch", "--track-file"]).arg(file);
        command
            .args(words.split_whitespace())
            .env("NOTIFY_SOCKET", &socket);
        command.env("WATCHDOG_USEC", "2000000");
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Self {
            child: Some(command.spawn().unwrap()),
            file: file.to_owned(),
            folder,
            manager,
        }
    }

    /// Waits until systemd would be told this.
    #[track_caller]
    pub fn await_notice(&self, wanted: &str) {
        let deadline = Instant::now() + Duration::from_secs(20);
        let mut notices = Vec::new();
        while Instant::now() < deadline {
            let Some(notice) = self.notice() else {
                break;
            };
            if notice.contains(wanted) {
                return;
            }
            notices.push(notice);
        }
        panic!("{notices:?}, and no {wanted}");
    }

    /// What systemd would be told next.
    pub fn notice(&self) -> Option<String> {
        let mut text = [0; 65_536];
        let length = loop {
            match self.manager.recv(&mut text) {
                Ok(length) => break length,
                // A process that was stopped for a moment, by a tracer for instance.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        };
        Some(String::from_utf8(text[..length].to_vec()).unwrap())
    }

    /// Forgets what it was told so far, and does not wait longer than this for more.
    pub fn forget_notices(&self, patience: Duration) {
        self.manager.set_nonblocking(true).unwrap();
        while self.notice().is_some() {}
        self.manager.set_nonblocking(false).unwrap();
        self.manager.set_read_timeout(Some(patience)).unwrap();
    }

    pub fn signal(&self, signal: Signal) {
        match signal {
            Signal::SIGSTOP => stop(self.pid()),
            _ => kill(self.pid(), signal).unwrap(),
        }
    }

    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.as_ref().unwrap().id() as i32)
    }

    pub fn says(&self) -> String {
        says(&self.file)
    }

    /// Waits until the file says this.
    #[track_caller]
    pub fn await_value(&self, value: &str) {
        await_says(&self.file, value);
    }

    /// Waits until it has said this on stdout or stderr after it was sent the signal that ends it; its folder
    /// is still there.
    #[track_caller]
    pub fn end_with(mut self, signal: Signal) -> (ProgramOutput, tempfile::TempDir) {
        self.signal(signal);
        let child = self.child.take().unwrap();
        let output = child.wait_with_output().unwrap();
        let folder = std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap());
        (
            ProgramOutput::of("listenup watch".to_owned(), output),
            folder,
        )
    }

    #[track_caller]
    pub fn end(self) -> ProgramOutput {
        self.end_with(Signal::SIGTERM).0.exits(0)
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A process that is killed with this value.
pub struct Killed(pub Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The value in a file, without its line feed.
pub fn says(file: &Path) -> String {
    fs::read_to_string(file)
        .unwrap_or_default()
        .trim_end()
        .to_owned()
}

/// Runs the unit's ExecStopPost= for the file `track` in this folder, as systemd does after each end.
#[track_caller]
pub fn exec_stop_post(folder: &Path, down: &str) {
    let unit = fs::read_to_string("packaging/systemd/listenup-watch@.service").unwrap();
    let line = unit
        .lines()
        .find_map(|line| line.strip_prefix("ExecStopPost=/bin/sh -c '"));
    let script = line.unwrap().trim_end_matches('\'');
    // What systemd would replace.
    assert!(
        !script.contains(['%']) && !script.contains("${"),
        "{script}"
    );
    let mut command = Command::new("sh");
    command.args(["-c", script]).env("DOWN", down);
    command.env("RUNTIME_DIRECTORY", folder);
    assert!(command.status().unwrap().success());
}

/// Waits until a file says this.
#[track_caller]
pub fn await_says(file: &Path, value: &str) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while says(file) != value {
        let says = says(file);
        assert!(
            Instant::now() < deadline,
            "{file:?} says {says:?}, not {value}"
        );
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The lines that say a change, without the time of day.
pub fn changes(stdout: &str) -> Vec<&str> {
    let lines = stdout.lines();
    lines.map(|line| line.split_once(' ').unwrap().1).collect()
}

/// Holds these lines to beginnings of them.
#[track_caller]
pub fn assert_changes(stdout: &str, beginnings: &[&str]) {
    let said = changes(stdout);
    let pairs = || said.iter().zip(beginnings);
    assert!(
        said.len() == beginnings.len() && pairs().all(|(said, begins)| said.starts_with(begins)),
        "{said:#?} are not {beginnings:#?}"
    );
}
