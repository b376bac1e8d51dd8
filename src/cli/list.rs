//! `listenup list`: its arguments, and their way to validated options.

use std::time::Duration;

use clap::{ArgMatches, Command};

use super::args::{self, duration, flag, get};
use crate::domain::{Protocol, Target};
use crate::host::netns::Netns;
use crate::report::Format;
use crate::source::SourceChoice;

/// The options of `listenup list`.
#[derive(Debug)]
pub struct ListOptions {
    /// Only the listeners of these protocols; at least one.
    pub protocols: Vec<Protocol>,
    /// Only the listeners that serve one of these; none: all listeners.
    pub targets: Vec<Target>,
    /// Whom to ask.
    pub source: SourceChoice,
    /// Where to look, if not here.
    pub netns: Option<Netns>,
    /// Whether to look for the processes that hold them.
    pub processes: bool,
    /// The limit on everything.
    pub timeout: Duration,
    /// How to say it on stdout.
    pub format: Format,
}

const TIMEOUT: Duration = Duration::from_secs(10);

const HELP: &str = "\
Columns:
  PROTO    the protocol: tcp listens, udp is bound and not connected
  QUEUE    waiting / its limit: connections (tcp, the accept queue) or bytes (udp, the receive queue)
  V6ONLY   whether a socket bound to :: leaves IPv4 alone
  DEVICE   the device that it is bound to
  USER     who made the socket, which is often root
  UNIT     the systemd unit that it was made in
  PROCESS  what holds it (--processes); kernel: no process, the kernel itself
  ?        is not known, or not to this source

Exit status
  0  the list is complete
  1  the list is complete, and nothing listens on the targets that were given
  2  the list is not complete, stdout did not take all of it, or wrong usage";

pub(super) fn command(command: Command) -> Command {
    command
        .after_help(HELP)
        .arg(
            flag("tcp")
                .short('t')
                .help("Only TCP listeners; without -t and -u both protocols"),
        )
        .arg(
            flag("udp")
                .short('u')
                .help("Only UDP sockets that are bound and not connected"),
        )
        .arg(args::targets().help("Only listeners that serve one of these, in the forms of check"))
        .arg(
            flag("processes")
                .short('p')
                .help("Also find the processes; reads every descriptor of every process"),
        )
        .arg(args::netns())
        .arg(args::source())
        .arg(duration("timeout").help("Time limit for looking [default: 10s]"))
        .arg(args::format(&["text", "json"]))
}

pub(super) fn options(matches: &ArgMatches) -> Result<ListOptions, String> {
    let asked = |protocol: &Protocol| match protocol {
        Protocol::Tcp => matches.get_flag("tcp"),
        Protocol::Udp => matches.get_flag("udp"),
    };
    let mut protocols: Vec<Protocol> = Protocol::ALL.into_iter().filter(asked).collect();
    if protocols.is_empty() {
        protocols.extend(Protocol::ALL);
    }
    let targets = args::few_targets_of(matches)?;
    let mut others = targets.iter();
    if let Some(other) = others.find(|target| !protocols.contains(&target.protocol)) {
        return Err(format!(
            "{other} is a target for {}, which the options leave out",
            other.protocol
        ));
    }
    Ok(ListOptions {
        protocols,
        targets,
        source: get(matches, "source"),
        netns: matches.get_one("netns").cloned(),
        processes: matches.get_flag("processes"),
        timeout: matches.get_one("timeout").copied().unwrap_or(TIMEOUT),
        format: get(matches, "format"),
    })
}
