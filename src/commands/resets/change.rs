//! What happened between two samples.

use std::collections::BTreeMap;
use std::time::Duration;

use super::causes::{CAUSES, Cause, UNEXPLAINED};
use super::counters::Sample;

/// A counter in some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// By how much it grew. `None`: it went back, so it began again at some moment.
    pub by: Option<u64>,
    /// What it shows at the end.
    pub total: u64,
}

impl Change {
    /// Whether it shows another figure than before.
    pub fn has_moved(self) -> bool {
        self.by != Some(0)
    }

    /// Its growth per second of this time. `None` where it is not known.
    pub fn per_second(self, time: Duration) -> Option<f64> {
        let seconds = time.as_secs_f64();
        // A counter beyond 2^53 loses nothing that a rate would show.
        self.by
            .filter(|_| seconds > 0.0)
            .map(|by| by as f64 / seconds)
    }
}

/// The counters of all causes in some time. Those that either sample lacks are not among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes(BTreeMap<&'static str, Change>);

impl Changes {
    /// From one sample to the next.
    pub fn between(before: &Sample, after: &Sample) -> Self {
        let counters = CAUSES.iter().flat_map(|cause| cause.counters);
        let mut changes: BTreeMap<_, _> = counters
            .filter_map(|&name| {
                let (from, total) = (before.get(name)?, after.get(name)?);
                let by = total.checked_sub(from);
                Some((name, Change { by, total }))
            })
            .collect();
        // Where the setting is not known, what may be due to an overflow is not put down to a port.
        let overflows_reset = after.get("tcp_abort_on_overflow") != Some(0);
        let by = unexplained(|name| changes.get(name)?.by, overflows_reset);
        let total = unexplained(|name| after.get(name), overflows_reset);
        if let (Some(by), Some(total)) = (by, total) {
            // The aborts that sent none make the total too small, though not smaller than this.
            let (by, total) = (Some(by), total.max(by));
            changes.insert(UNEXPLAINED, Change { by, total });
        }
        Self(changes)
    }

    /// Takes over what the parts of this time have shown, where the whole shows less: what is left after the
    /// aborts were taken off can be nothing in all and something in an interval.
    pub fn include(&mut self, parts: &Self) {
        for (name, part) in &parts.0 {
            if let Some(whole) = self.0.get_mut(name) {
                whole.by = whole.by.zip(part.by).map(|(whole, part)| whole.max(part));
                whole.total = whole.total.max(whole.by.unwrap_or_default());
            }
        }
    }

    /// Takes off what a counter shows beyond this, which is known to have another cause.
    pub fn limit(&mut self, name: &str, most: u64) {
        if let Some(change) = self.0.get_mut(name) {
            let over = change.by.map_or(0, |by| by.saturating_sub(most));
            change.by = change.by.map(|by| by - over);
            change.total = change.total.saturating_sub(over);
        }
    }

    /// Adds an interval to those before it.
    pub fn add(&mut self, interval: &Self) {
        for (name, change) in &interval.0 {
            let sum = self.0.entry(name).or_insert(Change {
                by: Some(0),
                total: 0,
            });
            sum.by = sum
                .by
                .zip(change.by)
                .map(|(one, other)| one.saturating_add(other));
            sum.total = change.total;
        }
    }

    /// The counter of this name.
    pub fn get(&self, name: &str) -> Option<Change> {
        self.0.get(name).copied()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those that have moved.
    pub fn moved(&self) -> impl Iterator<Item = (&'static str, Change)> + '_ {
        self.0
            .iter()
            .filter(|(_, change)| change.has_moved())
            .map(|(name, change)| (*name, *change))
    }
}

impl Cause {
    /// Its counters that this kernel has.
    pub fn known<'a>(
        &'a self,
        changes: &'a Changes,
    ) -> impl Iterator<Item = (&'static str, Change)> + 'a {
        self.counters
            .iter()
            .filter_map(|name| Some((*name, changes.get(name)?)))
    }

    /// Whether there is something to say: a counter has moved, or its table is full now.
    pub fn is_active(&self, changes: &Changes, now: &Sample) -> bool {
        let moved = self.known(changes).any(|(_, change)| change.has_moved());
        moved || (self.state.contains(&"nf_conntrack_count") && is_table_full(now))
    }
}

fn is_table_full(now: &Sample) -> bool {
    match (now.get("nf_conntrack_count"), now.get("nf_conntrack_max")) {
        // 0 is no limit, on most kernels (nf_conntrack_core.c, __nf_conntrack_alloc).
        (Some(count), Some(max)) => max > 0 && count >= max,
        _ => false,
    }
}

/// For a segment without a socket no counter moves but OutRsts (net/ipv4/tcp_ipv4.c, tcp_v4_rcv),
/// so this is what remains of the resets sent when the aborts are taken off, each of which sends
/// one, and the overflows where these are answered with one. `None` where a figure is missing.
///
/// What it takes for a closed port as well: a listener closed with connections in its accept queue,
/// a keepalive that gave up, `ss -K`.
pub fn unexplained(of: impl Fn(&str) -> Option<u64>, overflows_reset: bool) -> Option<u64> {
    let mut rest = of("OutRsts")?;
    let aborts = [
        "TCPAbortOnClose",
        "TCPAbortOnData",
        "TCPAbortOnLinger",
        "TCPAbortOnMemory",
    ];
    for name in aborts
        .into_iter()
        .chain(overflows_reset.then_some("ListenOverflows"))
    {
        rest = rest.saturating_sub(of(name)?);
    }
    Some(rest)
}

#[cfg(test)]
mod tests;
