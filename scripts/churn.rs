//! Looks for a listener that is always there while others open and close at full speed around it on
//! another core, and counts how often it is not found.
//!
//! `churn LOOKS CHECKS TIMEOUT LISTENUP` makes LOOKS verdicts in this process and CHECKS runs of the
//! program with each source in each scenario, each within TIMEOUT, in a network namespace of its own,
//! and fails when one of them is not "listening". It also prints how often a single pass over
//! /proc/self/net/tcp or udp, or a single dump, does not show the socket itself: what the verdicts have to
//! make up for.

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
use listenup::engine::{CheckSpec, Timing, judge};
use listenup::source::{Source, netlink::Netlink, proc::Proc};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::fstat;
use shows::shows;
use socket2::{Domain, Socket, Type};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const STEADY: u16 = 443;

/// What to do in each scenario.
struct Plan<'a> {
    /// Verdicts in this process, from each source.
    looks: u64,
    /// Runs of the program, with each source.
    checks: u64,
    /// For each of both.
    timeout: Duration,
    program: &'a str,
}

/// What opens and closes around the steady listener.
#[derive(Clone, Copy)]
enum Scenario {
    /// So many members of its own SO_REUSEPORT group.
    Members(u16),
    /// So many listeners on ports of their own.
    Ports(u16),
    /// So many members of its own SO_REUSEPORT group, of UDP.
    UdpMembers(u16),
    /// So many connected UDP sockets, as a busy resolver has them.
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

    /// Opens and closes until told to stop.
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

/// One pass over the table with reads of this size; whether a row has this inode.
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

/// Verdicts in this process, each from a fresh source. How many were not "listening".
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
        let outcome = judge(&spec, &mut chain, &mut NoRequirements, timing, limit);
        let listening = matches!(outcome.answers.first(), Some((_, Answer::Listening(_))));
        false_downs += u64::from(!listening);
    }
    Ok(false_downs)
}

/// Runs of the program. How many did not exit with 0.
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

/// How many single dumps, of all listeners, show the port not at all.
fn dumps_in_vain(protocol: Protocol, netlink: &mut dyn Source, count: u64) -> Result<u64> {
    let mut vain = 0;
    for _ in 0..count {
        vain += u64::from(!shows(netlink, protocol, Family::V4, STEADY)?);
    }
    Ok(vain)
}

fn run(scenario: Scenario, plan: &Plan<'_>) -> Result<u64> {
    let steady = listener(scenario.protocol(), STEADY)?;
    let inode = fstat(&steady)?.st_ino;
    let (stop, turns) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let churner = scope.spawn(|| scenario.churn(&stop, &turns));
        let measured = measure(scenario, inode, plan);
        stop.store(true, Ordering::Relaxed);
        let churned = churner.join().map_err(|_| "the churner panicked")?;
        churned?;
        println!(
            "  {} listeners opened and closed meanwhile",
            turns.load(Ordering::Relaxed)
        );
        measured
    })
}

fn measure(scenario: Scenario, inode: u64, plan: &Plan<'_>) -> Result<u64> {
    let (looks, runs) = (plan.looks, plan.checks);
    let (protocol, target) = (scenario.protocol(), scenario.target());
    println!("{}:", scenario.name());
    let passes = (looks / 50).clamp(100, 20_000);
    for read_size in [150, 4096] {
        let mut missed = 0;
        for _ in 0..passes {
            missed += u64::from(!pass_shows(protocol, read_size, inode)?);
        }
        println!("  passes with reads of {read_size}: {passes}, without the socket: {missed}");
    }
    let vain = dumps_in_vain(protocol, &mut Netlink::new(), passes)?;
    println!("  dumps: {passes}, without the port: {vain}");
    let mut false_downs = 0;
    type Fresh<'a> = &'a dyn Fn() -> Box<dyn Source>;
    let fresh: [(&str, Fresh<'_>); 2] = [
        ("sock_diag", &|| Box::new(Netlink::new())),
        ("/proc", &|| Box::new(Proc::new("/proc"))),
    ];
    for (name, source) in fresh {
        let wrong = verdicts(target, source, plan)?;
        println!("  verdicts from {name}: {looks}, not listening: {wrong}");
        false_downs += wrong;
    }
    for source in ["auto", "sock_diag", "proc"] {
        let wrong = checks(target, source, plan)?;
        println!("  listenup check --source {source}: {runs}, not 0: {wrong}");
        false_downs += wrong;
    }
    Ok(false_downs)
}

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [looks, checks, timeout, program] = args.as_slice() else {
        return Err("usage: churn LOOKS CHECKS TIMEOUT LISTENUP".into());
    };
    let plan = Plan {
        looks: looks.parse()?,
        checks: checks.parse()?,
        timeout: humantime::parse_duration(timeout)?,
        program,
    };
    unshare(CloneFlags::CLONE_NEWNET)?;
    Command::new("ip")
        .args(["link", "set", "lo", "up"])
        .status()?;
    let mut false_downs = 0;
    for scenario in [
        Scenario::Members(40),
        Scenario::Members(200),
        Scenario::Ports(60),
        Scenario::UdpMembers(40),
        Scenario::Resolver(200),
        Scenario::Resolver(800),
    ] {
        false_downs += run(scenario, &plan)?;
    }
    println!("false downs: {false_downs}");
    if false_downs == 0 {
        Ok(())
    } else {
        Err("there were false downs".into())
    }
}
