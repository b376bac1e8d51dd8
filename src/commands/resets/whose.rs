//! Whose network namespace a reset is in: the kernel traces those of all, and does not say.

use super::causes::Cause;
use super::monitor::Monitor;
use super::table::{Origin, Site, Tally};

/// Where a reset was, by its address, its thread and the counter of resets that were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// This network namespace's.
    Ours,
    /// Perhaps another one's.
    Doubtful,
    /// Another one's.
    Others,
}

/// Whose the resets of each site are. `sent`: how many resets this network namespace has sent. The kernel traces
/// those of all namespaces, and does not say which. The sites that are most certainly ours come first.
pub fn whose(monitor: &Monitor, sites: &[(Site, Tally)], sent: Option<u64>) -> Vec<Whose> {
    let is_loopback = |site: &Site| site.local.is_some_and(|local| local.is_loopback());
    let class = |site: &Site| match (site.origin, monitor.is_here(site)) {
        (Origin::Here, _) => 0,
        // A thread in another namespace can use a socket of this one.
        (Origin::Elsewhere, true) => 3,
        (Origin::Elsewhere, false) => 5,
        (_, false) => 4,
        // Every namespace has these addresses.
        (_, true) if is_loopback(site) => 2,
        (_, true) => 1,
    };
    let mut left = sent.unwrap_or(u64::MAX);
    let by_class = [0, 1, 2, 3, 4].map(|wanted| {
        let of = |(site, _): &&(Site, Tally)| site.cause != Cause::ByPeer && class(site) == wanted;
        let count: u64 = sites.iter().filter(of).map(|(_, tally)| tally.resets).sum();
        let whose = match (wanted, count <= left) {
            (0, _) => Whose::Ours,
            (3.., _) if sent.is_none() => Whose::Others,
            (2, true) if !monitor.is_complete() => Whose::Doubtful,
            (_, true) => Whose::Ours,
            (1 | 2, false) if left > 0 => Whose::Doubtful,
            _ => Whose::Others,
        };
        left = left.saturating_sub(count);
        whose
    });
    let is_within = |tally: &Tally| {
        tally
            .peers
            .keys()
            .all(|peer| monitor.known_addresses.contains(peer))
    };
    let whose = |(site, tally): &(Site, Tally)| match (class(site), site.cause) {
        // No counter has the resets that were received.
        (1, Cause::ByPeer) => Whose::Ours,
        (3, Cause::ByPeer) if !is_loopback(site) && !is_within(tally) => Whose::Doubtful,
        (3 | 4, Cause::ByPeer) => Whose::Others,
        (class, _) => by_class.get(class).copied().unwrap_or(Whose::Others),
    };
    sites.iter().map(whose).collect()
}
