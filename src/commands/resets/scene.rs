//! What is watched beside the counters: the trace, the listeners and the addresses.

mod local;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use super::addresses::{self, Addresses, Move};
use super::causes::UNEXPLAINED;
use super::change::Changes;
use super::findings::{Detail, Findings, Trace, Traced, meaning};
use super::host::{self, Namespaces};
use super::seen::Seen;
use super::trace::Tracer;
use super::trace::event::{Direction, End, Reset};
use super::trace::table::Role;
use super::who::Now;
use crate::clock::{Clock, Deadline};
use crate::domain::{Place, Target};
use crate::host::processes::Process;
use crate::host::wall::WallTime;

const PROC: &str = "/proc";
/// The limit on a look at the listeners.
const LOOK: Duration = Duration::from_millis(500);
/// How many moves are kept.
const MOST_MOVES: usize = 1000;
/// How many processes are looked up in a tick, and how many are known.
const MOST_NAMES: usize = 20;
const MOST_PIDS: usize = 4096;
/// How many places are looked into at the end, of which most people read a few.
const MOST_DETAILS: usize = 50;

/// Everything that is watched beside the counters.
pub struct Scene<'a> {
    clock: &'a dyn Clock,
    start: Duration,
    started: WallTime,
    tracer: Option<Tracer>,
    trace: Trace,
    seen: Seen,
    addresses: Option<Addresses>,
    /// When they were.
    looked: Duration,
    /// All that were here at some look.
    ever: BTreeSet<IpAddr>,
    moves: Vec<Move>,
    ephemeral: RangeInclusive<u16>,
    namespaces: Namespaces,
    names: BTreeMap<u32, Process>,
    faults: Vec<String>,
    /// Resets without a socket, by the counters and as far as told.
    unexplained: [u64; 2],
    /// What the trace has shown when it is over: all places, and the resets without a socket.
    details: Vec<Detail>,
    no_socket: Option<u64>,
}

impl<'a> Scene<'a> {
    /// Begins to watch, with a tracer or the reason why there is none.
    pub fn new(clock: &'a dyn Clock, tracer: Result<Tracer, Trace>) -> Self {
        let (tracer, trace) = match tracer {
            Ok(tracer) => {
                let traced = Traced {
                    tells_reasons: tracer.tells_reasons(),
                    other_namespaces: host::may_have_other_namespaces(Path::new(PROC)),
                    ..Traced::default()
                };
                (Some(tracer), Trace::On(traced))
            }
            Err(trace) => (None, trace),
        };
        let mut scene = Self {
            clock,
            start: clock.now(),
            started: WallTime::now(),
            tracer,
            trace,
            seen: Seen::default(),
            addresses: None,
            looked: Duration::ZERO,
            ever: BTreeSet::new(),
            moves: Vec::new(),
            ephemeral: host::ephemeral_ports(Path::new(PROC)),
            namespaces: Namespaces::new(Path::new(PROC)),
            names: BTreeMap::new(),
            faults: Vec::new(),
            unexplained: [0; 2],
            details: Vec::new(),
            no_socket: None,
        };
        scene.look();
        scene
    }

    fn since_start(&self) -> Duration {
        self.clock.now().saturating_sub(self.start)
    }

    /// Counts what was traced.
    pub fn tick(&mut self) {
        let at = self.since_start();
        let Some(tracer) = &mut self.tracer else {
            return;
        };
        let (seen, ephemeral, here) = (&self.seen, &self.ephemeral, &self.ever);
        let mut namespaces = match &self.trace {
            Trace::On(traced) if traced.other_namespaces => Some(&mut self.namespaces),
            _ => None,
        };
        if let Some(namespaces) = &mut namespaces {
            namespaces.forget();
        }
        tracer.read(at, &mut |reset| {
            let is_elsewhere = namespaces
                .as_mut()
                .is_some_and(|namespaces| is_elsewhere(reset, here, namespaces));
            role(reset, is_elsewhere, seen, ephemeral)
        });
        let places = tracer.table.places();
        let by_process = places.filter(|(place, _)| meaning(place, &tracer.reasons).by_process);
        let pids = by_process.filter_map(|(_, count)| count.pid);
        let unnamed: Vec<u32> = pids
            .filter(|pid| !self.names.contains_key(pid))
            .take(MOST_NAMES)
            .collect();
        if self.names.len() > MOST_PIDS {
            self.names.clear();
        }
        // Now, since a process that resets is often about to end.
        self.names
            .extend(unnamed.into_iter().map(|pid| (pid, process_of(pid))));
    }

