//! Servers, and the checks that are programs.

use std::time::Duration;

use super::{Command, Notify, Set, User};
use crate::keepalived_conf::Place;

/// What says how often to check, on three levels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// Between two checks.
    pub delay_loop: Option<Set<Duration>>,
    /// Checks that may fail before one counts.
    pub retry: Option<Set<u32>>,
    /// Before a check is tried again.
    pub delay_before_retry: Option<Set<Duration>>,
    /// Before the first check: at random up to this.
    pub warmup: Option<Set<Duration>>,
    /// Whether the server counts as down until a check has gone well.
    pub alpha: Option<Set<bool>>,
}

/// A `virtual_server` block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VirtualServer {
    /// The words that say which: address and port, `fwmark` and a number, `group` and a name.
    pub name: String,
    /// The first line of the block.
    pub place: Place,
    /// For all its servers.
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
    /// For all its checks.
    pub timing: Timing,
    /// Its MISC_CHECK blocks.
    pub misc_checks: Vec<MiscCheck>,
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
    /// Each line with `misc_path`; see [`MiscCheck::command`].
    pub commands: Vec<Command>,
    /// Until it is killed; the virtual server's `delay_loop` without, or with 0.
    pub timeout: Option<Set<Duration>>,
    /// The place of `misc_dynamic`: exit codes from 2 on are weights.
    pub dynamic: Option<Place>,
    /// The last `user`.
    pub user: Option<User>,
    /// Its own times.
    pub timing: Timing,
    /// There is no command, so keepalived removes it.
    pub removed: bool,
}

/// What counts for a MISC_CHECK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effective {
    /// Between two checks.
    pub delay_loop: Duration,
    /// Until a check is killed.
    pub timeout: Duration,
    /// Checks that may fail before one counts.
    pub retry: u32,
    /// Before a check is tried again.
    pub delay_before_retry: Duration,
    /// Before the first check: at random up to this.
    pub warmup: Duration,
    /// Whether the server counts as down until a check has gone well.
    pub alpha: bool,
}

impl MiscCheck {
    /// The line whose command is run.
    pub fn command(&self) -> Option<&Command> {
        let has_program = |command: &&Command| {
            let words = command.words.as_ref();
            words.is_ok_and(|words| !words.is_empty())
        };
        self.commands.iter().rev().find(has_program)
    }

    /// What counts, where it stands in these.
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
