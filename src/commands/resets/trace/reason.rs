//! The kernel's reasons for a reset (include/net/rstreason.h), and to which cause each belongs.

/// What a reason means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meaning {
    /// The id of the cause.
    pub cause: &'static str,
    /// In words.
    pub words: &'static str,
    /// Whether the process that ran is the one that did it: it was in a system call for that.
    pub by_process: bool,
}

const fn meaning(cause: &'static str, words: &'static str, by_process: bool) -> Meaning {
    Meaning {
        cause,
        words,
        by_process,
    }
}

/// What a reset means that this machine sent. `name` is the kernel's; `None`: it does not tell, as up to
/// Linux 6.9.
///
/// Where each comes from, in Linux 6.18: TCP_STATE is `tcp_disconnect`, which close(2) with SO_LINGER 0
/// calls (`__tcp_close`), and so does a listener for what it has not accepted (`inet_child_forget`);
/// TCP_ABORT_ON_DATA is data behind close(2) (`tcp_rcv_state_process`); INVALID_SYN is
/// `tcp_check_req`, also for a full accept queue with tcp_abort_on_overflow.
pub fn sent(name: Option<&str>, by_listener: bool) -> Meaning {
    let Some(name) = name else {
        return meaning(
            "sent",
            "this kernel does not tell the reason (Linux 6.10 does)",
            false,
        );
    };
    match name {
        "NO_SOCKET" => meaning("no_socket", "no socket", false),
        "INVALID_SYN" if by_listener => meaning(
            "accept_queue",
            "the accept queue was full, or a handshake went wrong",
            false,
        ),
        _ if by_listener => meaning("no_socket", "the listener knows no such connection", false),
        "TCP_ABORT_ON_CLOSE" => meaning("unread_data", "closed with unread data", true),
        "TCP_ABORT_ON_DATA" => meaning("aborted", "data came after the close", false),
        "TCP_STATE" => meaning(
            "aborted",
            "closed with SO_LINGER 0, or a listener closed before it had accepted",
            true,
        ),
        "TCP_ABORT_ON_LINGER" => meaning("aborted", "closed with a negative TCP_LINGER2", true),
        "TCP_DISCONNECT_WITH_DATA" => meaning("aborted", "disconnected with data unsent", true),
        "TCP_ABORT_ON_MEMORY" => meaning("memory", "out of memory for sockets", false),
        "TCP_KEEPALIVE_TIMEOUT" => meaning("time_out", "the peer did not answer keepalives", false),
        "TCP_TIMEWAIT_SOCKET" => meaning("sent", "a segment for a connection that is over", false),
        "TCP_INVALID_ACK_SEQUENCE" | "TCP_ACK_UNSENT_DATA" => {
            meaning("sent", "the peer acknowledged what was not sent", false)
        }
        "TCP_OLD_ACK" | "TCP_TOO_OLD_ACK" => {
            meaning("sent", "an acknowledgement was too old", false)
        }
        "TCP_RFC7323_PAWS" => meaning("sent", "a segment's timestamp was too old", false),
        "TCP_FLAGS" | "INVALID_SYN" => {
            meaning("sent", "a segment's flags do not fit the connection", false)
        }
        _ if name.starts_with("MPTCP_") => meaning("sent", "Multipath TCP", false),
        _ => meaning("sent", "for another reason", false),
    }
}

/// What a reset means that the peer sent.
pub const RECEIVED: Meaning = meaning("by_peer", "reset by the peer", false);
