//! Where listeners come from: the kernel's sock_diag, or its /proc files.

mod byte_order;
pub mod netlink;
pub mod proc;

use std::fmt;
use std::ops::ControlFlow;

use nix::errno::Errno;

pub use byte_order::ByteOrder;

use crate::domain::{Family, Listener};

/// What a source is asked for: the listeners of one family on these ports.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Sockets of this family only; an IPv6 socket counts as IPv6 even where it serves IPv4.
    pub family: Family,
    /// Local ports in host order, ascending, each once, not empty.
    pub ports: &'a [u16],
}

/// Something that knows listeners.
pub trait Source {
    /// Its name for a person.
    fn name(&self) -> &'static str;

    /// Hands every listener that the question asks for to `visit`, which may break off; others may
    /// be among them. `Ok` without a break means that the answer was complete: what was not shown
    /// was not there.
    ///
    /// # Errors
    /// Anything less than a complete answer. What was shown before is true all the same.
    fn listeners(
        &mut self,
        question: Question<'_>,
        visit: &mut dyn FnMut(&Listener) -> ControlFlow<()>,
    ) -> Result<(), Fault>;
}

/// Why a source could not answer.
#[derive(Debug)]
pub enum Fault {
    /// sock_diag's reason.
    Netlink(netlink::Fault),
    /// The reason of /proc.
    Proc(proc::Fault),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Netlink(fault) => write!(f, "sock_diag: {fault}"),
            Self::Proc(fault) => write!(f, "{fault}"),
        }
    }
}

impl std::error::Error for Fault {}

impl From<netlink::Fault> for Fault {
    fn from(fault: netlink::Fault) -> Self {
        Self::Netlink(fault)
    }
}

impl From<proc::Fault> for Fault {
    fn from(fault: proc::Fault) -> Self {
        Self::Proc(fault)
    }
}

/// A system error in words and by its name, such as "Permission denied (EACCES)".
struct InWords(Errno);

impl fmt::Display for InWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:?})", self.0.desc(), self.0)
    }
}
