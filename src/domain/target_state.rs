//! The state of one target during a look.

use super::candidates::{Candidates, Decision, best};
use super::ingress::Ingress;
use super::listener::{Device, Listener};
use super::lookup_key::LookupKey;
use super::protocol::Protocol;
use super::reachability::{Condition, Reachability};
use super::requirement::{Compliance, Requirements};
use super::target::{Endpoint, Target};
use super::unknown_reason::UnknownReason;
use super::verdict::Answer;

#[derive(Clone, Debug)]
pub(super) struct TargetState {
    /// The target.
    pub(super) target: Target,
    /// The progress of the look with it.
    pub(super) progress: Progress,
    /// A listener that only the cross-check has seen, if it does not settle the target.
    pub(super) seen_by_cross_check_only: Option<(Listener, Compliance)>,
}

#[derive(Clone, Debug)]
pub(super) enum Progress {
    /// This look has shown no listener.
    Open,
    /// The listeners that this look has shown. A better one can follow.
    Seen(Candidates),
    /// This listener serves the target, and no other can change that.
    Settled(Listener),
}

impl TargetState {
    /// True if this listener cannot change the answer any more.
    pub(super) fn is_irrelevant(&self, listener: &Listener) -> bool {
        match &self.progress {
            Progress::Open => false,
            Progress::Seen(candidates) => {
                candidates.outranks(listener, self.target.specificity(listener))
            }
            Progress::Settled(_) => true,
        }
    }

    pub(super) fn add(&mut self, listener: &Listener, compliance: Compliance) {
        let specificity = self.target.specificity(listener);
        let mut candidates = match std::mem::replace(&mut self.progress, Progress::Open) {
            Progress::Seen(candidates) => candidates,
            Progress::Open | Progress::Settled(_) => Candidates::default(),
        };
        candidates.add(listener, specificity, compliance);
        self.progress = Progress::Seen(candidates);
    }

    /// Records what the kernel's own lookup has found for this key: one listener, or several for datagrams from different
    /// ports.
    pub(super) fn found(
        &mut self,
        connection: LookupKey,
        ingress: Option<&Ingress>,
        found: &[Listener],
        requirements: &mut dyn Requirements,
    ) {
        let Some(listener) = best(found, requirements) else {
            return;
        };
        let is_group = listener.protocol == Protocol::Tcp || found.len() > 1;
        // A BPF program has chosen a listener elsewhere, so no rule of addresses applies.
        let is_steered = self.target.is_steered_to(listener);
        let by_rules = self.target.matches_endpoint(listener) != Reachability::No;
        match (&mut self.progress, self.target.endpoint) {
            (Progress::Settled(_), _) => {}
            _ if is_steered => {
                self.progress = Progress::Open;
                self.add(listener, requirements.compliance(listener));
            }
            _ if !by_rules => {}
            (Progress::Open, Endpoint::Port(_)) => {
                if self.target.served_by(listener, ingress) == Reachability::Yes {
                    self.add(listener, requirements.compliance(listener));
                }
            }
            (Progress::Seen(candidates), Endpoint::Port(_)) => {
                candidates.resolve(listener, is_group, || requirements.compliance(listener));
            }
            // A lookup without a device does not find listeners that are bound to one, so it does not decide.
            (Progress::Seen(candidates), Endpoint::Address(..))
                if ingress.is_none() && candidates.any_is_bound() =>
            {
                candidates.resolve(listener, is_group, || requirements.compliance(listener));
            }
            (_, Endpoint::Address(..)) => {
                self.found_for_address(connection, ingress, listener, is_group, requirements);
            }
        }
    }

