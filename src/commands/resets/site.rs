//! A traced reset, and the site that it is counted at.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::time::Duration;

use super::causes::Cause;
use super::trace::event::AddressPort;

/// How many threads are counted at a site.
const MAX_THREADS: usize = 16;

/// The evidence for the network namespace of a reset. The events do not name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Origin {
    /// The thread that sent it is in this network namespace.
    Here,
    /// An interrupt sent it, or the thread had ended; the address is one of this network namespace.
    Unknown,
    /// As `Unknown`, but the address was not one of this network namespace.
    Foreign,
    /// The thread that sent it is in another network namespace.
    Elsewhere,
}

impl Origin {
    /// True unless the evidence is against this network namespace.
    pub fn can_be_here(self) -> bool {
        matches!(self, Self::Here | Self::Unknown)
    }
}

/// The port that belongs to the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// This local port.
    Service(u16),
    /// This port of the peer.
    Client(u16),
    /// The local port or that of the peer.
    Connection(u16, u16),
    /// Many ports: this peer tried many closed ones, or this machine tried many of this peer.
    Many(IpAddr),
    /// The kernel does not give the ports.
    Unknown,
}

/// A place with resets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Site {
    /// The cause of the resets.
    pub cause: Cause,
    /// The number of the kernel's reason.
    pub reason: Option<u64>,
    /// The evidence for the network namespace.
    pub origin: Origin,
    /// This machine's address; a wildcard is that of a listener.
    pub local: Option<IpAddr>,
    /// This machine's role.
    pub role: Role,
}

/// A reset by its two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flow {
    /// The cause of the reset.
    pub cause: Cause,
    /// The number of the kernel's reason.
    pub reason: Option<u64>,
    /// The evidence for the network namespace.
    pub origin: Origin,
    /// This machine's end.
    pub local: Option<AddressPort>,
    /// The other end. A listener's reset has none.
    pub peer: Option<AddressPort>,
    /// True if the peer is this machine as well.
    pub is_within: bool,
    /// This machine's role, if a listener shows it.
    pub role: Option<Role>,
}

impl Flow {
    /// Returns the site of this flow in this role.
    pub fn site(&self, role: Role) -> Site {
        let cause = match (self.cause, role) {
            // A client's port needs no listener.
            (Cause::NoListener, Role::Client(_)) => Cause::NoConnection,
            (Cause::NoListener, Role::Many(_)) => Cause::Scan,
            (cause, _) => cause,
        };
        Site {
            cause,
            reason: self.reason,
            origin: self.origin,
            local: self.local.map(|(address, _)| address),
            role,
        }
    }

    /// Returns the role as the service, and as the client of the peer's port.
    pub fn sides(&self) -> [Option<Role>; 2] {
        [
            self.local.map(|(_, port)| Role::Service(port)),
            self.peer.map(|(_, port)| Role::Client(port)),
        ]
    }

    /// Returns the role that claims nothing about whose port the service's is.
    pub fn neutral_role(&self) -> Role {
        match (self.local, self.peer) {
            (Some((_, local)), Some((_, peer))) => Role::Connection(local, peer),
            (Some((_, local)), None) => Role::Service(local),
            (None, Some((_, peer))) => Role::Client(peer),
            (None, None) => Role::Unknown,
        }
    }

    /// Returns the port that a client tried, and the client's own port. `None` if the cause does not show that.
    pub fn tried(&self) -> Option<(u16, u16)> {
        let ((_, local), (_, peer)) = (self.local?, self.peer?);
        match self.cause {
            Cause::NoListener => Some((local, peer)),
            Cause::Received => Some((peer, local)),
            _ => None,
        }
    }
}

/// The events at a site.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// The number of resets.
    pub resets: u64,
    /// When the last reset was read, since the watch began.
    pub last: Duration,
    /// Resets by peer. The number of peers is limited.
    pub peers: HashMap<IpAddr, u64>,
    /// Resets by the thread that sent them. The number of threads is limited.
    pub threads: BTreeMap<u32, u64>,
    /// The ports of [`Role::Many`]. Their number is limited.
    pub ports: BTreeSet<u16>,
}

impl Tally {
    /// Counts a reset.
    pub fn add(&mut self, thread: Option<u32>, at: Duration) {
        self.resets += 1;
        self.last = at;
        self.add_threads(thread.map(|thread| (thread, 1)));
    }

    /// Adds the resets of another tally, without its peers and ports.
    pub fn merge(&mut self, more: Self) {
        self.resets += more.resets;
        self.last = self.last.max(more.last);
        self.add_threads(more.threads);
    }

    fn add_threads(&mut self, more: impl IntoIterator<Item = (u32, u64)>) {
        for (thread, resets) in more {
            if self.threads.len() < MAX_THREADS || self.threads.contains_key(&thread) {
                *self.threads.entry(thread).or_default() += resets;
            }
        }
    }
}
