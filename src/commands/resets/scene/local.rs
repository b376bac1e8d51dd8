//! What is known of a place from this side: whether it is here, its address, what listens there.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::Scene;
use crate::commands::resets::addresses::{self, Addresses, Move};
use crate::commands::resets::findings::{Address, Detail, Listens, Trace};
use crate::commands::resets::trace::table::Place;
use crate::commands::resets::who::Now;
use crate::domain::Answer;
use crate::host::wall::WallTime;

/// How long an address is worth a word after it came.
const RECENT: Duration = Duration::from_secs(3600);
/// What was there when the machine had started, in hundredths of a second, did not come.
const AT_START: u32 = 60 * 100;

impl Scene<'_> {
    /// Whether it is in this network namespace, as far as can be told: the events do not say.
    pub(super) fn is_here(&self, place: &Place) -> bool {
        if !matches!(&self.trace, Trace::On(traced) if traced.other_namespaces) {
            return true;
        }
        match (place.local, place.port) {
            _ if place.is_elsewhere => false,
            (None, _) => true,
            (Some(address), Some(port)) if place.by_listener => self.seen.is_bound(address, port),
            (Some(address), _) => self.addresses.is_none() || self.ever.contains(&address),
        }
    }

    /// What is known of its local address.
    pub(super) fn address(&self, detail: &Detail) -> Address {
        let (Some(local), Some(now)) = (detail.place.local, &self.addresses) else {
            return Address::Unknown;
        };
        if local.is_unspecified() {
            let came = self.came_for(local, now);
            return match came.is_empty() {
                true => Address::Here,
                false => Address::Came(came),
            };
        }
        let went =
            |moved: &&Move| moved.address == local && !moved.came && moved.earliest <= detail.last;
        match self.came(local) {
            Some(came) => Address::Came(vec![came]),
            None if now.contains_key(&local) => Address::Here,
            None => match self.moves.iter().rev().find(went) {
                Some(moved) => Address::Went(self.started.after(moved.at)),
                // It went when this was over.
                None if self.ever.contains(&local) => Address::Here,
                None => Address::NotHere,
            },
        }
    }

    /// The addresses that came and that a wildcard serves: those of this watch, one that is gone again
    /// included, or else those of the time before.
    fn came_for(&self, wildcard: IpAddr, now: &Addresses) -> Vec<(IpAddr, WallTime)> {
        let moved = self.moves.iter().filter(|moved| moved.came);
        let mut came: BTreeMap<IpAddr, WallTime> = moved
            .map(|moved| (moved.address, self.started.after(moved.at)))
            .collect();
        if came.is_empty() {
            came.extend(now.keys().filter_map(|address| self.came(*address)));
        }
        came.retain(|address, _| wildcard.is_ipv6() || address.is_ipv4());
        came.into_iter().collect()
    }

    /// When an address that is here came, if that is not long ago.
    fn came(&self, address: IpAddr) -> Option<(IpAddr, WallTime)> {
        let added = (*self.addresses.as_ref()?.get(&address)?)?;
        let now = clock_gettime(ClockId::Monotonic);
        let hundredths = now
            .tv_sec
            .wrapping_mul(100)
            .wrapping_add(now.tv_nsec / 10_000_000);
        let age = addresses::age(added, hundredths as u32);
        (age < RECENT && added > AT_START && !address.is_loopback())
            .then(|| (address, WallTime::now().before(age)))
    }

    /// What listens on its port.
    pub(super) fn listens(&self, detail: &Detail, now: &Now) -> Option<Listens> {
        let target = detail.target()?;
        let answer = now.answer(target)?.clone();
        let owner = match &answer {
            Answer::Listening(listener) => now.owner(listener),
            _ => None,
        };
        let last = self.seen.last(target);
        Some(Listens {
            answer,
            owner,
            last,
        })
    }
}
