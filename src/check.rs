//! `listenup check`: are the targets listening?

use std::path::Path;
use std::sync::Arc;

use nix::errno::Errno;
use nix::net::if_::if_nametoindex;

use crate::chain::SourceChain;
use crate::cli::{CheckOptions, SourceChoice};
use crate::clock::{SystemClock, TimeLimit};
use crate::demands::Demanded;
use crate::domain::{Doubt, Exit, Obstacle, Verdict};
use crate::guard::{self, Guard};
use crate::judge::{CheckSpec, Outcome, judge};
use crate::log;
use crate::report::stream::Wait;
use crate::report::{self, Checked, Status};
use crate::source::{InWords, netlink::Netlink, proc::Proc};
use crate::trace;

const PROC: &str = "/proc";

/// Looks, reports and says how to exit.
pub fn run(options: CheckOptions) -> Status {
    if options.verbose {
        trace::to_stderr();
    }
    let clock = SystemClock::start();
    let limit = TimeLimit::new(&clock, options.patience.timeout);
    let options = Arc::new(options);
    let guard = guard(&options);
    let outcome = match find_out(&options, limit) {
        Ok(outcome) => outcome,
        Err(Obstacle::Doubt(doubt)) => Outcome::in_doubt(&options.targets, &doubt),
        Err(Obstacle::NoSuch(what)) => {
            let status = status(&options, Exit::Usage);
            guard.decide(status.number());
            log::wrong_usage(options.log, &what);
            report::no_such(&what, options.format, Wait::Until(limit));
            return status;
        }
    };
    let checked = conclude(&options, outcome);
    guard.decide(checked.status.number());
    say(&options, &checked, Wait::Until(limit));
    checked.status
}

/// For the case that the kernel does not return from a call in time.
fn guard(options: &Arc<CheckOptions>) -> Guard {
    let limit = options.patience.timeout;
    let undecided = status(options, Exit::Verdict(Verdict::CouldNotTell)).number();
    let options = Arc::clone(options);
    Guard::set(limit, undecided, move || {
        let doubt = guard::overdue(limit);
        let outcome = Outcome {
            took: limit,
            ..Outcome::in_doubt(&options.targets, &doubt)
        };
        say(&options, &conclude(&options, outcome), Wait::No);
    })
}

fn conclude(options: &CheckOptions, outcome: Outcome) -> Checked {
    let answers = outcome.answers.iter().map(|(_, answer)| answer);
    let verdict = Verdict::of(answers, options.needed, options.wanted);
    Checked {
        outcome,
        verdict,
        status: status(options, Exit::Verdict(verdict)),
        max_queue: options.max_queue,
        wanted: options.wanted,
        needed: options.needed,
    }
}

fn status(options: &CheckOptions, exit: Exit) -> Status {
    Status {
        exit,
        codes: options.exit_codes,
        on_unknown: options.on_unknown,
    }
}

/// The log first, since it never waits.
fn say(options: &CheckOptions, checked: &Checked, wait: Wait<'_>) {
    log::checked(options.log, checked, options.verbose);
    trace::flush(wait);
    report::checked(checked, options.format, options.quiet, wait);
}

/// # Errors
/// What keeps it from looking at all.
fn find_out(options: &CheckOptions, limit: TimeLimit<'_>) -> Result<Outcome, Obstacle> {
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
pub(crate) fn chain(source: SourceChoice) -> SourceChain<'static> {
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
