//! The systemd unit of a listener: the cgroup in which its socket was made.

use std::collections::BTreeMap;
use std::fs::{self, DirEntry};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirEntryExt;
use std::path::{Path, PathBuf};

use nix::sys::statfs::{CGROUP2_SUPER_MAGIC, statfs};

use crate::clock::Deadline;
use crate::untrusted::text::printable_bytes;

/// The folders where systemd mounts cgroup2: alone, and with the older hierarchies.
const PLACES: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

/// The tree of cgroups.
#[derive(Clone, Debug)]
pub struct Cgroups(PathBuf);

impl Cgroups {
    /// Finds the tree of this machine. `None` if it has none, or it is not mounted.
    pub fn mounted() -> Option<Self> {
        let cgroup2 = |path: &&str| {
            statfs(*path).is_ok_and(|found| found.filesystem_type() == CGROUP2_SUPER_MAGIC)
        };
        PLACES
            .into_iter()
            .find(cgroup2)
            .map(|path| Self(path.into()))
    }

    /// The paths of the cgroups with these ids, from the root of the tree, as far as they are found
    /// in time. A cgroup's id is the inode of its folder (fs/kernfs/mount.c, kernfs_ino).
    pub fn paths(&self, ids: &[u64], deadline: Deadline<'_>) -> BTreeMap<u64, String> {
        let mut found = BTreeMap::new();
        let mut folders = vec![self.0.clone()];
        while let Some(folder) = folders.pop() {
            if ids.iter().all(|id| found.contains_key(id)) || deadline.has_passed() {
                break;
            }
            for entry in subfolders(&folder) {
                let path = entry.path();
                if ids.contains(&entry.ino()) {
                    let below = path.strip_prefix(&self.0).unwrap_or(Path::new(""));
                    let below = printable_bytes(below.as_os_str().as_bytes());
                    found.insert(entry.ino(), format!("/{below}"));
                }
                folders.push(path);
            }
        }
        found
    }
}

/// Lists the subfolders that can be read: a cgroup can go at any moment.
fn subfolders(folder: &Path) -> impl Iterator<Item = DirEntry> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
}

/// Returns the unit that a cgroup belongs to, or else its path. The unit is the first part that is not a slice, as in
/// systemd (src/basic/cgroup-util.c, cg_path_get_unit). The unit itself makes the parts after it, with any name.
pub fn unit_of(path: &str) -> &str {
    let mut innermost_slice = None;
    for part in parts(path) {
        if !is_slice(part) {
            return if is_unit(part) { part } else { path };
        }
        innermost_slice = Some(part);
    }
    innermost_slice.unwrap_or(path)
}

/// Splits a path, without the prefix that systemd puts before a name which could be one of the kernel's (cg_escape).
fn parts(path: &str) -> impl Iterator<Item = &str> {
    let parts = path.split('/').filter(|part| !part.is_empty());
    parts.map(|part| part.strip_prefix('_').unwrap_or(part))
}

fn is_slice(name: &str) -> bool {
    name.ends_with(".slice")
}

/// True if the name has the suffix of a unit that has processes.
pub fn is_unit(name: &str) -> bool {
    let mut suffixes = [".service", ".scope", ".socket", ".slice", ".mount", ".swap"].iter();
    suffixes.any(|suffix| name.ends_with(suffix))
}

/// Completes a name as systemd does: without a suffix it is a service.
pub fn full_name(name: &str) -> String {
    if is_unit(name) {
        name.to_owned()
    } else {
        format!("{name}.service")
    }
}

/// True if a cgroup belongs to this unit, or is in this slice.
pub fn is_in_unit(path: &str, unit: &str) -> bool {
    if is_slice(unit) {
        parts(path)
            .take_while(|part| is_slice(part))
            .any(|part| part == unit)
    } else {
        unit_of(path) == unit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_of_a_cgroup_is_the_first_part_that_is_not_a_slice() {
        for (path, unit) in [
            ("/system.slice/haproxy.service", "haproxy.service"),
            ("/system.slice/nginx.service/workers", "nginx.service"),
            (
                "/system.slice/system-getty.slice/getty@tty1.service",
                "getty@tty1.service",
            ),
            (
                "/user.slice/user-0.slice/session-1.scope",
                "session-1.scope",
            ),
            // A user's own services, and what a container has in it, are not the system's.
            (
                "/user.slice/user-1000.slice/user@1000.service/app.slice/haproxy.service",
                "user@1000.service",
            ),
            (
                "/machine.slice/libpod-0a1b.scope/system.slice/haproxy.service",
                "libpod-0a1b.scope",
            ),
            ("/system.slice/_memory.service", "memory.service"),
            ("/system.slice", "system.slice"),
            (
                "/docker/0a1b2c/haproxy.service",
                "/docker/0a1b2c/haproxy.service",
            ),
            ("/", "/"),
        ] {
            assert_eq!(unit_of(path), unit);
            assert!(is_in_unit(path, unit) || !is_unit(unit));
        }
        let path = "/user.slice/user-1000.slice/user@1000.service/app.slice/haproxy.service";
        for (unit, own) in [
            ("user-1000.slice", true),
            ("user.slice", true),
            ("app.slice", false),
            ("haproxy.service", false),
        ] {
            assert_eq!(is_in_unit(path, unit), own, "{unit}");
        }
    }

    #[test]
    fn a_unit_name_without_a_suffix_is_a_service() {
        for (name, full) in [
            ("haproxy", "haproxy.service"),
            ("haproxy.service", "haproxy.service"),
            ("haproxy@1.2", "haproxy@1.2.service"),
            ("sshd.socket", "sshd.socket"),
        ] {
            assert_eq!(full_name(name), full);
        }
    }
}
