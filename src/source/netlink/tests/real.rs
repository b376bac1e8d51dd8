//! The kernel that runs the tests, and sockets of this process.

use std::net::{TcpListener, UdpSocket};
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::time::Duration;

use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, poll};

use crate::clock::{Deadline, SystemClock};
use crate::domain::{Family, Listener, LookupKey, Protocol, Target};
use crate::source::netlink::Netlink;
use crate::source::netlink::events::{DestroyEvents, Events};
use crate::source::{Ports, Query, Source};

/// A listener for the rest of the test, and its port.
fn listens() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

fn target(protocol: &str, port: u16) -> Target {
    format!("{protocol}:127.0.0.1:{port}").parse().unwrap()
}

#[test]
fn a_dump_shows_listeners_on_the_ports_and_no_others() {
    let clock = SystemClock::start();
    let deadline = Deadline::new(&clock, Duration::from_secs(20));
    let ((_one, port), (_other, other)) = (listens(), listens());
    let bound = UdpSocket::bind("127.0.0.1:0").unwrap();
    let udp = bound.local_addr().unwrap().port();
    let mut netlink = Netlink::new();
    assert_eq!(netlink.name(), "sock_diag");
    let mut seen = |protocol, ports: &[u16]| {
        let query = Query {
            protocol,
            family: Family::V4,
            ports: Ports::These(ports),
            deadline,
        };
        let mut seen: Vec<u16> = Vec::new();
        let visit = &mut |listener: &Listener| {
            seen.push(listener.port);
            ControlFlow::Continue(())
        };
        netlink.listeners(query, visit).unwrap();
        seen.sort_unstable();
        seen
    };
    assert_eq!(seen(Protocol::Tcp, &[port]), [port]);
    let mut both = [port, other];
    both.sort_unstable();
    assert_eq!(seen(Protocol::Tcp, &both), both);
    assert_eq!(seen(Protocol::Udp, &[udp]), [udp]);
    for (protocol, port) in [("tcp", port), ("udp", udp)] {
        let connection = LookupKey::to(target(protocol, port), None).unwrap();
        let found = netlink.kernel_lookup(connection, deadline).unwrap();
        assert_eq!(found.map(|listener| listener.port), Some(port));
    }
}

/// What is told within 20 seconds, or within no time where nothing should be.
fn told(events: &mut Events, wait: u16) -> DestroyEvents {
    poll(&mut [PollFd::new(events.as_fd(), PollFlags::POLLIN)], wait).unwrap();
    events.drain().unwrap()
}

#[test]
fn destroy_events_arrive_for_wanted_listeners_of_each_protocol_only() {
    let ((wanted, port), (other, _)) = (listens(), listens());
    let bound = UdpSocket::bind("127.0.0.1:0").unwrap();
    let udp = bound.local_addr().unwrap().port();
    let mut of_tcp = Events::subscribe(&[target("tcp", port)]).unwrap();
    let mut of_udp = Events::subscribe(&[target("udp", udp)]).unwrap();
    let gone = DestroyEvents {
        gone: true,
        lost: false,
    };
    drop(other);
    drop(bound);
    assert_eq!(told(&mut of_udp, 20_000), gone);
    // The kernel tells of one after the other.
    assert_eq!(told(&mut of_tcp, 0), DestroyEvents::default());
    drop(wanted);
    assert_eq!(told(&mut of_tcp, 20_000), gone);
    assert_eq!(told(&mut of_udp, 0), DestroyEvents::default());
    let flags = |arg| fcntl(of_tcp.as_fd(), arg).unwrap();
    assert!(FdFlag::from_bits_truncate(flags(FcntlArg::F_GETFD)).contains(FdFlag::FD_CLOEXEC));
    assert!(OFlag::from_bits_truncate(flags(FcntlArg::F_GETFL)).contains(OFlag::O_NONBLOCK));
}
