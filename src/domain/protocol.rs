//! TCP and UDP.

use std::fmt;

/// The transport protocol of a socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// A TCP socket listens if it is in LISTEN.
    #[default]
    Tcp,
    /// A UDP socket receives from anywhere if it is bound to a port and not connected. ss(8) calls that state UNCONN, and
    /// the kernel CLOSE (include/net/tcp_states.h).
    Udp,
}

impl Protocol {
    /// Both protocols.
    pub const ALL: [Self; 2] = [Self::Tcp, Self::Udp];

    /// Returns the words for the state of a listener. A UDP socket does not listen.
    pub fn state_word(self) -> &'static str {
        match self {
            Self::Tcp => "listens",
            Self::Udp => "is bound",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        })
    }
}
