//! `listenup check`: are the targets listening?

use std::path::Path;

use nix::errno::Errno;
use nix::net::if_::if_nametoindex;

use crate::cli::{CheckOptions, SourceChoice};
use crate::clock::{Clock, SystemClock, TimeLimit};
use crate::demands::Demanded;
use crate::domain::{Doubt, Exit, Inquiry, Verdict};
use crate::judge::{Matter, Outcome, Sources, judge};
use crate::log;
use crate::report::{self, Checked, Status};
use crate::source::{InWords, netlink::Netlink, proc::Proc};
use crate::trace;

/// The part of the time limit that the second opinion may take: one in this many.
const SECOND_OPINION: u32 = 5;

const PROC: &str = "/proc";

/// Looks, reports and says how to exit.
pub fn run(options: &CheckOptions) -> Status {
    if options.verbose {
        trace::to_stderr();
    }
    let clock = SystemClock::start();
    let outcome = find_out(options, &clock)
        .unwrap_or_else(|doubt| Outcome::in_doubt(&options.targets, &doubt));
    let answers = outcome.answers.iter().map(|(_, answer)| answer);
    let verdict = Verdict::of(answers, options.needed, options.wanted);
    let checked = Checked {
        outcome,
        verdict,
        status: Status {
            exit: Exit::Verdict(verdict),
            codes: options.exit_codes,
            on_unknown: options.on_unknown,
        },
        max_queue: options.max_queue,
    };
    report::checked(&checked, options.format, options.quiet);
    log::checked(options.log, &checked, options.verbose);
    checked.status
}

/// # Errors
/// What keeps it from looking at all.
fn find_out(options: &CheckOptions, clock: &dyn Clock) -> Result<Outcome, Doubt> {
    if let Some(netns) = &options.netns {
        netns.enter()?;
    }
    let interface = options.interface.as_deref().map(index).transpose()?;
    let limit = TimeLimit::new(clock, options.patience.timeout);
    let proc = Path::new(PROC);
    let mut demands = Demanded::new(options.max_queue, &options.owner, proc, limit);
    let matter = Matter {
        inquiry: Inquiry::new(options.targets.iter().copied(), interface),
        demands: &mut demands,
        wanted: options.wanted,
        needed: options.needed,
    };
    let (mut netlink, mut proc) = (Netlink::new(), Proc::new(PROC));
    let mut opinion = Proc::second_opinion(PROC, options.patience.timeout / SECOND_OPINION);
    let sources = Sources {
        in_order: options.source.in_order(&mut netlink, &mut proc),
        // Who chose one source wants no other.
        second_opinion: match options.source {
            SourceChoice::Auto => Some(&mut opinion),
            SourceChoice::Netlink | SourceChoice::Proc => None,
        },
    };
    Ok(judge(matter, sources, options.patience, clock))
}

/// The index of the device with this name.
fn index(interface: &str) -> Result<u32, Doubt> {
    if_nametoindex(interface).map_err(|errno| {
        let why = InWords(errno);
        match errno {
            Errno::ENODEV => Doubt::new(format_args!("there is no interface {interface}: {why}")),
            // The C library says ENOENT where it has no descriptor left to ask with.
            _ => Doubt::new(format_args!(
                "the interface {interface} cannot be looked up: {why}"
            )),
        }
    })
}
