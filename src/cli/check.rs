//! `listenup check`: its arguments and its options.

use std::time::Duration;

use clap::builder::{NonEmptyStringValueParser, PossibleValuesParser, TypedValueParser};
use clap::{Arg, ArgMatches, Command, value_parser};

use super::args::{self, duration, flag, get, non_empty};
use crate::clock::HumanDuration;
use crate::domain::{ExitCodes, Expectation, OnUnknown, Protocol, Target};
use crate::engine::Timing;
use crate::host::netns::Netns;
use crate::log::Log;
use crate::report::Format;
use crate::requirements::MaxQueue;
use crate::requirements::Owner;
use crate::source::SourceChoice;

/// The options of `listenup check`.
#[derive(Debug)]
pub struct CheckOptions {
    /// The targets to look for; at least one.
    pub targets: Vec<Target>,
    /// How many of them must be listening; from 1 to all.
    pub needed: usize,
    /// The source of listeners.
    pub source: SourceChoice,
    /// The time limits; the timeout is longer than the retries.
    pub timing: Timing,
    /// The set of exit codes.
    pub exit_codes: ExitCodes,
    /// The meaning of "could not tell" for the exit code.
    pub on_unknown: OnUnknown,
    /// The expectation: listening, or absent.
    pub wanted: Expectation,
    /// The interface or VRF that connections come in through. Other listeners do not count.
    pub interface: Option<String>,
    /// The network namespace to look in. `None`: the one of this process.
    pub netns: Option<Netns>,
    /// The limit on the accept queue.
    pub max_queue: Option<MaxQueue>,
    /// The required owner of the listeners.
    pub owner: Owner,
    /// The format of the report on stdout.
    pub format: Format,
    /// The log that the result goes to.
    pub log: Log,
    /// True if nothing is printed to stdout.
    pub quiet: bool,
    /// True if stderr shows which source was asked, and its answer.
    pub verbose: bool,
}

/// The time limit of a check without `--timeout`.
pub const TIMEOUT: Duration = Duration::from_millis(500);
/// The least time that a "not listening" needs: two looks, a millisecond apart, and the cross-check with /proc.
/// `scripts/bench` measures 1.5 to 3 ms for all of it, also with 1,000,000 sockets. The rest is for a busy machine, and
/// a fifth of it for a walk over /proc on a quiet one.
const LEAST: Duration = Duration::from_millis(50);
pub(super) const RETRY_EVERY: Duration = Duration::from_millis(10);

const CHECK_HELP: &str = "\
Targets:
  443                    any listener on the port, IPv4 or IPv6; also *:443
  192.0.2.10:443         a listener that a connection to this address would find,
  [2001:db8::1]:443      whether or not the address is assigned to this machine
  0.0.0.0:443 [::]:443   the wildcard itself is bound
  udp:53 udp:[::1]:53    the same for UDP: a socket that is bound and not connected

Exit status (--exit-codes)  keepalived  nagios  distinct
  listening                          0       0         0
  not listening                      1       2         1
  queue too long (--max-queue)       1       1         4
  wrong owner (--owner-...)          1       2         5
  could not tell                     1       3         3
  wrong usage                        1       3         1
  --absent: not listening            0       0         0
  --absent: listening                1       2         1";

pub(super) fn command(command: Command) -> Command {
    add_check_arguments(
        command,
        "Meaning of \"could not tell\" in the keepalived set of exit codes [default: down]",
    )
    .version(env!("CARGO_PKG_VERSION"))
    .after_help(CHECK_HELP)
    .arg(
        Arg::new("exit-codes")
            .long("exit-codes")
            .value_name("SET")
            .help("Set of exit codes, see below [default: keepalived, or that of the format]")
            .value_parser(
                PossibleValuesParser::new(["keepalived", "nagios", "distinct"])
                    .map(|name| exit_codes(&name)),
            ),
    )
    .arg(args::format(&["text", "json", "nagios"]))
    .args(stream_arguments())
}

