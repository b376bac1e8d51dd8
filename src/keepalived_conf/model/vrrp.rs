//! Instances, their groups, and what they track.

use std::time::Duration;

use super::{Command, Spanned, User, Weight};
use crate::keepalived_conf::Location;

/// A `vrrp_script` block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// The name that `track_script` uses.
    pub name: String,
    /// The first line of the block.
    pub place: Location,
    /// The last `script` with a command.
    pub command: Command,
    /// The time between two runs.
    pub interval: Duration,
    /// The time until it is killed. `None`: the interval.
    pub timeout: Option<Duration>,
    /// The effect on the priority, unless `track_script` has another weight.
    pub weight: Weight,
    /// How many runs in a row must succeed.
    pub rise: u32,
    /// How many runs in a row must fail. `None`: one.
    pub fall: Option<Spanned<u32>>,
    /// The last `user`.
    pub user: Option<User>,
    /// The line of `init_fail`.
    pub init_fail: Option<Location>,
    /// The instances that it acts on, directly or through their sync group, in keepalived's order.
    pub tracked_by: Vec<TrackedBy>,
}

/// An instance that a script, a file or a process acts on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackedBy {
    /// The name of the instance.
    pub instance: String,
    /// The effect on the instance's priority.
    pub weight: Weight,
    /// The line that tracks it.
    pub place: Location,
}

impl Script {
    /// Returns the time until it is killed.
    pub fn timeout(&self) -> Duration {
        self.timeout.unwrap_or(self.interval)
    }

    /// Returns how many runs in a row must fail.
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
    pub place: Location,
    /// The file.
    pub file: Spanned<String>,
    /// The number that the file's number is multiplied by.
    pub weight: Weight,
    /// The real servers whose FILE_CHECK uses it.
    pub checked_by: Vec<String>,
    /// The instances that it acts on.
    pub tracked_by: Vec<TrackedBy>,
}

/// A `vrrp_track_process` block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackProcess {
    /// The name that instances use.
    pub name: String,
    /// The first line of the block.
    pub place: Location,
    /// The program and the parameters to look for.
    pub process: Vec<String>,
    /// The effect on the priority, unless `track_process` has another weight.
    pub weight: Weight,
    /// The instances that it acts on.
    pub tracked_by: Vec<TrackedBy>,
}

/// The kinds of blocks that an instance can track.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Trackable {
    /// A `vrrp_script`.
    Script,
    /// A `track_file`.
    File,
    /// A `vrrp_track_process`.
    Process,
}

/// A line of a `track_...` block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracked {
    /// The kind of block that it names.
    pub kind: Trackable,
    /// The name.
    pub name: String,
    /// The line.
    pub place: Location,
    /// The effect on the priority.
    pub weight: Weight,
    /// False if keepalived ignores the line.
    pub counts: bool,
}

/// A `vrrp_instance` block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instance {
    /// The name.
    pub name: String,
    /// The first line of the block.
    pub place: Location,
    /// The priority without the weights.
    pub priority: u8,
    /// The line of `nopreempt`, unless `preempt` follows it.
    pub nopreempt: Option<Location>,
    /// The first word of each line in `virtual_ipaddress`.
    pub addresses: Vec<Spanned<String>>,
    /// The first word of each line in `virtual_ipaddress_excluded`.
    pub excluded_addresses: Vec<Spanned<String>>,
    /// The lines of its `track_...` blocks.
    pub tracks: Vec<Tracked>,
}

/// A `vrrp_sync_group` block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// The name.
    pub name: String,
    /// The first line of the block.
    pub place: Location,
    /// The names of the instances.
    pub members: Vec<Spanned<String>>,
    /// True if weights count for its members (`sync_group_tracking_weight` or `global_tracking`).
    pub tracks_weights: bool,
    /// The lines of its `track_...` blocks, which act on all its members.
    pub tracks: Vec<Tracked>,
}
