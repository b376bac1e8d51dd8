//! `listenup watch`: its arguments and its options.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{
    NonEmptyStringValueParser, OsStringValueParser, PossibleValuesParser, TypedValueParser,
};
use clap::{Arg, ArgMatches, Command, value_parser};

use super::args::{self, duration, flag};
use super::check::{self, CheckOptions};

/// The options of `listenup watch`.
#[derive(Debug)]
pub struct WatchOptions {
    /// The check that decides the value.
    pub check: CheckOptions,
    /// The file that keepalived tracks.
    pub track_file: PathBuf,
    /// The value of the file while the check fails; never 0.
    pub down_value: i16,
    /// The time between two looks without an event of the kernel.
    pub every: Duration,
    /// How long the check must succeed before the file says so.
    pub rise: Duration,
    /// How long the check must fail before the file says so.
    pub fall: Duration,
    /// The value of the file until the first verdict.
    pub initial: Initial,
    /// A file for node_exporter's textfile collector.
    pub metrics: Option<PathBuf>,
    /// The task to do with these options.
    pub errand: Errand,
    /// The descriptor of the track file that the program before a reload has left open.
    pub reloaded: Option<i32>,
    /// The command line, without what its options file says.
    pub line: Vec<OsString>,
}

/// A task of `listenup watch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errand {
    /// Watch the targets.
    Watch,
    /// Report whether a watch could start with these options: `--check-options`.
    CheckOptions,
    /// Report whether such a watch is running and its file is right: `--status`.
    Status,
}

/// The values of `--initial`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Initial {
    /// The value for down.
    #[default]
    Down,
    /// The present value, if it is a number.
    Keep,
}

const EVERY: Duration = Duration::from_millis(100);
const DOWN_VALUE: i16 = 1;

/// keepalived's weights (keepalived.conf(5), track_file).
const VALUES: std::ops::RangeInclusive<i64> = -254..=254;

/// The longest duration that an option accepts.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

const WATCH_HELP: &str = "\
In keepalived.conf:
  track_file https {
      file \"/run/listenup-watch-443/track\"
      weight 0
      init_file 1
  }
  and, in the vrrp_instance: track_file { https }
The folder must exist before keepalived starts.

SIGTERM and SIGINT end it. SIGHUP reads the options again and executes the program on disk, with the file
left as it is. SIGUSR1 prints the state to stderr.

Exit status: 0 if a signal ended it, 1 if it could not start, 3 if the file did not say what it should
at the end. With --status: 0, 2 or 3, as Nagios expects.";

/// The option that a reload adds to the line, before the descriptor of the track file. It is not for people.
pub const RELOADED: &str = "--reloaded";

/// Splits the line into what a person wrote, and the descriptor that a reload has added.
pub(super) fn reloaded(line: &[OsString]) -> (&[OsString], Option<i32>) {
    match line {
        [line @ .., option, fd] if option == RELOADED => {
            (line, fd.to_str().and_then(|fd| fd.parse().ok()))
        }
        line => (line, None),
    }
}

pub(super) fn command(command: Command) -> Command {
    check::add_check_arguments(
        command,
        "Meaning of \"could not tell\" [default: down]",
    )
    .after_help(WATCH_HELP)
    .arg(
        Arg::new("track-file")
            .long("track-file")
            .value_name("PATH")
            .required(true)
            .help("The file to write: 0 while the check succeeds, otherwise the down value")
            .value_parser(OsStringValueParser::new().try_map(file_path)),
    )
    .arg(
        Arg::new("down-value")
            .long("down-value")
            .value_name("N")
            .allow_negative_numbers(true)
            .help("Value for down, from -254 to 254 but not 0 [default: 1]")
            .value_parser(value_parser!(i64).range(VALUES).try_map(down_value)),
    )
    .arg(duration("every").help("Interval between looks, at least 1ms; a listener that closes is noticed immediately [default: 100ms]"))
    .arg(duration("rise").help("Report up only after the check has succeeded for this long"))
    .arg(duration("fall").help("Report down only after the check has failed for this long"))
    .arg(
        Arg::new("initial")
            .long("initial")
            .value_name("VALUE")
            .help("Value of the file until the first verdict [default: down]")
            .value_parser(PossibleValuesParser::new(["down", "keep"])),
    )
    .args(options_arguments())
    .arg(
        Arg::new("metrics")
            .long("metrics")
            .value_name("FILE")
            .help("Write the state and counters to this file, for node_exporter's textfile collector")
            .value_parser(OsStringValueParser::new().try_map(file_path)),
    )
    .arg(
        flag("check-options")
            .help("Exit with 0 if a watch could start with these options; change nothing"),
    )
    .arg(
        flag("status")
            .help("Report, as a Nagios plugin, whether the watch is alive and its file has the right value")
            .conflicts_with("check-options"),
    )
    .arg(args::format(&["text", "json"]))
    .args(check::stream_arguments())
    .mut_arg("target", |target| {
        target
            .required(false)
            .required_unless_present("default-target")
    })
    .mut_arg("absent", |arg| arg.help("Write up while nothing is listening"))
    .mut_arg("timeout", |arg| {
        arg.help("Time limit for each look; after it the result is \"could not tell\" [default: 500ms]")
    })
    .mut_arg("log", |arg| {
        arg.help("Log each change of the state, and trouble with the file [default: none]")
    })
    .mut_arg("verbose", |arg| {
        arg.help("Print to stderr the result of each look that fails or follows an event of the kernel")
    })
}

