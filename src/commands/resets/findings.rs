//! What was found out beside the counters: which connections, whose ports, which addresses moved.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::num::NonZeroU16;
use std::time::Duration;

use super::addresses::Move;
use super::seen::Full;
use super::trace::event::Direction;
use super::trace::reason::{self, Meaning};
use super::trace::table::{Count, Place};
use super::who::Owner;
use crate::domain::{self, Answer, Queue, Target};
use crate::host::processes::Process;
use crate::host::wall::WallTime;

/// How many peers of a place are named.
const MOST_PEERS: usize = 5;

/// All of it. Moments are counted from `started` on.
#[derive(Debug)]
pub struct Findings {
    /// When the watch began.
    pub started: WallTime,
    /// Whether resets were traced.
    pub trace: Trace,
    /// The places with resets of this network namespace, the most frequent first.
    pub details: Vec<Detail>,
    /// Those that are another network namespace's, as far as can be told.
    pub elsewhere: Vec<Detail>,
    /// Addresses that came or went.
    pub moves: Vec<Move>,
    /// Listeners whose accept queue was full, their queue now, and whose they are.
    pub full: Vec<(Full, Option<Queue>, Option<Owner>)>,
    /// Why the addresses, or the listeners, are not known.
    pub faults: Vec<String>,
}

/// Whether resets were traced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trace {
    /// It was not wanted.
    Off,
    /// It was not possible, for this reason.
    NotPossible(String),
    /// They were.
    On(Traced),
}

/// What tracing could not show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traced {
    /// Resets that were too many a second to look at. `None`: not known.
    pub not_looked_at: Option<u64>,
    /// Resets for which the table had no room.
    pub left_out: u64,
    /// Whether the kernel tells reasons, and of resets without a socket: from Linux 6.10 on.
    pub tells_reasons: bool,
    /// Whether there may be other network namespaces, whose resets are traced as well.
    pub other_namespaces: bool,
}

/// Resets at one place.
#[derive(Debug, PartialEq, Eq)]
pub struct Detail {
    /// The place.
    pub place: Place,
    /// The name that the kernel has for the reason.
    pub reason: Option<String>,
    /// What the reason means.
    pub meaning: Meaning,
    /// How many.
    pub resets: u64,
    /// When the last of them was read.
    pub last: Duration,
    /// The most frequent peers.
    pub peers: Vec<(IpAddr, u64)>,
    /// The resets of others, also of those that were not told apart.
    pub more: u64,
    /// Who did it.
    pub process: Option<Process>,
    /// What listens on the port now.
    pub listens: Option<Listens>,
    /// What is known of the local address.
    pub address: Address,
}

/// What listens on a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listens {
    /// Now.
    pub answer: Answer,
    /// Whose it is.
    pub owner: Option<Owner>,
    /// When something was last seen to listen.
    pub last: Option<Duration>,
}

/// What is known of a local address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// This machine had it then, and for long.
    Here,
    /// It came not long ago, or others did that a wildcard listener serves as well.
    Came(Vec<(IpAddr, WallTime)>),
    /// It went while it was watched.
    Went(WallTime),
    /// This machine does not have it.
    NotHere,
    /// Not known.
    Unknown,
}

/// What the resets at a place mean, by the kernel's names for its reasons.
pub fn meaning(place: &Place, names: &BTreeMap<u64, String>) -> Meaning {
    let reason = place.reason.and_then(|number| names.get(&number));
    match place.direction {
        Direction::Sent => reason::sent(reason.map(String::as_str), place.by_listener),
        Direction::Received => reason::RECEIVED,
    }
}

impl Detail {
    /// Of a place and its count, without what has to be looked up.
    pub fn new(place: Place, count: &Count, names: &BTreeMap<u64, String>) -> Self {
        let reason = place.reason.and_then(|number| names.get(&number));
        let mut peers = count.peers();
        peers.truncate(MOST_PEERS);
        let named: u64 = peers.iter().map(|(_, resets)| resets).sum();
        Self {
            place,
            reason: reason.cloned(),
            meaning: meaning(&place, names),
            resets: count.resets,
            last: count.last,
            more: count.resets.saturating_sub(named),
            peers,
            process: None,
            listens: None,
            address: Address::Unknown,
        }
    }

    /// What `listenup check` would be asked for.
    pub fn target(&self) -> Option<Target> {
        let port = NonZeroU16::new(self.place.port?)?;
        let place = match self.place.local {
            Some(address) if !address.is_unspecified() => domain::Place::Address(address, port),
            _ => domain::Place::Port(port),
        };
        Some(place.into())
    }
}

impl Findings {
    /// The details of a cause.
    pub fn of<'a>(&'a self, cause: &'a str) -> impl Iterator<Item = &'a Detail> {
        self.details
            .iter()
            .filter(move |detail| detail.meaning.cause == cause)
    }

    /// Nothing, as when it is not traced.
    #[cfg(test)]
    pub fn none() -> Self {
        Self {
            started: WallTime::now(),
            trace: Trace::Off,
            details: Vec::new(),
            elsewhere: Vec::new(),
            moves: Vec::new(),
            full: Vec::new(),
            faults: Vec::new(),
        }
    }
}
