//! `listenup check`: are the targets listening?

use std::path::Path;

use nix::errno::Errno;
use nix::net::if_::if_nametoindex;

use crate::chain::SourceChain;
use crate::cli::{CheckOptions, SourceChoice};
use crate::clock::{Clock, SystemClock, TimeLimit};
use crate::demands::Demanded;
use crate::domain::{Doubt, Exit, Obstacle, Verdict};
use crate::judge::{CheckSpec, Outcome, judge};
use crate::log;
use crate::report::{self, Checked, Status};
use crate::source::{InWords, netlink::Netlink, proc::Proc};
use crate::trace;

const PROC: &str = "/proc";

/// Looks, reports and says how to exit.
pub fn run(options: &CheckOptions) -> Status {
    if options.verbose {
        trace::to_stderr();
    }
    let clock = SystemClock::start();
    let status = |exit| Status {
        exit,
        codes: options.exit_codes,
        on_unknown: options.on_unknown,
    };
    let outcome = match find_out(options, &clock) {
        Ok(outcome) => outcome,
        Err(Obstacle::Doubt(doubt)) => Outcome::in_doubt(&options.targets, &doubt),
        Err(Obstacle::NoSuch(what)) => {
            report::wrong_usage(&what, options.format);
            return status(Exit::Usage);
        }
    };
    let answers = outcome.answers.iter().map(|(_, answer)| answer);
    let verdict = Verdict::of(answers, options.needed, options.wanted);
    let checked = Checked {
        outcome,
        verdict,
        status: status(Exit::Verdict(verdict)),
        max_queue: options.max_queue,
    };
    report::checked(&checked, options.format, options.quiet);
    log::checked(options.log, &checked, options.verbose);
    checked.status
}

/// # Errors
/// What keeps it from looking at all.
fn find_out(options: &CheckOptions, clock: &dyn Clock) -> Result<Outcome, Obstacle> {
    let limit = TimeLimit::new(clock, options.patience.timeout);
    if let Some(netns) = &options.netns {
        netns.enter()?;
    }
    let interface = options.interface.as_deref().map(index).transpose()?;
    let proc = Path::new(PROC);
    let mut demands = Demanded::new(options.max_queue, &options.owner, proc, limit)?;
    let spec = CheckSpec {
        targets: options.targets.clone(),
        interface,
        wanted: options.wanted,
        needed: options.needed,
    };
    let mut chain = chain(options.source);
    Ok(judge(
        &spec,
        &mut chain,
        &mut demands,
        options.patience,
        limit,
    ))
}

/// Who chose one source wants no other, and no second opinion.
fn chain(source: SourceChoice) -> SourceChain<'static> {
    let (netlink, proc) = (Netlink::new(), Proc::new(PROC));
    match source {
        SourceChoice::Auto => SourceChain::new(vec![Box::new(netlink), Box::new(proc)])
            .with_second_opinion(Proc::second_opinion(PROC)),
        SourceChoice::Netlink => SourceChain::of(netlink),
        SourceChoice::Proc => SourceChain::of(proc),
    }
}

/// The index of the device with this name.
fn index(interface: &str) -> Result<u32, Obstacle> {
    if_nametoindex(interface).map_err(|errno| {
        let why = InWords(errno);
        match errno {
            Errno::ENODEV => Obstacle::NoSuch(format!("there is no interface {interface}: {why}")),
            // The C library says ENOENT where it has no descriptor left to ask with.
            _ => Doubt::new(format_args!(
                "the interface {interface} cannot be looked up: {why}"
            ))
            .into(),
        }
    })
}
