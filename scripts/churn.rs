//! Looks for a listener that is always there while others open and close at full speed around it on
//! another core, and counts how often it is not found.
//!
//! `churn LOOKS CHECKS TIMEOUT LISTENUP` makes LOOKS verdicts in this process and CHECKS runs of the
//! program with each source in each scenario, each within TIMEOUT, in network namespaces of its own,
//! and fails when one of them is not "listening". It also prints how often a single pass over
//! /proc/self/net/tcp or udp, or a single dump, does not show the socket itself: what the verdicts have to
//! compensate.

#![allow(clippy::print_stdout)]

#[path = "shared/shows.rs"]
mod shows;

use std::error::Error;
use std::io::Read;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use listenup::clock::{Deadline, SystemClock};
use listenup::domain::{Answer, Family, NoRequirements, Protocol};
use listenup::engine::SourceChain;
use listenup::engine::{CheckSpec, Timing, run_check};
use listenup::source::{Source, netlink::Netlink, proc::Proc};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::fstat;
use shows::shows;
use socket2::{Domain, Socket, Type};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const STEADY: u16 = 443;

/// The number of network namespaces that share the work of a scenario. The place of a socket in the kernel's tables depends on a random
/// number of each (include/net/netns/hash.h, net_hash_mix), and in some places it is missed a hundred times as often.
const NAMESPACES: u64 = 20;

/// What to do in a scenario, or in one namespace for it.
#[derive(Clone, Copy)]
struct Plan<'a> {
    /// Single passes, with reads of each size, and single dumps.
    passes: u64,
    /// Verdicts in this process, from each source.
    looks: u64,
    /// Runs of the program, with each source.
    checks: u64,
    /// For each of both.
    timeout: Duration,
    program: &'a str,
}

impl Plan<'_> {
    /// The part of this namespace, so that all of them together are the whole.
    fn part(self, namespace: u64) -> Self {
        let part = |whole| whole * (namespace + 1) / NAMESPACES - whole * namespace / NAMESPACES;
        Self {
            passes: part(self.passes),
            looks: part(self.looks),
            checks: part(self.checks),
            ..self
        }
    }
}

/// How often the socket was looked for, and how often it was missed.
#[derive(Clone, Copy, Default)]
struct Count {
    tried: u64,
    vain: u64,
}

impl Count {
    fn add(&mut self, tried: u64, vain: u64) {
        self.tried += tried;
        self.vain += vain;
    }
}

/// The results of a scenario.
#[derive(Default)]
struct Counts {
    passes: [Count; READS.len()],
    dumps: Count,
    verdicts: [Count; 2],
    checks: [Count; CHOICES.len()],
    turns: u64,
}

/// The reads of a pass, in bytes.
const READS: [usize; 2] = [150, 4096];

/// For `--source`.
const CHOICES: [&str; 3] = ["auto", "sock_diag", "proc"];

/// What opens and closes around the steady listener.
#[derive(Clone, Copy)]
enum Scenario {
    /// This many members of its own SO_REUSEPORT group.
    Members(u16),
    /// This many listeners on ports of their own.
    Ports(u16),
    /// This many members of its own SO_REUSEPORT group, of UDP.
    UdpMembers(u16),
    /// This many connected UDP sockets, as a busy resolver has them.
    Resolver(u16),
}

impl Scenario {
    fn name(self) -> String {
        match self {
            Self::Members(count) => format!("{count} SO_REUSEPORT members"),
            Self::Ports(count) => format!("{count} distinct ports"),
            Self::UdpMembers(count) => format!("UDP, {count} SO_REUSEPORT members"),
            Self::Resolver(count) => format!("UDP, {count} connected sockets"),
        }
    }

    fn protocol(self) -> Protocol {
        match self {
            Self::Members(_) | Self::Ports(_) => Protocol::Tcp,
            Self::UdpMembers(_) | Self::Resolver(_) => Protocol::Udp,
        }
    }

