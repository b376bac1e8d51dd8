//! The listeners that a connection to one target could find, and which of them decide.
//!
//! The kernel looks for a listener on the address first and for a wildcard then. Among equals it can take the first
//! SO_REUSEPORT group that it meets (net/ipv4/inet_hashtables.c, inet_lhash2_lookup). So if equals differ in whether they
//! meet the requirements, only its own lookup decides. For UDP that holds within a group, too: [`Candidate::mixed`].

use std::fmt::Write as _;

use super::ingress::Ingress;
use super::listener::{Device, Listener};
use super::protocol::Protocol;
use super::reachability::Reachability;
use super::requirement::{Compliance, Requirements};
use super::target::{Endpoint, Specificity, Target};
use super::unknown_reason::UnknownReason;

/// The listeners that a look has shown for a target: the best one of each group.
#[derive(Clone, Debug, Default)]
pub(super) struct Candidates(Vec<Candidate>);

#[derive(Clone, Debug)]
struct Candidate {
    listener: Listener,
    specificity: Specificity,
    compliance: Compliance,
    /// True if it represents several UDP sockets, and not all of them meet the requirements. If they have SO_REUSEADDR and
    /// not SO_REUSEPORT, the socket that was bound last gets every datagram.
    mixed: bool,
}

/// The result of comparing the candidates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Every listener that a connection can find has this compliance. The listener is one of them.
    Agreed(Listener, Compliance),
    /// The listeners that a connection can find differ. The listener is one of them.
    Ambiguous(Listener, UnknownReason),
}

impl Decision {
    /// Returns one of the listeners, and the compliance of the listener that a connection finds.
    pub(super) fn into_compliance(self) -> (Listener, Compliance) {
        match self {
            Self::Agreed(listener, compliance) => (listener, compliance),
            Self::Ambiguous(listener, reason) => (listener, Compliance::Unknown(reason)),
        }
    }
}

impl Candidates {
    /// True if this listener cannot change the decision any more.
    pub(super) fn outranks(&self, listener: &Listener, specificity: Specificity) -> bool {
        self.0.iter().any(|known| {
            let wider = matches!(known.listener.device, Device::Any | Device::Unknown)
                || known.listener.device == listener.device;
            let all_stand_for_it = known.mixed || listener.protocol == Protocol::Tcp;
            let fit = known.compliance == Compliance::Compliant
                && all_stand_for_it
                && is_same_group(&known.listener, listener);
            // If something about a candidate is unknown, a connection may not find it.
            let surely = !matches!(known.compliance, Compliance::Unknown(_));
            fit || (wider && surely && known.specificity > specificity)
        })
    }

    /// Records a listener. The kernel spreads connections over a group, so its best listener represents the group. UDP
    /// sockets on one address are a group or not; no source shows which.
    pub(super) fn add(
        &mut self,
        listener: &Listener,
        specificity: Specificity,
        compliance: Compliance,
    ) {
        let new = Candidate {
            listener: listener.clone(),
            specificity,
            compliance,
            mixed: false,
        };
        let group = |known: &&mut Candidate| is_same_group(&known.listener, listener);
        match self.0.iter_mut().find(group) {
            None => self.0.push(new),
            Some(known) => {
                let mixed = known.mixed || new.order() != order(&known.compliance);
                if new.order() > order(&known.compliance) {
                    *known = new;
                }
                known.mixed = mixed && listener.protocol == Protocol::Udp;
            }
        }
    }

    /// Records the UDP socket that the kernel's own lookups have found, the best one of several. A single socket gets every
    /// datagram for its address. Several sockets are members of the SO_REUSEPORT group that gets every datagram; a better
    /// socket can be another member, or get nothing.
    pub(super) fn resolve(
        &mut self,
        found: &Listener,
        is_group: bool,
        compliance: impl FnOnce() -> Compliance,
    ) {
        let group = |known: &&mut Candidate| known.mixed && is_same_group(&known.listener, found);
        let Some(known) = self.0.iter_mut().find(group) else {
            return;
        };
        let compliance = compliance();
        if !is_group || order(&compliance) >= order(&known.compliance) {
            known.mixed = false;
            known.listener = found.clone();
            known.compliance = compliance;
        }
    }

    /// Returns the groups of UDP sockets for which only the kernel's own lookup decides whether one gets every datagram.
    pub(super) fn mixed(&self) -> impl Iterator<Item = &Listener> {
        let mixed = self.0.iter().filter(|one| one.mixed);
        mixed.map(|one| &one.listener)
    }

    /// Removes all but the group of the listener that the kernel's own lookup has found. Returns true if the look has
    /// shown whether that group meets the requirements.
    pub(super) fn retain_group_of(&mut self, found: &Listener) -> bool {
        let is_group = |one: &Candidate| is_same_group(&one.listener, found);
        self.0.retain(is_group);
        let known = |one: &Candidate| !matches!(one.compliance, Compliance::Unknown(_));
        self.0.iter().any(known)
    }

    /// True if one of them is bound to a device.
    pub(super) fn any_is_bound(&self) -> bool {
        let bound = |one: &Candidate| matches!(one.listener.device, Device::Index(_));
        self.0.iter().any(bound)
    }

    /// True if one of them is bound to one of these devices.
    pub(super) fn any_on_devices(&self, devices: &[u32]) -> bool {
        self.0
            .iter()
            .any(|one| one.listener.device.is_one_of(devices))
    }

