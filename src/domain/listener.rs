//! A socket that listens (TCP) or is bound (UDP), as a source describes it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::address::takes_no_connections;
use super::protocol::Protocol;
use super::reachability::{Condition, Reachability};

/// The address family of a socket. An IPv6 socket can serve IPv4, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// `AF_INET`
    V4,
    /// `AF_INET6`
    V6,
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

/// One TCP socket in LISTEN, or one UDP socket that is bound and not connected.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Listener {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// The address it is bound to, as bound: an IPv4-mapped IPv6 address stays one.
    pub address: IpAddr,
    /// The local port, in host order.
    pub port: u16,
    /// True if IPV6_V6ONLY is set. `None` if the source does not say: /proc never does, and sock_diag only since
    /// INET_DIAG_SKV6ONLY. It has no meaning for an IPv4 socket.
    pub v6only: Option<bool>,
    /// The device it is bound to.
    pub device: Device,
    /// Its accept queue (TCP) or receive queue (UDP). /proc does not show the limit. `None` if the source does not say.
    pub queue: Option<Queue>,
    /// How many datagrams it has dropped, most of them because the receive queue was full. `None` for TCP, or if the
    /// source does not say.
    pub drops: Option<u32>,
    /// The user who made the socket (net/core/sock.c, sock_i_uid). A service can change its user afterwards. `None` if the
    /// source does not say.
    pub uid: Option<u32>,
    /// The socket's inode in sockfs. `None` if the source does not say.
    pub inode: Option<u64>,
    /// The id of the cgroup in which the socket was made (INET_DIAG_CGROUP_ID, Linux 5.8).
    /// `None` if the source does not say.
    pub cgroup: Option<u64>,
    /// The reason why no connection finds it. `None` if no such reason is known.
    pub unreachable: Option<Unreachable>,
}

/// The reason why no connection, to any address, finds a socket that listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unreachable {
    /// The device that it is bound to is gone: deleted, or moved to another network namespace.
    DeviceGone,
    /// It is bound to a port of the bridge, bond or team with this index. The kernel treats packets from the port
    /// as packets from the master (net/core/dev.c, rx_handler).
    PortOf(u32),
    /// The kernel listens there for further subflows of MPTCP connections, and refuses new connections
    /// (net/mptcp/pm_kernel.c, mptcp_pm_nl_create_listen_socket).
    MptcpEndpoint,
    /// It is bound to a device, and the source could not find out whether the device exists.
    DeviceNotKnown,
    /// It is bound to a loopback address, and to a device other than `lo` and a VRF. The kernel drops packets for ::1 from
    /// such a device (net/ipv6/ip6_input.c, ip6_rcv_core), and those for 127.0.0.0/8 unless the device has the address or
    /// route_localnet is set (net/ipv4/route.c, ip_route_input_slow). No source shows whether that is so.
    LoopbackAddress,
}

/// The connections or datagrams that wait for the service. For TCP it counts established connections that are not
/// accepted yet. For UDP it counts the bytes of datagrams that are not received yet, with the kernel's overhead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Queue {
    /// How many connections or bytes wait.
    pub length: u32,
    /// The limit: for TCP the smaller of listen(2)'s backlog and net.core.somaxconn. The queue is full above it, not at it
    /// (include/net/sock.h, sk_acceptq_is_full). For UDP it is SO_RCVBUF, above which datagrams are dropped
    /// (net/ipv4/udp.c, __udp_enqueue_schedule_skb). `None` if it is unknown.
    pub limit: Option<u32>,
}

impl fmt::Display for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.limit {
            Some(limit) => write!(f, "{}/{limit}", self.length),
            None => write!(f, "{}/?", self.length),
        }
    }
}

/// The device that a socket is bound to (SO_BINDTODEVICE).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Device {
    /// The source does not say.
    Unknown,
    /// None: it receives from every device.
    Any,
    /// The device with this index.
    Index(u32),
}

