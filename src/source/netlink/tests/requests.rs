//! The requests of a dump, the ways in which a dump ends, and the exact lookup.

use std::num::NonZeroU16;
use std::ops::ControlFlow;
use std::time::Duration;

use nix::errno::Errno;

use super::{
    DONE, ERROR, LITTLE, SEQUENCE, SOCKET, Script, done, good, listener, message, udp_socket,
};
use crate::clock::{Deadline, fake::FakeClock};
use crate::domain::{Endpoint, Family, Listener, LookupKey, Protocol, Queue, Target};
use crate::source::netlink::session::NetlinkSession;
use crate::source::netlink::{NetlinkError, of_protocol};
use crate::source::{self, ByteOrder, Ports, Query};

const LIMIT: Duration = Duration::from_millis(500);

const ON: ControlFlow<()> = ControlFlow::Continue(());

/// Dumps the listeners on these ports. `flow` says whether the visitor stops at the first listener.
fn ask(
    script: &mut Script,
    family: Family,
    ports: &[u16],
    flow: ControlFlow<()>,
) -> Result<ControlFlow<()>, source::SourceError> {
    let clock = script.clock.clone();
    let deadline = Deadline::new(&clock, LIMIT);
    let query = Query {
        protocol: Protocol::Tcp,
        family,
        ports: Ports::These(ports),
        deadline,
    };
    NetlinkSession::new(script, LITTLE).dump(query, &mut |_| flow)
}

#[test]
fn a_visitor_can_break_a_dump_off() {
    let mut script = Script::of([good(LITTLE)]);
    let flow = ask(&mut script, Family::V4, &[443], ControlFlow::Break(()));
    assert_eq!(flow, Ok(ControlFlow::Break(())));
}

#[test]
fn one_port_is_requested_in_the_header_and_several_by_bytecode() {
    let mut script = Script::of([done(LITTLE, 0)]);
    assert_eq!(ask(&mut script, Family::V4, &[443], ON), Ok(ON));
    let request = &script.sent[0];
    assert_eq!(request.len(), 72);
    assert_eq!(request[..8], [72, 0, 0, 0, 20, 0, 1, 3]); // NLM_F_REQUEST | NLM_F_DUMP
    assert_eq!(request[16..20], [2, 6, 0, 0]); // AF_INET, IPPROTO_TCP, no extension
    assert_eq!(request[20..24], [0, 4, 0, 0]); // LISTEN alone
    assert_eq!(request[24..26], [1, 187]); // 443 in network order
    assert_eq!(request[26..64], [0; 38]);
    assert_eq!(request[64..72], [0xff; 8]); // INET_DIAG_NOCOOKIE

    let mut script = Script::of([done(LITTLE, 0)]);
    assert_eq!(ask(&mut script, Family::V6, &[80, 443], ON), Ok(ON));
    let request = &script.sent[0];
    assert_eq!(usize::from(request[0]), request.len());
    assert_eq!(request[16], 10); // AF_INET6
    assert_eq!(request[24..26], [0, 0]);
    assert_eq!(request[72..76], [(request.len() - 72) as u8, 0, 1, 0]); // INET_DIAG_REQ_BYTECODE
}

/// The kernel does not answer, so each call returns EAGAIN until the time limit is over.
#[test]
fn no_answer_within_the_time_limit_is_a_timeout() {
    for datagrams in [vec![], vec![good(LITTLE)]] {
        let mut script = Script::of(datagrams);
        let end = ask(&mut script, Family::V4, &[443], ControlFlow::Continue(()));
        assert_eq!(end, Err(source::SourceError::TimeIsUp(LIMIT)));
    }
}

fn exact(script: &mut Script, address: &str) -> Result<Option<Listener>, source::SourceError> {
    exact_of(script, Protocol::Tcp, address)
}

