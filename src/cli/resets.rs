//! `listenup resets`: its arguments, and their way to validated options.

use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Arg, ArgMatches, Command};

use super::args::{self, duration};
use crate::clock::Shown;
use crate::host::netns::Netns;
use crate::report::Format;

/// The options of `listenup resets`.
#[derive(Debug)]
pub struct ResetsOptions {
    /// The time between two samples; at most the whole time.
    pub every: Duration,
    /// The whole time.
    pub watch: Duration,
    /// How to say it.
    pub format: Format,
    /// Whether to trace each reset.
    pub trace: TraceChoice,
    /// Where to look, if not here.
    pub netns: Option<Netns>,
}

/// `--trace`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TraceChoice {
    /// Where it is possible.
    #[default]
    Auto,
    /// Or not at all.
    On,
    /// Counters alone.
    Off,
}

const EVERY: Duration = Duration::from_secs(1);

const RESETS_HELP: &str = "\
A line for each interval in which something happened, then one for each cause: its counters, how
much they grew, their rate, and their figure in all, which is since boot, or since the network
namespace was made. Causes whose counters did not move share a line. The names are the kernel's,
but for OutRstsUnexplained: the resets sent, less those that another counter accounts for.

As root, and where tracefs is mounted, the kernel's trace of resets adds to each cause: the local
address and port, the peers, the reason, and what listens on the port now. Ctrl-C ends the watch
early, and the summary comes all the same.

Exit status
  0  counters were read, whatever they said
  1  none could be read, stdout did not take all of it, or wrong usage";

pub(super) fn command(command: Command) -> Command {
    command
        .after_help(RESETS_HELP)
        .arg(
            duration("every").help("Look that often [default: 1s, or --for where that is shorter]"),
        )
        .arg(duration("for").help("Watch that long").default_value("10s"))
        .arg(trace())
        .arg(args::netns())
        .arg(args::format(&["text", "json"]))
}

fn trace() -> Arg {
    let parser = PossibleValuesParser::new(["auto", "on", "off"]);
    Arg::new("trace")
        .long("trace")
        .value_name("WHEN")
        .help("Trace each reset, too; takes root and tracefs. With auto where that is possible [default: auto]")
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
            Shown(watch),
            Shown(every)
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
