//! Who tracks whom, when everything has been read (keepalived/vrrp/vrrp.c, `vrrp_complete_instance`,
//! `sync_group_tracking_init`).

use std::collections::{HashMap, HashSet};

use super::super::model::{Group, Ignored, Instance, Tracked, TrackedBy};
use super::super::reader::Shared;
use super::super::spelling::meant;
use super::Builder;

/// So many names are compared with one that is wrong.
const MOST_COMPARED: usize = 200;

/// What groups track acts on so many instances at most.
const MOST_OF_GROUPS: usize = 100_000;

/// What can be tracked and acts on instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum What {
    Script,
    File,
    Process,
}

impl Builder {
    /// Resolves what is tracked, when the VRRP process has read everything.
    pub fn finish(&mut self, shared: &mut Shared) {
        self.judge_names(shared);
        let groups = self.join_groups(shared);
        self.judge_weights(shared, &groups);
        self.add_of_instances();
        self.add_of_groups(shared, &groups);
        self.judge_untracked(shared);
        self.judge_instances(shared);
    }

    /// The number of the group of each instance that is in one.
    fn join_groups(&self, shared: &mut Shared) -> HashMap<usize, usize> {
        let mut groups = HashMap::new();
        for (number, group) in self.config.groups.iter().enumerate() {
            let mut count = 0;
            for member in &group.members {
                let (effect, cause) = match self.instances.get(&member.value) {
                    Some(instance) if !groups.contains_key(instance) => {
                        groups.insert(*instance, number);
                        count += 1;
                        continue;
                    }
                    Some(_) => ("is not in this sync group", "it is in one above"),
                    None => (
                        "is not in this sync group",
                        "there is no vrrp_instance of that name",
                    ),
                };
                shared.remarks.problem(
                    &member.place,
                    format!("{} {effect}", member.value),
                    cause,
                    "",
                );
            }
            if count == 0 {
                shared.remarks.problem(
                    &group.place,
                    format!(
                        "Sync group {} is removed, with all that it tracks",
                        group.name
                    ),
                    "it has no instance in it",
                    "write group { and the names of instances",
                );
            }
        }
        groups
    }

    /// Weights do not count in a sync group, nor for the owner of the address.
    fn judge_weights(&mut self, shared: &mut Shared, groups: &HashMap<usize, usize>) {
        for (number, instance) in self.config.instances.iter_mut().enumerate() {
            let group = groups
                .get(&number)
                .and_then(|group| self.config.groups.get(*group));
            let group = group.filter(|group| group.tracking_weight.is_none());
            let (reason, due, cure) = match group {
                Some(group) => (
                    Ignored::SyncGroup,
                    format!("SYNC group {}", group.name),
                    "write weight 0, or sync_group_tracking_weight in the group",
                ),
                None if instance.priority() == 255 => (
                    Ignored::AddressOwner,
                    "address owner: priority 255".to_owned(),
                    "write weight 0, or a priority from 1 to 254",
                ),
                None => continue,
            };
            let name = &instance.name;
            let mut tell = |tracked: &Tracked, effect: &str| {
                shared.remarks.problem(
                    &tracked.place,
                    format!(
                        "({name}) ignoring {effect} {} with weights due to {due}",
                        tracked.name
                    ),
                    format!("its weight is {}", tracked.weight.value),
                    cure,
                );
            };
            for tracked in counting(&mut instance.tracks.scripts) {
                tell(tracked, "tracked script");
                tracked.ignored = Some(reason);
            }
            for tracked in counting(&mut instance.tracks.files) {
                tell(tracked, "tracked file");
                match tracked.weight.value {
                    1 => tracked.weight.value = 0,
                    _ => tracked.ignored = Some(reason),
                }
            }
            for tracked in counting(&mut instance.tracks.interfaces) {
                tell(tracked, "tracked interface");
                match reason {
                    Ignored::SyncGroup => tracked.weight.value = 0,
                    _ => tracked.ignored = Some(reason),
                }
            }
        }
    }

    fn add_of_instances(&mut self) {
        let instances = std::mem::take(&mut self.config.instances);
        for (number, instance) in instances.iter().enumerate() {
            for (kind, list) in [
                (What::Script, &instance.tracks.scripts),
                (What::File, &instance.tracks.files),
                (What::Process, &instance.tracks.processes),
            ] {
                for tracked in list.iter().filter(|tracked| tracked.ignored.is_none()) {
                    self.add(kind, tracked, number, &instance.name);
                }
            }
        }
        self.config.instances = instances;
    }

