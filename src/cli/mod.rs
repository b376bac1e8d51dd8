//! The command line: its definition, and its way to validated options. Parsing acts on nothing.

mod args;
mod check;
mod doctor;

use std::ffi::OsString;
use std::fmt;
use std::io::{self, Write};

use clap::error::ErrorKind;
use clap::{ArgMatches, Command};

pub use self::args::{Format, SourceChoice};
pub use self::check::CheckOptions;
pub use self::doctor::DoctorOptions;
use crate::domain::{Exit, ExitCodes, OnUnknown};
use crate::report::Status;

const NO_SUBCOMMAND: &str = "a subcommand is required";

/// What a command line asks for.
#[derive(Debug)]
pub enum Request {
    /// `listenup check`
    Check(CheckOptions),
    /// `listenup doctor`
    Doctor(DoctorOptions),
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
        let exit = if self.is_help() {
            Exit::Done
        } else {
            Exit::Usage
        };
        Status {
            exit,
            codes: self.codes,
            on_unknown: OnUnknown::Down,
        }
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
    let parsed =
        command()
            .try_get_matches_from(&args)
            .and_then(|matches| match matches.subcommand() {
                Some(("check", matches)) => Ok(Request::Check(check::options(matches)?)),
                Some(("doctor", matches)) => Ok(Request::Doctor(doctor::options(matches))),
                _ => Err(command().error(ErrorKind::MissingSubcommand, NO_SUBCOMMAND)),
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
                .defer(check::command),
        )
        .subcommand(
            Command::new("doctor")
                .about(
                    "Say what keepalived would experience here; exit with 0 when nothing is wrong",
                )
                .defer(doctor::command),
        )
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
