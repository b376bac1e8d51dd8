//! Times single looks in this process, without the start of a program around them: for
//! `scripts/bench`, and for the cost model in src/source/proc/cost.rs.
//!
//! `looks RUNS SECONDS` opens 127.0.0.1:443 and [::1]:6443 in the network namespace it runs in and
//! prints for each kind of look its median and 99th percentile in microseconds and the number of
//! runs, tab-separated.

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::net::TcpListener;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use listenup::clock::{SystemClock, TimeLimit};
use listenup::domain::{
    Connection,
    Family::{self, V4, V6},
};
use listenup::source::{Fault, Ports, Question, Source, netlink::Netlink, proc::Proc};

/// Asks for this port and is content with the first listener.
fn ask(source: &mut dyn Source, family: Family, port: u16) -> Result<bool, Fault> {
    let clock = SystemClock::start();
    let limit = TimeLimit::new(&clock, Duration::from_secs(60));
    let mut found = false;
    source.listeners(
        Question {
            family,
            ports: Ports::These(&[port]),
            limit,
        },
        &mut |_| {
            found = true;
            ControlFlow::Break(())
        },
    )?;
    Ok(found)
}

fn exactly(source: &mut dyn Source, connection: Connection) -> Result<bool, Fault> {
    let clock = SystemClock::start();
    let limit = TimeLimit::new(&clock, Duration::from_secs(60));
    Ok(source.exact(connection, limit)?.is_some())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let usage = "usage: looks RUNS SECONDS";
    let runs: usize = args.next().ok_or(usage)?.parse()?;
    let limit = Duration::from_secs(args.next().ok_or(usage)?.parse()?);
    let _listeners = (
        TcpListener::bind("127.0.0.1:443")?,
        TcpListener::bind("[::1]:6443")?,
    );
    let connection = Connection::to("127.0.0.1:443".parse()?, None).ok_or("no address")?;
    let opinion = || Proc::second_opinion("/proc");

    type Look<'a> = (&'a str, bool, Box<dyn FnMut() -> Result<bool, Fault> + 'a>);
    let looks: Vec<Look<'_>> = vec![
        (
            "sock_diag, listening",
            true,
            Box::new(|| ask(&mut Netlink::new(), V4, 443)),
        ),
        (
            "sock_diag, not listening",
            false,
            Box::new(|| ask(&mut Netlink::new(), V4, 81)),
        ),
        (
            "sock_diag, exact lookup",
            true,
            Box::new(move || exactly(&mut Netlink::new(), connection)),
        ),
        (
            "/proc tcp, listening",
            true,
            Box::new(|| ask(&mut Proc::new("/proc"), V4, 443)),
        ),
        (
            "/proc tcp6, listening",
            true,
            Box::new(|| ask(&mut Proc::new("/proc"), V6, 6443)),
        ),
        (
            "/proc tcp, second opinion: not",
            false,
            Box::new(|| ask(&mut opinion(), V4, 81)),
        ),
        (
            "/proc tcp6, second opinion: not",
            false,
            Box::new(|| ask(&mut opinion(), V6, 81)),
        ),
    ];
    for (name, expected, mut look) in looks {
        let mut times = Vec::new();
        let begun = Instant::now();
        while times.len() < runs && (begun.elapsed() < limit || times.len() < 3) {
            let started = Instant::now();
            let found = look()?;
            times.push(started.elapsed());
            if found != expected {
                return Err(format!("{name}: the answer is wrong").into());
            }
        }
        times.sort_unstable();
        let at = |percent: usize| {
            let index = (times.len() * percent / 100).min(times.len() - 1);
            times
                .get(index)
                .map_or(0.0, |time| time.as_secs_f64() * 1e6)
        };
        println!("{name}\t{:.1}\t{:.1}\t{}", at(50), at(99), times.len());
    }
    Ok(())
}
