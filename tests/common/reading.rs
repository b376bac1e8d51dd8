//! A keepalived that is started to be asked what it has read.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::Once;
use std::time::{Duration, Instant};

use nix::sys::resource::Resource;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::confined::Confined;
use super::dump::{Entry, of_keepalived};
use super::{in_namespace, ip};

/// What came of it.
#[derive(Debug)]
pub struct Read {
    /// What keepalived said it had read. `None`: none of its processes had anything to do.
    pub entries: Vec<Entry>,
    /// The text that its processes read: comments cut, files included.
    pub loaded: Option<Vec<u8>>,
    /// What it said at the start.
    pub log: String,
    /// One of its processes died, or it gave up.
    pub failed: bool,
}

/// Starts a version of keepalived with this file in a namespace of its own with eth0, eth1 and eth2, as a host that is
/// called `vm`, and asks. It writes beside the file.
pub fn ask(main: &Path, version: &str) -> Read {
    let (main, program) = (main.to_owned(), program(version));
    let (tell, answer) = std::sync::mpsc::channel();
    in_namespace(move || {
        for number in 0..3 {
            ip(&format!(
                "link add eth{number} type veth peer name to-eth{number}"
            ));
            ip(&format!("link set eth{number} up"));
            ip(&format!("link set to-eth{number} up"));
            ip(&format!(
                "address add 192.0.2.{}/24 dev eth{number}",
                number + 1
            ));
        }
        tell.send(Running::start(&program, &main).ask()).unwrap();
    });
    answer.recv().unwrap()
}

/// Fetches the versions that are not installed.
fn fetch() {
    static FETCHED: Once = Once::new();
    FETCHED.call_once(|| {
        let fetched = Command::new("scripts/keepalived-versions").status();
        assert!(fetched.unwrap().success());
    });
}

/// Returns the version of a release of Debian.
pub fn version_of(release: &str) -> String {
    fetch();
    let link = fs::read_link(Path::new("target/keepalived").join(release));
    link.unwrap().display().to_string()
}

/// Returns the program of a version: the one that is installed, or what has been fetched.
fn program(version: &str) -> String {
    let known = Command::new("keepalived").arg("--version").output();
    let known = known.expect("this test needs keepalived; scripts/test installs it");
    if String::from_utf8_lossy(&known.stderr).contains(&format!("v{version} ")) {
        return "keepalived".to_owned();
    }
    fetch();
    let program = format!("target/keepalived/{version}/keepalived");
    let program = fs::canonicalize(&program);
    let program =
        program.unwrap_or_else(|_| panic!("scripts/keepalived-versions fetches {version}"));
    program.display().to_string()
}

/// It runs on without a process that does anything.
const NOTHING: &str = "keepalived has no configuration to run";

struct Running {
    keepalived: Child,
    folder: tempfile::TempDir,
}

impl Running {
    fn start(program: &str, main: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = File::create(folder.path().join("log")).unwrap();
        // 2.2.7 dies of some files, again and again.
        let confined = Confined::new(program)
            .limited(Resource::RLIMIT_CORE, 0)
            .with_ipvs_that_does_nothing();
        let mut command = confined.into_command();
        command.args(["-n", "-l", "-D", "-i", "vm", "-f"]).arg(main);
        for (option, name) in [
            ("-p", "pid"),
            ("-r", "vrrp"),
            ("-c", "checkers"),
            ("-b", "bfd"),
        ] {
            command.arg(option).arg(folder.path().join(name));
        }
        command.env("TMPDIR", folder.path());
        command.current_dir(main.parent().unwrap());
        command.stdout(log.try_clone().unwrap()).stderr(log);
        let keepalived = command.spawn();
        Self {
            keepalived: keepalived.expect("this test needs keepalived; scripts/test installs it"),
            folder,
        }
    }

    fn ask(mut self) -> Read {
        let started = self.await_log(&["Startup complete", "died", "permanent error", NOTHING]);
        let has = |log: &str, process| log.contains(&format!("Starting {process} child process"));
        let says = |process| format!("Printing {process} data for process");
        let is_up = started.contains("Startup complete") || started.contains(NOTHING);
        let failed = !is_up || started.contains("died");
        if !failed {
            self.signal(Signal::SIGUSR1);
            for (process, name) in [("VRRP", "VRRP"), ("Healthcheck", "checker")] {
                if has(&started, process) {
                    self.await_log(&[&says(name), "died"]);
                }
            }
        }
        let loaded = self.loaded();
        // Each process writes before it takes notice of the end.
        self.end();
        let file = |name: &str| fs::read_to_string(self.folder.path().join(name));
        let dumps = ["keepalived.data", "keepalived_check.data"];
        let dumps = dumps.map(|name| file(name).unwrap_or_default());
        let log = self.log();
        Read {
            entries: dumps.iter().flat_map(|dump| of_keepalived(dump)).collect(),
            failed: failed || log.contains("died"),
            loaded,
            log,
        }
    }

    /// The file in memory that keepalived keeps for its processes.
    fn loaded(&self) -> Option<Vec<u8>> {
        let descriptors = format!("/proc/{}/fd", self.keepalived.id());
        let mut files = fs::read_dir(descriptors)
            .ok()?
            .map(|entry| entry.unwrap().path());
        let file = files.find(|file| {
            let target = fs::read_link(file).unwrap_or_default();
            target
                .to_string_lossy()
                .contains("consolidated_configuration")
        });
        fs::read(file?).ok()
    }

    fn log(&self) -> String {
        let bytes = fs::read(self.folder.path().join("log")).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Waits until one of these is said, or it has ended.
    fn await_log(&mut self, wanted: &[&str]) -> String {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let ended = self.keepalived.try_wait().unwrap().is_some();
            let log = self.log();
            if ended || wanted.iter().any(|wanted| log.contains(wanted)) {
                return log;
            }
            assert!(
                Instant::now() < deadline,
                "none of {wanted:?} is said\n{log}"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn signal(&self, signal: Signal) {
        let _ = kill(Pid::from_raw(self.keepalived.id() as i32), signal);
    }

    fn end(&mut self) {
        self.signal(Signal::SIGTERM);
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            if matches!(self.keepalived.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.keepalived.kill();
        let _ = self.keepalived.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}
