//! The network namespace that a configuration's checks look into.

use std::path::Path;

use nix::sched::{CloneFlags, setns};

use crate::host::netns::Netns;
use crate::untrusted::RegularFile;

/// Does something in another network namespace, and comes back. Must be the main thread.
///
/// # Errors
/// Why that is not possible.
pub fn within<T>(name: Option<&str>, work: impl FnOnce() -> T) -> Result<T, String> {
    let Some(netns) = name.and_then(Netns::named) else {
        return Ok(work());
    };
    let home = RegularFile::open(Path::new("/proc/self/ns/net"));
    let home = home.map_err(|error| error.to_string())?.into_file();
    netns.enter().map_err(|obstacle| obstacle.to_string())?;
    let done = work();
    match setns(home, CloneFlags::CLONE_NEWNET) {
        Ok(()) => Ok(done),
        Err(errno) => Err(format!(
            "there is no way back to this network namespace: {errno}"
        )),
    }
}
