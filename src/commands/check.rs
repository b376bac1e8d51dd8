//! `listenup check`: are the targets listening?

use std::sync::Arc;

use super::checker::{Checker, conclude, status};
use crate::cli::CheckOptions;
use crate::clock::{Deadline, SystemClock};
use crate::domain::{ExitReason, ExitStatus, Obstacle, Verdict};
use crate::engine::Outcome;
use crate::host::guard::{self, Guard};
use crate::log;
use crate::report::writer::Wait;
use crate::report::{self, CheckResult};

/// Checks, reports and returns the exit status.
pub fn run(options: CheckOptions) -> ExitStatus {
    if options.verbose {
        log::verbose::to_stderr_of("listenup");
    }
    let clock = SystemClock::start();
    let deadline = Deadline::new(&clock, options.timing.timeout);
    let options = Arc::new(options);
    let guard = guard(&options);
    let outcome = match Checker::new(&options).judge(deadline) {
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

/// Starts the watchdog, for the case that the kernel does not return from a call in time.
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

/// Reports the result, to the log first, since that never waits.
fn say(options: &CheckOptions, checked: &CheckResult, wait: Wait<'_>) {
    log::checked(options.log, checked, options.verbose);
    log::verbose::flush(wait);
    report::checked(checked, options.format, options.quiet, wait);
}
