//! What is known of each target while listeners come in.

use std::net::IpAddr;
use std::ops::ControlFlow;

use super::fitness::{Demands, Fitness};
use super::listener::{Family, Listener};
use super::target::{Rank, Serves, Target, Unless};
use super::verdict::{Answer, Doubt};

/// The targets and what the last look has shown of them.
#[derive(Clone, Debug)]
pub struct Inquiry {
    entries: Vec<Entry>,
    interface: Option<u32>,
    /// Listeners that the last look has shown and that do not serve an open target on their port, by
    /// address and port.
    elsewhere: Vec<(IpAddr, u16)>,
}

#[derive(Clone, Debug)]
struct Entry {
    target: Target,
    finding: Finding,
    /// What only somebody else has seen, who could not settle it.
    hearsay: Option<(Listener, Fitness)>,
}

#[derive(Clone, Debug)]
enum Finding {
    /// No listener seen in this look.
    Open,
    /// The one that a connection would most likely find, of those that this look has shown. A
    /// better one may still come.
    Seen(Listener, Rank, Fitness),
    /// There is nothing left to ask.
    Settled(Listener),
}

impl Inquiry {
    /// An inquiry into these targets, of which nothing is known yet. With an interface, listeners
    /// that are bound to another device do not count.
    pub fn new(targets: impl IntoIterator<Item = Target>, interface: Option<u32>) -> Self {
        let entry = |target| Entry {
            target,
            finding: Finding::Open,
            hearsay: None,
        };
        Self {
            entries: targets.into_iter().map(entry).collect(),
            interface,
            elsewhere: Vec::new(),
        }
    }

    /// The interface, if one was named.
    pub fn interface(&self) -> Option<u32> {
        self.interface
    }

    /// Whether every target has its listener.
    pub fn is_settled(&self) -> bool {
        self.unsettled().next().is_none()
    }

    /// Whether any target has its listener.
    pub fn has_settled(&self) -> bool {
        self.entries
            .iter()
            .any(|entry| matches!(entry.finding, Finding::Settled(_)))
    }

    /// Forgets everything: what listened may be gone.
    pub fn reopen(&mut self) {
        for entry in &mut self.entries {
            (entry.finding, entry.hearsay) = (Finding::Open, None);
        }
    }

    /// The targets of which the last look has shown no listener at all.
    pub fn in_vain(&self) -> Vec<Target> {
        let open = |entry: &&Entry| matches!(entry.finding, Finding::Open);
        let targets = self.entries.iter().filter(open).map(|entry| entry.target);
        targets.collect()
    }

    /// The ports of the targets that are not settled and that a socket of this family can serve,
    /// ascending, each once.
    pub fn ports_wanted(&self, family: Family) -> Vec<u16> {
        let wanted = self
            .unsettled()
            .filter(|entry| entry.target.served_by_family(family));
        let mut ports: Vec<u16> = wanted.map(|entry| entry.target.port()).collect();
        ports.sort_unstable();
        ports.dedup();
        ports
    }

    /// Begins a look: what an earlier one has shown of targets that are not settled is forgotten.
    pub fn begin(&mut self) {
        self.elsewhere.clear();
        for entry in &mut self.entries {
            if !matches!(entry.finding, Finding::Settled(_)) {
                entry.finding = Finding::Open;
            }
        }
    }

