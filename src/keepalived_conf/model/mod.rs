//! What keepalived makes of its configuration, as far as checks go.

mod check;
mod vrrp;

use std::path::PathBuf;
use std::time::Duration;

use super::words::Malformed;
use super::{Place, Remark};

pub use check::{Effective, MiscCheck, RealServer, Timing, VirtualServer};
pub use vrrp::{
    Group, Ignored, Instance, Script, State, TrackFile, TrackProcess, Tracked, TrackedBy, Tracks,
};

/// A configuration, read as keepalived 2.2.7 does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// What is for all of keepalived.
    pub globals: Globals,
    /// The `vrrp_script` blocks, in order; also those that keepalived removes or never uses.
    pub scripts: Vec<Script>,
    /// The `track_file` and `vrrp_track_file` blocks.
    pub track_files: Vec<TrackFile>,
    /// The `vrrp_track_process` blocks.
    pub track_processes: Vec<TrackProcess>,
    /// The `vrrp_instance` blocks.
    pub instances: Vec<Instance>,
    /// The `vrrp_sync_group` blocks.
    pub groups: Vec<Group>,
    /// The `virtual_server` blocks.
    pub virtual_servers: Vec<VirtualServer>,
    /// What is not as it may seem, in the order of reading.
    pub remarks: Vec<Remark>,
    /// The files that were read, in order; one that is included twice is there twice.
    pub files: Vec<PathBuf>,
    /// Where keepalived gives up: it does not start, or dies.
    pub fatal: Option<Place>,
    /// There is something for the VRRP process, so it is started. Without it no script runs.
    pub runs_vrrp: bool,
    /// There is something for the process that checks real servers, so it is started.
    pub runs_checker: bool,
}

/// A value and where it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set<T> {
    /// What keepalived takes.
    pub value: T,
    /// The last place that counts.
    pub place: Place,
}

/// What is for all of keepalived.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Globals {
    /// Every `script_user`. The last one counts, but one that does not exist spoils all.
    pub script_users: Vec<User>,
    /// The place of `enable_script_security`.
    pub script_security: Option<Place>,
    /// The network namespace of everything.
    pub net_namespace: Option<Set<String>>,
    /// The network namespace of IPVS; empty is the one that keepalived is started in.
    pub net_namespace_ipvs: Option<Set<String>>,
    /// The name of this keepalived among several.
    pub instance: Option<Set<String>>,
    /// The place of `dynamic_interfaces`.
    pub dynamic_interfaces: Option<Place>,
    /// Programs for events.
    pub notify: Vec<Notify>,
}

/// Whom to run something as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// A name; numbers are names, too.
    pub user: String,
    /// A group's name; the user's own without.
    pub group: Option<String>,
    /// Where it is written.
    pub place: Place,
}

/// A command with its arguments, or why there is none.
pub type Words = Result<Vec<Vec<u8>>, Malformed>;

/// A line with a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Where it is written.
    pub place: Place,
    /// The line as keepalived sees it, without comment and the blanks around it.
    pub text: Vec<u8>,
    /// The file has another text there: a definition was put in.
    pub expanded: bool,
    /// The program and its arguments up to 2.3.1, which decode backslashes twice. Empty: no program.
    pub words: Words,
    /// The same from 2.3.2 on, which decode them once.
    pub words_once: Words,
    /// The words behind the command, which keepalived drops (in notify lines: the user and group).
    pub rest: Vec<Vec<u8>>,
}

/// A program for events: `notify`, `notify_master`, `quorum_up` and the like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notify {
    /// The keyword.
    pub event: String,
    /// What is run.
    pub command: Command,
    /// Whom it is run as, where that is written.
    pub user: Option<User>,
}

/// A time that not all versions read alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time {
    /// Up to 2.3.1, which know whole seconds only. `None`: the line does not count.
    pub whole: Option<Duration>,
    /// From 2.3.2 on.
    pub decimal: Option<Duration>,
}

/// How a check that goes wrong or well changes the priority.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weight {
    /// 0: a check that fails means FAULT.
    pub value: i32,
    /// It counts the other way round.
    pub reverse: bool,
}
