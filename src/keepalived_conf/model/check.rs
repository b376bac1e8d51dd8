//! The checks of real servers.

use std::time::Duration;

use super::{Command, User};

/// A MISC_CHECK block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MiscCheck {
    /// Its virtual server: address and port, `fwmark` and a number, or `group` and a name.
    pub virtual_server: String,
    /// The address and the port of its real server.
    pub real_server: String,
    /// The last `misc_path` with a command.
    pub command: Command,
    /// The time between two checks.
    pub interval: Duration,
    /// The time until it is killed, if the block sets one.
    pub timeout: Option<Duration>,
    /// The time until it is killed otherwise.
    pub default_timeout: Duration,
    /// True if exit codes from 2 on are weights (`misc_dynamic`).
    pub dynamic: bool,
    /// The last `user`.
    pub user: Option<User>,
}