    /// Takes note of a listener. Breaks when no further one is needed.
    pub fn see(&mut self, listener: &Listener, demands: &mut dyn Demands) -> ControlFlow<()> {
        let mut known = None;
        let mut is_elsewhere = false;
        for Entry {
            target, finding, ..
        } in &mut self.entries
        {
            if matches!(finding, Finding::Settled(_)) || target.port() != listener.port {
                continue;
            }
            let serves = target.served_by(listener, self.interface);
            is_elsewhere |= serves == Serves::No;
            let rank = target.rank(listener);
            let fitness = match serves {
                Serves::No => continue,
                _ if is_outranked(finding, rank) => continue,
                Serves::Unless(unless) => Fitness::Unknown(not_known(listener, unless)),
                Serves::Yes => known
                    .get_or_insert_with(|| demands.fitness(listener))
                    .clone(),
            };
            // Where demands may be met by one listener and not by another, it matters which of them
            // a connection to an address would find.
            let decisive = !demands.any() || matches!(target, Target::Port(_));
            match finding {
                _ if fitness == Fitness::Fit && decisive => {
                    *finding = Finding::Settled(listener.clone());
                }
                Finding::Seen(_, seen, best) if *seen == rank && !better(&fitness, best) => {}
                _ => *finding = Finding::Seen(listener.clone(), rank, fitness),
            }
        }
        if is_elsewhere {
            self.elsewhere.push((listener.address, listener.port));
        }
        if self.is_settled() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    /// Ends a look that was complete: no better listener is to come.
    pub fn conclude(&mut self) {
        for entry in &mut self.entries {
            if let Finding::Seen(listener, _, Fitness::Fit) = &entry.finding {
                entry.finding = Finding::Settled(listener.clone());
            }
        }
    }

    /// The targets with an address that are not settled, each once.
    pub fn addresses_wanted(&self) -> Vec<(Target, IpAddr)> {
        let mut wanted = Vec::new();
        for entry in self.unsettled() {
            if let Target::Address(address, _) = entry.target {
                if !wanted.contains(&(entry.target, address)) {
                    wanted.push((entry.target, address));
                }
            }
        }
        wanted
    }

    /// Takes note that this listener serves this target, whatever its address and port seem to say,
    /// and how fit it is.
    pub fn settle(&mut self, target: Target, listener: &Listener, fitness: &Fitness) {
        for entry in self
            .entries
            .iter_mut()
            .filter(|entry| entry.target == target)
        {
            match (&entry.finding, fitness) {
                (Finding::Open | Finding::Seen(..), Fitness::Fit) => {
                    entry.finding = Finding::Settled(listener.clone());
                }
                (Finding::Open, fitness) => {
                    let rank = target.rank(listener);
                    entry.finding = Finding::Seen(listener.clone(), rank, fitness.clone());
                }
                (Finding::Seen(..) | Finding::Settled(_), _) => {}
            }
        }
    }

    /// Takes over what another inquiry into the same targets has seen where this one has seen no
    /// listener, and names the listeners. Not what this one has seen too and knows more of.
    pub fn adopt(&mut self, other: &Self) -> Vec<(Target, Listener)> {
        let mut adopted = Vec::new();
        for (own, other) in self.entries.iter_mut().zip(&other.entries) {
            let (Finding::Open, Finding::Seen(listener, ..) | Finding::Settled(listener)) =
                (&own.finding, &other.finding)
            else {
                continue;
            };
            if self.elsewhere.contains(&(listener.address, listener.port)) {
                continue;
            }
            adopted.push((own.target, listener.clone()));
            match &other.finding {
                Finding::Seen(_, _, fitness) if *fitness != Fitness::Fit => {
                    own.hearsay = Some((listener.clone(), fitness.clone()));
                }
                _ => own.finding = Finding::Settled(listener.clone()),
            }
        }
        adopted
    }

    /// The answer for each target, in the order they were asked for. `failure` says why the last look
    /// was not complete, if it was not: without it a target with no listener is not listening.
    pub fn answers(&self, failure: Option<&Doubt>) -> Vec<(Target, Answer)> {
        let answer = |entry: &Entry| match (&entry.finding, failure) {
            (Finding::Settled(listener), _) => Answer::Listening(listener.clone()),
            (Finding::Seen(listener, _, fitness), None) => judged(listener, fitness),
            (Finding::Seen(_, _, Fitness::Unknown(doubt)), Some(failure)) => {
                Answer::CouldNotTell(Doubt::new(format_args!("{doubt}; {failure}")))
            }
            (Finding::Open | Finding::Seen(..), Some(failure)) => {
                Answer::CouldNotTell(failure.clone())
            }
            (Finding::Open, None) => match &entry.hearsay {
                Some((listener, fitness)) => judged(listener, fitness),
                None => Answer::NotListening,
            },
        };
        self.entries
            .iter()
            .map(|entry| (entry.target, answer(entry)))
            .collect()
    }

    fn unsettled(&self) -> impl Iterator<Item = &Entry> {
        self.entries
            .iter()
            .filter(|entry| !matches!(entry.finding, Finding::Settled(_)))
    }
}

fn judged(listener: &Listener, fitness: &Fitness) -> Answer {
    match fitness {
        Fitness::Fit => Answer::Listening(listener.clone()),
        Fitness::Unfit(flaw) => Answer::Unfit(listener.clone(), flaw.clone()),
        Fitness::Unknown(doubt) => Answer::CouldNotTell(doubt.clone()),
    }
}

/// Whether a listener of this rank cannot make a difference any more.
fn is_outranked(finding: &Finding, rank: Rank) -> bool {
    match finding {
        Finding::Open => false,
        Finding::Seen(_, seen, Fitness::Fit) => rank <= *seen,
        Finding::Seen(_, seen, _) => rank < *seen,
        Finding::Settled(_) => true,
    }
}

/// Of two listeners that a connection could find alike, one that is fit will do, and one of which it
/// is not known leaves the question open.
fn better(one: &Fitness, other: &Fitness) -> bool {
    let order = |fitness: &Fitness| match fitness {
        Fitness::Unfit(_) => 0,
        Fitness::Unknown(_) => 1,
        Fitness::Fit => 2,
    };
    order(one) > order(other)
}

fn not_known(listener: &Listener, unless: Unless) -> Doubt {
    Doubt::new(match unless {
        Unless::V6only => {
            format!("{listener} listens, but whether it takes IPv4 too (V6ONLY) is not known")
        }
        Unless::OtherDevice => {
            format!("{listener} listens, but whether it is bound to another device is not known")
        }
    })
}

#[cfg(test)]
mod tests;
