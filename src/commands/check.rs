//! `listenup check`: are the targets listening?

use std::sync::Arc;

use super::checker::{Checker, check_result, exit_status};
use crate::cli::CheckOptions;
use crate::clock::{Deadline, SystemClock};
use crate::domain::{ExitReason, ExitStatus, SetupError, Verdict};
use crate::engine::Outcome;
use crate::host::hard_timeout::{self, HardTimeout};
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
    let hard_timeout = start_hard_timeout(&options);
    let outcome = match Checker::new(&options).check(deadline) {
        Ok(outcome) => outcome,
        Err(SetupError::Unknown(reason)) => Outcome::inconclusive(&options.targets, &reason),
        Err(SetupError::NoSuch(what)) => {
            let status = exit_status(&options, ExitReason::Usage);
            hard_timeout.set_exit_code(status.code());
            log::log_usage_error(options.log, &what);
            report::print_missing(&what, options.format, Wait::Until(deadline));
            return status;
        }
    };
    let checked = check_result(&options, outcome);
    hard_timeout.set_exit_code(checked.status.code());
    report_result(&options, &checked, Wait::Until(deadline));
    checked.status
}

/// Starts the hard time limit, for the case that the kernel does not return from a call in time.
fn start_hard_timeout(options: &Arc<CheckOptions>) -> HardTimeout {
    let limit = options.timing.timeout;
    let undecided = exit_status(options, ExitReason::Verdict(Verdict::CouldNotTell)).code();
    let options = Arc::clone(options);
    HardTimeout::start(limit, undecided, move || {
        let reason = hard_timeout::timeout_reason(limit);
        let outcome = Outcome {
            took: limit,
            ..Outcome::inconclusive(&options.targets, &reason)
        };
        report_result(&options, &check_result(&options, outcome), Wait::No);
    })
}

/// Reports the result, to the log first, since that never waits.
fn report_result(options: &CheckOptions, checked: &CheckResult, wait: Wait<'_>) {
    log::log_result(options.log, checked, options.verbose);
    log::verbose::flush(wait);
    report::print_result(checked, options.format, options.quiet, wait);
}
