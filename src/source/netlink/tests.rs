//! Dumps from a script instead of a kernel: captured ones, and every way in which one can go wrong.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use nix::errno::Errno;

use super::Fault;
use super::dump::{Channel, Conversation, Received};
use crate::domain::{Family, Listener};
use crate::source::{ByteOrder, Question};

/// A conversation's first.
const SEQUENCE: u32 = 1;
const DONE: u16 = 3;
const ERROR: u16 = 2;
const SOCKET: u16 = 20;

/// A datagram, its sender and whether it was cut off; or an error.
type Played = Result<(Vec<u8>, u32, bool), Errno>;

/// A channel that plays back what it was given; nothing more to play is EAGAIN.
#[derive(Default)]
struct Script {
    answers: VecDeque<Played>,
    refusal: Option<Errno>,
    sent: Vec<Vec<u8>>,
}

impl Script {
    fn of(datagrams: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let answers = datagrams
            .into_iter()
            .map(|datagram| Ok((datagram, 0, false)))
            .collect();
        Self {
            answers,
            ..Self::default()
        }
    }
}

impl Channel for &mut Script {
    fn send(&mut self, request: &[u8]) -> Result<(), Errno> {
        self.sent.push(request.to_vec());
        self.refusal.map_or(Ok(()), Err)
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<Received, Errno> {
        let (datagram, sender, truncated) =
            self.answers.pop_front().unwrap_or(Err(Errno::EAGAIN))?;
        buffer[..datagram.len()].copy_from_slice(&datagram);
        Ok(Received {
            length: datagram.len(),
            sender,
            truncated,
        })
    }
}

/// Runs a dump over the script. What it showed, and how it ended.
fn run(script: &mut Script, order: ByteOrder) -> (Vec<Listener>, Result<(), Fault>) {
    let mut seen = Vec::new();
    let question = Question {
        family: Family::V4,
        ports: &[443],
    };
    let end = Conversation::new(script, order).dump(question, &mut |listener| {
        seen.push(listener.clone());
        ControlFlow::Continue(())
    });
    (seen, end.map(|flow| assert!(flow.is_continue())))
}

fn message(kind: u16, flags: u16, sequence: u32, body: &[u8], order: ByteOrder) -> Vec<u8> {
    let mut message = order.bytes32(16 + body.len() as u32).to_vec();
    message.extend(order.bytes16(kind));
    message.extend(order.bytes16(flags));
    message.extend(order.bytes32(sequence));
    message.extend([0; 4]);
    message.extend(body);
    message.resize(message.len().next_multiple_of(4), 0);
    message
}

/// An `inet_diag_msg` of an IPv4 listener on 127.0.0.1:443, and these attributes behind it.
fn listener(order: ByteOrder, attributes: &[u8]) -> Vec<u8> {
    let mut body = vec![2, 10, 0, 0]; // AF_INET, LISTEN
    body.extend(443_u16.to_be_bytes());
    body.extend([0; 2]);
    body.extend([127, 0, 0, 1]);
    body.extend([0; 12 + 16]);
    body.extend(order.bytes32(3)); // idiag_if
    body.extend([0; 8 + 20]);
    body.extend(attributes);
    body
}

fn done(order: ByteOrder, code: i32) -> Vec<u8> {
    message(DONE, 2, SEQUENCE, &order.bytes32(code as u32), order)
}

fn good(order: ByteOrder) -> Vec<u8> {
    message(SOCKET, 2, SEQUENCE, &listener(order, &[]), order)
}

const LITTLE: ByteOrder = ByteOrder::Little;

#[test]
fn a_whole_dump_in_both_byte_orders() {
    for order in [ByteOrder::Little, ByteOrder::Big] {
        let (seen, end) = run(&mut Script::of([good(order), done(order, 0)]), order);
        assert_eq!(end, Ok(()));
        let address = std::net::Ipv4Addr::LOCALHOST.into();
        assert_eq!(
            seen,
            [Listener {
                address,
                port: 443,
                v6only: None,
                device: Some(3)
            }]
        );
        let (seen, end) = run(&mut Script::of([done(order, 0)]), order);
        assert_eq!((seen.len(), end), (0, Ok(())));
    }
}

#[test]
fn end_and_listener_in_one_datagram() {
    let datagram = [
        good(LITTLE),
        message(1, 0, SEQUENCE, &[], LITTLE),
        done(LITTLE, 0),
    ]
    .concat();
    let (seen, end) = run(&mut Script::of([datagram]), LITTLE);
    assert_eq!((seen.len(), end), (1, Ok(())));
}

#[test]
fn a_visitor_that_has_seen_enough_ends_the_dump_before_its_end() {
    let mut script = Script::of([good(LITTLE)]);
    let question = Question {
        family: Family::V4,
        ports: &[443],
    };
    let flow =
        Conversation::new(&mut script, LITTLE).dump(question, &mut |_| ControlFlow::Break(()));
    assert_eq!(flow, Ok(ControlFlow::Break(())));
}

/// Whatever goes wrong, what was shown before stays shown, and the end is a fault and never an empty answer.
#[test]
fn every_broken_answer_is_a_fault() {
    let order = LITTLE;
    let attribute = |length: u16, kind: u16| [order.bytes16(length), order.bytes16(kind)].concat();
    let with =
        |attributes: &[u8]| message(SOCKET, 2, SEQUENCE, &listener(order, attributes), order);
    let errno = |code: i32| order.bytes32(code as u32);
    let enoent = Fault::Kernel(Errno::ENOENT);
    let cut = |datagram: Vec<u8>, length: usize| datagram[..length].to_vec();
    let long = |mut datagram: Vec<u8>| {
        datagram[0] += 4; // nlmsg_len
        datagram
    };
    let cases: Vec<(&str, Vec<u8>, Fault)> = vec![
        (
            "error message",
            message(ERROR, 0, SEQUENCE, &errno(-2), order),
            enoent,
        ),
        (
            "acknowledgement",
            message(ERROR, 0, SEQUENCE, &errno(0), order),
            Fault::Acknowledged,
        ),
        (
            "error that is none",
            message(ERROR, 0, SEQUENCE, &errno(5), order),
            Fault::Kernel(Errno::UnknownErrno),
        ),
        (
            "error without its code",
            message(ERROR, 0, SEQUENCE, &[0; 3], order),
            Fault::Length,
        ),
        ("negative DONE payload", done(order, -2), enoent),
        (
            "lowest DONE payload",
            done(order, i32::MIN),
            Fault::Kernel(Errno::UnknownErrno),
        ),
        (
            "DONE without payload",
            message(DONE, 2, SEQUENCE, &[], order),
            Fault::Length,
        ),
        (
            "interrupted dump",
            message(SOCKET, 0x12, SEQUENCE, &listener(order, &[]), order),
            Fault::Interrupted,
        ),
        (
            "interrupted dump, said at its end",
            message(DONE, 0x12, SEQUENCE, &errno(0), order),
            Fault::Interrupted,
        ),
        (
            "lost messages",
            message(4, 0, SEQUENCE, &[], order),
            Fault::Overrun,
        ),
        (
            "bad sequence",
            message(SOCKET, 2, SEQUENCE - 1, &listener(order, &[]), order),
            Fault::Sequence,
        ),
        (
            "bad sequence of the end",
            message(DONE, 2, SEQUENCE + 1, &errno(0), order),
            Fault::Sequence,
        ),
        (
            "data after DONE",
            [done(order, 0), good(order)].concat(),
            Fault::AfterDone,
        ),
        ("short header", cut(good(order), 15), Fault::Length),
        ("one byte", vec![0], Fault::Length),
        ("nothing", vec![], Fault::Length),
        (
            "length beyond the datagram",
            long(good(order)),
            Fault::Length,
        ),
        (
            "length below the header's",
            message(SOCKET, 2, SEQUENCE, &[], order)
                .into_iter()
                .enumerate()
                .map(|(at, byte)| if at == 0 { 15 } else { byte })
                .collect(),
            Fault::Length,
        ),
        ("length 0", vec![0; 16], Fault::Length),
        (
            "socket cut off",
            message(SOCKET, 2, SEQUENCE, &listener(order, &[])[..71], order),
            Fault::Length,
        ),
        (
            "socket without a body",
            message(SOCKET, 2, SEQUENCE, &[], order),
            Fault::Length,
        ),
        (
            "attribute longer than the message",
            with(&attribute(8, 11)),
            Fault::Attribute,
        ),
        (
            "attribute shorter than its header",
            with(&attribute(3, 11)),
            Fault::Attribute,
        ),
        (
            "attribute of length 0",
            with(&attribute(0, 11)),
            Fault::Attribute,
        ),
        ("half an attribute", with(&[5, 0]), Fault::Length),
        (
            "unknown message type",
            message(21, 2, SEQUENCE, &listener(order, &[]), order),
            Fault::Kind(21),
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
            Fault::Family(1),
        ),
    ];
    for (name, datagram, expected) in cases {
        // Followed by a proper end, so that only the flaw itself can make it fail.
        let mut script = Script::of([good(order), datagram, done(order, 0)]);
        let (seen, end) = run(&mut script, order);
        assert_eq!((seen.len(), end), (1, Err(expected)), "{name}");
    }
}

#[test]
fn an_unknown_attribute_is_skipped_and_v6only_found_behind_it() {
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
fn a_socket_in_another_state_is_no_listener() {
    let mut established = listener(LITTLE, &[]);
    established[1] = 1;
    let datagram = message(SOCKET, 2, SEQUENCE, &established, LITTLE);
    let (seen, end) = run(&mut Script::of([datagram, done(LITTLE, 0)]), LITTLE);
    assert_eq!((seen.len(), end), (0, Ok(())));
}

#[test]
fn a_datagram_from_elsewhere_or_cut_off_is_a_fault() {
    for (sender, truncated, expected) in [
        (4711, false, Fault::Sender(4711)),
        (0, true, Fault::Truncated),
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
        assert_eq!((seen.len(), end), (0, Err(expected)));
    }
}

#[test]
fn a_failed_call_is_a_fault_with_its_errno() {
    let mut script = Script {
        refusal: Some(Errno::ECONNREFUSED),
        ..Script::default()
    };
    assert_eq!(
        run(&mut script, LITTLE).1,
        Err(Fault::Call("send", Errno::ECONNREFUSED))
    );
    for errno in [Errno::ENOBUFS, Errno::EAGAIN, Errno::EIO] {
        let answers = VecDeque::from([Ok((good(LITTLE), 0, false)), Err(errno)]);
        let mut script = Script {
            answers,
            ..Script::default()
        };
        let (seen, end) = run(&mut script, LITTLE);
        assert_eq!((seen.len(), end), (1, Err(Fault::Call("receive", errno))));
    }
}

#[test]
fn one_port_is_asked_for_in_the_header_and_more_in_a_bytecode() {
    let mut script = Script::of([done(LITTLE, 0)]);
    run(&mut script, LITTLE).1.unwrap();
    let request = &script.sent[0];
    assert_eq!(request.len(), 72);
    assert_eq!(request[..8], [72, 0, 0, 0, 20, 0, 1, 3]); // NLM_F_REQUEST | NLM_F_DUMP
    assert_eq!(request[16..20], [2, 6, 0, 0]); // AF_INET, IPPROTO_TCP, no extension
    assert_eq!(request[20..24], [0, 4, 0, 0]); // LISTEN alone
    assert_eq!(request[24..26], [1, 187]); // 443 in network order
    assert_eq!(request[64..72], [0xff; 8]); // INET_DIAG_NOCOOKIE

    let mut script = Script::of([done(LITTLE, 0)]);
    let question = Question {
        family: Family::V6,
        ports: &[80, 443],
    };
    let flow =
        Conversation::new(&mut script, LITTLE).dump(question, &mut |_| ControlFlow::Continue(()));
    assert_eq!(flow, Ok(ControlFlow::Continue(())));
    let request = &script.sent[0];
    assert_eq!(usize::from(request[0]), request.len());
    assert_eq!(request[16], 10); // AF_INET6
    assert_eq!(request[24..26], [0, 0]);
    assert_eq!(request[72..76], [(request.len() - 72) as u8, 0, 1, 0]); // INET_DIAG_REQ_BYTECODE
}

/// The datagrams of a captured file, as family and bytes.
fn captured(text: &str) -> Vec<(&str, Vec<u8>)> {
    let mut datagrams = Vec::new();
    for line in text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
    {
        let (hex, label) = line.split_once('#').unwrap();
        match datagrams.last_mut() {
            _ if hex.trim() == "datagram" => datagrams.push((label.trim(), Vec::new())),
            Some((_, bytes)) => {
                bytes.extend(
                    hex.split_whitespace()
                        .map(|byte| u8::from_str_radix(byte, 16).unwrap()),
                );
            }
            None => panic!("bytes before the first datagram"),
        }
    }
    datagrams
}

#[test]
fn what_6_18_says_of_the_zoo() {
    let text = include_str!("../../../tests/fixtures/6.18-x86_64/sock_diag.hex");
    let datagrams = captured(text);
    let of = |family| {
        let own = datagrams
            .iter()
            .filter(|(label, _)| *label == family)
            .peekable();
        let (seen, end) = run(&mut Script::of(own.map(|(_, bytes)| bytes.clone())), LITTLE);
        assert_eq!(end, Ok(()));
        seen
    };
    let (v4, v6) = (of("AF_INET"), of("AF_INET6"));
    assert_eq!(v4.len(), 66);
    assert_eq!(
        v4.iter()
            .filter(|listener| listener.to_string() == "0.0.0.0:1009")
            .count(),
        60
    );
    let device: Vec<_> = v4
        .iter()
        .filter(|listener| listener.device.is_some())
        .collect();
    assert_eq!(
        device,
        [&Listener {
            address: [0, 0, 0, 0].into(),
            port: 1008,
            v6only: None,
            device: Some(1)
        }]
    );
    let mut v6: Vec<_> = v6.iter().map(|one| (one.to_string(), one.v6only)).collect();
    v6.sort();
    assert_eq!(
        v6,
        [
            ("[2001:db8::1]:1016".to_owned(), Some(true)),
            ("[::1]:1006".to_owned(), Some(true)),
            ("[::]:1004".to_owned(), Some(false)),
            ("[::]:1005".to_owned(), Some(true)),
            ("[::]:1018".to_owned(), Some(false)),
            ("[::ffff:0.0.0.0]:1017".to_owned(), Some(false)),
            ("[::ffff:127.0.0.1]:1007".to_owned(), Some(false)),
        ]
    );
}
