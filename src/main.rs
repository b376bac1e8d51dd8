//! listenup: says whether something listens on a TCP port of this machine, for keepalived and for
//! people.
//!
//! A map of the modules, in the order in which the data goes through them:
//!
//! | module | what it does |
//! |---|---|
//! | [`cli`] | arguments -> validated options |
//! | [`domain`] | target, listener, inquiry, verdict, exit numbers: pure |
//! | [`source`] | where listeners come from |
//! | [`source::netlink`] | the kernel's sock_diag: request, filter, dump, socket |
//! | [`source::proc`] | /proc/self/net/tcp and tcp6: rows, one at a time |
//! | [`look`] | asks a source about the targets that are still open |
//! | [`check`] | `listenup check`: which sources, the verdict |
//! | [`report`] | answers -> lines on stdout, reasons on stderr |
//! | [`trace`] | `-v` |

use listenup::{check, cli};
#[cfg(doc)]
use listenup::{domain, look, report, source, trace};

use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::parse(std::env::args_os()) {
        Ok(cli::Request::Check(options)) => check::run(&options).into(),
        Err(refusal) => refusal.print().into(),
    }
}
