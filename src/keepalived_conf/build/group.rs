//! `vrrp_sync_group` (keepalived/vrrp/vrrp_parser.c).

use super::super::model::{Group, Set, Tracks};
use super::super::reader::Shared;
use super::super::remark::lossy;
use super::super::statement::{Begun, Statement};
use super::{Builder, command};

impl Builder {
    pub(super) fn begin_group(&mut self, shared: &mut Shared, statement: &Statement) -> Begun {
        let place = &statement.line.place;
        let Some(name) = statement.text(1).filter(|_| statement.words.len() == 2) else {
            shared.remarks.problem(
                place,
                "vrrp_sync_group must have a name: keepalived passes over the block",
                "it has no name, or more than one word",
                "write vrrp_sync_group NAME {",
            );
            return Begun::Skip;
        };
        if let Some(first) = self.groups.get(&name) {
            let first = self.config.groups.get(*first).map(|first| &first.place);
            if first == Some(place) {
                super::script::read_twice(shared, place, &format!("vrrp_sync_group {name}"));
                return Begun::Skip;
            }
            let line = first.map_or(0, |first| first.line);
            shared.remarks.problem(
                place,
                format!("vrrp sync group {name} already defined: keepalived passes over the block"),
                format!("the one in line {line} counts"),
                "give it another name",
            );
            return Begun::Skip;
        }
        self.groups.insert(name.clone(), self.config.groups.len());
        self.tracked.clear();
        self.has_members = false;
        self.config.groups.push(Group {
            name,
            place: place.clone(),
            members: Vec::new(),
            tracking_weight: None,
            tracks: Tracks::default(),
            notify: Vec::new(),
        });
        Begun::Read
    }

    pub(super) fn begin_members(&mut self, shared: &mut Shared, statement: &Statement) -> Begun {
        if !self.has_members {
            return Begun::Read;
        }
        shared.remarks.problem(
            &statement.line.place,
            "Group list already specified: keepalived passes over this one and over what follows it in the sync group",
            "group stands twice in the block",
            "write all instances into one",
        );
        Begun::Skip
    }

    pub(super) fn group_value(&mut self, shared: &mut Shared, statement: &Statement) {
        let Some(group) = self.config.groups.last_mut() else {
            return;
        };
        match statement.word(0).unwrap_or_default() {
            b"sync_group_tracking_weight" | b"global_tracking" => {
                group.tracking_weight = Some(statement.line.place.clone());
            }
            notify if notify.starts_with(b"notify") && notify != b"notify_priority_changes" => {
                command::add(shared, statement, &mut group.notify);
            }
            _ => {}
        }
    }

    pub(super) fn group_item(&mut self, shared: &mut Shared, list: &str, statement: &Statement) {
        if list != "group" {
            let tracked = self.track(shared, list, statement);
            if let Some(group) = self.config.groups.last_mut() {
                super::track::put(&mut group.tracks, list, tracked);
            }
            return;
        }
        self.has_members = true;
        if let Some(group) = self.config.groups.last_mut() {
            group.members.extend(statement.words.iter().map(|name| Set {
                value: lossy(name),
                place: statement.line.place.clone(),
            }));
        }
    }
}
