//! `listenup watch`: its arguments, and their way to validated options.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{OsStringValueParser, PossibleValuesParser, TypedValueParser};
use clap::{Arg, ArgMatches, Command, value_parser};

use super::args::{self, duration};
use super::check::{self, CheckOptions};

/// The options of `listenup watch`.
#[derive(Debug)]
pub struct WatchOptions {
    /// What is judged, and how.
    pub check: CheckOptions,
    /// The file that keepalived tracks.
    pub track_file: PathBuf,
    /// What it has while the targets are not as wanted; never 0.
    pub down_value: i16,
    /// How long to wait between two looks when the kernel tells nothing.
    pub every: Duration,
    /// How long they must be as wanted before the file says so.
    pub rise: Duration,
    /// How long they must not be.
    pub fall: Duration,
    /// What the file has until the first verdict.
    pub initial: Initial,
    /// What it has after the end.
    pub on_exit: OnExit,
}

/// `--initial`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Initial {
    /// The value for down.
    #[default]
    Down,
    /// What it has, if that is a value.
    Keep,
}

/// `--on-exit`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnExit {
    /// The value for down.
    #[default]
    Down,
    /// What it has.
    Keep,
}

const EVERY: Duration = Duration::from_millis(100);
const DOWN_VALUE: i16 = 1;

/// keepalived's weights (keepalived.conf(5), track_file).
const VALUES: std::ops::RangeInclusive<i64> = -254..=254;

const WATCH_HELP: &str = "\
In keepalived.conf:
  track_file service {
      file \"/run/listenup/service\"
      weight 0
  }
  and, in the vrrp_instance: track_file { service }

SIGTERM and SIGINT end it. SIGUSR2 ends it and leaves the file as it is, for an upgrade. SIGUSR1 prints
the state to stderr.

Exit status: 0 when it was ended by a signal, 1 when it could not begin.";

pub(super) fn command(command: Command) -> Command {
    check::judged(
        command,
        "What \"could not tell\" counts as [default: down]",
    )
    .after_help(WATCH_HELP)
    .arg(
        Arg::new("track-file")
            .long("track-file")
            .value_name("PATH")
            .required(true)
            .help("The file to keep: 0 while the targets are as wanted, otherwise the down value")
            .value_parser(OsStringValueParser::new().try_map(track_file)),
    )
    .arg(
        Arg::new("down-value")
            .long("down-value")
            .value_name("N")
            .allow_negative_numbers(true)
            .help("Value for down, from -254 to 254 but not 0 [default: 1]")
            .value_parser(value_parser!(i64).range(VALUES).try_map(down_value)),
    )
    .arg(duration("every").help("Interval between looks, at least 1ms; the end of a listener is looked at at once [default: 100ms]"))
    .arg(duration("rise").help("Say up only after the targets have been as wanted for this long"))
    .arg(duration("fall").help("Say down only after they have not been for this long"))
    .arg(keep("initial").help("What the file says until the first verdict [default: down]"))
    .arg(keep("on-exit").help("What the file says after SIGTERM or SIGINT [default: down]"))
    .arg(args::format(&["text", "json"]))
    .args(check::stream_arguments())
}

fn keep(name: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .value_name("VALUE")
        .value_parser(PossibleValuesParser::new(["down", "keep"]))
}

fn track_file(path: std::ffi::OsString) -> Result<PathBuf, &'static str> {
    let path = PathBuf::from(path);
    // What follows the last slash must be a name: neither "..", nor nothing.
    if path.file_name().is_none() || path.as_os_str().as_encoded_bytes().ends_with(b"/") {
        return Err("expected the path of a file");
    }
    Ok(path)
}

fn down_value(value: i64) -> Result<i16, &'static str> {
    match i16::try_from(value) {
        Ok(0) | Err(_) => Err("0 is what keepalived takes for up"),
        Ok(value) => Ok(value),
    }
}

pub(super) fn options(matches: &ArgMatches) -> Result<WatchOptions, String> {
    let given = |name| matches.get_one::<Duration>(name).copied();
    let every = given("every").unwrap_or(EVERY);
    if every < Duration::from_millis(1) {
        return Err("--every must be at least 1ms".to_owned());
    }
    let is_keep = |name| {
        matches
            .get_one::<String>(name)
            .is_some_and(|value| value == "keep")
    };
    Ok(WatchOptions {
        check: check::options(matches)?,
        track_file: get_path(matches),
        down_value: matches.get_one("down-value").copied().unwrap_or(DOWN_VALUE),
        every,
        rise: given("rise").unwrap_or_default(),
        fall: given("fall").unwrap_or_default(),
        initial: if is_keep("initial") {
            Initial::Keep
        } else {
            Initial::Down
        },
        on_exit: if is_keep("on-exit") {
            OnExit::Keep
        } else {
            OnExit::Down
        },
    })
}

fn get_path(matches: &ArgMatches) -> PathBuf {
    matches
        .get_one::<PathBuf>("track-file")
        .cloned()
        .unwrap_or_default()
}
