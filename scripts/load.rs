//! Makes a host look like a busy gateway: SOCKETS idle TCP sockets in the network namespace it runs in, half of them
//! clients and half their servers, all on loopback.
//!
//! `load SOCKETS SECONDS` prints `ready` when they stand and lets go of them when its standard input ends or after SECONDS
//! seconds. One process holds at most 9,900 connections, with a listener and a client address of its own, so that neither
//! the search for ports nor a shared accept queue gets slow. All of them die with their parent.

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::prctl::set_pdeathsig;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::Signal;
use nix::sys::socket::{setsockopt, sockopt::IpBindAddressNoPort};
use socket2::{Domain, Socket, Type};

const CONNECTIONS_EACH: usize = 9_900;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        [sockets, seconds] => lead(sockets.parse()?, seconds.parse()?),
        ["hold", number, connections] => hold(number.parse()?, connections.parse()?),
        _ => Err("usage: load SOCKETS SECONDS".into()),
    }
}

/// Starts the processes that hold the connections, two at a time, and waits.
fn lead(sockets: usize, seconds: u64) -> Result<(), Box<dyn Error>> {
    set_pdeathsig(Signal::SIGKILL)?;
    let mut left = sockets / 2;
    let mut holders: Vec<Child> = Vec::new();
    let mut starting: Vec<usize> = Vec::new();
    while left > 0 || !starting.is_empty() {
        while left > 0 && starting.len() < 2 {
            let connections = left.min(CONNECTIONS_EACH);
            left -= connections;
            let number = holders.len().to_string();
            let holder = Command::new(std::env::current_exe()?)
                .args(["hold", &number, &connections.to_string()])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()?;
            starting.push(holders.len());
            holders.push(holder);
        }
        let holder = holders.get_mut(starting.remove(0)).ok_or("no holder")?;
        let mut line = String::new();
        BufReader::new(holder.stdout.take().ok_or("no pipe")?).read_line(&mut line)?;
        if line != "ready\n" {
            return Err("a holder failed".into());
        }
    }
    println!("ready");
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(seconds));
        // The end of the leader is the end of the holders.
        let _ = nix::sys::signal::kill(nix::unistd::getpid(), Signal::SIGKILL);
    });
    std::io::stdin().read_to_end(&mut Vec::new())?;
    for holder in &mut holders {
        drop(holder.stdin.take());
    }
    for holder in &mut holders {
        holder.wait()?;
    }
    Ok(())
}

/// Holds this many connections until its standard input ends.
fn hold(number: u8, connections: usize) -> Result<(), Box<dyn Error>> {
    set_pdeathsig(Signal::SIGKILL)?;
    let files = 2 * connections as u64 + 100;
    setrlimit(Resource::RLIMIT_NOFILE, files, files)?;
    let address = |net| SocketAddr::from((Ipv4Addr::new(127, net, 0, number), 0));
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    listener.bind(&address(1).into())?;
    listener.listen(128)?;
    let server = listener.local_addr()?;
    let mut held = Vec::with_capacity(2 * connections);
    for _ in 0..connections {
        let client = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        setsockopt(&client, IpBindAddressNoPort, &true)?;
        client.bind(&address(3).into())?;
        client.connect(&server)?;
        let (accepted, _) = listener.accept()?;
        // Closed with a reset, so that no TIME_WAIT is left behind.
        client.set_linger(Some(Duration::ZERO))?;
        accepted.set_linger(Some(Duration::ZERO))?;
        held.extend([client, accepted]);
    }
    drop(listener);
    println!("ready");
    std::io::stdout().flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
