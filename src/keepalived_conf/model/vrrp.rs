//! Instances, their groups, and what they track.

use std::time::Duration;

use super::{Command, Notify, Set, Time, User, Weight};
use crate::keepalived_conf::Place;

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
