//! Everything that is watched: the counters, the trace, the listeners, the addresses and the firewall's rules.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use super::addresses::{self, AddressChange, Addresses};
use super::causes::Cause;
use super::counters::Sample;
use super::firewall::{self, Rules};
use super::listener_history::ListenerHistory;
use super::processes::Threads;
use super::table::{Flow, Origin, Role, Site, Table};
use super::trace::Tracer;
use super::trace::event::{Endpoint, Reset};
use crate::clock::Clock;
use crate::errno::ErrnoText;
use crate::host::wall::WallTime;

const PROC: &str = "/proc";
/// How many changes of addresses are kept.
const MOST_CHANGES: usize = 1000;
/// Linux's own range of ports for clients, where it cannot be read.
const EPHEMERAL: RangeInclusive<u16> = 32_768..=60_999;

/// Whether resets are traced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trace {
    /// It was not wanted.
    Off,
    /// It is not possible, for this reason.
    Unavailable(String),
    /// They are.
    On {
        /// Resets that were not traced because there were too many a second. `None`: the kernel does not say.
        lost: Option<u64>,
        /// True if the kernel traces resets without a socket, and gives reasons: from Linux 6.10 on.
        has_reasons: bool,
    },
}

/// Everything that is watched, since it began. Times are counted from then on.
#[derive(Debug)]
pub struct Monitor {
    /// When it began.
    pub started: WallTime,
    /// Whether resets are traced.
    pub trace: Trace,
    /// The resets that were traced.
    pub table: Table,
    /// The processes that sent some.
    pub threads: Threads,
    /// The listeners.
    pub listeners: ListenerHistory,
    /// The addresses at the last look. `None`: they are not known.
    pub addresses: Option<Addresses>,
    /// All addresses that were here at some look.
    pub known_addresses: BTreeSet<IpAddr>,
    /// The addresses that were added or removed.
    pub changes: Vec<AddressChange>,
    /// The rules of the firewall at the beginning, or why they are not known.
    pub rules: Result<Rules, String>,
    /// What could not be read, each once.
    pub errors: Vec<String>,
    start: Duration,
    looked: Duration,
    tracer: Option<Tracer>,
}

impl Monitor {
    /// Begins to watch, with a tracer or the reason why there is none.
    pub fn start(clock: &dyn Clock, tracer: Result<Tracer, Trace>) -> Self {
        let (tracer, trace) = match tracer {
            Ok(tracer) => {
                let has_reasons = tracer.has_reasons();
                (
                    Some(tracer),
                    Trace::On {
                        lost: Some(0),
                        has_reasons,
                    },
                )
            }
            Err(trace) => (None, trace),
        };
        let mut monitor = Self {
            started: WallTime::now(),
            trace,
            table: Table::new(ephemeral_ports(Path::new(PROC))),
            threads: Threads::new(),
            listeners: ListenerHistory::default(),
            addresses: None,
            known_addresses: BTreeSet::new(),
            changes: Vec::new(),
            rules: firewall::read(),
            errors: Vec::new(),
            start: clock.now(),
            looked: Duration::ZERO,
            tracer,
        };
        monitor.look(Duration::ZERO);
        monitor
    }

    /// The time since it began.
    pub fn elapsed(&self, clock: &dyn Clock) -> Duration {
        clock.now().saturating_sub(self.start)
    }

    /// True if resets are traced.
    pub fn is_tracing(&self) -> bool {
        self.tracer.is_some()
    }

    /// The names of the kernel's reasons, by number.
    pub fn reason_names(&self) -> BTreeMap<u64, String> {
        let tracer = self.tracer.as_ref();
        tracer
            .map(|tracer| tracer.reasons.clone())
            .unwrap_or_default()
    }

    /// Takes a sample of the counters. Returns it with the errors that are new.
    pub fn sample(&mut self) -> (Sample, Vec<String>) {
        let (sample, errors) = Sample::read(Path::new(PROC));
        let errors = errors.iter().map(ToString::to_string);
        let new: Vec<String> = errors
            .filter(|error| !self.errors.contains(error))
            .collect();
        self.errors.extend(new.iter().cloned());
        (sample, new)
    }

    /// Forgets what was traced before the first sample.
    pub fn forget_traced(&mut self) {
        self.tick(Duration::ZERO);
        self.table = Table::new(ephemeral_ports(Path::new(PROC)));
    }

    /// Counts what was traced up to this time.
    pub fn tick(&mut self, at: Duration) {
        let Some(tracer) = &mut self.tracer else {
            return;
        };
        let (known, threads) = (&self.known_addresses, &mut self.threads);
        let (table, listeners) = (&mut self.table, &self.listeners);
        // A received reset that waits for the next event, which can show that nobody sent it.
        let mut received: Option<Flow> = None;
        let mut count = |flow: Flow, thread| table.count(flow, role(&flow, listeners), thread, at);
        tracer.read(&mut |reset, reason| {
            let cause = Cause::of(reset, reason);
            let flow = flow(reset, cause, known, threads);
            if let Some(before) = received.take() {
                let is_same = (before.local, before.peer) == (flow.local, flow.peer);
                if !is_same || cause != Cause::AfterClose {
                    count(before, None);
                }
            }
            if cause == Cause::ByPeer {
                received = Some(flow);
                return;
            }
            let thread = reset
                .pid
                .filter(|_| cause.is_by_thread() && reset.by_thread);
            if let Some(thread) = thread {
                threads.note(thread);
            }
            count(flow, thread);
        });
        if let Some(flow) = received {
            count(flow, None);
        }
        self.threads.end_tick(tracer);
    }

