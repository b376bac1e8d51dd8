//! TCP and UDP.

use std::fmt;

/// The transport protocol of a socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// A socket of it listens when it is in LISTEN.
    #[default]
    Tcp,
    /// A socket of it takes what comes from anywhere when it is bound to a port and not connected: the state that
    /// ss(8) calls UNCONN, and the kernel CLOSE (include/net/tcp_states.h).
    Udp,
}

impl Protocol {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Tcp, Self::Udp];

    /// What a listener does, in a word for a person: UDP knows no listening.
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
