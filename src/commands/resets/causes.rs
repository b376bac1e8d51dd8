//! The known causes of resets: the counters of each, and what to look at next.

/// Resets that were sent and that no counter accounts for; see [`unexplained`].
pub const UNEXPLAINED: &str = "OutRstsUnexplained";

/// A cause of resets.
#[derive(Debug)]
pub struct Cause {
    /// Its name in JSON.
    pub id: &'static str,
    /// Its name in plain words.
    pub name: &'static str,
    /// The counters that belong to it.
    pub counters: &'static [&'static str],
    /// Figures that are no counters: settings and levels.
    pub state: &'static [&'static str],
    /// What to look at next.
    pub next: &'static str,
}

/// All of them. What moves each counter, and where, in Linux 6.18:
///
/// - ListenOverflows: the accept queue is full when a SYN comes (`tcp_conn_request`) or when the
///   handshake ends (`tcp_v4_syn_recv_sock`).
/// - ListenDrops: a SYN or the end of a handshake is dropped, for that or another reason
///   (`tcp_listendrop`).
/// - TCPReqQFullDrop: there are too many half-open connections, and SYN cookies are off
///   (`tcp_syn_flood_action`).
/// - TCPAbortOnClose: close(2) with data in the receive queue (`__tcp_close`).
/// - TCPAbortOnData: data after close(2) (`tcp_rcv_state_process`), or close(2) with SO_LINGER 0
///   (`__tcp_close`).
/// - TCPAbortOnLinger: close(2) with a negative TCP_LINGER2 (`__tcp_close`).
/// - TCPAbortOnTimeout: retransmissions, also of a SYN, probes or keepalives in vain
///   (`tcp_write_err`).
/// - TCPAbortOnMemory: too many orphans, or no memory for TCP (`tcp_out_of_resources`,
///   `__tcp_close`).
/// - nf_conntrack.drop: a packet is dropped for want of an entry, as with a full table
///   (`nf_conntrack_in`).
/// - nf_conntrack.early_drop: an entry is thrown out of a full table for another
///   (`early_drop_list`).
/// - nf_conntrack.insert_failed: an entry clashes with another, as when NAT chose the same port for
///   two (`__nf_conntrack_confirm`).
/// - nf_conntrack.invalid: a packet fits no known connection (`nf_conntrack_in`).
/// - EstabResets: a connection goes from ESTABLISHED or CLOSE_WAIT to CLOSE, by a reset from either
///   side or a time-out (`tcp_set_state`).
/// - OutRsts: a reset is sent (`tcp_v4_send_reset`, `tcp_send_active_reset`).
pub const CAUSES: [Cause; 10] = [
    Cause {
        id: "no_socket",
        name: "nothing listens or no such connection",
        counters: &[UNEXPLAINED],
        state: &[],
        next: "listenup check PORT says whether it is open, listenup list -p PORT whose it is; if it \
               is open, the connections are not known here, as after a virtual IP has moved. \
               tcpdump -ni any 'tcp[tcpflags] & tcp-rst != 0' shows each reset",
    },
    Cause {
        id: "accept_queue",
        name: "accept queue full",
        counters: &["ListenOverflows", "ListenDrops", "TCPReqQFullDrop"],
        state: &["tcp_abort_on_overflow"],
        next: "listenup list -p shows the queue of each listener, and whose it is: that program accepts \
               too slowly, or its backlog (at most net.core.somaxconn) is too small; listenup check \
               --max-queue 80% PORT notices before it is full",
    },
    Cause {
        id: "unread_data",
        name: "closed with unread data",
        counters: &["TCPAbortOnClose"],
        state: &[],
        next: "the log of the program that closes: it gave up before it had read all; listenup list -p \
               PORT says whose a port is",
    },
    Cause {
        id: "aborted",
        name: "aborted by the local application",
        counters: &["TCPAbortOnData", "TCPAbortOnLinger"],
        state: &[],
        next: "the log of the program that closes: it has SO_LINGER 0, or closed before all had come \
               (both are OnData)",
    },
    Cause {
        id: "time_out",
        name: "peer does not answer",
        counters: &["TCPAbortOnTimeout"],
        state: &[],
        next: "ss -tno shows connections with retransmissions: their peer is gone, or something on \
               the way drops packets",
    },
    Cause {
        id: "memory",
        name: "out of memory for sockets",
        counters: &["TCPAbortOnMemory"],
        state: &[],
        next: "/proc/net/sockstat: orphan against net.ipv4.tcp_max_orphans, mem against \
               net.ipv4.tcp_mem",
    },
    Cause {
        id: "conntrack",
        name: "connection tracking",
        counters: &[
            "nf_conntrack.drop",
            "nf_conntrack.early_drop",
            "nf_conntrack.insert_failed",
            "nf_conntrack.invalid",
        ],
        state: &["nf_conntrack_count", "nf_conntrack_max"],
        next: "dmesg for \"table full\", then net.netfilter.nf_conntrack_max; invalid packets pass \
               NAT by, and who gets them answers with a reset",
    },
    Cause {
        id: "by_peer",
        name: "reset by the peer",
        counters: &[],
        state: &[],
        next: "the peer's log, or listenup resets there",
    },
    Cause {
        id: "cut",
        name: "established connections cut",
        counters: &["EstabResets"],
        state: &[],
        next: "what no line above explains was reset by the peer: look at its log, or run listenup \
               resets there",
    },
    Cause {
        id: "sent",
        name: "resets sent",
        counters: &["OutRsts"],
        state: &[],
        next: "the lines above say why",
    },
];
