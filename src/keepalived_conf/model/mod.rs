//! The model of a configuration: the settings of keepalived that matter to checks.

mod check;
mod vrrp;

use std::path::PathBuf;

use super::{Diagnostic, Location};

pub use check::MiscCheck;
pub use vrrp::{Group, Instance, Script, TrackFile, TrackProcess, Trackable, Tracked, TrackedBy};

/// A configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// The settings for all of keepalived.
    pub globals: Globals,
    /// The `vrrp_script` blocks, in order; without those that keepalived removes.
    pub scripts: Vec<Script>,
    /// The `track_file` and `vrrp_track_file` blocks that keepalived keeps.
    pub track_files: Vec<TrackFile>,
    /// The `vrrp_track_process` blocks that keepalived keeps.
    pub track_processes: Vec<TrackProcess>,
    /// The `vrrp_instance` blocks.
    pub instances: Vec<Instance>,
    /// The `vrrp_sync_group` blocks.
    pub groups: Vec<Group>,
    /// The programs to run when the state of an instance or a sync group changes.
    pub notifies: Vec<Notify>,
    /// The interfaces that must exist when keepalived starts.
    pub interfaces: Vec<Spanned<String>>,
    /// The MISC_CHECK blocks.
    pub misc_checks: Vec<MiscCheck>,
    /// The problems, in the order of reading.
    pub diagnostics: Vec<Diagnostic>,
    /// The files that were read, in order.
    pub files: Vec<PathBuf>,
    /// The line where keepalived does not start, or crashes.
    pub fatal: Option<Location>,
    /// True if keepalived starts its VRRP process. Without it no `vrrp_script` runs.
    pub runs_vrrp: bool,
    /// True if keepalived starts the process that checks real servers.
    pub runs_checker: bool,
    /// False if a part was not read. Then nothing is known about what the configuration does not contain.
    pub complete: bool,
}

/// A value and its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spanned<T> {
    /// The value that keepalived uses.
    pub value: T,
    /// The line that sets it.
    pub place: Location,
}

/// The settings for all of keepalived.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Globals {
    /// Each `script_user`. The last one counts, but if one does not exist, none does.
    pub script_users: Vec<User>,
    /// The place of `enable_script_security`.
    pub script_security: Option<Location>,
    /// The network namespace of everything.
    pub net_namespace: Option<Spanned<String>>,
    /// True if interfaces can be missing when keepalived starts.
    pub dynamic_interfaces: bool,
}

/// The user that runs something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// A name. keepalived treats a number as a name.
    pub user: String,
    /// The name of a group. `None`: the user's own group.
    pub group: Option<String>,
    /// The line.
    pub place: Location,
}

/// A line such as `notify_master`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notify {
    /// The keyword, and the instance or sync group: `notify_master of gateway`.
    pub name: String,
    /// The program and its arguments.
    pub command: Command,
    /// A user of its own, after the command.
    pub user: Option<User>,
}

/// A line with a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The line.
    pub place: Location,
    /// The text of the line, without comment and the blanks around it.
    pub text: Vec<u8>,
    /// True if the file has another text there, because a definition was expanded.
    pub expanded: bool,
    /// The program and its arguments; never empty.
    pub words: Vec<Vec<u8>>,
    /// The words after the command, which keepalived drops (in notify lines: the user and group).
    pub rest: Vec<Vec<u8>>,
}

/// The effect of a check's result on the priority.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weight {
    /// The number. 0: a failure puts the instance into FAULT.
    pub value: i32,
    /// True if success and failure are exchanged.
    pub reverse: bool,
}
