//! The subcommands, each in a folder or file of its name.

pub mod check;
mod checker;
pub mod doctor;
pub mod list;
pub mod resets;
pub mod watch;

use crate::cli::{Request, TIMEOUT, UsageError};
use crate::clock::{Deadline, SystemClock};
use crate::domain::{ExitReason, ExitStatus, OnUnknown};
use crate::host::hard_timeout::HardTimeout;
use crate::log;
use crate::report;
use crate::report::writer::Wait;

/// Runs the subcommand of a command line, and returns the exit status.
pub fn run(request: Result<Request, UsageError>) -> ExitStatus {
    match request {
        Ok(Request::Check(options)) => check::run(options),
        Ok(Request::Doctor(options)) => doctor::run(&options),
        Ok(Request::List(options)) => list::run(&options),
        Ok(Request::Resets(options)) => resets::run(&options),
        Ok(Request::Watch(options)) => watch::run(&options),
        Err(error) => print_usage_error(&error),
    }
}

/// Prints help to stdout, an error to stderr and to the log. It takes no longer than a check, since a check was
/// probably meant.
fn print_usage_error(error: &UsageError) -> ExitStatus {
    let output = error.output;
    let (reason, unheard) = if error.is_help() {
        (ExitReason::Done, ExitReason::Failed)
    } else {
        (ExitReason::Usage, ExitReason::Usage)
    };
    let status = |reason| ExitStatus {
        reason,
        codes: output.codes,
        on_unknown: OnUnknown::Down,
    };
    HardTimeout::start(TIMEOUT, status(unheard).code(), || {});
    let clock = SystemClock::start();
    let wait = Wait::Until(Deadline::new(&clock, TIMEOUT));
    if !error.is_help() {
        let reason = error.to_string();
        log::log_usage_error(output.log, &reason);
        log::verbose::flush(wait);
        // The journal has it already.
        let is_said = output.log == log::Log::Journald && log::stderr_is_journal();
        let text = if is_said { String::new() } else { error.text() };
        report::print_usage_error(&text, &reason, output.format, wait);
    } else if !report::print(error.text(), wait) {
        return status(unheard);
    }
    status(reason)
}
