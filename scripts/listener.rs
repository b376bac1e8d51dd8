//! Opens listeners and closes them when its standard input ends.
//!
//! `listener [ADDRESS:PORT | ADDRESS:FIRST-LAST]...` prints the port of each on a line when all are open. Without arguments: a
//! free port of 127.0.0.1. `listener --open N` opens no listener but N other descriptors, as an old worker of a proxy has
//! them, and prints N.

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpListener;

use nix::sys::prctl::set_pdeathsig;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;

fn main() -> Result<(), Box<dyn Error>> {
    set_pdeathsig(Signal::SIGKILL)?;
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    let mut places: Vec<String> = std::env::args().skip(1).collect();
    if let [option, count] = places.as_slice() {
        if option == "--open" {
            return hold_descriptors(count.parse()?);
        }
    }
    if places.is_empty() {
        places.push("127.0.0.1:0".to_owned());
    }
    let mut listeners = Vec::new();
    for place in &places {
        let (address, ports) = place.rsplit_once(':').ok_or("ADDRESS:PORT, please")?;
        let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
        for port in first.parse::<u16>()?..=last.parse()? {
            listeners.push(TcpListener::bind(format!("{address}:{port}"))?);
        }
    }
    let mut ports = String::new();
    for listener in &listeners {
        ports += &format!("{}\n", listener.local_addr()?.port());
    }
    // Connections are taken and closed, so that no accept queue gets full; ten thousand listeners only
    // listen.
    if listeners.len() <= 100 {
        for listener in &listeners {
            let listener = listener.try_clone()?;
            std::thread::spawn(move || listener.incoming().for_each(drop));
        }
    }
    print!("{ports}");
    std::io::stdout().flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

fn hold_descriptors(count: usize) -> Result<(), Box<dyn Error>> {
    let one = std::fs::File::open("/dev/null")?;
    let all: Vec<_> = (0..count)
        .map(|_| one.try_clone())
        .collect::<Result<_, _>>()?;
    println!("{}", all.len());
    std::io::stdin().read_to_end(&mut Vec::new())?;
    drop(all);
    Ok(())
}
