//! `listenup resets`: its arguments, and their way to validated options.

use std::time::Duration;

use clap::{ArgMatches, Command};

use super::args::{self, duration};
use crate::clock::Shown;
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
}

const EVERY: Duration = Duration::from_secs(1);

const RESETS_HELP: &str = "\
A line for each interval in which something happened, then one for each cause: its counters, how
much they grew, their rate, and their figure in all, which is since boot, or since the network
namespace was made. Causes whose counters did not move share a line. The names are the kernel's,
but for OutRstsUnexplained: the resets sent, less those that another counter accounts for.

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
        .arg(args::format(&["text", "json"]))
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
        format: matches.get_one("format").copied().unwrap_or_default(),
    })
}
