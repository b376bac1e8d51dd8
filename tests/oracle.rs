//! The kernel itself as the judge: for random sets of listeners and random targets, the verdict must
//! agree with what connect(2) finds, or for UDP with who gets a datagram, and both sources with each other.
//!
//! The seed of a run is printed; LISTENUP_SEED=N runs it again.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

mod common;

use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use socket2::{Domain, Socket, Type};

use common::node::Node;
use common::{in_namespace, ip, proc_root};
use listenup::clock::{Deadline, SystemClock};
use listenup::domain::{
    Answer, Compliance, Listener, NoRequirements, Protocol, Requirements, Violation,
};
use listenup::engine::SourceChain;
use listenup::engine::{CheckSpec, Timing, run_check};
use listenup::requirements::{Demands, Owner, RequirementChecker};
use listenup::source::{Source, netlink::Netlink, proc::Proc};

const SETS: u64 = 60;
const PORTS: [u16; 3] = [441, 442, 443];

/// Addresses to bind to. The last of each family is bound to by no listener of its own, so that
/// only a wildcard can answer there.
const V4: [&str; 4] = ["127.0.0.1", "127.0.0.2", "192.0.2.1", "192.0.2.9"];
const ON_LO: [&str; 2] = ["192.0.2.99", "2001:db8::99"];
const V6: [&str; 3] = ["::1", "2001:db8::1", "2001:db8::9"];

/// Numbers that look random and come again (Knuth's MMIX generator).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    fn chance(&mut self, one_in: usize) -> bool {
        self.below(one_in) == 0
    }
}

/// A node on the other end of a cable, from which connections arrive on the device d0. That has the
/// addresses that are no loopback.
fn peer() -> Node {
    let peer = Node::new();
    peer.plug("p0", "d0", &["192.0.2.254/24", "2001:db8::fe/64"]);
    for address in ["192.0.2.1/24", "192.0.2.9/24"] {
        ip(&format!("address add {address} dev d0"));
    }
    for address in ["2001:db8::1/64", "2001:db8::9/64"] {
        ip(&format!("address add {address} dev d0 nodad"));
    }
    // What connections from here to it come in on lo.
    ip(&format!("address add {}/32 dev lo", ON_LO[0]));
    ip(&format!("address add {}/128 dev lo nodad", ON_LO[1]));
    peer
}

