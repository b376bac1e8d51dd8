//! `listenup check`: are the targets listening?

use std::path::Path;
use std::sync::Arc;

use nix::errno::Errno;
use nix::net::if_::if_nametoindex;

use crate::cli::CheckOptions;
use crate::clock::{Deadline, SystemClock};
use crate::domain::{Doubt, ExitReason, ExitStatus, Obstacle, Verdict};
use crate::engine::SourceChain;
use crate::engine::{CheckSpec, Outcome, judge};
use crate::errno::ErrnoText;
use crate::host::guard::{self, Guard};
use crate::log;
use crate::report::writer::Wait;
use crate::report::{self, CheckResult};
use crate::requirements::RequirementChecker;

const PROC: &str = "/proc";

/// Looks, reports and says how to exit.
pub fn run(options: CheckOptions) -> ExitStatus {
    if options.verbose {
        log::verbose::to_stderr();
    }
    let clock = SystemClock::start();
    let deadline = Deadline::new(&clock, options.timing.timeout);
    let options = Arc::new(options);
    let guard = guard(&options);
    let outcome = match find_out(&options, deadline) {
        Ok(outcome) => outcome,
        Err(Obstacle::Doubt(doubt)) => Outcome::in_doubt(&options.targets, &doubt),
        Err(Obstacle::NoSuch(what)) => {
            let status = status(&options, ExitReason::Usage);
            guard.decide(status.number());
            log::wrong_usage(options.log, &what);
            report::no_such(&what, options.format, Wait::Until(deadline));
            return status;
        }
    };
    let checked = conclude(&options, outcome);
    guard.decide(checked.status.number());
    say(&options, &checked, Wait::Until(deadline));
    checked.status
}

/// For the case that the kernel does not return from a call in time.
fn guard(options: &Arc<CheckOptions>) -> Guard {
    let limit = options.timing.timeout;
    let undecided = status(options, ExitReason::Verdict(Verdict::CouldNotTell)).number();
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

fn conclude(options: &CheckOptions, outcome: Outcome) -> CheckResult {
    let answers = outcome.answers.iter().map(|(_, answer)| answer);
    let verdict = Verdict::of(answers, options.needed, options.wanted);
    CheckResult {
        outcome,
        verdict,
        status: status(options, ExitReason::Verdict(verdict)),
        max_queue: options.max_queue,
        wanted: options.wanted,
        needed: options.needed,
    }
}

fn status(options: &CheckOptions, reason: ExitReason) -> ExitStatus {
    ExitStatus {
        reason,
        codes: options.exit_codes,
        on_unknown: options.on_unknown,
    }
}

/// The log first, since it never waits.
fn say(options: &CheckOptions, checked: &CheckResult, wait: Wait<'_>) {
    log::checked(options.log, checked, options.verbose);
    log::verbose::flush(wait);
    report::checked(checked, options.format, options.quiet, wait);
}

/// # Errors
/// What keeps it from looking at all.
fn find_out(options: &CheckOptions, deadline: Deadline<'_>) -> Result<Outcome, Obstacle> {
    if let Some(netns) = &options.netns {
        netns.enter()?;
    }
    let interface = options.interface.as_deref().map(index).transpose()?;
    let proc = Path::new(PROC);
    let mut requirements =
        RequirementChecker::new(options.max_queue, &options.owner, proc, deadline)?;
    let spec = CheckSpec {
        targets: options.targets.clone(),
        interface,
        wanted: options.wanted,
        needed: options.needed,
    };
    let mut chain = SourceChain::chosen(options.source, PROC);
    Ok(judge(
        &spec,
        &mut chain,
        &mut requirements,
        options.timing,
        deadline,
    ))
}

/// The index of the device with this name.
fn index(interface: &str) -> Result<u32, Obstacle> {
    if_nametoindex(interface).map_err(|errno| {
        let why = ErrnoText(errno);
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