    fn found_for_address(
        &mut self,
        connection: LookupKey,
        ingress: Option<&Ingress>,
        listener: &Listener,
        is_group: bool,
        requirements: &mut dyn Requirements,
    ) {
        // The lookup ignores the settings of VRFs, and which device has the address.
        let serves = match listener.device {
            Device::Unknown => Reachability::Yes,
            Device::Any | Device::Index(_) => self.target.is_reached_via(listener, ingress),
        };
        let enslaved = ingress.map_or(&[][..], Ingress::enslaved);
        let on_enslaved = listener.device.is_one_of(enslaved);
        let asked_about_enslaved = connection
            .interface
            .is_some_and(|one| enslaved.contains(&one));
        if serves == Reachability::No || asked_about_enslaved && !on_enslaved {
            return;
        }
        // It has not chosen between a listener on the VRF and one on an enslaved device.
        let beside =
            matches!(&self.progress, Progress::Seen(others) if others.any_on_devices(enslaved));
        let chosen = serves == Reachability::Yes && !on_enslaved && !beside;
        let shown = match &mut self.progress {
            Progress::Settled(_) => return,
            Progress::Seen(candidates) if chosen && is_group => {
                candidates.resolve(listener, true, || requirements.compliance(listener));
                candidates.retain_group_of(listener)
            }
            Progress::Seen(_) | Progress::Open => false,
        };
        if shown {
            return;
        }
        if chosen {
            self.progress = Progress::Open;
        }
        let compliance = match serves {
            Reachability::Unless(unless) => {
                Compliance::Unknown(unknown_condition(listener, unless))
            }
            Reachability::Yes | Reachability::No => requirements.compliance(listener),
        };
        self.add(listener, compliance);
    }

    pub(super) fn decide(&self, ingress: Option<&Ingress>) -> Option<Decision> {
        match &self.progress {
            Progress::Seen(candidates) => {
                let ingress = self.target.ingress_for(ingress);
                candidates.decide(self.target, ingress.as_deref())
            }
            Progress::Open | Progress::Settled(_) => None,
        }
    }

    /// Returns the answer if no listener has settled the target.
    pub(super) fn answer(
        &self,
        ingress: Option<&Ingress>,
        failure: Option<&UnknownReason>,
    ) -> Answer {
        let seen = self.decide(ingress).map(Decision::into_compliance);
        match (seen, failure) {
            (Some((listener, compliance)), None) => judged(&listener, &compliance),
            (Some((_, Compliance::Unknown(reason))), Some(failure)) => {
                Answer::CouldNotTell(UnknownReason::new(format_args!("{reason}; {failure}")))
            }
            (_, Some(failure)) => Answer::CouldNotTell(failure.clone()),
            (None, None) => match &self.seen_by_cross_check_only {
                Some((listener, compliance)) => judged(listener, compliance),
                None => Answer::NotListening,
            },
        }
    }
}

fn judged(listener: &Listener, compliance: &Compliance) -> Answer {
    match compliance {
        Compliance::Compliant => Answer::Listening(listener.clone()),
        Compliance::Violates(violation) => {
            Answer::RequirementFailed(listener.clone(), violation.clone())
        }
        Compliance::Unknown(reason) => Answer::CouldNotTell(reason.clone()),
    }
}

pub(super) fn unknown_condition(listener: &Listener, unless: Condition) -> UnknownReason {
    let listens = listener.protocol.state_word();
    UnknownReason::new(match unless {
        Condition::V6only => {
            format!("{listener} {listens}, but whether it accepts IPv4 too (V6ONLY) is unknown")
        }
        Condition::OtherDevice => {
            format!("{listener} {listens}, but /proc does not show to which device it is bound")
        }
        Condition::NotOnLo => {
            format!("{listener} {listens} on lo, but whether the address is on lo is unknown")
        }
        Condition::DeviceGone => {
            let Device::Index(index) = listener.device else {
                return UnknownReason::new(format_args!(
                    "{listener} {listens} on an unknown device"
                ));
            };
            format!(
                "{listener} {listens} on device number {index}, but whether that device exists is unknown"
            )
        }
        Condition::LoopbackAddress => {
            let Device::Index(index) = listener.device else {
                return UnknownReason::new(format_args!(
                    "{listener} {listens} on an unknown device"
                ));
            };
            format!(
                "{listener} {listens} on device number {index}, but whether that device gets packets for a \
                 loopback address (route_localnet) is unknown"
            )
        }
        Condition::OutsideVrf => {
            format!(
                "{listener} {listens} outside the VRF, but whether that counts \
                 (net.ipv4.{}_l3mdev_accept) is unknown",
                listener.protocol
            )
        }
    })
}