    /// Returns the decision for connections through this ingress. `None` if there is no candidate.
    pub(super) fn decide(&self, target: Target, ingress: Option<&Ingress>) -> Option<Decision> {
        let deciding = match target.endpoint {
            // Any listener on the port is enough, so the best one decides.
            Endpoint::Port(_) => {
                let best = self.0.iter().rev();
                best.max_by_key(|one| one.order()).into_iter().collect()
            }
            Endpoint::Address(..) => self.that_may_be_found(ingress),
        };
        let (first, others) = deciding.split_first()?;
        let listener = first.listener.clone();
        let agreed = others.iter().all(|other| other.order() == first.order());
        let is_mixed = deciding.iter().any(|one| one.mixed);
        Some(if agreed && !is_mixed {
            Decision::Agreed(listener, first.compliance.clone())
        } else {
            Decision::Ambiguous(listener, ambiguous(target, &deciding))
        })
    }

    /// Returns the candidates that a connection through this ingress, or through any device, can find.
    fn that_may_be_found(&self, ingress: Option<&Ingress>) -> Vec<&Candidate> {
        let ways = self.ways(ingress);
        let mut found: Vec<&Candidate> = Vec::new();
        for way in ways {
            let reached = |one: &&Candidate| match (one.listener.device, &way) {
                (Device::Index(_), Some(way)) => way.can_reach(&one.listener) == Reachability::Yes,
                (Device::Index(_), None) => false,
                (Device::Any | Device::Unknown, _) => true,
            };
            let reached = || self.0.iter().filter(reached);
            let highest = reached().map(|one| one.specificity).max();
            for one in reached().filter(|one| Some(one.specificity) == highest) {
                if !found.iter().any(|known| std::ptr::eq(*known, one)) {
                    found.push(one);
                }
            }
        }
        found
    }

    /// Returns the ways in for which the candidates can differ. For a VRF these are each enslaved device that a candidate is
    /// bound to, and one other. `None` is a device to which no candidate is bound.
    fn ways(&self, ingress: Option<&Ingress>) -> Vec<Option<Ingress>> {
        let bound = || {
            self.0.iter().filter_map(|one| match one.listener.device {
                Device::Index(index) => Some(index),
                Device::Any | Device::Unknown => None,
            })
        };
        let Some(ingress) = ingress else {
            let by_them = bound().map(|device| Some(Ingress::via(device)));
            return std::iter::once(None).chain(by_them).collect();
        };
        let enslaved = ingress.enslaved();
        let (with, without): (Vec<u32>, Vec<u32>) = enslaved
            .iter()
            .partition(|device| bound().any(|bound| bound == **device));
        let by_another = without.first().copied();
        let none_is_left = with.is_empty().then_some(None);
        let ways = with.into_iter().chain(by_another).map(Some);
        let ways = ways.chain(none_is_left);
        ways.map(|device| Some(ingress.restrict_to(device)))
            .collect()
    }
}

impl Candidate {
    /// Returns the rank of its compliance. Sockets that differ count as unknown.
    fn order(&self) -> u8 {
        match self.mixed {
            true => order(&Compliance::Unknown(UnknownReason::new(""))),
            false => order(&self.compliance),
        }
    }
}

/// Returns the listener from the kernel's own lookups that meets the requirements best.
pub(super) fn best<'l>(
    found: &'l [Listener],
    requirements: &mut dyn Requirements,
) -> Option<&'l Listener> {
    match found {
        [] | [_] => found.first(),
        _ => {
            let best = found.iter().rev();
            best.max_by_key(|one| order(&requirements.compliance(one)))
        }
    }
}

/// True if the kernel spreads connections over both, or at least finds both by the same steps: they are bound to the same
/// address and device. For UDP an IPv4-mapped address is the IPv4 address: one of the two sockets can get every datagram.
fn is_same_group(one: &Listener, other: &Listener) -> bool {
    let address = |listener: &Listener| match listener.protocol {
        Protocol::Tcp => listener.address,
        Protocol::Udp => listener.address.to_canonical(),
    };
    address(one) == address(other) && one.device == other.device
}

/// Returns the rank of a compliance. One compliant listener of a group is enough, and an unknown one leaves the answer open.
fn order(compliance: &Compliance) -> u8 {
    match compliance {
        Compliance::Violates(_) => 0,
        Compliance::Unknown(_) => 1,
        Compliance::Compliant => 2,
    }
}

fn ambiguous(target: Target, candidates: &[&Candidate]) -> UnknownReason {
    let mut text = String::from(match target.protocol {
        Protocol::Tcp => "which of these listeners a connection would find is unknown: ",
        Protocol::Udp => "which of these sockets a datagram would reach is unknown: ",
    });
    for (index, one) in candidates.iter().enumerate() {
        let (comma, listener) = (if index > 0 { ", " } else { "" }, &one.listener);
        let device = match listener.device {
            Device::Index(index) => format!(" on device number {index}"),
            Device::Any | Device::Unknown => String::new(),
        };
        let what = match &one.compliance {
            _ if one.mixed => "several sockets, not all of them as required",
            Compliance::Compliant => "as required",
            Compliance::Violates(violation) => violation.name(),
            Compliance::Unknown(_) => "unknown",
        };
        // Writing to a String cannot fail.
        let _ = write!(text, "{comma}{listener}{device} ({what})");
    }
    UnknownReason::new(text)
}

#[cfg(test)]
mod tests;
