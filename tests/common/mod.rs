//! What the tests share: a network namespace for each, sockets of every kind, and the program itself.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

pub mod bpf;
pub mod confined;
pub mod conntrack;
pub mod doctor;
pub mod dump;
pub mod keepalived;
pub mod node;
pub mod process;
pub mod program;
pub mod reading;
pub mod schema;
pub mod scripts;
pub mod service;
pub mod sockets;
pub mod table;
pub mod traced;
pub mod udp;
pub mod watch;
pub mod watcher;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{panic, thread};

use nix::mount::{MntFlags, umount2};
use nix::sched::{CloneFlags, unshare};

/// Runs a test in a network namespace of its own, in which `lo` is up. The namespace goes when the last socket and process
/// in it are gone, also when the test fails.
///
/// Only the thread changes its namespace, so /proc/self/net of this process still shows the old one; children are wholly in
/// the new one. [`proc_root`] is the way in for this thread.
pub fn in_namespace(test: impl FnOnce() + Send + 'static) {
    let thread = thread::spawn(|| {
        unshare(CloneFlags::CLONE_NEWNET)
            .expect("this test makes a network namespace, for which it must run as root");
        ip("link set lo up");
        test();
    });
    if let Err(failure) = thread.join() {
        panic::resume_unwind(failure);
    }
}

/// Runs `ip` with these words.
#[track_caller]
pub fn ip(words: &str) {
    let status = Command::new("ip").args(words.split_whitespace()).status();
    let status =
        status.expect("this test needs ip(8), Debian's iproute2; scripts/test installs it");
    assert!(status.success(), "ip {words}: {status}");
}

/// A /proc whose `self` is the calling thread.
pub fn proc_root() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/proc/thread-self", root.path().join("self")).unwrap();
    root
}

/// Where systemd mounts version 2 of cgroups.
pub fn cgroup2() -> &'static Path {
    ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]
        .map(Path::new)
        .into_iter()
        .find(|root| root.join("cgroup.procs").exists())
        .expect("this test needs a cgroup2 where systemd mounts it")
}

/// What is mounted here is unmounted with this value.
pub struct Mounted(pub PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = umount2(&self.0, MntFlags::MNT_DETACH);
    }
}
