//! What is known of one target.

use super::candidates::{Candidates, Decision, best};
use super::connection::Connection;
use super::doubt::Doubt;
use super::entrance::Entrance;
use super::listener::{Device, Listener};
use super::protocol::Protocol;
use super::requirement::{Compliance, Requirements};
use super::serves::{Serves, Unless};
use super::target::{Place, Target};
use super::verdict::Answer;

#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// What it is about.
    pub(super) target: Target,
    /// What is known of it.
    pub(super) finding: Finding,
    /// What only somebody else has seen, who could not settle it.
    pub(super) seen_by_second_opinion_only: Option<(Listener, Compliance)>,
}

#[derive(Clone, Debug)]
pub(super) enum Finding {
    /// No listener seen in this look.
    Open,
    /// Those that this look has shown. A better one may still come.
    Seen(Candidates),
    /// There is nothing left to ask.
    Settled(Listener),
}

impl Entry {
    /// Whether this listener cannot make a difference any more.
    pub(super) fn needs_nothing_of(&self, listener: &Listener) -> bool {
        match &self.finding {
            Finding::Open => false,
            Finding::Seen(candidates) => candidates.outrank(listener, self.target.rank(listener)),
            Finding::Settled(_) => true,
        }
    }

    pub(super) fn add(&mut self, listener: &Listener, compliance: Compliance) {
        let rank = self.target.rank(listener);
        let mut candidates = match std::mem::replace(&mut self.finding, Finding::Open) {
            Finding::Seen(candidates) => candidates,
            Finding::Open | Finding::Settled(_) => Candidates::default(),
        };
        candidates.add(listener, rank, compliance);
        self.finding = Finding::Seen(candidates);
    }

    /// Takes note of what the kernel's own lookup has found for a connection that comes in so: one listener, or several
    /// for datagrams from different ports.
    pub(super) fn found(
        &mut self,
        connection: Connection,
        entrance: Option<&Entrance>,
        found: &[Listener],
        requirements: &mut dyn Requirements,
    ) {
        let Some(listener) = best(found, requirements) else {
            return;
        };
        let is_group = listener.protocol == Protocol::Tcp || found.len() > 1;
        // For what is elsewhere no rule holds: a BPF program has chosen it.
        let is_steered = self.target.is_steered_to(listener);
        let by_rules = self.target.served_by_place(listener) != Serves::No;
        match (&mut self.finding, self.target.place) {
            (Finding::Settled(_), _) => {}
            _ if is_steered => {
                self.finding = Finding::Open;
                self.add(listener, requirements.compliance(listener));
            }
            _ if !by_rules => {}
            (Finding::Open, Place::Port(_)) => {
                if self.target.served_by(listener, entrance) == Serves::Yes {
                    self.add(listener, requirements.compliance(listener));
                }
            }
            (Finding::Seen(candidates), Place::Port(_)) => {
                candidates.resolve(listener, is_group, || requirements.compliance(listener));
            }
            // Without a device the lookup finds nothing that is bound to one, and chooses nothing.
            (Finding::Seen(candidates), Place::Address(..))
                if entrance.is_none() && candidates.any_is_bound() =>
            {
                candidates.resolve(listener, is_group, || requirements.compliance(listener));
            }
            (_, Place::Address(..)) => {
                self.found_for_address(connection, entrance, listener, is_group, requirements);
            }
        }
    }

    fn found_for_address(
        &mut self,
        connection: Connection,
        entrance: Option<&Entrance>,
        listener: &Listener,
        is_group: bool,
        requirements: &mut dyn Requirements,
    ) {
        // The lookup finds what is bound to no device whether or not a VRF lets it, and on lo whichever address it is.
        let serves = match listener.device {
            Device::Unknown => Serves::Yes,
            Device::Any | Device::Index(_) => self.target.served_by_device(listener, entrance),
        };
        let enslaved = entrance.map_or(&[][..], Entrance::enslaved);
        let on_enslaved = listener.device.is_one_of(enslaved);
        let asked_about_enslaved = connection
            .interface
            .is_some_and(|one| enslaved.contains(&one));
        if serves == Serves::No || asked_about_enslaved && !on_enslaved {
            return;
        }
        // Between one on the VRF and one on an enslaved device it has not chosen.
        let beside = matches!(&self.finding, Finding::Seen(others) if others.any_is_on(enslaved));
        let chosen = serves == Serves::Yes && !on_enslaved && !beside;
        let shown = match &mut self.finding {
            Finding::Settled(_) => return,
            Finding::Seen(candidates) if chosen && is_group => {
                candidates.resolve(listener, true, || requirements.compliance(listener));
                candidates.keep(listener)
            }
            Finding::Seen(_) | Finding::Open => false,
        };
        if shown {
            return;
        }
        if chosen {
            self.finding = Finding::Open;
        }
        let compliance = match serves {
            Serves::Unless(unless) => Compliance::Unknown(not_known(listener, unless)),
            Serves::Yes | Serves::No => requirements.compliance(listener),
        };
        self.add(listener, compliance);
    }

    pub(super) fn decide(&self, entrance: Option<&Entrance>) -> Option<Decision> {
        match &self.finding {
            Finding::Seen(candidates) => {
                let entrance = self.target.comes_in_by(entrance);
                candidates.decide(self.target, entrance.as_deref())
            }
            Finding::Open | Finding::Settled(_) => None,
        }
    }

    /// The answer where no listener settles it.
    pub(super) fn answer(&self, entrance: Option<&Entrance>, failure: Option<&Doubt>) -> Answer {
        let seen = self.decide(entrance).map(Decision::into_compliance);
        match (seen, failure) {
            (Some((listener, compliance)), None) => judged(&listener, &compliance),
            (Some((_, Compliance::Unknown(doubt))), Some(failure)) => {
                Answer::CouldNotTell(Doubt::new(format_args!("{doubt}; {failure}")))
            }
            (_, Some(failure)) => Answer::CouldNotTell(failure.clone()),
            (None, None) => match &self.seen_by_second_opinion_only {
                Some((listener, compliance)) => judged(listener, compliance),
                None => Answer::NotListening,
            },
        }
    }
}

fn judged(listener: &Listener, compliance: &Compliance) -> Answer {
    match compliance {
        Compliance::Compliant => Answer::Listening(listener.clone()),
        Compliance::Violates(violation) => Answer::Violates(listener.clone(), violation.clone()),
        Compliance::Unknown(doubt) => Answer::CouldNotTell(doubt.clone()),
    }
}

pub(super) fn not_known(listener: &Listener, unless: Unless) -> Doubt {
    let listens = listener.protocol.listens();
    Doubt::new(match unless {
        Unless::V6only => {
            format!("{listener} {listens}, but whether it takes IPv4 too (V6ONLY) is not known")
        }
        Unless::OtherDevice => {
            format!("{listener} {listens}, but whether it is bound to another device is not known")
        }
        Unless::NotOnLo => {
            format!("{listener} {listens} on lo, but whether the address is on lo is not known")
        }
        Unless::DeviceGone => {
            let Device::Index(index) = listener.device else {
                return Doubt::new(format_args!(
                    "{listener} {listens} on a device that is not known"
                ));
            };
            format!(
                "{listener} {listens} on device number {index}, but whether that device exists is not known"
            )
        }
        Unless::OutsideVrf => {
            format!(
                "{listener} {listens} outside the VRF, but whether that counts \
                 (net.ipv4.{}_l3mdev_accept) is not known",
                listener.protocol
            )
        }
    })
}
