//! `--netns`: entering another network namespace.

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns};

use crate::domain::{SetupError, UnknownReason};
use crate::untrusted::{ReadError, RegularFile};

/// The folder where `ip netns` keeps names: NETNS_RUN_DIR of iproute2's include/namespace.h.
const NAMES: &str = "/var/run/netns";

/// The network namespace to enter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Netns {
    path: PathBuf,
    /// The namespace with this name, if the text can mean both.
    namesake: Option<PathBuf>,
}

impl Netns {
    /// Parses a name as `ip netns` knows it, a path, or the number of a process. `None` if the text is empty.
    pub fn parse(text: &str) -> Option<Self> {
        let (path, namesake) = if text.is_empty() {
            return None;
        } else if text.contains('/') {
            (PathBuf::from(text), None)
        } else if text.bytes().all(|byte| byte.is_ascii_digit()) {
            let process = Path::new("/proc").join(text).join("ns/net");
            (process, Some(Path::new(NAMES).join(text)))
        } else {
            (Path::new(NAMES).join(text), None)
        };
        Some(Self { path, namesake })
    }

    /// Moves this thread there (setns(2)). It must be the main thread, whose namespace /proc/self shows. Requires
    /// CAP_SYS_ADMIN.
    ///
    /// # Errors
    /// Returns the reason if that is not possible, or if it is not clear which namespace is meant.
    pub fn enter(&self) -> Result<(), SetupError> {
        if let Some(name) = self.namesake.as_ref().filter(|name| name.exists()) {
            return Err(SetupError::NoSuch(format!(
                "the network namespace could be {self} or {}: name it by its path",
                name.display()
            )));
        }
        let file = RegularFile::open_magic_link(&self.path);
        let file = file.map_err(|error| self.error("opened", error))?;
        setns(file.into_file(), CloneFlags::CLONE_NEWNET)
            .map_err(|errno| self.error("entered", errno.into()))
    }

    /// Returns the device and inode of the namespace that has the name now.
    pub fn identity(&self) -> Option<(u64, u64)> {
        let found = fs::metadata(&self.path).ok()?;
        Some((found.dev(), found.ino()))
    }

    /// Opens the namespace of the calling thread, which must be the main one, so that it can return there.
    ///
    /// # Errors
    /// Returns an error if /proc does not show it.
    pub fn own() -> io::Result<File> {
        File::open("/proc/self/ns/net")
    }

    /// Returns to a namespace that was opened.
    ///
    /// # Errors
    /// Returns an error if CAP_SYS_ADMIN is missing.
    pub fn return_to(namespace: &File) -> Result<(), Errno> {
        setns(namespace, CloneFlags::CLONE_NEWNET)
    }

    /// Makes an error: a wrong name if the file is missing or is not a network namespace (open(2), setns(2)), otherwise
    /// "could not tell".
    fn error(&self, what: &str, why: ReadError) -> SetupError {
        let text = format!("the network namespace {self} cannot be {what}: {why}");
        match why {
            ReadError::System(Errno::ENOENT | Errno::ENOTDIR | Errno::EINVAL)
            | ReadError::NotRegular
            | ReadError::KernelFile => SetupError::NoSuch(text),
            _ => SetupError::Unknown(UnknownReason::new(text)),
        }
    }
}

impl fmt::Display for Netns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.display().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn netns_accepts_a_name_a_path_or_a_process() {
        for (text, path) in [
            ("blue", "/var/run/netns/blue"),
            ("cni-0a1b", "/var/run/netns/cni-0a1b"),
            ("1", "/proc/1/ns/net"),
            ("/run/netns/7", "/run/netns/7"),
            ("./blue", "./blue"),
        ] {
            let netns = Netns::parse(text).map(|netns| netns.to_string());
            assert_eq!(netns.as_deref(), Some(path));
        }
        assert_eq!(Netns::parse(""), None);
    }
}
