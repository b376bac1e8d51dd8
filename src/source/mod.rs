//! The sources of listeners: the kernel's sock_diag, and its /proc files.

mod byte_order;
mod choice;
#[cfg(test)]
mod fixtures;
pub mod netlink;
pub mod proc;

use std::fmt;
use std::ops::ControlFlow;
use std::time::Duration;

pub use byte_order::ByteOrder;
pub use choice::SourceChoice;

use crate::clock::{Deadline, HumanDuration};
use crate::domain::{Family, Listener, LookupKey, Protocol};

/// A query to a source: the listeners of one family on these ports.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// Sockets of this protocol only.
    pub protocol: Protocol,
    /// Sockets of this family only; an IPv6 socket counts as IPv6 even where it serves IPv4.
    pub family: Family,
    /// The ports that listeners are wanted on.
    pub ports: Ports<'a>,
    /// The deadline. After it there is no answer.
    pub deadline: Deadline<'a>,
}

/// The local ports that a query is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ports<'a> {
    /// Every port.
    All,
    /// The ports in this list: in host order, ascending, each once, not empty.
    These(&'a [u16]),
}

impl Ports<'_> {
    /// True if it contains this port.
    pub fn contains(self, port: u16) -> bool {
        match self {
            Self::All => true,
            Self::These(ports) => ports.binary_search(&port).is_ok(),
        }
    }
}

/// Something that knows listeners.
pub trait Source {
    /// Its name for a person.
    fn name(&self) -> &'static str;

    /// Begins a check, for which nothing holds that an earlier one has shown.
    fn begin_check(&mut self) {}

    /// Closes what is open: the calling thread can be in another network namespace now.
    fn close(&mut self) {}

    /// Hands every listener that the query asks for to `visit`, which may break off; others may
    /// be among them. `Ok` without a break means that the answer was complete: what was not shown
    /// was not there.
    ///
    /// # Errors
    /// Anything less than a complete answer. What was shown before is true all the same.
    fn listeners(
        &mut self,
        query: Query<'_>,
        visit: &mut dyn FnMut(&Listener) -> ControlFlow<()>,
    ) -> Result<(), SourceError>;

    /// The listener that this connection would find, by the kernel's own search. `None`, which is what a
    /// source says that cannot search so, proves nothing.
    ///
    /// # Errors
    /// No answer, which proves nothing either.
    fn kernel_lookup(
        &mut self,
        _connection: LookupKey,
        _limit: Deadline<'_>,
    ) -> Result<Option<Listener>, SourceError> {
        Ok(None)
    }
}

impl<S: Source + ?Sized> Source for &mut S {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    fn begin_check(&mut self) {
        (**self).begin_check();
    }

    fn close(&mut self) {
        (**self).close();
    }

    fn listeners(
        &mut self,
        query: Query<'_>,
        visit: &mut dyn FnMut(&Listener) -> ControlFlow<()>,
    ) -> Result<(), SourceError> {
        (**self).listeners(query, visit)
    }

    fn kernel_lookup(
        &mut self,
        connection: LookupKey,
        deadline: Deadline<'_>,
    ) -> Result<Option<Listener>, SourceError> {
        (**self).kernel_lookup(connection, deadline)
    }
}

/// The reason why a source could not answer.
#[derive(Debug, PartialEq, Eq)]
pub enum SourceError {
    /// sock_diag's reason.
    Netlink(netlink::NetlinkError),
    /// The reason of /proc.
    Proc(proc::ProcError),
    /// The time limit, which was this long, is over.
    TimeIsUp(Duration),
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Netlink(error) => write!(f, "sock_diag: {error}"),
            Self::Proc(error) => write!(f, "{error}"),
            Self::TimeIsUp(whole) => {
                write!(f, "timed out after {}", HumanDuration(*whole))
            }
        }
    }
}

impl std::error::Error for SourceError {}

impl From<netlink::NetlinkError> for SourceError {
    fn from(error: netlink::NetlinkError) -> Self {
        Self::Netlink(error)
    }
}

impl From<proc::ProcError> for SourceError {
    fn from(error: proc::ProcError) -> Self {
        Self::Proc(error)
    }
}
