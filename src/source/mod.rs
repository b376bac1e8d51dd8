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
    /// Sockets of this family only. An IPv6 socket counts as IPv6 even if it also serves IPv4.
    pub family: Family,
    /// The wanted ports.
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

/// A source of listeners.
pub trait Source {
    /// Returns its name for messages.
    fn name(&self) -> &'static str;

    /// Begins a check: results of earlier checks do not count any more.
    fn begin_check(&mut self) {}

    /// Closes what is open: the calling thread can be in another network namespace now.
    fn close(&mut self) {}

    /// Shows every listener that matches the query to `visit`, and possibly others. `visit` can stop it. `Ok` without a
    /// stop means that the answer was complete: a listener that was not shown did not exist.
    ///
    /// # Errors
    /// Returns an error if the answer was not complete. The listeners that were shown before are valid nevertheless.
    fn listeners(
        &mut self,
        query: Query<'_>,
        visit: &mut dyn FnMut(&Listener) -> ControlFlow<()>,
    ) -> Result<(), SourceError>;

    /// Returns the listener that this connection would find, by the kernel's own lookup. `None` proves nothing: a
    /// source without such a lookup always returns it.
    ///
    /// # Errors
    /// Returns an error if there was no answer. That proves nothing either.
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

impl SourceError {
    /// True if the source can answer the same query a moment later.
    pub fn can_pass(&self) -> bool {
        match self {
            Self::Netlink(error) => error.can_pass(),
            Self::Proc(_) | Self::TimeIsUp(_) => false,
        }
    }
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
