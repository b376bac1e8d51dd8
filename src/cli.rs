//! The command line: its definition, and its way to validated options. Parsing acts on nothing.

use std::ffi::OsString;
use std::io::{self, Write};
use std::time::Duration;

use clap::builder::{OsStringValueParser, PossibleValuesParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use crate::domain::{Exit, ExitCodes, OnUnknown, Target, TargetError};
use crate::judge::Patience;
use crate::report::Status;

/// What a command line asks for.
#[derive(Debug)]
pub enum Request {
    /// `listenup check`
    Check(CheckOptions),
}

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

/// `--source`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceChoice {
    /// sock_diag, and /proc where it cannot answer.
    Auto,
    /// sock_diag alone.
    Netlink,
    /// /proc alone.
    Proc,
}

/// A command line that leads to no work: a wrong one, or one that asks for help.
#[derive(Debug)]
pub struct Refusal {
    error: clap::Error,
    codes: ExitCodes,
}

impl Refusal {
    /// Prints help to stdout, an error to stderr, and says how to exit.
    pub fn print(&self) -> Status {
        let _ = self.error.print();
        let _ = io::stdout().flush();
        let exit = match self.error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Help,
            _ => Exit::Usage,
        };
        Status {
            exit,
            codes: self.codes,
            on_unknown: OnUnknown::Down,
        }
    }
}

/// Reads a command line, the program's name first.
///
/// # Errors
/// A [`Refusal`], which is also what `--help` and `--version` give.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Request, Refusal> {
    let args: Vec<OsString> = args.into_iter().collect();
    let parsed =
        command()
            .try_get_matches_from(&args)
            .and_then(|matches| match matches.subcommand() {
                Some(("check", matches)) => Ok(Request::Check(check_options(matches)?)),
                _ => Err(command().error(ErrorKind::MissingSubcommand, "a subcommand is required")),
            });
    parsed.map_err(|error| Refusal {
        error,
        codes: exit_codes_of_a_wrong_line(&args),
    })
}

/// The whole command line. A subcommand is built only when it is asked for.
pub fn command() -> Command {
    Command::new("listenup")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Says whether something listens on a TCP port of this machine")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("check")
                .about("Exit with 0 when every target is listening, otherwise with 1")
                .defer(check_command),
        )
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

fn check_command(command: Command) -> Command {
    command
        .after_help(CHECK_HELP)
        .arg(
            Arg::new("target")
                .value_name("TARGET")
                .help("What should be listening: PORT, *:PORT, ADDRESS:PORT or [IPV6]:PORT")
                .required(true)
                .num_args(1..)
                .allow_negative_numbers(true)
                .value_parser(OsStringValueParser::new().try_map(target)),
        )
        .arg(flag("any").help("One listening target is enough").conflicts_with("at-least"))
        .arg(
            Arg::new("at-least")
                .long("at-least")
                .value_name("N")
                .help("N listening targets are enough")
                .value_parser(value_parser!(u64).range(1..)),
        )
        .arg(
            Arg::new("source")
                .long("source")
                .value_name("SOURCE")
                .help("Whom to ask: the kernel's sock_diag, /proc, or the second where the first cannot answer")
                .default_value("auto")
                .value_parser(PossibleValuesParser::new(["auto", "netlink", "proc"]).map(source)),
        )
        .arg(
            Arg::new("exit-codes")
                .long("exit-codes")
                .value_name("SET")
                .help("The set of exit numbers, see below")
                .default_value("keepalived")
                .value_parser(
                    PossibleValuesParser::new(["keepalived", "nagios", "distinct"]).map(exit_codes),
                ),
        )
        .arg(
            duration("retry-for")
                .help("Keep looking that long for what is not there, to bridge a reload"),
        )
        .arg(duration("retry-every").help("Wait that long between two looks").default_value("10ms"))
        .arg(
            duration("timeout")
                .help("The limit on everything; when it is over the answer is \"could not tell\"")
                .default_value("500ms"),
        )
        .arg(
            Arg::new("on-unknown")
                .long("on-unknown")
                .value_name("STATE")
                .help("What \"could not tell\" exits as in the keepalived set")
                .default_value("down")
                .value_parser(PossibleValuesParser::new(["down", "up"]).map(on_unknown)),
        )
        .arg(flag("quiet").short('q').help("Print nothing to stdout"))
        .arg(flag("verbose").short('v').help("Say on stderr who was asked and what the answer was"))
}

fn flag(name: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue)
}

fn duration(name: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .value_name("DURATION")
        .value_parser(positive_duration)
}

fn positive_duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Err("it must be longer than nothing".to_owned()),
        Ok(duration) => Ok(duration),
        Err(error) => Err(format!(
            "{error}; expected a number and a unit, such as 200ms"
        )),
    }
}

fn on_unknown(name: String) -> OnUnknown {
    if name == "up" {
        OnUnknown::Up
    } else {
        OnUnknown::Down
    }
}

fn target(text: OsString) -> Result<Target, TargetError> {
    // What is not UTF-8 is no target either; the replacement characters make it one of the errors.
    text.to_string_lossy().parse()
}

fn source(name: String) -> SourceChoice {
    match name.as_str() {
        "netlink" => SourceChoice::Netlink,
        "proc" => SourceChoice::Proc,
        _ => SourceChoice::Auto,
    }
}

fn exit_codes(name: String) -> ExitCodes {
    match name.as_str() {
        "nagios" => ExitCodes::Nagios,
        "distinct" => ExitCodes::Distinct,
        _ => ExitCodes::Keepalived,
    }
}

fn check_options(matches: &ArgMatches) -> Result<CheckOptions, clap::Error> {
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
        return Err(check_error(message));
    }
    let patience = patience(matches)?;
    Ok(CheckOptions {
        targets,
        needed,
        source: matches
            .get_one("source")
            .copied()
            .unwrap_or(SourceChoice::Auto),
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
        return Err(check_error(message));
    }
    Ok(Patience {
        timeout,
        retry_for,
        retry_every,
    })
}

/// What clap itself cannot find wrong with the options of `check`.
fn check_error(message: String) -> clap::Error {
    let command = Command::new("check").bin_name("listenup check");
    check_command(command).error(ErrorKind::ValueValidation, message)
}

/// The `--exit-codes` of a line that is wrong elsewhere, so that a Nagios sees UNKNOWN and not
/// WARNING.
fn exit_codes_of_a_wrong_line(args: &[OsString]) -> ExitCodes {
    let matches = command()
        .ignore_errors(true)
        .try_get_matches_from(args)
        .ok();
    let check = matches.as_ref().and_then(ArgMatches::subcommand);
    check
        .and_then(|(_, matches)| matches.try_get_one("exit-codes").ok().flatten())
        .copied()
        .unwrap_or_default()
}
