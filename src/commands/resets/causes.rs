//! The causes of resets, and how a traced one shows its cause.

use super::trace::event::{Direction, Reset};

/// A cause of resets, or a symptom where no cause is known. See [`Cause::describe`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Cause {
    NoListener,
    NoConnection,
    AcceptQueue,
    ListenerClosed,
    UnreadData,
    AfterClose,
    Aborted,
    Destroyed,
    TimeOut,
    Memory,
    Mptcp,
    BadSegment,
    Signature,
    Conntrack,
    Firewall,
    Received,
    Attempts,
    Cut,
    Sent,
    Scan,
}

impl Cause {
    /// Returns the cause of a traced reset. `reason` is the kernel's name (include/net/rstreason.h), which is missing
    /// up to Linux 6.9. The senders of each, in Linux 6.18:
    ///
    /// - TCP_STATE: `tcp_disconnect`, which sets TCP_CLOSE first. close(2) with SO_LINGER 0 calls it, and
    ///   connect(2) with AF_UNSPEC. A listener that closes does so for each connection in its queue, with softirqs
    ///   off (`inet_csk_listen_stop`). `ss -K` sends it in the old state (`tcp_abort`).
    /// - TCP_ABORT_ON_CLOSE: close(2) with unread data, in TCP_CLOSE (`__tcp_close`), or Multipath TCP's fast
    ///   close, in the old state (`mptcp_do_fastclose`).
    /// - TCP_ABORT_ON_DATA, TCP_TIMEWAIT_SOCKET: data after close(2), before and after the peer acknowledged it
    ///   (`tcp_rcv_state_process`, `tcp_timewait_state_process`). Before the former, the kernel traces a received
    ///   reset that no host sent (`tcp_reset`).
    /// - INVALID_SYN of a listener: `tcp_check_req`, for a full accept queue with tcp_abort_on_overflow.
    /// - Another reason of a listener: a segment of a connection that it does not have.
    pub fn of(reset: &Reset, reason: Option<&str>) -> Self {
        if reset.direction == Direction::Received {
            return Self::Received;
        }
        match reason {
            None => Self::Sent,
            Some("NO_SOCKET") => Self::NoListener,
            Some(name) if name.starts_with("MPTCP_") => Self::Mptcp,
            Some("INVALID_SYN") if reset.by_listener => Self::AcceptQueue,
            _ if reset.by_listener => Self::NoConnection,
            Some("TCP_STATE") if !reset.is_closed => Self::Destroyed,
            Some("TCP_STATE") if reset.softirqs_off => Self::ListenerClosed,
            Some("TCP_STATE" | "TCP_ABORT_ON_LINGER" | "TCP_DISCONNECT_WITH_DATA") => Self::Aborted,
            Some("TCP_ABORT_ON_CLOSE") if !reset.is_closed => Self::Mptcp,
            Some("TCP_ABORT_ON_CLOSE") => Self::UnreadData,
            Some("TCP_ABORT_ON_DATA" | "TCP_TIMEWAIT_SOCKET") => Self::AfterClose,
            Some("TCP_ABORT_ON_MEMORY") => Self::Memory,
            Some("TCP_KEEPALIVE_TIMEOUT") => Self::TimeOut,
            Some(name) if name.starts_with("TCP_") || name == "INVALID_SYN" => Self::BadSegment,
            Some(_) => Self::Sent,
        }
    }

    /// True if the thread that ran is the one that closed the connection.
    pub fn is_by_thread(self) -> bool {
        matches!(
            self,
            Self::ListenerClosed | Self::UnreadData | Self::Aborted | Self::Destroyed | Self::Mptcp
        )
    }
}
