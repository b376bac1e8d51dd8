//! The bytes of requests of NETLINK_SOCK_DIAG. Nothing here touches a socket.
//!
//! Layouts: `struct inet_diag_req_v2` and `inet_diag_sockid` in linux/inet_diag.h; sock_diag(7). Numbers
//! are in the machine's byte order, ports and addresses in the network's.

use std::net::IpAddr;

use super::filter;
use super::wire::{
    AF_INET, AF_INET6, ALIGN, HEADER, INET_DIAG_SKMEMINFO, NLM_F_DUMP, SOCK_DIAG_BY_FAMILY,
    begin_request, state,
};
use crate::domain::{Family, LookupKey, Protocol, Target};
use crate::source::{ByteOrder, Ports};

const IPPROTO_TCP: u8 = 6;
const IPPROTO_UDP: u8 = 17;
const INET_DIAG_REQ_BYTECODE: u16 = 1;
/// Bytes of `struct inet_diag_req_v2`.
const BODY: usize = 56;

/// Makes the request for a dump of the listeners of this family on these ports.
///
/// With `idiag_states` LISTEN alone the kernel walks only its table of listeners, with any number of connections
/// (net/ipv4/inet_diag.c, `inet_diag_dump_icsk`). One port is filtered by `idiag_sport`, several by a bytecode. UDP has
/// one table, with the sockets of the whole host: the kernel walks all of it, and applies the same filters
/// (net/ipv4/udp_diag.c, `udp_dump`).
pub(super) fn dump(
    protocol: Protocol,
    family: Family,
    ports: Ports<'_>,
    sequence: u32,
    order: ByteOrder,
) -> Vec<u8> {
    let (port, bytecode) = match ports {
        Ports::All => (0, None),
        Ports::These([port]) => (*port, None),
        Ports::These(ports) => (0, Some(filter::bytecode(ports, order))),
    };
    Request {
        flags: NLM_F_DUMP,
        protocol,
        family,
        ports: (port, 0),
        addresses: [[0; 16]; 2],
        interface: 0,
        extensions: extensions(protocol),
        attribute: bytecode.map(|code| (INET_DIAG_REQ_BYTECODE, code)),
    }
    .encode(sequence, order)
}

/// Makes the request for the socket that this connection would find. The kernel calls the function that finds the
/// listener for a SYN, or the socket for a datagram, BPF sk_lookup included (net/ipv4/inet_diag.c,
/// `inet_diag_find_one_icsk`; net/ipv4/udp_diag.c, `udp_dump_one`). For UDP the request has the place of the datagram:
/// its destination is `idiag_dst`.
pub(super) fn exact(connection: LookupKey, sequence: u32, order: ByteOrder) -> Vec<u8> {
    let extensions = extensions(connection.target.protocol);
    lookup(connection, extensions).encode(sequence, order)
}

/// The optional parts of an answer: for UDP the limit of the receive queue, and the dropped datagrams.
const fn extensions(protocol: Protocol) -> u8 {
    match protocol {
        Protocol::Tcp => 0,
        Protocol::Udp => 1 << (INET_DIAG_SKMEMINFO - 1),
    }
}

fn lookup(connection: LookupKey, extensions: u8) -> Request {
    let (mut local, any) = ([0; 16], [0; 16]);
    let family = match connection.address {
        IpAddr::V4(address) => {
            local
                .iter_mut()
                .zip(address.octets())
                .for_each(|(byte, octet)| *byte = octet);
            Family::V4
        }
        IpAddr::V6(address) => {
            local = address.octets();
            Family::V6
        }
    };
    let Target { protocol, .. } = connection.target;
    let port = connection.target.port();
    let (ports, addresses) = match protocol {
        Protocol::Tcp => ((port, 0), [local, any]),
        Protocol::Udp => ((connection.source_port, port), [any, local]),
    };
    Request {
        flags: 0,
        protocol,
        family,
        ports,
        addresses,
        interface: connection.interface.unwrap_or(0),
        extensions,
        attribute: None,
    }
}

/// The fields in which requests differ.
struct Request {
    /// The flags in addition to NLM_F_REQUEST.
    flags: u16,
    protocol: Protocol,
    family: Family,
    /// `idiag_sport` and `idiag_dport`; 0: any.
    ports: (u16, u16),
    /// `idiag_src` and `idiag_dst` as the kernel has them: an IPv4 address in the first four bytes. Zeros: any.
    addresses: [[u8; 16]; 2],
    /// The index of a device; 0: any.
    interface: u32,
    /// `idiag_ext`.
    extensions: u8,
    /// The type and value of the one attribute.
    attribute: Option<(u16, Vec<u8>)>,
}

impl Request {
    fn encode(self, sequence: u32, order: ByteOrder) -> Vec<u8> {
        let attribute = self
            .attribute
            .as_ref()
            .map_or(0, |(_, value)| ALIGN + value.len());
        let length = HEADER + BODY + attribute;
        let mut bytes = begin_request(length, SOCK_DIAG_BY_FAMILY, self.flags, sequence, order);
        let mut put = |part: &[u8]| bytes.extend_from_slice(part);
        let protocol = match self.protocol {
            Protocol::Tcp => IPPROTO_TCP,
            Protocol::Udp => IPPROTO_UDP,
        };
        put(&[family_number(self.family), protocol, self.extensions, 0]);
        put(&order.bytes32(1 << state(self.protocol))); // idiag_states
        put(&self.ports.0.to_be_bytes());
        put(&self.ports.1.to_be_bytes());
        put(self.addresses.as_flattened());
        put(&order.bytes32(self.interface)); // idiag_if
        put(&[0xff; 8]); // idiag_cookie: INET_DIAG_NOCOOKIE
        if let Some((kind, value)) = self.attribute {
            put(&order.bytes16(attribute as u16));
            put(&order.bytes16(kind));
            put(&value);
        }
        bytes
    }
}

const fn family_number(family: Family) -> u8 {
    match family {
        Family::V4 => AF_INET,
        Family::V6 => AF_INET6,
    }
}
