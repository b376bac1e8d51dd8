//! What is known of each target while listeners come in.

use std::net::IpAddr;
use std::ops::ControlFlow;

use super::listener::{Family, Listener};
use super::target::{Serves, Target};
use super::verdict::{Answer, Doubt};

/// The targets and what the looks so far have shown of them.
#[derive(Clone, Debug)]
pub struct Inquiry {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    target: Target,
    finding: Finding,
}

#[derive(Clone, Debug)]
enum Finding {
    /// No listener seen yet.
    Open,
    /// A `[::]` listener whose V6ONLY is not known; a better one may still come.
    UnlessV6only(Listener),
    Listening(Listener),
}

impl Inquiry {
    /// An inquiry into these targets, of which nothing is known yet.
    pub fn new(targets: impl IntoIterator<Item = Target>) -> Self {
        let entry = |target| Entry {
            target,
            finding: Finding::Open,
        };
        Self {
            entries: targets.into_iter().map(entry).collect(),
        }
    }

    /// Whether every target has its listener.
    pub fn is_settled(&self) -> bool {
        self.unsettled().next().is_none()
    }

    /// The ports of the targets that have no listener yet and that a socket of this family can
    /// serve, ascending, each once.
    pub fn ports_wanted(&self, family: Family) -> Vec<u16> {
        let wanted = self
            .unsettled()
            .filter(|entry| entry.target.served_by_family(family));
        let mut ports: Vec<u16> = wanted.map(|entry| entry.target.port()).collect();
        ports.sort_unstable();
        ports.dedup();
        ports
    }

    /// Takes note of a listener. Breaks when no further one is needed.
    pub fn see(&mut self, listener: &Listener) -> ControlFlow<()> {
        for entry in &mut self.entries {
            if matches!(entry.finding, Finding::Listening(_)) {
                continue;
            }
            match entry.target.served_by(listener) {
                Serves::Yes => entry.finding = Finding::Listening(listener.clone()),
                Serves::UnlessV6only => entry.finding = Finding::UnlessV6only(listener.clone()),
                Serves::No => {}
            }
        }
        if self.is_settled() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    /// The targets with an address that have no listener yet, each once.
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

    /// Takes note that this listener serves this target, whatever its address and port seem to say.
    pub fn settle(&mut self, target: Target, listener: &Listener) {
        for entry in self
            .entries
            .iter_mut()
            .filter(|entry| entry.target == target)
        {
            if !matches!(entry.finding, Finding::Listening(_)) {
                entry.finding = Finding::Listening(listener.clone());
            }
        }
    }

    /// Takes over the listeners that another inquiry into the same targets has found and this one
    /// has not, and names them. Its doubts are left there.
    pub fn adopt(&mut self, other: &Self) -> Vec<(Target, Listener)> {
        let mut adopted = Vec::new();
        for (own, other) in self.entries.iter_mut().zip(&other.entries) {
            if let (Finding::Open | Finding::UnlessV6only(_), Finding::Listening(listener)) =
                (&own.finding, &other.finding)
            {
                own.finding = Finding::Listening(listener.clone());
                adopted.push((own.target, listener.clone()));
            }
        }
        adopted
    }

    /// The answer for each target, in the order they were asked for. `failure` says why the looks
    /// were not complete, if they were not: without it a target with no listener is not listening.
    pub fn answers(&self, failure: Option<&Doubt>) -> Vec<(Target, Answer)> {
        let answer = |entry: &Entry| match &entry.finding {
            Finding::Listening(listener) => Answer::Listening(listener.clone()),
            Finding::UnlessV6only(listener) => {
                Answer::CouldNotTell(v6only_unknown(listener, failure))
            }
            Finding::Open => failure.map_or(Answer::NotListening, |doubt| {
                Answer::CouldNotTell(doubt.clone())
            }),
        };
        self.entries
            .iter()
            .map(|entry| (entry.target, answer(entry)))
            .collect()
    }

    fn unsettled(&self) -> impl Iterator<Item = &Entry> {
        self.entries
            .iter()
            .filter(|entry| !matches!(entry.finding, Finding::Listening(_)))
    }
}

fn v6only_unknown(listener: &Listener, failure: Option<&Doubt>) -> Doubt {
    let reason = format!("{listener} listens, but whether it takes IPv4 too (V6ONLY) is not known");
    match failure {
        Some(failure) => Doubt::new(format_args!("{reason}; {failure}")),
        None => Doubt::new(reason),
    }
}
