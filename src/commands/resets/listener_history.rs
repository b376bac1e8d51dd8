//! The listeners in each sample: the ports that were open, and the accept queues that overflowed.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::SockProtocol;

use super::addresses::ip;
use super::netlink::{attributes, dump};
use crate::domain::{Device, Listener, Protocol, Queue};
use crate::source::ByteOrder;

// linux/sock_diag.h and linux/inet_diag.h.
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const INET_DIAG_SKMEMINFO: u16 = 7;
const INET_DIAG_SKV6ONLY: u16 = 11;
const SK_MEMINFO_DROPS: usize = 8;
const TCP: u8 = 6;
const TCP_LISTEN: u8 = 10;
const FAMILIES: [u8; 2] = [2, 10];

/// How many listeners are remembered. There are fewer ports.
const MAX_LISTENERS: usize = 100_000;

/// All listeners that were seen. Only sock_diag is read: /proc costs too much to be read each second.
#[derive(Debug, Default)]
pub struct ListenerHistory(BTreeMap<Key, KnownListener>);

/// Port, address and inode. A service that restarts is another listener.
type Key = (u16, IpAddr, Option<u64>);

/// A listener that some sample had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownListener {
    /// The listener in the last sample that had it.
    pub listener: Listener,
    /// When it was last seen, since the watch began.
    pub last: Duration,
    /// Its queue and the time when it was last seen to be full.
    pub full: Option<(Queue, Duration)>,
    /// Its drops in the first sample.
    first_drops: u32,
}

impl KnownListener {
    /// Returns how many segments it discarded since the first sample, for any reason: the kernel counts each overflow
    /// so (`tcp_listendrop`), but also a stray reset or a wrong signature. `None` if the kernel does not say.
    pub fn discarded(&self) -> Option<u32> {
        Some(self.listener.drops?.wrapping_sub(self.first_drops))
    }
}

impl ListenerHistory {
    /// Reads the listeners, at this time since the watch began.
    ///
    /// # Errors
    /// Returns an error if the kernel gives no complete list.
    pub fn sample(&mut self, at: Duration) -> Result<(), Errno> {
        let order = ByteOrder::NATIVE;
        for family in FAMILIES {
            // struct inet_diag_req_v2: the extension is asked for by a bit, ports and addresses are any.
            let mut body = vec![family, TCP, 1 << (INET_DIAG_SKMEMINFO - 1), 0];
            body.extend(order.bytes32(1 << TCP_LISTEN));
            body.extend([0; 40]);
            body.extend([0xff; 8]); // INET_DIAG_NOCOOKIE
            dump(
                SockProtocol::NetlinkSockDiag,
                SOCK_DIAG_BY_FAMILY,
                &body,
                &mut |body| {
                    if let Some(listener) = parse(body, order) {
                        self.note(listener, at);
                    }
                },
            )?;
        }
        Ok(())
    }

    fn note(&mut self, listener: Listener, at: Duration) {
        let key = (listener.port, listener.address, listener.inode);
        if self.0.len() >= MAX_LISTENERS && !self.0.contains_key(&key) {
            return;
        }
        // A listener that is new has dropped what it dropped since it was made.
        let first_drops = match at.is_zero() {
            true => listener.drops.unwrap_or_default(),
            false => 0,
        };
        let full = listener.queue.filter(|queue| is_full(*queue));
        let seen = self.0.entry(key).or_insert_with(|| KnownListener {
            listener: listener.clone(),
            last: at,
            full: None,
            first_drops,
        });
        seen.full = full.map(|queue| (queue, at)).or(seen.full);
        (seen.listener, seen.last) = (listener, at);
    }

    /// Returns the listeners on this port that serve an address, the last seen first.
    pub fn serving(&self, address: Option<IpAddr>, port: u16) -> Vec<&KnownListener> {
        let on_port = self.0.range((port, IpAddr::from([0; 4]), None)..);
        let on_port = on_port.take_while(|((known, ..), _)| *known == port);
        let mut serving: Vec<&KnownListener> = on_port
            .map(|(_, seen)| seen)
            .filter(|seen| serves(&seen.listener, address))
            .collect();
        serving.sort_by_key(|seen| std::cmp::Reverse(seen.last));
        serving
    }

    /// Returns the listeners whose queue overflowed, if any did: those that were full in a sample and discarded
    /// something, or else the only one that discarded something, if that is all that ListenDrops counted.
    pub fn overflowed(&self, drops: u64) -> Vec<&KnownListener> {
        let all = self.0.values();
        let suspects = all.filter(|seen| seen.discarded() != Some(0));
        let (full, others): (Vec<_>, Vec<_>) = suspects.partition(|seen| seen.full.is_some());
        match others.as_slice() {
            [only] if full.is_empty() && only.discarded().map(u64::from) == Some(drops) => others,
            _ => full,
        }
    }
}

