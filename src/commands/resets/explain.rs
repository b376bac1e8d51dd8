//! The facts that explain resets at a place, such as an address that moved or a listener that is gone.

use std::net::IpAddr;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::addresses::{self, AddressChange};
use super::causes::Cause;
use super::counters::Changes;
use super::monitor::Monitor;
use super::owners::Listening;
use super::place::{Fact, ResetPlace};
use super::site::Role;
use super::whose::Whose;
use crate::host::wall_clock::WallTime;

/// For how long the report mentions an address that was added.
const RECENT: Duration = Duration::from_secs(3600);
/// The ports of SMB (Samba): over NetBIOS, and directly.
const SMB: [u16; 2] = [139, 445];

/// Returns the facts that explain the resets at a place.
pub fn explain(place: &ResetPlace, monitor: &Monitor, changes: &Changes) -> Vec<Fact> {
    let mut facts = Vec::new();
    let cause = place.site.cause;
    facts.extend(by_address(place, monitor, changes));
    facts.extend(by_listener(place, monitor));
    let is_disconnect = place.reason.as_deref() == Some("TCP_STATE");
    let by_linger = changes.get("TCPAbortOnData").and_then(|growth| growth.by);
    if cause == Cause::Aborted
        && is_disconnect
        && by_linger == Some(0)
        && place.whose == Whose::Ours
    {
        facts.push(Fact::NotLinger);
    }
    if cause == Cause::Received && place.within == place.resets {
        facts.push(Fact::Within);
    }
    let [netbios, direct] = SMB;
    let is_open = |port| !monitor.listeners.serving(place.site.local, port).is_empty();
    if cause == Cause::Received && place.site.role == Role::Service(netbios) && is_open(direct) {
        facts.push(Fact::Smb);
    }
    facts
}

fn by_address(place: &ResetPlace, monitor: &Monitor, changes: &Changes) -> Option<Fact> {
    let (local, now) = (place.site.local?, monitor.addresses.as_ref()?);
    if local.is_unspecified() || now.contains_key(&local) || local.is_loopback() {
        // A closed port resets new connections, and a full queue forgets connections of this machine itself.
        let is_explained =
            place.site.cause == Cause::NoConnection && !overflowed(place, monitor, changes);
        return is_explained.then(|| added(local, monitor))?;
    }
    let is_removal = |change: &&AddressChange| {
        change.address == local && !change.added && change.earliest <= place.last
    };
    match monitor.changes.iter().rev().find(is_removal) {
        Some(change) => Some(Fact::Removed(monitor.started.after(change.at))),
        // It was removed when this was over.
        None if monitor.known_addresses.contains(&local) => None,
        None => Some(Fact::NotHere),
    }
}

/// True if the accept queue of a listener at the place can have overflowed.
fn overflowed(place: &ResetPlace, monitor: &Monitor, changes: &Changes) -> bool {
    let serving = |(address, port)| monitor.listeners.serving(address, port);
    let mut listeners = place.service().map(serving).into_iter().flatten();
    changes.has_grown("ListenOverflows") && listeners.any(|seen| seen.discarded() != Some(0))
}

/// Returns the address that was added last, of those that a wildcard serves.
fn added(local: IpAddr, monitor: &Monitor) -> Option<Fact> {
    let serves = |address: &IpAddr| {
        *address == local || local.is_unspecified() && (local.is_ipv6() || address.is_ipv4())
    };
    // One that was added and removed again during the watch counts as well.
    let seen = monitor
        .changes
        .iter()
        .rev()
        .find(|change| change.added && serves(&change.address));
    if let Some(change) = seen {
        return Some(Fact::Added(
            change.address,
            monitor.started.after(change.at),
        ));
    }
    let time = clock_gettime(ClockId::Monotonic);
    let time = time
        .tv_sec
        .wrapping_mul(100)
        .wrapping_add(time.tv_nsec / 10_000_000) as u32;
    let all = monitor.addresses.as_ref()?.iter();
    let ages = all.filter_map(|(address, added)| Some((addresses::age((*added)?, time), *address)));
    let (age, address) = ages
        .filter(|(_, address)| serves(address) && !address.is_loopback())
        .min()?;
    (age < RECENT).then(|| Fact::Added(address, WallTime::now().before(age)))
}

fn by_listener(place: &ResetPlace, monitor: &Monitor) -> Option<Fact> {
    let (address, port) = place.service()?;
    let seen = monitor.listeners.serving(address, port);
    match place.listening.as_ref()? {
        Listening::No => {
            let last = seen.first()?.last;
            Some(Fact::ListenerGone(monitor.started.after(last)))
        }
        Listening::Yes(listener, _) => {
            let before = seen
                .iter()
                .find(|seen| seen.listener.inode != listener.inode && seen.last < place.last)?;
            let is_replaced = !seen
                .iter()
                .any(|seen| seen.listener.inode == listener.inode && seen.last <= before.last);
            is_replaced.then(|| Fact::Restarted(monitor.started.after(before.last)))
        }
        Listening::Unknown => None,
    }
}
