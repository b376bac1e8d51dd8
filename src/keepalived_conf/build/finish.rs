//! What acts on which instances (keepalived/vrrp/vrrp.c, `vrrp_complete_instance`, `sync_group_tracking_init`), and what
//! nothing tracks.

use std::collections::{HashMap, HashSet};

use super::super::diagnostic::{Problem, Values};
use super::super::model::{Group, Ignored, Instance, State, Tracked, TrackedBy, Tracks};
use super::super::spelling::suggest;
use super::{Builder, Kind};

/// A name that is wrong is compared with at most this many.
const MAX_COMPARED: usize = 200;
/// What groups track acts on at most this many instances.
const MAX_OF_GROUPS: usize = 100_000;

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
    fn kinds(&mut self) -> [(Kind, &mut Vec<Tracked>); 3] {
        [
            (Kind::Script, &mut self.scripts),
            (Kind::File, &mut self.files),
            (Kind::Process, &mut self.processes),
        ]
    }
}

/// The instances that act on something so far: where in `tracked_by` each is.
type Acting = HashMap<(Kind, usize, usize), usize>;

impl Builder<'_> {
    /// Resolves what is tracked, when everything has been read.
    pub fn finish(&mut self) {
        // Nothing is known about what a part contains that was not read.
        self.has_gap |= self.cx.diagnostics.borrow().has_gap();
        self.config.complete = !self.has_gap;
        let mut instances = std::mem::take(&mut self.config.instances);
        let mut groups = std::mem::take(&mut self.config.groups);
        let members = self.join_groups(&groups);
        self.ignore_weights(&mut instances, &groups, &members);
        for instance in &mut instances {
            self.clear_nopreempt(instance);
        }
        let mut acting = Acting::new();
        for (number, instance) in instances.iter_mut().enumerate() {
            for (kind, list) in instance.tracks.kinds() {
                for tracked in list.iter().filter(|tracked| tracked.ignored.is_none()) {
                    self.add(&mut acting, (kind, tracked), number, &instance.name);
                }
            }
        }
        self.add_of_groups(&mut acting, &instances, &mut groups, &members);
        if self.config.complete {
            self.check_tracks(&mut instances, &mut groups);
            for instance in &instances {
                let has_interface = instance.interface.is_some() || instance.is_unicast;
                let values: Values = &[("name", &instance.name)];
                if instance.virtual_router_id.is_none() {
                    self.cx.report(&instance.place, Problem::NoRouterId, values);
                } else if !has_interface {
                    self.cx
                        .report(&instance.place, Problem::NoInterface, values);
                }
            }
        }
        self.config.instances = instances;
        self.config.groups = groups;
    }

    /// Returns the group of each instance that is in one.
    fn join_groups(&self, groups: &[Group]) -> HashMap<usize, usize> {
        let mut members = HashMap::new();
        for (number, group) in groups.iter().enumerate() {
            for member in &group.members {
                let problem = match self.instances.get(&member.value) {
                    Some(instance) if members.contains_key(instance) => Problem::MemberTaken,
                    Some(instance) => {
                        members.insert(*instance, number);
                        continue;
                    }
                    None if self.has_gap => continue,
                    None => Problem::MemberAbsent,
                };
                let values: Values = &[("name", &member.value), ("group", &group.name)];
                self.cx.report(&member.place, problem, values);
            }
            if group.members.is_empty() && !self.has_gap {
                self.cx
                    .report(&group.place, Problem::GroupEmpty, &[("name", &group.name)]);
            }
        }
        members
    }

    /// Weights do not count in a sync group, nor for the owner of the address.
    fn ignore_weights(
        &self,
        instances: &mut [Instance],
        groups: &[Group],
        members: &HashMap<usize, usize>,
    ) {
        for (number, instance) in instances.iter_mut().enumerate() {
            let group = members.get(&number).and_then(|group| groups.get(*group));
            let group = group.filter(|group| group.tracking_weight.is_none());
            let (ignored, problem) = match group {
                Some(_) => (Ignored::SyncGroup, Problem::WeightInGroup),
                None if instance.priority() == 255 => {
                    (Ignored::AddressOwner, Problem::WeightOfOwner)
                }
                None => continue,
            };
            let group = group.map(|group| group.name.as_str()).unwrap_or_default();
            for (kind, list) in instance.tracks.kinds() {
                for tracked in weighted(list).filter(|_| kind != Kind::Process) {
                    // keepalived cannot tell whether a track_file has its default weight.
                    let is_default = kind == Kind::File && tracked.weight.value == 1;
                    let values: Values = &[
                        ("instance", &instance.name),
                        ("name", &tracked.name),
                        ("weight", &tracked.weight.value),
                        ("group", &group),
                    ];
                    if is_default {
                        self.cx
                            .report(&tracked.place, Problem::WeightCleared, values);
                        tracked.weight.value = 0;
                    } else {
                        self.cx.report(&tracked.place, problem, values);
                        tracked.ignored = Some(ignored);
                    }
                }
            }
        }
    }

    fn clear_nopreempt(&self, instance: &mut Instance) {
        let state = instance.state.as_ref().map(|set| set.value);
        if state == Some(State::Master) || instance.priority() == 255 {
            if let Some(place) = instance.nopreempt.take() {
                let values: Values = &[("name", &instance.name)];
                self.cx.report(&place, Problem::NopreemptIgnored, values);
            }
        }
    }

    /// What a group tracks acts on each of its members.
    fn add_of_groups(
        &mut self,
        acting: &mut Acting,
        instances: &[Instance],
        groups: &mut [Group],
        members: &HashMap<usize, usize>,
    ) {
        let mut left = MAX_OF_GROUPS;
        for (number, group) in groups.iter_mut().enumerate() {
            let mut seen = HashSet::new();
            let names = group.members.iter();
            let numbers = names.filter_map(|member| self.instances.get(&member.value));
            let is_in = |instance: &&usize| members.get(*instance) == Some(&number);
            let acted_on: Vec<(usize, &Instance)> = numbers
                .filter(|instance| is_in(instance) && seen.insert(**instance))
                .filter_map(|instance| Some((*instance, instances.get(*instance)?)))
                .collect();
            let is_owner = acted_on
                .iter()
                .any(|(_, instance)| instance.priority() == 255);
            for (kind, list) in group.tracks.kinds() {
                for tracked in weighted(list).filter(|_| is_owner) {
                    let weight = tracked.weight.value;
                    let values: Values = &[
                        ("instance", &group.name),
                        ("name", &tracked.name),
                        ("weight", &weight),
                    ];
                    self.cx
                        .report(&tracked.place, Problem::WeightCleared, values);
                    tracked.weight.value = 0;
                }
                for tracked in list.iter().filter(|tracked| tracked.ignored.is_none()) {
                    for (instance, Instance { name, .. }) in acted_on.iter().take(left) {
                        self.add(acting, (kind, tracked), *instance, name);
                    }
                    left = left.saturating_sub(acted_on.len());
                }
            }
        }
    }

    /// Adds an instance that is acted on. If it tracks the same itself, its group's weight counts, unless its own is 0.
    fn add(
        &mut self,
        acting: &mut Acting,
        (kind, tracked): (Kind, &Tracked),
        instance: usize,
        name: &str,
    ) {
        let Some(index) = self.find(kind, &tracked.name) else {
            return;
        };
        let config = &mut self.config;
        let tracked_by = match kind {
            Kind::Script => config.scripts.get_mut(index).map(|one| &mut one.tracked_by),
            Kind::File => config
                .track_files
                .get_mut(index)
                .map(|one| &mut one.tracked_by),
            Kind::Process => config
                .track_processes
                .get_mut(index)
                .map(|one| &mut one.tracked_by),
        };
        let Some(tracked_by) = tracked_by else {
            return;
        };
        let weight = tracked.weight;
        let at = *acting
            .entry((kind, index, instance))
            .or_insert(tracked_by.len());
        match tracked_by.get_mut(at) {
            Some(by) if by.weight.value != 0 => by.weight = weight,
            Some(_) => {}
            None => tracked_by.push(TrackedBy {
                instance: name.to_owned(),
                weight,
            }),
        }
    }

    /// Reports names that are tracked and do not exist, or come too late, and scripts that no line tracks.
    fn check_tracks(&self, instances: &mut [Instance], groups: &mut [Group]) {
        let of_instances = instances.iter_mut().map(|one| (&one.name, &mut one.tracks));
        let of_groups = groups.iter_mut().map(|one| (&one.name, &mut one.tracks));
        let mut scripts = HashSet::new();
        for (tracker, tracks) in of_instances.chain(of_groups) {
            for (kind, list) in tracks.kinds() {
                for tracked in list.iter() {
                    if kind == Kind::Script {
                        scripts.insert(tracked.name.clone());
                    }
                    if tracked.ignored == Some(Ignored::NotFound) {
                        self.check_name(tracker, kind, tracked);
                    }
                }
            }
        }
        for script in &self.config.scripts {
            let is_used = script.command.is_some() && script.shadowed_by.is_none();
            if is_used && !scripts.contains(&script.name) {
                let values: Values = &[("name", &script.name)];
                self.cx.report(&script.place, Problem::Untracked, values);
            }
        }
    }

    fn check_name(&self, tracker: &str, kind: Kind, tracked: &Tracked) {
        if self.cx.diagnostics.borrow().is_full() {
            return;
        }
        let config = &self.config;
        let mut names: Vec<&str> = match kind {
            Kind::Script => config.scripts.iter().map(|one| one.name.as_str()).collect(),
            Kind::File => config
                .track_files
                .iter()
                .map(|one| one.name.as_str())
                .collect(),
            Kind::Process => config
                .track_processes
                .iter()
                .map(|one| one.name.as_str())
                .collect(),
        };
        let name = tracked.name.as_str();
        let is_used = self.find(kind, name).is_some();
        // A block that is removed has a problem of its own.
        if !is_used && names.contains(&name) {
            return;
        }
        names.truncate(MAX_COMPARED);
        let meant = suggest(name, names).filter(|_| !is_used);
        let problem = match meant {
            Some(_) => Problem::TrackedMisspelled,
            None if is_used => Problem::TrackedBelow,
            None => Problem::TrackedAbsent,
        };
        let values: Values = &[
            ("tracker", &tracker),
            ("block", &kind.block()),
            ("name", &name),
            ("meant", &meant.unwrap_or_default()),
        ];
        self.cx.report(&tracked.place, problem, values);
    }
}

/// Returns the lines that count and have a weight.
fn weighted(list: &mut [Tracked]) -> impl Iterator<Item = &mut Tracked> {
    let counts = |tracked: &&mut Tracked| tracked.ignored.is_none() && tracked.weight.value != 0;
    list.iter_mut().filter(counts)
}