fn is_full(queue: Queue) -> bool {
    queue.limit.is_some_and(|limit| queue.length > limit)
}

/// True if connections to this address find the listener. `None` or a wildcard: any address.
pub fn serves(listener: &Listener, address: Option<IpAddr>) -> bool {
    let bound = listener.address.to_canonical();
    match address {
        None => true,
        Some(address) if address.is_unspecified() || bound == address => true,
        Some(address) if bound.is_unspecified() => {
            bound.is_ipv4() == address.is_ipv4()
                || address.is_ipv4() && listener.v6only != Some(true)
        }
        Some(_) => false,
    }
}

/// Reads a struct inet_diag_msg and its attributes.
fn parse(body: &[u8], order: ByteOrder) -> Option<Listener> {
    let number = |at: usize| Some(order.u32(*body.get(at..)?.first_chunk()?));
    let mut listener = Listener {
        protocol: Protocol::Tcp,
        address: ip(*body.first()?, body.get(8..)?)?,
        port: u16::from_be_bytes(*body.get(4..)?.first_chunk()?),
        v6only: None,
        device: match number(40)? {
            0 => Device::Any,
            index => Device::Index(index),
        },
        queue: Some(Queue {
            length: number(56)?,
            limit: Some(number(60)?),
        }),
        drops: None,
        uid: number(64),
        inode: number(68).map(u64::from),
        cgroup: None,
        unreachable: None,
    };
    for (kind, value) in attributes(body.get(72..)?, order) {
        match kind {
            INET_DIAG_SKV6ONLY => listener.v6only = value.first().map(|flag| *flag != 0),
            INET_DIAG_SKMEMINFO => {
                let drops = value.chunks_exact(4).nth(SK_MEMINFO_DROPS);
                listener.drops = drops.and_then(|drops| Some(order.u32(*drops.first_chunk()?)));
            }
            _ => {}
        }
    }
    Some(listener)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listener(address: &str, port: u16, length: u32, drops: u32) -> Listener {
        Listener {
            queue: Some(Queue {
                length,
                limit: Some(16),
            }),
            drops: Some(drops),
            ..Listener::at(address.parse::<IpAddr>().unwrap(), port)
        }
    }

    #[test]
    fn a_listener_is_remembered_with_the_last_time_it_was_seen() {
        let mut history = ListenerHistory::default();
        let second = Duration::from_secs;
        history.note(listener("127.0.0.1", 80, 0, 0), second(1));
        history.note(listener("127.0.0.1", 80, 17, 1), second(2));
        history.note(listener("::", 81, 16, 0), second(3));
        let last = |address: &str, port| {
            let serving = history.serving(Some(address.parse().unwrap()), port);
            serving.first().map(|seen| seen.last)
        };
        assert_eq!(last("127.0.0.1", 80), Some(second(2)));
        assert_eq!(last("192.0.2.1", 80), None, "another address");
        assert_eq!(last("192.0.2.1", 81), Some(second(3)), "dual-stack");
        assert_eq!(last("0.0.0.0", 80), Some(second(2)));
        assert_eq!(last("127.0.0.1", 79), None);
        let full = history.overflowed(1);
        let full: Vec<_> = full.iter().map(|seen| seen.listener.port).collect();
        assert_eq!(full, [80], "16 of 16 is not full");
    }

    #[test]
    fn the_only_listener_that_discarded_as_much_as_was_counted_overflowed() {
        let mut history = ListenerHistory::default();
        history.note(listener("127.0.0.1", 80, 0, 5), Duration::ZERO);
        assert_eq!(history.overflowed(0), Vec::<&KnownListener>::new());
        history.note(listener("127.0.0.1", 80, 0, 7), Duration::from_secs(1));
        let discarded = |history: &ListenerHistory| {
            let overflowed = history.overflowed(2).into_iter();
            let discarded: Vec<_> = overflowed.map(KnownListener::discarded).collect();
            discarded
        };
        assert_eq!(discarded(&history), [Some(2)]);
        assert!(history.overflowed(1).is_empty(), "stray segments");
        history.note(listener("127.0.0.1", 81, 0, 3), Duration::from_secs(1));
        assert_eq!(discarded(&history), [], "it can be either");
        history.note(listener("127.0.0.1", 81, 17, 3), Duration::from_secs(2));
        assert_eq!(discarded(&history), [Some(3)]);
    }
}