    /// Looks at the listeners and the addresses. The addresses that came or went since the last time.
    pub fn look(&mut self) -> Vec<Move> {
        let at = self.since_start();
        let limit = Deadline::new(self.clock, LOOK);
        self.seen.look(at, limit);
        let fault = self.seen.fault.clone();
        let now = addresses::read();
        let faults = fault.into_iter().chain(now.as_ref().err().cloned());
        for fault in faults {
            if !self.faults.contains(&fault) {
                self.faults.push(fault);
            }
        }
        let Ok(now) = now else {
            return Vec::new();
        };
        let moves = match &self.addresses {
            Some(before) => addresses::moves(before, &now, [self.looked, at]),
            None => Vec::new(),
        };
        self.looked = at;
        self.ever.extend(now.keys());
        self.addresses = Some(now);
        let room = MOST_MOVES.saturating_sub(self.moves.len());
        self.moves.extend(moves.iter().take(room));
        moves
    }

    /// Where most resets of an interval were, and what the trace leaves of its counters: what no counter
    /// explains is put down to a missing socket only where the trace does so.
    pub fn interval(&mut self, changes: &Changes) -> (Changes, Option<(String, u64)>) {
        self.tick();
        let mut changes = changes.clone();
        let no_socket = self.traced_without_socket();
        if let (Some(traced), Some(change)) = (no_socket, changes.get(UNEXPLAINED)) {
            let [counted, told] = &mut self.unexplained;
            *counted = counted.saturating_add(change.by.unwrap_or_default());
            let now = (*counted).min(traced).saturating_sub(*told);
            *told += now;
            changes.limit(UNEXPLAINED, now);
        }
        let since = self.tracer.as_mut().map(|tracer| tracer.table.since());
        let since = since.unwrap_or_default().into_iter();
        let own = since.filter(|(place, _)| self.is_here(place));
        // Of the two ends of a connection within this machine the one that sent it.
        let busiest = own.max_by_key(|(place, more)| (*more, place.direction == Direction::Sent));
        let busiest = busiest.map(|(place, more)| (super::detail::place(&place), more));
        (changes, busiest)
    }

    /// How many resets without a socket were traced in this network namespace, where all were.
    fn traced_without_socket(&self) -> Option<u64> {
        let tracer = self.tracer.as_ref()?;
        let complete = tracer.tells_reasons()
            && tracer.table.left_out == 0
            && tracer.not_looked_at() == Some(0);
        let places = tracer
            .table
            .places()
            .filter(|(place, _)| self.is_here(place));
        let without = places.filter(|(place, _)| {
            place.direction == Direction::Sent
                && meaning(place, &tracer.reasons).cause == "no_socket"
        });
        complete.then(|| without.map(|(_, count)| count.resets).sum())
    }

    /// Ends the trace, whose instance is removed.
    pub fn stop(&mut self) {
        if let Some(tracer) = &mut self.tracer {
            tracer.stop();
        }
        self.tick();
        self.look();
        self.no_socket = self.traced_without_socket();
        let tracer = self.tracer.take();
        if let (Some(tracer), Trace::On(traced)) = (&tracer, &mut self.trace) {
            traced.not_looked_at = tracer.not_looked_at();
            traced.left_out = tracer.table.left_out;
            let details = tracer.table.places().map(|(place, count)| {
                let mut detail = Detail::new(*place, count, &tracer.reasons);
                let pid = count.pid.filter(|_| detail.meaning.by_process);
                detail.process = pid.and_then(|pid| self.names.get(&pid).cloned());
                detail
            });
            self.details = details.collect();
        }
    }

