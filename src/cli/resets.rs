//! `listenup resets`: its arguments and its options.

use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Arg, ArgMatches, Command};

use super::args::{self, duration};
use crate::clock::HumanDuration;
use crate::host::netns::Netns;
use crate::report::Format;

/// The options of `listenup resets`.
#[derive(Debug)]
pub struct ResetsOptions {
    /// The time between two samples; at most the whole time.
    pub every: Duration,
    /// The whole time.
    pub watch: Duration,
    /// The format of the report on stdout.
    pub format: Format,
    /// The value of `--trace`.
    pub trace: TraceChoice,
    /// The network namespace to look in. `None`: the one of this process.
    pub netns: Option<Netns>,
}

/// The values of `--trace`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TraceChoice {
    /// Trace each reset if that is possible.
    #[default]
    Auto,
    /// Trace each reset, or fail.
    On,
    /// Read the counters alone.
    Off,
}

const EVERY: Duration = Duration::from_secs(1);

const RESETS_HELP: &str = "\
Prints a line for each interval in which a counter moved, then one for each cause: its counters, how
much they grew, their rate and their total, and what to do next. Totals count since boot, or since
the network namespace was made. The names of counters are the kernel's.

As root, and if tracefs is mounted, the kernel's trace of resets adds to each cause: the local
address and port, the peers, the processes, the kernel's reason, and what listens on the port now.
Without it the cause of many resets is not counted. Ctrl-C ends the watch early, with the summary.

Exit status
  0  counters were read
  1  no counter could be read, stdout did not take all of it, or wrong usage";

pub(super) fn command(command: Command) -> Command {
    command
        .after_help(RESETS_HELP)
        .arg(
            duration("every")
                .help("Length of an interval [default: 1s, or --for if that is shorter]"),
        )
        .arg(duration("for").help("Time to watch").default_value("10s"))
        .arg(trace())
        .arg(args::netns())
        .arg(args::format(&["text", "json"]))
}

fn trace() -> Arg {
    let parser = PossibleValuesParser::new(["auto", "on", "off"]);
    Arg::new("trace")
        .long("trace")
        .value_name("WHEN")
        .help("Trace each reset; requires root and tracefs. auto: only if that is possible [default: auto]")
        .value_parser(parser.map(|name| match name.as_str() {
            "on" => TraceChoice::On,
            "off" => TraceChoice::Off,
            _ => TraceChoice::Auto,
        }))
}

pub(super) fn options(matches: &ArgMatches) -> Result<ResetsOptions, String> {
    let get = |name| matches.get_one::<Duration>(name).copied();
    let watch = get("for").unwrap_or_default();
    let every = get("every").unwrap_or(EVERY.min(watch));
    if watch < every {
        let message = format!(
            "--for {} must be at least --every {}",
            HumanDuration(watch),
            HumanDuration(every)
        );
        return Err(message);
    }
    Ok(ResetsOptions {
        every,
        watch,
        format: args::get(matches, "format"),
        trace: args::get(matches, "trace"),
        netns: matches.get_one("netns").cloned(),
    })
}
