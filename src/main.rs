//! listenup: says whether something listens on a TCP port of this machine, or is bound to a UDP port, for keepalived and for
//! people.
//!
//! Arguments become targets, a source shows listeners, the judge makes a verdict of them, and that is reported
//! and becomes the exit code. A map of the modules; each uses those above it, and none below (`tests/layers.rs`):
//!
//! | module | what it has |
//! |---|---|
//! | [`clock`], [`errno`] | the deadline; a system error in words |
//! | [`untrusted`] | what other users can influence: reading their files, showing their text |
//! | [`domain`] | protocol, target, listener, survey, requirement, verdict, exit status: pure |
//! | [`keepalived_conf`] | keepalived's configuration as keepalived reads it |
//! | [`source`] | where listeners come from: [`source::netlink`] (sock_diag) and [`source::proc`] (/proc/self/net/tcp, tcp6, udp, udp6) |
//! | [`host`] | the rest of the machine: namespaces, accounts, cgroups, processes, and the guard of the deadline |
//! | [`requirements`] | what a listener must meet: `--max-queue`, `--owner-...` |
//! | [`engine`] | what is to be checked, the chain of sources, one look, the judge |
//! | [`report`] | what is said: text, JSON, Nagios, and the writer that waits no longer than it may |
//! | [`log`] | `--log`, `-v` |
//! | [`cli`] | the command line -> plain options |
//! | [`commands`] | `listenup check`, `watch`, `list`, `doctor`, `resets` |
//! | [`start`] | standard streams and arguments, in place of std's start |

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
    start::standard_streams();
    // SAFETY: C's start calls this with the argument vector of execve(2).
    let args = unsafe { start::arguments(argc, argv) };
    commands::run(cli::parse(args)).number().into()
}
