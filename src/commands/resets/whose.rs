//! The network namespace of a reset. The kernel traces those of all namespaces, and does not name it.

use super::causes::Cause;
use super::counters::Changes;
use super::monitor::Monitor;
use super::site::{Origin, Role, Site, Tally};

/// The network namespace of a reset, by its address, its thread and the counters of this network namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The reset belongs to this network namespace.
    Ours,
    /// The reset possibly belongs to another one.
    Doubtful,
    /// The reset belongs to another one.
    Others,
}

/// Classes of evidence. The first one is the strongest for this network namespace.
const THREAD_HERE: usize = 0;
const ADDRESS_HERE: usize = 1;
/// Every namespace has these addresses.
const LOOPBACK: usize = 2;
/// A thread in another namespace can use a socket of this one.
const THREAD_ELSEWHERE: usize = 3;
const FOREIGN_ADDRESS: usize = 4;
const BOTH_ELSEWHERE: usize = 5;

/// Returns the network namespace of the resets of each site.
pub fn whose(monitor: &Monitor, sites: &[(Site, Tally)], changes: &Changes) -> Vec<Whose> {
    let by = |name| changes.get(name).and_then(|growth| growth.by);
    let count = |received: bool, wanted: usize| -> u64 {
        let of = |(site, _): &&(Site, Tally)| {
            (site.cause == Cause::Received) == received && class(site, monitor) == wanted
        };
        sites.iter().filter(of).map(|(_, tally)| tally.resets).sum()
    };
    let sent = by("OutRsts");
    let mut left = sent.unwrap_or(u64::MAX);
    let sent = [
        THREAD_HERE,
        ADDRESS_HERE,
        LOOPBACK,
        THREAD_ELSEWHERE,
        FOREIGN_ADDRESS,
    ]
    .map(|class| {
        let count = count(false, class);
        let whose = match (class, count <= left) {
            (THREAD_HERE, _) => Whose::Ours,
            (THREAD_ELSEWHERE.., _) if sent.is_none() => Whose::Others,
            (LOOPBACK, true) if !monitor.is_complete() => Whose::Doubtful,
            (_, true) => Whose::Ours,
            (ADDRESS_HERE | LOOPBACK, false) if left > 0 => Whose::Doubtful,
            _ => Whose::Others,
        };
        left = left.saturating_sub(count);
        whose
    });
    // These count most resets that are received, but not those after a close. EmbryonicRsts are not traced.
    let half_open = by("EmbryonicRsts").unwrap_or(0);
    let received = by("EstabResets")
        .zip(by("AttemptFails"))
        .map(|(cut, failed)| cut + failed.saturating_sub(half_open));
    let is_counted = received
        .is_some_and(|received| count(true, THREAD_HERE) + count(true, ADDRESS_HERE) <= received);
    let whose = |(site, tally): &(Site, Tally)| {
        let class = class(site, monitor);
        let mut peers = tally.peers.keys();
        match (class, site.cause) {
            (ADDRESS_HERE, Cause::Received) if is_counted => Whose::Ours,
            (ADDRESS_HERE, Cause::Received) => Whose::Doubtful,
            (THREAD_ELSEWHERE, Cause::Received)
                if !is_loopback(site)
                    && !peers.all(|peer| monitor.known_addresses.contains(peer)) =>
            {
                Whose::Doubtful
            }
            (THREAD_ELSEWHERE | FOREIGN_ADDRESS, Cause::Received) => Whose::Others,
            _ => sent.get(class).copied().unwrap_or(Whose::Others),
        }
    };
    sites.iter().map(whose).collect()
}

fn class(site: &Site, monitor: &Monitor) -> usize {
    match (site.origin, is_here(site, monitor)) {
        (Origin::Here, _) => THREAD_HERE,
        (Origin::Elsewhere, true) => THREAD_ELSEWHERE,
        (Origin::Elsewhere, false) => BOTH_ELSEWHERE,
        (_, false) => FOREIGN_ADDRESS,
        (_, true) if is_loopback(site) => LOOPBACK,
        (_, true) => ADDRESS_HERE,
    }
}

fn is_loopback(site: &Site) -> bool {
    site.local.is_some_and(|local| local.is_loopback())
}

/// True if a site can be in this network namespace, by its address.
fn is_here(site: &Site, monitor: &Monitor) -> bool {
    match (site.local, site.role) {
        (None, _) => true,
        (Some(address), Role::Service(port)) if address.is_unspecified() => {
            let serving = monitor.listeners.serving(None, port);
            serving
                .iter()
                .any(|known| known.listener.address.is_unspecified())
        }
        (Some(address), _) => {
            let known = &monitor.known_addresses;
            address.is_loopback() || known.is_empty() || known.contains(&address)
        }
    }
}
