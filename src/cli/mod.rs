//! The command line: its definition, and its way to validated options. Parsing acts on nothing.

mod args;
mod check;
mod resets;

use std::ffi::OsString;
use std::io::{self, Write};

use clap::error::ErrorKind;
use clap::{ArgMatches, Command};

pub use self::args::{Format, SourceChoice};
pub use self::check::CheckOptions;
pub use self::resets::ResetsOptions;
use crate::domain::{Exit, ExitCodes, OnUnknown};
use crate::report::Status;

/// What a command line asks for.
#[derive(Debug)]
pub enum Request {
    /// `listenup check`
    Check(CheckOptions),
    /// `listenup resets`
    Resets(ResetsOptions),
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
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Done,
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
                Some(("check", matches)) => Ok(Request::Check(check::options(matches)?)),
                Some(("resets", matches)) => Ok(Request::Resets(resets::options(matches)?)),
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
                .defer(check::command),
        )
        .subcommand(
            Command::new("resets")
                .about("Say why connections are being reset, by the kernel's counters")
                .defer(resets::command),
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
