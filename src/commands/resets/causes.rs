//! The causes of resets: how each is known, and its wording.

use super::trace::event::{Direction, Reset};

/// How bad a cause is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Something to repair, on this machine or on a peer.
    Problem,
    /// Worth knowing, and often harmless.
    Note,
}

/// A cause of resets, or a symptom where no cause is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)] // See `Cause::describe`.
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
    Conntrack,
    Firewall,
    ByPeer,
    Scan,
    Attempts,
    Cut,
    Sent,
}

/// Everything that is said of a cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Description {
    /// Its name in JSON.
    pub id: &'static str,
    /// Its name for a person.
    pub name: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The counters that belong to it.
    pub counters: &'static [&'static str],
    /// Settings and levels that belong to it.
    pub state: &'static [&'static str],
    /// What to do next.
    pub next: &'static str,
}

impl Cause {
    /// All of them, in the order of the report.
    pub const ALL: [Self; 19] = [
        Self::NoListener,
        Self::NoConnection,
        Self::AcceptQueue,
        Self::ListenerClosed,
        Self::UnreadData,
        Self::AfterClose,
        Self::Aborted,
        Self::Destroyed,
        Self::TimeOut,
        Self::Memory,
        Self::Mptcp,
        Self::BadSegment,
        Self::Conntrack,
        Self::Firewall,
        Self::ByPeer,
        Self::Attempts,
        Self::Cut,
        Self::Sent,
        Self::Scan,
    ];

