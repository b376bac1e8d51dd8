//! The state of each target while a source shows its listeners.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::ControlFlow;

use super::candidates::Decision;
use super::ingress::Ingress;
use super::listener::{Device, Family, Listener};
use super::lookup_key::LookupKey;
use super::protocol::Protocol;
use super::reachability::Reachability;
use super::requirement::{Compliance, Requirements};
use super::target::{Endpoint, Target};
use super::target_state::{Progress, TargetState, unknown_condition};
use super::unknown_reason::UnknownReason;
use super::verdict::Answer;

/// The most targets that are looked up one by one: a lookup takes 3 us, a dump 18 (`scripts/looks.rs`).
const MOST_EXACT_LOOKUPS: usize = 6;

/// The targets, and what the last look has shown about each.
#[derive(Clone, Debug)]
pub struct Survey {
    entries: Vec<TargetState>,
    ingress: Option<Ingress>,
    /// How many targets with a listener are enough.
    enough: usize,
    /// Listeners that the last look has shown and that do not serve an open target on their port.
    known_not_serving: Vec<Listener>,
    /// True if this look has asked the kernel about localhost for each port.
    localhost_asked: bool,
}

impl Survey {
    /// Returns a survey of these targets, before any look. It ends when `enough` of them have a listener. With an
    /// ingress, only listeners count that connections through it can find.
    pub fn new(
        targets: impl IntoIterator<Item = Target>,
        ingress: Option<Ingress>,
        enough: usize,
    ) -> Self {
        let entry = |target| TargetState {
            target,
            progress: Progress::Open,
            seen_by_cross_check_only: None,
        };
        Self {
            entries: targets.into_iter().map(entry).collect(),
            ingress,
            enough,
            known_not_serving: Vec::new(),
            localhost_asked: false,
        }
    }

    /// True if every target has its listener, or enough of them have.
    pub fn is_settled(&self) -> bool {
        let settled = self.entries.len() - self.unsettled().count();
        settled >= self.enough.min(self.entries.len())
    }

    /// Returns the indexes of the targets for which the last look has shown no listener.
    pub fn missing_targets(&self) -> BTreeSet<usize> {
        let entries = self.entries.iter().enumerate();
        let open = entries.filter(|(_, entry)| matches!(entry.progress, Progress::Open));
        open.map(|(place, _)| place).collect()
    }

    /// Returns the listeners from the last look that have the port of a target and do not serve it.
    pub fn elsewhere(&self) -> &[Listener] {
        &self.known_not_serving
    }

    /// Returns the ports of the open targets that a socket of this protocol and family can serve, ascending, each once.
    /// Empty if enough targets are settled.
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

    /// Begins a look: discards what an earlier look has shown about open targets.
    pub fn begin_look(&mut self) {
        self.known_not_serving.clear();
        self.localhost_asked = false;
        for entry in &mut self.entries {
            if !matches!(entry.progress, Progress::Settled(_)) {
                entry.progress = Progress::Open;
            }
        }
    }

    /// Records a listener. Breaks if no further listener is needed.
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
                Reachability::Unless(unless) => {
                    Compliance::Unknown(unknown_condition(listener, unless))
                }
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

    /// Ends a complete look: no better listener can follow.
    pub fn finish_pass(&mut self) {
        for entry in &mut self.entries {
            if let Some(Decision::Agreed(listener, Compliance::Compliant)) =
                entry.decide(self.ingress.as_ref())
            {
                entry.progress = Progress::Settled(listener);
            }
        }
    }

    /// Returns the lookups that can settle the open targets without a dump. For an address it is that address, for a port
    /// 127.0.0.1 and ::1, where most services can be reached. Empty if a dump costs less, or if the device matters.
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

    /// Returns the lookups for 127.0.0.1 and ::1, where most services that listen on a port can be reached.
    fn to_localhost(&self, target: Target) -> [LookupKey; 2] {
        let localhost: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        localhost.map(|address| LookupKey {
            target,
            address,
            interface: self.ingress.as_ref().map(|ingress| ingress.device),
            source_port: 0,
        })
    }

    /// Records the listener that an exact lookup has found, if it serves the target or connections are steered to it.
    pub fn exact_hit(&mut self, target: Target, listener: &Listener) {
        if target.is_steered_to(listener) || target.served_by(listener, None) == Reachability::Yes {
            let entries = self.entries.iter_mut();
            for entry in entries.filter(|entry| entry.target == target) {
                entry.progress = Progress::Settled(listener.clone());
            }
        }
    }

    /// True if this target has its listener.
    pub fn has_settled(&self, target: Target) -> bool {
        !self.unsettled().any(|entry| entry.target == target)
    }

    /// Returns the lookups that decide between the listeners from this look. A BPF program can steer connections elsewhere,
    /// several listeners can differ, and one of several UDP sockets can get every datagram.
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

    /// Returns the lookups for the open targets. A connection through an enslaved device finds listeners on the device and
    /// on its VRF, but sock_diag asks about one of them: there are two lookups then.
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

    /// Records the listeners that the kernel's own lookup has found: one, or several for datagrams from different ports.
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

    /// Takes over the listeners that another survey has seen for targets that are open here, and returns them. A listener
    /// that this survey has seen, too, is left out: this survey knows more about it.
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
                compliance => own.seen_by_cross_check_only = Some((listener, compliance)),
            }
        }
        adopted
    }

    /// Returns the answer for each target, in the order of the command line. `failure` is the reason if the last look was
    /// not complete. Without it, a target with no listener is not listening.
    pub fn answers(&self, failure: Option<&UnknownReason>) -> Vec<(Target, Answer)> {
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
