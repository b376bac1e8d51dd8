//! What a watch lives through: namespaces that lose their names, cgroups that are killed, signals that come together,
//! another watch on its file.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use std::fs;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::libc;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns};
use socket2::Socket;

use common::program::{LISTENUP, await_call, example};
use common::service::Service;
use common::sockets::{listen, listen_with};
use common::watcher::{Killed, Watcher, assert_changes, await_says, changes};
use common::{Mounted, cgroup2, in_namespace, ip};

/// A network namespace with a name, in which `lo` is up. The name goes with this value.
struct Named(String);

impl Named {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let named = Self(format!("listenup-watch-{}-{count}", std::process::id()));
        named.make();
        named
    }

    fn make(&self) {
        ip(&format!("netns add {}", self.0));
        ip(&format!("-n {} link set lo up", self.0));
    }

    fn lose(&self) {
        ip(&format!("netns delete {}", self.0));
    }

    /// Runs something in it. What it starts stays there.
    fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> T {
        let place = fs::File::open(format!("/var/run/netns/{}", self.0)).unwrap();
        let there = thread::spawn(move || {
            setns(place, CloneFlags::CLONE_NEWNET).unwrap();
            job()
        });
        there.join().unwrap()
    }

    fn listens(&self) -> Service {
        // Not by a thread that ends: the service goes with its parent (prctl(2), PR_SET_PDEATHSIG).
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &self.0])
            .arg(example("listener"));
        Service::start(command.arg("127.0.0.1:443"), 1)
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        let _ = Command::new("ip")
            .args(["netns", "delete", &self.0])
            .stderr(Stdio::null())
            .status();
    }
}

fn descriptors(watcher: &Watcher) -> Vec<PathBuf> {
    let folder = fs::read_dir(format!("/proc/{}/fd", watcher.pid())).unwrap();
    let mut open: Vec<PathBuf> = folder
        .map(|entry| fs::read_link(entry.unwrap().path()).unwrap())
        .collect();
    open.sort();
    open
}

/// The processor's time of a watch, in ticks of 10 ms: utime and stime of proc(5).
fn ticks(watcher: &Watcher) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", watcher.pid())).unwrap();
    let fields = stat.rsplit_once(") ").unwrap().1.split(' ');
    fields
        .skip(11)
        .take(2)
        .map(|field| field.parse::<u64>().unwrap())
        .sum()
}

#[test]
fn without_netns_the_watch_stays_in_its_namespace() {
    let named = Named::new();
    let service = named.listens();
    let watcher = named.run(|| Watcher::start("443"));
    assert_eq!(watcher.says(), "0");
    // While it waits it holds nothing for a moment.
    await_call(watcher.pid().as_raw() as u32, &[libc::SYS_ppoll]);
    let open = descriptors(&watcher);
    named.lose();
    named.make();
    watcher.forget_notices(Duration::from_secs(20));
    watcher.await_notice("WATCHDOG=1");
    assert_eq!(watcher.says(), "0");
    drop(service);
    watcher.await_value("1");
    let _namesake = named.listens();
    let before = ticks(&watcher);
    for _ in 0..3 {
        watcher.await_notice("WATCHDOG=1");
        assert_eq!(watcher.says(), "1");
    }
    let spent = ticks(&watcher) - before;
    assert!(spent < 100, "a second of the processor in 1.5: {spent}");
    await_call(watcher.pid().as_raw() as u32, &[libc::SYS_ppoll]);
    assert_eq!(descriptors(&watcher), open);
    let said = watcher.end().stderr("");
    assert_changes(&said.stdout, &["up (0)", "down (1): 443: not listening"]);
}

#[test]
fn with_netns_the_watch_follows_the_name() {
    let named = Named::new();
    let service = named.listens();
    let watcher = Watcher::start(&format!("--every 20ms --netns {} 443", named.0));
    assert_eq!(watcher.says(), "0");
    let idle = || await_call(watcher.pid().as_raw() as u32, &[libc::SYS_ppoll]);
    idle();
    let open = descriptors(&watcher).len();
    for _ in 0..3 {
        // What is left in the old namespace does not count.
        named.lose();
        watcher.await_value("1");
        named.make();
        watcher.forget_notices(Duration::from_secs(20));
        watcher.await_notice("WATCHDOG=1");
        assert_eq!(watcher.says(), "1");
        let new = named.listens();
        watcher.await_value("0");
        // By the event of the new namespace: the events were subscribed to again.
        drop(new);
        watcher.await_value("1");
        let _new = named.listens();
        watcher.await_value("0");
    }
    idle();
    assert_eq!(descriptors(&watcher).len(), open);
    drop(service);
    let said = watcher.end().stderr("");
    assert!(said.stdout.contains("ms after the event)"), "{said:?}");
}

