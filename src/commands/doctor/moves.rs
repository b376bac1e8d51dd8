//! What a check's result does to the address: weights, `reverse`, `nopreempt`, and how little it takes.

use super::checks::{Check, OnFailure};
use super::findings::Finding;
use crate::keepalived_conf::{Config, Instance, Place, Script, TrackedBy, Weight};

/// Looks at one script, which is used. `means_up`: success means that the service is there. `None`: not known,
/// for the program is not listenup.
pub fn examine(config: &Config, script: &Script, means_up: Option<bool>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for by in &script.tracked_by {
        let instance = config.instances.iter().find(|one| one.name == by.instance);
        let Some(instance) = instance else {
            continue;
        };
        let place = tracked_at(config, script, instance);
        if means_up != Some(false) {
            findings.extend(reverse(instance, by, means_up).map(|found| found.at(place)));
        }
        findings.extend(nopreempt(script, instance, by.weight).map(|found| found.at(place)));
    }
    if !script.tracked_by.is_empty() {
        // A part that was not read could set it.
        findings.extend(fall(script).filter(|_| config.complete || script.fall.is_some()));
        findings.extend(init_fail(script));
    }
    findings
}

/// Where it is written that an instance tracks a script, or else the script.
fn tracked_at<'c>(config: &'c Config, script: &'c Script, instance: &'c Instance) -> &'c Place {
    let of_groups = config.groups.iter().map(|group| &group.tracks);
    let tracks = std::iter::once(&instance.tracks).chain(of_groups);
    let mut lines = tracks.flat_map(|tracks| &tracks.scripts);
    let line = lines.find(|line| line.name == script.name && line.ignored.is_none());
    line.map_or(&script.place, |line| &line.place)
}

/// The priority that is left when this is added: VRRP has 1 to 254 for those that do not own the address.
pub fn priority(instance: &Instance, change: i32) -> i32 {
    i32::from(instance.priority())
        .saturating_add(change)
        .clamp(1, 254)
}

/// The priorities while a script succeeds, and while it fails (keepalived/vrrp/vrrp_scheduler.c,
/// `vrrp_script_weight`).
pub fn priorities(instance: &Instance, weight: Weight) -> (i32, i32) {
    let value = if weight.reverse {
        -weight.value
    } else {
        weight.value
    };
    let (good, bad) = match weight.value {
        above if above > 0 => (value, 0),
        _ => (0, value),
    };
    (priority(instance, good), priority(instance, bad))
}

fn reverse(instance: &Instance, by: &TrackedBy, means_up: Option<bool>) -> Option<Finding> {
    if !by.weight.reverse {
        return None;
    }
    let name = &instance.name;
    if by.weight.value == 0 {
        return Some(Finding::problem(
            format!(
                "({name}) FAULT while the check succeeds: the healthy node never has the address, the one \
                 with the dead service is MASTER"
            ),
            "weight 0 reverse",
            "take reverse out",
        ));
    }
    let (good, bad) = priorities(instance, by.weight);
    let effect = format!(
        "({name}) the priority is {good} while the check succeeds and {bad} while it fails: the address goes to \
         the node whose check fails"
    );
    let cause = format!("weight {} reverse", by.weight.value);
    let cure = "take reverse out";
    Some(match means_up {
        Some(_) => Finding::problem(effect, cause, cure),
        None => Finding::note(
            effect,
            cause,
            "take reverse out, unless the check means the opposite",
        ),
    })
}

fn nopreempt(script: &Script, instance: &Instance, weight: Weight) -> Option<Finding> {
    instance.nopreempt.as_ref().filter(|_| weight.value != 0)?;
    let name = &instance.name;
    Some(Finding::note(
        format!(
            "({name}) with nopreempt on both nodes the one whose service is dead keeps the address: the other \
             does not take it from a MASTER with a lower priority"
        ),
        format!(
            "{} has weight {}, and the instance nopreempt",
            script.name, weight.value
        ),
        "write weight 0, or take nopreempt out",
    ))
}

/// How little it takes.
fn fall(script: &Script) -> Option<Finding> {
    let place = script
        .fall
        .as_ref()
        .map_or(&script.place, |fall| &fall.place);
    let moves = match script.tracked_by.iter().any(|by| by.weight.value == 0) {
        true => "the address moves",
        false => "the priority changes",
    };
    (script.fall() == 1).then(|| {
        Finding::note(
            format!(
                "{}: one run that fails or is slow is enough: {moves}",
                script.name
            ),
            match script.fall {
                Some(_) => "fall 1",
                None => "fall is 1 where the block has none",
            },
            "write fall 2",
        )
        .at(place)
    })
}

/// keepalived/vrrp/vrrp_track.c sets the state anew when an instance tracks it.
fn init_fail(script: &Script) -> Option<Finding> {
    let place = script.init_fail.as_ref()?;
    Some(
        Finding::note(
            format!(
                "{}: init_fail does nothing: the first run decides",
                script.name
            ),
            "keepalived forgets it once the script is tracked (2.0.18 and later)",
            "take it out",
        )
        .at(place),
    )
}

/// What the result of a check does, for a check that is as it should be.
pub fn in_words(config: &Config, check: &Check<'_>) -> String {
    let Some(script) = check
        .script
        .filter(|_| check.on_failure == OnFailure::Priority)
    else {
        return String::new();
    };
    let of = |by: &TrackedBy| {
        let instance = config
            .instances
            .iter()
            .find(|one| one.name == by.instance)?;
        let (good, bad) = priorities(instance, by.weight);
        Some(format!(
            "({}) priority {good}, or {bad} while it fails",
            by.instance
        ))
    };
    let all: Vec<String> = script.tracked_by.iter().filter_map(of).collect();
    format!("; {}", all.join(", "))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::keepalived_conf::{Disk, Reading};

    #[test]
    fn priorities_as_keepalived_has_them() {
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
