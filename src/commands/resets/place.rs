//! A place with resets, and the facts that explain them.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use super::causes::Cause;
use super::monitor::Monitor;
use super::owners::Listening;
use super::processes::Actor;
use super::site::{Role, Site, Tally};
use super::whose::Whose;
use crate::host::wall_clock::WallTime;

/// How many peers of a place are named.
const MAX_PEERS: usize = 5;

/// Resets at one place.
#[derive(Debug)]
pub struct ResetPlace {
    /// The site.
    pub site: Site,
    /// The kernel's name for the reason.
    pub reason: Option<String>,
    /// The number of resets.
    pub resets: u64,
    /// When the last reset was read.
    pub last: Duration,
    /// The most frequent peers.
    pub peers: Vec<(IpAddr, u64)>,
    /// The resets of other peers.
    pub more: u64,
    /// The resets between two ends of this machine.
    pub within: u64,
    /// The processes that sent them, the one with the most resets first.
    pub actors: Vec<(Actor, u64)>,
    /// The number of ports, if the role is [`Role::Many`].
    pub ports: usize,
    /// Facts that explain the resets.
    pub facts: Vec<Fact>,
    /// The listener on its port at the end. `None` if it is not a service's port, or was not looked up.
    pub listening: Option<Listening>,
    /// The network namespace of the resets.
    pub whose: Whose,
}

/// A fact that explains resets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// This address was added at this time.
    Added(IpAddr, WallTime),
    /// The address was removed at this time.
    Removed(WallTime),
    /// This machine does not have the address.
    NotHere,
    /// Nothing listens now. A listener was last seen at this time.
    ListenerGone(WallTime),
    /// The listener last seen at this time was replaced by another one.
    Restarted(WallTime),
    /// TCPAbortOnData did not grow: it was not SO_LINGER 0.
    NotLinger,
    /// SMB clients open two connections and reset one.
    Smb,
    /// The peer is this machine.
    Within,
}

impl ResetPlace {
    /// Returns the place of a site, without the listener and the facts.
    pub fn new(
        site: Site,
        tally: Tally,
        monitor: &Monitor,
        reasons: &BTreeMap<u64, String>,
        whose: Whose,
    ) -> Self {
        let mut peers: Vec<_> = tally.peers.into_iter().collect();
        let is_here = |peer: &IpAddr| peer.is_loopback() || monitor.known_addresses.contains(peer);
        let within = peers.iter().filter(|(peer, _)| is_here(peer));
        let within = within.map(|(_, resets)| resets).sum();
        peers.sort_by_key(|&(peer, resets)| (Reverse(resets), peer));
        peers.truncate(MAX_PEERS);
        let named: u64 = peers.iter().map(|(_, resets)| resets).sum();
        let mut actors: Vec<(Actor, u64)> = Vec::new();
        for (thread, resets) in tally.threads {
            let Some(actor) = monitor.threads.actor(thread) else {
                continue;
            };
            match actors
                .iter_mut()
                .find(|(known, _)| known.process == actor.process)
            {
                Some((_, known)) => *known += resets,
                None => actors.push((actor.clone(), resets)),
            }
        }
        actors.sort_by_key(|(_, resets)| Reverse(*resets));
        Self {
            site,
            reason: site.reason.and_then(|number| reasons.get(&number).cloned()),
            resets: tally.resets,
            last: tally.last,
            more: tally.resets.saturating_sub(named),
            peers,
            within,
            actors,
            ports: tally.ports.len(),
            facts: Vec::new(),
            listening: None,
            whose,
        }
    }

    /// True if this machine sent the resets.
    pub fn is_sent(&self) -> bool {
        self.site.cause != Cause::Received
    }

    /// Returns the address and port of the service. A wildcard has no address.
    pub fn service(&self) -> Option<(Option<IpAddr>, u16)> {
        match self.site.role {
            Role::Service(port) => Some((
                self.site.local.filter(|local| !local.is_unspecified()),
                port,
            )),
            _ => None,
        }
    }
}
