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
}

#[derive(Clone, Debug)]
struct Entry {
    target: Target,
    finding: Finding,
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
        };
        Self {
            entries: targets.into_iter().map(entry).collect(),
            interface,
        }
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
            entry.finding = Finding::Open;
        }
    }

    /// Whether there is a target of which the last look has shown no listener at all.
    pub fn is_in_vain(&self) -> bool {
        self.entries
            .iter()
            .any(|entry| matches!(entry.finding, Finding::Open))
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
        for entry in &mut self.entries {
            if !matches!(entry.finding, Finding::Settled(_)) {
                entry.finding = Finding::Open;
            }
        }
    }

    /// Takes note of a listener. Breaks when no further one is needed.
    pub fn see(&mut self, listener: &Listener, demands: &mut dyn Demands) -> ControlFlow<()> {
        let mut known = None;
        for Entry { target, finding } in &mut self.entries {
            let serves = match finding {
                Finding::Settled(_) => Serves::No,
                _ => target.served_by(listener, self.interface),
            };
            let rank = target.rank(listener, self.interface);
            let outranked = matches!(finding, Finding::Seen(_, seen, _) if rank < *seen);
            let fitness = match serves {
                _ if outranked => continue,
                Serves::No => continue,
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
    /// and meets the demands.
    pub fn settle(&mut self, target: Target, listener: &Listener) {
        for entry in self
            .entries
            .iter_mut()
            .filter(|entry| entry.target == target)
        {
            if !matches!(entry.finding, Finding::Settled(_)) {
                entry.finding = Finding::Settled(listener.clone());
            }
        }
    }

    /// Takes over the listeners that another inquiry into the same targets has settled on where this
    /// one has seen none, and names them. Its doubts are left there.
    pub fn adopt(&mut self, other: &Self) -> Vec<(Target, Listener)> {
        let mut adopted = Vec::new();
        for (own, other) in self.entries.iter_mut().zip(&other.entries) {
            if let (Finding::Open, Finding::Settled(listener)) = (&own.finding, &other.finding) {
                own.finding = Finding::Settled(listener.clone());
                adopted.push((own.target, listener.clone()));
            }
        }
        adopted
    }

    /// The answer for each target, in the order they were asked for. `failure` says why the last look
    /// was not complete, if it was not: without it a target with no listener is not listening.
    pub fn answers(&self, failure: Option<&Doubt>) -> Vec<(Target, Answer)> {
        let answer = |finding: &Finding| match (finding, failure) {
            (Finding::Settled(listener), _) => Answer::Listening(listener.clone()),
            (Finding::Open, None) => Answer::NotListening,
            (Finding::Seen(listener, _, Fitness::Fit), None) => Answer::Listening(listener.clone()),
            (Finding::Seen(listener, _, Fitness::Unfit(flaw)), None) => {
                Answer::Unfit(listener.clone(), flaw.clone())
            }
            (Finding::Seen(_, _, Fitness::Unknown(doubt)), None) => {
                Answer::CouldNotTell(doubt.clone())
            }
            (Finding::Seen(_, _, Fitness::Unknown(doubt)), Some(failure)) => {
                Answer::CouldNotTell(Doubt::new(format_args!("{doubt}; {failure}")))
            }
            (Finding::Open | Finding::Seen(..), Some(failure)) => {
                Answer::CouldNotTell(failure.clone())
            }
        };
        self.entries
            .iter()
            .map(|entry| (entry.target, answer(&entry.finding)))
            .collect()
    }

    fn unsettled(&self) -> impl Iterator<Item = &Entry> {
        self.entries
            .iter()
            .filter(|entry| !matches!(entry.finding, Finding::Settled(_)))
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
mod tests {
    use super::super::{Device, Flaw, NoDemands};
    use super::*;

    /// Demands that the listener's queue, which stands for all of them, is known and empty.
    struct EmptyQueue;

    impl Demands for EmptyQueue {
        fn any(&self) -> bool {
            true
        }

        fn fitness(&mut self, listener: &Listener) -> Fitness {
            match listener.queue.map(|queue| queue.length) {
                Some(0) => Fitness::Fit,
                Some(_) => Fitness::Unfit(Flaw::NotAccepting("full".to_owned())),
                None => Fitness::Unknown(Doubt::new("unknown")),
            }
        }
    }

    fn on(address: &str, length: Option<u32>) -> Listener {
        Listener {
            v6only: Some(false),
            device: Device::Any,
            queue: length.map(|length| super::super::Queue {
                length,
                limit: None,
            }),
            ..Listener::at(address.parse::<IpAddr>().unwrap(), 443)
        }
    }

    /// What a complete look at these listeners, in this and in the other order, makes of a target.
    #[track_caller]
    fn answer(target: &str, listeners: &[Listener]) -> String {
        let look = |listeners: &mut dyn Iterator<Item = &Listener>| {
            let mut inquiry = Inquiry::new([target.parse().unwrap()], None);
            inquiry.begin();
            for listener in listeners {
                if inquiry.see(listener, &mut EmptyQueue).is_break() {
                    break;
                }
            }
            inquiry.conclude();
            match &inquiry.answers(None)[0].1 {
                Answer::Listening(listener) => listener.to_string(),
                Answer::Unfit(_, flaw) => flaw.why().to_owned(),
                Answer::NotListening => "not".to_owned(),
                Answer::CouldNotTell(doubt) => doubt.to_string(),
            }
        };
        let there = look(&mut listeners.iter());
        assert_eq!(there, look(&mut listeners.iter().rev()));
        there
    }

    #[test]
    fn for_an_address_the_most_specific_listener_decides() {
        let (well, full, unknown) = (Some(0), Some(1), None);
        for (specific, wildcard, expected) in [
            (well, full, "192.0.2.10:443"),
            (full, well, "full"),
            (unknown, well, "unknown"),
            (full, unknown, "full"),
        ] {
            let listeners = [
                on("192.0.2.10", specific),
                on("0.0.0.0", wildcard),
                on("::", well),
            ];
            assert_eq!(answer("192.0.2.10:443", &listeners), expected);
        }
        assert_eq!(
            answer("192.0.2.11:443", &[on("192.0.2.10", full), on("::", well)]),
            "[::]:443"
        );
        assert_eq!(
            answer("192.0.2.11:443", &[on("0.0.0.0", full), on("::", well)]),
            "full"
        );
    }

    #[test]
    fn for_a_port_and_among_equals_one_that_is_fit_is_enough() {
        let (well, full, unknown) = (Some(0), Some(1), None);
        for (target, address) in [("443", "127.0.0.1"), ("127.0.0.1:443", "0.0.0.0")] {
            for (one, other, expected) in [
                (well, full, format!("{address}:443")),
                (well, unknown, format!("{address}:443")),
                (full, unknown, "unknown".to_owned()),
                (full, full, "full".to_owned()),
            ] {
                assert_eq!(
                    answer(target, &[on(address, one), on(address, other)]),
                    expected
                );
            }
        }
        assert_eq!(
            answer("443", &[on("127.0.0.1", full), on("0.0.0.0", well)]),
            "0.0.0.0:443"
        );
        assert_eq!(answer("443", &[]), "not");
    }

    #[test]
    fn without_demands_the_first_listener_settles_and_later_looks_keep_it() {
        let mut inquiry = Inquiry::new(["192.0.2.10:443".parse().unwrap()], None);
        assert!(inquiry.see(&on("0.0.0.0", None), &mut NoDemands).is_break());
        inquiry.begin();
        assert!(inquiry.is_settled() && inquiry.has_settled() && !inquiry.is_in_vain());
        inquiry.reopen();
        assert!(!inquiry.is_settled() && !inquiry.has_settled() && inquiry.is_in_vain());
    }

    #[test]
    fn a_look_forgets_what_an_earlier_one_has_shown_of_open_targets() {
        let mut inquiry = Inquiry::new(["443".parse().unwrap()], None);
        let _ = inquiry.see(&on("0.0.0.0", Some(1)), &mut EmptyQueue);
        assert!(matches!(inquiry.answers(None)[0].1, Answer::Unfit(..)));
        inquiry.begin();
        assert_eq!(inquiry.answers(None)[0].1, Answer::NotListening);
    }

    #[test]
    fn with_an_interface_the_listener_bound_to_it_decides() {
        let mut bound = on("0.0.0.0", Some(1));
        bound.device = Device::Index(2);
        for (interface, settled) in [(None, true), (Some(2), false), (Some(3), true)] {
            let mut inquiry = Inquiry::new(["192.0.2.10:443".parse().unwrap()], interface);
            let _ = inquiry.see(&on("0.0.0.0", Some(0)), &mut EmptyQueue);
            let _ = inquiry.see(&bound, &mut EmptyQueue);
            inquiry.conclude();
            assert_eq!(inquiry.is_settled(), settled, "{interface:?}");
        }
    }
}
