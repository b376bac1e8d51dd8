//! Arguments that several subcommands have.
//!
//! No argument has a default in clap, which would parse it in every run. The help names the defaults, and a test
//! compares them.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::time::Duration;

use clap::builder::{
    NonEmptyStringValueParser, OsStringValueParser, PossibleValue, PossibleValuesParser,
    TypedValueParser,
};
use clap::{Arg, ArgAction, ArgMatches, Command, Id};

use crate::domain::{Target, TargetError};
use crate::host::netns::Netns;
use crate::report::Format;
use crate::source::SourceChoice;

/// The arguments that may have several values.
pub(super) const REPEATABLE: [&str; 3] = ["target", "keepalived-conf", "ignore"];

/// Makes options repeatable if their values are the same, as in a line that is put together from parts. If they were
/// refused, the check would always be down. [`conflicting_repeat`] finds those that differ.
pub(super) fn repeatable(command: Command) -> Command {
    command.mut_args(|arg| match arg.get_action() {
        ArgAction::Set => arg.action(ArgAction::Append),
        ArgAction::SetTrue => {
            let itself = arg.get_id().clone();
            arg.overrides_with(itself)
        }
        _ => arg,
    })
}

/// Describes an option that has several values which differ. `None` if there is none.
pub(super) fn conflicting_repeat(matches: &ArgMatches) -> Option<String> {
    let options = matches.ids().map(Id::as_str);
    let mut options = options.filter(|option| !REPEATABLE.contains(option));
    options.find_map(|option| {
        let mut values = matches.get_raw(option)?.map(OsStr::to_string_lossy);
        let first = values.next()?;
        let other = values.find(|value| *value != first)?;
        Some(format!(
            "--{option} is given twice, as {first} and as {other}"
        ))
    })
}

pub(super) fn targets() -> Arg {
    Arg::new("target")
        .value_name("TARGET")
        .num_args(1..)
        .allow_negative_numbers(true)
        .value_parser(OsStringValueParser::new().try_map(target))
}

/// The most targets of a command line. Each listener on their ports is compared with each target.
pub(super) const MOST_TARGETS: usize = 1000;

/// The targets of a line.
pub(super) fn targets_of(matches: &ArgMatches) -> Vec<Target> {
    let targets = matches.get_many("target").into_iter().flatten();
    dedup(targets.copied())
}

/// The targets of a line.
///
/// # Errors
/// Returns what is wrong if there are more than [`MOST_TARGETS`].
pub(super) fn few_targets_of(matches: &ArgMatches) -> Result<Vec<Target>, String> {
    let targets = targets_of(matches);
    match targets.len() {
        count if count > MOST_TARGETS => Err(format!(
            "{count} different targets are given, and {MOST_TARGETS} are allowed: run several commands"
        )),
        _ => Ok(targets),
    }
}

/// The value of `--default-target`, which only `watch` has.
///
/// # Errors
/// Returns why it is not a target.
pub(super) fn default_target(matches: &ArgMatches) -> Result<Option<Target>, String> {
    let given = matches.try_get_one::<String>("default-target");
    let Some(text) = given.ok().flatten() else {
        return Ok(None);
    };
    let target = text.parse();
    target.map(Some).map_err(|why: TargetError| {
        format!("no target is given, and {text} is not a target: {why}")
    })
}

/// Removes duplicates: the same target twice counts once.
pub(super) fn dedup(given: impl IntoIterator<Item = Target>) -> Vec<Target> {
    let mut known = BTreeSet::new();
    let each = given.into_iter().filter(|target| known.insert(*target));
    each.collect()
}

pub(super) fn netns() -> Arg {
    Arg::new("netns")
        .long("netns")
        .value_name("NAME|PATH|PID")
        .help("Use this network namespace; requires CAP_SYS_ADMIN")
        .value_parser(|text: &str| Netns::parse(text).ok_or("it is empty"))
}

pub(super) fn source() -> Arg {
    let sock_diag = PossibleValue::new("sock_diag").alias("netlink");
    let parser = PossibleValuesParser::new(["auto".into(), sock_diag, "proc".into()]);
    Arg::new("source")
        .long("source")
        .value_name("SOURCE")
        .help("Source of listeners: sock_diag, /proc, or (auto) sock_diag, and /proc if sock_diag cannot answer [default: auto]")
        .value_parser(parser.map(|name| match name.as_str() {
            "sock_diag" | "netlink" => SourceChoice::SockDiag,
            "proc" => SourceChoice::Proc,
            _ => SourceChoice::Auto,
        }))
}

/// Makes the argument `--format` with these values, `text` first.
pub(super) fn format(names: &'static [&'static str]) -> Arg {
    Arg::new("format")
        .long("format")
        .value_name("FORMAT")
        .help("Output format [default: text]")
        .value_parser(PossibleValuesParser::new(names).map(|name| format_named(&name)))
}

pub(super) fn format_named(name: &str) -> Format {
    match name {
        "json" => Format::Json,
        "nagios" => Format::Nagios,
        _ => Format::Text,
    }
}

pub(super) fn flag(name: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue)
}

/// Makes an option whose value must not be empty, which is what an unset variable leaves.
pub(super) fn non_empty(name: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .value_parser(NonEmptyStringValueParser::new())
}

/// Returns the value of an argument, or the type's default.
pub(super) fn get<T: Copy + Default + Send + Sync + 'static>(
    matches: &ArgMatches,
    name: &str,
) -> T {
    matches.get_one(name).copied().unwrap_or_default()
}

pub(super) fn duration(name: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .value_name("DURATION")
        .value_parser(positive_duration)
}

fn positive_duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Err("it must be greater than zero".to_owned()),
        Ok(duration) => Ok(duration),
        Err(error) => Err(format!(
            "{error}; expected a number and a unit, such as 200ms"
        )),
    }
}

pub(super) fn target(text: OsString) -> Result<Target, TargetError> {
    // What is not UTF-8 is no target either; the replacement characters make it one of the errors.
    text.to_string_lossy().parse()
}
