//! `vrrp_instance` and `vrrp_sync_group` (keepalived/vrrp/vrrp_parser.c).

use std::collections::HashMap;
use std::net::IpAddr;

use super::super::Place;
use super::super::diagnostic::Problem;
use super::super::model::{Group, Instance, Set, State, Tracks};
use super::super::reader::Context;
use super::values::{OnFlaw, whole};
use super::{Builder, Statement, command, values};

/// Returns the name of a block that requires one, unless another block has it. keepalived ignores the block then.
fn name(
    context: &mut Context,
    statement: &Statement,
    known: &HashMap<String, usize>,
    place_of: impl FnOnce(usize) -> Option<Place>,
) -> Option<String> {
    let (block, place) = (statement.keyword().to_owned(), statement.place());
    let Some(name) = statement.word(1).filter(|_| statement.words.len() == 2) else {
        context.report(place, Problem::NameMissing { block });
        return None;
    };
    let name = name.to_owned();
    let first = known.get(&name).copied().and_then(place_of);
    match first {
        None => return Some(name),
        // The same line again: the file is included twice.
        Some(first) if first == *place => {}
        Some(first) => context.report(place, Problem::DuplicateBlock { block, name, first }),
    }
    None
}

impl Builder {
    pub(super) fn begin_instance(&mut self, context: &mut Context, statement: &Statement) -> bool {
        self.config.runs_vrrp = true;
        let instances = &mut self.config.instances;
        let place_of = |at: usize| instances.get(at).map(|one: &Instance| one.place.clone());
        let Some(name) = name(context, statement, &self.instances, place_of) else {
            return false;
        };
        self.instances.insert(name.clone(), instances.len());
        self.tracked.clear();
        instances.push(Instance {
            name,
            place: statement.place().clone(),
            state: None,
            interface: None,
            virtual_router_id: None,
            priority: None,
            nopreempt: None,
            addresses: Vec::new(),
            excluded_addresses: Vec::new(),
            tracks: Tracks::default(),
            notify: Vec::new(),
        });
        true
    }

    pub(super) fn instance_value(&mut self, context: &mut Context, statement: &Statement) {
        let Some(instance) = self.config.instances.last_mut() else {
            return;
        };
        let small = |number: u32| {
            u8::try_from(number)
                .ok()
                .map(|number| statement.set(number))
        };
        match statement.keyword() {
            "state" => set_state(context, instance, statement),
            "interface" => instance.interface = statement.set_word(1),
            "virtual_router_id" => {
                let number = whole(context, statement, 1..=255, OnFlaw::Ignore);
                values::replace(&mut instance.virtual_router_id, number.and_then(small));
            }
            "priority" => {
                // keepalived uses 100 for anything that is not a priority.
                let number = whole(context, statement, 1..=255, OnFlaw::Use(100));
                instance.priority = number.and_then(small);
            }
            "nopreempt" => instance.nopreempt = Some(statement.place().clone()),
            "preempt" => instance.nopreempt = None,
            _ if command::is_notify(statement) => {
                command::add(context, statement, &mut instance.notify)
            }
            _ => {}
        }
    }

    /// Takes a line of `virtual_ipaddress` or `virtual_ipaddress_excluded`. All addresses of the first are of one family.
    pub(super) fn address(&mut self, context: &mut Context, list: &str, statement: &Statement) {
        let (Some(instance), Some(word)) = (self.config.instances.last_mut(), statement.word(0))
        else {
            return;
        };
        let new = statement.set(word.to_owned());
        if list != "virtual_ipaddress" {
            return instance.excluded_addresses.push(new);
        }
        let is_ipv6 = |text: &str| {
            let bare = text.split('/').next().unwrap_or_default();
            bare.parse::<IpAddr>().ok().map(|address| address.is_ipv6())
        };
        let first = instance
            .addresses
            .first()
            .and_then(|first| is_ipv6(&first.value));
        let address = word.to_owned();
        match (is_ipv6(word), first) {
            _ if statement.line.unread => {}
            (None, _) => context.report(statement.place(), Problem::Address { address }),
            (Some(kind), Some(first)) if kind != first => {
                context.report(statement.place(), Problem::AddressFamily { address });
            }
            _ => instance.addresses.push(new),
        }
    }

    pub(super) fn begin_group(&mut self, context: &mut Context, statement: &Statement) -> bool {
        let groups = &mut self.config.groups;
        let place_of = |at: usize| groups.get(at).map(|one: &Group| one.place.clone());
        let Some(name) = name(context, statement, &self.groups, place_of) else {
            return false;
        };
        self.groups.insert(name.clone(), groups.len());
        self.tracked.clear();
        groups.push(Group {
            name,
            place: statement.place().clone(),
            members: Vec::new(),
            tracking_weight: None,
            tracks: Tracks::default(),
            notify: Vec::new(),
        });
        true
    }

    pub(super) fn begin_members(&mut self, context: &mut Context, statement: &Statement) -> bool {
        let first = self
            .config
            .groups
            .last()
            .and_then(|group| group.members.first());
        if let Some(first) = first {
            command::repeated_ignored(context, statement, first.place.line);
        }
        first.is_none()
    }

    pub(super) fn members(&mut self, statement: &Statement) {
        if let Some(group) = self.config.groups.last_mut() {
            let names = statement.words.iter();
            group
                .members
                .extend(names.map(|name| statement.set(name.clone())));
        }
    }

    pub(super) fn group_value(&mut self, context: &mut Context, statement: &Statement) {
        let Some(group) = self.config.groups.last_mut() else {
            return;
        };
        match statement.keyword() {
            "sync_group_tracking_weight" | "global_tracking" => {
                group.tracking_weight = Some(statement.place().clone());
            }
            _ if command::is_notify(statement) => {
                command::add(context, statement, &mut group.notify)
            }
            _ => {}
        }
    }
}

fn set_state(context: &mut Context, instance: &mut Instance, statement: &Statement) {
    let state = match (statement.word(1), &instance.state) {
        (Some("MASTER"), _) => State::Master,
        (
            Some("BACKUP"),
            Some(Set {
                value: State::Master,
                place,
            }),
        ) => {
            return command::repeated_ignored(context, statement, place.line);
        }
        (Some("BACKUP"), _) => State::Backup,
        _ => {
            values::wrong_word(context, statement, 1, "MASTER or BACKUP", Some("BACKUP"));
            State::Backup
        }
    };
    instance.state = Some(statement.set(state));
}
