//! Resets by place, in bounded memory: a storm from a million addresses costs no more than one from a few, and each
//! cause has its own room.
//!
//! An event has two ports, and does not say which one clients connect to. It is the port with a listener, or
//! the one that repeats. Until that is clear, the reset is kept by both of its ports, as a flow.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::mem;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::causes::Cause;
use super::site::{Flow, Role, Site, Tally};
use super::trace::event::AddressPort;

/// How many sites are kept for each cause and origin.
const MAX_SITES: usize = 128;
/// How many flows are kept before those of earlier ticks are moved to sites. A tick adds at most a few thousand.
const MAX_FLOWS: usize = 1024;
/// How many peers are counted at a site.
const MAX_PEERS: usize = 1024;
/// How many ports are counted of [`Role::Many`], and from how many on a reset has that role.
const MAX_PORTS: usize = 4096;
const MANY: usize = 16;

/// Counts resets.
#[derive(Debug)]
pub struct Table {
    sites: HashMap<Site, Tally>,
    flows: HashMap<Flow, Tally>,
    /// The local ports that the kernel gives to clients.
    ephemeral: RangeInclusive<u16>,
    /// Resets for which there was no room, except those of other network namespaces.
    pub left_out: u64,
}

impl Table {
    /// Returns an empty table. `ephemeral`: the ports that the kernel gives to clients.
    pub fn new(ephemeral: RangeInclusive<u16>) -> Self {
        Self {
            sites: HashMap::new(),
            flows: HashMap::new(),
            ephemeral,
            left_out: 0,
        }
    }

    /// Counts a reset that was read at this time, and the thread that sent it.
    pub fn count(&mut self, flow: Flow, thread: Option<u32>, at: Duration) {
        self.flows.entry(flow).or_default().add(thread, at);
    }

    /// Moves the flows of earlier ticks to their sites, if there are many flows. Those of this tick can still get
    /// their other end.
    pub fn end_tick(&mut self, at: Duration) {
        if self.flows.len() > MAX_FLOWS {
            self.fold(at);
        }
    }

    /// Returns all sites, the one with the most resets first.
    pub fn finish(&mut self) -> Vec<(Site, Tally)> {
        self.fold(Duration::MAX);
        let mut sites: Vec<_> = mem::take(&mut self.sites).into_iter().collect();
        sites.sort_by_key(|(site, tally)| (std::cmp::Reverse(tally.resets), *site));
        sites
    }

    /// Moves the flows from before this time to their sites.
    fn fold(&mut self, before: Duration) {
        self.drop_mirrors();
        let many = self.peers_with_many_ports();
        let known = |flow: &Flow| {
            let peer = flow.peer.map(|(peer, _)| Role::Many(peer));
            flow.role
                .or(peer.filter(|role| many.contains(&flow.site(*role))))
        };
        // A client repeats the address of its service, too.
        let side = |flow: &Flow, role: Role| match role {
            Role::Client(_) => (flow.site(role), flow.peer.map(|(peer, _)| peer)),
            _ => (flow.site(role), None),
        };
        let mut repeats: HashMap<_, usize> = HashMap::new();
        for flow in self.flows.keys().filter(|flow| known(flow).is_none()) {
            for role in flow.sides().into_iter().flatten() {
                *repeats.entry(side(flow, role)).or_default() += 1;
            }
        }
        let flows = mem::take(&mut self.flows).into_iter();
        let (old, new): (HashMap<_, _>, _) = flows.partition(|(_, tally)| tally.last < before);
        self.flows = new;
        for (flow, tally) in old {
            let [by_local, by_peer] = flow.sides();
            let count = |role: Option<Role>| repeats.get(&side(&flow, role?));
            let role = known(&flow).or_else(|| match count(by_local).cmp(&count(by_peer)) {
                Ordering::Greater => by_local,
                Ordering::Less => by_peer,
                Ordering::Equal => None,
            });
            let role = role.or_else(|| self.known_role(&flow));
            let role = role.or_else(|| self.by_ephemeral_ports(&flow));
            self.merge(&flow, role.unwrap_or_else(|| flow.neutral_role()), tally);
        }
    }

