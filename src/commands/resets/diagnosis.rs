//! The diagnosis: each cause with its counters, its places and the facts that explain it, as data.

use std::collections::BTreeMap;

use super::Recording;
use super::causes::Cause;
use super::counters::{Changes, Growth, Sample};
use super::explain::explain;
use super::firewall::{self, Rule, Rules};
use super::listener_history::KnownListener;
use super::monitor::{Monitor, Trace};
use super::owners::{ListenerOwner, ListenerSnapshot};
use super::place::{Fact, ResetPlace};
use super::site::Site;
use super::whose::{Whose, whose};
use crate::clock::Clock;
use crate::domain::Queue;

/// The number of places whose listener is looked up.
const MAX_LOOKUPS: usize = 50;

/// Returns how many resets of OutRsts another counter has, too (tcp.c: `__tcp_close`). TCPAbortOnData also counts
/// connections that were not established, whose end sends none.
fn counted_resets(changes: &Changes) -> u64 {
    let of_data = changes
        .growth("TCPAbortOnData")
        .min(changes.growth("EstabResets"));
    changes.growth("TCPAbortOnClose") + changes.growth("TCPAbortOnLinger") + of_data
}

/// A cause, or a symptom where no cause is known, and the evidence for it.
#[derive(Debug)]
pub struct DiagnosedCause {
    /// The cause.
    pub cause: Cause,
    /// Its resets that were traced, or the packets that a firewall's rules rejected. `None` if it has only counters.
    pub resets: Option<u64>,
    /// Its counters that have changed.
    pub counters: Vec<(&'static str, Growth)>,
    /// Its settings and levels.
    pub state: Vec<(&'static str, u64)>,
    /// The places with its resets, the one with the most first.
    pub places: Vec<ResetPlace>,
    /// The listeners whose accept queue overflowed.
    pub queues: Vec<FullQueue>,
    /// The firewall's rules that rejected, and how often.
    pub rules: Vec<(Rule, u64)>,
    /// The next step for an operator.
    pub next: &'static str,
}

/// A listener whose accept queue overflowed.
#[derive(Debug)]
pub struct FullQueue {
    /// The listener.
    pub known: KnownListener,
    /// Its owner.
    pub owner: ListenerOwner,
    /// Its queue at the end. `None` if the listener is gone.
    pub now: Option<Queue>,
}

/// All causes that were found, and what was counted for them.
#[derive(Debug)]
pub struct Diagnosis {
    /// In the order of [`Cause::all`].
    pub causes: Vec<DiagnosedCause>,
    /// Places in other network namespaces.
    pub elsewhere: Vec<ResetPlace>,
    /// Traced resets that this network namespace sent.
    pub sent: u64,
    /// Traced resets that it sent to itself.
    within: u64,
    /// Traced resets from other addresses that this network namespace received, and those that it possibly received.
    pub received: [u64; 2],
    /// The firewall's rules that can reject without a counter, or why they could not be read.
    pub uncounted: Result<Vec<Rule>, String>,
}

impl Diagnosis {
    /// Draws the conclusions, which can take as long as a look at all processes. `reasons`: the kernel's names of
    /// reasons, by number.
    pub fn new(
        monitor: &mut Monitor,
        recording: &Recording,
        clock: &dyn Clock,
        reasons: &BTreeMap<u64, String>,
    ) -> Self {
        let Recording { changes, last, .. } = recording;
        let sites = monitor.table.finish();
        let whose = whose(monitor, &sites, changes);
        let places = sites.into_iter().zip(whose).map(|((site, tally), whose)| {
            ResetPlace::new(corrected(site, last), tally, monitor, reasons, whose)
        });
        let (mut ours, elsewhere): (Vec<_>, Vec<_>) =
            places.partition(|place| place.whose != Whose::Others);
        let mut overflowed = monitor.listeners.overflowed(changes.growth("ListenDrops"));
        overflowed.retain(|_| changes.has_grown("ListenOverflows"));
        let overflowed: Vec<KnownListener> = overflowed.into_iter().cloned().collect();
        let ports = overflowed.iter().map(|known| (None, known.listener.port));
        let services = ours
            .iter()
            .take(MAX_LOOKUPS)
            .filter_map(ResetPlace::service);
        let (snapshot, warnings) = ListenerSnapshot::capture(services.chain(ports), clock);
        monitor.errors.extend(warnings);
        for (number, place) in ours.iter_mut().enumerate() {
            let service = place.service().filter(|_| number < MAX_LOOKUPS);
            place.listening = service.map(|(address, port)| snapshot.listening(address, port));
            place.facts = explain(place, monitor, changes);
        }
        let mut diagnosis = Self {
            causes: Vec::new(),
            elsewhere,
            sent: resets(&ours, ResetPlace::is_sent),
            within: ours
                .iter()
                .filter(|place| place.is_sent() && place.whose == Whose::Ours)
                .map(|place| place.within)
                .sum(),
            received: [Whose::Ours, Whose::Doubtful].map(|whose| {
                resets(&ours, |place| {
                    place.whose == whose && !place.is_sent() && !place.facts.contains(&Fact::Within)
                })
            }),
            uncounted: monitor.rules.clone().map(|_| Vec::new()),
        };
        let (rules, is_changed) = diagnosis.compare_rules(&monitor.rules);
        if is_changed {
            let why = "the firewall's configuration changed during the watch: if a rule was removed, its packets are not counted";
            monitor.errors.push(why.to_owned());
        }
        for cause in Cause::all() {
            let is_it = |place: &ResetPlace| place.site.cause == cause;
            let (places, others) = ours.into_iter().partition(is_it);
            ours = others;
            let mut diagnosed = DiagnosedCause::new(cause, changes, last, places, &monitor.trace);
            match cause {
                Cause::AcceptQueue => {
                    let queues = overflowed.iter().map(|known| FullQueue {
                        owner: snapshot.owner(&known.listener),
                        now: snapshot.queue(&known.listener),
                        known: known.clone(),
                    });
                    diagnosed.queues = queues.collect();
                }
                Cause::Firewall => {
                    diagnosed.resets = Some(rules.iter().map(|(_, packets)| packets).sum());
                    diagnosed.rules.clone_from(&rules);
                }
                _ => {}
            }
            diagnosis.causes.push(diagnosed);
        }
        diagnosis.keep_causes(monitor, changes);
        diagnosis
    }

    /// Returns the firewall's rules that rejected since the beginning, and how many packets. Also returns true if rules
    /// changed, so that packets can be missing.
    fn compare_rules(&mut self, before: &Result<Rules, String>) -> (Vec<(Rule, u64)>, bool) {
        let mut rejected = Vec::new();
        let (Ok(before), Ok(uncounted)) = (before, &mut self.uncounted) else {
            return (rejected, false);
        };
        let now = match firewall::read() {
            Ok(now) => now,
            Err(why) => {
                self.uncounted = Err(why);
                return (rejected, false);
            }
        };
        // A rule that was there later has lost nothing.
        let is_changed = !before.packets.is_empty() && now.generation != before.generation;
        for (rule, packets) in now.packets {
            let first = before.packets.get(&rule).copied().flatten().unwrap_or(0);
            match packets {
                None => uncounted.push(rule),
                // Its counter was reset.
                Some(packets) if packets < first => rejected.push((rule, packets)),
                Some(packets) if packets > first => rejected.push((rule, packets - first)),
                Some(_) => {}
            }
        }
        (rejected, is_changed)
    }

    /// Drops causes that did not happen, and symptoms whose causes the trace has.
    fn keep_causes(&mut self, monitor: &Monitor, changes: &Changes) {
        let (is_complete, has_causes) = (monitor.is_complete(), monitor.has_causes());
        let grew_beyond = |name, known| {
            let growth = changes.get(name);
            growth.is_some_and(|growth| growth.by.is_none_or(|by| by > known))
        };
        let ended =
            self.received.iter().sum::<u64>() + self.within + changes.growth("TCPAbortOnTimeout");
        let sent = self.sent;
        let counted = counted_resets(changes);
        self.causes.retain_mut(|diagnosed| match diagnosed.cause {
            // Each of these sends a reset, so that the trace has them.
            Cause::UnreadData | Cause::Aborted | Cause::Mptcp if is_complete => {
                !diagnosed.places.is_empty()
            }
            // EmbryonicRsts alone grows by a full accept queue.
            Cause::Attempts => grew_beyond("AttemptFails", if has_causes { ended } else { 0 }),
            Cause::Cut if has_causes => grew_beyond("EstabResets", ended + sent),
            Cause::Sent if diagnosed.places.is_empty() => {
                let known = if has_causes { sent } else { counted };
                let growth = changes.get("OutRsts").filter(|_| has_causes || known > 0);
                diagnosed.resets = growth.and_then(|growth| growth.by?.checked_sub(known));
                grew_beyond("OutRsts", known)
            }
            _ => diagnosed.is_active(),
        });
    }
}

impl DiagnosedCause {
    fn new(
        cause: Cause,
        changes: &Changes,
        last: &Sample,
        places: Vec<ResetPlace>,
        trace: &Trace,
    ) -> Self {
        let description = cause.describe();
        let counters = description.counters.iter();
        let counters = counters.filter_map(|name| Some((*name, changes.get(name)?)));
        let state = description.state.iter();
        Self {
            cause,
            resets: (!places.is_empty()).then(|| resets(&places, |_| true)),
            counters: counters
                .filter(|(_, growth)| growth.has_changed())
                .collect(),
            state: state
                .filter_map(|name| Some((*name, last.get(name)?)))
                .collect(),
            places,
            queues: Vec::new(),
            rules: Vec::new(),
            next: description.next_with(trace),
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

fn resets(places: &[ResetPlace], is_wanted: impl Fn(&ResetPlace) -> bool) -> u64 {
    let wanted = places.iter().filter(|place| is_wanted(place));
    wanted.map(|place| place.resets).sum()
}

/// Corrects the cause of a handshake that a listener refused: a full queue sends resets only by a setting.
fn corrected(site: Site, last: &Sample) -> Site {
    match (site.cause, last.get("tcp_abort_on_overflow")) {
        (Cause::AcceptQueue, Some(0)) => Site {
            cause: Cause::BadSegment,
            ..site
        },
        _ => site,
    }
}
