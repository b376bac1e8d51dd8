//! One row of a table, read by the procfs crate.

use procfs::net::{TcpNetEntries, TcpState};
use procfs::{ExplicitSystemInfo, FromBufReadSI};

use super::Problem;
use crate::domain::{Listener, Queue};
use crate::source::ByteOrder;

/// The column of the socket's pointer, counted from 0.
const POINTER: usize = 11;

/// What a row tells.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) state: State,
    /// The socket's local side; a listener only if `state` says so.
    pub(super) listener: Listener,
    /// Whether Linux wrote it. gVisor lists sockets in any order, and writes the socket's pointer
    /// with 0x in front (its pkg/sentry/fsimpl/proc/task_net.go), which Linux's %pK never does.
    pub(super) by_linux: bool,
}

/// The states that matter for the order of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Listen,
    SynRecv,
    Other,
}

/// Reads one row, without its line feed.
///
/// # Errors
/// A row that lacks columns, or one with a state or an address that is none.
pub(super) fn parse(row: &[u8], order: ByteOrder) -> Result<Row, Problem> {
    // The table's byte order is all that procfs takes from this for a row.
    let system = ExplicitSystemInfo {
        boot_time_secs: 0,
        ticks_per_second: 0,
        page_size: 0,
        is_little_endian: order == ByteOrder::Little,
    };
    // procfs takes a whole table for its unit and skips the first line as its header.
    let table = std::io::Read::chain(&b"\n"[..], row);
    let entries = TcpNetEntries::from_buf_read(table, &system);
    let TcpNetEntries(entries) = entries.map_err(|error| Problem::Row(error.to_string()))?;
    let [entry] = entries.as_slice() else {
        return Err(Problem::Row("it is empty".to_owned()));
    };
    let state = match entry.state {
        TcpState::Listen => State::Listen,
        TcpState::SynRecv | TcpState::NewSynRecv => State::SynRecv,
        _ => State::Other,
    };
    let local = entry.local_address;
    let listener = Listener {
        queue: Some(Queue {
            length: entry.rx_queue,
            limit: None,
        }),
        uid: Some(entry.uid),
        inode: Some(entry.inode),
        ..Listener::at(local.ip(), local.port())
    };
    let pointer = row
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
        .nth(POINTER);
    let by_linux = pointer.is_some_and(|pointer| !pointer.starts_with(b"0x"));
    Ok(Row {
        state,
        listener,
        by_linux,
    })
}
