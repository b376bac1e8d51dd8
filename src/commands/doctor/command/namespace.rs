//! Other network namespaces, for as long as a check is evaluated.

use std::path::Path;

use nix::sched::{CloneFlags, setns};

use crate::domain::{Doubt, Obstacle};
use crate::host::netns::Netns;
use crate::untrusted::RegularFile;

/// Runs work in another network namespace, and comes back. It must be called in the main thread, whose namespace
/// /proc/self shows.
///
/// # Errors
/// Returns why that is not possible.
pub fn in_netns<T>(netns: Option<&Netns>, work: impl FnOnce() -> T) -> Result<T, Obstacle> {
    let Some(netns) = netns else {
        return Ok(work());
    };
    let doubt = |why: &dyn std::fmt::Display| {
        Doubt::new(format_args!(
            "there is no way back to this network namespace: {why}"
        ))
    };
    let home = RegularFile::open_magic_link(Path::new("/proc/thread-self/ns/net"));
    let home = home.map_err(|error| doubt(&error))?.into_file();
    netns.enter()?;
    let done = work();
    setns(home, CloneFlags::CLONE_NEWNET).map_err(|errno| doubt(&errno))?;
    Ok(done)
}
