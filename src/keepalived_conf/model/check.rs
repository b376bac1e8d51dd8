//! Servers, and their checks.

use std::time::Duration;

use super::{Command, Notify, Set, User};
use crate::keepalived_conf::Place;

/// How often to check. It can be set in the check, in the real server and in the virtual server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// The time between two checks.
    pub delay_loop: Option<Set<Duration>>,
    /// The number of failed checks that do not count.
    pub retry: Option<Set<u32>>,
    /// The time before a check is tried again.
    pub delay_before_retry: Option<Set<Duration>>,
    /// The longest time before the first check.
    pub warmup: Option<Set<Duration>>,
    /// True if the server is down until a check succeeds.
    pub alpha: Option<Set<bool>>,
}

/// A `virtual_server` block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VirtualServer {
    /// Address and port, `fwmark` and a number, or `group` and a name.
    pub name: String,
    /// The first line of the block.
    pub place: Place,
    /// The times for all its servers.
    pub timing: Timing,
    /// Its servers.
    pub real_servers: Vec<RealServer>,
    /// Programs for events.
    pub notify: Vec<Notify>,
}

/// A `real_server` block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RealServer {
    /// Address and port.
    pub name: String,
    /// The first line of the block.
    pub place: Place,
    /// The times for all its checks.
    pub timing: Timing,
    /// Its MISC_CHECK blocks.
    pub misc_checks: Vec<MiscCheck>,
    /// Its FILE_CHECK blocks.
    pub file_checks: Vec<FileCheck>,
    /// The keywords of its other checks.
    pub other_checks: Vec<Set<String>>,
    /// Programs for events.
    pub notify: Vec<Notify>,
}

/// A MISC_CHECK block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MiscCheck {
    /// The first line of the block.
    pub place: Place,
    /// The last `misc_path` with a command. `None`: keepalived removes the check.
    pub command: Option<Command>,
    /// The time until it is killed. `None` or 0: the virtual server's `delay_loop`.
    pub timeout: Option<Set<Duration>>,
    /// The line of `misc_dynamic`: exit codes from 2 on are weights.
    pub dynamic: Option<Place>,
    /// The last `user`.
    pub user: Option<User>,
    /// Its own times.
    pub timing: Timing,
}

/// A FILE_CHECK block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileCheck {
    /// The first line of the block.
    pub place: Place,
    /// The name of the track_file, if there is such a block above.
    pub track_file: Option<Set<String>>,
}

/// What counts for a MISC_CHECK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effective {
    /// The time between two checks.
    pub delay_loop: Duration,
    /// The time until a check is killed.
    pub timeout: Duration,
    /// The number of failed checks that do not count.
    pub retry: u32,
    /// The time before a check is tried again.
    pub delay_before_retry: Duration,
    /// The longest time before the first check.
    pub warmup: Duration,
    /// True if the server is down until a check succeeds.
    pub alpha: bool,
}

impl MiscCheck {
    /// Returns what counts for the check of this server.
    pub fn effective(&self, virtual_server: &VirtualServer, real_server: &RealServer) -> Effective {
        let levels = [&self.timing, &real_server.timing, &virtual_server.timing];
        let delay_loop = first(levels, |timing| timing.delay_loop.as_ref());
        let delay_loop = delay_loop.unwrap_or(DELAY_LOOP);
        let of_virtual_server = virtual_server.timing.delay_loop.as_ref();
        let of_virtual_server = of_virtual_server.map_or(DELAY_LOOP, |set| set.value);
        let own = self.timeout.as_ref().map(|set| set.value);
        let own = own.filter(|timeout| !timeout.is_zero());
        let second = Duration::from_secs(1);
        Effective {
            delay_loop,
            timeout: own.unwrap_or(of_virtual_server),
            retry: first(levels, |timing| timing.retry.as_ref()).unwrap_or(0),
            delay_before_retry: first(levels, |timing| timing.delay_before_retry.as_ref())
                .unwrap_or(second),
            warmup: first(levels, |timing| timing.warmup.as_ref()).unwrap_or(delay_loop),
            alpha: first(levels, |timing| timing.alpha.as_ref()).unwrap_or(false),
        }
    }
}

/// `KEEPALIVED_DEFAULT_DELAY`.
const DELAY_LOOP: Duration = Duration::from_secs(60);

fn first<'t, T: Copy + 't>(
    levels: [&'t Timing; 3],
    pick: impl Fn(&'t Timing) -> Option<&'t Set<T>>,
) -> Option<T> {
    let picked = levels.into_iter().find_map(pick);
    picked.map(|set| set.value)
}