#[test]
fn the_track_file_path_does_not_depend_on_the_network_namespace() {
    let named = Named::new();
    let service = named.listens();
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().join("disk");
    fs::create_dir(&disk).unwrap();
    let (tmpfs, no_flags) = (Some("tmpfs"), MsFlags::empty());
    mount(tmpfs, &disk, tmpfs, no_flags, None::<&str>).unwrap();
    let _mounted = Mounted(disk.clone());
    let file = disk.join("track");
    let mut command = Command::new(LISTENUP);
    command
        .args(["watch", "-q", "--netns", &named.0, "443", "--track-file"])
        .arg(&file);
    let _watch = Killed(command.spawn().unwrap());
    await_says(&file, "0");
    drop(service);
    await_says(&file, "1");
}

/// A cgroup of version 2. What is in it is killed with this value, and it goes.
struct Cgroup(PathBuf);

impl Cgroup {
    fn new() -> Self {
        let name = format!("listenup-watch-{}.slice", std::process::id());
        let path = cgroup2().join(name);
        fs::create_dir(&path).unwrap();
        assert!(
            path.join("cgroup.kill").exists(),
            "this test needs Linux 5.14"
        );
        Self(path)
    }

    /// A process in it that holds this socket.
    fn holds(&self, socket: &Socket) -> Child {
        let line = format!(
            "echo $$ >{}/cgroup.procs && echo && exec sleep 1000",
            self.0.display()
        );
        let mut command = Command::new("sh");
        command
            .args(["-c", &line])
            .stdin(OwnedFd::from(socket.try_clone().unwrap()));
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut ready = [0];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut ready).unwrap();
        child
    }

    fn kill(&self) {
        fs::write(self.0.join("cgroup.kill"), "1").unwrap();
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        self.kill();
        let deadline = Instant::now() + Duration::from_secs(5);
        while fs::remove_dir(&self.0).is_err() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

#[test]
fn killing_the_whole_cgroup_of_a_service_is_one_change() {
    in_namespace(|| {
        let cgroup = Cgroup::new();
        let member = || {
            listen_with("127.0.0.1", 443, |socket| {
                socket.set_reuse_port(true).unwrap()
            })
        };
        let shared = || {
            let socket = member();
            (0..6).map(|_| cgroup.holds(&socket)).collect()
        };
        let each = || (0..6).map(|_| cgroup.holds(&member())).collect();
        let services: [&dyn Fn() -> Vec<Child>; 2] = [&shared, &each];
        for service in services {
            let watcher = Watcher::start("--every 5ms 443");
            assert_eq!(watcher.says(), "1");
            for _ in 0..5 {
                let processes = service();
                watcher.await_value("0");
                cgroup.kill();
                watcher.await_value("1");
                for mut process in processes {
                    process.wait().unwrap();
                }
            }
            let said = watcher.end().stderr("");
            let expected: Vec<&str> = (0..11).map(|at| ["down", "up"][at % 2]).collect();
            assert_changes(&said.stdout, &expected);
            let down = changes(&said.stdout)
                .into_iter()
                .filter(|said| said.ends_with(" after the event)"));
            assert!(down.count() > 0, "{said:?}");
        }
    });
}

#[test]
fn a_look_after_an_event_logs_its_delay() {
    in_namespace(|| {
        let socket = listen("127.0.0.1", 443);
        let watcher = Watcher::start("-v --every 1h 443");
        drop(socket);
        watcher.await_value("1");
        let said = watcher.end();
        let line = said
            .stderr
            .lines()
            .find_map(|line| line.trim().strip_prefix("DEBUG that look began "));
        let since = line.and_then(|line| line.strip_suffix("s after the event"));
        assert!(since.is_some(), "{said:?}");
    });
}

#[test]
fn no_signal_ends_or_stops_the_watch_with_0_in_the_file() {
    in_namespace(|| {
        let errors = [
            libc::SIGABRT,
            libc::SIGBUS,
            libc::SIGFPE,
            libc::SIGILL,
            libc::SIGSEGV,
            libc::SIGSYS,
            libc::SIGTRAP,
        ];
        let is_tested = |signal: &i32| {
            ![libc::SIGKILL, libc::SIGSTOP].contains(signal)
                && !errors.contains(signal)
                // The C library does not let a program block these; the page says so.
                && !(32..=34).contains(signal)
        };
        for signal in (1..=64).filter(is_tested) {
            let socket = listen("127.0.0.1", 443);
            let watcher = Watcher::start("--every 5ms 443");
            watcher.await_value("0");
            let sent = Command::new("kill")
                .args([format!("-{signal}"), watcher.pid().to_string()])
                .status();
            assert!(sent.unwrap().success());
            drop(socket);
            let deadline = Instant::now() + Duration::from_secs(10);
            while watcher.says() != "1" {
                assert!(Instant::now() < deadline, "after signal {signal}");
                thread::sleep(Duration::from_millis(1));
            }
            let (said, _folder) = watcher.end_with(nix::sys::signal::Signal::SIGTERM);
            assert_eq!(said.code, Some(0), "after signal {signal}: {said:?}");
        }
    });
}
