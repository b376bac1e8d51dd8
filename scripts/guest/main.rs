//! The first process of a kernel that `scripts/kernels` boots, with nothing beside it but /listenup,
//! /churn, /capture and a few modules: checks listenup's answers and tells the outside.
//!
//! Its arguments, which come from the kernel's command line, say what to do; see [`main`]. As `/bin/ip` it
//! is what the others need of ip(8).
//!
//! What it says goes to the port that the command line names with `outside=`, a line each: `right|CASE|N` and `wrong|CASE|N` count a
//! case's verdicts, `why|TEXT` words a wrong one, `lacks|CASE` says that this
//! kernel cannot do it, `kernel|VERSION` names the kernel, `NAME|LINE` is a line
//! of a captured file or of churn, and `done|` is the last.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod cases;
mod ip;
mod product;
mod resets;
#[allow(dead_code)]
mod trace;
mod verdicts;
mod version;
mod vrf;
mod watch;

#[path = "../../tests/common/sockets.rs"]
#[allow(dead_code)]
mod sockets;
#[path = "../../tests/common/table.rs"]
#[allow(dead_code)]
mod table;
#[path = "../../tests/common/udp.rs"]
#[allow(dead_code)]
mod udp;

use std::fs::{File, create_dir_all};
use std::io::Write;

use nix::mount::{MsFlags, mount};
use nix::sys::reboot::{RebootMode, reboot};

/// What the shared sockets.rs takes from its parent.
pub fn ip(words: &str) {
    ip::run(&words.split_whitespace().collect::<Vec<_>>());
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let (name, words) = words.split_first().unwrap();
    if name.ends_with("ip") {
        return ip::run(words);
    }
    for (kind, place) in [("proc", "/proc"), ("devtmpfs", "/dev")] {
        create_dir_all(place).unwrap();
        attach(kind, place, None);
    }
    // An init gets what the kernel does not know of its command line.
    let outside = std::env::var_os("outside").unwrap();
    let mut outside = Outside(File::create(outside).unwrap());
    outside.print("kernel", &version::upstream());
    ip("link set lo up");
    // User-mode Linux adds words of its own, with a `=`.
    for word in words.iter().filter(|word| !word.contains('=')) {
        match *word {
            "cases" => cases::with_ipv6(&mut outside),
            "without-ipv6" => cases::without_ipv6(&mut outside),
            "vrf" => cases::in_a_vrf(&mut outside),
            "product" => cases::product(&mut outside),
            "capture" => cases::capture(&mut outside),
            _ => panic!("{word}?"),
        }
    }
    outside.print("done", "");
    drop(outside); // waits until it is all out
    // QEMU ends at a reboot. User-mode Linux would start again.
    let mode = match std::env::var_os("power_off") {
        Some(_) => RebootMode::RB_POWER_OFF,
        None => RebootMode::RB_AUTOBOOT,
    };
    let Err(error) = reboot(mode);
    panic!("reboot: {error}");
}

fn attach(kind: &str, place: &str, options: Option<&str>) {
    mount(Some(kind), place, Some(kind), MsFlags::empty(), options).unwrap();
}

/// The way out.
pub struct Outside(File);

impl Outside {
    pub fn print(&mut self, what: &str, text: &str) {
        writeln!(self.0, "{what}|{text}").unwrap();
    }
}
