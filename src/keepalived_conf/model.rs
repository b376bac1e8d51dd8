//! What keepalived makes of its configuration, as far as checks go.

use std::path::PathBuf;
use std::time::Duration;

use super::model_check::VirtualServer;
use super::words::Malformed;
use super::{Place, Remark};

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
    /// The files that were read, in order.
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

/// A `vrrp_script` block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// The name that `track_script` uses.
    pub name: String,
    /// The first line of the block.
    pub place: Place,
    /// Each line with `script`; see [`Script::command`].
    pub commands: Vec<Command>,
    /// Seconds between two runs; 1 without.
    pub interval: Option<Set<Time>>,
    /// Seconds until it is killed; the interval without.
    pub timeout: Option<Set<Time>>,
    /// What it does to the priority unless `track_script` says otherwise.
    pub weight: Option<Set<Weight>>,
    /// How many runs in a row must go well.
    pub rise: Option<Set<u32>>,
    /// How many runs in a row must fail.
    pub fall: Option<Set<u32>>,
    /// The last `user`.
    pub user: Option<User>,
    /// The place of `init_fail`.
    pub init_fail: Option<Place>,
    /// There is no command, so keepalived removes it.
    pub removed: bool,
    /// The block of the same name that is used instead.
    pub shadowed_by: Option<Place>,
    /// The instances that it acts on, by themselves or by their sync group, in keepalived's order.
    pub tracked_by: Vec<TrackedBy>,
}

/// An instance that a script, a file or a process acts on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackedBy {
    /// The name of the instance.
    pub instance: String,
    /// What it does to its priority.
    pub weight: Weight,
}

impl Script {
    /// The line whose command is run: the last one that has a command.
    pub fn command(&self) -> Option<&Command> {
        let has_program = |command: &&Command| {
            let words = command.words.as_ref();
            words.is_ok_and(|words| !words.is_empty())
        };
        self.commands.iter().rev().find(has_program)
    }

    /// The time between two runs up to 2.3.1.
    pub fn interval(&self) -> Duration {
        let written = self.interval.as_ref().and_then(|set| set.value.whole);
        written.unwrap_or(Duration::from_secs(1))
    }

    /// The time until it is killed up to 2.3.1.
    pub fn timeout(&self) -> Duration {
        let written = self.timeout.as_ref().and_then(|set| set.value.whole);
        written.unwrap_or_else(|| self.interval())
    }

    /// What it does to the priority, without what `track_script` says.
    pub fn weight(&self) -> Weight {
        self.weight
            .as_ref()
            .map_or_else(Weight::default, |set| set.value)
    }

    /// How many runs in a row must go well.
    pub fn rise(&self) -> u32 {
        self.rise.as_ref().map_or(1, |set| set.value)
    }

    /// How many runs in a row must fail.
    pub fn fall(&self) -> u32 {
        self.fall.as_ref().map_or(1, |set| set.value)
    }
}

/// A `track_file` block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackFile {
    /// The name that instances use.
    pub name: String,
    /// The first line of the block.
    pub place: Place,
    /// The file; without one keepalived drops the block.
    pub file: Option<Set<String>>,
    /// What the number in the file is multiplied with; 1 without.
    pub weight: Option<Set<Weight>>,
    /// keepalived makes the file with this number, or (`true`) writes it over at each start.
    pub init: Option<Set<(i32, bool)>>,
    /// The instances that it acts on.
    pub tracked_by: Vec<TrackedBy>,
}

/// A `vrrp_track_process` block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackProcess {
    /// The name that instances use.
    pub name: String,
    /// The first line of the block.
    pub place: Place,
    /// The program and the parameters to look for; empty: keepalived drops the block.
    pub process: Vec<String>,
    /// What it does to the priority.
    pub weight: Option<Set<Weight>>,
    /// How many of them must run.
    pub quorum: u32,
    /// How many of them may run.
    pub quorum_max: Option<u32>,
    /// It looks at the whole command line, not at the name alone.
    pub full_command: bool,
    /// The instances that it acts on.
    pub tracked_by: Vec<TrackedBy>,
}

/// Why a line of a `track_...` block does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ignored {
    /// There is no block of that name above it.
    NotFound,
    /// It is tracked already.
    Twice,
    /// It has something else than `weight` behind the name, or no number behind that.
    Malformed,
    /// It has a weight, and the instance is in a sync group without `sync_group_tracking_weight`.
    SyncGroup,
    /// It has a weight, and the instance owns its address: its priority is 255.
    AddressOwner,
}

/// A line of a `track_...` block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracked {
    /// The name.
    pub name: String,
    /// Where it is written.
    pub place: Place,
    /// What it does to the priority.
    pub weight: Weight,
    /// It does not count.
    pub ignored: Option<Ignored>,
}

/// What an instance or a group tracks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tracks {
    /// `track_script`.
    pub scripts: Vec<Tracked>,
    /// `track_file`.
    pub files: Vec<Tracked>,
    /// `track_process`.
    pub processes: Vec<Tracked>,
    /// `track_interface`; whether an interface exists is not looked at.
    pub interfaces: Vec<Tracked>,
}

/// What an instance should be at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// `MASTER`.
    Master,
    /// `BACKUP`, or what keepalived does not know.
    Backup,
}

/// A `vrrp_instance` block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// The name.
    pub name: String,
    /// The first line of the block.
    pub place: Place,
    /// The state at the start.
    pub state: Option<Set<State>>,
    /// The interface.
    pub interface: Option<Set<String>>,
    /// The number that its nodes have in common.
    pub virtual_router_id: Option<Set<u8>>,
    /// See [`Instance::priority`].
    pub priority: Option<Set<u8>>,
    /// The place of `nopreempt`, unless `preempt` follows it.
    pub nopreempt: Option<Place>,
    /// The first word of each line in `virtual_ipaddress`.
    pub addresses: Vec<Set<String>>,
    /// The first word of each line in `virtual_ipaddress_excluded`.
    pub excluded_addresses: Vec<Set<String>>,
    /// What it tracks.
    pub tracks: Tracks,
    /// Programs for events.
    pub notify: Vec<Notify>,
}

impl Instance {
    /// The priority before anything is added or taken off.
    pub fn priority(&self) -> u8 {
        let master = self
            .state
            .as_ref()
            .is_some_and(|set| set.value == State::Master);
        let default = if master { 255 } else { 100 };
        self.priority.as_ref().map_or(default, |set| set.value)
    }
}

/// A `vrrp_sync_group` block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The name.
    pub name: String,
    /// The first line of the block.
    pub place: Place,
    /// The names of the instances.
    pub members: Vec<Set<String>>,
    /// The place of `sync_group_tracking_weight`, or of `global_tracking`.
    pub tracking_weight: Option<Place>,
    /// What all its members track.
    pub tracks: Tracks,
    /// Programs for events.
    pub notify: Vec<Notify>,
}
