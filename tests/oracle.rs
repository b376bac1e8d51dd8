//! The kernel itself as the judge: for random sets of listeners and random targets, the verdict must
//! agree with what connect(2) finds, and both sources with each other.
//!
//! The seed of a run is printed; LISTENUP_SEED=N runs it again.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

mod common;

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use socket2::{Domain, Socket, Type};

use common::node::Node;
use common::{in_namespace, ip, proc_root};
use listenup::clock::SystemClock;
use listenup::domain::{Answer, NoDemands, Target};
use listenup::judge::{Matter, Patience, Sources, judge};
use listenup::source::{Source, netlink::Netlink, proc::Proc};

const SETS: u64 = 60;
const PORTS: [u16; 3] = [441, 442, 443];

/// Addresses to bind to. The last of each family is bound to by no listener of its own, so that
/// only a wildcard can answer there.
const V4: [&str; 4] = ["127.0.0.1", "127.0.0.2", "192.0.2.1", "127.9.9.9"];
const V6: [&str; 3] = ["::1", "2001:db8::1", "2001:db8::99"];

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

/// A node on the other end of a cable, from which connections arrive on the device d0. That has
/// 192.0.2.1 and 2001:db8::1.
fn peer() -> Node {
    let peer = Node::new();
    peer.plug("p0", "d0", &["192.0.2.254/24", "2001:db8::fe/64"]);
    ip("address add 192.0.2.1/24 dev d0");
    ip("address add 2001:db8::1/64 dev d0 nodad");
    ip("address add 2001:db8::99/128 dev lo nodad");
    peer
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

/// A random listener and its description, or none where the ones before are in its way.
fn random_listener(random: &mut Random) -> Option<(Socket, String)> {
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
    let socket = Socket::new(domain, Type::STREAM, None).unwrap();
    let mut what = format!("{address} port {port}");
    if v6 {
        let only = random.chance(2) && !address.contains("ffff");
        socket.set_only_v6(only).unwrap();
        what += if only { " V6ONLY" } else { "" };
    }
    // A device that the connections to this address arrive on, or the verdict would be about a
    // route.
    let device = match address {
        "127.0.0.1" | "127.0.0.2" | "::1" | "::ffff:127.0.0.1" => Some("lo"),
        "192.0.2.1" | "2001:db8::1" | "::ffff:192.0.2.1" => Some("d0"),
        _ => None,
    };
    if let Some(device) = device.filter(|_| random.chance(4)) {
        socket.bind_device(Some(device.as_bytes())).unwrap();
        what += &format!(" on {device}");
    }
    let members = random.chance(2);
    socket.set_reuse_port(members).unwrap();
    what += if members { " SO_REUSEPORT" } else { "" };
    let place = SocketAddr::new(address.parse().unwrap(), port);
    socket.bind(&place.into()).ok()?;
    let backlog = random.pick(&[0, 1, 128]);
    if random.chance(6) {
        what += " not listening";
    } else if socket.listen(backlog.max(100)).is_err() {
        return None;
    }
    Some((socket, what))
}

/// Every target that a connect can judge.
fn targets() -> Vec<(String, Vec<SocketAddr>)> {
    let mut targets = Vec::new();
    let place = |address: &str, port| SocketAddr::new(address.parse().unwrap(), port);
    for port in PORTS {
        for address in V4.iter().chain(&V6) {
            targets.push((place(address, port).to_string(), vec![place(address, port)]));
        }
        let everywhere = V4
            .iter()
            .chain(&V6)
            .map(|address| place(address, port))
            .collect();
        targets.push((port.to_string(), everywhere));
        targets.push((format!("0.0.0.0:{port}"), vec![place(V4[3], port)]));
        targets.push((format!("[::]:{port}"), vec![place(V6[2], port)]));
    }
    targets
}

fn verdict(source: &mut dyn Source, target: &str) -> Answer {
    let patience = Patience {
        timeout: Duration::from_secs(20),
        retry_for: Duration::ZERO,
        retry_every: Duration::from_millis(1),
    };
    let target: Target = target.parse().unwrap();
    let sources = Sources {
        in_order: vec![source],
        second_opinion: None,
    };
    let mut none = NoDemands;
    let matter = Matter::plain([target], &mut none);
    let clock = SystemClock::start();
    judge(matter, sources, patience, &clock).answers[0]
        .1
        .clone()
}

/// Whether the answer agrees with what connect(2) found.
fn agrees(answer: &Answer, target: &str, found: bool, proc: bool) -> bool {
    match answer {
        Answer::Listening(_) => found,
        Answer::NotListening => !found,
        Answer::Unfit(..) => false,
        // /proc does not know V6ONLY; it must say so and nothing else.
        Answer::CouldNotTell(doubt) => {
            proc && !target.starts_with('[') && doubt.to_string().contains("V6ONLY")
        }
    }
}

fn judge_a_set(seed: u64, peer: &Node, root: &std::path::Path) -> usize {
    let mut random = Random(seed);
    let count = 1 + random.below(8);
    let (sockets, zoo): (Vec<_>, Vec<_>) = (0..count)
        .filter_map(|_| random_listener(&mut random))
        .unzip();
    let mut judged = 0;
    for (target, places) in targets() {
        let by_cable = |&place: &SocketAddr| {
            ["192.0.2.1", "2001:db8::1"].contains(&place.ip().to_string().as_str())
                && peer.run(move || connects(place))
        };
        let found = places
            .iter()
            .any(|place| connects(*place) || by_cable(place));
        let answers = [
            verdict(&mut Netlink::new(), &target),
            verdict(&mut Proc::new(root), &target),
        ];
        for (answer, proc) in answers.iter().zip([false, true]) {
            assert!(
                agrees(answer, &target, found, proc),
                "seed {seed}: {target}: connect found {found}, proc {proc} says {answer:?} of {zoo:#?}"
            );
        }
        judged += 1;
    }
    drop(sockets);
    judged
}

#[test]
fn the_verdict_agrees_with_connect() {
    in_namespace(|| {
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
            .map(|seed| judge_a_set(seed, &peer, root.path()))
            .sum();
        println!("{sets} sets from seed {first}: {judged} targets judged");
        assert_eq!(judged as u64, sets * 30);
    });
}
