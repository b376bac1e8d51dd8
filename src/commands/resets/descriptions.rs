//! The texts and counters of each cause.

use super::causes::Cause;
use super::monitor::Trace;

/// The texts and counters of a cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Description {
    /// The cause.
    pub cause: Cause,
    /// Its name in JSON.
    pub id: &'static str,
    /// Its name for a person.
    pub name: &'static str,
    /// The counters that belong to it.
    pub counters: &'static [&'static str],
    /// Settings and levels that belong to it.
    pub state: &'static [&'static str],
    /// The next step for an operator.
    pub next: &'static str,
}

impl Cause {
    /// Returns the description. Each counter is moved by, in Linux 6.18:
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
    /// - TCPMD5..., TCPAO...: a segment is dropped because its signature is missing, unwanted, wrong or by an unknown
    ///   key (`tcp_inbound_md5_hash`, `tcp_inbound_ao_hash`).
    /// - nf_conntrack.drop: a packet is dropped because no entry can be made (`nf_conntrack_in`); early_drop:
    ///   a full table loses an entry for another (`early_drop_list`); insert_failed: an entry clashes with another,
    ///   as when NAT chose the same port for two (`__nf_conntrack_confirm`); invalid: a packet fits no known
    ///   connection (`nf_conntrack_in`).
    /// - AttemptFails: a connection ends in SYN_SENT or SYN_RECV (`tcp_done`, `tcp_check_req`). EmbryonicRsts: a
    ///   half-open connection ends by a reset of the peer, which no tracepoint has, by a SYN that does not fit, or by
    ///   a full accept queue with tcp_abort_on_overflow (`tcp_check_req`).
    /// - EstabResets: a connection goes from ESTABLISHED or CLOSE_WAIT to CLOSE, by a reset of either
    ///   side or a time-out (`tcp_set_state`).
    /// - OutRsts: a reset is sent (`tcp_v4_send_reset`, `tcp_send_active_reset`).
    pub fn describe(self) -> Description {
        let found = DESCRIPTIONS
            .iter()
            .find(|description| description.cause == self);
        *found.unwrap_or(&PLAIN)
    }

    /// Returns all causes, in the order of the report.
    pub fn all() -> impl Iterator<Item = Self> {
        DESCRIPTIONS.iter().map(|description| description.cause)
    }
}

impl Description {
    /// Returns the next step. Advice to trace is only for those who did not.
    pub fn next_with(&self, trace: &Trace) -> &'static str {
        match (self.cause, trace) {
            (
                Cause::Sent,
                Trace::On {
                    has_reasons: true, ..
                },
            ) => "tcpdump -ni any 'tcp[tcpflags] & tcp-rst != 0' shows each reset",
            (Cause::Sent, Trace::Off) => {
                "without --trace off, as root with tracefs and Linux 6.10 or later, listenup names the cause and the port"
            }
            (Cause::Cut, Trace::On { .. }) => {
                "a reset of either side that was not traced here, or a time-out; tcpdump -ni any 'tcp[tcpflags] & \
                 tcp-rst != 0' shows each reset"
            }
            _ => self.next,
        }
    }
}

const PLAIN: Description = Description {
    cause: Cause::Sent,
    id: "",
    name: "",
    counters: &[],
    state: &[],
    next: "",
};

