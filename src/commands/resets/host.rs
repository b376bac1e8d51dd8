//! What is to be known of the host: other network namespaces, and the ports that clients get.

use std::collections::HashMap;
use std::fs;
use std::ops::RangeInclusive;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// PROC_PID_INIT_INO of include/linux/proc_ns.h: the PID namespace of the host, in which all processes
/// are seen.
const PID_NAMESPACE_OF_THE_HOST: &str = "pid:[4026531836]";

/// How many threads are looked up at a time.
const MOST_THREADS: usize = 256;

/// Linux's own, where it cannot be read.
const EPHEMERAL: RangeInclusive<u16> = 32_768..=60_999;

/// Whether this host may have other network namespaces than that of this process: a process lives in one,
/// `ip netns` has a name for one, or not all processes can be seen.
pub fn may_have_other_namespaces(proc: &Path) -> bool {
    let link = |path: &str| fs::read_link(proc.join(path)).ok();
    let own = link("self/ns/net");
    let all_seen =
        link("self/ns/pid").is_some_and(|link| link.as_os_str() == PID_NAMESPACE_OF_THE_HOST);
    if own.is_none() || !all_seen {
        return true;
    }
    let processes = fs::read_dir(proc).into_iter().flatten().flatten();
    let mut elsewhere =
        processes.filter_map(|process| fs::read_link(process.path().join("ns/net")).ok());
    let inode = |path: &Path| fs::metadata(path).map(|file| file.ino()).ok();
    let here = inode(&proc.join("self/ns/net"));
    let mut named = fs::read_dir("/run/netns").into_iter().flatten().flatten();
    elsewhere.any(|link| Some(&link) != own.as_ref())
        || named.any(|name| inode(&name.path()) != here)
}

/// Which threads are in another network namespace than this process.
#[derive(Debug)]
pub struct Namespaces {
    proc: PathBuf,
    own: Option<PathBuf>,
    known: HashMap<u32, Option<bool>>,
}

impl Namespaces {
    /// By this /proc.
    pub fn new(proc: &Path) -> Self {
        let own = fs::read_link(proc.join("self/ns/net")).ok();
        Self {
            proc: proc.to_owned(),
            own,
            known: HashMap::new(),
        }
    }

    /// Forgets what it knows, since a number may be given to another thread.
    pub fn forget(&mut self) {
        self.known.clear();
    }

    /// Whether this thread is in another one. `None`: it is the kernel's own or gone, or too many were asked
    /// for.
    pub fn is_other(&mut self, thread: u32) -> Option<bool> {
        if self.known.len() >= MOST_THREADS && !self.known.contains_key(&thread) {
            return None;
        }
        let (proc, own) = (&self.proc, &self.own);
        *self.known.entry(thread).or_insert_with(|| {
            let folder = proc.join(thread.to_string());
            // A thread of the kernel has no program, and is in the host's namespace whatever it works for.
            fs::read_link(folder.join("exe")).ok()?;
            let namespace = fs::read_link(folder.join("ns/net")).ok()?;
            Some(namespace != *own.as_ref()?)
        })
    }
}

/// The local ports that the kernel gives to clients (net.ipv4.ip_local_port_range).
pub fn ephemeral_ports(proc: &Path) -> RangeInclusive<u16> {
    let text =
        fs::read_to_string(proc.join("sys/net/ipv4/ip_local_port_range")).unwrap_or_default();
    let mut ports = text.split_whitespace().map(str::parse);
    match (ports.next(), ports.next()) {
        (Some(Ok(first)), Some(Ok(last))) => first..=last,
        _ => EPHEMERAL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ports_of_clients() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(ephemeral_ports(root.path()), EPHEMERAL);
        let folder = root.path().join("sys/net/ipv4");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("ip_local_port_range"), "1024\t65000\n").unwrap();
        assert_eq!(ephemeral_ports(root.path()), 1024..=65_000);
    }

    #[test]
    fn a_thread_and_its_namespace() {
        let mut namespaces = Namespaces::new(Path::new("/proc"));
        assert_eq!(namespaces.is_other(std::process::id()), Some(false));
        assert_eq!(namespaces.is_other(2), None, "kthreadd");
        assert_eq!(namespaces.is_other(u32::MAX), None, "nobody");
        for thread in 0..2 * MOST_THREADS as u32 {
            namespaces.is_other(u32::MAX - thread);
        }
        assert_eq!(namespaces.known.len(), MOST_THREADS);
    }

    #[test]
    fn what_cannot_be_seen_may_be_there() {
        assert!(may_have_other_namespaces(Path::new("/nonexistent")));
    }
}
