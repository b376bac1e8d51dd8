//! `listenup check`: are the targets listening?

use crate::cli::{CheckOptions, SourceChoice};
use crate::clock::SystemClock;
use crate::domain::{Exit, Verdict};
use crate::judge::{Sources, judge};
use crate::report::{self, Status};
use crate::source::{netlink::Netlink, proc::Proc};
use crate::trace;

/// The part of the time limit that the second opinion may take: one in this many.
const SECOND_OPINION: u32 = 5;

/// Looks, reports and says how to exit.
pub fn run(options: &CheckOptions) -> Status {
    let clock = SystemClock::start();
    if options.verbose {
        trace::to_stderr();
    }
    let (mut netlink, mut proc) = (Netlink::new(), Proc::new("/proc"));
    let mut opinion = Proc::second_opinion("/proc", options.patience.timeout / SECOND_OPINION);
    let sources = match options.source {
        SourceChoice::Auto => Sources {
            in_order: vec![&mut netlink, &mut proc],
            second_opinion: Some(&mut opinion),
        },
        SourceChoice::Netlink => Sources {
            in_order: vec![&mut netlink],
            second_opinion: None,
        },
        SourceChoice::Proc => Sources {
            in_order: vec![&mut proc],
            second_opinion: None,
        },
    };
    let outcome = judge(
        options.targets.iter().copied(),
        sources,
        options.patience,
        &clock,
    );
    if !options.quiet {
        report::answers(&outcome.answers);
    }
    report::doubts(&outcome.answers);
    for warning in &outcome.warnings {
        report::line_to_stderr(format_args!("warning: {warning}"));
    }
    let verdict = Verdict::of(
        outcome.answers.iter().map(|(_, answer)| answer),
        options.needed,
    );
    Status {
        exit: Exit::Verdict(verdict),
        codes: options.exit_codes,
        on_unknown: options.on_unknown,
    }
}
