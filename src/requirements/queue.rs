//! `--max-queue`: how full an accept queue (TCP) or a receive queue (UDP) can be.

use std::str::FromStr;

use crate::domain::{Compliance, Listener, Protocol, Queue, UnknownReason, Violation};

/// The value of `--max-queue`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaxQueue {
    /// The number of connections that can wait, for UDP of bytes.
    Waiting(u32),
    /// A share of the queue's own limit, in percent, up to 100.
    Percent(u32),
}

impl MaxQueue {
    /// Returns how many connections or bytes can wait in a queue with this limit. `None` if the limit matters and
    /// is unknown.
    pub fn of(self, limit: Option<u32>) -> Option<u32> {
        match self {
            Self::Waiting(most) => Some(most),
            Self::Percent(percent) => {
                let part = u64::from(limit?) * u64::from(percent) / 100;
                u32::try_from(part).ok()
            }
        }
    }

    /// Returns whether the listener keeps up. `dropped` is how many datagrams a UDP socket has dropped since an earlier look.
    /// The kernel keeps the queue below its limit by the size of the next datagram, so the length does not show that it is
    /// full. A filter drops datagrams, too, but then the queue is at most half full.
    pub fn judge(self, listener: &Listener, dropped: u32) -> Compliance {
        let name = match listener.protocol {
            Protocol::Tcp => "accept queue",
            Protocol::Udp => "receive queue",
        };
        let unknown = |what| {
            Compliance::Unknown(UnknownReason::new(format_args!(
                "{listener} {}, but the {what} of its {name} is unknown",
                listener.protocol.state_word()
            )))
        };
        let Some(queue) = listener.queue else {
            return unknown("length");
        };
        let half = queue.limit.map_or(0, |limit| limit / 2);
        if dropped > 0 && queue.length > half {
            let wait = waiting(listener.protocol, queue);
            let were = if dropped == 1 {
                "datagram was"
            } else {
                "datagrams were"
            };
            return Compliance::Violates(Violation::QueueTooLong(format!(
                "{wait} at {listener}, and {dropped} {were} dropped since the look before"
            )));
        }
        match self.of(queue.limit) {
            None => unknown("limit"),
            Some(most) if queue.length <= most => Compliance::Compliant,
            Some(most) => {
                let limit = match queue.limit {
                    Some(limit) => format!(" (limit {limit})"),
                    None => String::new(),
                };
                let wait = waiting(listener.protocol, queue);
                let dropped = match listener.drops {
                    Some(drops) => format!(", {drops} dropped so far"),
                    None => String::new(),
                };
                Compliance::Violates(Violation::QueueTooLong(format!(
                    "{wait} at {listener}, more than {most}{limit}{dropped}"
                )))
            }
        }
    }
}

fn waiting(protocol: Protocol, Queue { length, .. }: Queue) -> String {
    match (protocol, length) {
        (Protocol::Tcp, 1) => "1 connection waits".to_owned(),
        (Protocol::Tcp, length) => format!("{length} connections wait"),
        (Protocol::Udp, length) => format!("{length} bytes wait"),
    }
}

