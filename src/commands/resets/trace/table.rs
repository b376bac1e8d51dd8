//! Resets by where they happened, in bounded memory: a storm from a million addresses costs no more than
//! one from a few.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use super::event::{Direction, End, Reset};

/// How many places are told apart.
const MOST_PLACES: usize = 1024;
/// How many peers are told apart, of all places together.
const MOST_PEERS: usize = 16 * 1024;

/// What is told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// Who sent it.
    pub direction: Direction,
    /// The number of the kernel's reason.
    pub reason: Option<u64>,
    /// Whether it was sent for a listener, and not for a connection.
    pub by_listener: bool,
    /// This machine's address.
    pub local: Option<IpAddr>,
    /// This machine's port, where it offers a service.
    pub port: Option<u16>,
    /// The port of the peer, where that offers the service.
    pub peer_port: Option<u16>,
    /// Whether it was in another network namespace, as far as the thread tells that ran.
    pub is_elsewhere: bool,
}

/// What has to be known of a reset beside what the kernel tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Role {
    /// Whether the local port is the one that clients come to.
    pub is_service: bool,
    /// Whether, if not, the peer's is.
    pub is_client: bool,
    /// Whether it was in another network namespace.
    pub is_elsewhere: bool,
}

/// What happened there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Resets.
    pub resets: u64,
    /// Those of them that an earlier [`Table::since`] has told.
    told: u64,
    /// By peer, as far as there was room.
    peers: HashMap<IpAddr, u64>,
    /// When the last one was read, since the watch began.
    pub last: Duration,
    /// The last process that was seen to do it.
    pub pid: Option<u32>,
}

impl Count {
    /// Peers, the most frequent first.
    pub fn peers(&self) -> Vec<(IpAddr, u64)> {
        let mut peers: Vec<_> = self
            .peers
            .iter()
            .map(|(peer, count)| (*peer, *count))
            .collect();
        peers.sort_by_key(|&(peer, count)| (std::cmp::Reverse(count), peer));
        peers
    }
}

/// Counts resets.
#[derive(Debug, Default)]
pub struct Table {
    places: HashMap<Place, Count>,
    peers: usize,
    /// Resets for whose place there was no room.
    pub left_out: u64,
}

impl Table {
    /// Counts a reset that was read at this time.
    pub fn count(&mut self, reset: &Reset, at: Duration, role: Role) {
        let port = reset.local.map(|(_, port)| port);
        let by_port = port.filter(|_| role.is_service);
        let peer_port = reset.peer.map(|(_, port)| port);
        let place = Place {
            direction: reset.direction,
            reason: reset.reason,
            by_listener: reset.by_listener,
            local: reset.local.map(|(address, _)| address),
            port: by_port,
            peer_port: peer_port.filter(|_| by_port.is_none() && role.is_client),
            is_elsewhere: role.is_elsewhere,
        };
        if !self.places.contains_key(&place) && self.places.len() >= MOST_PLACES {
            self.left_out += 1;
            return;
        }
        let count = self.places.entry(place).or_default();
        count.resets += 1;
        count.last = at;
        count.pid = reset.pid;
        let Some((peer, _)): Option<End> = reset.peer else {
            return;
        };
        if let Some(known) = count.peers.get_mut(&peer) {
            *known += 1;
        } else if self.peers < MOST_PEERS {
            self.peers += 1;
            count.peers.insert(peer, 1);
        }
    }

    /// The places, in no order.
    pub fn places(&self) -> impl Iterator<Item = (&Place, &Count)> {
        self.places.iter()
    }

    /// The places with more resets than the last time this was called, and how many more.
    pub fn since(&mut self) -> Vec<(Place, u64)> {
        let mut grown = Vec::new();
        for (place, count) in &mut self.places {
            let more = count.resets - count.told;
            count.told = count.resets;
            if more > 0 {
                grown.push((*place, more));
            }
        }
        grown.sort_by_key(|&(place, more)| (std::cmp::Reverse(more), place));
        grown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reset(local: [u8; 4], port: u16, peer: [u8; 4], peer_port: u16) -> Reset {
        Reset {
            direction: Direction::Sent,
            local: Some((local.into(), port)),
            peer: Some((peer.into(), peer_port)),
            reason: Some(1),
            by_listener: false,
            pid: None,
            by_thread: false,
        }
    }

    const CLIENT: Role = Role {
        is_service: false,
        is_client: true,
        is_elsewhere: false,
    };
    const SERVICE: Role = Role {
        is_service: true,
        is_client: false,
        is_elsewhere: false,
    };

    #[test]
    fn a_service_is_one_place_whatever_its_clients() {
        let mut table = Table::default();
        for client in [7, 8, 7] {
            let peer_port = 40_000 + u16::from(client);
            table.count(
                &reset([10, 0, 0, 1], 80, [10, 0, 0, client], peer_port),
                Duration::ZERO,
                SERVICE,
            );
        }
        let [(place, count)] = table.places().collect::<Vec<_>>()[..] else {
            panic!("{table:?}");
        };
        assert_eq!(
            (place.port, place.peer_port, count.resets),
            (Some(80), None, 3)
        );
        let peers = [([10, 0, 0, 7].into(), 2), ([10, 0, 0, 8].into(), 1)];
        assert_eq!(count.peers(), peers);
        assert_eq!(table.since().len(), 1);
        assert_eq!(table.since().len(), 0, "nothing new");
    }

    #[test]
    fn a_client_is_one_place_for_each_service_whatever_its_own_ports() {
        let mut table = Table::default();
        for port in 40_000..40_100 {
            table.count(
                &reset([10, 0, 0, 1], port, [10, 0, 0, 9], 443),
                Duration::ZERO,
                CLIENT,
            );
        }
        let [(place, count)] = table.places().collect::<Vec<_>>()[..] else {
            panic!("{table:?}");
        };
        assert_eq!(
            (place.port, place.peer_port, count.resets),
            (None, Some(443), 100)
        );
    }

    #[test]
    fn memory_is_bounded_and_what_is_left_out_is_counted() {
        let mut table = Table::default();
        let many = 100_000_u32;
        for number in 0..many {
            let [_, a, b, c] = number.to_be_bytes();
            table.count(
                &reset([10, 0, 0, 1], 80, [11, a, b, c], 1),
                Duration::ZERO,
                SERVICE,
            );
        }
        for port in 0..u16::MAX {
            table.count(
                &reset([10, 0, 0, 2], port, [12, 0, 0, 1], 1),
                Duration::ZERO,
                SERVICE,
            );
        }
        assert_eq!(table.places.len(), MOST_PLACES);
        assert_eq!(table.peers, MOST_PEERS);
        let told: u64 = table.places().map(|(_, count)| count.resets).sum();
        assert_eq!(told + table.left_out, u64::from(many) + u64::from(u16::MAX));
        let service = table
            .places()
            .find(|(place, _)| place.port == Some(80) && place.local == Some([10, 0, 0, 1].into()));
        assert_eq!(
            service.unwrap().1.resets,
            u64::from(many),
            "counted all the same"
        );
    }
}