    /// What a group tracks acts on each of its members.
    fn add_of_groups(&mut self, shared: &mut Shared, groups: &HashMap<usize, usize>) {
        let instances = std::mem::take(&mut self.config.instances);
        let mut all = std::mem::take(&mut self.config.groups);
        let mut left = MOST_OF_GROUPS;
        for (number, group) in all.iter_mut().enumerate() {
            let members = self.members(group, number, groups);
            let priority = |member: &usize| instances.get(*member).map(Instance::priority);
            let owner = members.iter().any(|member| priority(member) == Some(255));
            for (kind, list) in [
                (What::Script, &mut group.tracks.scripts),
                (What::File, &mut group.tracks.files),
                (What::Process, &mut group.tracks.processes),
            ] {
                for tracked in list.iter_mut().filter(|tracked| tracked.ignored.is_none()) {
                    if owner && tracked.weight.value != 0 {
                        tell_owner(shared, &group.name, tracked);
                        tracked.weight.value = 0;
                    }
                    for member in members.iter().take(left) {
                        if let Some(instance) = instances.get(*member) {
                            self.add(kind, tracked, *member, &instance.name);
                        }
                    }
                    left = left.saturating_sub(members.len());
                }
            }
        }
        self.config.groups = all;
        self.config.instances = instances;
    }

    /// The numbers of the instances in a group, each once.
    fn members(&self, group: &Group, number: usize, groups: &HashMap<usize, usize>) -> Vec<usize> {
        let names = group.members.iter();
        let members = names.filter_map(|member| self.instances.get(&member.value).copied());
        let mut seen = HashSet::new();
        members
            .filter(|member| groups.get(member) == Some(&number) && seen.insert(*member))
            .collect()
    }

    /// An instance that is acted on. One that tracks it itself takes its group's weight, unless its own is 0.
    fn add(&mut self, what: What, tracked: &Tracked, instance: usize, name: &str) {
        let config = &mut self.config;
        let known = match what {
            What::Script => &self.scripts,
            What::File => &self.track_files,
            What::Process => &self.track_processes,
        };
        let Some(index) = known.get(&tracked.name).copied() else {
            return;
        };
        let tracked_by = match what {
            What::Script => config.scripts.get_mut(index).map(|one| &mut one.tracked_by),
            What::File => config
                .track_files
                .get_mut(index)
                .map(|one| &mut one.tracked_by),
            What::Process => config
                .track_processes
                .get_mut(index)
                .map(|one| &mut one.tracked_by),
        };
        let Some(tracked_by) = tracked_by else {
            return;
        };
        match self.acts_on.get(&(what, index, instance)) {
            Some(at) => {
                if let Some(by) = tracked_by.get_mut(*at).filter(|by| by.weight.value != 0) {
                    by.weight = tracked.weight;
                }
            }
            None => {
                self.acts_on
                    .insert((what, index, instance), tracked_by.len());
                tracked_by.push(TrackedBy {
                    instance: name.to_owned(),
                    weight: tracked.weight,
                });
            }
        }
    }

    /// Names that are tracked, and are not there or come too late.
    fn judge_names(&self, shared: &mut Shared) {
        let config = &self.config;
        let of_instances = config.instances.iter().map(|one| (&one.name, &one.tracks));
        let of_groups = config.groups.iter().map(|one| (&one.name, &one.tracks));
        for (name, tracks) in of_instances.chain(of_groups) {
            for (block, list) in [
                ("vrrp_script", &tracks.scripts),
                ("track_file", &tracks.files),
                ("vrrp_track_process", &tracks.processes),
            ] {
                let is_lost = |tracked: &&Tracked| tracked.ignored == Some(Ignored::NotFound);
                for tracked in list.iter().filter(is_lost) {
                    if shared.remarks.is_full() {
                        return;
                    }
                    self.judge_name(shared, name, block, tracked);
                }
            }
        }
    }