    /// Drops received resets that say nothing new. Those within this machine are counted where they were sent. Before
    /// it answers data after a close, the kernel traces a received reset that no host sent.
    fn drop_mirrors(&mut self) {
        let (mut ends, mut listeners) = (
            HashSet::<(Option<AddressPort>, Option<AddressPort>)>::new(),
            HashSet::new(),
        );
        for flow in self
            .flows
            .keys()
            .filter(|flow| flow.cause != Cause::Received)
        {
            if flow.peer.is_none() {
                listeners.insert(flow.local.map(|(_, port)| port));
            }
            if flow.is_within {
                ends.insert((flow.peer, flow.local));
            }
            if flow.cause == Cause::AfterClose {
                ends.insert((flow.local, flow.peer));
            }
        }
        self.flows.retain(|flow, _| {
            let port = flow.peer.map(|(_, port)| port);
            let is_mirror = ends.contains(&(flow.local, flow.peer))
                || flow.is_within && listeners.contains(&port);
            flow.cause != Cause::Received || !is_mirror
        });
    }

    /// Returns the sites of peers that tried many ports of this machine, and of peers whose ports this machine tried.
    fn peers_with_many_ports(&self) -> HashSet<Site> {
        let mut tried: HashMap<Site, [BTreeSet<u16>; 2]> = HashMap::new();
        for flow in self.flows.keys().filter(|flow| flow.role.is_none()) {
            if let (Some((port, from)), Some((peer, _))) = (flow.tried(), flow.peer) {
                let [ports, sources] = tried.entry(flow.site(Role::Many(peer))).or_default();
                ports.insert(port);
                sources.insert(from);
            }
        }
        let is_client = |port: &u16| self.ephemeral.contains(port);
        let is_many = |(site, [ports, sources]): &(Site, [BTreeSet<u16>; 2])| {
            // A service that is reset by many clients has the same port; a scan can come from one port as well.
            let is_one_service = 2 * sources.len() < ports.len()
                && (site.cause == Cause::Received || ports.iter().all(is_client));
            ports.len() >= MANY && !is_one_service
        };
        tried
            .into_iter()
            .filter(is_many)
            .map(|(site, _)| site)
            .collect()
    }

    /// Returns the role of this flow for which there is a site already.
    fn known_role(&self, flow: &Flow) -> Option<Role> {
        let many = flow.peer.map(|(peer, _)| Role::Many(peer));
        let mut roles = flow.sides().into_iter().chain([many]).flatten();
        roles.find(|role| self.sites.contains_key(&flow.site(*role)))
    }

    /// If the kernel gives one of the two ports to clients, the other one is the service's.
    fn by_ephemeral_ports(&self, flow: &Flow) -> Option<Role> {
        let is_client = |end: Option<AddressPort>| Some(self.ephemeral.contains(&end?.1));
        let [by_local, by_peer] = flow.sides();
        match (is_client(flow.local)?, is_client(flow.peer)?) {
            (false, true) => by_local,
            (true, false) => by_peer,
            _ => None,
        }
    }

    /// Adds a flow to its site.
    fn merge(&mut self, flow: &Flow, role: Role, tally: Tally) {
        let site = flow.site(role);
        if !self.sites.contains_key(&site) {
            let is_kin = |known: &&Site| (known.cause, known.origin) == (site.cause, site.origin);
            if self.sites.keys().filter(is_kin).count() >= MAX_SITES {
                self.left_out += if site.origin.can_be_here() {
                    tally.resets
                } else {
                    0
                };
                return;
            }
        }
        let resets = tally.resets;
        let known = self.sites.entry(site).or_default();
        known.merge(tally);
        match (role, flow.tried()) {
            (Role::Many(_), Some((port, _))) if known.ports.len() < MAX_PORTS => {
                known.ports.insert(port);
            }
            _ => {}
        }
        if let Some((peer, _)) = flow.peer {
            if known.peers.len() < MAX_PEERS || known.peers.contains_key(&peer) {
                *known.peers.entry(peer).or_default() += resets;
            }
        }
    }
}

#[cfg(test)]
mod tests;
