//! Every way in which an answer can go wrong, and what is only unusual.

use std::collections::VecDeque;

use nix::errno::Errno;

use super::{DONE, ERROR, LITTLE, SEQUENCE, SOCKET, Script, done, good, listener, message, run};
use crate::domain::{Device, Listener, Queue};
use crate::source::ByteOrder;
use crate::source::netlink::NetlinkError;

#[test]
fn a_whole_dump_in_both_byte_orders() {
    for order in [ByteOrder::Little, ByteOrder::Big] {
        let whole = Listener {
            device: Device::Index(3),
            queue: Some(Queue {
                length: 5,
                limit: Some(128),
            }),
            uid: Some(1000),
            inode: Some(4242),
            ..Listener::at([127, 0, 0, 1], 443)
        };
        let (seen, end) = run(&mut Script::of([good(order), done(order, 0)]), order);
        assert_eq!((seen, end), (vec![whole.clone()], Ok(())));

        let mut attribute = [order.bytes16(12), order.bytes16(21)].concat(); // INET_DIAG_CGROUP_ID
        let id = [1, 2, 3, 4, 5, 6, 7, 8];
        attribute.extend(id);
        let known = message(SOCKET, 2, SEQUENCE, &listener(order, &attribute), order);
        let (seen, end) = run(&mut Script::of([known, done(order, 0)]), order);
        let cgroup = Some(order.u64(id));
        assert_eq!((seen, end), (vec![Listener { cgroup, ..whole }], Ok(())));

        let (seen, end) = run(&mut Script::of([done(order, 0)]), order);
        assert_eq!((seen.len(), end), (0, Ok(())));
    }
}

#[test]
fn a_listener_and_the_end_in_one_datagram_are_read() {
    let datagram = [
        good(LITTLE),
        message(1, 0, SEQUENCE, &[], LITTLE),
        done(LITTLE, 0),
    ]
    .concat();
    let (seen, end) = run(&mut Script::of([datagram]), LITTLE);
    assert_eq!((seen.len(), end), (1, Ok(())));
}

/// Whatever goes wrong, what was shown before stays shown, and the end is a fault and never an empty answer.
#[test]
fn every_broken_answer_is_an_error() {
    let order = LITTLE;
    let attribute = |length: u16, kind: u16| [order.bytes16(length), order.bytes16(kind)].concat();
    let with =
        |attributes: &[u8]| message(SOCKET, 2, SEQUENCE, &listener(order, attributes), order);
    let errno = |code: i32| order.bytes32(code as u32);
    let enoent = NetlinkError::Kernel(Errno::ENOENT);
    let cut = |datagram: Vec<u8>, length: usize| datagram[..length].to_vec();
    let long = |mut datagram: Vec<u8>| {
        datagram[0] += 4; // nlmsg_len
        datagram
    };
    let cases: Vec<(&str, Vec<u8>, NetlinkError)> = vec![
        (
            "error message",
            message(ERROR, 0, SEQUENCE, &errno(-2), order),
            enoent,
        ),
        (
            "acknowledgement",
            message(ERROR, 0, SEQUENCE, &errno(0), order),
            NetlinkError::Acknowledged,
        ),
        (
            "error that is none",
            message(ERROR, 0, SEQUENCE, &errno(5), order),
            NetlinkError::Kernel(Errno::UnknownErrno),
        ),
        (
            "error without its code",
            message(ERROR, 0, SEQUENCE, &[0; 3], order),
            NetlinkError::Length,
        ),
        ("negative DONE payload", done(order, -2), enoent),
        (
            "lowest DONE payload",
            done(order, i32::MIN),
            NetlinkError::Kernel(Errno::UnknownErrno),
        ),
        (
            "DONE without payload",
            message(DONE, 2, SEQUENCE, &[], order),
            NetlinkError::Length,
        ),
        (
            "interrupted dump",
            message(SOCKET, 0x12, SEQUENCE, &listener(order, &[]), order),
            NetlinkError::Interrupted,
        ),
        (
            "interrupted dump, said at its end",
            message(DONE, 0x12, SEQUENCE, &errno(0), order),
            NetlinkError::Interrupted,
        ),
        (
            "lost messages",
            message(4, 0, SEQUENCE, &[], order),
            NetlinkError::Overrun,
        ),
        (
            "bad sequence",
            message(SOCKET, 2, SEQUENCE - 1, &listener(order, &[]), order),
            NetlinkError::Sequence,
        ),
        (
            "bad sequence of the end",
            message(DONE, 2, SEQUENCE + 1, &errno(0), order),
            NetlinkError::Sequence,
        ),
        (
            "data after DONE",
            [done(order, 0), good(order)].concat(),
            NetlinkError::AfterDone,
        ),
        ("short header", cut(good(order), 15), NetlinkError::Length),
        ("one byte", vec![0], NetlinkError::Length),
        ("nothing", vec![], NetlinkError::Length),
        (
            "length beyond the datagram",
            long(good(order)),
            NetlinkError::Length,
        ),
        (
            "length below the header's",
            message(SOCKET, 2, SEQUENCE, &[], order)
                .into_iter()
                .enumerate()
                .map(|(at, byte)| if at == 0 { 15 } else { byte })
                .collect(),
            NetlinkError::Length,
        ),
        ("length 0", vec![0; 16], NetlinkError::Length),
        (
            "socket cut off",
            message(SOCKET, 2, SEQUENCE, &listener(order, &[])[..71], order),
            NetlinkError::Length,
        ),
        (
            "socket without a body",
            message(SOCKET, 2, SEQUENCE, &[], order),
            NetlinkError::Length,
        ),
        (
            "attribute longer than the message",
            with(&attribute(8, 11)),
            NetlinkError::Attribute,
        ),
        (
            "attribute shorter than its header",
            with(&attribute(3, 11)),
            NetlinkError::Attribute,
        ),
        (
            "attribute of length 0",
            with(&attribute(0, 11)),
            NetlinkError::Attribute,
        ),
        ("half an attribute", with(&[5, 0]), NetlinkError::Length),
        (
            "unknown message type",
            message(21, 2, SEQUENCE, &listener(order, &[]), order),
            NetlinkError::Kind(21),
        ),
        (
            "unknown family",
            message(
                SOCKET,
                2,
                SEQUENCE,
                &[&[1], &listener(order, &[])[1..]].concat(),
                order,
            ),
            NetlinkError::Family(1),
        ),
    ];
    for (name, datagram, expected) in cases {
        // Followed by a proper end, so that only the violation itself can make it fail.
        let mut script = Script::of([good(order), datagram, done(order, 0)]);
        let (seen, end) = run(&mut script, order);
        assert_eq!((seen.len(), end), (1, Err(expected.into())), "{name}");
    }
}

