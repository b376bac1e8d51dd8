//! What generic netlink says of MPTCP endpoints, in both byte orders.

use std::time::Duration;

use nix::errno::Errno;

use super::super::generic::{MptcpEndpoint, request};
use super::super::session::NetlinkSession;
use super::super::{NetlinkError, reach};
use super::link::attribute;
use super::{DONE, ERROR, SEQUENCE, Script, done, message};
use crate::clock::Deadline;
use crate::domain::{Listener, Unreachable};
use crate::source;
use crate::source::ByteOrder::{self, Big, Little};

/// The family that lists the families, and a number for that of MPTCP.
const FAMILIES: u16 = 16;
const MPTCP: u16 = 28;
const NESTED: u16 = 0x8000;

/// A message of generic netlink with these attributes.
fn generic(family: u16, attributes: &[Vec<u8>], order: ByteOrder) -> Vec<u8> {
    let body = [vec![3, 1, 0, 0], attributes.concat()].concat();
    message(family, 2, SEQUENCE, &body, order)
}

/// A family with operations behind it, whose attributes have the same numbers.
fn family(number: u16, name: &[u8], order: ByteOrder) -> Vec<u8> {
    let operation = attribute(1, &order.bytes32(9), order);
    let parts = [
        attribute(2, name, order),
        attribute(1, &order.bytes16(number), order),
        attribute(6 | NESTED, &attribute(1 | NESTED, &operation, order), order),
    ];
    generic(FAMILIES, &parts, order)
}

/// An endpoint with this attribute for its address.
fn endpoint(address: (u16, &[u8]), port: Option<u16>, order: ByteOrder) -> Vec<u8> {
    let mut parts = vec![attribute(1, &order.bytes16(2), order)];
    parts.extend(port.map(|port| attribute(5, &order.bytes16(port), order)));
    parts.push(attribute(2, &[1], order));
    parts.push(attribute(address.0, address.1, order));
    generic(
        MPTCP,
        &[attribute(1 | NESTED, &parts.concat(), order)],
        order,
    )
}

fn listed(
    datagrams: Vec<Vec<u8>>,
    order: ByteOrder,
) -> Result<Vec<MptcpEndpoint>, source::SourceError> {
    let mut script = Script::of(datagrams);
    let clock = script.clock.clone();
    let deadline = Deadline::new(&clock, Duration::from_millis(500));
    NetlinkSession::new(&mut script, order).mptcp_endpoints(MPTCP, deadline)
}

#[test]
fn the_request_is_a_dump_of_a_family() {
    assert_eq!(
        request(FAMILIES, 3, 9, Little),
        [20, 0, 0, 0, 16, 0, 1, 3, 9, 0, 0, 0, 0, 0, 0, 0, 3, 1, 0, 0]
    );
    let big = request(FAMILIES, 3, 9, Big);
    assert_eq!(big.get(..8), Some(&[0, 0, 0, 20, 0, 16, 3, 1][..]));
}

#[test]
fn the_family_is_found_by_its_whole_name() {
    for order in [Little, Big] {
        for (name, expected) in [
            (&b"mptcp_pm\0"[..], Some(28)),
            (b"mptcp_pm_2\0", None),
            (b"mptcp\0", None),
        ] {
            let first = [family(16, b"nlctrl\0", order), family(28, name, order)].concat();
            let second = [family(29, b"ethtool\0", order), done(order, 0)].concat();
            let mut script = Script::of([first, second]);
            let clock = script.clock.clone();
            let deadline = Deadline::new(&clock, Duration::from_millis(500));
            let found = NetlinkSession::new(&mut script, order).mptcp_family(deadline);
            assert_eq!(found, Ok(expected));
        }
    }
}

#[test]
fn endpoints_with_a_port_are_listed() {
    for order in [Little, Big] {
        let six = "2001:db8::1".parse::<std::net::Ipv6Addr>().unwrap();
        let first = [
            endpoint((3, &[192, 0, 2, 1]), Some(4433), order),
            endpoint((3, &[192, 0, 2, 2]), None, order),
            endpoint((3, &[192, 0, 2, 3]), Some(0), order),
        ]
        .concat();
        let second = [
            endpoint((4, &six.octets()), Some(4434), order),
            done(order, 0),
        ]
        .concat();
        let expected = vec![([192, 0, 2, 1].into(), 4433), (six.into(), 4434)];
        assert_eq!(listed(vec![first, second], order), Ok(expected));
        assert_eq!(listed(vec![done(order, 0)], order), Ok(Vec::new()));
    }
}

#[test]
fn a_list_that_is_not_whole_is_an_error() {
    let one = || endpoint((3, &[192, 0, 2, 1]), Some(4433), Little);
    let error = |errno: Errno| Little.bytes32((-(errno as i32)) as u32);
    let refused = message(ERROR, 0, SEQUENCE, &error(Errno::EPERM), Little);
    let late = message(DONE, 0, SEQUENCE, &error(Errno::EMSGSIZE), Little);
    let short = endpoint((3, &[192, 0, 2]), Some(4433), Little);
    for (datagrams, expected) in [
        (vec![refused], NetlinkError::Kernel(Errno::EPERM)),
        (vec![one(), late], NetlinkError::Kernel(Errno::EMSGSIZE)),
        (
            vec![[done(Little, 0), one()].concat()],
            NetlinkError::AfterDone,
        ),
        (vec![short], NetlinkError::Length),
        (
            vec![family(28, b"mptcp_pm\0", Little)],
            NetlinkError::Kind(FAMILIES),
        ),
    ] {
        assert_eq!(listed(datagrams, Little), Err(expected.into()));
    }
    let cut = listed(vec![one()], Little);
    assert!(matches!(cut, Err(source::SourceError::TimeIsUp(_))));
}

#[test]
fn a_listener_is_the_kernel_s_by_address_and_port() {
    let endpoints = [([192, 0, 2, 1].into(), 4433)];
    for (address, port, expected) in [
        ([192, 0, 2, 1], 4433, Some(Unreachable::MptcpEndpoint)),
        ([192, 0, 2, 1], 4434, None),
        ([192, 0, 2, 2], 4433, None),
        ([0, 0, 0, 0], 4433, None),
    ] {
        let judged = reach::judge_endpoint(Listener::at(address, port), &endpoints);
        assert_eq!(judged.unreachable, expected);
    }
}
