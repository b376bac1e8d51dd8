//! Resets by where they happened, in bounded memory: a storm from a million addresses costs no more than
//! one from a few, and no cause takes the room of another.
//!
//! An event has two ports, and does not say which one clients connect to. That is the port with a listener, or
//! the one that repeats. Until one repeats, the reset is kept by both of its ports, as a flow.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::mem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::time::Duration;

use super::causes::Cause;
use super::trace::event::Endpoint;

// How many of each are told apart, for each cause and origin.
const MOST_SITES: usize = 128;
const MOST_FLOWS: usize = 1024;
// How many of each are told apart at a site.
const MOST_PEERS: usize = 1024;
const MOST_THREADS: usize = 16;
/// How many closed ports one peer has to ask for, to be a port scan, and how many of them are counted.
const SCAN: usize = 16;
const MOST_PORTS: usize = 4096;

/// What is known of the network namespace of a reset. The events do not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Origin {
    /// The thread that sent it is in this one.
    Here,
    /// An interrupt sent it, or the thread had ended; the address is one of this namespace.
    Unknown,
    /// The same, and the address was not one of this namespace.
    Foreign,
    /// The thread that sent it is in another one.
    Elsewhere,
}

/// Which port is the service's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// This local port.
    Service(u16),
    /// This port of the peer.
    Client(u16),
    /// Not known: the local port and that of the peer.
    Connection(u16, u16),
    /// None: this peer asked for many closed ports.
    Scan(IpAddr),
    /// The kernel does not give the ports.
    Unknown,
}

/// A place with resets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Site {
    /// Why.
    pub cause: Cause,
    /// The number of the kernel's reason.
    pub reason: Option<u64>,
    /// Whose network namespace.
    pub origin: Origin,
    /// This machine's address; a wildcard is that of a listener.
    pub local: Option<IpAddr>,
    /// This machine's role.
    pub role: Role,
}

/// A reset by its two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flow {
    /// Why.
    pub cause: Cause,
    /// The number of the kernel's reason.
    pub reason: Option<u64>,
    /// Whose network namespace.
    pub origin: Origin,
    /// This machine's end.
    pub local: Option<Endpoint>,
    /// The other end. A listener's reset has none.
    pub peer: Option<Endpoint>,
    /// True if the peer is this machine as well.
    pub is_within: bool,
}

impl Flow {
    fn site(&self, role: Role) -> Site {
        let cause = match (self.cause, role) {
            // No listener is missed on the port of a client.
            (Cause::NoListener, Role::Client(_)) => Cause::NoConnection,
            (Cause::NoListener, Role::Scan(_)) => Cause::Scan,
            (cause, _) => cause,
        };
        Site {
            cause,
            reason: self.reason,
            origin: self.origin,
            local: self.local.map(|(address, _)| address),
            role,
        }
    }

    /// True if this is the receiving end of a connection within this machine.
    fn is_mirror(&self) -> bool {
        self.cause == Cause::ByPeer && self.is_within
    }
}

/// What happened at a site.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Resets.
    pub resets: u64,
    /// The resets that [`Table::busiest`] has counted already.
    told: u64,
    /// When the last one was read, since the watch began.
    pub last: Duration,
    /// By peer, as far as there was room.
    pub peers: HashMap<IpAddr, u64>,
    /// By the thread that did it, as far as there was room.
    pub threads: BTreeMap<u32, u64>,
    /// The local ports of a scan, at most [`MOST_PORTS`].
    pub ports: BTreeSet<u16>,
}

impl Tally {
    fn add(&mut self, thread: Option<u32>, resets: u64, at: Duration) {
        self.resets += resets;
        self.last = self.last.max(at);
        if let Some(thread) = thread {
            if self.threads.len() < MOST_THREADS || self.threads.contains_key(&thread) {
                *self.threads.entry(thread).or_default() += resets;
            }
        }
    }
}

/// Counts resets.
#[derive(Debug)]
pub struct Table {
    sites: HashMap<Site, Tally>,
    flows: HashMap<(Cause, Origin), HashMap<Flow, Tally>>,
    /// The local ports that the kernel gives to clients.
    ephemeral: RangeInclusive<u16>,
    /// When a cause had no room for flows.
    full_at: Option<Duration>,
    /// Resets for which there was no room, except those of other namespaces.
    pub left_out: u64,
    /// Received resets that this machine sent itself.
    pub mirrored: u64,
}

impl Table {
    /// An empty table, where the kernel gives these ports to clients.
    pub fn new(ephemeral: RangeInclusive<u16>) -> Self {
        Self {
            sites: HashMap::new(),
            flows: HashMap::new(),
            ephemeral,
            full_at: None,
            left_out: 0,
            mirrored: 0,
        }
    }

