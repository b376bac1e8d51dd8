//! `vrrp_instance` (keepalived/vrrp/vrrp_parser.c).

use std::net::IpAddr;

use super::super::model::{Instance, Set, State, Tracks};
use super::super::numbers::Flawed;
use super::super::reader::Shared;
use super::super::statement::{Begun, Statement};
use super::{Builder, command, values};

impl Builder {
    pub(super) fn begin_instance(&mut self, shared: &mut Shared, statement: &Statement) -> Begun {
        let place = &statement.line.place;
        let Some(name) = statement.text(1).filter(|_| statement.words.len() == 2) else {
            shared.remarks.problem(
                place,
                "vrrp_instance must have a name: keepalived passes over the block",
                "it has no name, or more than one word",
                "write vrrp_instance NAME {",
            );
            return Begun::Skip;
        };
        if let Some(first) = self.instances.get(&name) {
            let first = self.config.instances.get(*first).map(|first| &first.place);
            if first == Some(place) {
                super::script::read_twice(shared, place, &format!("vrrp_instance {name}"));
                return Begun::Skip;
            }
            let line = first.map_or(0, |first| first.line);
            shared.remarks.problem(
                place,
                format!("vrrp instance {name} already defined: keepalived passes over the block"),
                format!("the one in line {line} counts"),
                "give it another name",
            );
            return Begun::Skip;
        }
        self.instances
            .insert(name.clone(), self.config.instances.len());
        self.tracked.clear();
        self.config.instances.push(Instance {
            name,
            place: place.clone(),
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
        Begun::Read
    }

    pub(super) fn instance_value(&mut self, shared: &mut Shared, statement: &Statement) {
        let Some(instance) = self.config.instances.last_mut() else {
            return;
        };
        let keyword = statement.word(0).unwrap_or_default();
        match keyword {
            b"state" => set_state(shared, instance, statement),
            b"interface" => instance.interface = values::text(statement, 1),
            b"virtual_router_id" => {
                let otherwise =
                    "keepalived ignores the line, and does not start without the number";
                let number = values::whole(shared, statement, 1..=255, Flawed::Refused, otherwise);
                if let Some(number) = number.and_then(|number| small(number, statement)) {
                    instance.virtual_router_id = Some(number);
                }
            }
            b"priority" => {
                let otherwise = "Priority not valid: keepalived takes 100";
                let number = values::whole(shared, statement, 1..=255, Flawed::Refused, otherwise);
                instance.priority = small(number.unwrap_or(100), statement);
            }
            b"nopreempt" => instance.nopreempt = Some(statement.line.place.clone()),
            b"preempt" => instance.nopreempt = None,
            b"notify_deleted" if statement.words.len() < 2 => {}
            notify if notify.starts_with(b"notify") && notify != b"notify_priority_changes" => {
                command::add(shared, statement, &mut instance.notify);
            }
            _ => {}
        }
    }

    pub(super) fn instance_item(&mut self, shared: &mut Shared, list: &str, statement: &Statement) {
        let first = values::text(statement, 0);
        match list {
            "virtual_ipaddress" | "virtual_ipaddress_excluded" => {
                let Some(instance) = self.config.instances.last_mut() else {
                    return;
                };
                let Some(first) = first else {
                    return;
                };
                match list {
                    "virtual_ipaddress" => add_address(shared, &mut instance.addresses, first),
                    _ => instance.excluded_addresses.push(first),
                }
            }
            _ => {
                let tracked = self.track(shared, list, statement);
                if let Some(instance) = self.config.instances.last_mut() {
                    super::track::put(&mut instance.tracks, list, tracked);
                }
            }
        }
    }
}

fn small(number: u32, statement: &Statement) -> Option<Set<u8>> {
    Some(Set {
        value: u8::try_from(number).ok()?,
        place: statement.line.place.clone(),
    })
}

fn set_state(shared: &mut Shared, instance: &mut Instance, statement: &Statement) {
    let is_master = |set: &Set<State>| set.value == State::Master;
    let state = match statement.word(1) {
        Some(b"MASTER") => State::Master,
        Some(b"BACKUP") if instance.state.as_ref().is_some_and(is_master) => {
            shared.remarks.problem(
                &statement.line.place,
                "state previously set as MASTER - ignoring BACKUP",
                "state stands twice in the block",
                "take one of them out",
            );
            return;
        }
        Some(b"BACKUP") => State::Backup,
        _ => {
            shared.remarks.problem(
                &statement.line.place,
                "keepalived takes BACKUP for the state",
                format!("unknown state {}", statement.texts(1)),
                "write MASTER or BACKUP",
            );
            State::Backup
        }
    };
    instance.state = Some(Set {
        value: state,
        place: statement.line.place.clone(),
    });
}

/// Takes an address of `virtual_ipaddress`: all are of one kind.
fn add_address(shared: &mut Shared, addresses: &mut Vec<Set<String>>, address: Set<String>) {
    let bare = |text: &str| text.split('/').next().unwrap_or_default().to_owned();
    let kind = |text: &str| bare(text).parse::<IpAddr>().ok().map(|ip| ip.is_ipv6());
    let first = addresses.first().and_then(|first| kind(&first.value));
    match (kind(&address.value), first) {
        (None, _) => shared.remarks.problem(
            &address.place,
            format!("VRRP parsed invalid IP {}. skipping IP", address.value),
            "it is no IP address",
            "write ADDRESS/LENGTH dev INTERFACE",
        ),
        (Some(kind), Some(first)) if kind != first => shared.remarks.problem(
            &address.place,
            format!(
                "address family must match VRRP instance: keepalived ignores {}",
                address.value
            ),
            "IPv4 and IPv6 addresses stand in one virtual_ipaddress",
            "write the others into virtual_ipaddress_excluded",
        ),
        _ => addresses.push(address),
    }
}
