//! What is known of each target while listeners come in.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::ControlFlow;

use super::candidates::Decision;
use super::doubt::Doubt;
use super::ingress::Ingress;
use super::listener::{Device, Family, Listener};
use super::lookup_key::LookupKey;
use super::protocol::Protocol;
use super::reachability::Reachability;
use super::requirement::{Compliance, Requirements};
use super::target::{Endpoint, Target};
use super::target_state::{Progress, TargetState, not_known};
use super::verdict::Answer;

/// The most targets that are looked up one by one: a lookup takes 3 us, a dump 18 (`scripts/looks.rs`).
const MOST_EXACT_LOOKUPS: usize = 6;

/// The targets and what the last look has shown of them.
#[derive(Clone, Debug)]
pub struct Survey {
    entries: Vec<TargetState>,
    ingress: Option<Ingress>,
    /// So many targets with a listener are enough.
    enough: usize,
    /// Listeners that the last look has shown and that do not serve an open target on their port.
    known_not_serving: Vec<Listener>,
    /// Whether this look has asked the kernel about localhost for each port.
    localhost_asked: bool,
}

impl Survey {
    /// A survey of these targets, of which nothing is known yet; it ends when so many of them have
    /// a listener. With an ingress, listeners that what comes in by it cannot find do not count.
    pub fn new(
        targets: impl IntoIterator<Item = Target>,
        ingress: Option<Ingress>,
        enough: usize,
    ) -> Self {
        let entry = |target| TargetState {
            target,
            progress: Progress::Open,
            seen_by_second_opinion_only: None,
        };
        Self {
            entries: targets.into_iter().map(entry).collect(),
            ingress,
            enough,
            known_not_serving: Vec::new(),
            localhost_asked: false,
        }
    }

    /// Whether every target has its listener, or enough of them.
    pub fn is_settled(&self) -> bool {
        let settled = self.entries.len() - self.unsettled().count();
        settled >= self.enough.min(self.entries.len())
    }

    /// The places of the targets for which the last look has shown no listener at all.
    pub fn missing_targets(&self) -> BTreeSet<usize> {
        let entries = self.entries.iter().enumerate();
        let open = entries.filter(|(_, entry)| matches!(entry.progress, Progress::Open));
        open.map(|(place, _)| place).collect()
    }

    /// Listeners on the ports of targets that they do not serve, as the last look has shown them.
    pub fn elsewhere(&self) -> &[Listener] {
        &self.known_not_serving
    }

    /// The ports of the targets of this protocol that are not settled and that a socket of this family can serve,
    /// ascending, each once. None where enough are settled.
    pub fn ports_wanted(&self, protocol: Protocol, family: Family) -> Vec<u16> {
        if self.is_settled() {
            return Vec::new();
        }
        let wanted = self
            .unsettled()
            .filter(|entry| entry.target.protocol == protocol)
            .filter(|entry| entry.target.served_by_family(family));
        let mut ports: Vec<u16> = wanted.map(|entry| entry.target.port()).collect();
        ports.sort_unstable();
        ports.dedup();
        ports
    }

    /// Begins a look: what an earlier one has shown of targets that are not settled is forgotten.
    pub fn begin_look(&mut self) {
        self.known_not_serving.clear();
        self.localhost_asked = false;
        for entry in &mut self.entries {
            if !matches!(entry.progress, Progress::Settled(_)) {
                entry.progress = Progress::Open;
            }
        }
    }

