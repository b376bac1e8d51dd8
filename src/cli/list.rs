//! `listenup list`: its arguments and its options.

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
    /// The protocols whose listeners are shown; at least one.
    pub protocols: Vec<Protocol>,
    /// The targets that a listener must serve to be shown. If empty, all listeners are shown.
    pub targets: Vec<Target>,
    /// The source of listeners.
    pub source: SourceChoice,
    /// The network namespace to look in. `None`: the one of this process.
    pub netns: Option<Netns>,
    /// True if the processes that hold the listeners are looked for.
    pub processes: bool,
    /// The limit on the time for looking.
    pub timeout: Duration,
    /// The format of the report on stdout.
    pub format: Format,
}

const TIMEOUT: Duration = Duration::from_secs(10);

const HELP: &str = "\
Columns:
  PROTO    the protocol: tcp listens, udp is bound and not connected
  QUEUE    waiting / its limit: connections (tcp, the accept queue) or bytes (udp, the receive queue)
  V6ONLY   yes: a socket bound to :: does not accept IPv4
  DEVICE   the device that the socket is bound to
  USER     the user who created the socket, often root
  UNIT     the systemd unit in which the socket was created
  PROCESS  the process that holds the socket (--processes); kernel: the kernel itself
  ?        unknown, or this source does not report it

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
        .arg(
            args::targets()
                .help("Only listeners that serve one of these targets, in the forms of check"),
        )
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
