//! `vrrp_instance` and `vrrp_sync_group` (keepalived/vrrp/vrrp_parser.c).

use std::net::IpAddr;

use super::super::blocks::Node;
use super::super::diagnostic::{Problem, Values};
use super::super::model::{Group, Instance, Spanned};
use super::super::reader::{Context, Line};
use super::Builder;
use super::values::OnFlaw;

/// The lines of instances and sync groups with a program to run.
const NOTIFY: [&str; 7] = [
    "notify",
    "notify_master",
    "notify_backup",
    "notify_fault",
    "notify_stop",
    "notify_deleted",
    "notify_master_rx_lower_pri",
];

impl Builder<'_> {
    pub(super) fn instance(&mut self, node: &Node) {
        let cx = self.cx;
        self.config.runs_vrrp = true;
        let Some(name) = self.own_name(&node.line) else {
            return;
        };
        let small = |on_flaw| {
            move |cx: &Context, line: &Line| u8::try_from(cx.whole(line, 1..=255, on_flaw)?).ok()
        };
        // A MASTER at the beginning cannot be changed.
        let begins_as_master = |line: &Line| line.word(1) == Some("MASTER");
        let is_master = match node.lines_of("state").next().is_some_and(begins_as_master) {
            true => cx.first(node, "state", Context::is_master),
            false => cx.last(node, "state", Context::is_master),
        };
        let is_master = is_master.unwrap_or(false);
        let priority = cx.last(node, "priority", small(OnFlaw::Use(100)));
        let preempt = |line: &&Line| matches!(line.keyword(), "preempt" | "nopreempt");
        let preempt = node.lines.iter().rfind(preempt);
        let nopreempt = preempt.filter(|line| line.keyword() == "nopreempt");
        let excluded = node.items_of("virtual_ipaddress_excluded");
        let mut instance = Instance {
            place: node.line.place.clone(),
            priority: priority.unwrap_or(if is_master { 255 } else { 100 }),
            nopreempt: nopreempt.map(|line| line.place.clone()),
            addresses: cx.addresses(node),
            excluded_addresses: excluded.filter_map(|line| line.set_word(0)).collect(),
            tracks: self.tracks(node, &name),
            name,
        };
        if is_master || instance.priority == 255 {
            if let Some(place) = instance.nopreempt.take() {
                let values: Values = &[("name", &instance.name)];
                cx.report(&place, Problem::NopreemptIgnored, values);
            }
        }
        let router_id = cx.last(node, "virtual_router_id", small(OnFlaw::Ignore));
        let interface = node.last_line("interface").and_then(|line| line.word(1));
        let is_loopback = interface == Some("lo") && cx.since(1, 3, 6);
        let has_interface = node.has("interface") && !is_loopback;
        if router_id.is_none() || !(has_interface || cx.runs_without_interface(node)) {
            let problem = match router_id {
                None => Problem::NoRouterId,
                Some(_) => Problem::NoInterface,
            };
            let (name, place) = (instance.name.clone(), instance.place.clone());
            let why = match is_loopback {
                true => {
                    "keepalived ignores the line interface lo: VRRP cannot use a loopback device"
                }
                false => "",
            };
            self.unable.push((problem, name, why, place));
        } else if !has_interface {
            cx.remove_without_device(node, &mut instance);
        }
        self.block_common(node, &instance.name);
        self.same_router_id(node, &instance, router_id);
        let name = instance.name.clone();
        self.instances.insert(name, self.config.instances.len());
        self.config.instances.push(instance);
    }

    /// Keeps what instances and sync groups have in common.
    fn block_common(&mut self, node: &Node, name: &str) {
        self.config.interfaces.extend(node.interfaces());
        let notifies = NOTIFY.into_iter().filter_map(|keyword| {
            let notify = |cx: &Context, line: &Line| cx.notify(line, name);
            self.cx.first(node, keyword, notify)
        });
        self.config.notifies.extend(notifies);
    }

    /// Reports an instance that has the number of another one on the same interface (keepalived/vrrp/vrrp.c,
    /// `check_vrid_conflicts`). Unicast and other multicast addresses are not compared.
    fn same_router_id(&mut self, node: &Node, instance: &Instance, id: Option<u8>) {
        let others = ["unicast_peer", "mcast_dst_ip"];
        let is_plain = !others
            .iter()
            .any(|keyword| node.has(keyword) || node.blocks_of(keyword).next().is_some());
        let interface = node.last_line("interface").and_then(|line| line.word(1));
        let address = instance.addresses.first();
        let (Some(id), Some(interface), Some(address), true) = (id, interface, address, is_plain)
        else {
            return;
        };
        let key = (interface.to_owned(), id, address.value.contains(':'));
        let (name, place) = (&instance.name, instance.place.clone());
        if let Some(other) = self
            .router_ids
            .get(&key)
            .filter(|_| self.cx.since(2, 0, 10))
        {
            let both = format!("{other} and {name}");
            self.unable.push((Problem::SameRouterId, both, "", place));
        }
        self.router_ids.entry(key).or_insert_with(|| name.clone());
    }

    pub(super) fn group(&mut self, node: &Node) {
        let Some(name) = self.own_name(&node.line) else {
            return;
        };
        let mut lists = node.blocks_of("group");
        let lines = lists.next().into_iter().flat_map(|list| &list.lines);
        let members = lines.flat_map(|line| line.words.iter().map(|name| line.set(name.clone())));
        let mut weights = ["sync_group_tracking_weight", "global_tracking"].into_iter();
        let group = Group {
            place: node.line.place.clone(),
            members: members.collect(),
            tracks_weights: weights.any(|keyword| node.has(keyword)),
            tracks: self.tracks(node, &name),
            name,
        };
        self.block_common(node, &group.name);
        self.config.groups.push(group);
    }

    /// Returns the name of a block that requires one. `None`: it has none, or another block has it, and keepalived
    /// ignores it.
    fn own_name(&mut self, line: &Line) -> Option<String> {
        let Some(name) = line.word(1).filter(|_| line.words.len() == 2) else {
            let values: Values = &[("block", &line.keyword())];
            self.cx.report(&line.place, Problem::NameMissing, values);
            return None;
        };
        self.is_first(line, name).then(|| name.to_owned())
    }
}

