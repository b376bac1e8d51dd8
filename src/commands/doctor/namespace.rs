//! The network namespace that a configuration's checks look into.

use std::fs::File;
use std::io;

use nix::sched::{CloneFlags, setns};

use crate::host::netns::Netns;

/// Does something in another network namespace, and comes back. Must be the main thread.
///
/// # Errors
/// Why that is not possible.
pub fn within<T>(name: Option<&str>, work: impl FnOnce() -> T) -> Result<T, String> {
    let Some(netns) = name.and_then(Netns::named) else {
        return Ok(work());
    };
    let home = File::open("/proc/self/ns/net").map_err(|error: io::Error| error.to_string())?;
    netns.enter().map_err(|obstacle| obstacle.to_string())?;
    let done = work();
    match setns(home, CloneFlags::CLONE_NEWNET) {
        Ok(()) => Ok(done),
        Err(errno) => Err(format!(
            "there is no way back to this network namespace: {errno}"
        )),
    }
}