/// The addresses for which an address receives connections, without regard to IPV6_V6ONLY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AddressScope {
    /// Bound to 0.0.0.0 or to `::ffff:0.0.0.0`.
    WildcardV4,
    /// Bound to `::`: all of IPv6, and all of IPv4 unless IPV6_V6ONLY is set.
    WildcardV6,
    /// Bound to one address. An IPv4-mapped address is its IPv4 address (net/ipv6/af_inet6.c,
    /// `__inet6_bind`).
    One(IpAddr),
}

impl Device {
    /// True if it is known to be one of these.
    pub(super) fn is_one_of(self, devices: &[u32]) -> bool {
        matches!(self, Self::Index(index) if devices.contains(&index))
    }
}

impl Listener {
    /// Returns a TCP listener with this address and port, and nothing else known.
    pub fn at(address: impl Into<IpAddr>, port: u16) -> Self {
        Self {
            protocol: Protocol::Tcp,
            address: address.into(),
            port,
            v6only: None,
            device: Device::Unknown,
            queue: None,
            drops: None,
            uid: None,
            inode: None,
            cgroup: None,
            unreachable: None,
        }
    }

    /// Returns whether any connection can find it.
    pub(super) fn reachable(&self) -> Reachability {
        match self.unreachable {
            None => Reachability::Yes,
            Some(Unreachable::DeviceNotKnown) => Reachability::Unless(Condition::DeviceGone),
            Some(Unreachable::LoopbackAddress) if self.address.to_canonical().is_ipv4() => {
                Reachability::Unless(Condition::LoopbackAddress)
            }
            Some(_) => Reachability::No,
        }
    }

    /// True if no TCP connection can go to the address that it is bound to: multicast, or the limited broadcast.
    pub fn takes_no_connections(&self) -> bool {
        self.protocol == Protocol::Tcp && takes_no_connections(self.address.to_canonical())
    }

    /// True if both are the same socket: by the inode if both have one, otherwise by protocol, address and port.
    pub fn is_same(&self, other: &Self) -> bool {
        // A socket that no process holds any more has the number 0.
        let known = |listener: &Self| listener.inode.filter(|inode| *inode != 0);
        match (known(self), known(other)) {
            (Some(one), Some(other)) => one == other,
            _ => {
                (self.protocol, self.address, self.port)
                    == (other.protocol, other.address, other.port)
            }
        }
    }

    pub(super) fn address_scope(&self) -> AddressScope {
        match self.address.to_canonical() {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => AddressScope::WildcardV4,
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => AddressScope::WildcardV6,
            one => AddressScope::One(one),
        }
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            IpAddr::V4(address) => write!(f, "{address}:{}", self.port),
            IpAddr::V6(address) => write!(f, "[{address}]:{}", self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(inode: Option<u64>, port: u16) -> Listener {
        Listener {
            inode,
            ..Listener::at([127, 0, 0, 1], port)
        }
    }

    #[test]
    fn sockets_are_the_same_by_inode_or_else_by_address_and_port() {
        for (one, other, same) in [
            (with(Some(1), 443), with(Some(1), 443), true),
            (with(Some(1), 443), with(Some(2), 443), false),
            (with(Some(1), 443), with(Some(1), 80), true),
            (with(None, 443), with(Some(1), 443), true),
            (with(None, 443), with(Some(1), 80), false),
            (with(Some(0), 443), with(Some(0), 80), false),
            (with(Some(0), 443), with(Some(1), 443), true),
        ] {
            assert_eq!(one.is_same(&other), same, "{one:?} {other:?}");
            assert_eq!(other.is_same(&one), same);
        }
    }

    #[test]
    fn a_listener_is_printed_as_it_is_bound() {
        let mapped: Ipv6Addr = "::ffff:192.0.2.1".parse().unwrap();
        assert_eq!(
            Listener::at(mapped, 443).to_string(),
            "[::ffff:192.0.2.1]:443"
        );
        assert_eq!(with(None, 443).to_string(), "127.0.0.1:443");
        assert_eq!(
            [Family::V4, Family::V6].map(|it| it.to_string()),
            ["IPv4", "IPv6"]
        );
        for (limit, text) in [(Some(128), "3/128"), (None, "3/?")] {
            assert_eq!(Queue { length: 3, limit }.to_string(), text);
        }
    }
}