    /// Counts a reset that was read at this time. `role`: a listener tells.
    pub fn count(&mut self, flow: Flow, role: Option<Role>, thread: Option<u32>, at: Duration) {
        let mut tally = Tally::default();
        tally.add(thread, 1, at);
        match role.or_else(|| self.known_role(&flow)) {
            Some(role) if !flow.is_mirror() => return self.merge(&flow, role, tally),
            _ => {}
        }
        // The flows have perhaps shown by now which ports repeat. If not, there is no room until the next tick.
        if !self.has_room(&flow) && self.full_at != Some(at) {
            self.fold();
            self.full_at = Some(at).filter(|_| !self.has_room(&flow));
        }
        match self.known_role(&flow) {
            Some(role) if !flow.is_mirror() => self.merge(&flow, role, tally),
            _ if self.has_room(&flow) => self.keep(flow, tally),
            _ => self.leave_out(flow.origin, 1),
        }
    }

    fn leave_out(&mut self, origin: Origin, resets: u64) {
        if matches!(origin, Origin::Here | Origin::Unknown) {
            self.left_out += resets;
        }
    }

    /// The role that a site tells which is there already.
    fn known_role(&self, flow: &Flow) -> Option<Role> {
        let (local, peer, peer_port) = match (flow.local, flow.peer) {
            (Some((_, local)), Some((peer, port))) => (local, peer, port),
            _ => return Some(apart(flow)),
        };
        let roles = [
            Role::Service(local),
            Role::Client(peer_port),
            Role::Scan(peer),
        ];
        let mut known = roles.into_iter();
        known.find(|role| self.sites.contains_key(&flow.site(*role)))
    }

    fn has_room(&self, flow: &Flow) -> bool {
        let flows = self.flows.get(&(flow.cause, flow.origin));
        flows.is_none_or(|flows| flows.len() < MOST_FLOWS || flows.contains_key(flow))
    }

    fn keep(&mut self, flow: Flow, tally: Tally) {
        let flows = self.flows.entry((flow.cause, flow.origin)).or_default();
        join(flows.entry(flow).or_default(), tally);
    }

    /// Adds what is known of a flow to its site.
    fn merge(&mut self, flow: &Flow, role: Role, tally: Tally) {
        let site = flow.site(role);
        if !self.sites.contains_key(&site) {
            let kin = |known: &&Site| (known.cause, known.origin) == (site.cause, site.origin);
            if self.sites.keys().filter(kin).count() >= MOST_SITES {
                return self.leave_out(site.origin, tally.resets);
            }
        }
        let resets = tally.resets;
        let known = self.sites.entry(site).or_default();
        join(known, tally);
        if let (Role::Scan(_), Some((_, port))) = (role, flow.local) {
            if known.ports.len() < MOST_PORTS {
                known.ports.insert(port);
            }
        }
        if let Some((peer, _)) = flow.peer {
            if known.peers.len() < MOST_PEERS || known.peers.contains_key(&peer) {
                *known.peers.entry(peer).or_default() += resets;
            }
        }
    }

    /// Moves the flows whose service is known by now to their sites.
    pub fn fold(&mut self) {
        self.drop_mirrors();
        let scanners = self.scanners();
        // A client repeats the address of its service, too.
        let side = |flow: &Flow, role: Role| match role {
            Role::Client(_) => (flow.site(role), flow.peer.map(|(peer, _)| peer)),
            _ => (flow.site(role), None),
        };
        let mut repeats: HashMap<_, usize> = HashMap::new();
        for flow in self.flows.values().flat_map(HashMap::keys) {
            for role in sides(flow).into_iter().flatten() {
                *repeats.entry(side(flow, role)).or_default() += 1;
            }
        }
        for (flow, tally) in mem::take(&mut self.flows).into_values().flatten() {
            let [by_local, by_peer] = sides(&flow);
            let count = |role: Option<Role>| repeats.get(&side(&flow, role?));
            let (local, peer) = (count(by_local), count(by_peer));
            let scanner = flow.peer.map(|(peer, _)| Role::Scan(peer));
            let role = match scanner {
                Some(scan) if scanners.contains(&flow.site(scan)) => Some(scan),
                _ if local > peer => by_local,
                _ if peer > local => by_peer,
                _ => None,
            };
            let role = role.or_else(|| self.known_role(&flow));
            match role.or_else(|| self.by_ephemeral_ports(&flow)) {
                Some(role) => self.merge(&flow, role, tally),
                None => self.keep(flow, tally),
            }
        }
    }

    /// If one port of the two is one that the kernel gives to clients, the other one is the service's.
    fn by_ephemeral_ports(&self, flow: &Flow) -> Option<Role> {
        let ((_, local), (_, peer)) = (flow.local?, flow.peer?);
        match (
            self.ephemeral.contains(&local),
            self.ephemeral.contains(&peer),
        ) {
            (false, true) => Some(Role::Service(local)),
            (true, false) => Some(Role::Client(peer)),
            _ => None,
        }
    }

