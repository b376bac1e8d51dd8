//! Servers, and their checks.

use std::time::Duration;

use super::{Command, Spanned, User};
use crate::keepalived_conf::Location;

/// A `virtual_server` block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VirtualServer {
    /// Address and port, `fwmark` and a number, or `group` and a name.
    pub name: String,
    /// The first line of the block.
    pub place: Location,
    /// The time between two checks of its servers.
    pub delay_loop: Option<Spanned<Duration>>,
    /// Its servers.
    pub real_servers: Vec<RealServer>,
}

/// A `real_server` block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RealServer {
    /// Address and port.
    pub name: String,
    /// The first line of the block.
    pub place: Location,
    /// The time between two of its checks.
    pub delay_loop: Option<Spanned<Duration>>,
    /// Its MISC_CHECK blocks.
    pub misc_checks: Vec<MiscCheck>,
}

/// A MISC_CHECK block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MiscCheck {
    /// The first line of the block.
    pub place: Location,
    /// The last `misc_path` with a command.
    pub command: Command,
    /// The time until it is killed. `None` or 0: the virtual server's `delay_loop`.
    pub timeout: Option<Spanned<Duration>>,
    /// The line of `misc_dynamic`: exit codes from 2 on are weights.
    pub dynamic: Option<Location>,
    /// The last `user`.
    pub user: Option<User>,
    /// The time between two checks.
    pub delay_loop: Option<Spanned<Duration>>,
}

/// The times that count for a MISC_CHECK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effective {
    /// The time between two checks.
    pub delay_loop: Duration,
    /// The time until a check is killed.
    pub timeout: Duration,
}

impl MiscCheck {
    /// Returns the times that count for the check of this server.
    pub fn effective(&self, virtual_server: &VirtualServer, real_server: &RealServer) -> Effective {
        let value = |set: &Option<Spanned<Duration>>| set.as_ref().map(|set| set.value);
        let of_virtual_server = value(&virtual_server.delay_loop).unwrap_or(DELAY_LOOP);
        let own = value(&self.delay_loop).or(value(&real_server.delay_loop));
        let timeout = value(&self.timeout).filter(|timeout| !timeout.is_zero());
        Effective {
            delay_loop: own.unwrap_or(of_virtual_server),
            timeout: timeout.unwrap_or(of_virtual_server),
        }
    }
}

/// `KEEPALIVED_DEFAULT_DELAY`.
const DELAY_LOOP: Duration = Duration::from_secs(60);
