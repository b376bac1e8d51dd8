//! What is to be known of the host: other network namespaces, and the ports that clients get.

use std::fs;
use std::ops::RangeInclusive;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// PROC_PID_INIT_INO of include/linux/proc_ns.h: the PID namespace of the host, in which all processes
/// are seen.
const PID_NAMESPACE_OF_THE_HOST: &str = "pid:[4026531836]";

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
    fn what_cannot_be_seen_may_be_there() {
        assert!(may_have_other_namespaces(Path::new("/nonexistent")));
    }
}
