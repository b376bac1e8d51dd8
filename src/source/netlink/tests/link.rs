//! What rtnetlink says of a device, in both byte orders.

use std::net::IpAddr;
use std::time::Duration;

use nix::errno::Errno;

use super::super::link::Link;
use super::super::reach::unreachable_on;
use super::super::session::NetlinkSession;
use super::super::{NetlinkError, link};
use super::{DONE, ERROR, SEQUENCE, SOCKET, Script, done, message};
use crate::clock::Deadline;
use crate::domain::{Listener, Unreachable};
use crate::source;
use crate::source::ByteOrder::{self, Big, Little};

const NEWLINK: u16 = 16;
const IFNAME: u16 = 3;
const MASTER: u16 = 10;
const LINKINFO: u16 = 18;
const INFO_KIND: u16 = 1;
const INFO_SLAVE_KIND: u16 = 4;
const NLA_F_NESTED: u16 = 0x8000;

pub(super) fn attribute(kind: u16, value: &[u8], order: ByteOrder) -> Vec<u8> {
    let mut bytes = order.bytes16(4 + value.len() as u16).to_vec();
    bytes.extend(order.bytes16(kind));
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// The device 3 with these attributes behind its name.
fn device(attributes: &[Vec<u8>], order: ByteOrder) -> Vec<u8> {
    let mut body = vec![0; 4]; // ifi_family, padding, ifi_type
    body.extend(order.bytes32(3)); // ifi_index
    body.extend([0; 8]); // ifi_flags, ifi_change
    body.extend(attribute(IFNAME, b"eth0\0", order));
    body.extend(attributes.concat());
    message(NEWLINK, 0, SEQUENCE, &body, order)
}

/// IFLA_LINKINFO with the name of the driver, and of that of the master.
fn info(kind: &[u8], master: &[u8], order: ByteOrder) -> Vec<u8> {
    let kinds = [(INFO_KIND, kind), (INFO_SLAVE_KIND, master)];
    let known = kinds.into_iter().filter(|(_, name)| !name.is_empty());
    let parts: Vec<_> = known
        .map(|(kind, name)| attribute(kind, name, order))
        .collect();
    attribute(LINKINFO | NLA_F_NESTED, &parts.concat(), order)
}

fn master(order: ByteOrder) -> Vec<u8> {
    attribute(MASTER, &order.bytes32(7), order)
}

/// The VRF, and the master that takes over.
type Masters = (Option<u32>, Option<u32>);

fn asked(answer: Vec<u8>, order: ByteOrder) -> Result<Masters, source::SourceError> {
    let mut script = Script::of([answer]);
    let clock = script.clock.clone();
    let deadline = Deadline::new(&clock, Duration::from_millis(500));
    let link = NetlinkSession::new(&mut script, order).link(3, deadline)?;
    Ok((link.vrf, link.port_of))
}

#[test]
fn the_request_is_for_one_device_by_its_index() {
    assert_eq!(
        link::request(0x0102, 9, Little),
        [
            32, 0, 0, 0, 18, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0, // RTM_GETLINK, NLM_F_REQUEST
            0, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, // ifi_index
        ]
    );
    let big = link::request(0x0102, 9, Big);
    assert_eq!(big.get(..8), Some(&[0, 0, 0, 32, 0, 18, 0, 1][..]));
    assert_eq!(big.get(20..24), Some(&[0, 0, 1, 2][..]));
}

#[test]
fn vrfs_and_enslaved_devices_are_recognized_by_driver() {
    for order in [Little, Big] {
        for (attributes, expected) in [
            (vec![], (None, None)),
            (vec![info(b"vrf\0", b"", order)], (Some(3), None)),
            (vec![info(b"veth\0", b"", order)], (None, None)),
            (
                vec![master(order), info(b"veth\0", b"vrf\0", order)],
                (Some(7), None),
            ),
            // A real network card has no driver of this kind.
            (
                vec![info(b"", b"vrf\0", order), master(order)],
                (Some(7), None),
            ),
            (
                vec![master(order), info(b"veth\0", b"bridge\0", order)],
                (None, Some(7)),
            ),
            (
                vec![info(b"", b"bond\0", order), master(order)],
                (None, Some(7)),
            ),
            // What comes in by a part of a mesh stays its own.
            (
                vec![info(b"", b"batadv\0", order), master(order)],
                (None, None),
            ),
            (vec![master(order)], (None, None)),
            (vec![info(b"vrf2\0", b"xvrf\0", order)], (None, None)),
            (vec![info(b"vrf", b"", order)], (None, None)),
        ] {
            let answer = device(&attributes, order);
            assert_eq!(asked(answer, order), Ok(expected), "{attributes:?}");
        }
    }
}

#[test]
fn other_messages_are_errors_and_not_a_device() {
    for order in [Little, Big] {
        let error = |code: i32| {
            let body = order.bytes32(code as u32);
            message(ERROR, 0, SEQUENCE, &body, order)
        };
        let whole = device(&[info(b"veth\0", b"", order)], order);
        let of_another = message(NEWLINK, 0, SEQUENCE + 1, &[0; 16], order);
        for (answer, fault) in [
            (
                error(-(Errno::ENODEV as i32)),
                NetlinkError::Kernel(Errno::ENODEV),
            ),
            (error(0), NetlinkError::Acknowledged),
            (of_another, NetlinkError::Sequence),
            (
                message(DONE, 2, SEQUENCE, &[0; 4], order),
                NetlinkError::NoAnswer,
            ),
            (
                message(SOCKET, 0, SEQUENCE, &[0; 16], order),
                NetlinkError::Kind(SOCKET),
            ),
            (
                message(NEWLINK, 0, SEQUENCE, &[0; 12], order),
                NetlinkError::Length,
            ),
            (whole[..whole.len() - 4].to_vec(), NetlinkError::Length),
            (
                device(&[info(b"", b"vrf\0", order)], order),
                NetlinkError::NoMaster,
            ),
            (
                device(&[attribute(MASTER, &[0; 2], order)], order),
                NetlinkError::Length,
            ),
            (
                device(&[attribute(LINKINFO, &[3, 0, 0, 3], order)], order),
                NetlinkError::Attribute,
            ),
        ] {
            assert_eq!(asked(answer, order), Err(fault.into()), "{fault:?}");
        }
    }
}

/// What is enslaved to 7, after these datagrams.
fn enslaved(datagrams: Vec<Vec<u8>>, order: ByteOrder) -> Result<Vec<u32>, source::SourceError> {
    let mut script = Script::of(datagrams);
    let clock = script.clock.clone();
    let deadline = Deadline::new(&clock, Duration::from_millis(500));
    NetlinkSession::new(&mut script, order).enslaved_to(7, deadline)
}

#[test]
fn the_devices_of_a_vrf_are_those_with_it_as_master() {
    for order in [Little, Big] {
        let ours = || device(&[master(order), info(b"veth\0", b"vrf\0", order)], order);
        let other = [attribute(MASTER, &order.bytes32(8), order)];
        let both = [ours(), device(&other, order)].concat();
        let end = || done(order, 0);
        for (datagrams, expected) in [
            (vec![end()], Ok(vec![])),
            (vec![both.clone(), end()], Ok(vec![3])),
            (vec![ours(), ours(), end()], Ok(vec![3, 3])),
            (
                vec![ours(), done(order, -(Errno::EPERM as i32))],
                Err(NetlinkError::Kernel(Errno::EPERM).into()),
            ),
            (
                vec![[end(), ours()].concat()],
                Err(NetlinkError::AfterDone.into()),
            ),
            (
                vec![ours()],
                Err(source::SourceError::TimeIsUp(Duration::from_millis(500))),
            ),
            (
                vec![message(NEWLINK, 0x12, SEQUENCE, &[0; 16], order), end()],
                Err(NetlinkError::Interrupted.into()),
            ),
        ] {
            assert_eq!(enslaved(datagrams, order), expected);
        }
    }
    assert_eq!(
        link::dump_request(0x0102, 9, Little),
        [
            40, 0, 0, 0, 18, 0, 1, 3, 9, 0, 0, 0, 0, 0, 0, 0, // RTM_GETLINK, NLM_F_DUMP
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, // any
            8, 0, 10, 0, 2, 1, 0, 0, // IFLA_MASTER
        ]
    );
}

#[test]
fn a_loopback_address_on_a_device_is_found_only_on_a_vrf() {
    let plain = Link {
        index: 3,
        master: None,
        vrf: None,
        port_of: None,
    };
    let vrf = Link {
        vrf: Some(3),
        ..plain
    };
    let enslaved = Link {
        vrf: Some(7),
        ..plain
    };
    let port = Link {
        port_of: Some(7),
        ..plain
    };
    let (loopback, port_of) = (Unreachable::LoopbackAddress, Unreachable::PortOf(7));
    for (address, on_a_device, on_a_port) in [
        ("127.0.0.1", Some(loopback), port_of),
        ("127.9.9.9", Some(loopback), port_of),
        ("::1", Some(loopback), port_of),
        ("::ffff:127.0.0.1", Some(loopback), port_of),
        ("0.0.0.0", None, port_of),
        ("192.0.2.1", None, port_of),
        ("::", None, port_of),
    ] {
        let listener = Listener::at(address.parse::<IpAddr>().unwrap(), 443);
        for (link, expected) in [
            (plain, on_a_device),
            (enslaved, on_a_device),
            (vrf, None),
            (port, Some(on_a_port)),
        ] {
            let found = unreachable_on(&link, &listener);
            assert_eq!(found, expected, "{address} {link:?}");
        }
    }
}
