//! `listenup resets`: why are connections being reset? By the kernel's counters.

mod causes;
mod change;
mod counters;
mod json;
mod text;
mod watch;

use std::path::Path;

use crate::cli::{Format, ResetsOptions};
use crate::clock::SystemClock;
use crate::domain::Exit;
use crate::report::{self, Status};

/// Watches, reports and says how to exit.
pub fn run(options: &ResetsOptions) -> Status {
    let clock = SystemClock::start();
    let mut read = || counters::Sample::read(Path::new("/proc"));
    let mut on_fault = |fault: &counters::Fault| report::line_to_stderr(fault);
    let mut on_interval = |interval: &watch::Interval| match options.format {
        // Where it is all of the time the summary says the same.
        Format::Text if options.every < options.watch => {
            report::to_stdout(&text::interval(interval));
        }
        _ => {}
    };
    let record = watch::watch(options, &clock, &mut read, &mut on_fault, &mut on_interval);
    report::to_stdout(&match options.format {
        Format::Json => report::json::line(&json::document(&record)),
        Format::Text | Format::Nagios => text::summary(&record, options.watch),
    });
    Status::plain(if record.changes.is_empty() {
        Exit::Failed
    } else {
        Exit::Done
    })
}
