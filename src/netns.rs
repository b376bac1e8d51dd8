//! `--netns`: into another network namespace.

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};

use nix::sched::{CloneFlags, setns};

use crate::domain::Doubt;
use crate::source::InWords;

/// Which network namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Netns(PathBuf);

impl Netns {
    /// What a person says: a name as `ip netns` knows it, a path, or the number of a process. A name
    /// that consists of digits must be given as a path. `None`: nothing was said.
    pub fn named(text: &str) -> Option<Self> {
        let path = if text.is_empty() {
            return None;
        } else if text.contains('/') {
            PathBuf::from(text)
        } else if text.bytes().all(|byte| byte.is_ascii_digit()) {
            Path::new("/proc").join(text).join("ns/net")
        } else {
            // NETNS_RUN_DIR of iproute2's include/namespace.h.
            Path::new("/var/run/netns").join(text)
        };
        Some(Self(path))
    }

    /// Moves this thread, which must be the only one, there (setns(2)). It takes CAP_SYS_ADMIN.
    ///
    /// # Errors
    /// Why that is not possible.
    pub fn enter(&self) -> Result<(), Doubt> {
        let doubt = |what, why: InWords| {
            Doubt::new(format_args!(
                "the network namespace {self} cannot be {what}: {why}"
            ))
        };
        let file = File::open(&self.0).map_err(|error| doubt("opened", InWords::from(&error)))?;
        setns(file, CloneFlags::CLONE_NEWNET).map_err(|errno| doubt("entered", InWords(errno)))
    }
}

impl fmt::Display for Netns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.display().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_a_path_or_a_process() {
        for (text, path) in [
            ("blue", "/var/run/netns/blue"),
            ("cni-0a1b", "/var/run/netns/cni-0a1b"),
            ("1", "/proc/1/ns/net"),
            ("/run/netns/7", "/run/netns/7"),
            ("./blue", "./blue"),
        ] {
            let netns = Netns::named(text).map(|netns| netns.to_string());
            assert_eq!(netns.as_deref(), Some(path));
        }
        assert_eq!(Netns::named(""), None);
    }
}
