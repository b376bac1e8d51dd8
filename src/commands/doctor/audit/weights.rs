//! The effects of a check's result on the priority and the addresses of an instance.

use std::collections::{HashMap, HashSet};

use crate::commands::doctor::checks::Check;
use crate::commands::doctor::codes::audit::{
    INIT_FAIL, MOVES_BY_FAULT, MOVES_BY_PRIORITY, NOPREEMPT_WEIGHT, NOTHING_CHECKED, ONE_FAILURE,
    REVERSE, REVERSE_OTHER, REVERSE_ZERO,
};
use crate::commands::doctor::codes::outcome::AnyOf;
use crate::commands::doctor::findings::Finding;
use crate::keepalived_conf::{Config, Group, Instance, Script, TrackedBy, Weight};

/// Returns what is wrong with the weights of a script. `means_up`: success means that the service is up. `None`: what
/// success means is unknown, because the program is not listenup.
pub fn examine(
    index: &Index<'_>,
    check: &Check<'_>,
    script: &Script,
    means_up: Option<bool>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for by in &script.tracked_by {
        let Some(instance) = index.instances.get(by.instance.as_str()) else {
            continue;
        };
        if means_up != Some(false) {
            let found = reverse(script, instance, by.weight, means_up);
            findings.extend(found.map(|found| found.at(&by.place)));
        }
    }
    if script.tracked_by.is_empty() {
        return findings;
    }
    // A part that was not read could set it.
    if script.fall() == 1 && (index.complete || script.fall.is_some()) {
        let place = script
            .fall
            .as_ref()
            .map_or(&script.place, |fall| &fall.place);
        let fall = script.fall.as_ref().map_or("not set", |_| "1");
        findings.push(check.finding(ONE_FAILURE, &[("fall", &fall)]).at(place));
    }
    if let Some(place) = &script.init_fail {
        findings.push(check.finding(INIT_FAIL, &[]).at(place));
    }
    findings
}

/// Returns what happens to the addresses of each instance if a check fails. The result of the checks in `decided` does
/// not depend on a service. `shown` returns a check's name, and whether it could not be judged.
pub fn instances(
    config: &Config,
    decided: &HashSet<String>,
    shown: impl Fn(&str) -> String,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    if config.fatal.is_some() || !config.complete {
        return findings;
    }
    let index = Index::new(config);
    for instance in &config.instances {
        let name = &instance.name;
        let addresses = addresses(instance);
        // The instances of a sync group move together.
        let mates = index.mates(name);
        let group = index.groups.get(name.as_str());
        let of_group = group.map_or(&[][..], |group| &group.tracks);
        let of_mates = mates.iter().filter_map(|mate| index.instances.get(mate));
        let mut tracks = of_mates
            .flat_map(|mate| &mate.tracks)
            .chain(of_group)
            .peekable();
        let has_lines = tracks.peek().is_some();
        if !tracks.any(|tracked| tracked.counts) {
            let finding = NOTHING_CHECKED.with(&[("instance", name), ("addresses", &addresses)]);
            let finding = match has_lines {
                true => finding.with_fix(
                    "correct the lines that keepalived ignores",
                    ("instance", name),
                ),
                false => finding,
            };
            findings.push(finding.at(&instance.place));
            continue;
        }
        let mut by_fault: Vec<String> = Vec::new();
        let mut by_priority: Vec<(&str, &TrackedBy)> = Vec::new();
        let trackers = mates.iter().filter_map(|mate| index.trackers.get(mate));
        let mut trackers: Vec<&(usize, &str, &TrackedBy)> = trackers.flatten().collect();
        trackers.sort_unstable_by_key(|(order, _, _)| *order);
        let mut known = HashSet::new();
        for (_, check, by) in trackers {
            match by.weight.value {
                _ if decided.contains(*check) => {}
                0 if !known.insert(check) => {}
                0 => by_fault.push(shown(check)),
                _ if by.instance == *name => by_priority.push((*check, *by)),
                _ => {}
            }
        }
        if !by_fault.is_empty() {
            let finding = MOVES_BY_FAULT.with(&[
                ("instance", name),
                ("checks", &AnyOf(&by_fault)),
                ("addresses", &addresses),
            ]);
            findings.push(finding.at(&instance.place));
        }
        for (check, by) in by_priority {
            let (good, bad) = priorities(instance, by.weight);
            // With reverse a failure attracts the address, which another finding reports.
            if bad > good {
                continue;
            }
            let (code, place) = match instance.nopreempt {
                Some(_) => (NOPREEMPT_WEIGHT, &by.place),
                None => (MOVES_BY_PRIORITY, &instance.place),
            };
            let finding = code.with(&[
                ("instance", name),
                ("name", &check),
                ("check", &shown(check)),
                ("good", &good),
                ("bad", &bad),
                ("addresses", &addresses),
            ]);
            findings.push(finding.at(place));
        }
    }
    findings
}