/// A description for each cause, in the order of the report.
const DESCRIPTIONS: [Description; 20] = [
    Description {
        cause: Cause::NoListener,
        id: "no_listener",
        name: "nothing listened on the port",
        next: "start the service, or let it listen where its clients connect: on that address, port and device; \
               listenup list -p shows all listeners",
        ..PLAIN
    },
    Description {
        cause: Cause::NoConnection,
        id: "no_connection",
        name: "no such connection on this machine",
        next: "the peer sends on a connection that this machine does not have: after a virtual IP has moved, this \
               machine has restarted or its accept queue was full, it has to connect again; if a NAT or firewall forgets \
               idle connections, set a shorter net.ipv4.tcp_keepalive_time than its time-out",
        ..PLAIN
    },
    Description {
        cause: Cause::AcceptQueue,
        id: "accept_queue",
        name: "accept queue full",
        counters: &["ListenOverflows", "ListenDrops", "TCPReqQFullDrop"],
        state: &["tcp_abort_on_overflow"],
        next: "the service accepts too slowly, or its backlog (at most net.core.somaxconn) is too small; listenup \
               check --max-queue 80% PORT reports the queue before it is full",
    },
    Description {
        cause: Cause::ListenerClosed,
        id: "listener_closed",
        name: "listener closed with connections in its accept queue",
        next: "the service stopped, restarted or was killed, or ss -K ended its listener: check its log, systemctl \
               status, and dmesg for the OOM killer",
        ..PLAIN
    },
    Description {
        cause: Cause::UnreadData,
        id: "unread_data",
        name: "closed with unread data",
        counters: &["TCPAbortOnClose"],
        next: "check that program's log: it closed the socket, or ended, before it had read everything",
        ..PLAIN
    },
    Description {
        cause: Cause::AfterClose,
        id: "after_close",
        name: "data came after the close",
        next: "this machine closed the connection first, and the peer still sent: compare the time-outs of both \
               programs, and check whether the program here ended",
        ..PLAIN
    },
    Description {
        cause: Cause::Aborted,
        id: "aborted",
        name: "aborted by the local application",
        counters: &["TCPAbortOnData", "TCPAbortOnLinger"],
        next: "check that program's log: it closes with SO_LINGER 0, TCP_LINGER2 below 0 or connect to AF_UNSPEC; \
               TCPAbortOnData also counts data that came after a close",
        ..PLAIN
    },
    Description {
        cause: Cause::Destroyed,
        id: "destroyed",
        name: "ended by a tool for administrators",
        next: "ss -K or another program that destroys sockets ended these connections: check what runs it",
        ..PLAIN
    },
    Description {
        cause: Cause::TimeOut,
        id: "time_out",
        name: "peer did not answer",
        counters: &["TCPAbortOnTimeout"],
        next: "the peer has crashed or is unreachable, or a firewall drops its packets, as one does that has \
               forgotten an idle connection; ss -tno shows connections with retransmissions",
        ..PLAIN
    },
    Description {
        cause: Cause::Memory,
        id: "memory",
        name: "out of memory for sockets",
        counters: &["TCPAbortOnMemory"],
        next: "compare orphan in /proc/net/sockstat with net.ipv4.tcp_max_orphans, and mem with net.ipv4.tcp_mem",
        ..PLAIN
    },
    Description {
        cause: Cause::Mptcp,
        id: "mptcp",
        name: "reset by Multipath TCP",
        counters: &["MPFastcloseTx", "MPRstTx"],
        next: "a program closed a Multipath TCP connection with unread data, or a subflow was refused: check that \
               program's log, and nstat -az 'MP*'",
        ..PLAIN
    },
    Description {
        cause: Cause::BadSegment,
        id: "bad_segment",
        name: "a segment did not fit its connection",
        next: "two hosts can have the same address, or a middlebox changes segments; tcpdump -ni any \
               'tcp[tcpflags] & tcp-rst != 0' shows each reset",
        ..PLAIN
    },
    Description {
        cause: Cause::Signature,
        id: "signature",
        name: "segments dropped for their TCP-MD5 or TCP-AO signature",
        counters: &[
            "TCPMD5NotFound",
            "TCPMD5Unexpected",
            "TCPMD5Failure",
            "TCPAORequired",
            "TCPAOBad",
            "TCPAOKeyNotFound",
        ],
        next: "compare the keys or passwords of both ends, such as those of BGP; a stranger's segments have none",
        ..PLAIN
    },
    Description {
        cause: Cause::Conntrack,
        id: "conntrack",
        name: "connection tracking",
        counters: &[
            "nf_conntrack.drop",
            "nf_conntrack.early_drop",
            "nf_conntrack.insert_failed",
            "nf_conntrack.invalid",
        ],
        state: &["nf_conntrack_count", "nf_conntrack_max"],
        next: "check dmesg for \"table full\", and net.netfilter.nf_conntrack_max; packets that conntrack marks \
               invalid bypass NAT, and the receiver can reset them",
    },
    Description {
        cause: Cause::Firewall,
        id: "firewall",
        name: "rejected by this machine's firewall",
        next: "nft list ruleset shows the rule; TCP does not count its resets, and a packet that is a reset itself \
               gets none",
        ..PLAIN
    },
    Description {
        cause: Cause::Received,
        id: "received",
        name: "resets received",
        next: "check the peer's log, or run listenup resets there; if the peer sent no reset, a firewall or NAT did, \
               on the way or on this machine",
        ..PLAIN
    },
    Description {
        cause: Cause::Attempts,
        id: "attempts",
        name: "connections failed to open",
        counters: &["AttemptFails", "EmbryonicRsts"],
        next: "refused, reset or unanswered: as a client, check the service that this machine connects to; as a \
               server, EmbryonicRsts has half-open connections that were reset, as by a port scan",
        ..PLAIN
    },
    Description {
        cause: Cause::Cut,
        id: "cut",
        name: "established connections cut",
        counters: &["EstabResets"],
        next: "a reset of either side, or a time-out; as root with tracefs, listenup names the connections",
        ..PLAIN
    },
    Description {
        cause: Cause::Sent,
        id: "sent",
        name: "resets sent, cause not counted",
        counters: &["OutRsts"],
        next: "as root with tracefs and Linux 6.10 or later, listenup names the cause and the port",
        ..PLAIN
    },
    Description {
        cause: Cause::Scan,
        id: "scan",
        name: "one peer tried many closed ports",
        next: "a port scan, often harmless, or a peer whose services are not running here: check the peer",
        ..PLAIN
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_cause_is_described_once() {
        let all: Vec<Cause> = Cause::all().collect();
        for (number, cause) in all.iter().enumerate() {
            assert_eq!((*cause as usize, cause.describe().cause), (number, *cause));
        }
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
