//! A place with resets, and the facts that explain them.

use std::cmp::Reverse;
use std::net::IpAddr;
use std::time::Duration;

use super::monitor::Monitor;
use super::owners::Listening;
use super::processes::Actor;
use super::table::{Role, Site, Tally};
use super::whose::Whose;
use crate::host::wall::WallTime;

/// How many peers of a place are named.
const MOST_PEERS: usize = 5;
/// Resets at one place.
#[derive(Debug)]
pub struct ResetPlace {
    /// The place.
    pub site: Site,
    /// The kernel's name for the reason.
    pub reason: Option<String>,
    /// How many.
    pub resets: u64,
    /// When the last of them was read.
    pub last: Duration,
    /// The most frequent peers.
    pub peers: Vec<(IpAddr, u64)>,
    /// The resets of other peers.
    pub more: u64,
    /// The processes that did it, the one with the most first.
    pub actors: Vec<(Actor, u64)>,
    /// The number of local ports of a scan.
    pub ports: usize,
    /// What explains it.
    pub reasons: Vec<Reason>,
    /// What listens on its port at the end. `None`: it is not a service's, or was not looked at.
    pub listening: Option<Listening>,
    /// Whose network namespace it is in.
    pub whose: Whose,
}

/// A fact that explains resets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// This address was added at this time: it moved here, or this machine or container started.
    Added(IpAddr, WallTime),
    /// The address was removed at this time.
    Removed(WallTime),
    /// The machine does not have the address.
    NotHere,
    /// Nothing listens now; something was last seen to listen at this time.
    ListenerGone(WallTime),
    /// The listener of this time has been replaced by another one: the service has started again.
    Restarted(WallTime),
    /// TCPAbortOnData did not grow, so that it was not SO_LINGER 0.
    NotLinger,
    /// SMB clients open two connections and reset one.
    Smb,
    /// The peer is this machine.
    Within,
}

impl ResetPlace {
    /// What was counted at a site, without what has to be looked up.
    pub fn new(
        site: Site,
        tally: Tally,
        monitor: &Monitor,
        names: &dyn Fn(u64) -> Option<String>,
        whose: Whose,
    ) -> Self {
        let mut peers: Vec<_> = tally.peers.into_iter().collect();
        peers.sort_by_key(|&(peer, resets)| (Reverse(resets), peer));
        peers.truncate(MOST_PEERS);
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
            reason: site.reason.and_then(names),
            resets: tally.resets,
            last: tally.last,
            more: tally.resets.saturating_sub(named),
            peers,
            actors,
            ports: tally.ports.len(),
            reasons: Vec::new(),
            listening: None,
            whose,
        }
    }

    /// The address and port of the service that it is, a wildcard without its address.
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
