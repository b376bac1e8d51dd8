//! The findings: each cause with its counters, its places and what explains it, as data. Text and JSON are two
//! forms of this.

use std::time::Duration;

use super::causes::Cause;
use super::counters::{Changes, Growth, Sample};
use super::explain::explain;
use super::firewall::{self, Rule, Rules};
use super::listener_history::Seen;
use super::monitor::{Monitor, Trace};
use super::owners::{Owner, Owners};
use super::place::{Reason, ResetPlace};
use super::table::Site;
use super::whose::{Whose, whose};
use crate::clock::Clock;
use crate::domain::{Listener, Queue};

/// The number of places with a look at what listens there, of which most people read a few.
const MOST_LOOKS: usize = 50;

/// A cause, or a symptom where no cause is known, and everything that is known of it.
#[derive(Debug)]
pub struct Finding {
    /// The cause.
    pub cause: Cause,
    /// Its resets: those that were traced, or those of a firewall's rules. `None`: only counters are known.
    pub resets: Option<u64>,
    /// Its counters that have moved.
    pub counters: Vec<(&'static str, Growth)>,
    /// Its settings and levels.
    pub state: Vec<(&'static str, u64)>,
    /// The places with its resets, the one with the most first.
    pub places: Vec<ResetPlace>,
    /// The listeners whose accept queue overflowed.
    pub queues: Vec<Overflow>,
    /// The firewall's rules that rejected, and how often.
    pub rules: Vec<(Rule, u64)>,
}

/// A listener whose accept queue overflowed.
#[derive(Debug)]
pub struct Overflow {
    /// The listener.
    pub listener: Listener,
    /// Its owner.
    pub owner: Owner,
    /// The drops that the kernel counts for it, as ss -m has them. `None`: the kernel does not say.
    pub dropped: Option<u32>,
    /// The queue and the time when it was last seen to be full.
    pub full: Option<(Queue, Duration)>,
    /// Its queue at the end.
    pub now: Option<Queue>,
}

/// All findings.
#[derive(Debug)]
pub struct Findings {
    /// Problems first.
    pub list: Vec<Finding>,
    /// Resets in other network namespaces.
    pub elsewhere: Vec<ResetPlace>,
    /// Traced resets that this network namespace sent, and received from other machines.
    pub traced: [u64; 2],
    /// The firewall's rules that can reject without a counter, or why they are not known.
    pub uncounted: Result<Vec<Rule>, String>,
}

impl Findings {
    /// Finds out, which can take as long as a look at all processes. `changes` are those of the whole time, `last` is
    /// the last sample.
    pub fn of(
        monitor: &mut Monitor,
        changes: &Changes,
        last: &Sample,
        clock: &dyn Clock,
        names: &dyn Fn(u64) -> Option<String>,
    ) -> Self {
        let sites = monitor.table.finish();
        let sent = changes.get("OutRsts").and_then(|sent| sent.by);
        let whose = whose(monitor, &sites, sent);
        let places = sites.into_iter().zip(whose).map(|((site, tally), whose)| {
            ResetPlace::new(corrected(site, last), tally, monitor, names, whose)
        });
        let (mut ours, elsewhere): (Vec<_>, Vec<_>) =
            places.partition(|place| place.whose != Whose::Others);
        let overflows = ["ListenOverflows", "ListenDrops"].map(|name| changes.growth(name));
        let overflowed = monitor
            .listeners
            .overflowed()
            .filter(|_| overflows != [0, 0]);
        let overflowed: Vec<Seen> = overflowed.cloned().collect();
        let ports = overflowed.iter().map(|seen| (None, seen.listener.port));
        let services = ours.iter().take(MOST_LOOKS).filter_map(ResetPlace::service);
        let (owners, warnings) = Owners::look(services.chain(ports), clock);
        monitor.errors.extend(warnings);
        for (number, place) in ours.iter_mut().enumerate() {
            let service = place.service().filter(|_| number < MOST_LOOKS);
            place.listening = service.map(|(address, port)| owners.listening(address, port));
            place.reasons = explain(place, monitor, changes);
        }
        let mut findings = Self {
            list: Vec::new(),
            elsewhere,
            traced: [false, true].map(|received| traced(&ours, received)),
            uncounted: monitor.rules.clone().map(|_| Vec::new()),
        };
        let rules = findings.compare_rules(&monitor.rules);
        for cause in Cause::ALL {
            let (places, others) = ours
                .into_iter()
                .partition(|place| place.site.cause == cause);
            ours = others;
            let mut finding = Finding::new(cause, changes, last, places);
            match cause {
                Cause::AcceptQueue => {
                    let queues = overflowed.iter().map(|seen| Overflow::new(seen, &owners));
                    finding.queues = queues.collect();
                }
                Cause::Firewall => {
                    finding.resets = Some(rules.iter().map(|(_, resets)| resets).sum());
                    finding.rules.clone_from(&rules);
                }
                _ => {}
            }
            findings.list.push(finding);
        }
        findings.keep_causes(monitor, changes);
        findings
            .list
            .sort_by_key(|finding| finding.cause.describe().severity);
        findings
    }

    /// Compares the firewall's rules with those of the beginning: returns those that rejected since.
    fn compare_rules(&mut self, before: &Result<Rules, String>) -> Vec<(Rule, u64)> {
        let mut rejected = Vec::new();
        let (Ok(before), Ok(uncounted)) = (before, &mut self.uncounted) else {
            return rejected;
        };
        match firewall::read() {
            Ok(now) => {
                for (rule, packets) in now {
                    let first = before.get(&rule).copied().flatten().unwrap_or(0);
                    match packets.map(|packets| packets.saturating_sub(first)) {
                        None => uncounted.push(rule),
                        Some(0) => {}
                        Some(more) => rejected.push((rule, more)),
                    }
                }
            }
            Err(why) => self.uncounted = Err(why),
        }
        rejected
    }

    /// Drops what did not happen, and the counters' symptoms where a complete trace has the causes.
    fn keep_causes(&mut self, monitor: &Monitor, changes: &Changes) {
        let (is_complete, has_causes) = (monitor.is_complete(), monitor.has_causes());
        let untraced = changes.growth("OutRsts").saturating_sub(self.traced[0]);
        let by_peer = self
            .list
            .iter()
            .find(|finding| finding.cause == Cause::ByPeer);
        let received = by_peer.and_then(|finding| finding.resets).unwrap_or(0);
        let known_failures =
            received + monitor.table.mirrored + changes.growth("TCPAbortOnTimeout");
        self.list.retain_mut(|finding| {
            let is_active = finding.is_active();
            if has_causes && finding.cause == Cause::Cut {
                return false;
            }
            if !is_complete {
                return is_active
                    && !(has_causes && finding.cause == Cause::Sent && finding.places.is_empty());
            }
            match finding.cause {
                // Each of these sends a reset, so that the trace has them.
                Cause::UnreadData | Cause::Aborted | Cause::Mptcp => !finding.places.is_empty(),
                Cause::Attempts => changes.growth("AttemptFails") > known_failures,
                Cause::Sent if finding.places.is_empty() => {
                    finding.resets = Some(untraced);
                    untraced > 0
                }
                _ => is_active,
            }
        });
    }
}

impl Monitor {
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
}

impl Finding {
    fn new(cause: Cause, changes: &Changes, last: &Sample, places: Vec<ResetPlace>) -> Self {
        let description = cause.describe();
        let counters = description.counters.iter();
        let counters = counters.filter_map(|name| Some((*name, changes.get(name)?)));
        let state = description.state.iter();
        Self {
            cause,
            resets: (!places.is_empty()).then(|| places.iter().map(|place| place.resets).sum()),
            counters: counters.filter(|(_, growth)| growth.has_moved()).collect(),
            state: state
                .filter_map(|name| Some((*name, last.get(name)?)))
                .collect(),
            places,
            queues: Vec::new(),
            rules: Vec::new(),
        }
    }

    fn is_active(&self) -> bool {
        let is_full = match self.state.as_slice() {
            // 0 is no limit, on most kernels (nf_conntrack_core.c, __nf_conntrack_alloc).
            [("nf_conntrack_count", count), (_, max)] => *max > 0 && count >= max,
            _ => false,
        };
        is_full || !self.counters.is_empty() || self.resets.is_some_and(|resets| resets > 0)
    }
}

impl Overflow {
    fn new(seen: &Seen, owners: &Owners) -> Self {
        Self {
            listener: seen.listener.clone(),
            owner: owners.owner(&seen.listener),
            dropped: seen.dropped(),
            full: seen.full,
            now: owners.queue(&seen.listener),
        }
    }
}

/// How many resets of these were received from other machines, or sent.
fn traced(places: &[ResetPlace], received: bool) -> u64 {
    let is_counted = |place: &&ResetPlace| {
        (place.site.cause == Cause::ByPeer) == received && !place.reasons.contains(&Reason::Within)
    };
    places
        .iter()
        .filter(is_counted)
        .map(|place| place.resets)
        .sum()
}

/// A handshake that a listener refuses is not due to its queue where the queue resets nothing.
fn corrected(site: Site, last: &Sample) -> Site {
    match (site.cause, last.get("tcp_abort_on_overflow")) {
        (Cause::AcceptQueue, Some(0)) => Site {
            cause: Cause::BadSegment,
            ..site
        },
        _ => site,
    }
}
