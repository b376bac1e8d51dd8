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
use super::site::{Flow, Origin, Role};
use super::table::Table;
use super::trace::Tracer;
use super::trace::event::{AddressPort, Reset};
use crate::clock::Clock;
use crate::errno::ErrnoText;
use crate::host::wall_clock::WallTime;

const PROC: &str = "/proc";
/// How many changes of addresses are kept.
const MAX_CHANGES: usize = 1000;
/// Linux's default range of ports for clients, used if the range cannot be read.
const EPHEMERAL: RangeInclusive<u16> = 32_768..=60_999;

/// The state of the trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trace {
    /// Resets are not traced, because of the option.
    Off,
    /// Resets cannot be traced, for this reason.
    Unavailable(String),
    /// Resets are traced.
    On {
        /// Resets that were too many a second to be traced. `None` if the kernel does not say.
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
    /// The state of the trace.
    pub trace: Trace,
    /// The resets that were traced.
    pub table: Table,
    /// The threads that sent resets, and their processes.
    pub threads: Threads,
    /// The listeners.
    pub listeners: ListenerHistory,
    /// The addresses in the last sample. `None` if they could not be read.
    pub addresses: Option<Addresses>,
    /// All addresses that this network namespace had in some sample.
    pub known_addresses: BTreeSet<IpAddr>,
    /// The addresses that were added or removed.
    pub changes: Vec<AddressChange>,
    /// The rules of the firewall at the beginning, or why they could not be read.
    pub rules: Result<Rules, String>,
    /// The reasons why something could not be read, each once.
    pub errors: Vec<String>,
    start: Duration,
    sampled: Duration,
    tracer: Option<Tracer>,
}

impl Monitor {
    /// Begins to watch, with a tracer or the reason why there is none.
    pub fn start(clock: &dyn Clock, tracer: Result<Tracer, Trace>) -> Self {
        let trace = match &tracer {
            Ok(tracer) => Trace::On {
                lost: Some(0),
                has_reasons: tracer.has_reasons(),
            },
            Err(trace) => trace.clone(),
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
            sampled: Duration::ZERO,
            tracer: tracer.ok(),
        };
        monitor.sample_network(Duration::ZERO);
        monitor
    }

    /// Returns the time since it began.
    pub fn elapsed(&self, clock: &dyn Clock) -> Duration {
        clock.now().saturating_sub(self.start)
    }

    /// True while resets are traced.
    pub fn is_tracing(&self) -> bool {
        self.tracer.is_some()
    }

    /// True if resets are traced with their causes.
    pub fn has_causes(&self) -> bool {
        matches!(
            self.trace,
            Trace::On {
                has_reasons: true,
                ..
            }
        )
    }

    /// True if the trace has every reset with its cause.
    pub fn is_complete(&self) -> bool {
        let has_all = matches!(self.trace, Trace::On { lost: Some(0), .. });
        self.has_causes() && has_all && self.table.left_out == 0
    }

    /// Reads the counters. Returns them with the errors that are new.
    pub fn sample_counters(&mut self) -> (Sample, Vec<String>) {
        let (sample, errors) = Sample::read(Path::new(PROC));
        let errors = errors.iter().map(ToString::to_string);
        let new: Vec<String> = errors
            .filter(|error| !self.errors.contains(error))
            .collect();
        self.errors.extend(new.iter().cloned());
        (sample, new)
    }

    /// Drops what was traced before the first sample.
    pub fn forget_traced(&mut self) {
        self.tick(Duration::ZERO);
        self.table = Table::new(ephemeral_ports(Path::new(PROC)));
    }

    /// Counts what was traced up to this time.
    pub fn tick(&mut self, at: Duration) {
        let Some(tracer) = &mut self.tracer else {
            return;
        };
        let (known, listeners) = (&self.known_addresses, &self.listeners);
        let (table, threads) = (&mut self.table, &mut self.threads);
        tracer.read(&mut |reset, reason| {
            let cause = Cause::of(reset, reason);
            let mut flow = flow(reset, cause, known, threads);
            flow.role = role(&flow, listeners);
            let is_by_thread = cause.is_by_thread() && reset.by_thread;
            let thread = reset.pid.filter(|_| is_by_thread);
            if let Some(thread) = thread {
                threads.note(thread);
            }
            table.count(flow, thread, at);
        });
        table.end_tick(at);
        threads.end_tick(tracer);
    }

    /// Samples the listeners and the addresses. Returns the addresses that were added or removed since the last sample.
    pub fn sample_network(&mut self, at: Duration) -> Vec<AddressChange> {
        if let Err(errno) = self.listeners.sample(at) {
            self.note_error(format!("cannot read the listeners: {}", ErrnoText(errno)));
        }
        let now = match addresses::read() {
            Ok(now) => now,
            Err(errno) => {
                self.note_error(format!("cannot read the addresses: {}", ErrnoText(errno)));
                return Vec::new();
            }
        };
        let changes = match &self.addresses {
            Some(before) => addresses::diff(before, &now, [self.sampled, at]),
            None => Vec::new(),
        };
        self.sampled = at;
        self.known_addresses.extend(now.keys());
        self.addresses = Some(now);
        let room = MAX_CHANGES.saturating_sub(self.changes.len());
        self.changes.extend(changes.iter().take(room));
        changes
    }

    fn note_error(&mut self, error: String) {
        if !self.errors.contains(&error) {
            self.errors.push(error);
        }
    }

    /// Ends the trace and removes its instance. Returns the names of the kernel's reasons, by number.
    pub fn stop(&mut self, at: Duration) -> BTreeMap<u64, String> {
        if let Some(tracer) = &mut self.tracer {
            tracer.stop();
        }
        self.tick(at);
        self.sample_network(at);
        let Some(tracer) = self.tracer.take() else {
            return BTreeMap::new();
        };
        if let Trace::On { lost, .. } = &mut self.trace {
            *lost = tracer.lost();
        }
        tracer.reasons.clone()
    }
}

/// Returns a reset by its ends, with the evidence for its network namespace.
fn flow(reset: &Reset, cause: Cause, known: &BTreeSet<IpAddr>, threads: &mut Threads) -> Flow {
    let is_here = |(address, _): AddressPort| address.is_loopback() || known.contains(&address);
    let is_foreign = |end: AddressPort| !end.0.is_unspecified() && !is_here(end);
    let is_within = reset.local.is_some_and(is_here) && reset.peer.is_some_and(is_here);
    // An interrupt is not the work of the thread that it stops, except on a connection within a machine: there the
    // thread that sends does the work.
    let thread = reset.pid.filter(|_| reset.by_thread || is_within);
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
        role: None,
    }
}

/// Returns the role that a listener shows: its port is the service's.
fn role(flow: &Flow, listeners: &ListenerHistory) -> Option<Role> {
    let is_open =
        |(address, port): &AddressPort| !listeners.serving(Some(*address), *port).is_empty();
    let [by_local, by_peer] = flow.sides();
    if flow.origin == Origin::Elsewhere {
        None
    } else if flow.local.as_ref().is_some_and(is_open) {
        by_local
    } else {
        by_peer.filter(|_| flow.is_within && flow.peer.as_ref().is_some_and(is_open))
    }
}

/// Returns the local ports that the kernel gives to clients (net.ipv4.ip_local_port_range).
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
    fn the_range_of_ephemeral_ports_is_read_or_defaults() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(ephemeral_ports(root.path()), EPHEMERAL);
        let folder = root.path().join("sys/net/ipv4");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("ip_local_port_range"), "1024\t65000\n").unwrap();
        assert_eq!(ephemeral_ports(root.path()), 1024..=65_000);
    }
}
