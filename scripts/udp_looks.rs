//! Times whole checks of UDP, and single looks in this process, beside many connected sockets, as a busy resolver has.
//!
//! `udp_looks SOCKETS RUNS PROGRAM` opens so many in the network namespace it runs in, binds 127.0.0.1:53 and prints
//! for each kind of check and look its median and 99th percentile in microseconds and the number of runs, tab-separated.

#![allow(clippy::print_stdout)]

#[path = "shared/percentile.rs"]
mod percentile;
#[path = "shared/shows.rs"]
mod shows;

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use listenup::clock::{Deadline, SystemClock};
use listenup::domain::{
    Family::{V4, V6},
    LookupKey,
    Protocol::Udp,
};
use listenup::source::{Source, SourceError, netlink::Netlink, proc::Proc};
use percentile::percentile;
use shows::shows;

/// How many sockets one process holds, below the usual limit of descriptors.
const EACH: usize = 10_000;

/// What every process of this program's own does: it holds connected sockets of one address until its input ends.
fn hold(address: &str, count: u16) -> Result<(), Box<dyn Error>> {
    let address: Ipv4Addr = address.parse()?;
    let mut sockets = Vec::new();
    for port in (10_000..).take(count.into()) {
        let socket = UdpSocket::bind((address, port))?;
        socket.connect("127.0.0.1:53")?;
        sockets.push(socket);
    }
    println!("ready");
    std::io::stdin().read_line(&mut String::new())?;
    Ok(())
}

/// The processes that hold this many sockets; they end with this one.
fn holders(count: usize) -> Result<Vec<Child>, Box<dyn Error>> {
    let mut holders = Vec::new();
    for first in (0..count).step_by(EACH) {
        let address = format!("127.1.0.{}", first / EACH + 1);
        let mut holder = Command::new(std::env::current_exe()?)
            .args(["hold", &address, &EACH.min(count - first).to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut said = String::new();
        let stdout = holder.stdout.as_mut().ok_or("no pipe")?;
        BufReader::new(stdout).read_line(&mut said)?;
        if said != "ready\n" {
            return Err("a holder of sockets did not begin".into());
        }
        holders.push(holder);
    }
    Ok(holders)
}

fn exactly(connection: LookupKey) -> Result<bool, SourceError> {
    let clock = SystemClock::start();
    let limit = Deadline::new(&clock, Duration::from_secs(60));
    Ok(Netlink::new().kernel_lookup(connection, limit)?.is_some())
}

/// Whether the program exits with 0, whatever else it exits with.
fn succeeds(program: &str, arguments: &[&str]) -> Result<bool, SourceError> {
    let mut command = Command::new(program);
    let command = command.args(arguments).stdout(Stdio::null());
    // What could not be run succeeds in no row below.
    Ok(command
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success()))
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let (count, runs, program): (usize, usize, &str) = match args[..] {
        ["hold", address, count] => return hold(address, count.parse()?),
        [count, runs, program] => (count.parse()?, runs.parse()?, program),
        _ => return Err("usage: udp_looks SOCKETS RUNS PROGRAM".into()),
    };
    let _bound = UdpSocket::bind("127.0.0.1:53")?;
    let _holders = holders(count)?;
    let here = LookupKey::to("udp:127.0.0.1:53".parse()?, None).ok_or("no address")?;
    let nowhere = LookupKey::to("udp:127.0.0.1:54".parse()?, None).ok_or("no address")?;

    type Look<'a> = (
        &'a str,
        bool,
        Box<dyn Fn() -> Result<bool, SourceError> + 'a>,
    );
    let looks: [Look<'_>; 11] = [
        ("`/bin/true`", true, Box::new(|| succeeds("/bin/true", &[]))),
        (
            "`listenup check udp:53`",
            true,
            Box::new(|| succeeds(program, &["check", "udp:53"])),
        ),
        (
            "`listenup check udp:54`, not bound",
            false,
            Box::new(|| succeeds(program, &["check", "udp:54"])),
        ),
        (
            "`listenup check --source proc --timeout 60s udp:54`, not bound",
            false,
            Box::new(|| {
                let slowly = ["check", "--source", "proc", "--timeout", "60s", "udp:54"];
                succeeds(program, &slowly)
            }),
        ),
        (
            "a look, exact lookup, bound",
            true,
            Box::new(|| exactly(here)),
        ),
        (
            "a look, exact lookup, not bound",
            false,
            Box::new(|| exactly(nowhere)),
        ),
        (
            "a look, dump, bound",
            true,
            Box::new(|| shows(&mut Netlink::new(), Udp, V4, 53)),
        ),
        (
            "a look, dump, not bound",
            false,
            Box::new(|| shows(&mut Netlink::new(), Udp, V4, 54)),
        ),
        (
            "a look, dump, not bound, IPv6",
            false,
            Box::new(|| shows(&mut Netlink::new(), Udp, V6, 54)),
        ),
        (
            "a look, /proc udp, cross-check: not",
            false,
            Box::new(|| shows(&mut Proc::cross_check("/proc"), Udp, V4, 54)),
        ),
        (
            "a look, /proc udp6, cross-check: not",
            false,
            Box::new(|| shows(&mut Proc::cross_check("/proc"), Udp, V6, 54)),
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
                return Err(format!("{name}: {answer:?}").into());
            }
        }
        let (half, most) = (percentile(&times, 50), percentile(&times, 99));
        println!("{name}\t{half:.1}\t{most:.1}\t{}", times.len());
    }
    Ok(())
}
