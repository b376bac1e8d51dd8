//! `listenup resets`: why are connections being reset? By the kernel's counters.

mod causes;
mod change;
mod counters;
mod json;
mod text;
mod watch;

use std::io;
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use self::watch::Outside;
use crate::cli::ResetsOptions;
use crate::clock::{Clock, SystemClock};
use crate::domain::{ExitReason, ExitStatus};
use crate::report::writer::Wait;
use crate::report::{self, Format};

/// How many intervals a JSON document has at the most: about 15 MB.
const MOST_INTERVALS: usize = 10_000;

/// Watches, reports and says how to exit.
pub fn run(options: &ResetsOptions) -> ExitStatus {
    let clock = SystemClock::start();
    let mut delivered = true;
    let record = watch::watch(
        options,
        Outside {
            clock: &clock,
            pause: &mut |duration| pause(&clock, duration),
            read: &mut || counters::Sample::read(Path::new("/proc")),
            on_fault: &mut |fault| report::line_to_stderr(fault, Wait::Always),
            on_interval: &mut |interval| {
                // Where it is all of the time the summary says the same.
                if options.format == Format::Text && options.every < options.watch {
                    delivered = report::deliver(&text::interval(interval), Wait::Always);
                }
                match delivered {
                    true => ControlFlow::Continue(()),
                    false => ControlFlow::Break(()),
                }
            },
        },
        match options.format {
            Format::Json => MOST_INTERVALS,
            Format::Text | Format::Nagios => 0,
        },
    );
    let summary = match options.format {
        Format::Json => report::json::line(&json::document(&record)),
        Format::Text | Format::Nagios => text::summary(&record, options.watch),
    };
    let delivered = delivered && report::deliver(&summary, Wait::Always);
    ExitStatus::plain(if delivered && !record.changes.is_empty() {
        ExitReason::Done
    } else {
        ExitReason::Failed
    })
}

/// Waits, unless nobody will read what is said: the reader of a pipe is gone, or the terminal.
fn pause(clock: &dyn Clock, duration: Duration) -> ControlFlow<()> {
    let end = clock.now().saturating_add(duration);
    let stdout = io::stdout();
    loop {
        let left = end.saturating_sub(clock.now());
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        // An error and a hang-up are told without being asked for (poll(2)).
        let mut reader = [PollFd::new(stdout.as_fd(), PollFlags::empty())];
        match poll(&mut reader, timeout) {
            Ok(1..) => return ControlFlow::Break(()),
            // poll(2) counts in milliseconds.
            Ok(_) if left < Duration::from_millis(1) => {
                clock.pause(left);
                return ControlFlow::Continue(());
            }
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => {
                clock.pause(left);
                return ControlFlow::Continue(());
            }
        }
    }
}
