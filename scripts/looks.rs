//! Times single looks in this process, without the start of a program around them: for
//! `scripts/bench`, and for the cost model in src/source/proc/cost.rs.
//!
//! `looks RUNS SECONDS` opens 127.0.0.1:1443 and [::1]:16443 in the network namespace it runs in and
//! prints for each kind of look its median and 99th percentile in microseconds and the number of
//! runs, tab-separated.

#![allow(clippy::print_stdout)]

#[path = "shared/percentile.rs"]
mod percentile;
#[path = "shared/shows.rs"]
mod shows;

use std::error::Error;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use listenup::clock::{Deadline, SystemClock};
use listenup::domain::{
    Family::{V4, V6},
    LookupKey,
    Protocol::Tcp,
};
use listenup::source::{Source, SourceError, netlink::Netlink, proc::Proc};
use percentile::percentile;
use shows::shows;

fn exactly(source: &mut dyn Source, connection: LookupKey) -> Result<bool, SourceError> {
    let clock = SystemClock::start();
    let limit = Deadline::new(&clock, Duration::from_secs(60));
    Ok(source.kernel_lookup(connection, limit)?.is_some())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let usage = "usage: looks RUNS SECONDS";
    let runs: usize = args.next().ok_or(usage)?.parse()?;
    let limit = Duration::from_secs(args.next().ok_or(usage)?.parse()?);
    let _listeners = (
        TcpListener::bind("127.0.0.1:1443")?,
        TcpListener::bind("[::1]:16443")?,
    );
    let connection = LookupKey::to("127.0.0.1:1443".parse()?, None).ok_or("no address")?;
    let mut open = Netlink::new();
    let opinion = || Proc::cross_check("/proc");

    type Look<'a> = (
        &'a str,
        bool,
        Box<dyn FnMut() -> Result<bool, SourceError> + 'a>,
    );
    let looks: Vec<Look<'_>> = vec![
        (
            "sock_diag, listening",
            true,
            Box::new(|| shows(&mut Netlink::new(), Tcp, V4, 1443)),
        ),
        (
            "sock_diag, not listening",
            false,
            Box::new(|| shows(&mut Netlink::new(), Tcp, V4, 81)),
        ),
        (
            "sock_diag, exact lookup",
            true,
            Box::new(move || exactly(&mut Netlink::new(), connection)),
        ),
        (
            "sock_diag, exact lookup, socket open",
            true,
            Box::new(move || exactly(&mut open, connection)),
        ),
        (
            "/proc tcp, listening",
            true,
            Box::new(|| shows(&mut Proc::new("/proc"), Tcp, V4, 1443)),
        ),
        (
            "/proc tcp6, listening",
            true,
            Box::new(|| shows(&mut Proc::new("/proc"), Tcp, V6, 16443)),
        ),
        (
            "/proc tcp, cross-check: not",
            false,
            Box::new(|| shows(&mut opinion(), Tcp, V4, 81)),
        ),
        (
            "/proc tcp6, cross-check: not",
            false,
            Box::new(|| shows(&mut opinion(), Tcp, V6, 81)),
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
        let (half, most) = (percentile(&times, 50), percentile(&times, 99));
        println!("{name}\t{half:.1}\t{most:.1}\t{}", times.len());
    }
    Ok(())
}
