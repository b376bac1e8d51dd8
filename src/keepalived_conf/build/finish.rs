//! What acts on which instances (keepalived/vrrp/vrrp.c, `vrrp_complete_instance`, `sync_group_tracking_init`), and what
//! nothing tracks.

use std::collections::{HashMap, HashSet};

use super::super::diagnostic::{Lost, NoWeight, Problem};
use super::super::model::{Group, Ignored, Instance, Tracked, TrackedBy, Tracks};
use super::super::reader::Context;
use super::super::spelling::suggest;
use super::Builder;

/// A name that is wrong is compared with at most this many.
const MAX_COMPARED: usize = 200;
/// What groups track acts on at most this many instances.
const MAX_OF_GROUPS: usize = 100_000;

/// What can act on an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Script,
    File,
    Process,
}

impl Kind {
    fn block(self) -> &'static str {
        match self {
            Self::Script => "vrrp_script",
            Self::File => "track_file",
            Self::Process => "vrrp_track_process",
        }
    }
}

impl Tracks {
    fn kinds(&self) -> [(Kind, &[Tracked]); 3] {
        [
            (Kind::Script, &self.scripts),
            (Kind::File, &self.files),
            (Kind::Process, &self.processes),
        ]
    }
}

impl Builder {
    /// Resolves what is tracked, when everything has been read.
    pub fn finish(&mut self, context: &mut Context) {
        let groups = self.join_groups(context);
        self.ignore_weights(context, &groups);
        self.add_of_instances();
        self.add_of_groups(context, &groups);
        // Nothing is known about what is missing in a part that was not read.
        let has_gap = self.has_gap || context.diagnostics.has_gap();
        if !has_gap {
            self.check_names(context);
            self.check_untracked(context);
            self.check_instances(context);
        }
        self.config.complete = !has_gap;
    }

    /// Returns the group of each instance that is in one.
    fn join_groups(&self, context: &mut Context) -> HashMap<usize, usize> {
        let mut groups = HashMap::new();
        for (number, group) in self.config.groups.iter().enumerate() {
            let mut count = 0;
            for member in &group.members {
                let instance = self.instances.get(&member.value);
                match instance {
                    Some(instance) if !groups.contains_key(instance) => {
                        groups.insert(*instance, number);
                        count += 1;
                    }
                    None if self.has_gap => count += 1,
                    _ => {
                        let (name, group) = (member.value.clone(), group.name.clone());
                        let exists = instance.is_some();
                        context.report(
                            &member.place,
                            Problem::GroupMember {
                                name,
                                group,
                                exists,
                            },
                        );
                    }
                }
            }
            if count == 0 && group.members.is_empty() {
                let name = group.name.clone();
                context.report(&group.place, Problem::GroupEmpty { name });
            }
        }
        groups
    }

    /// Weights do not count in a sync group, nor for the owner of the address.
    fn ignore_weights(&mut self, context: &mut Context, groups: &HashMap<usize, usize>) {
        for (number, instance) in self.config.instances.iter_mut().enumerate() {
            let group = groups
                .get(&number)
                .and_then(|group| self.config.groups.get(*group));
            let group = group.filter(|group| group.tracking_weight.is_none());
            let (ignored, why) = match group {
                Some(group) => (Ignored::SyncGroup, NoWeight::SyncGroup(group.name.clone())),
                None if instance.priority() == 255 => {
                    (Ignored::AddressOwner, NoWeight::AddressOwner)
                }
                None => continue,
            };
            let mut report = |tracked: &Tracked| {
                let problem = Problem::WeightIgnored {
                    instance: instance.name.clone(),
                    name: tracked.name.clone(),
                    weight: tracked.weight.value,
                    why: why.clone(),
                };
                context.report(&tracked.place, problem);
            };
            for tracked in weighted(&mut instance.tracks.scripts) {
                report(tracked);
                tracked.ignored = Some(ignored);
            }
            for tracked in weighted(&mut instance.tracks.files) {
                report(tracked);
                match tracked.weight.value {
                    1 => tracked.weight.value = 0,
                    _ => tracked.ignored = Some(ignored),
                }
            }
            for tracked in weighted(&mut instance.tracks.interfaces) {
                report(tracked);
                match ignored {
                    Ignored::SyncGroup => tracked.weight.value = 0,
                    _ => tracked.ignored = Some(ignored),
                }
            }
        }
    }

    fn add_of_instances(&mut self) {
        let instances = std::mem::take(&mut self.config.instances);
        for (number, instance) in instances.iter().enumerate() {
            for (kind, list) in instance.tracks.kinds() {
                for tracked in list.iter().filter(|tracked| tracked.ignored.is_none()) {
                    self.add(kind, tracked, number, &instance.name);
                }
            }
        }
        self.config.instances = instances;
    }