    /// Looks at the listeners and the addresses. Returns the addresses that were added or removed since the last look.
    pub fn look(&mut self, at: Duration) -> Vec<AddressChange> {
        if let Err(errno) = self.listeners.look(at) {
            self.note_error(format!("the listeners are not known: {}", ErrnoText(errno)));
        }
        let now = match addresses::read() {
            Ok(now) => now,
            Err(errno) => {
                self.note_error(format!("the addresses are not known: {}", ErrnoText(errno)));
                return Vec::new();
            }
        };
        let changes = match &self.addresses {
            Some(before) => addresses::diff(before, &now, [self.looked, at]),
            None => Vec::new(),
        };
        self.looked = at;
        self.known_addresses.extend(now.keys());
        self.addresses = Some(now);
        let room = MOST_CHANGES.saturating_sub(self.changes.len());
        self.changes.extend(changes.iter().take(room));
        changes
    }

    fn note_error(&mut self, error: String) {
        if !self.errors.contains(&error) {
            self.errors.push(error);
        }
    }

    /// The site with the most resets since the last call. `has_sent`: this network namespace has sent some. Every
    /// namespace has loopback addresses, so that these alone say nothing.
    pub fn busiest(&mut self, has_sent: bool) -> Option<(Site, u64)> {
        let (known, listeners) = (&self.known_addresses, &self.listeners);
        self.table.busiest(&|site| {
            let is_loopback = site.local.is_some_and(|local| local.is_loopback());
            let is_certain = site.origin == Origin::Here || !is_loopback;
            (has_sent || site.cause == Cause::ByPeer)
                && site.origin != Origin::Elsewhere
                && is_certain
                && is_here(site, known, listeners)
        })
    }

    /// True if a site can be in this network namespace, by its address.
    pub fn is_here(&self, site: &Site) -> bool {
        is_here(site, &self.known_addresses, &self.listeners)
    }

    /// Ends the trace, whose instance is removed.
    pub fn stop(&mut self, at: Duration) {
        if let Some(tracer) = &mut self.tracer {
            tracer.stop();
        }
        self.tick(at);
        self.look(at);
        if let (Some(tracer), Trace::On { lost, .. }) = (self.tracer.take(), &mut self.trace) {
            *lost = tracer.lost();
        }
    }
}

/// A reset by its ends, and whose network namespace it is in.
fn flow(reset: &Reset, cause: Cause, known: &BTreeSet<IpAddr>, threads: &mut Threads) -> Flow {
    let is_here = |(address, _): Endpoint| address.is_loopback() || known.contains(&address);
    let is_within = reset.local.is_some_and(is_here) && reset.peer.is_some_and(is_here);
    // An interrupt says nothing of the thread that it meets, except on a connection within a machine: there the
    // thread that sends does the work.
    let thread = reset.pid.filter(|_| reset.by_thread || is_within);
    let is_foreign =
        |(address, port): Endpoint| !address.is_unspecified() && !is_here((address, port));
    let origin = match thread.map_or(Origin::Unknown, |thread| threads.origin(thread)) {
        Origin::Unknown if reset.local.is_some_and(is_foreign) => Origin::Foreign,
        origin => origin,
    };
    Flow {
        cause,
        reason: reset.reason,
        origin,
        local: reset.local,
        peer: reset.peer,
        is_within,
    }
}

/// The port that something listens on is the service's.
fn role(flow: &Flow, listeners: &ListenerHistory) -> Option<Role> {
    let is_open = |end: Option<Endpoint>| {
        let (address, port) = end?;
        let is_known = flow.origin != Origin::Elsewhere;
        (is_known && !listeners.serving(Some(address), port).is_empty()).then_some(port)
    };
    let peer = flow.peer.filter(|_| flow.is_within);
    is_open(flow.local)
        .map(Role::Service)
        .or_else(|| is_open(peer).map(Role::Client))
}

fn is_here(site: &Site, known: &BTreeSet<IpAddr>, listeners: &ListenerHistory) -> bool {
    match (site.origin, site.local, site.role) {
        (Origin::Here, ..) | (_, None, _) => true,
        (_, Some(address), Role::Service(port)) if address.is_unspecified() => {
            let serving = listeners.serving(None, port);
            serving
                .iter()
                .any(|seen| seen.listener.address.is_unspecified())
        }
        (_, Some(address), _) => {
            address.is_loopback() || known.is_empty() || known.contains(&address)
        }
    }
}

/// The local ports that the kernel gives to clients (net.ipv4.ip_local_port_range).
fn ephemeral_ports(proc: &Path) -> RangeInclusive<u16> {
    let file = proc.join("sys/net/ipv4/ip_local_port_range");
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let mut ports = text.split_whitespace().map(str::parse);
    match (ports.next(), ports.next()) {
        (Some(Ok(first)), Some(Ok(last))) => first..=last,
        _ => EPHEMERAL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ports_of_clients() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(ephemeral_ports(root.path()), EPHEMERAL);
        let folder = root.path().join("sys/net/ipv4");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("ip_local_port_range"), "1024\t65000\n").unwrap();
        assert_eq!(ephemeral_ports(root.path()), 1024..=65_000);
    }
}