/// Returns the scripts, the files and the processes that act on instances.
fn trackers(config: &Config) -> impl Iterator<Item = (&str, &TrackedBy)> {
    let scripts = config.scripts.iter();
    let scripts = scripts.map(|one| (one.name.as_str(), &one.tracked_by));
    let processes = config.track_processes.iter();
    let processes = processes.map(|one| (one.name.as_str(), &one.tracked_by));
    let files = config.track_files.iter();
    let files = files.map(|one| (one.name.as_str(), &one.tracked_by));
    let files = files.flat_map(|(name, by)| by.iter().map(move |by| (name, by)));
    // The effect of a file with a weight depends on its numbers.
    let files = files.filter(|(_, by)| by.weight.value == 0);
    let others = scripts.chain(processes);
    others
        .flat_map(|(name, by)| by.iter().map(move |by| (name, by)))
        .chain(files)
}

/// The instances of a configuration by name, with their groups and trackers. A configuration can have tens of thousands
/// of blocks.
pub struct Index<'c> {
    /// True if the whole configuration was read.
    complete: bool,
    instances: HashMap<&'c str, &'c Instance>,
    /// The group of an instance.
    groups: HashMap<&'c str, &'c Group>,
    /// The scripts, processes and files that act on an instance, each with its place among all trackers.
    trackers: HashMap<&'c str, Vec<(usize, &'c str, &'c TrackedBy)>>,
}

impl<'c> Index<'c> {
    /// Returns the index of a configuration.
    pub fn new(config: &'c Config) -> Self {
        let instances = config.instances.iter();
        let mut index = Self {
            complete: config.complete,
            instances: instances.map(|one| (one.name.as_str(), one)).collect(),
            groups: HashMap::new(),
            trackers: HashMap::new(),
        };
        for group in &config.groups {
            for member in &group.members {
                index.groups.entry(&member.value).or_insert(group);
            }
        }
        for (order, (check, by)) in trackers(config).enumerate() {
            let trackers = index.trackers.entry(&by.instance).or_default();
            trackers.push((order, check, by));
        }
        index
    }

    /// Returns the instance and the others of its sync group, each once.
    fn mates(&self, instance: &'c str) -> HashSet<&'c str> {
        let group = self.groups.get(instance).into_iter();
        let members = group.flat_map(|group| &group.members);
        let members = members.map(|member| member.value.as_str());
        std::iter::once(instance).chain(members).collect()
    }
}

fn addresses(instance: &Instance) -> String {
    let all: Vec<String> = instance
        .addresses
        .iter()
        .map(|address| address.value.clone())
        .collect();
    match all.as_slice() {
        [] => "the address".to_owned(),
        [first, second, third, _, ..] => format!("{first}, {second}, {third}, ..."),
        some => some.join(", "),
    }
}

/// Returns the priority with this change: VRRP has 1 to 254 for those that do not own the address.
fn priority(instance: &Instance, change: i32) -> i32 {
    i32::from(instance.priority)
        .saturating_add(change)
        .clamp(1, 254)
}

/// Returns the priorities while a script succeeds, and while it fails (keepalived/vrrp/vrrp_scheduler.c,
/// `vrrp_script_weight`).
fn priorities(instance: &Instance, weight: Weight) -> (i32, i32) {
    let value = if weight.reverse {
        -weight.value
    } else {
        weight.value
    };
    let (good, bad) = if weight.value > 0 {
        (value, 0)
    } else {
        (0, value)
    };
    (priority(instance, good), priority(instance, bad))
}

fn reverse(
    script: &Script,
    instance: &Instance,
    weight: Weight,
    means_up: Option<bool>,
) -> Option<Finding> {
    if !weight.reverse {
        return None;
    }
    let code = match (weight.value, means_up) {
        (0, _) => REVERSE_ZERO,
        (_, Some(_)) => REVERSE,
        (_, None) => REVERSE_OTHER,
    };
    let (good, bad) = priorities(instance, weight);
    Some(code.with(&[
        ("instance", &instance.name),
        ("name", &script.name),
        ("good", &good),
        ("bad", &bad),
        ("weight", &weight.value),
    ]))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::keepalived_conf::{Disk, Reading};

    #[test]
    fn priorities_are_computed_as_keepalived_does() {
        let text = "vrrp_instance a {\n virtual_router_id 1\n priority 100\n}\n";
        let reading = Reading {
            files: &Disk,
            id: b"a",
            version: None,
        };
        let config = reading.read_loaded(text.as_bytes(), Path::new("/a.conf"));
        for (value, reverse, expected) in [
            (20, false, (120, 100)),
            (-20, false, (100, 80)),
            // What 2.2.7 was seen to do: 100 goes to 80 while the service is there.
            (20, true, (80, 100)),
            (-20, true, (100, 120)),
            (253, false, (254, 100)),
            (-253, false, (100, 1)),
        ] {
            let weight = Weight { value, reverse };
            assert_eq!(
                priorities(&config.instances[0], weight),
                expected,
                "{weight:?}"
            );
        }
    }
}
