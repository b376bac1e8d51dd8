//! The listeners at the end, and their owners, as `listenup list -p` has them.

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU16;
use std::time::Duration;

use super::listener_history::serves;
use crate::cli::ListOptions;
use crate::clock::Clock;
use crate::commands::list::{self, Listing};
use crate::domain::{Device, Endpoint, Listener, Protocol, Queue, SetupError, Target};
use crate::host::processes::Process;
use crate::report::{Format, device_name};
use crate::source::SourceChoice;

/// The limit on finding the owners: processes with very many sockets take long.
const LIMIT: Duration = Duration::from_secs(30);

/// The owner of a listener.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListenerOwner {
    /// The processes that hold it.
    pub processes: Vec<Process>,
    /// The systemd unit that it was made in.
    pub unit: Option<String>,
}

impl fmt::Display for ListenerOwner {
    /// `haproxy (812) and 3 more in haproxy.service`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.processes.as_slice(), &self.unit) {
            ([], None) => return f.write_str("an unknown process"),
            ([], Some(unit)) => return f.write_str(unit),
            ([one], _) => one.fmt(f)?,
            ([first, more @ ..], _) => write!(f, "{first} and {} more", more.len())?,
        }
        match &self.unit {
            Some(unit) => write!(f, " in {unit}"),
            None => Ok(()),
        }
    }
}

/// The answer to whether something listens on a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listening {
    /// This listener, and its owner.
    Yes(Box<Listener>, ListenerOwner),
    /// Nothing listens.
    No,
    /// It could not be read.
    Unknown,
}

/// Returns the name of the device that a listener is bound to, if it is.
pub fn device(listener: &Listener) -> Option<String> {
    match listener.device {
        Device::Index(index) => Some(device_name(index)),
        Device::Any | Device::Unknown => None,
    }
}

/// The listeners on some ports.
#[derive(Debug)]
pub struct ListenerSnapshot(Option<Listing>);

impl ListenerSnapshot {
    /// Reads the listeners on these ports. Also returns the reasons why owners can be missing.
    pub fn capture(
        ports: impl Iterator<Item = (Option<IpAddr>, u16)>,
        clock: &dyn Clock,
    ) -> (Self, Vec<String>) {
        let target = |(address, port)| match (address, NonZeroU16::new(port)?) {
            (Some(address), port) => Some(Endpoint::Address(address, port)),
            (None, port) => Some(Endpoint::Port(port)),
        };
        let mut targets: Vec<Target> = ports.filter_map(target).map(Target::from).collect();
        targets.sort_by_key(Target::to_string);
        targets.dedup();
        if targets.is_empty() {
            return (Self(None), Vec::new());
        }
        let options = ListOptions {
            protocols: vec![Protocol::Tcp],
            targets,
            source: SourceChoice::Auto,
            netns: None,
            processes: true,
            timeout: LIMIT,
            format: Format::Text,
        };
        match list::collect(&options, clock) {
            Ok(listing) => {
                let unread =
                    "the owners of some listeners are unknown: not all processes could be read";
                let warnings = listing.warnings.first().map(|_| unread.to_owned());
                (Self(Some(listing)), warnings.into_iter().collect())
            }
            Err(SetupError::Unknown(reason)) => (Self(None), vec![reason.to_string()]),
            Err(SetupError::NoSuch(what)) => (Self(None), vec![what]),
        }
    }

    /// Returns the listener on a port of this address.
    pub fn listening(&self, address: Option<IpAddr>, port: u16) -> Listening {
        let Some(listing) = &self.0 else {
            return Listening::Unknown;
        };
        let mut listeners = listing.listeners.iter();
        let found = listeners.find(|one| one.port == port && serves(one, address));
        found.map_or(Listening::No, |listener| {
            Listening::Yes(Box::new(listener.clone()), self.owner(listener))
        })
    }

    /// Returns the processes and the unit of a listener, as far as they could be read.
    pub fn owner(&self, listener: &Listener) -> ListenerOwner {
        let find = |listing: &Listing| {
            let known = listing.listeners.iter().find(|one| one.is_same(listener))?;
            let processes = listing.processes(known).unwrap_or_default();
            Some(ListenerOwner {
                processes: processes.into_iter().cloned().collect(),
                unit: listing.unit(known).map(str::to_owned),
            })
        };
        self.0.as_ref().and_then(find).unwrap_or_default()
    }

    /// Returns the queue of a listener. `None` if the listener is gone.
    pub fn queue(&self, listener: &Listener) -> Option<Queue> {
        let mut listeners = self.0.as_ref()?.listeners.iter();
        listeners.find(|one| one.is_same(listener))?.queue
    }
}