/// Adds the arguments that `check` and `watch` share.
pub(super) fn add_check_arguments(command: Command, on_unknown_help: &'static str) -> Command {
    command
        .arg(
            args::targets()
                .help("The target that must be listening: PORT, *:PORT, ADDRESS:PORT or [IPV6]:PORT; with the prefix udp: for UDP")
                .required(true),
        )
        .arg(
            flag("any")
                .help("One listening target is enough")
                .conflicts_with("at-least"),
        )
        .arg(
            Arg::new("at-least")
                .long("at-least")
                .value_name("N")
                .help("N listening targets are enough")
                .value_parser(value_parser!(u64).range(1..)),
        )
        .arg(
            flag("absent")
                .help("Succeed when nothing is listening")
                .conflicts_with_all(["max-queue", "owner-user", "owner-unit", "owner-process"])
                .conflicts_with("on-unknown"),
        )
        .args(scope_arguments())
        .args(requirement_arguments())
        .arg(args::source())
        .args(time_arguments())
        .arg(
            Arg::new("on-unknown")
                .long("on-unknown")
                .value_name("STATE")
                .help(on_unknown_help)
                .value_parser(PossibleValuesParser::new(["down", "up"]).map(on_unknown)),
        )
        .arg(
            Arg::new("log")
                .long("log")
                .value_name("WHERE")
                .help(
                    "Log failed checks and wrong usage; with -v every check [default: none]",
                )
                .value_parser(
                    PossibleValuesParser::new(LOGS).map(|name| log(&name)),
                ),
        )
}

pub(super) fn stream_arguments() -> [Arg; 2] {
    [
        flag("quiet").short('q').help("Print nothing to stdout"),
        flag("verbose")
            .short('v')
            .help("Print to stderr which source was asked, and its answer"),
    ]
}

fn scope_arguments() -> [Arg; 2] {
    [
        non_empty("interface")
            .value_name("IF")
            .help("Count only listeners reachable through this interface or VRF")
            .value_parser(NonEmptyStringValueParser::new().try_map(device_name)),
        args::netns(),
    ]
}

/// The most bytes of a device's name (linux/if.h, IFNAMSIZ without the NUL). musl's if_nametoindex(3) cuts the rest off,
/// and asks about another device. The kernel cuts off a colon and what follows it (net/core/dev_ioctl.c).
const LONGEST_DEVICE: usize = 15;

fn device_name(name: String) -> Result<String, String> {
    if name.len() > LONGEST_DEVICE {
        return Err(format!(
            "a device's name has at most {LONGEST_DEVICE} characters; a longer altname is not supported"
        ));
    }
    match name.contains([':', '/']) {
        true => Err("a device's name has neither : nor / in it".to_owned()),
        false => Ok(name),
    }
}

fn requirement_arguments() -> [Arg; 4] {
    [
        Arg::new("max-queue")
            .long("max-queue")
            .value_name("N|N%")
            .help("Allow at most this many connections in the accept queue (UDP: bytes in the receive queue), or this share of its limit")
            .value_parser(value_parser!(MaxQueue)),
        non_empty("owner-user")
            .value_name("USER")
            .help("Require that this user (name or number) created the socket"),
        non_empty("owner-unit")
            .value_name("UNIT")
            .value_parser(unit)
            .help("Require that the socket was created in this systemd unit"),
        non_empty("owner-process")
            .value_name("NAME")
            .value_parser(process)
            .help("Require that a process with this name, file or first argument holds the socket; run as its user or root"),
    ]
}

fn unit(name: &str) -> Result<String, &'static str> {
    let without_processes = [".target", ".timer", ".path", ".device", ".automount"];
    if name.is_empty() || name.contains('/') {
        Err("expected the name of a unit, such as haproxy.service")
    } else if without_processes
        .iter()
        .any(|suffix| name.ends_with(suffix))
    {
        Err("a unit of this kind has no processes")
    } else {
        Ok(name.to_owned())
    }
}

fn process(name: &str) -> Result<String, &'static str> {
    if name.is_empty() || name.contains('/') {
        Err("expected a name as `ps -e` shows it, without a path")
    } else {
        Ok(name.to_owned())
    }
}

fn time_arguments() -> [Arg; 3] {
    [
        duration("retry-for")
            .help("While the check fails, retry for this long, to bridge a reload"),
        duration("retry-every").help("Pause between two retries [default: 10ms]"),
        duration("timeout").help(
            "Time limit for the whole check, output included; after it the result is \"could not tell\" \
             [default: 500ms]",
        ),
    ]
}

fn on_unknown(name: String) -> OnUnknown {
    if name == "up" {
        OnUnknown::Up
    } else {
        OnUnknown::Down
    }
}