    fn target(self) -> &'static str {
        match self.protocol() {
            Protocol::Tcp => "443",
            Protocol::Udp => "udp:443",
        }
    }

    /// Opens and closes sockets until `stop` is set.
    fn churn(self, stop: &AtomicBool, turns: &AtomicU64) -> std::io::Result<()> {
        let mut open = std::collections::VecDeque::new();
        let mut next = 0_u16;
        while !stop.load(Ordering::Relaxed) {
            let (port, count) = match self {
                Self::Members(count) | Self::UdpMembers(count) => (STEADY, count),
                Self::Ports(count) | Self::Resolver(count) => (10_000 + next % 20_000, count),
            };
            let socket = listener(self.protocol(), port)?;
            if let Self::Resolver(_) = self {
                socket.connect(&SocketAddr::from(([127, 0, 0, 1], STEADY)).into())?;
            }
            open.push_back(socket);
            next = next.wrapping_add(1);
            if open.len() > usize::from(count) {
                // Not always the oldest: a close anywhere in a bucket shifts what is behind it.
                let index = usize::from(next) * 7 % open.len();
                drop(open.remove(index));
                turns.fetch_add(1, Ordering::Relaxed);
            }
        }
        Ok(())
    }
}

fn listener(protocol: Protocol, port: u16) -> std::io::Result<Socket> {
    let kind = match protocol {
        Protocol::Tcp => Type::STREAM,
        Protocol::Udp => Type::DGRAM,
    };
    let socket = Socket::new(Domain::IPV4, kind, None)?;
    socket.set_reuse_port(true)?;
    socket.set_reuse_address(true)?;
    socket.bind(&SocketAddr::from(([0, 0, 0, 0], port)).into())?;
    if protocol == Protocol::Tcp {
        socket.listen(16)?;
    }
    Ok(socket)
}

/// Reads the table once with reads of this size. Returns whether a row has this inode.
fn pass_shows(protocol: Protocol, read_size: usize, inode: u64) -> Result<bool> {
    let mut file = std::fs::File::open(format!("/proc/self/net/{protocol}"))?;
    let mut text = Vec::new();
    let mut buffer = vec![0; read_size];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        text.extend(buffer.get(..count).unwrap_or_default());
    }
    let inode = inode.to_string();
    let text = String::from_utf8(text)?;
    Ok(text
        .lines()
        .any(|row| row.split_whitespace().nth(9) == Some(&inode)))
}

/// Makes verdicts in this process, each from a fresh source. Returns how many were not "listening".
fn verdicts(target: &str, source: &dyn Fn() -> Box<dyn Source>, plan: &Plan<'_>) -> Result<u64> {
    let spec = CheckSpec::all_listening([target.parse()?]);
    let timing = Timing {
        timeout: plan.timeout,
        retry_for: Duration::ZERO,
        retry_every: Duration::ZERO,
    };
    let clock = SystemClock::start();
    let mut false_downs = 0;
    for _ in 0..plan.looks {
        let mut chain = SourceChain::new(vec![source()]);
        let limit = Deadline::new(&clock, plan.timeout);
        let outcome = run_check(&spec, &mut chain, &mut NoRequirements, timing, limit);
        match outcome.answers.first() {
            Some((_, Answer::Listening(_))) => {}
            other => {
                false_downs += 1;
                println!("  after {:?}: {other:?}", outcome.took);
            }
        }
    }
    Ok(false_downs)
}

/// Runs the program. Returns how many runs did not exit with 0.
fn checks(target: &str, source: &str, plan: &Plan<'_>) -> Result<u64> {
    let timeout = humantime::format_duration(plan.timeout).to_string();
    let mut failed = 0;
    for _ in 0..plan.checks {
        let status = Command::new(plan.program)
            .args(["check", "--source", source, "--timeout", &timeout, target])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()?;
        failed += u64::from(!status.success());
    }
    Ok(failed)
}

/// Returns how many single dumps of all listeners miss the port.
fn missed_dumps(protocol: Protocol, netlink: &mut dyn Source, count: u64) -> Result<u64> {
    let mut vain = 0;
    for _ in 0..count {
        vain += u64::from(!shows(netlink, protocol, Family::V4, STEADY)?);
    }
    Ok(vain)
}

