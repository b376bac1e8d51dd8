//! A socket that listens, or for UDP is bound, as either source describes it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::protocol::Protocol;
use super::reachability::{Condition, Reachability};

/// The address family of a socket. An IPv6 socket may serve IPv4 as well.
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
    /// Whether IPV6_V6ONLY is set. `None` where the source does not say: /proc never does, and
    /// sock_diag only since INET_DIAG_SKV6ONLY. Without meaning for an IPv4 socket.
    pub v6only: Option<bool>,
    /// The device it is bound to.
    pub device: Device,
    /// Its accept queue, or for UDP its receive queue. /proc does not know the limit. `None`: the source does not say.
    pub queue: Option<Queue>,
    /// Datagrams that it has dropped so far, most of them because the receive queue was full. `None` for TCP, and
    /// where the source does not say.
    pub drops: Option<u32>,
    /// The user who made the socket, which is not the one that a service becomes afterwards
    /// (net/core/sock.c, sock_i_uid). `None`: the source does not say.
    pub uid: Option<u32>,
    /// The socket's inode in sockfs. `None`: the source does not say.
    pub inode: Option<u64>,
    /// The id of the cgroup in which the socket was made (INET_DIAG_CGROUP_ID, Linux 5.8).
    /// `None`: the source does not say.
    pub cgroup: Option<u64>,
    /// Why no connection finds it although it is there. `None` if nothing of the kind is known.
    pub unreachable: Option<Unreachable>,
}

/// Why a socket that listens is found by no connection, wherever the connection goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unreachable {
    /// The device that it is bound to is gone: deleted, or moved to another network namespace.
    DeviceGone,
    /// It is bound to a port of the bridge, bond or team with this index. The kernel takes what comes in by a port for
    /// something that came in by the master (net/core/dev.c, rx_handler).
    PortOf(u32),
    /// The kernel listens there for further subflows of MPTCP connections, and refuses each first one
    /// (net/mptcp/pm_kernel.c, mptcp_pm_nl_create_listen_socket).
    MptcpEndpoint,
    /// It is bound to a device of which the source could not find out whether it is there.
    DeviceNotKnown,
}

/// What waits for the service: of TCP, connections that are established and that it has not accepted yet; of UDP,
/// bytes of datagrams that it has not received yet, with what the kernel needs to keep them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Queue {
    /// Connections or bytes that wait in it.
    pub length: u32,
    /// The limit, which is the smaller one of listen(2)'s backlog and net.core.somaxconn. The queue
    /// is full above it, not at it (include/net/sock.h, sk_acceptq_is_full). Of UDP it is SO_RCVBUF, above which
    /// datagrams are dropped (net/ipv4/udp.c, __udp_enqueue_schedule_skb). `None`: not known.
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
    /// To none: it takes what comes in on any.
    Any,
    /// To the one with this index.
    Index(u32),
}

/// Which of the connections to IPv4 addresses an address takes, IPV6_V6ONLY aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AddressScope {
    /// Bound to 0.0.0.0 or to `::ffff:0.0.0.0`.
    WildcardV4,
    /// Bound to `::`: all of IPv6, and of IPv4 unless V6ONLY.
    WildcardV6,
    /// Bound to one address; an IPv4-mapped one is its IPv4 address (net/ipv6/af_inet6.c,
    /// `__inet6_bind`).
    One(IpAddr),
}

impl Device {
    /// Whether it is known to be one of these.
    pub(super) fn is_one_of(self, devices: &[u32]) -> bool {
        matches!(self, Self::Index(index) if devices.contains(&index))
    }
}

impl Listener {
    /// A TCP listener of which no more is known than where it is.
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

    /// Whether any connection can find it.
    pub(super) fn reachable(&self) -> Reachability {
        match self.unreachable {
            None => Reachability::Yes,
            Some(Unreachable::DeviceNotKnown) => Reachability::Unless(Condition::DeviceGone),
            Some(_) => Reachability::No,
        }
    }

    /// Whether both are the same socket, as far as that can be known: by the inode, or else by the
    /// protocol, address and port.
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
    fn a_socket_is_known_by_its_inode_or_else_by_its_place() {
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
    fn it_is_shown_as_bound() {
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
