//! Resolves the names that instances and groups track (keepalived/vrrp/vrrp.c, `vrrp_complete_instance`,
//! `sync_group_tracking_init`), and reports scripts that nothing tracks.

use std::collections::{HashMap, HashSet};

use super::super::diagnostic::{Problem, Values};
use super::super::model::{Config, Group, Instance, Trackable, Tracked, TrackedBy};
use super::super::spelling::suggest;
use super::Builder;

/// At most this many names are compared with an unknown name.
const MAX_COMPARED: usize = 200;
/// The most pairs of a line that a group tracks and a member that it acts on, for all groups together.
const MAX_OF_GROUPS: usize = 100_000;

impl Trackable {
    fn block(self) -> &'static str {
        match self {
            Self::Script => "vrrp_script",
            Self::File => "track_file",
            Self::Process => "vrrp_track_process",
        }
    }
}

/// The instances that act on something so far: where in `tracked_by` each is.
type Acting = HashMap<(Trackable, usize, usize), usize>;

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
        let mut acting = Acting::new();
        for (number, instance) in instances.iter().enumerate() {
            for tracked in instance.tracks.iter().filter(|tracked| tracked.counts) {
                self.add(&mut acting, tracked, number, &instance.name);
            }
        }
        self.add_of_groups(&mut acting, &instances, &mut groups, &members);
        if self.config.complete {
            self.check_names();
            self.check_untracked(&instances, &groups);
            // With dynamic_interfaces keepalived can run with two instances of the same number.
            let is_dynamic = self.config.globals.dynamic_interfaces;
            let unable = self.unable.iter();
            let is_sure = |problem: &Problem| *problem != Problem::SameRouterId || !is_dynamic;
            for (problem, name, why, place) in unable.filter(|(problem, ..)| is_sure(problem)) {
                let values: Values = &[("name", name), ("why", why)];
                self.cx.report(place, *problem, values);
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
                match self.instances.get(&member.value) {
                    Some(instance) if !members.contains_key(instance) => {
                        members.insert(*instance, number);
                    }
                    None if self.has_gap => {}
                    _ => {
                        let values: Values = &[("name", &member.value), ("group", &group.name)];
                        self.cx.report(&member.place, Problem::NotMember, values);
                    }
                }
            }
        }
        members
    }

    /// Ignores weights in a sync group, and those of the owner of the address.
    fn ignore_weights(
        &self,
        instances: &mut [Instance],
        groups: &[Group],
        members: &HashMap<usize, usize>,
    ) {
        for (number, instance) in instances.iter_mut().enumerate() {
            let group = members.get(&number).and_then(|group| groups.get(*group));
            let group = group.filter(|group| !group.tracks_weights);
            let problem = match group {
                Some(_) => Problem::WeightInGroup,
                None if instance.priority == 255 => Problem::WeightOfOwner,
                None => continue,
            };
            let group = group.map(|group| group.name.as_str()).unwrap_or_default();
            for tracked in weighted(&mut instance.tracks) {
                let weight = tracked.weight.value;
                match (tracked.kind, weight) {
                    (Trackable::Process, _) => {}
                    // keepalived cannot tell whether a track_file has its default weight.
                    (Trackable::File, 1) => tracked.weight.value = 0,
                    _ => {
                        tracked.counts = false;
                        let values: Values = &[
                            ("instance", &instance.name),
                            ("name", &tracked.name),
                            ("weight", &weight),
                            ("group", &group),
                        ];
                        self.cx.report(&tracked.place, problem, values);
                    }
                }
            }
        }
    }

    /// Makes everything that a group tracks act on each of its members. If a member owns the address, the
    /// weights are 0.
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
                .any(|(_, instance)| instance.priority == 255);
            for tracked in weighted(&mut group.tracks).filter(|_| is_owner) {
                tracked.weight.value = 0;
            }
            for tracked in group.tracks.iter().filter(|tracked| tracked.counts) {
                for (instance, Instance { name, .. }) in acted_on.iter().take(left) {
                    self.add(acting, tracked, *instance, name);
                }
                left = left.saturating_sub(acted_on.len());
            }
        }
    }

    /// Adds an instance that is acted on. If it tracks the same itself, its group's weight counts, unless its own is 0.
    fn add(&mut self, acting: &mut Acting, tracked: &Tracked, instance: usize, name: &str) {
        let kind = tracked.kind;
        let Some(index) = self.find(kind, &tracked.name) else {
            return;
        };
        let Some(tracked_by) = tracked_by(&mut self.config, kind, index) else {
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
                place: tracked.place.clone(),
            }),
        }
    }

    /// Reports scripts that no line tracks.
    fn check_untracked(&self, instances: &[Instance], groups: &[Group]) {
        let all = instances.iter().map(|instance| &instance.tracks);
        let all = all
            .chain(groups.iter().map(|group| &group.tracks))
            .flatten();
        let scripts = all.filter(|tracked| tracked.kind == Trackable::Script);
        let tracked: HashSet<&str> = scripts.map(|tracked| tracked.name.as_str()).collect();
        for script in &self.config.scripts {
            if !tracked.contains(script.name.as_str()) {
                let values: Values = &[("name", &script.name)];
                self.cx.report(&script.place, Problem::Untracked, values);
            }
        }
    }

    /// Reports names that are tracked and do not exist, or come too late.
    fn check_names(&self) {
        for (tracker, kind, tracked) in &self.missing {
            if self.cx.diagnostics.borrow().is_full() {
                return;
            }
            let name = tracked.value.as_str();
            // A block that is removed has a problem of its own.
            if self.removed.contains(&(*kind, name.to_owned())) {
                continue;
            }
            let is_below = self.find(*kind, name).is_some();
            let names = self.used.keys().filter(|(other, _)| other == kind);
            let names = names.map(|(_, name)| name.as_str()).take(MAX_COMPARED);
            let meant = suggest(name, names).filter(|_| !is_below);
            let problem = match meant {
                Some(_) => Problem::TrackedMisspelled,
                None if is_below => Problem::TrackedBelow,
                None => Problem::TrackedAbsent,
            };
            let values: Values = &[
                ("tracker", tracker),
                ("block", &kind.block()),
                ("name", &name),
                ("meant", &meant.unwrap_or_default()),
            ];
            self.cx.report(&tracked.place, problem, values);
        }
    }
}

fn tracked_by(config: &mut Config, kind: Trackable, index: usize) -> Option<&mut Vec<TrackedBy>> {
    match kind {
        Trackable::Script => Some(&mut config.scripts.get_mut(index)?.tracked_by),
        Trackable::File => Some(&mut config.track_files.get_mut(index)?.tracked_by),
        Trackable::Process => Some(&mut config.track_processes.get_mut(index)?.tracked_by),
    }
}

/// Returns the lines that count and have a weight.
fn weighted(list: &mut [Tracked]) -> impl Iterator<Item = &mut Tracked> {
    let is_weighted = |tracked: &&mut Tracked| tracked.counts && tracked.weight.value != 0;
    list.iter_mut().filter(is_weighted)
}