/// Does a part of the plan in this namespace.
fn run(scenario: Scenario, plan: Plan<'_>, counts: &mut Counts) -> Result<()> {
    let steady = listener(scenario.protocol(), STEADY)?;
    let inode = fstat(&steady)?.st_ino;
    let (stop, turns) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let churner = scope.spawn(|| scenario.churn(&stop, &turns));
        let measured = measure(scenario, inode, plan, counts);
        stop.store(true, Ordering::Relaxed);
        let churned = churner.join().map_err(|_| "the churner panicked")?;
        churned?;
        counts.turns += turns.load(Ordering::Relaxed);
        measured
    })
}

fn measure(scenario: Scenario, inode: u64, plan: Plan<'_>, counts: &mut Counts) -> Result<()> {
    let (protocol, target) = (scenario.protocol(), scenario.target());
    for (count, read_size) in counts.passes.iter_mut().zip(READS) {
        for _ in 0..plan.passes {
            count.add(1, u64::from(!pass_shows(protocol, read_size, inode)?));
        }
    }
    let vain = missed_dumps(protocol, &mut Netlink::new(), plan.passes)?;
    counts.dumps.add(plan.passes, vain);
    type Fresh<'a> = &'a dyn Fn() -> Box<dyn Source>;
    let fresh: [Fresh<'_>; 2] = [&|| Box::new(Netlink::new()), &|| {
        Box::new(Proc::new("/proc"))
    }];
    for (count, source) in counts.verdicts.iter_mut().zip(fresh) {
        count.add(plan.looks, verdicts(target, source, &plan)?);
    }
    for (count, source) in counts.checks.iter_mut().zip(CHOICES) {
        count.add(plan.checks, checks(target, source, &plan)?);
    }
    Ok(())
}

impl Counts {
    fn print(&self) {
        for (Count { tried, vain }, size) in self.passes.iter().zip(READS) {
            println!("  passes with reads of {size}: {tried}, without the socket: {vain}");
        }
        let Count { tried, vain } = self.dumps;
        println!("  dumps: {tried}, without the port: {vain}");
        for (Count { tried, vain }, name) in self.verdicts.iter().zip(["sock_diag", "/proc"]) {
            println!("  verdicts from {name}: {tried}, not listening: {vain}");
        }
        for (Count { tried, vain }, source) in self.checks.iter().zip(CHOICES) {
            println!("  listenup check --source {source}: {tried}, not 0: {vain}");
        }
        println!("  {} opened and closed meanwhile", self.turns);
    }

    fn false_downs(&self) -> u64 {
        let counts = self.verdicts.iter().chain(&self.checks);
        counts.map(|count| count.vain).sum()
    }
}

/// A network namespace of its own for this thread, and those that it starts.
fn enter_new_namespace() -> Result<()> {
    unshare(CloneFlags::CLONE_NEWNET)?;
    let mut ip = Command::new("ip");
    ip.args(["link", "set", "lo", "up"]).status()?;
    Ok(())
}

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [looks, checks, timeout, program] = args.as_slice() else {
        return Err("usage: churn LOOKS CHECKS TIMEOUT LISTENUP".into());
    };
    let looks: u64 = looks.parse()?;
    let plan = Plan {
        passes: (looks / 50).clamp(100, 20_000),
        looks,
        checks: checks.parse()?,
        timeout: humantime::parse_duration(timeout)?,
        program,
    };
    let mut false_downs = 0;
    for scenario in [
        Scenario::Members(40),
        // The header, these and the steady one's row fill pages of 27 rows: where one ends its row comes and goes.
        Scenario::Members(187),
        Scenario::Ports(60),
        Scenario::UdpMembers(40),
        Scenario::Resolver(200),
        Scenario::Resolver(800),
    ] {
        println!("{}:", scenario.name());
        let mut counts = Counts::default();
        for namespace in 0..NAMESPACES {
            enter_new_namespace()?;
            run(scenario, plan.part(namespace), &mut counts)?;
        }
        counts.print();
        false_downs += counts.false_downs();
    }
    println!("false down results: {false_downs}");
    if false_downs == 0 {
        Ok(())
    } else {
        Err("there were false down results".into())
    }
}