impl Context<'_> {
    /// Returns whether the state at the start is MASTER. keepalived ignores other words than MASTER and BACKUP.
    fn is_master(&self, line: &Line) -> Option<bool> {
        let state = line.word(1);
        if !matches!(state, Some("MASTER" | "BACKUP")) {
            self.wrong_word(line, 1, "MASTER or BACKUP");
        }
        Some(state == Some("MASTER"))
    }

    /// True if an instance needs no interface (keepalived/vrrp/vrrp.c, `chk_min_cfg` and `vrrp_complete_instance`).
    fn runs_without_interface(&self, node: &Node) -> bool {
        let has_source = node.has("unicast_src_ip") || node.has("mcast_src_ip");
        let is_able = self.since(2, 2, 8) || self.since(2, 1, 0) && !self.since(2, 2, 5);
        has_source && is_able && node.blocks_of("unicast_peer").next().is_some()
    }

    /// Removes the addresses without a device of their own, as keepalived does in an instance without an interface.
    fn remove_without_device(&self, node: &Node, instance: &mut Instance) {
        let is_without = |line: &&Line| !line.words.iter().any(|word| word == "dev");
        for line in node.items_of("virtual_ipaddress").filter(is_without) {
            instance.addresses.retain(|one| one.place != line.place);
            let values: Values = &[("address", &line.keyword()), ("name", &instance.name)];
            self.report(&line.place, Problem::NoDevice, values);
        }
    }

    /// Returns the addresses of `virtual_ipaddress`, which are all of the family of the first.
    fn addresses(&self, node: &Node) -> Vec<Spanned<String>> {
        let is_ipv6 = |text: &str| {
            let bare = text.split('/').next().unwrap_or_default();
            bare.parse::<IpAddr>().ok().map(|address| address.is_ipv6())
        };
        let mut addresses: Vec<Spanned<String>> = Vec::new();
        for line in node.items_of("virtual_ipaddress") {
            let word = line.keyword();
            let first = addresses.first().and_then(|first| is_ipv6(&first.value));
            let problem = match (is_ipv6(word), first) {
                (None, _) => Problem::Address,
                (Some(family), Some(first)) if family != first => Problem::AddressFamily,
                _ if addresses.iter().any(|known| known.value == word) => continue,
                _ => {
                    addresses.extend(line.set_word(0));
                    continue;
                }
            };
            self.report(&line.place, problem, &[("address", &word)]);
        }
        addresses
    }
}
