//! The command line: its definition, and its way to validated options. Parsing acts on nothing.

mod args;
mod check;
mod doctor;
mod list;
mod resets;

use std::ffi::OsString;
use std::fmt;

use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, Command};

pub use self::args::{Format, SourceChoice};
pub use self::check::CheckOptions;
pub use self::doctor::DoctorOptions;
pub use self::list::ListOptions;
pub use self::resets::ResetsOptions;
use crate::clock::{SystemClock, TimeLimit};
use crate::domain::{Exit, ExitCodes, OnUnknown};
use crate::guard::Guard;
use crate::log::{self, Log};
use crate::report::stream::Wait;
use crate::report::{self, Status};

const NO_SUBCOMMAND: &str = "a subcommand is required";

/// What a command line asks for.
#[derive(Debug)]
pub enum Request {
    /// `listenup check`
    Check(CheckOptions),
    /// `listenup doctor`
    Doctor(DoctorOptions),
    /// `listenup list`
    List(ListOptions),
    /// `listenup resets`
    Resets(ResetsOptions),
}

/// A command line that leads to no work: a wrong one, or one that asks for help.
#[derive(Debug)]
pub struct Refusal {
    error: clap::Error,
    codes: ExitCodes,
    format: Format,
    log: Log,
}

impl Refusal {
    /// Prints help to stdout, an error to stderr, and says how to exit. It takes no longer than a check
    /// may: whoever called this wanted one.
    pub fn print(&self) -> Status {
        let (exit, in_vain) = if self.is_help() {
            (Exit::Done, Exit::Failed)
        } else {
            (Exit::Usage, Exit::Usage)
        };
        let status = |exit| Status {
            exit,
            codes: self.codes,
            on_unknown: OnUnknown::Down,
        };
        Guard::set(check::TIMEOUT, status(in_vain).number(), || {});
        let clock = SystemClock::start();
        let wait = Wait::Until(TimeLimit::new(&clock, check::TIMEOUT));
        let text = self.error.render().to_string();
        if !self.is_help() {
            log::wrong_usage(self.log, &self.to_string());
            report::wrong_usage(&text, &self.to_string(), self.format, wait);
        } else if !report::deliver(&text, wait) {
            return status(in_vain);
        }
        status(exit)
    }

    /// Whether help or the version was asked for.
    pub fn is_help(&self) -> bool {
        matches!(
            self.error.kind(),
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
        )
    }
}

impl fmt::Display for Refusal {
    /// The reason in one line, without the usage that [`Refusal::print`] adds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What clap says then is the whole help.
        if self.error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
            return f.write_str(NO_SUBCOMMAND);
        }
        let text = self.error.to_string();
        let reason = text.strip_prefix("error: ").unwrap_or(&text);
        let lines = reason.lines().map(str::trim);
        let lines: Vec<&str> = lines.take_while(|line| !line.is_empty()).collect();
        f.write_str(&lines.join(" "))
    }
}

/// Reads a command line, the program's name first.
///
/// # Errors
/// A [`Refusal`], which is also what `--help` and `--version` give.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Request, Refusal> {
    let args: Vec<OsString> = args.into_iter().collect();
    let parsed = matches_of(&args).and_then(|matches| match matches.subcommand() {
        Some(("check", matches)) => Ok(Request::Check(check::options(matches)?)),
        Some(("doctor", matches)) => Ok(Request::Doctor(doctor::options(matches))),
        Some(("list", matches)) => Ok(Request::List(list::options(matches))),
        Some(("resets", matches)) => Ok(Request::Resets(resets::options(matches)?)),
        _ => Err(command().error(ErrorKind::MissingSubcommand, NO_SUBCOMMAND)),
    });
    parsed.map_err(|error| {
        let (codes, format, log) = manners_of_a_wrong_line(&args);
        Refusal {
            error,
            codes,
            format,
            log,
        }
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
                .defer(check::command),
        )
        .subcommand(
            Command::new("list")
                .about("Show what listens")
                .defer(list::command),
        )
        .subcommand(
            Command::new("resets")
                .about("Say why connections are being reset, by the kernel's counters")
                .defer(resets::command),
        )
        .subcommand(
            Command::new("doctor")
                .about(
                    "Say what keepalived would experience here; exit with 0 when nothing is wrong",
                )
                .defer(doctor::command),
        )
}

/// How a line that is wrong elsewhere wants to be answered, so that a Nagios sees UNKNOWN and not WARNING, and
/// the log says why. By the words alone: clap tells nothing of what stands behind the first wrong one.
fn manners_of_a_wrong_line(args: &[OsString]) -> (ExitCodes, Format, Log) {
    if args.get(1).is_none_or(|word| word != "check") {
        return Default::default();
    }
    let last = |option| values(args, option).pop().unwrap_or_default();
    let format = args::format_named(&last("format"));
    let codes = check::exit_codes_named(&last("exit-codes"));
    (
        codes.unwrap_or_else(|| check::exit_codes_of_format(format)),
        format,
        check::log(last("log")),
    )
}

/// The values that a line gives to this option.
fn values(args: &[OsString], option: &str) -> Vec<String> {
    let mut values = Vec::new();
    let mut words = args.iter().map(|word| word.to_string_lossy());
    while let Some(word) = words.next() {
        let Some(rest) = word
            .strip_prefix("--")
            .and_then(|word| word.strip_prefix(option))
        else {
            continue;
        };
        match rest.strip_prefix('=') {
            Some(value) => values.push(value.to_owned()),
            None if rest.is_empty() => values.extend(words.next().map(|value| value.into_owned())),
            None => {}
        }
    }
    values
}

/// Reads a line in which an option stands more than once, if it says the same each time.
fn matches_of(args: &[OsString]) -> Result<ArgMatches, clap::Error> {
    let error = match command().try_get_matches_from(args) {
        Err(error) if error.kind() == ErrorKind::ArgumentConflict => error,
        matches => return matches,
    };
    let mut command = command().args_override_self(true);
    let matches = command.try_get_matches_from_mut(args)?;
    let options = matches
        .subcommand_name()
        .and_then(|name| command.find_subcommand(name));
    let mut names = options
        .into_iter()
        .flat_map(|command| command.get_arguments().filter_map(Arg::get_long));
    let contradicts = names.any(|name| {
        let values = values(args, name);
        values.windows(2).any(|pair| pair.first() != pair.last())
    });
    if contradicts { Err(error) } else { Ok(matches) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
        let line = ["listenup"].into_iter().chain(words).map(OsString::from);
        format!("{:?}", parse(line).unwrap())
    }

    #[test]
    fn the_help_names_the_defaults() {
        let mut named = 0;
        for subcommand in command().get_subcommands_mut() {
            let name = subcommand.get_name().to_owned();
            subcommand.build();
            let takes_targets = subcommand.get_positionals().next().is_some();
            for arg in subcommand.get_arguments() {
                let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
                let Some((_, default)) = help.rsplit_once("[default: ") else {
                    continue;
                };
                let default = default.split([']', ',']).next().unwrap();
                let option = format!("--{}", arg.get_long().unwrap());
                let target = takes_targets.then_some("443");
                let line = |words: &[&str]| {
                    let words = [&[name.as_str()], words].concat();
                    options(words.into_iter().chain(target))
                };
                assert_eq!(line(&[&option, default]), line(&[]), "{name} {option}");
                named += 1;
            }
        }
        assert!(named >= 10, "{named}");
    }
}
