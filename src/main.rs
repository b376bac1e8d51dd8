//! listenup: says whether something listens on a TCP port of this machine, for keepalived and for
//! people.
//!
//! A map of the modules, in the order in which the data goes through them:
//!
//! | module | what it does |
//! |---|---|
//! | [`start`] | standard streams and arguments, in place of std's start |
//! | [`cli`] | arguments -> validated options |
//! | [`domain`] | target, listener, inquiry, verdict, exit numbers: pure |
//! | [`source`] | where listeners come from |
//! | [`source::netlink`] | the kernel's sock_diag: request, filter, dump, socket |
//! | [`source::proc`] | /proc/self/net/tcp and tcp6: rows, one at a time |
//! | [`look`] | asks a source about the targets that are still open |
//! | [`demands`] | what else a listener must meet: `--max-queue`, `--owner-...` |
//! | [`owner`], [`users`] | whose a listener is: unit, process, user |
//! | [`judge`] | the looks that it takes to be sure |
//! | [`check`] | `listenup check`: which sources, the verdict |
//! | [`list`] | `listenup list`: what listens |
//! | [`doctor`] | `listenup doctor`: the sources, the program's path, keepalived.conf |
//! | [`resets`] | `listenup resets`: the kernel's counters -> causes |
//! | [`report`] | answers -> text, JSON, a line for Nagios, a table |
//! | [`log`] | `--log`: why it was not well, for afterwards |
//! | [`trace`] | `-v` |
//! | [`netns`] | `--netns` |
//! | [`clock`] | time, and its limit |
//! | [`guard`] | ends the process where the kernel does not return in time |

#![no_main]

use listenup::{check, cli, doctor, list, resets, start};
#[cfg(doc)]
use listenup::{
    clock, demands, domain, guard, judge, log, look, netns, owner, report, source, trace, users,
};

use std::ffi::{c_char, c_int};

/// musl's own heap takes a quarter of a check; see Cargo.toml.
#[cfg(target_env = "musl")]
#[global_allocator]
static HEAP: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

// SAFETY: no other symbol of this name is linked; std defines one only without `no_main`.
#[unsafe(no_mangle)]
unsafe extern "C" fn main(argc: c_int, argv: *const *const c_char) -> c_int {
    start::standard_streams();
    // SAFETY: C's start calls this with the argument vector of execve(2).
    let args = unsafe { start::arguments(argc, argv) };
    let status = match cli::parse(args) {
        Ok(cli::Request::Check(options)) => check::run(options),
        Ok(cli::Request::Doctor(options)) => doctor::run(&options),
        Ok(cli::Request::List(options)) => list::run(&options),
        Ok(cli::Request::Resets(options)) => resets::run(&options),
        Err(refusal) => refusal.print(),
    };
    status.number().into()
}