    /// Says what was found out, which may take as long as it takes to look at all processes. `changes` are
    /// those of the whole time.
    pub fn finish(mut self, changes: &mut Changes) -> Findings {
        let mut details = std::mem::take(&mut self.details);
        details.sort_by_key(|detail| (std::cmp::Reverse(detail.resets), detail.place));
        let none_sent = changes
            .get("OutRsts")
            .is_some_and(|sent| sent.by == Some(0));
        let (mut details, elsewhere): (Vec<_>, Vec<_>) = details.into_iter().partition(|detail| {
            // Loopback addresses are in every namespace.
            let is_ours = !none_sent || detail.place.direction == Direction::Received;
            is_ours && self.is_here(&detail.place)
        });
        if let Some(traced) = self.no_socket {
            changes.limit(UNEXPLAINED, traced);
        }
        let full: Vec<_> = self.seen.full().cloned().collect();
        let targets = details.iter().take(MOST_DETAILS).filter_map(Detail::target);
        let ports = full
            .iter()
            .filter_map(|full| full.listener.port.try_into().ok());
        let mut all: Vec<Target> = Vec::new();
        for target in targets.chain(ports.map(|port| Place::Port(port).into())) {
            if !all.contains(&target) {
                all.push(target);
            }
        }
        let now = Now::look(all, self.clock);
        self.faults.extend(now.warnings().cloned());
        for detail in &mut details {
            detail.address = self.address(detail);
            detail.listens = self.listens(detail, &now);
        }
        let full = full.into_iter().map(|full| {
            let (queue, owner) = (now.queue(&full.listener), now.owner(&full.listener));
            (full, queue, owner)
        });
        Findings {
            started: self.started,
            full: full.collect(),
            trace: self.trace,
            details,
            elsewhere,
            moves: self.moves,
            faults: self.faults,
        }
    }
}

/// Which port is the one that clients come to, and not one that the kernel gave a client.
fn role(reset: &Reset, is_elsewhere: bool, seen: &Seen, ephemeral: &RangeInclusive<u16>) -> Role {
    let port = |end: Option<End>| end.map_or(0, |(_, port)| port);
    let (local, peer) = (port(reset.local), port(reset.peer));
    let (by_local, by_peer) = (!ephemeral.contains(&local), !ephemeral.contains(&peer));
    if is_elsewhere {
        // Nothing is known of the listeners there: without this each connection could be a place.
        return Role {
            is_service: by_local,
            is_client: by_peer,
            is_elsewhere,
        };
    }
    // Where neither looks like a service: who was reset had asked.
    let is_sent = reset.direction == Direction::Sent;
    let neither = is_sent && !by_local && !by_peer;
    Role {
        is_service: reset.by_listener || seen.has(local) || by_local || neither,
        is_client: true,
        is_elsewhere,
    }
}

/// Whether the thread that ran tells that it was in another network namespace. An interrupt says nothing of
/// the thread that it meets, but for connections within a machine: these are worked on by who sends.
fn is_elsewhere(reset: &Reset, here: &BTreeSet<IpAddr>, namespaces: &mut Namespaces) -> bool {
    let is_local = |address: IpAddr| address.is_loopback() || here.contains(&address);
    let within = match (reset.local, reset.peer) {
        (Some((local, _)), Some((peer, _))) => is_local(local) && is_local(peer),
        _ => false,
    };
    let other = reset.pid.filter(|_| reset.by_thread || within);
    other.and_then(|thread| namespaces.is_other(thread)) == Some(true)
}

/// The process that a thread belongs to: the kernel traces threads.
fn process_of(thread: u32) -> Process {
    let status = std::fs::read_to_string(format!("{PROC}/{thread}/status")).unwrap_or_default();
    let process = status.lines().find_map(|line| line.strip_prefix("Tgid:"));
    let process = process.and_then(|id| id.trim().parse().ok());
    let process = process.unwrap_or(thread);
    let name = std::fs::read(format!("{PROC}/{process}/comm")).ok();
    Process::new(process, name.as_deref())
}
