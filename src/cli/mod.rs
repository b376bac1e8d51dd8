//! The command line: its definition, and how it becomes options. Parsing has no effects.

mod args;
mod check;
mod doctor;
mod fast_path;
mod list;
mod options_file;
mod resets;
mod watch;

use std::ffi::OsString;
use std::fmt;

use clap::error::{ContextKind, ErrorKind};
use clap::{ArgMatches, Command};

pub use self::check::{CheckOptions, TIMEOUT};
pub use self::doctor::DoctorOptions;
pub use self::list::ListOptions;
pub use self::resets::{ResetsOptions, TraceChoice};
pub use self::watch::{Errand, Initial, RELOADED, WatchOptions};
use crate::domain::ExitCodes;
use crate::log::Log;
use crate::report::Format;

const NO_SUBCOMMAND: &str = "a subcommand is required";
const HELP_ALONE: &str = "help and the version are shown only if nothing else is given; there is no option for a host: \
                          give ADDRESS:PORT";

/// The subcommand that a command line asks for, with its options.
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
    /// `listenup watch`
    Watch(WatchOptions),
}

/// A command line that does not lead to work: it is wrong, or asks for help.
#[derive(Debug)]
pub struct UsageError {
    error: clap::Error,
    /// The output options of the line, as far as they could be read.
    pub output: OutputOptions,
}

/// The options that decide how a result is reported.
#[derive(Clone, Copy, Debug, Default)]
pub struct OutputOptions {
    /// `--exit-codes`
    pub codes: ExitCodes,
    /// `--format`
    pub format: Format,
    /// `--log`
    pub log: Log,
}

impl UsageError {
    /// The whole text for a person: the help, or the reason and the usage.
    pub fn text(&self) -> String {
        self.error.render().to_string()
    }

    /// True if help or the version was asked for.
    pub fn is_help(&self) -> bool {
        is_help(&self.error)
    }
}

impl fmt::Display for UsageError {
    /// The reason in one line, without the usage that [`UsageError::text`] has.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Here clap's message would be the whole help.
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
/// Returns a [`UsageError`], also for `--help` and `--version`.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Request, UsageError> {
    let args: Vec<OsString> = args.into_iter().collect();
    match fast_path::try_parse(&args) {
        Some(options) => Ok(Request::Check(options)),
        None => parse_with_clap(&args),
    }
}

fn parse_with_clap(args: &[OsString]) -> Result<Request, UsageError> {
    let is_watch = args.get(1).is_some_and(|name| name == "watch");
    let (line, reloaded) = match is_watch {
        true => watch::reloaded(args),
        false => (args, None),
    };
    let whole = match is_watch {
        true => options_file::expanded(line),
        false => Ok(line.to_vec()),
    };
    let whole = whole.map_err(|why| wrong("watch", ErrorKind::ValueValidation, &why));
    let parsed = whole.and_then(|line| command().try_get_matches_from(line));
    let parsed = parsed.and_then(|matches| request(&matches));
    let parsed = parsed.map_err(
        |error| match is_help(&error) && !asks_for_help_alone(args) {
            true => wrong(subcommand_of(args), ErrorKind::ArgumentConflict, HELP_ALONE),
            false => error,
        },
    );
    let parsed = parsed.map(|request| match request {
        Request::Watch(options) => Request::Watch(WatchOptions {
            line: line.to_vec(),
            reloaded,
            ..options
        }),
        other => other,
    });
    parsed.map_err(|error| UsageError {
        error: without_wrong_tip(error),
        // The watch that is reloaded logs what the program on disk says.
        output: match reloaded {
            Some(_) => OutputOptions::default(),
            None => OutputOptions::from_invalid_args(args),
        },
    })
}

/// Leaves out clap's advice to write `-- --retry`: no option is meant as a target. A similar option stays.
fn without_wrong_tip(mut error: clap::Error) -> clap::Error {
    if error.kind() == ErrorKind::UnknownArgument {
        error.remove(ContextKind::Suggested);
    }
    error
}

fn request(matches: &ArgMatches) -> Result<Request, clap::Error> {
    let Some((name, matches)) = matches.subcommand() else {
        return Err(command().error(ErrorKind::MissingSubcommand, NO_SUBCOMMAND));
    };
    let wrong = |message: String| wrong(name, ErrorKind::ValueValidation, &message);
    if let Some(conflicting_repeat) = args::conflicting_repeat(matches) {
        return Err(wrong(conflicting_repeat));
    }
    match name {
        "check" => check::options(matches).map(Request::Check),
        "doctor" => doctor::options(matches).map(Request::Doctor),
        "list" => list::options(matches).map(Request::List),
        "resets" => resets::options(matches).map(Request::Resets),
        _ => watch::options(matches).map(Request::Watch),
    }
    .map_err(wrong)
}

/// An error with the usage of a subcommand.
fn wrong(name: &str, kind: ErrorKind, message: &str) -> clap::Error {
    let mut whole = command();
    whole.build();
    match whole.find_subcommand_mut(name) {
        Some(subcommand) => subcommand.error(kind, message),
        None => whole.error(kind, message),
    }
}

fn is_help(error: &clap::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    )
}

/// Returns the word in the place of the subcommand.
fn subcommand_of(args: &[OsString]) -> &str {
    let word = args.get(1).and_then(|word| word.to_str());
    word.unwrap_or_default()
}

/// True if the line asks for help or the version and for nothing else. With anything else it would be a check that
/// succeeds without looking: `-h` is an option for the host in other check programs.
fn asks_for_help_alone(args: &[OsString]) -> bool {
    let words: Vec<_> = args.iter().skip(1).map(|word| word.to_str()).collect();
    let is_asked = |word: &Option<&str>| {
        ["-h", "--help", "-V", "--version"].contains(&word.unwrap_or_default())
    };
    match words.as_slice() {
        [Some("help"), ..] => true,
        [word] => is_asked(word),
        [name, word] => !is_asked(name) && is_asked(word),
        _ => false,
    }
}

