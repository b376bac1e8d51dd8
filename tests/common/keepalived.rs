//! The real keepalived, one on each of two nodes, and an address that moves between them.

use std::fs::{DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::confined::{Call, Confined};
use super::ip;
use super::node::Node;
use super::program::{LISTENUP, keepalived};
use super::sockets::Server;

/// The address that moves.
pub const VIP: &str = "192.0.2.100";
/// The port of the service behind it.
pub const PORT: u16 = 8443;

/// A folder that satisfies keepalived's script security: no part of its path is writable by anybody
/// but root. It has the program in it.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = PathBuf::from(format!("/run/listenup-test-{}-{count}", std::process::id()));
        DirBuilder::new()
            .mode(0o755)
            .create(&path)
            .expect("this test writes to /run, as root");
        let folder = Self(path);
        let copied = Command::new("install")
            .args(["-m", "755", LISTENUP])
            .arg(folder.0.join("listenup"))
            .status();
        assert!(copied.unwrap().success());
        folder
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What differs between tests.
pub struct Setup {
    /// The vrrp_script's program and arguments; FOLDER stands for the folder of the program.
    pub script: &'static str,
    /// The priority of A.
    pub priority: u8,
    /// The priority of B, which waits (256 - it) / 256 s before it takes over.
    pub priority_of_b: u8,
    /// What follows the script's name in A's track_script, such as `weight -60`.
    pub weight: &'static str,
    /// Whether sock_diag is refused to keepalived and all it starts.
    pub without_sock_diag: bool,
    /// Whether it tracks `track-a` and `track-b` in the folder, and runs no script.
    pub by_track_file: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            script: "FOLDER/listenup check -q 8443",
            priority: 150,
            priority_of_b: 100,
            weight: "",
            without_sock_diag: false,
            by_track_file: false,
        }
    }
}

/// Two gateways and a client on one bridge. The service runs on both gateways.
pub struct Gateways {
    // In the order in which they must go.
    keepalived: Vec<Keepalived>,
    pub service_on_a: Option<Server>,
    _service_on_b: Server,
    pub a: Node,
    pub b: Node,
    pub client: Node,
    folder: Folder,
}

impl Gateways {
    /// In the namespace of the calling thread, which becomes the switch.
    pub fn new() -> Self {
        ip("link add switch type bridge");
        ip("link set switch up");
        let node = |port: &str, address: &str| {
            let node = Node::new();
            node.plug("e0", port, &[address]);
            ip(&format!("link set {port} master switch"));
            node
        };
        let a = node("to-a", "192.0.2.1/24");
        let b = node("to-b", "192.0.2.2/24");
        let client = node("to-client", "192.0.2.3/24");
        let service_on_a = Some(a.run(|| Server::start(PORT)));
        let _service_on_b = b.run(|| Server::start(PORT));
        let (keepalived, folder) = (Vec::new(), Folder::new());
        Self {
            keepalived,
            service_on_a,
            _service_on_b,
            a,
            b,
            client,
            folder,
        }
    }

    pub fn start(&mut self, setup: &Setup) {
        for (name, own, other, priority) in [
            ("a", "192.0.2.1", "192.0.2.2", setup.priority),
            ("b", "192.0.2.2", "192.0.2.1", setup.priority_of_b),
        ] {
            let script = setup
                .script
                .replace("FOLDER", &self.folder.path().display().to_string());
            let weight = if name == "a" { setup.weight } else { "" };
            let (block, tracked) = if setup.by_track_file {
                let file = self.track_file(name).display().to_string();
                let block = format!("track_file chk {{\n file \"{file}\"\n weight 0\n}}\n");
                (block, "track_file")
            } else {
                let block = format!(
                    "vrrp_script chk {{\n script \"{script}\"\n interval 1\n timeout 1\n}}\n"
                );
                (block, "track_script")
            };
            let conf = format!(
                "global_defs {{\n enable_script_security\n script_user nobody nogroup\n}}\n\
                 {block}\
                 vrrp_instance gateway {{\n state BACKUP\n interface e0\n virtual_router_id 51\n \
                 priority {priority}\n advert_int 1\n unicast_src_ip {own}\n \
                 unicast_peer {{\n {other}\n }}\n virtual_ipaddress {{\n {VIP}/24 dev e0\n }}\n \
                 {tracked} {{\n chk {weight}\n }}\n}}\n"
            );
            let path = self.folder.path().join(name);
            std::fs::write(path.with_extension("conf"), conf).unwrap();
            let without_sock_diag = setup.without_sock_diag;
            let node = if name == "a" { &self.a } else { &self.b };
            let keepalived = node.run(move || Keepalived::start(path, without_sock_diag));
            self.keepalived.push(keepalived);
        }
    }

    /// What node `a` or `b` tracks.
    pub fn track_file(&self, node: &str) -> PathBuf {
        self.folder.path().join(format!("track-{node}"))
    }

