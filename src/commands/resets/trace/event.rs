//! One reset, as the tracepoints tcp:tcp_send_reset and tcp:tcp_receive_reset show it
//! (include/trace/events/tcp.h).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::format::{EventFormat, Field};
use crate::source::ByteOrder;

/// TRACE_FLAG_HARDIRQ and TRACE_FLAG_SOFTIRQ (include/linux/trace_events.h).
const IN_INTERRUPT: u64 = 0x08 | 0x10;
/// TRACE_FLAG_BH_OFF (Linux 5.18).
const SOFTIRQS_OFF: u64 = 0x80;
// sk_state (include/net/tcp_states.h).
const TCP_CLOSE: u64 = 7;
const TCP_LISTEN: u64 = 10;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;

/// The sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// This machine.
    Sent,
    /// The peer.
    Received,
}

/// An address and a port.
pub type AddressPort = (IpAddr, u16);

/// A reset. `None` if the kernel does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reset {
    /// The sender.
    pub direction: Direction,
    /// This machine's end; a listener's own address where no connection is known.
    pub local: Option<AddressPort>,
    /// The other end.
    pub peer: Option<AddressPort>,
    /// The number of the reason. The event's format has its name.
    pub reason: Option<u64>,
    /// True if a listener sent it.
    pub by_listener: bool,
    /// True if the connection had been closed before.
    pub is_closed: bool,
    /// The thread that ran then, by its number on the host.
    pub pid: Option<u32>,
    /// True if that thread sent it, and not an interrupt on its processor.
    pub by_thread: bool,
    /// True if the thread had softirqs disabled.
    pub softirqs_off: bool,
}

/// The fields of an event.
#[derive(Clone, Debug)]
pub struct Event {
    id: u64,
    direction: Direction,
    kind: Field,
    pid: Option<Field>,
    flags: Option<Field>,
    state: Option<Field>,
    reason: Option<Field>,
    local: Side,
    peer: Side,
    order: ByteOrder,
}

/// The fields of one end.
#[derive(Clone, Copy, Debug)]
enum Side {
    Unknown,
    /// A struct sockaddr_in or sockaddr_in6 (Linux 6.10).
    Sockaddr(Field),
    /// A port in host order, and an address that is IPv4-mapped for IPv4.
    Apart(Field, Field),
}

impl Event {
    /// Returns the fields. `None` if the format does not identify its records.
    pub fn new(format: &EventFormat, direction: Direction, order: ByteOrder) -> Option<Self> {
        Some(Self {
            id: format.id?,
            direction,
            kind: format.field("common_type")?,
            pid: format.field("common_pid"),
            flags: format.field("common_flags"),
            state: format.field("state"),
            reason: format.field("reason"),
            local: Side::of(format, ["saddr", "saddr_v6", "sport"]),
            peer: Side::of(format, ["daddr", "daddr_v6", "dport"]),
            order,
        })
    }

    /// Reads a record. `None` if it is another event's, or too short.
    pub fn read(&self, record: &[u8]) -> Option<Reset> {
        let order = self.order;
        if self.kind.number(record, order)? != self.id {
            return None;
        }
        let number = |field: Option<Field>| field?.number(record, order);
        let (state, flags) = (number(self.state), number(self.flags));
        Some(Reset {
            direction: self.direction,
            local: self.local.read(record, order),
            peer: self.peer.read(record, order),
            reason: number(self.reason),
            by_listener: state == Some(TCP_LISTEN),
            is_closed: state == Some(TCP_CLOSE),
            pid: number(self.pid).and_then(|pid| u32::try_from(pid).ok()),
            by_thread: flags.is_some_and(|flags| flags & IN_INTERRUPT == 0),
            softirqs_off: flags.is_some_and(|flags| flags & SOFTIRQS_OFF != 0),
        })
    }
}

impl Side {
    fn of(format: &EventFormat, [address, address_v6, port]: [&str; 3]) -> Self {
        let field = |name| format.field(name);
        match (field(address), field(address_v6), field(port)) {
            (_, Some(address), Some(port)) if address.size == 16 => Self::Apart(port, address),
            (Some(sockaddr), None, None) if sockaddr.size >= 28 => Self::Sockaddr(sockaddr),
            _ => Self::Unknown,
        }
    }

    /// Reads an end. `None` if it has neither an address nor a port, as the peer of a listener.
    fn read(self, record: &[u8], order: ByteOrder) -> Option<AddressPort> {
        let (address, port) = match self {
            Self::Unknown => None,
            Self::Apart(port, address) => {
                let address: [u8; 16] = address.of(record)?.try_into().ok()?;
                let port = u16::try_from(port.number(record, order)?).ok()?;
                Some((Ipv6Addr::from(address).into(), port))
            }
            Self::Sockaddr(field) => sockaddr(field.of(record)?, order),
        }?;
        let end = (IpAddr::to_canonical(&address), port);
        (port != 0 || !end.0.is_unspecified()).then_some(end)
    }
}

fn sockaddr(bytes: &[u8], order: ByteOrder) -> Option<AddressPort> {
    let (family, rest) = bytes.split_first_chunk()?;
    let (port, rest) = rest.split_first_chunk()?;
    let address = match order.u16(*family) {
        AF_INET => Ipv4Addr::from(*rest.first_chunk::<4>()?).into(),
        // sin6_flowinfo comes first.
        AF_INET6 => Ipv6Addr::from(*rest.get(4..)?.first_chunk::<16>()?).into(),
        _ => return None,
    };
    Some((address, u16::from_be_bytes(*port)))
}