    /// The cause of a traced reset. `reason` is the kernel's name (include/net/rstreason.h); `None`: up to Linux
    /// 6.9 it gives none. What sends each, in Linux 6.18:
    ///
    /// - TCP_STATE: `tcp_disconnect`, which sets TCP_CLOSE first. close(2) with SO_LINGER 0 calls it, and
    ///   connect(2) with AF_UNSPEC. A listener that closes does so for each connection in its queue, with softirqs
    ///   off (`inet_csk_listen_stop`). `ss -K` sends it in the old state (`tcp_abort`).
    /// - TCP_ABORT_ON_CLOSE: close(2) with unread data, in TCP_CLOSE (`__tcp_close`), or Multipath TCP's fast
    ///   close, in the old state (`mptcp_do_fastclose`).
    /// - TCP_ABORT_ON_DATA, TCP_TIMEWAIT_SOCKET: data after close(2), before and after the peer acknowledged it
    ///   (`tcp_rcv_state_process`, `tcp_timewait_state_process`). Before the former, the kernel traces a received
    ///   reset that nobody sent (`tcp_reset`).
    /// - INVALID_SYN of a listener: `tcp_check_req`, for a full accept queue with tcp_abort_on_overflow.
    /// - Another reason of a listener: a segment of a connection that it does not know.
    pub fn of(reset: &Reset, reason: Option<&str>) -> Self {
        if reset.direction == Direction::Received {
            return Self::ByPeer;
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

    /// True if the thread that ran is the one that closed: it was in a system call for that.
    pub fn is_by_thread(self) -> bool {
        matches!(
            self,
            Self::ListenerClosed | Self::UnreadData | Self::Aborted | Self::Destroyed | Self::Mptcp
        )
    }

    /// What moves each counter, and where, in Linux 6.18:
    ///
    /// - ListenOverflows: the accept queue is full when a SYN comes (`tcp_conn_request`) or when the
    ///   handshake ends (`tcp_v4_syn_recv_sock`). ListenDrops: a SYN or the end of a handshake is dropped, for that
    ///   or another reason (`tcp_listendrop`). TCPReqQFullDrop: there are too many half-open connections, and SYN
    ///   cookies are off (`tcp_syn_flood_action`).
    /// - TCPAbortOnClose: close(2) with unread data (`__tcp_close`).
    /// - TCPAbortOnData: data after close(2) (`tcp_rcv_state_process`), or close(2) with SO_LINGER 0, also while
    ///   the connection is being made, which sends no reset (`__tcp_close`).
    /// - TCPAbortOnLinger: close(2) with a negative TCP_LINGER2 (`__tcp_close`).
    /// - TCPAbortOnTimeout: unanswered retransmissions, also of a SYN, probes or keepalives (`tcp_write_err`).
    /// - TCPAbortOnMemory: too many orphans, or no memory for TCP (`tcp_out_of_resources`, `__tcp_close`).
    /// - MPFastcloseTx, MPRstTx: a reset of Multipath TCP with the option of that name (net/mptcp/options.c).
    /// - nf_conntrack.drop: a packet is dropped because no entry can be made (`nf_conntrack_in`); early_drop:
    ///   a full table loses an entry for another (`early_drop_list`); insert_failed: an entry clashes with another,
    ///   as when NAT chose the same port for two (`__nf_conntrack_confirm`); invalid: a packet fits no known
    ///   connection (`nf_conntrack_in`).
    /// - AttemptFails: a connection ends in SYN_SENT or SYN_RECV (`tcp_done`, `tcp_check_req`).
    /// - EstabResets: a connection goes from ESTABLISHED or CLOSE_WAIT to CLOSE, by a reset of either
    ///   side or a time-out (`tcp_set_state`).
    /// - OutRsts: a reset is sent (`tcp_v4_send_reset`, `tcp_send_active_reset`).
    pub fn describe(self) -> Description {
        let problem = |id, name, counters, next| Description {
            id,
            name,
            severity: Severity::Problem,
            counters,
            state: &[],
            next,
        };
        let note = |id, name, counters, next| Description {
            severity: Severity::Note,
            ..problem(id, name, counters, next)
        };
        match self {
            Self::NoListener => problem(
                "no_listener",
                "nothing listens on the port",
                &[],
                "start the service, or correct the port that its clients use; listenup list -p shows what listens",
            ),
            Self::NoConnection => problem(
                "no_connection",
                "no such connection on this machine",
                &[],
                "the peer still uses a connection that this machine does not have: after a virtual IP has moved or \
                 this machine has restarted, it has to connect again; if a NAT or firewall forgets idle connections, \
                 set a shorter net.ipv4.tcp_keepalive_time than its time-out",
            ),
            Self::AcceptQueue => Description {
                state: &["tcp_abort_on_overflow"],
                ..problem(
                    "accept_queue",
                    "accept queue full",
                    &["ListenOverflows", "ListenDrops", "TCPReqQFullDrop"],
                    "the service accepts too slowly, or its backlog (at most net.core.somaxconn) is too small; \
                     listenup check --max-queue 80% PORT reports the queue before it is full",
                )
            },
            Self::ListenerClosed => problem(
                "listener_closed",
                "service closed its listener with connections in the accept queue",
                &[],
                "the service stopped, restarted or was killed: check its log, systemctl status, and dmesg for the \
                 OOM killer",
            ),
            Self::UnreadData => problem(
                "unread_data",
                "closed with unread data",
                &["TCPAbortOnClose"],
                "check that program's log: it closed the socket, or ended, before it had read everything",
            ),
            Self::AfterClose => problem(
                "after_close",
                "data came after the close",
                &[],
                "this machine closed the connection first, and the peer still sent: compare the time-outs of both \
                 programs, and check whether the program here ended",
            ),
            Self::Aborted => problem(
                "aborted",
                "aborted by the local application",
                &["TCPAbortOnData", "TCPAbortOnLinger"],
                "check that program's log: it closes with SO_LINGER 0, TCP_LINGER2 below 0 or connect to \
                 AF_UNSPEC; TCPAbortOnData also counts data that came after a close",
            ),
            Self::Destroyed => problem(
                "destroyed",
                "ended by a tool for administrators",
                &[],
                "ss -K or another program that uses SOCK_DESTROY ended these connections: check what runs it",
            ),
            Self::TimeOut => problem(
                "time_out",
                "peer does not answer",
                &["TCPAbortOnTimeout"],
                "the peer has crashed or is unreachable, or a firewall on the way has forgotten the connection and \
                 drops its packets; ss -tno shows connections with retransmissions",
            ),
            Self::Memory => problem(
                "memory",
                "out of memory for sockets",
                &["TCPAbortOnMemory"],
                "compare orphan in /proc/net/sockstat with net.ipv4.tcp_max_orphans, and mem with net.ipv4.tcp_mem",
            ),
            Self::Mptcp => problem(
                "mptcp",
                "reset by Multipath TCP",
                &["MPFastcloseTx", "MPRstTx"],
                "a program closed a Multipath TCP connection with unread data, or a subflow was refused: check that \
                 program's log, and nstat -az 'MP*'",
            ),
            Self::BadSegment => problem(
                "bad_segment",
                "a segment did not fit its connection",
                &[],
                "two hosts can have the same address, or a middlebox changes segments; tcpdump -ni any \
                 'tcp[tcpflags] & tcp-rst != 0' shows each reset",
            ),
            Self::Conntrack => Description {
                state: &["nf_conntrack_count", "nf_conntrack_max"],
                ..problem(
                    "conntrack",
                    "connection tracking",
                    &[
                        "nf_conntrack.drop",
                        "nf_conntrack.early_drop",
                        "nf_conntrack.insert_failed",
                        "nf_conntrack.invalid",
                    ],
                    "check dmesg for \"table full\", and net.netfilter.nf_conntrack_max; packets that conntrack \
                     marks invalid bypass NAT, and the receiver resets them",
                )
            },
            Self::Firewall => problem(
                "firewall",
                "rejected by this machine's firewall",
                &[],
                "nft list ruleset shows the rule; the kernel counts these resets nowhere else",
            ),
            Self::ByPeer => problem(
                "by_peer",
                "reset by the peer",
                &[],
                "check the peer's log, or run listenup resets there; if the peer sent no reset, a firewall or NAT on \
                 the way did",
            ),
            Self::Attempts => problem(
                "attempts",
                "connections failed to open",
                &["AttemptFails"],
                "refused, reset or unanswered, as a client or as a server: check the service that this machine \
                 connects to",
            ),
            Self::Cut => problem(
                "cut",
                "established connections cut",
                &["EstabResets"],
                "a reset of either side, or a time-out; as root with tracefs, listenup names the connections",
            ),
            Self::Sent => problem(
                "sent",
                "resets sent, cause not counted",
                &["OutRsts"],
                "as root with tracefs and Linux 6.10 or later, listenup names the cause and the port",
            ),
            Self::Scan => note(
                "scan",
                "port scan",
                &[],
                "harmless, unless the peer should not scan: check the peer",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_cause_is_described_once() {
        let all: BTreeSet<Cause> = Cause::ALL.into();
        assert_eq!(all.len(), Cause::ALL.len());
        let ids: BTreeSet<&str> = all.iter().map(|cause| cause.describe().id).collect();
        assert_eq!(ids.len(), all.len());
        let mut counters = BTreeSet::new();
        for cause in all {
            for counter in cause.describe().counters {
                assert!(counters.insert(*counter), "{counter} has two causes");
            }
        }
    }
}