    /// Whether A and whether B have the address.
    pub fn vip(&self) -> [bool; 2] {
        [&self.a, &self.b].map(|node| {
            node.run(|| {
                let words = ["-o", "-4", "address", "show", "dev", "e0"];
                let said = Command::new("ip").args(words).output().unwrap();
                String::from_utf8(said.stdout)
                    .unwrap()
                    .contains(&format!(" {VIP}/"))
            })
        })
    }

    /// Waits until the address is there, and how long that took.
    #[track_caller]
    pub fn await_vip(&self, wanted: [bool; 2], at_most: Duration) -> Duration {
        let started = Instant::now();
        let mut both_since = None;
        loop {
            let vip = self.vip();
            if vip == wanted {
                return started.elapsed();
            }
            // For a moment both have it when A takes it back: B gives it up at A's first
            // advertisement.
            both_since = match vip {
                [true, true] => both_since.or(Some(Instant::now())),
                _ => None,
            };
            let both = both_since.map_or(Duration::ZERO, |since| since.elapsed());
            assert!(
                both < Duration::from_millis(200),
                "both have it\n{}",
                self.logs()
            );
            assert!(
                started.elapsed() < at_most,
                "A and B have it: {vip:?}, wanted {wanted:?} in {at_most:?}\n{}",
                self.logs()
            );
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Watches for this long; how many looks found the address elsewhere.
    pub fn looks_elsewhere(&self, wanted: [bool; 2], watch: Duration) -> usize {
        let started = Instant::now();
        let mut elsewhere = 0;
        while started.elapsed() < watch {
            elsewhere += usize::from(self.vip() != wanted);
            std::thread::sleep(Duration::from_millis(20));
        }
        elsewhere
    }

    /// What A's keepalived wrote.
    pub fn log_of_a(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("a.log")).unwrap()
    }

    /// How often A and B became the master, by their own logs.
    pub fn times_master(&self) -> [usize; 2] {
        [self.log_of_a(), self.log_of_b()].map(|log| log.matches("Entering MASTER STATE").count())
    }

    pub fn logs(&self) -> String {
        format!("A:\n{}\nB:\n{}", self.log_of_a(), self.log_of_b())
    }

    fn log_of_b(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("b.log")).unwrap_or_default()
    }
}

/// One keepalived in the foreground. It ends with this value.
pub struct Keepalived(Child);

impl Keepalived {
    /// With the configuration in `path`.conf; it writes to `path`.log.
    pub fn start(path: PathBuf, without_sock_diag: bool) -> Self {
        let mut confined = Confined::new(keepalived());
        if without_sock_diag {
            confined = confined.without(Call::SockDiagSocket, Errno::EACCES);
        }
        Self::run(confined, path)
    }

    /// The same with another program.
    pub fn start_program(program: &Path, path: PathBuf) -> Self {
        Self::run(Confined::new(program), path)
    }

    fn run(confined: Confined, path: PathBuf) -> Self {
        let log = File::create(path.with_extension("log")).unwrap();
        let mut command = confined.into_command();
        command
            .args(["-n", "-l", "-D", "-P", "-f"])
            .arg(path.with_extension("conf"));
        command.arg("-p").arg(path.with_extension("pid"));
        command.arg("-r").arg(path.with_extension("vrrp-pid"));
        // 2.3 locks these too, although -P starts neither.
        command.arg("-c").arg(path.with_extension("checkers-pid"));
        command.arg("-b").arg(path.with_extension("bfd-pid"));
        command.stdout(log.try_clone().unwrap()).stderr(log);
        // Where it writes what it has read.
        command.env("TMPDIR", path.parent().unwrap());
        Self(
            command
                .spawn()
                .expect("this test needs keepalived; scripts/test installs it"),
        )
    }
}

impl Keepalived {
    /// The number of its first process.
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Has it read its configuration again.
    pub fn reload(&self) {
        kill(Pid::from_raw(self.0.id() as i32), Signal::SIGHUP).unwrap();
    }

    /// What it has read, by its own account. There is no other keepalived of this folder.
    #[track_caller]
    pub fn data(&self, folder: &Folder, log: &Path) -> String {
        let pid = Pid::from_raw(self.0.id() as i32);
        let deadline = Instant::now() + Duration::from_secs(20);
        let wait_for = |path: &Path, part: &str| loop {
            match std::fs::read_to_string(path) {
                Ok(text) if text.contains(part) => return text,
                _ => assert!(Instant::now() < deadline, "no {part} in {path:?}"),
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        // Before that the signal would end it.
        wait_for(log, "Entering BACKUP STATE");
        kill(pid, Signal::SIGUSR1).unwrap();
        wait_for(&folder.path().join("keepalived.data"), "< Interfaces >")
    }
}

impl Drop for Keepalived {
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(self.0.id() as i32), Signal::SIGTERM);
        let deadline = Instant::now() + Duration::from_secs(5);
        while Instant::now() < deadline {
            if matches!(self.0.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