fn options_arguments() -> [Arg; 2] {
    [
        Arg::new("options-file")
            .long("options-file")
            .value_name("[-]FILE")
            .allow_hyphen_values(true)
            .help(
                "Read more arguments from this file, one per line; with the prefix - it can be missing",
            )
            .value_parser(OsStringValueParser::new()),
        Arg::new("default-target")
            .long("default-target")
            .value_name("TARGET")
            .help("The target if no other is given")
            .value_parser(NonEmptyStringValueParser::new()),
    ]
}

fn file_path(path: OsString) -> Result<PathBuf, &'static str> {
    let path = PathBuf::from(path);
    // What follows the last slash must be a name: neither "..", nor nothing.
    if path.file_name().is_none() || path.as_os_str().as_encoded_bytes().ends_with(b"/") {
        return Err("expected the path of a file");
    }
    Ok(path)
}

fn down_value(value: i64) -> Result<i16, &'static str> {
    match i16::try_from(value) {
        Ok(0) | Err(_) => Err("keepalived treats 0 as up"),
        Ok(value) => Ok(value),
    }
}

pub(super) fn options(matches: &ArgMatches) -> Result<WatchOptions, String> {
    let given = |name| matches.get_one::<Duration>(name).copied();
    let every = given("every").unwrap_or(EVERY);
    if every < Duration::from_millis(1) {
        return Err("--every must be at least 1ms".to_owned());
    }
    let durations = [
        "every",
        "rise",
        "fall",
        "timeout",
        "retry-for",
        "retry-every",
    ];
    if let Some(name) = durations.iter().find(|name| given(name) > Some(LONGEST)) {
        return Err(format!("--{name} must be at most one day"));
    }
    let initial = matches.get_one::<String>("initial");
    let path = |name| matches.get_one::<PathBuf>(name).cloned();
    let has = |name| matches.get_flag(name);
    Ok(WatchOptions {
        check: check::options(matches)?,
        track_file: path("track-file").unwrap_or_default(),
        down_value: matches.get_one("down-value").copied().unwrap_or(DOWN_VALUE),
        every,
        rise: given("rise").unwrap_or_default(),
        fall: given("fall").unwrap_or_default(),
        initial: match initial.map(String::as_str) {
            Some("keep") => Initial::Keep,
            _ => Initial::Down,
        },
        metrics: path("metrics"),
        errand: match (has("check-options"), has("status")) {
            (true, _) => Errand::CheckOptions,
            (_, true) => Errand::Status,
            _ => Errand::Watch,
        },
        reloaded: None,
        line: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn watch_has_help_of_its_own_for_options_that_mean_something_else_there() {
        let help = |subcommand: &str, option: &str| {
            let mut command = crate::cli::command();
            let subcommand = command.find_subcommand_mut(subcommand).unwrap();
            subcommand.build();
            let mut options = subcommand.get_arguments();
            let option = options.find(|arg| arg.get_long() == Some(option)).unwrap();
            option.get_help().unwrap().to_string()
        };
        for option in ["absent", "log", "timeout", "verbose"] {
            assert_ne!(help("watch", option), help("check", option), "{option}");
        }
    }
}
