//! A row of a table, which the procfs crate reads.

use std::net::SocketAddr;

use procfs::net::{TcpNetEntries, TcpNetEntry, TcpState, UdpNetEntries, UdpNetEntry, UdpState};
use procfs::{ExplicitSystemInfo, FromBufReadSI};

use super::Problem;
use crate::domain::{Listener, Protocol, Queue};
use crate::source::ByteOrder;

/// The columns of the row's number and, after the socket's pointer, of the retransmission timeout of TCP, or of the
/// dropped datagrams of UDP, counted from 0.
const SLOT: usize = 0;
const TIMEOUT: usize = 12;
const DROPS: usize = 12;

/// The content of a row.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) state: SocketState,
    /// The socket's local side; a listener only if `state` says so.
    pub(super) listener: Listener,
    /// Its number. Linux numbers the rows of a table 0, 1, 2, ...; gVisor lists sockets in any order, with the number of
    /// the socket (its pkg/sentry/fsimpl/proc/task_net.go). `None` if it is not a number.
    pub(super) slot: Option<u32>,
    /// True if the retransmission timeout is 0, which gVisor writes for every TCP socket. Linux writes 100 for a
    /// listener.
    pub(super) has_no_timeout: bool,
}

/// The states that matter: LISTEN (for UDP: not connected), SYN_RECV, and all others, which show the order of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SocketState {
    Listen,
    SynRecv,
    Other,
}

/// How many bytes of a row an error shows.
const SHOWN: usize = 100;

/// Parses a row of a table of this protocol, without its line feed.
///
/// # Errors
/// Returns an error for a row that lacks columns, or whose state or address is wrong.
pub(super) fn parse(row: &[u8], protocol: Protocol, order: ByteOrder) -> Result<Row, Problem> {
    // For a row, procfs uses only the byte order.
    let system = ExplicitSystemInfo {
        boot_time_secs: 0,
        ticks_per_second: 0,
        page_size: 0,
        is_little_endian: order == ByteOrder::Little,
    };
    // procfs reads whole tables, and skips the first line as the header.
    let table = std::io::Read::chain(&b"\n"[..], row);
    let one = match protocol {
        Protocol::Tcp => {
            let entries = TcpNetEntries::from_buf_read(table, &system);
            entries.map(|TcpNetEntries(rows)| rows.first().map(tcp))
        }
        Protocol::Udp => {
            let entries = UdpNetEntries::from_buf_read(table, &system);
            entries.map(|UdpNetEntries(rows)| rows.first().map(udp))
        }
    };
    // The errors of procfs name its own source code.
    let not_understood = || {
        let shown = row.trim_ascii();
        Problem::Row(
            shown
                .get(..SHOWN)
                .unwrap_or(shown)
                .escape_ascii()
                .to_string(),
        )
    };
    let (state, listener) = one.ok().flatten().ok_or_else(not_understood)?;
    let column = |index| {
        let mut words = row.split(u8::is_ascii_whitespace);
        words.by_ref().filter(|word| !word.is_empty()).nth(index)
    };
    let slot = column(SLOT).and_then(|slot| number(slot.strip_suffix(b":")?));
    let has_no_timeout = protocol == Protocol::Tcp && column(TIMEOUT).and_then(number) == Some(0);
    let drops = match protocol {
        Protocol::Tcp => None,
        Protocol::Udp => column(DROPS).and_then(number),
    };
    Ok(Row {
        state,
        listener: Listener { drops, ..listener },
        slot,
        has_no_timeout,
    })
}

fn tcp(entry: &TcpNetEntry) -> (SocketState, Listener) {
    let state = match entry.state {
        TcpState::Listen => SocketState::Listen,
        TcpState::SynRecv | TcpState::NewSynRecv => SocketState::SynRecv,
        _ => SocketState::Other,
    };
    let TcpNetEntry {
        local_address,
        rx_queue,
        uid,
        inode,
        ..
    } = *entry;
    let listener = listener(Protocol::Tcp, local_address, rx_queue, uid, inode);
    (state, listener)
}

fn udp(entry: &UdpNetEntry) -> (SocketState, Listener) {
    let state = match entry.state {
        UdpState::Close => SocketState::Listen,
        UdpState::Established => SocketState::Other,
    };
    let UdpNetEntry {
        local_address,
        rx_queue,
        uid,
        inode,
        ..
    } = *entry;
    let listener = listener(Protocol::Udp, local_address, rx_queue, uid, inode);
    (state, listener)
}

fn listener(protocol: Protocol, local: SocketAddr, length: u32, uid: u32, inode: u64) -> Listener {
    let limit = None;
    Listener {
        protocol,
        queue: Some(Queue { length, limit }),
        uid: Some(uid),
        inode: Some(inode),
        ..Listener::at(local.ip(), local.port())
    }
}

fn number(word: &[u8]) -> Option<u32> {
    std::str::from_utf8(word).ok()?.parse().ok()
}
