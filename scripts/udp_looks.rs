//! Times single looks at UDP in this process, beside many connected sockets, as a busy resolver has them.
//!
//! `udp_looks SOCKETS RUNS` opens so many in the network namespace it runs in, binds 127.0.0.1:53 and prints for each
//! kind of look its median and 99th percentile in microseconds, tab-separated. Root: it raises its limit of descriptors.

#![allow(clippy::print_stdout)]

#[path = "shared/percentile.rs"]
mod percentile;

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use listenup::clock::{Deadline, SystemClock};
use listenup::domain::{Connection, Family, Protocol};
use listenup::source::{Fault, Ports, Question, Source, netlink::Netlink, proc::Proc};
use nix::sys::resource::{Resource, setrlimit};
use percentile::percentile;

/// Ports that the connected sockets of one address have.
const PORTS: std::ops::Range<u16> = 10_000..35_000;

fn connected(count: usize) -> Result<Vec<UdpSocket>, Box<dyn Error>> {
    let limit = count as u64 + 100;
    setrlimit(Resource::RLIMIT_NOFILE, limit, limit)?;
    let addresses = (1..=u8::MAX).map(|last| Ipv4Addr::new(127, 1, 0, last));
    let places =
        addresses.flat_map(|address| PORTS.map(move |port| SocketAddr::from((address, port))));
    let mut sockets = Vec::with_capacity(count);
    for place in places.take(count) {
        let socket = UdpSocket::bind(place)?;
        socket.connect("127.0.0.1:53")?;
        sockets.push(socket);
    }
    Ok(sockets)
}

fn shows(source: &mut dyn Source, family: Family, port: u16) -> Result<bool, Fault> {
    let clock = SystemClock::start();
    let question = Question {
        protocol: Protocol::Udp,
        family,
        ports: Ports::These(&[port]),
        deadline: Deadline::new(&clock, Duration::from_secs(600)),
    };
    let mut found = false;
    source.listeners(question, &mut |_| {
        found = true;
        ControlFlow::Break(())
    })?;
    Ok(found)
}

fn exactly(connection: Connection) -> Result<bool, Fault> {
    let clock = SystemClock::start();
    let limit = Deadline::new(&clock, Duration::from_secs(60));
    Ok(Netlink::new().kernel_lookup(connection, limit)?.is_some())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let usage = "usage: udp_looks SOCKETS RUNS";
    let count: usize = args.next().ok_or(usage)?.parse()?;
    let runs: usize = args.next().ok_or(usage)?.parse()?;
    let _bound = UdpSocket::bind("127.0.0.1:53")?;
    let _connected = connected(count)?;
    let here = Connection::to("udp:127.0.0.1:53".parse()?, None).ok_or("no address")?;
    let nowhere = Connection::to("udp:127.0.0.1:54".parse()?, None).ok_or("no address")?;

    type Look<'a> = (&'a str, bool, Box<dyn Fn() -> Result<bool, Fault> + 'a>);
    let looks: [Look<'_>; 7] = [
        ("exact lookup, bound", true, Box::new(|| exactly(here))),
        (
            "exact lookup, not bound",
            false,
            Box::new(|| exactly(nowhere)),
        ),
        (
            "dump, bound",
            true,
            Box::new(|| shows(&mut Netlink::new(), Family::V4, 53)),
        ),
        (
            "dump, not bound",
            false,
            Box::new(|| shows(&mut Netlink::new(), Family::V4, 54)),
        ),
        (
            "dump, not bound, IPv6",
            false,
            Box::new(|| shows(&mut Netlink::new(), Family::V6, 54)),
        ),
        (
            "/proc udp, not bound, second opinion",
            false,
            Box::new(|| shows(&mut Proc::second_opinion("/proc"), Family::V4, 54)),
        ),
        (
            "/proc udp6, not bound, second opinion",
            false,
            Box::new(|| shows(&mut Proc::second_opinion("/proc"), Family::V6, 54)),
        ),
    ];
    for (name, expected, look) in looks {
        let began = Instant::now();
        let mut times = Vec::new();
        while times.len() < runs && began.elapsed() < Duration::from_secs(20) {
            let started = Instant::now();
            let answer = look();
            times.push(started.elapsed());
            if answer != Ok(expected) {
                println!("{name}: {answer:?}");
                break;
            }
        }
        let (half, most) = (percentile(&times, 50), percentile(&times, 99));
        println!("{name}\t{half:.1}\t{most:.1}\t{}", times.len());
    }
    Ok(())
}
