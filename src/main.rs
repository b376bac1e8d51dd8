//! listenup: a health check for listening TCP ports and bound UDP ports of this machine, for keepalived and for people.
//!
//! Arguments become targets, a source shows listeners, and the engine makes a verdict. The verdict is reported and becomes
//! the exit code. This is the map of the modules; each uses only modules above it (`tests/layers.rs`):
//!
//! | module | contents |
//! |---|---|
//! | [`clock`], [`errno`] | the deadline; a system error in words |
//! | [`untrusted`] | data that other users can influence: reading their files, showing their text |
//! | [`domain`] | protocol, target, listener, survey, requirement, verdict, exit status: pure |
//! | [`keepalived_conf`] | keepalived's configuration as keepalived reads it |
//! | [`source`] | the sources of listeners: [`source::netlink`] (sock_diag) and [`source::proc`] (/proc/self/net/tcp, tcp6, udp, udp6) |
//! | [`host`] | the rest of the machine: namespaces, accounts, cgroups, processes, and the hard time limit |
//! | [`requirements`] | the requirements on a listener: `--max-queue`, `--owner-...` |
//! | [`engine`] | the check: its targets and limits, the chain of sources, the verdict |
//! | [`report`] | the report: text, JSON, Nagios, and a writer that never waits beyond the deadline |
//! | [`log`] | `--log`, `-v` |
//! | [`cli`] | the command line -> plain options |
//! | [`commands`] | `listenup check`, `watch`, `list`, `doctor`, `resets` |
//! | [`start`] | the standard streams and the arguments, in place of std's start |

#![no_main]

use listenup::{cli, commands, start};
#[cfg(doc)]
use listenup::{
    clock, domain, engine, errno, host, keepalived_conf, log, report, requirements, source,
    untrusted,
};

use std::ffi::{c_char, c_int};

/// musl's own heap takes a quarter of a check; see Cargo.toml.
#[cfg(target_env = "musl")]
#[global_allocator]
static HEAP: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

// SAFETY: no other symbol of this name is linked; std defines one only without `no_main`.
#[unsafe(no_mangle)]
unsafe extern "C" fn main(argc: c_int, argv: *const *const c_char) -> c_int {
    start::open_standard_streams();
    // SAFETY: C's start calls this with the argument vector of execve(2).
    let args = unsafe { start::arguments(argc, argv) };
    commands::run(cli::parse(args)).code().into()
}
