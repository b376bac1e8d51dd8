//! `listenup check`: its arguments, and their way to validated options.

use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, Command, value_parser};

use super::args::{self, SourceChoice, duration, flag};
use crate::domain::{ExitCodes, OnUnknown, Target};
use crate::judge::Patience;

/// The options of `listenup check`.
#[derive(Debug)]
pub struct CheckOptions {
    /// What to look for; at least one.
    pub targets: Vec<Target>,
    /// How many of them must be listening; from 1 to all.
    pub needed: usize,
    /// Whom to ask.
    pub source: SourceChoice,
    /// How long to look; the timeout is longer than the retries.
    pub patience: Patience,
    /// How to exit.
    pub exit_codes: ExitCodes,
    /// How to exit when it could not be told.
    pub on_unknown: OnUnknown,
    /// Nothing on stdout.
    pub quiet: bool,
    /// Say on stderr what is done.
    pub verbose: bool,
}

const CHECK_HELP: &str = "\
Targets:
  443                    any listener on the port, IPv4 or IPv6; also *:443
  192.0.2.10:443         a listener that a connection to this address would find,
  [2001:db8::1]:443      whether or not the address is assigned to this machine
  0.0.0.0:443 [::]:443   the wildcard itself is bound

Exit status (--exit-codes)  keepalived  nagios  distinct
  listening                          0       0         0
  not listening                      1       2         1
  could not tell                     1       3         3
  wrong usage                        1       3         1";

pub(super) fn command(command: Command) -> Command {
    command
        .after_help(CHECK_HELP)
        .arg(
            args::targets()
                .help("What should be listening: PORT, *:PORT, ADDRESS:PORT or [IPV6]:PORT")
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
        .arg(args::source())
        .args(time_arguments())
        .args(exit_arguments())
        .arg(flag("quiet").short('q').help("Print nothing to stdout"))
        .arg(
            flag("verbose")
                .short('v')
                .help("Say on stderr who was asked and what the answer was"),
        )
}

fn time_arguments() -> [Arg; 3] {
    [
        duration("retry-for")
            .help("Keep looking that long for what is not there, to bridge a reload"),
        duration("retry-every")
            .help("Wait that long between two looks")
            .default_value("10ms"),
        duration("timeout")
            .help("The limit on everything; when it is over the answer is \"could not tell\"")
            .default_value("500ms"),
    ]
}

fn exit_arguments() -> [Arg; 2] {
    [
        Arg::new("exit-codes")
            .long("exit-codes")
            .value_name("SET")
            .help("The set of exit numbers, see below")
            .default_value("keepalived")
            .value_parser(
                PossibleValuesParser::new(["keepalived", "nagios", "distinct"]).map(exit_codes),
            ),
        Arg::new("on-unknown")
            .long("on-unknown")
            .value_name("STATE")
            .help("What \"could not tell\" exits as in the keepalived set")
            .default_value("down")
            .value_parser(PossibleValuesParser::new(["down", "up"]).map(on_unknown)),
    ]
}

fn on_unknown(name: String) -> OnUnknown {
    if name == "up" {
        OnUnknown::Up
    } else {
        OnUnknown::Down
    }
}

fn exit_codes(name: String) -> ExitCodes {
    match name.as_str() {
        "nagios" => ExitCodes::Nagios,
        "distinct" => ExitCodes::Distinct,
        _ => ExitCodes::Keepalived,
    }
}

pub(super) fn options(matches: &ArgMatches) -> Result<CheckOptions, clap::Error> {
    let targets: Vec<Target> = matches
        .get_many("target")
        .into_iter()
        .flatten()
        .copied()
        .collect();
    let needed = match matches.get_one::<u64>("at-least") {
        Some(needed) => usize::try_from(*needed).unwrap_or(usize::MAX),
        None if matches.get_flag("any") => 1,
        None => targets.len(),
    };
    if needed > targets.len() {
        let count = targets.len();
        let message = format!("--at-least {needed} can never be met by the {count} targets given");
        return Err(error(message));
    }
    let patience = patience(matches)?;
    Ok(CheckOptions {
        targets,
        needed,
        source: matches.get_one("source").copied().unwrap_or_default(),
        patience,
        exit_codes: matches.get_one("exit-codes").copied().unwrap_or_default(),
        on_unknown: matches.get_one("on-unknown").copied().unwrap_or_default(),
        quiet: matches.get_flag("quiet"),
        verbose: matches.get_flag("verbose"),
    })
}

fn patience(matches: &ArgMatches) -> Result<Patience, clap::Error> {
    let get = |name| {
        matches
            .get_one::<Duration>(name)
            .copied()
            .unwrap_or_default()
    };
    let (timeout, retry_for, retry_every) = (get("timeout"), get("retry-for"), get("retry-every"));
    if timeout <= retry_for {
        let message = format!(
            "--timeout {} must be longer than --retry-for {}: it is the limit on everything",
            humantime::format_duration(timeout),
            humantime::format_duration(retry_for)
        );
        return Err(error(message));
    }
    Ok(Patience {
        timeout,
        retry_for,
        retry_every,
    })
}

/// What clap itself cannot find wrong with the options of `check`.
fn error(message: String) -> clap::Error {
    let check = Command::new("check").bin_name("listenup check");
    command(check).error(ErrorKind::ValueValidation, message)
}