fn exact_of(
    script: &mut Script,
    protocol: Protocol,
    address: &str,
) -> Result<Option<Listener>, source::SourceError> {
    let clock = script.clock.clone();
    let endpoint = Endpoint::Address(address.parse().unwrap(), NonZeroU16::new(443).unwrap());
    let target = Target { protocol, endpoint };
    let connection = LookupKey::to(target, Some(3)).unwrap();
    let deadline = Deadline::new(&clock, LIMIT);
    NetlinkSession::new(script, LITTLE).kernel_lookup(connection, deadline)
}

#[test]
fn the_exact_lookup_requests_a_socket_by_its_local_side() {
    let mut script = Script::of([good(LITTLE)]);
    let found = exact(&mut script, "127.0.0.1").unwrap().unwrap();
    assert_eq!(found.to_string(), "127.0.0.1:443");
    let request = &script.sent[0];
    assert_eq!(request[4..8], [20, 0, 1, 0]); // NLM_F_REQUEST, no dump
    assert_eq!(request[16], 2);
    assert_eq!(request[24..28], [1, 187, 0, 0]); // the port on the local side only
    assert_eq!(
        request[28..44],
        [127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    );
    assert_eq!(request[44..60], [0; 16]);
    assert_eq!(request[60..64], [3, 0, 0, 0]); // idiag_if

    let mut script = Script::of([good(LITTLE)]);
    exact(&mut script, "2001:db8::1").unwrap().unwrap();
    let request = &script.sent[0];
    assert_eq!(request[16], 10);
    assert_eq!(
        request[28..44],
        [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    );
}

#[test]
fn an_exact_lookup_returns_none_for_no_and_errors_for_the_rest() {
    let error = |code: i32| message(ERROR, 0, SEQUENCE, &code.to_le_bytes(), LITTLE);
    let mut established = listener(LITTLE, &[]);
    established[1] = 1;
    for (datagram, expected) in [
        (error(-2), Ok(None)),
        (message(SOCKET, 0, SEQUENCE, &established, LITTLE), Ok(None)),
        (error(-1), Err(NetlinkError::Kernel(Errno::EPERM))),
        (error(0), Err(NetlinkError::Acknowledged)),
        (
            message(DONE, 0, SEQUENCE, &[0; 4], LITTLE),
            Err(NetlinkError::NoAnswer),
        ),
        (
            message(1, 0, SEQUENCE, &[], LITTLE),
            Err(NetlinkError::NoAnswer),
        ),
        (
            message(SOCKET, 0, 9, &listener(LITTLE, &[]), LITTLE),
            Err(NetlinkError::Sequence),
        ),
    ] {
        let answer = exact(&mut Script::of([datagram]), "127.0.0.1");
        assert_eq!(answer, expected.map_err(source::SourceError::from));
    }
    assert_eq!(
        exact(&mut Script::default(), "::1"),
        Err(source::SourceError::TimeIsUp(LIMIT))
    );
}

#[test]
fn a_session_numbers_its_requests() {
    let mut script = Script::of([done(LITTLE, 0), done(LITTLE, 0)]);
    let clock = FakeClock::default();
    let deadline = Deadline::new(&clock, LIMIT);
    let query = Query {
        protocol: Protocol::Tcp,
        family: Family::V4,
        ports: Ports::These(&[443]),
        deadline,
    };
    let mut session = NetlinkSession::new(&mut script, ByteOrder::Little);
    assert!(
        session
            .dump(query, &mut |_| ControlFlow::Continue(()))
            .is_ok()
    );
    // The second answer has the sequence number of the first request.
    let second = session.dump(query, &mut |_| ControlFlow::Continue(()));
    assert_eq!(second, Err(NetlinkError::Sequence.into()));
}

#[test]
fn a_dump_that_was_broken_off_is_read_to_its_end_before_the_next_request() {
    for (rest, goes_on) in [
        (vec![done(LITTLE, 0)], true),
        (vec![good(LITTLE), done(LITTLE, 0)], true),
        (vec![message(ERROR, 0, SEQUENCE, &[0; 4], LITTLE)], false),
        (vec![], false),
    ] {
        let datagrams = std::iter::once(good(LITTLE)).chain(rest);
        let next = [(SOCKET, listener(LITTLE, &[])), (DONE, vec![0; 4])]
            .map(|(kind, body)| message(kind, 2, SEQUENCE + 1, &body, LITTLE));
        let mut script = Script::of(datagrams.chain(next));
        let clock = script.clock.clone();
        let deadline = Deadline::new(&clock, LIMIT);
        let mut session = NetlinkSession::new(&mut script, LITTLE);
        let query = Query {
            protocol: Protocol::Tcp,
            family: Family::V4,
            ports: Ports::These(&[443]),
            deadline,
        };
        let mut first = |_: &Listener| ControlFlow::Break(());
        assert!(session.dump(query, &mut first).unwrap().is_break());
        assert_eq!(session.finish(deadline).is_ok(), goes_on);
        if goes_on {
            let mut seen = 0;
            let flow = session.dump(query, &mut |_| {
                seen += 1;
                ControlFlow::Continue(())
            });
            assert_eq!((flow, seen), (Ok(ControlFlow::Continue(())), 1));
            assert_eq!(session.finish(deadline), Ok(()));
        }
    }
}

#[test]
fn a_udp_dump_requests_unconnected_sockets_with_their_memory() {
    let mut script = Script::of([message(SOCKET, 2, SEQUENCE, &udp_socket(7), LITTLE)]);
    let clock = script.clock.clone();
    let query = Query {
        protocol: Protocol::Udp,
        family: Family::V4,
        ports: Ports::These(&[53]),
        deadline: Deadline::new(&clock, LIMIT),
    };
    let mut seen = Vec::new();
    let flow = NetlinkSession::new(&mut script, LITTLE).dump(query, &mut |listener| {
        seen.push(listener.clone());
        ControlFlow::Break(())
    });
    assert_eq!(flow, Ok(ControlFlow::Break(())));
    let request = &script.sent[0];
    assert_eq!(request[16..20], [2, 17, 0x40, 0]); // AF_INET, IPPROTO_UDP, SKMEMINFO
    assert_eq!(request[20..24], [0x80, 0, 0, 0]); // CLOSE alone
    assert_eq!(request[24..28], [0, 53, 0, 0]);
    let listener = &seen[0];
    assert_eq!(
        (listener.protocol, listener.queue, listener.drops),
        (
            Protocol::Udp,
            Some(Queue {
                length: 5,
                limit: Some(212_992)
            }),
            Some(9)
        )
    );
}

#[test]
fn without_udp_diag_the_error_names_the_module() {
    let missing = source::SourceError::from(NetlinkError::Kernel(Errno::ENOENT));
    let of = |protocol| of_protocol(NetlinkError::Kernel(Errno::ENOENT).into(), protocol);
    assert_eq!(of(Protocol::Tcp), missing);
    assert!(
        of(Protocol::Udp)
            .to_string()
            .contains("no udp_diag or inet_diag")
    );
}

#[test]
fn a_connected_udp_socket_is_not_a_listener() {
    let datagram = message(SOCKET, 2, SEQUENCE, &udp_socket(1), LITTLE);
    let mut script = Script::of([datagram]);
    assert_eq!(exact_of(&mut script, Protocol::Udp, "127.0.0.1"), Ok(None));
}

#[test]
fn the_exact_udp_lookup_requests_the_receiver_of_a_datagram() {
    let datagram = message(SOCKET, 2, SEQUENCE, &udp_socket(7), LITTLE);
    let mut script = Script::of([datagram]);
    let found = exact_of(&mut script, Protocol::Udp, "127.0.0.1").unwrap();
    assert_eq!(found.unwrap().to_string(), "127.0.0.1:443");
    let request = &script.sent[0];
    assert_eq!(request[24..28], [0, 0, 1, 187]); // the port that it goes to
    assert_eq!(request[28..44], [0; 16]); // from anywhere
    assert_eq!(
        request[44..60],
        [127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    );
    assert_eq!(request[60..64], [3, 0, 0, 0]); // idiag_if
}