    fn judge_name(&self, shared: &mut Shared, tracker: &str, block: &str, tracked: &Tracked) {
        let config = &self.config;
        let what = match block {
            "vrrp_script" => "script",
            "track_file" => "file",
            _ => "process",
        };
        let names: Vec<&String> = match block {
            "vrrp_script" => config.scripts.iter().map(|one| &one.name).collect(),
            "track_file" => config.track_files.iter().map(|one| &one.name).collect(),
            _ => config.track_processes.iter().map(|one| &one.name).collect(),
        };
        let is_taken = match block {
            "vrrp_script" => self.scripts.contains_key(&tracked.name),
            "track_file" => self.track_files.contains_key(&tracked.name),
            _ => self.track_processes.contains_key(&tracked.name),
        };
        let (cause, cure) = if is_taken {
            (
                format!("the {block} of that name stands below, and keepalived does not look back"),
                format!("move the {block} above what tracks it"),
            )
        } else if names.contains(&&tracked.name) {
            (
                format!("keepalived removes the {block} of that name"),
                "see what is said of that block".to_owned(),
            )
        } else {
            let names = names.iter().take(MOST_COMPARED).map(|name| name.as_str());
            let cure = match meant(tracked.name.as_bytes(), names) {
                Some(meant) => format!("did you mean {meant}?"),
                None => format!("write a {block} of that name above what tracks it"),
            };
            (format!("there is no {block} of that name"), cure)
        };
        let name = &tracked.name;
        shared.remarks.problem(
            &tracked.place,
            format!("({tracker}) track {what} {name} not found, ignoring: nothing checks by it"),
            cause,
            cure,
        );
    }

    fn judge_untracked(&self, shared: &mut Shared) {
        let used = |script: &&super::super::model::Script| {
            let counts = !script.removed && script.shadowed_by.is_none();
            counts && !script.name.is_empty() && script.tracked_by.is_empty()
        };
        let config = &self.config;
        let of_instances = config.instances.iter().map(|one| &one.tracks);
        let of_groups = config.groups.iter().map(|one| &one.tracks);
        let lines = of_instances
            .chain(of_groups)
            .flat_map(|tracks| &tracks.scripts);
        let named: HashSet<&str> = lines.map(|line| line.name.as_str()).collect();
        for script in config.scripts.iter().filter(used) {
            let name = &script.name;
            let (cause, cure) = match named.contains(name.as_str()) {
                true => ("the line that tracks it does not count", String::new()),
                false => (
                    "no vrrp_instance and no vrrp_sync_group tracks it",
                    format!(
                        "write track_script {{ {name} }}, on lines of their own, in the vrrp_instance"
                    ),
                ),
            };
            let effect = format!(
                "script {name} is not used: it never runs, and the address stays whatever it would find"
            );
            shared.remarks.problem(&script.place, effect, cause, cure);
        }
    }

    /// Blocks that the parent process does not see, because it passes over one around them up to its brace.
    pub fn judge_processes(&mut self, shared: &mut Shared) {
        // Two processes read these blocks, and the first one's have been resolved.
        let mut seen = HashSet::new();
        let files = &mut self.config.track_files;
        files.retain(|file| seen.insert((file.place.clone(), file.name.clone())));
        let config = &self.config;
        let unseen = [
            (
                config.runs_vrrp,
                config.instances.first().map(|one| &one.place),
            ),
            (
                config.runs_checker,
                config.virtual_servers.first().map(|one| &one.place),
            ),
        ];
        for (runs, first) in unseen {
            if let (false, Some(place)) = (runs, first) {
                shared.remarks.problem(
                    place,
                    "keepalived has no configuration to run: it starts no process for this block and those like it",
                    "a block above is not closed, and keepalived takes this one for a part of it",
                    "close each block that is opened",
                );
            }
        }
    }

    fn judge_instances(&self, shared: &mut Shared) {
        for instance in &self.config.instances {
            if instance.virtual_router_id.is_none() {
                shared.fatal.get_or_insert_with(|| instance.place.clone());
                shared.remarks.problem(
                    &instance.place,
                    format!(
                        "({}) the virtual router id must be set: keepalived runs no VRRP at all",
                        instance.name
                    ),
                    "the block has no virtual_router_id that counts",
                    "write virtual_router_id and a number from 1 to 255",
                );
            }
        }
    }
}

/// The lines that count and have a weight.
fn counting(list: &mut [Tracked]) -> impl Iterator<Item = &mut Tracked> {
    let counts = |tracked: &&mut Tracked| tracked.ignored.is_none() && tracked.weight.value != 0;
    list.iter_mut().filter(counts)
}

fn tell_owner(shared: &mut Shared, group: &str, tracked: &Tracked) {
    shared.remarks.problem(
        &tracked.place,
        format!(
            "({group}) Cannot have weighted {} with a member having priority 255 - clearing weight",
            tracked.name
        ),
        format!("its weight is {}", tracked.weight.value),
        "write weight 0, or a priority from 1 to 254",
    );
}