    /// Takes note of a listener. Breaks when no further one is needed.
    pub fn observe(
        &mut self,
        listener: &Listener,
        requirements: &mut dyn Requirements,
    ) -> ControlFlow<()> {
        let mut known = None;
        let mut is_elsewhere = false;
        for entry in &mut self.entries {
            let target = entry.target;
            let is_about_it =
                (target.protocol, target.port()) == (listener.protocol, listener.port);
            if !is_about_it || entry.is_irrelevant(listener) {
                continue;
            }
            let compliance = match target.served_by(listener, self.ingress.as_ref()) {
                Reachability::No => {
                    is_elsewhere = true;
                    continue;
                }
                Reachability::Unless(unless) => Compliance::Unknown(not_known(listener, unless)),
                Reachability::Yes => known
                    .get_or_insert_with(|| requirements.compliance(listener))
                    .clone(),
            };
            // If one listener meets requirements and another does not, it matters which of them a connection finds.
            if compliance == Compliance::Compliant && !requirements.any() {
                entry.progress = Progress::Settled(listener.clone());
            } else {
                entry.add(listener, compliance);
            }
        }
        if is_elsewhere {
            self.known_not_serving.push(listener.clone());
        }
        if self.is_settled() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    /// Ends a look that was complete: no better listener is to come.
    pub fn finish_pass(&mut self) {
        for entry in &mut self.entries {
            if let Some(Decision::Agreed(listener, Compliance::Compliant)) =
                entry.decide(self.ingress.as_ref())
            {
                entry.progress = Progress::Settled(listener);
            }
        }
    }

    /// The connections whose listener, by the kernel's own lookup, settles a target at once: to its address, or
    /// for a port to where most services can be reached, 127.0.0.1 and ::1. None where a dump costs less than
    /// all of them, nor where the device matters.
    pub fn exact_lookups(&mut self) -> Vec<LookupKey> {
        if self.ingress.is_some() || self.unsettled().count() > MOST_EXACT_LOOKUPS {
            return Vec::new();
        }
        let mut connections = Vec::new();
        for target in self.unsettled().map(|entry| entry.target) {
            match LookupKey::to(target, None) {
                Some(connection) => connections.push(connection),
                None => connections.extend(self.to_localhost(target)),
            }
        }
        self.localhost_asked = true;
        connections
    }

    /// Where most services can be reached that listen on a port.
    fn to_localhost(&self, target: Target) -> [LookupKey; 2] {
        let localhost: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        localhost.map(|address| LookupKey {
            target,
            address,
            interface: self.ingress.as_ref().map(|ingress| ingress.device),
            source_port: 0,
        })
    }

    /// Takes note of the listener that a shortcut has shown, if it serves the target by its own address and port, or if
    /// connections are steered to it.
    pub fn exact_hit(&mut self, target: Target, listener: &Listener) {
        if target.is_steered_to(listener) || target.served_by(listener, None) == Reachability::Yes {
            let entries = self.entries.iter_mut();
            for entry in entries.filter(|entry| entry.target == target) {
                entry.progress = Progress::Settled(listener.clone());
            }
        }
    }

    /// Whether this target has its listener.
    pub fn has_settled(&self, target: Target) -> bool {
        !self.unsettled().any(|entry| entry.target == target)
    }

    /// The connections by which only the kernel's own lookup knows which of the listeners that were seen they find:
    /// one that a BPF program steers elsewhere, one of several listeners that are not alike, and of UDP the socket that
    /// gets every datagram.
    pub fn deciding_lookups(&self) -> Vec<LookupKey> {
        let mut connections = Vec::new();
        for entry in self.unsettled() {
            let Progress::Seen(candidates) = &entry.progress else {
                continue;
            };
            let target = entry.target;
            match self.connection(target) {
                Some(connection) => connections.push(connection),
                None => connections.extend(self.to_localhost(target)),
            }
            let to_group = |listener: &Listener| LookupKey {
                target,
                address: listener.address.to_canonical(),
                interface: match listener.device {
                    Device::Index(index) => Some(index),
                    Device::Any | Device::Unknown => None,
                },
                source_port: 0,
            };
            connections.extend(candidates.mixed().map(to_group));
        }
        connections
    }

    /// The connections to the targets that are not settled. sock_diag can ask about a VRF or about a
    /// device, where a connection finds what is bound to either, so by one that is enslaved there are two.
    pub fn pending_lookups(&self) -> Vec<LookupKey> {
        let targets = self.unsettled().map(|entry| entry.target);
        let both = targets.flat_map(|target| {
            if matches!(target.endpoint, Endpoint::Port(_)) {
                return match self.localhost_asked {
                    true => Vec::new(),
                    false => self.to_localhost(target).to_vec(),
                };
            }
            let ingress = target.ingress_for(self.ingress.as_ref());
            let beside = match ingress.as_deref().map(Ingress::enslaved) {
                Some([device]) => LookupKey::to(target, Some(*device)),
                _ => None,
            };
            self.connection(target).into_iter().chain(beside).collect()
        });
        both.collect()
    }

    fn connection(&self, target: Target) -> Option<LookupKey> {
        let ingress = target.ingress_for(self.ingress.as_ref());
        LookupKey::to(target, ingress.map(|ingress| ingress.device))
    }

    /// Takes note that the kernel finds this listener for this connection, which its address and port can contradict; or
    /// these for datagrams from different ports.
    pub fn found(
        &mut self,
        connection: LookupKey,
        found: &[Listener],
        requirements: &mut dyn Requirements,
    ) {
        let entries = self.entries.iter_mut();
        for entry in entries.filter(|entry| entry.target == connection.target) {
            let ingress = entry.target.ingress_for(self.ingress.as_ref());
            entry.found(connection, ingress.as_deref(), found, requirements);
            if let Some(Decision::Agreed(listener, Compliance::Compliant)) =
                entry.decide(self.ingress.as_ref())
            {
                entry.progress = Progress::Settled(listener);
            }
        }
    }

    /// Takes over what another survey of the same targets has seen where this one has seen no
    /// listener, and names the listeners. Not what this one has seen too and knows more of.
    pub fn merge(&mut self, other: &Self) -> Vec<(Target, Listener)> {
        let mut adopted = Vec::new();
        for (own, other) in self.entries.iter_mut().zip(&other.entries) {
            let seen = match (&own.progress, &other.progress) {
                (Progress::Open, Progress::Settled(listener)) => {
                    Some((listener.clone(), Compliance::Compliant))
                }
                (Progress::Open, _) => other
                    .decide(self.ingress.as_ref())
                    .map(Decision::into_compliance),
                _ => None,
            };
            let Some((listener, compliance)) = seen else {
                continue;
            };
            if self
                .known_not_serving
                .iter()
                .any(|known| known.is_same(&listener))
            {
                continue;
            }
            adopted.push((own.target, listener.clone()));
            match compliance {
                Compliance::Compliant => own.progress = Progress::Settled(listener),
                compliance => own.seen_by_second_opinion_only = Some((listener, compliance)),
            }
        }
        adopted
    }

    /// The answer for each target, in the order they were asked for. `failure` says why the last look
    /// was not complete, if it was not: without it a target with no listener is not listening.
    pub fn answers(&self, failure: Option<&Doubt>) -> Vec<(Target, Answer)> {
        let enough = self.is_settled();
        let answer = |entry: &TargetState| match &entry.progress {
            Progress::Settled(listener) => Answer::Listening(listener.clone()),
            _ if enough => Answer::NotChecked,
            _ => entry.answer(self.ingress.as_ref(), failure),
        };
        self.entries
            .iter()
            .map(|entry| (entry.target, answer(entry)))
            .collect()
    }

    fn unsettled(&self) -> impl Iterator<Item = &TargetState> {
        self.entries
            .iter()
            .filter(|entry| !matches!(entry.progress, Progress::Settled(_)))
    }
}

#[cfg(test)]
mod tests;