/// The whole command line. A subcommand is built only when it is asked for.
pub fn command() -> Command {
    Command::new("listenup")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Check for listening TCP and bound UDP ports on this machine, for keepalived and by hand")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("check")
                .about("Exit with 0 if every target is listening, otherwise with 1")
                .defer(|command| args::repeatable(check::command(command))),
        )
        .subcommand(
            Command::new("watch")
                .about("Keep keepalived's track_file up to date: 0 while every target is listening")
                .defer(|command| args::repeatable(watch::command(command))),
        )
        .subcommand(
            Command::new("list")
                .about("List the listening sockets")
                .defer(|command| args::repeatable(list::command(command))),
        )
        .subcommand(
            Command::new("resets")
                .about("Show why connections are being reset")
                .defer(|command| args::repeatable(resets::command(command))),
        )
        .subcommand(
            Command::new("doctor")
                .about("Check keepalived.conf and this machine; exit with 0 if there are no problems")
                .defer(|command| args::repeatable(doctor::command(command))),
        )
}

impl OutputOptions {
    /// Reads the output options of a line that is wrong before or after them. So a Nagios sees UNKNOWN and not WARNING,
    /// and the log has the reason.
    fn from_invalid_args(args: &[OsString]) -> Self {
        let args: Vec<_> = args.iter().map(|arg| arg.to_string_lossy()).collect();
        // A line with an unknown subcommand is treated as a check.
        match args.get(1).map(AsRef::as_ref) {
            Some("doctor" | "resets") => return Self::default(),
            Some("list") => {
                return Self {
                    codes: ExitCodes::Search,
                    ..Self::default()
                };
            }
            _ => {}
        }
        let value = |option: &str| {
            args.iter()
                .zip(args.iter().skip(1).map(Some).chain([None]))
                .find_map(|(arg, next)| match arg.strip_prefix(option)? {
                    "" => next.map(AsRef::as_ref),
                    rest => rest.strip_prefix('='),
                })
        };
        let format = value("--format").map(args::format_named);
        let format = format.unwrap_or_default();
        Self {
            codes: check::exit_codes_of(value("--exit-codes").map(check::exit_codes), format),
            format,
            log: value("--log").map(check::log).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
        let mut line: Vec<&str> = ["listenup"].into_iter().chain(words).collect();
        if line.contains(&"watch") && !line.contains(&"--track-file") {
            line.extend(["--track-file", "lo"]);
        }
        let mut request = parse(line.into_iter().map(OsString::from)).unwrap();
        if let Request::Watch(options) = &mut request {
            options.line.clear();
        }
        format!("{request:?}")
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

    /// A value that an option takes.
    fn value(arg: &clap::Arg) -> Option<String> {
        let name = arg.get_value_names()?.first()?;
        let named = arg.get_possible_values().first().cloned();
        let value = named.map(|value| value.get_name().to_owned());
        Some(value.unwrap_or_else(|| match name.as_str() {
            "DURATION" => "400ms".to_owned(),
            "N" | "N|N%" => "1".to_owned(),
            "[-]FILE" => "-lo".to_owned(),
            "VERSION" => "2.3.4".to_owned(),
            "CODE" => "LU101".to_owned(),
            _ => "lo".to_owned(),
        }))
    }

    #[test]
    fn an_option_given_twice_with_the_same_value_counts_once() {
        let mut repeated = 0;
        for subcommand in command().get_subcommands_mut() {
            let name = subcommand.get_name().to_owned();
            subcommand.build();
            let takes_targets = subcommand.get_positionals().next().is_some();
            for arg in subcommand.get_arguments() {
                let several = args::REPEATABLE.contains(&arg.get_id().as_str());
                let ends = ["help", "version"];
                let long = arg.get_long().filter(|long| !ends.contains(long));
                let Some(long) = long.filter(|_| !several) else {
                    continue;
                };
                let words = match arg.get_action().takes_values() {
                    true => format!("--{long} {}", value(arg).unwrap()),
                    false => format!("--{long}"),
                };
                let target = match long {
                    "udp" => "udp:443",
                    _ if takes_targets => "443",
                    _ => "",
                };
                let once = format!("{name} {words} {target}");
                let twice = format!("{name} {words} {words} {target}");
                let parsed = |line: &str| options(line.split_whitespace());
                assert_eq!(parsed(&twice), parsed(&once), "{twice}");
                repeated += 1;
            }
        }
        assert!(repeated >= 25, "{repeated}");
    }

    #[test]
    fn an_option_with_two_values_is_refused() {
        for (line, reason) in [
            (
                "check --timeout 1s 443 --timeout=2s",
                "--timeout is given twice, as 1s and as 2s",
            ),
            (
                "check --log none --log none --log stderr 443",
                "--log is given twice, as none and as stderr",
            ),
            (
                "list --format json --format text",
                "--format is given twice, as json and as text",
            ),
            (
                "resets --for 1s --for 2s",
                "--for is given twice, as 1s and as 2s",
            ),
            (
                "doctor --user root --user nobody",
                "--user is given twice, as root and as nobody",
            ),
        ] {
            let words = ["listenup"].into_iter().chain(line.split(' '));
            let error = parse(words.map(OsString::from)).unwrap_err();
            assert_eq!(error.to_string(), reason);
        }
    }

    #[test]
    fn source_sock_diag_and_netlink_are_the_same() {
        let by = |name| options(["check", "--source", name, "443"]);
        assert_eq!(by("sock_diag"), by("netlink"));
        assert_ne!(by("sock_diag"), by("proc"));
    }
}