#[test]
fn an_unknown_attribute_before_v6only_is_skipped() {
    let unknown = [5, 0, 99, 0, 1, 0, 0, 0];
    for (flag, v6only) in [(0, Some(false)), (1, Some(true))] {
        let attributes = [&unknown[..], &[5, 0, 11, 0, flag, 0, 0, 0], &unknown[..5]].concat();
        let datagram = message(SOCKET, 2, SEQUENCE, &listener(LITTLE, &attributes), LITTLE);
        let (seen, end) = run(&mut Script::of([datagram, done(LITTLE, 0)]), LITTLE);
        assert_eq!(end, Ok(()));
        assert_eq!(seen[0].v6only, v6only);
    }
    let empty = message(
        SOCKET,
        2,
        SEQUENCE,
        &listener(LITTLE, &[4, 0, 11, 0]),
        LITTLE,
    );
    let (seen, end) = run(&mut Script::of([empty, done(LITTLE, 0)]), LITTLE);
    assert_eq!((seen[0].v6only, end), (None, Ok(())));
}

#[test]
fn a_socket_in_another_state_is_not_a_listener() {
    let mut established = listener(LITTLE, &[]);
    established[1] = 1;
    let datagram = message(SOCKET, 2, SEQUENCE, &established, LITTLE);
    let (seen, end) = run(&mut Script::of([datagram, done(LITTLE, 0)]), LITTLE);
    assert_eq!((seen.len(), end), (0, Ok(())));
}

#[test]
fn a_foreign_or_truncated_datagram_is_an_error() {
    for (sender, truncated, expected) in [
        (4711, false, NetlinkError::Sender(4711)),
        (0, true, NetlinkError::Truncated),
    ] {
        let answers = VecDeque::from([
            Ok((good(LITTLE), sender, truncated)),
            Ok((done(LITTLE, 0), 0, false)),
        ]);
        let mut script = Script {
            answers,
            ..Script::default()
        };
        let (seen, end) = run(&mut script, LITTLE);
        assert_eq!((seen.len(), end), (0, Err(expected.into())));
    }
}

#[test]
fn a_failed_call_is_an_error_with_its_errno() {
    let mut script = Script {
        refusal: Some(Errno::ECONNREFUSED),
        ..Script::default()
    };
    assert_eq!(
        run(&mut script, LITTLE).1,
        Err(NetlinkError::Call("send", Errno::ECONNREFUSED).into())
    );
    for errno in [Errno::ENOBUFS, Errno::EIO] {
        let answers = VecDeque::from([Ok((good(LITTLE), 0, false)), Err(errno)]);
        let mut script = Script {
            answers,
            ..Script::default()
        };
        let (seen, end) = run(&mut script, LITTLE);
        assert_eq!(
            (seen.len(), end),
            (1, Err(NetlinkError::Call("receive", errno).into()))
        );
    }
}

#[test]
fn eintr_is_retried() {
    let eintr = || Err(Errno::EINTR);
    let answers = VecDeque::from([
        eintr(),
        Ok((good(LITTLE), 0, false)),
        eintr(),
        eintr(),
        Ok((done(LITTLE, 0), 0, false)),
    ]);
    let mut script = Script {
        answers,
        ..Script::default()
    };
    let (seen, end) = run(&mut script, LITTLE);
    assert_eq!((seen.len(), end), (1, Ok(())));
}
