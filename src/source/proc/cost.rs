//! The estimated cost of reading the tables, from the number of sockets.

use std::time::Duration;

use crate::domain::Family;

/// The time of the walk past an empty table of connections, and past one socket in it.
///
/// `scripts/bench` (in-process looks, Linux 6.18, 2 cores) found one walk to take 1.8 ms with no
/// sockets in a table of 262,144 buckets, 12 to 25 ms with 100,000 and 155 to 180 ms with 1,000,000:
/// 0.15 to 0.23 us a socket. The kernel makes at most 524,288 buckets by itself
/// (net/ipv4/tcp.c, tcp_init), hence twice that for the empty table, rounded up.
const TABLE: Duration = Duration::from_millis(4);
const SOCKET: Duration = Duration::from_nanos(250);

/// The same for the table of UDP, which is walked from its beginning at every read (net/ipv4/udp.c, udp_get_idx), and
/// the rows of udp in one read. `scripts/udp` (same machine) measured a cross-check to take 1.6 ms with 1,000 sockets,
/// 50 ms with 10,000 and 4.1 s with 100,000. On another machine it took up to two and a half times as long; the limit
/// of the cross-check cuts that short.
const UDP_TABLE: Duration = Duration::from_micros(60);
const UDP_SOCKET: Duration = Duration::from_nanos(25);
const UDP_ROWS: u32 = 30;

/// Returns how long it takes to read the UDP table of a family with this many sockets.
pub(crate) fn of_udp_table(sockets: u32) -> Duration {
    UDP_TABLE
        .saturating_add(UDP_SOCKET.saturating_mul(sockets / 2))
        .saturating_mul(sockets / UDP_ROWS + 1)
}

/// Returns how long it takes to read tcp and tcp6 if neither read stops early.
pub(crate) fn of_both_tables(sockets: u32) -> Duration {
    TABLE
        .saturating_add(SOCKET.saturating_mul(sockets))
        .saturating_mul(2)
}

/// The TCP sockets in the kernel's table of connections, from /proc/self/net/sockstat: `alloc` counts the sockets of
/// the whole host, and `tw` those in TIME_WAIT, which `alloc` leaves out (net/ipv4/proc.c, sockstat_seq_show). `None`
/// if the file does not have them.
pub(crate) fn sockets(sockstat: &[u8]) -> Option<u32> {
    let alloc = figure(sockstat, "TCP:", "alloc")?;
    Some(alloc.saturating_add(figure(sockstat, "TCP:", "tw")?))
}

/// The UDP sockets of a family in this network namespace, from /proc/self/net/sockstat, or sockstat6 for IPv6. `None`
/// if the file does not have them.
pub(crate) fn udp_sockets(sockstat: &[u8], family: Family) -> Option<u32> {
    let line = match family {
        Family::V4 => "UDP:",
        Family::V6 => "UDP6:",
    };
    figure(sockstat, line, "inuse")
}

/// Returns the number with this name on the line that begins with this text.
fn figure(sockstat: &[u8], line: &str, wanted: &str) -> Option<u32> {
    let text = std::str::from_utf8(sockstat).ok()?;
    let line = text.lines().find_map(|text| text.strip_prefix(line))?;
    let mut words = line.split_ascii_whitespace();
    while let (Some(name), Some(figure)) = (words.next(), words.next()) {
        if name == wanted {
            return figure.parse().ok();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_are_counted_from_sockstat() {
        let text = b"sockets: used 1000135\n\
            TCP: inuse 1000000 orphan 0 tw 17 alloc 1000001 mem 220\n\
            UDP: inuse 1 mem 0\nUDPLITE: inuse 0\nRAW: inuse 0\nFRAG: inuse 0 memory 0\n";
        assert_eq!(sockets(text), Some(1_000_018));
    }

    #[test]
    fn an_unknown_sockstat_gives_no_count() {
        for text in [
            "",
            "TCP:\n",
            "TCP: inuse 3 orphan 0 tw 0\n",
            "TCP: alloc 5\n",
            "TCP: tw x alloc 5\n",
            "TCP: tw 0 alloc -5\n",
            "TCP: tw 0 alloc\n",
            "UDP: tw 0 alloc 5\n",
        ] {
            assert_eq!(sockets(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(sockets(b"TCP: tw 1 alloc 2 \xff"), None);
    }

    #[test]
    fn udp_sockets_are_counted_per_family() {
        let text = b"sockets: used 135\nTCP: inuse 1 orphan 0 tw 0 alloc 1 mem 0\n\
            UDP: inuse 30 mem 0\nUDPLITE: inuse 7\n";
        let six = b"TCP6: inuse 0\nUDP6: inuse 5\nUDPLITE6: inuse 0\n";
        assert_eq!(udp_sockets(text, Family::V4), Some(30));
        assert_eq!(udp_sockets(six, Family::V6), Some(5));
        assert_eq!(udp_sockets(text, Family::V6), None);
        assert_eq!(udp_sockets(b"UDP: inuse x", Family::V4), None);
    }

    #[test]
    fn the_cross_check_budget_allows_ten_thousand_udp_sockets_and_not_a_hundred_thousand() {
        let budget = Duration::from_millis(100);
        assert_eq!(of_udp_table(0), UDP_TABLE);
        assert!(of_udp_table(10_000) <= budget);
        assert!(of_udp_table(100_000) > budget);
        assert!(of_udp_table(u32::MAX) > budget);
    }

    #[test]
    fn the_cross_check_budget_allows_a_hundred_thousand_tcp_sockets_and_not_a_million() {
        let budget = Duration::from_millis(100);
        assert!(of_both_tables(0) <= budget);
        assert!(of_both_tables(100_000) <= budget);
        assert!(of_both_tables(1_000_000) > budget);
        assert!(of_both_tables(u32::MAX) > budget);
    }
}