impl FromStr for MaxQueue {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error =
            "expected a number of connections (UDP: bytes), or 0% to 100% of the queue's limit";
        let (digits, percent) = match text.strip_suffix('%') {
            Some(digits) => (digits, true),
            None => (text, false),
        };
        // `u32::from_str` alone would take `+5`.
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(error);
        }
        match (digits.parse().map_err(|_| error)?, percent) {
            (most, false) => Ok(Self::Waiting(most)),
            (percent @ 0..=100, true) => Ok(Self::Percent(percent)),
            _ => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Queue;

    fn judge(max: &str, length: u32, limit: Option<u32>) -> &'static str {
        let mut listener = Listener::at([127, 0, 0, 1], 443);
        listener.queue = Some(Queue { length, limit });
        match max.parse::<MaxQueue>().unwrap().judge(&listener, 0) {
            Compliance::Compliant => "fit",
            Compliance::Violates(Violation::QueueTooLong(_)) => "queue too long",
            Compliance::Violates(Violation::WrongOwner(_)) => "wrong owner",
            Compliance::Unknown(_) => "unknown",
        }
    }

    #[test]
    fn a_queue_at_the_limit_passes_and_above_it_fails() {
        for (max, length, limit, expected) in [
            ("90%", 115, Some(128), "fit"), // 115.2
            ("90%", 116, Some(128), "queue too long"),
            ("100%", 128, Some(128), "fit"),
            ("100%", 129, Some(128), "queue too long"), // what the kernel calls full
            ("0%", 0, Some(128), "fit"),
            ("0%", 1, Some(128), "queue too long"),
            ("100%", 1, Some(0), "queue too long"),
            ("100%", u32::MAX, Some(u32::MAX), "fit"),
            ("90%", 1, None, "unknown"),
            ("10", 10, None, "fit"),
            ("10", 11, None, "queue too long"),
            ("0", 1, Some(128), "queue too long"),
        ] {
            assert_eq!(
                judge(max, length, limit),
                expected,
                "{max} of {length}/{limit:?}"
            );
        }
        let max: MaxQueue = "10".parse().unwrap();
        assert!(matches!(
            max.judge(&Listener::at([127, 0, 0, 1], 443), 0),
            Compliance::Unknown(_)
        ));
    }

    #[test]
    fn the_number_of_waiting_connections_agrees_with_the_verb() {
        for (length, why) in [
            (1, "1 connection waits at 127.0.0.1:443, more than 0"),
            (2, "2 connections wait at 127.0.0.1:443, more than 0"),
        ] {
            let mut listener = Listener::at([127, 0, 0, 1], 443);
            let limit = None;
            listener.queue = Some(Queue { length, limit });
            match MaxQueue::Waiting(0).judge(&listener, 0) {
                Compliance::Violates(violation) => assert_eq!(violation.why(), why),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_udp_queue_is_reported_in_bytes_with_its_drops() {
        let mut listener = Listener {
            protocol: Protocol::Udp,
            drops: Some(7),
            ..Listener::at([127, 0, 0, 1], 53)
        };
        listener.queue = Some(Queue {
            length: 213_000,
            limit: Some(212_992),
        });
        match "90%".parse::<MaxQueue>().unwrap().judge(&listener, 0) {
            Compliance::Violates(violation) => assert_eq!(
                violation.why(),
                "213000 bytes wait at 127.0.0.1:53, more than 191692 (limit 212992), 7 dropped so far"
            ),
            other => panic!("{other:?}"),
        }
        listener.queue = Some(Queue {
            length: 0,
            limit: None,
        });
        match "90%".parse::<MaxQueue>().unwrap().judge(&listener, 0) {
            Compliance::Unknown(reason) => assert_eq!(
                reason.to_string(),
                "127.0.0.1:53 is bound, but the limit of its receive queue is unknown"
            ),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn drops_count_only_if_the_udp_queue_is_more_than_half_full() {
        for (length, limit, dropped, full) in [
            (60, Some(100), 1, true),
            (50, Some(100), 1, false),
            (60, Some(100), 0, false),
            (1, None, 2, true),
            (0, None, 2, false),
        ] {
            let mut listener = Listener {
                protocol: Protocol::Udp,
                ..Listener::at([127, 0, 0, 1], 53)
            };
            listener.queue = Some(Queue { length, limit });
            let judged = MaxQueue::Waiting(100).judge(&listener, dropped);
            let violates = matches!(judged, Compliance::Violates(_));
            assert_eq!(violates, full, "{length} of {limit:?}, {dropped} dropped");
        }
    }

    #[test]
    fn other_queue_limits_are_refused() {
        for text in [
            "",
            "%",
            "101%",
            "-1",
            "+1",
            "1.5",
            "90 %",
            "90%%",
            "x",
            "4294967296",
        ] {
            assert!(text.parse::<MaxQueue>().is_err(), "{text:?}");
        }
    }
}