    /// Drops received resets that this machine sent itself: they are counted where they were sent.
    fn drop_mirrors(&mut self) {
        let sent = self.flows.values().flat_map(HashMap::keys);
        let sent = sent.filter(|flow| flow.cause != Cause::ByPeer);
        let flows: HashSet<_> = sent.map(|flow| (flow.local, flow.peer)).collect();
        let sites = self.sites.keys().filter(|site| site.cause != Cause::ByPeer);
        let sites: HashSet<_> = sites.map(|site| (site.local, site.role)).collect();
        let is_mirror = |flow: &Flow| {
            let (true, Some(local), Some(peer)) = (flow.is_mirror(), flow.local, flow.peer) else {
                return false;
            };
            let is_at = |address: IpAddr, role| sites.contains(&(Some(address), role));
            let service = Role::Service(peer.1);
            flows.contains(&(Some(peer), Some(local)))
                || is_at(peer.0, service)
                || is_at(Ipv4Addr::UNSPECIFIED.into(), service)
                || is_at(Ipv6Addr::UNSPECIFIED.into(), service)
                || is_at(peer.0, Role::Client(local.1))
                || is_at(peer.0, Role::Scan(local.0))
        };
        for flows in self.flows.values_mut() {
            flows.retain(|flow, tally| {
                let is_mirror = is_mirror(flow);
                self.mirrored += if is_mirror { tally.resets } else { 0 };
                !is_mirror
            });
        }
    }

    /// The scans among the flows: one peer, many closed ports that are not all those of clients.
    fn scanners(&self) -> HashSet<Site> {
        let mut asked: HashMap<Site, (BTreeSet<u16>, BTreeSet<u16>)> = HashMap::new();
        let flows = self.flows.values().flat_map(HashMap::keys);
        for flow in flows.filter(|flow| flow.cause == Cause::NoListener) {
            if let (Some((_, local)), Some((peer, port))) = (flow.local, flow.peer) {
                let (locals, ports) = asked.entry(flow.site(Role::Scan(peer))).or_default();
                locals.insert(local);
                ports.insert(port);
            }
        }
        let is_client = |port: &u16| self.ephemeral.contains(port);
        let is_scan = |(locals, ports): &(BTreeSet<u16>, BTreeSet<u16>)| {
            locals.len() >= SCAN && (ports.len() > 1 || !locals.iter().all(is_client))
        };
        let scans = asked.into_iter().filter(|(_, ports)| is_scan(ports));
        scans.map(|(site, _)| site).collect()
    }

    /// The site with the most resets since the last call, among those that are wanted; of a connection within this
    /// machine, the end that sent the resets.
    pub fn busiest(&mut self, is_wanted: &dyn Fn(&Site) -> bool) -> Option<(Site, u64)> {
        self.fold();
        let flows = self
            .flows
            .values_mut()
            .flat_map(HashMap::iter_mut)
            .map(|(flow, tally)| (flow.site(apart(flow)), tally));
        let sites = self.sites.iter_mut().map(|(site, tally)| (*site, tally));
        let grown = sites.chain(flows).map(|(site, tally)| {
            let more = tally.resets - mem::replace(&mut tally.told, tally.resets);
            (more, site.cause != Cause::ByPeer, std::cmp::Reverse(site))
        });
        let busiest = grown
            .filter(|(more, _, site)| *more > 0 && is_wanted(&site.0))
            .max();
        busiest.map(|(more, _, site)| (site.0, more))
    }

    /// All sites, the one with the most resets first. Flows whose service is not known have both ports.
    pub fn finish(&mut self) -> Vec<(Site, Tally)> {
        self.fold();
        for (flow, tally) in mem::take(&mut self.flows).into_values().flatten() {
            self.merge(&flow, apart(&flow), tally);
        }
        let mut sites: Vec<_> = mem::take(&mut self.sites).into_iter().collect();
        sites.sort_by_key(|(site, tally)| (std::cmp::Reverse(tally.resets), *site));
        sites
    }
}

/// The two roles that a flow can have.
fn sides(flow: &Flow) -> [Option<Role>; 2] {
    [
        flow.local.map(|(_, port)| Role::Service(port)),
        flow.peer.map(|(_, port)| Role::Client(port)),
    ]
}

fn apart(flow: &Flow) -> Role {
    match (flow.local, flow.peer) {
        (Some((_, local)), Some((_, peer))) => Role::Connection(local, peer),
        (Some((_, local)), None) => Role::Service(local),
        (None, Some((_, peer))) => Role::Client(peer),
        (None, None) => Role::Unknown,
    }
}

fn join(known: &mut Tally, more: Tally) {
    known.resets += more.resets;
    known.told += more.told;
    known.last = known.last.max(more.last);
    for (thread, resets) in more.threads {
        if known.threads.len() < MOST_THREADS || known.threads.contains_key(&thread) {
            *known.threads.entry(thread).or_default() += resets;
        }
    }
}

#[cfg(test)]
mod tests;