/// Waits until the sockets of the last set or pair are gone: a process that another test of this program just
/// starts holds them until its execve(2), and the kernel would choose among old and new.
fn wait_until_closed(protocol: Protocol) {
    let (tables, state) = match protocol {
        Protocol::Tcp => (["tcp", "tcp6"], " 0A "),
        Protocol::Udp => (["udp", "udp6"], " 07 "),
    };
    let deadline = Instant::now() + Duration::from_secs(20);
    for table in tables {
        let table = format!("/proc/thread-self/net/{table}");
        while std::fs::read_to_string(&table).unwrap().contains(state) {
            assert!(Instant::now() < deadline, "{table}: still open");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Whether a connection from this thread's namespace finds a listener.
fn connects(address: SocketAddr) -> bool {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
    match socket.connect_timeout(&address.into(), Duration::from_secs(2)) {
        Ok(()) => true,
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => false,
        Err(error) => panic!("connect {address}: {error}"),
    }
}

/// Whether a datagram from this thread's namespace gets to one of these sockets. If not, its sender is told, by ICMP.
fn delivers(address: SocketAddr, sockets: &[Socket]) -> bool {
    let from = match address {
        SocketAddr::V4(_) => "0.0.0.0:0",
        SocketAddr::V6(_) => "[::]:0",
    };
    let sender = UdpSocket::bind(from).unwrap();
    sender.connect(address).unwrap();
    sender.set_nonblocking(true).unwrap();
    let mark = sender.local_addr().unwrap().to_string();
    let deadline = Instant::now() + Duration::from_secs(20);
    while Instant::now() < deadline {
        // What the last one was told may come with this one.
        let sent = sender.send(mark.as_bytes());
        let told = sent.and_then(|_| {
            std::thread::sleep(Duration::from_micros(100));
            sender.recv(&mut [0; 64])
        });
        if has_come(sockets, mark.as_bytes()) {
            return true;
        }
        match told {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => return false,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            other => panic!("{address}: {other:?}"),
        }
        // The kernel does not tell at any rate; sent again, it will.
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("{address}: a datagram neither came nor was refused");
}

/// Whether one of the sockets has got this.
fn has_come(sockets: &[Socket], mark: &[u8]) -> bool {
    let mut come = false;
    for mut socket in sockets {
        let mut datagram = [0; 64];
        // A connected one may say that its peer refuses it.
        while let Ok(length) = socket.read(&mut datagram) {
            come |= datagram[..length] == *mark;
        }
    }
    come
}

/// A random listener and its description, or none where the ones before are in its way.
fn random_listener(protocol: Protocol, random: &mut Random) -> Option<(Socket, String)> {
    let port = random.pick(&PORTS);
    let v6 = random.chance(2);
    let address = match (v6, random.below(4)) {
        (false, 0 | 1) => "0.0.0.0",
        (false, _) => random.pick(&V4[..3]),
        (true, 0 | 1) => "::",
        (true, 2) => random.pick(&["::ffff:127.0.0.1", "::ffff:192.0.2.1", "::ffff:0.0.0.0"]),
        (true, _) => random.pick(&V6[..2]),
    };
    let domain = if v6 { Domain::IPV6 } else { Domain::IPV4 };
    let kind = match protocol {
        Protocol::Tcp => Type::STREAM,
        Protocol::Udp => Type::DGRAM,
    };
    let socket = Socket::new(domain, kind, None).unwrap();
    let mut what = format!("{address} port {port}");
    if v6 {
        let only = random.chance(2) && !address.contains("ffff");
        socket.set_only_v6(only).unwrap();
        what += if only { " V6ONLY" } else { "" };
    }
    if random.chance(3) {
        let device = random.pick(&["lo", "d0"]);
        socket.bind_device(Some(device.as_bytes())).unwrap();
        what += &format!(" on {device}");
    }
    let members = random.chance(2);
    socket.set_reuse_port(members).unwrap();
    what += if members { " SO_REUSEPORT" } else { "" };
    let place = SocketAddr::new(address.parse().unwrap(), port);
    socket.bind(&place.into()).ok()?;
    let idle = random.chance(6);
    match protocol {
        Protocol::Tcp if idle => what += " not listening",
        Protocol::Tcp => socket.listen(100).ok()?,
        Protocol::Udp => {
            socket.set_nonblocking(true).unwrap();
            if idle {
                what += " connected";
                let peer = match (v6, address.contains("ffff")) {
                    (false, _) => "127.0.0.1:9",
                    (true, true) => "[::ffff:127.0.0.1]:9",
                    (true, false) => "[::1]:9",
                };
                socket
                    .connect(&peer.parse::<SocketAddr>().unwrap().into())
                    .ok()?;
            }
        }
    }
    Some((socket, what))
}

/// Every target that the kernel can judge.
fn targets(protocol: Protocol) -> Vec<(String, Vec<SocketAddr>)> {
    let mut targets = Vec::new();
    let place = |address: &str, port| SocketAddr::new(address.parse().unwrap(), port);
    for port in PORTS {
        for address in V4.iter().chain(&V6) {
            targets.push((place(address, port).to_string(), vec![place(address, port)]));
        }
        let everywhere = V4
            .iter()
            .chain(&V6)
            .chain(&ON_LO)
            .map(|address| place(address, port))
            .collect();
        targets.push((port.to_string(), everywhere));
        // What only a wildcard answers.
        targets.push((
            format!("0.0.0.0:{port}"),
            vec![place(V4[3], port), place(ON_LO[0], port)],
        ));
        targets.push((
            format!("[::]:{port}"),
            vec![place(V6[2], port), place(ON_LO[1], port)],
        ));
    }
    if protocol == Protocol::Udp {
        targets
            .iter_mut()
            .for_each(|(target, _)| target.insert_str(0, "udp:"));
    }
    targets
}

fn verdict(source: impl Source, target: &str, requirements: &mut dyn Requirements) -> Answer {
    let timing = Timing {
        timeout: Duration::from_secs(20),
        retry_for: Duration::ZERO,
        retry_every: Duration::from_millis(1),
    };
    let spec = CheckSpec::all_listening([target.parse().unwrap()]);
    let clock = SystemClock::start();
    let limit = Deadline::new(&clock, timing.timeout);
    let outcome = run_check(
        &spec,
        &mut SourceChain::single(source),
        requirements,
        timing,
        limit,
    );
    outcome.answers[0].1.clone()
}

/// Whether the answer agrees with what the kernel found.
fn agrees(answer: &Answer, target: &str, found: bool, proc: bool, zoo: &[String]) -> bool {
    let target = target.trim_start_matches("udp:");
    match answer {
        // /proc does not show devices, so a listener on another device counts.
        Answer::Listening(_) if proc => found || zoo.iter().any(|one| one.contains(" on ")),
        Answer::Listening(_) => found,
        Answer::NotListening => !found,
        Answer::RequirementFailed(..) | Answer::NotChecked => false,
        // /proc does not know V6ONLY; it must say so and nothing else. What is bound to lo would serve
        // an address on lo, and what is bound to 127.0.0.1 and d0 would serve packets for it from there. Other loopback
        // addresses than localhost can be on another device.
        Answer::CouldNotTell(doubt) => match doubt.to_string() {
            doubt if doubt.contains("V6ONLY") => proc && !target.starts_with('['),
            doubt => {
                let is_on_lo = doubt.contains("on lo");
                let is_known = is_on_lo || doubt.contains("route_localnet");
                let is_other = [target, &doubt]
                    .iter()
                    .any(|text| text.starts_with("127.0.0.2:"));
                !proc && (!found && is_known || is_on_lo && is_other)
            }
        },
    }
}

fn judge_a_set(protocol: Protocol, seed: u64, peer: &Node, root: &std::path::Path) -> usize {
    wait_until_closed(protocol);
    let mut random = Random(seed);
    let count = 1 + random.below(8);
    let (sockets, zoo): (Vec<_>, Vec<_>) = (0..count)
        .filter_map(|_| random_listener(protocol, &mut random))
        .unzip();
    let sockets = Arc::new(sockets);
    let reaches = move |place, sockets: &[Socket]| match protocol {
        Protocol::Tcp => connects(place),
        Protocol::Udp => delivers(place, sockets),
    };
    let mut judged = 0;
    for (target, places) in targets(protocol) {
        let by_cable = |&place: &SocketAddr| {
            let reachable =
                !ON_LO.contains(&place.ip().to_string().as_str()) && !place.ip().is_loopback();
            let sockets = Arc::clone(&sockets);
            reachable && peer.run(move || reaches(place, &sockets))
        };
        let found = places
            .iter()
            .any(|place| reaches(*place, &sockets) || by_cable(place));
        let answers = [
            verdict(Netlink::new(), &target, &mut NoRequirements),
            verdict(Proc::new(root), &target, &mut NoRequirements),
        ];
        for (answer, proc) in answers.iter().zip([false, true]) {
            assert!(
                agrees(answer, &target, found, proc, &zoo),
                "seed {seed}: {target}: the kernel found {found}, proc {proc} says {answer:?} of {zoo:#?}"
            );
        }
        judged += 1;
    }
    judged
}

#[test]
fn the_verdict_agrees_with_connect() {
    judge_sets(Protocol::Tcp);
}

#[test]
fn the_verdict_agrees_with_the_receiver_of_a_datagram() {
    judge_sets(Protocol::Udp);
}

fn judge_sets(protocol: Protocol) {
    in_namespace(move || {
        // The ICMP that says "nobody" is otherwise one a second.
        for limit in ["ipv4/icmp_ratelimit", "ipv6/icmp/ratelimit"] {
            std::fs::write(format!("/proc/sys/net/{limit}"), "0").unwrap();
        }
        let peer = peer();
        let root = proc_root();
        let fixed = std::env::var("LISTENUP_SEED").ok();
        let first = match &fixed {
            Some(seed) => seed.parse().unwrap(),
            None => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap()
                .as_nanos() as u64,
        };
        let sets = if fixed.is_some() { 1 } else { SETS };
        let judged: usize = (first..first + sets)
            .map(|seed| judge_a_set(protocol, seed, &peer, root.path()))
            .sum();
        println!("{protocol}: {sets} sets from seed {first}: {judged} targets judged");
        assert_eq!(judged as u64, sets * 30);
    });
}

/// How a connection from here ends: in a listener, in nothing, or in a queue that is full, where it gets
/// no answer.
fn connection(address: SocketAddr) -> &'static str {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
    match socket.connect_timeout(&address.into(), Duration::from_millis(700)) {
        Ok(()) => "accepted",
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => "refused",
        Err(error) if error.kind() == ErrorKind::TimedOut => "unanswered",
        Err(error) => panic!("connect {address}: {error}"),
    }
}

/// A listener of a pair: where it is, on which device, and how many connections fit its queue.
type Half = (&'static str, Option<&'static str>, i32);

fn half(protocol: Protocol, (address, device, backlog): Half) -> Socket {
    let domain = match address.contains(':') {
        true => Domain::IPV6,
        false => Domain::IPV4,
    };
    let kind = match protocol {
        Protocol::Tcp => Type::STREAM,
        Protocol::Udp => Type::DGRAM,
    };
    let socket = Socket::new(domain, kind, None).unwrap();
    if domain == Domain::IPV6 {
        socket.set_only_v6(false).unwrap();
    }
    socket.set_reuse_port(true).unwrap();
    if let Some(device) = device {
        socket.bind_device(Some(device.as_bytes())).unwrap();
    }
    let place = SocketAddr::new(address.parse().unwrap(), 443);
    socket.bind(&place.into()).unwrap();
    match protocol {
        Protocol::Tcp => socket.listen(backlog).unwrap(),
        Protocol::Udp => socket.set_nonblocking(true).unwrap(),
    }
    socket
}

/// Two listeners that a connection could find, of which one has a full queue if it is the one: the
/// kernel's choice depends on devices, families and on which was opened first.
#[test]
fn a_requirement_applies_to_the_listener_that_connect_finds() {
    judge_pairs(judge_a_pair);
}

/// The same of UDP: of two sockets one meets the requirement, and the kernel gives a datagram to one of them.
#[test]
fn a_requirement_applies_to_the_socket_that_gets_a_datagram() {
    judge_pairs(judge_a_pair_of_udp);
}

fn judge_pairs(check: fn(&[Half; 2])) {
    let places = [
        ("0.0.0.0", None),
        ("0.0.0.0", Some("lo")),
        ("::", None),
        ("::", Some("lo")),
        ("127.0.0.1", None),
        ("127.0.0.1", Some("lo")),
        ("::ffff:127.0.0.1", None),
        ("::ffff:0.0.0.0", None),
    ];
    let threads = places.map(|one| {
        let others = places.into_iter().filter(move |other| *other != one);
        let pairs = others.flat_map(move |other| {
            let halves = move |[first, second]: [i32; 2]| {
                [(one.0, one.1, first), (other.0, other.1, second)]
            };
            [[0, 100], [100, 0]].map(halves)
        });
        let pairs: Vec<[Half; 2]> = pairs.collect();
        std::thread::spawn(move || in_namespace(move || pairs.iter().for_each(check)))
    });
    for thread in threads {
        if let Err(failure) = thread.join() {
            std::panic::resume_unwind(failure);
        }
    }
}

fn judge_a_pair(pair: &[Half; 2]) {
    wait_until_closed(Protocol::Tcp);
    let _sockets: Vec<Socket> = pair.iter().map(|one| half(Protocol::Tcp, *one)).collect();
    let place: SocketAddr = "127.0.0.1:443".parse().unwrap();
    // A queue is full above its limit, so one connection fits into the small one.
    let filled = connection(place);
    assert_eq!(filled, "accepted", "{pair:?}");
    let found = connection(place);
    let owner = Owner::default();
    let clock = SystemClock::start();
    let limit = Deadline::new(&clock, Duration::from_secs(20));
    let max = Some("100%".parse().unwrap());
    let proc = std::path::Path::new("/proc");
    let demands = Demands {
        max_queue: max,
        owner: &owner,
        interface: None,
        netns: None,
        viewer: None,
    };
    let mut requirements = RequirementChecker::new(demands, proc, limit, Default::default());
    let answer = verdict(Netlink::new(), "127.0.0.1:443", &mut requirements);
    let agrees = match answer {
        Answer::Listening(_) => found == "accepted",
        Answer::RequirementFailed(..) => found == "unanswered",
        _ => false,
    };
    assert!(agrees, "{pair:?}: {found}, but {answer:?}");
}

/// Only the socket with this inode will do.
struct Only(u64);

impl Requirements for Only {
    fn any(&self) -> bool {
        true
    }

    fn compliance(&mut self, listener: &Listener) -> Compliance {
        match listener.inode == Some(self.0) {
            true => Compliance::Compliant,
            false => Compliance::Violates(Violation::WrongOwner("another".to_owned())),
        }
    }
}

fn judge_a_pair_of_udp(pair: &[Half; 2]) {
    wait_until_closed(Protocol::Udp);
    let sockets: Vec<Socket> = pair.iter().map(|one| half(Protocol::Udp, *one)).collect();
    let place: SocketAddr = "127.0.0.1:443".parse().unwrap();
    let found = match sockets.split_first() {
        Some((first, second)) => {
            let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
            let deadline = Instant::now() + Duration::from_secs(20);
            loop {
                sender.send_to(b"x", place).unwrap();
                match (
                    has_come(std::slice::from_ref(first), b"x"),
                    has_come(second, b"x"),
                ) {
                    (false, false) => assert!(Instant::now() < deadline, "{pair:?}"),
                    (first, _) => break usize::from(!first),
                }
            }
        }
        None => panic!("{pair:?}"),
    };
    for (index, socket) in sockets.iter().enumerate() {
        let inode = nix::sys::stat::fstat(socket).unwrap().st_ino;
        let answer = verdict(Netlink::new(), "udp:127.0.0.1:443", &mut Only(inode));
        let agrees = match answer {
            Answer::Listening(_) => index == found,
            Answer::RequirementFailed(..) => index != found,
            _ => false,
        };
        assert!(agrees, "{pair:?}: {index}, found {found}, but {answer:?}");
    }
}
