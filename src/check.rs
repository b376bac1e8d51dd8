//! `listenup check`: are the targets listening?

use crate::cli::{CheckOptions, SourceChoice};
use crate::domain::{Answer, Doubt, Exit, Inquiry, Target, Verdict};
use crate::look::look;
use crate::report::{self, Status};
use crate::source::{Source, netlink::Netlink, proc::Proc};
use crate::trace;

/// Looks, reports and says how to exit.
pub fn run(options: &CheckOptions) -> Status {
    if options.verbose {
        trace::to_stderr();
    }
    let (mut netlink, mut proc) = (Netlink::new(), Proc::new("/proc"));
    let sources: &mut [&mut dyn Source] = match options.source {
        SourceChoice::Auto => &mut [&mut netlink, &mut proc],
        SourceChoice::Netlink => &mut [&mut netlink],
        SourceChoice::Proc => &mut [&mut proc],
    };
    let answers = answers(options.targets.iter().copied(), sources);
    let verdict = Verdict::of(answers.iter().map(|(_, answer)| answer), options.needed);
    if !options.quiet {
        report::answers(&answers);
    }
    report::doubts(&answers);
    Status {
        exit: Exit::Verdict(verdict),
        codes: options.exit_codes,
    }
}

/// The answer for each target: from the first source that gives a complete one. What an incomplete
/// one has shown counts.
pub fn answers(
    targets: impl IntoIterator<Item = Target>,
    sources: &mut [&mut dyn Source],
) -> Vec<(Target, Answer)> {
    let mut inquiry = Inquiry::new(targets);
    let mut faults = Vec::new();
    for source in sources {
        match look(*source, &mut inquiry) {
            Ok(()) => return inquiry.answers(None),
            Err(fault) => faults.push(fault.to_string()),
        }
    }
    inquiry.answers(Some(&Doubt::new(faults.join("; "))))
}