    /// What a group tracks acts on each of its members.
    fn add_of_groups(&mut self, context: &mut Context, groups: &HashMap<usize, usize>) {
        let instances = std::mem::take(&mut self.config.instances);
        let mut all = std::mem::take(&mut self.config.groups);
        let mut left = MAX_OF_GROUPS;
        for (number, group) in all.iter_mut().enumerate() {
            let members = self.members_of(group, number, groups);
            let is_owner = |member: &usize| {
                instances
                    .get(*member)
                    .is_some_and(|one| one.priority() == 255)
            };
            if members.iter().any(is_owner) {
                let tracks = &mut group.tracks;
                for list in [
                    &mut tracks.scripts,
                    &mut tracks.files,
                    &mut tracks.processes,
                ] {
                    for tracked in weighted(list) {
                        let (group, name) = (group.name.clone(), tracked.name.clone());
                        let weight = tracked.weight.value;
                        context.report(
                            &tracked.place,
                            Problem::WeightCleared {
                                group,
                                name,
                                weight,
                            },
                        );
                        tracked.weight.value = 0;
                    }
                }
            }
            for (kind, list) in group.tracks.kinds() {
                for tracked in list.iter().filter(|tracked| tracked.ignored.is_none()) {
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

    /// Returns the instances of a group, each once.
    fn members_of(
        &self,
        group: &Group,
        number: usize,
        groups: &HashMap<usize, usize>,
    ) -> Vec<usize> {
        let names = group.members.iter();
        let members = names.filter_map(|member| self.instances.get(&member.value).copied());
        let mut seen = HashSet::new();
        members
            .filter(|member| groups.get(member) == Some(&number) && seen.insert(*member))
            .collect()
    }

    /// Adds an instance that is acted on. If it tracks the same itself, its group's weight counts, unless its own is 0.
    fn add(&mut self, kind: Kind, tracked: &Tracked, instance: usize, name: &str) {
        let config = &mut self.config;
        let tracked_by = match kind {
            Kind::Script => {
                let index = self.scripts.get(&tracked.name).copied();
                index.and_then(|at| Some((at, &mut config.scripts.get_mut(at)?.tracked_by)))
            }
            Kind::File => {
                let index = self.track_files.get(&tracked.name).copied();
                index.and_then(|at| Some((at, &mut config.track_files.get_mut(at)?.tracked_by)))
            }
            Kind::Process => {
                let index = self.track_processes.get(&tracked.name).copied();
                index.and_then(|at| Some((at, &mut config.track_processes.get_mut(at)?.tracked_by)))
            }
        };
        let Some((index, tracked_by)) = tracked_by else {
            return;
        };
        let known = self.acts_on.get(&(kind, index, instance)).copied();
        if let Some(by) = known.and_then(|at| tracked_by.get_mut(at)) {
            if by.weight.value != 0 {
                by.weight = tracked.weight;
            }
            return;
        }
        self.acts_on
            .insert((kind, index, instance), tracked_by.len());
        tracked_by.push(TrackedBy {
            instance: name.to_owned(),
            weight: tracked.weight,
        });
    }

    /// Reports names that are tracked and do not exist, or come too late.
    fn check_names(&self, context: &mut Context) {
        let config = &self.config;
        let of_instances = config.instances.iter().map(|one| (&one.name, &one.tracks));
        let of_groups = config.groups.iter().map(|one| (&one.name, &one.tracks));
        for (tracker, tracks) in of_instances.chain(of_groups) {
            for (kind, list) in tracks.kinds() {
                let is_lost = |tracked: &&Tracked| tracked.ignored == Some(Ignored::NotFound);
                for tracked in list.iter().filter(is_lost) {
                    if context.diagnostics.is_full() {
                        return;
                    }
                    let Some(why) = self.lost(kind, &tracked.name) else {
                        continue;
                    };
                    let problem = Problem::TrackedLost {
                        tracker: tracker.clone(),
                        block: kind.block(),
                        name: tracked.name.clone(),
                        why,
                    };
                    context.report(&tracked.place, problem);
                }
            }
        }
    }

    /// Returns why a name is not found. `None`: its block has a problem of its own.
    fn lost(&self, kind: Kind, name: &str) -> Option<Lost> {
        let config = &self.config;
        let (is_used, names): (bool, Vec<&str>) = match kind {
            Kind::Script => (
                self.scripts.contains_key(name),
                config.scripts.iter().map(|one| one.name.as_str()).collect(),
            ),
            Kind::File => (
                self.track_files.contains_key(name),
                config
                    .track_files
                    .iter()
                    .map(|one| one.name.as_str())
                    .collect(),
            ),
            Kind::Process => (
                self.track_processes.contains_key(name),
                config
                    .track_processes
                    .iter()
                    .map(|one| one.name.as_str())
                    .collect(),
            ),
        };
        if is_used {
            return Some(Lost::Below);
        }
        let meant = suggest(name, names.iter().copied().take(MAX_COMPARED));
        (!names.contains(&name)).then(|| Lost::Absent(meant.map(str::to_owned)))
    }

    /// Reports scripts that no line tracks.
    fn check_untracked(&self, context: &mut Context) {
        let config = &self.config;
        let of_instances = config.instances.iter().map(|one| &one.tracks);
        let of_groups = config.groups.iter().map(|one| &one.tracks);
        let lines = of_instances
            .chain(of_groups)
            .flat_map(|tracks| &tracks.scripts);
        let named: HashSet<&str> = lines.map(|line| line.name.as_str()).collect();
        for script in &config.scripts {
            let is_used = script.command.is_some() && script.shadowed_by.is_none();
            if is_used && !named.contains(script.name.as_str()) {
                let name = script.name.clone();
                context.report(&script.place, Problem::Untracked { name });
            }
        }
    }

    fn check_instances(&self, context: &mut Context) {
        let without = |one: &&Instance| one.virtual_router_id.is_none();
        for instance in self.config.instances.iter().filter(without) {
            let name = instance.name.clone();
            context.report(&instance.place, Problem::NoRouterId { name });
        }
    }
}

/// Returns the lines that count and have a weight.
fn weighted(list: &mut [Tracked]) -> impl Iterator<Item = &mut Tracked> {
    let counts = |tracked: &&mut Tracked| tracked.ignored.is_none() && tracked.weight.value != 0;
    list.iter_mut().filter(counts)
}
