//! `vrrp_instance` and `vrrp_sync_group` (keepalived/vrrp/vrrp_parser.c).

use std::net::IpAddr;

use super::super::Place;
use super::super::diagnostic::{Problem, Values};
use super::super::model::{Group, Instance, State};
use super::super::reader::{Context, Line};
use super::Builder;
use super::values::{OnFlaw, replace};

/// Returns the name of a block that requires one. `None`: it has none, or another block has it, and keepalived ignores it.
fn name(cx: &Context, line: &Line, first: impl Fn(&str) -> Option<Place>) -> Option<String> {
    let keyword = line.keyword();
    let Some(name) = line.word(1).filter(|_| line.words.len() == 2) else {
        cx.report(&line.place, Problem::NameMissing, &[("block", &keyword)]);
        return None;
    };
    let Some(first) = first(name) else {
        return Some(name.to_owned());
    };
    // If it is the same line, the file is included twice.
    if first != line.place {
        let values: Values = &[("block", &keyword), ("name", &name), ("first", &first)];
        cx.report(&line.place, Problem::DuplicateBlock, values);
    }
    None
}

impl Builder<'_> {
    pub(super) fn begin_instance(&mut self, line: &Line) -> bool {
        self.config.runs_vrrp = true;
        let instances = &mut self.config.instances;
        let known = &self.instances;
        let first = |name: &str| Some(instances.get(*known.get(name)?)?.place.clone());
        let Some(name) = name(self.cx, line, first) else {
            return false;
        };
        self.instances.insert(name.clone(), instances.len());
        self.listed.clear();
        instances.push(Instance {
            name,
            place: line.place.clone(),
            ..Instance::default()
        });
        true
    }

    pub(super) fn instance_value(&mut self, line: &Line) {
        let Some(instance) = self.config.instances.last_mut() else {
            return;
        };
        let small = |on_flaw| {
            let number = self.cx.whole(line, 1..=255, on_flaw)?;
            Some(line.set(u8::try_from(number).ok()?))
        };
        match line.keyword() {
            "state" => set_state(self.cx, instance, line),
            "interface" => instance.interface = line.set_word(1),
            "virtual_router_id" => {
                replace(&mut instance.virtual_router_id, small(OnFlaw::Ignore));
            }
            "priority" => instance.priority = small(OnFlaw::Use(100)),
            "nopreempt" => instance.nopreempt = Some(line.place.clone()),
            "preempt" => instance.nopreempt = None,
            keyword if keyword.starts_with("notify") => self.cx.notify(line),
            _ => {}
        }
    }

    /// Takes a line of `virtual_ipaddress`, whose addresses are all of the family of the first.
    pub(super) fn address(&mut self, line: &Line) {
        let Some(instance) = self.config.instances.last_mut().filter(|_| !line.unread) else {
            return;
        };
        let is_ipv6 = |text: &str| {
            let bare = text.split('/').next().unwrap_or_default();
            bare.parse::<IpAddr>().ok().map(|address| address.is_ipv6())
        };
        let first = instance.addresses.first();
        let first = first.and_then(|first| is_ipv6(&first.value));
        let word = line.keyword();
        let problem = match (is_ipv6(word), first) {
            (None, _) => Problem::Address,
            (Some(family), Some(first)) if family != first => Problem::AddressFamily,
            _ if instance.addresses.iter().any(|known| known.value == word) => return,
            _ => return instance.addresses.extend(line.set_word(0)),
        };
        self.cx.report(&line.place, problem, &[("address", &word)]);
    }

    pub(super) fn excluded_address(&mut self, line: &Line) {
        if let Some(instance) = self.config.instances.last_mut() {
            instance.excluded_addresses.extend(line.set_word(0));
        }
    }

    pub(super) fn begin_group(&mut self, line: &Line) -> bool {
        let groups = &mut self.config.groups;
        let known = &self.groups;
        let first = |name: &str| Some(groups.get(*known.get(name)?)?.place.clone());
        let Some(name) = name(self.cx, line, first) else {
            return false;
        };
        self.groups.insert(name.clone(), groups.len());
        self.listed.clear();
        groups.push(Group {
            name,
            place: line.place.clone(),
            ..Group::default()
        });
        true
    }

    pub(super) fn begin_members(&mut self, line: &Line) -> bool {
        let group = self.config.groups.last();
        let first = group.and_then(|group| group.members.first());
        if let Some(first) = first {
            self.cx.repeated_ignored(line, first.place.line);
        }
        first.is_none()
    }

    pub(super) fn members(&mut self, line: &Line) {
        if let Some(group) = self.config.groups.last_mut() {
            let names = line.words.iter();
            group
                .members
                .extend(names.map(|name| line.set(name.clone())));
        }
    }

    pub(super) fn group_value(&mut self, line: &Line) {
        let Some(group) = self.config.groups.last_mut() else {
            return;
        };
        match line.keyword() {
            "sync_group_tracking_weight" | "global_tracking" => {
                group.tracking_weight = Some(line.place.clone());
            }
            keyword if keyword.starts_with("notify") => self.cx.notify(line),
            _ => {}
        }
    }
}

fn set_state(cx: &Context, instance: &mut Instance, line: &Line) {
    let before = instance.state.as_ref();
    let master = before.filter(|set| set.value == State::Master);
    let state = match (line.word(1), master) {
        (Some("MASTER"), _) => State::Master,
        (Some("BACKUP"), Some(master)) => return cx.repeated_ignored(line, master.place.line),
        (Some("BACKUP"), None) => State::Backup,
        _ => {
            cx.wrong_word(line, 1, "MASTER or BACKUP");
            State::Backup
        }
    };
    instance.state = Some(line.set(state));
}
