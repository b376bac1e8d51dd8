//! The rows after which a pass over a table can stop, and whether the pass is then complete.

use super::{HEADER, Script, on_443, row, seen_by, seen_of};
use crate::domain::Protocol;
use crate::source::ByteOrder;
use crate::source::proc::rows::Stride;
use crate::source::proc::{Pass, Problem};

/// A row as gVisor writes it (Debian's runsc 20221219): without padding, with the number of the socket, a pointer of zeros and
/// no timeout.
fn gvisor_row(id: u32, local: &str, state: &str) -> String {
    format!(
        "{id:4}: {local} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000     0        0        7 1 0000000000000000 0 0 0 0 0\n"
    )
}

#[test]
fn header_only_is_a_table_without_listeners() {
    assert!(on_443(|| HEADER.as_bytes()).is_empty());
    assert_eq!(
        seen_by(HEADER.as_bytes(), Stride::Page, &[443], ByteOrder::Little).1,
        Ok(Pass::Complete)
    );
}

#[test]
fn a_pass_ends_after_the_last_listener() {
    let listener = row(0, "00000000:0050", "0A");
    let connection = row(1, "0100007F:01BB", "01");
    let eio = || Err(std::io::Error::from_raw_os_error(5));
    let table = || Script::of([Ok(HEADER), Ok(&*listener), Ok(&*connection), eio()]);
    assert!(on_443(table).is_empty());
}

#[test]
fn syn_recv_between_listeners_does_not_end_a_pass() {
    // Kernels up to 4.3 list such rows between the listeners.
    for state in ["03", "0C"] {
        let rows = [
            row(0, "0100007F:0050", state),
            row(1, "00000000:01BB", "0A"),
        ];
        let table = [HEADER, &rows.concat()].concat();
        assert_eq!(on_443(|| table.as_bytes()), ["0.0.0.0:443"]);
    }
}

#[test]
fn a_table_of_gvisor_is_read_to_its_end() {
    let mut table = HEADER.to_owned();
    for id in 3..600 {
        table += &gvisor_row(id, "0100007F:9C40", "01");
    }
    table += &gvisor_row(600, "00000000:01BB", "0A");
    table += &gvisor_row(601, "0100007F:9C40", "01");
    assert_eq!(on_443(|| table.as_bytes()), ["0.0.0.0:443"]);
}

#[test]
fn a_table_is_in_order_only_while_its_rows_are_numbered_and_have_timeouts() {
    let connections = |slots: std::ops::Range<u32>, row: &dyn Fn(u32) -> String| {
        slots.map(row).collect::<String>()
    };
    let linux = |slot| row(slot, "0100007F:9C40", "01");
    let gvisor = |slot| gvisor_row(slot, "0100007F:9C40", "01");
    for (first, rest, end) in [
        (
            connections(0..1, &linux),
            connections(1..600, &linux),
            Pass::Complete,
        ),
        // The first has only a gap in the numbers, the second only timeouts of 0.
        (
            connections(5..6, &linux),
            connections(6..600, &linux),
            Pass::Incomplete,
        ),
        (
            connections(0..1, &gvisor),
            connections(1..600, &gvisor),
            Pass::Incomplete,
        ),
    ] {
        let listener = row(600, "00000000:01BB", "0A");
        let table = [HEADER, &first, &rest, &listener].concat();
        let (seen, found) = seen_by(table.as_bytes(), Stride::Page, &[443], ByteOrder::Little);
        assert_eq!(found, Ok(end), "{first}");
        assert_eq!(seen.is_empty(), end == Pass::Complete, "{first}");
    }
}

#[test]
fn a_udp_table_without_a_drops_column_is_an_error() {
    let gvisor = "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
    let (_, end) = seen_of(
        Protocol::Udp,
        gvisor.as_bytes(),
        Stride::Page,
        &[53],
        ByteOrder::Little,
    );
    assert_eq!(end, Err(Problem::WithoutDrops));
}

#[test]
fn a_listener_after_another_state_makes_the_pass_read_to_the_end() {
    // Each row looks like one of Linux, but Linux does not write them in this order.
    let mut table = HEADER.to_owned();
    table += &row(0, "0100007F:9C40", "01");
    table += &row(1, "00000000:0050", "0A");
    for slot in 2..600 {
        table += &row(slot, "0100007F:9C40", "01");
    }
    table += &row(600, "00000000:01BB", "0A");
    let (seen, end) = seen_by(table.as_bytes(), Stride::Page, &[443], ByteOrder::Little);
    assert_eq!((seen.len(), end), (1, Ok(Pass::Incomplete)));
}

#[test]
fn a_pass_is_complete_if_one_read_holds_all_listeners() {
    for (listeners, open_end, closed_end) in [
        (0, Pass::Complete, Pass::Complete),
        (22, Pass::Complete, Pass::Complete),
        // The end of the file takes another read, and before that read another row could have been there.
        (25, Pass::Incomplete, Pass::Complete),
        (26, Pass::Incomplete, Pass::Incomplete),
    ] {
        let mut open = HEADER.to_owned();
        for slot in 0..listeners {
            open += &row(slot, "00000000:0050", "0A");
        }
        let mut closed = open.clone();
        for slot in listeners..listeners + 100 {
            closed += &row(slot, "0100007F:9C40", "01");
        }
        for (table, expected) in [(open, open_end), (closed, closed_end)] {
            let end = seen_by(table.as_bytes(), Stride::Page, &[443], ByteOrder::Little).1;
            let length = table.len();
            assert_eq!(end, Ok(expected), "{listeners} listeners, {length} bytes");
        }
    }
}
