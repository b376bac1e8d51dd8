//! Other network namespaces, for as long as a check is evaluated.

use std::path::Path;

use nix::sched::{CloneFlags, setns};

use crate::domain::{SetupError, UnknownReason};
use crate::host::netns::Netns;
use crate::untrusted::RegularFile;

/// Runs work in another network namespace, and comes back. It must be called in the main thread, whose namespace
/// /proc/self shows.
///
/// # Errors
/// Returns why that is not possible.
pub fn in_netns<T>(netns: Option<&Netns>, work: impl FnOnce() -> T) -> Result<T, SetupError> {
    let Some(netns) = netns else {
        return Ok(work());
    };
    let reason = |why: &dyn std::fmt::Display| {
        UnknownReason::new(format_args!(
            "there is no way back to this network namespace: {why}"
        ))
    };
    let home = RegularFile::open_magic_link(Path::new("/proc/thread-self/ns/net"));
    let home = home.map_err(|error| reason(&error))?.into_file();
    netns.enter()?;
    let done = work();
    setns(home, CloneFlags::CLONE_NEWNET).map_err(|errno| reason(&errno))?;
    Ok(done)
}