/// The values of `--log`.
pub(super) const LOGS: [&str; 4] = ["syslog", "journald", "stderr", "none"];

/// Returns the log with this name; any other word means none.
pub(super) fn log(name: &str) -> Log {
    match name {
        "syslog" => Log::Syslog,
        "journald" => Log::Journald,
        "stderr" => Log::Stderr,
        _ => Log::None,
    }
}

pub(super) fn exit_codes(name: &str) -> ExitCodes {
    match name {
        "nagios" => ExitCodes::Nagios,
        "distinct" => ExitCodes::Distinct,
        _ => ExitCodes::Keepalived,
    }
}

pub(super) fn options(matches: &ArgMatches) -> Result<CheckOptions, String> {
    let mut targets = args::few_targets_of(matches)?;
    if targets.is_empty() {
        targets.extend(args::default_target(matches)?);
    }
    let needed = match matches.get_one::<u64>("at-least") {
        Some(needed) => usize::try_from(*needed).unwrap_or(usize::MAX),
        None if matches.get_flag("any") => 1,
        None => targets.len(),
    };
    if needed > targets.len() {
        let given = match targets.len() {
            1 => "1 different target is given".to_owned(),
            count => format!("{count} different targets are given"),
        };
        return Err(format!("--at-least {needed} can never be met: {given}"));
    }
    let timing = timing(matches)?;
    let max_queue = matches.get_one("max-queue").copied();
    let has = |protocol| targets.iter().any(|target| target.protocol == protocol);
    if matches!(max_queue, Some(MaxQueue::Waiting(_))) && Protocol::ALL.into_iter().all(has) {
        return Err(
            "--max-queue N counts connections for TCP and bytes for UDP: give N% for targets of both, or \
             two checks"
                .to_owned(),
        );
    }
    let word = |name| matches.get_one::<String>(name).cloned();
    let format = get(matches, "format");
    Ok(CheckOptions {
        targets,
        needed,
        source: get(matches, "source"),
        timing,
        exit_codes: exit_codes_of(exit_codes_in(matches), format),
        on_unknown: get(matches, "on-unknown"),
        wanted: if matches.get_flag("absent") {
            Expectation::Absent
        } else {
            Expectation::Listening
        },
        interface: word("interface"),
        netns: matches.get_one("netns").cloned(),
        max_queue,
        owner: Owner {
            user: word("owner-user"),
            unit: word("owner-unit"),
            process: word("owner-process"),
        },
        format,
        log: get(matches, "log"),
        quiet: matches.get_flag("quiet"),
        verbose: matches.get_flag("verbose"),
    })
}

/// Returns the value of `--exit-codes`, which `watch` does not have.
fn exit_codes_in(matches: &ArgMatches) -> Option<ExitCodes> {
    matches.try_get_one("exit-codes").ok().flatten().copied()
}

/// Returns the chosen set of exit codes, or the one that goes with the format.
pub(super) fn exit_codes_of(given: Option<ExitCodes>, format: Format) -> ExitCodes {
    given.unwrap_or(match format {
        Format::Nagios => ExitCodes::Nagios,
        Format::Text | Format::Json => ExitCodes::Keepalived,
    })
}

fn timing(matches: &ArgMatches) -> Result<Timing, String> {
    let given = |name, otherwise| matches.get_one(name).copied().unwrap_or(otherwise);
    let timeout = given("timeout", TIMEOUT);
    let retry_for = given("retry-for", Duration::ZERO);
    let retry_every = given("retry-every", RETRY_EVERY);
    if retry_for.is_zero() && timeout < LEAST {
        return Err(format!(
            "--timeout must be at least {}",
            HumanDuration(LEAST)
        ));
    }
    if timeout.saturating_sub(retry_for) < LEAST {
        let message = format!(
            "--timeout {} must be at least {} longer than --retry-for {}, or a service that is down is \"could not tell\": \
             use --timeout {}, and keep keepalived's timeout above that",
            HumanDuration(timeout),
            HumanDuration(LEAST),
            HumanDuration(retry_for),
            HumanDuration(retry_for.saturating_add(LEAST))
        );
        return Err(message);
    }
    Ok(Timing {
        timeout,
        retry_for,
        retry_every,
    })
}
