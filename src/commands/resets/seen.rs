//! The listeners at each look: what was open a moment ago, and whose accept queue was full.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::time::Duration;

use crate::clock::Deadline;
use crate::domain::{Family, Listener, Protocol, Queue, Serves, Target};
use crate::source::{Ports, Question, Source, netlink::Netlink};

/// How many listeners are remembered, which is more than there are ports.
const MOST: usize = 100_000;

/// By port, then address.
type Key = (u16, IpAddr);

/// What was seen. sock_diag alone: /proc costs too much to be read each second.
#[derive(Debug, Default)]
pub struct Seen {
    source: Netlink,
    listeners: BTreeMap<Key, (Listener, Duration)>,
    ports: BTreeSet<u16>,
    full: BTreeMap<Key, Full>,
    /// Why the last look showed nothing.
    pub fault: Option<String>,
}

/// A listener whose accept queue was full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Full {
    /// The listener, with its queue then.
    pub listener: Listener,
    /// When it was last seen so.
    pub at: Duration,
}

impl Seen {
    /// Looks, at this time since the watch began.
    pub fn look(&mut self, at: Duration, limit: Deadline<'_>) {
        self.fault = None;
        for family in [Family::V4, Family::V6] {
            let ports = Ports::All;
            let question = Question {
                protocol: Protocol::Tcp,
                family,
                ports,
                deadline: limit,
            };
            let mut found = Vec::new();
            let answer = self.source.listeners(question, &mut |listener| {
                found.push(listener.clone());
                ControlFlow::Continue(())
            });
            if let Err(fault) = answer {
                self.fault = Some(fault.to_string());
            }
            for listener in found {
                self.note(listener, at);
            }
        }
    }

    fn note(&mut self, listener: Listener, at: Duration) {
        let key = (listener.port, listener.address);
        if is_full(&listener) {
            let listener = listener.clone();
            self.full.insert(key, Full { listener, at });
        }
        self.ports.insert(listener.port);
        if self.listeners.len() < MOST || self.listeners.contains_key(&key) {
            self.listeners.insert(key, (listener, at));
        }
    }

    /// Whether something has listened on this port, at any address.
    pub fn has(&self, port: u16) -> bool {
        self.ports.contains(&port)
    }

    /// Whether a listener was bound so.
    pub fn is_bound(&self, address: IpAddr, port: u16) -> bool {
        self.listeners.contains_key(&(port, address))
            // A dual-stack socket is a listener for IPv4 as well.
            || self.listeners.keys().any(|(known, bound)| *known == port && bound.to_canonical() == address)
    }

    /// When a listener that serves this target was last seen.
    pub fn last(&self, target: Target) -> Option<Duration> {
        let port = target.port();
        let on_port = self
            .listeners
            .range((port, IpAddr::from([0; 4]))..)
            .take_while(|((known, _), _)| *known == port);
        let serving =
            on_port.filter(|(_, (listener, _))| target.served_by(listener, None) != Serves::No);
        serving.map(|(_, (_, at))| *at).max()
    }

    /// Those whose queue was full at a look.
    pub fn full(&self) -> impl Iterator<Item = &Full> {
        self.full.values()
    }
}

fn is_full(listener: &Listener) -> bool {
    matches!(listener.queue, Some(Queue { length, limit: Some(limit) }) if length > limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listener(address: [u8; 4], port: u16, length: u32) -> Listener {
        Listener {
            queue: Some(Queue {
                length,
                limit: Some(16),
            }),
            ..Listener::at(address, port)
        }
    }

    #[test]
    fn what_was_open_is_remembered_with_its_last_time() {
        let mut seen = Seen::default();
        let second = Duration::from_secs;
        seen.note(listener([127, 0, 0, 1], 80, 0), second(1));
        seen.note(listener([127, 0, 0, 1], 80, 17), second(2));
        seen.note(listener([0; 4], 81, 16), second(3));
        let last = |text: &str| seen.last(text.parse().unwrap());
        assert_eq!(last("80"), Some(second(2)));
        assert_eq!(last("127.0.0.1:80"), Some(second(2)));
        assert_eq!(last("192.0.2.1:80"), None, "another address");
        assert_eq!(last("192.0.2.1:81"), Some(second(3)), "the wildcard");
        assert_eq!(last("79"), None);
        assert!(seen.has(80) && !seen.has(82));
        let full: Vec<_> = seen.full().map(|full| full.listener.port).collect();
        assert_eq!(full, [80], "16 of 16 is not full");
    }
}
