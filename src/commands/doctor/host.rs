//! The findings about this host: whether the sources of listeners answer, and whether the targets of the command line
//! are listening.

use std::num::NonZeroU16;
use std::time::Duration;

use super::codes::{LISTENING, NO_PROC, NO_SOCK_DIAG, NO_SOURCE, NOT_LISTENING, TARGET_UNKNOWN};
use super::findings::Finding;
use crate::clock::{Clock, Deadline};
use crate::domain::{Answer, Endpoint, NoRequirements, Protocol, Target};
use crate::engine::{CheckSpec, Outcome, SourceChain, Timing, look, run_check};
use crate::report::elsewhere;
use crate::source::netlink::Netlink;
use crate::source::proc::Proc;
use crate::source::{Source, SourceChoice, SourceError};

/// The time limit of `listenup check` by default.
const LIMIT: Duration = Duration::from_millis(500);
/// How long a source can take to answer at all. A slow one answers, too.
const LIMIT_OF_ANSWER: Duration = Duration::from_secs(5);
/// The target with which a source is asked whether it answers.
const SAMPLE: Target = Target {
    protocol: Protocol::Tcp,
    endpoint: Endpoint::Port(NonZeroU16::MIN.saturating_add(442)),
};

/// Asks each source whether it answers, and then about the targets as a check does.
pub fn examine(targets: &[Target], clock: &dyn Clock, proc: &str) -> Vec<Finding> {
    let sock_diag = answers(&mut Netlink::new(), clock);
    let files = answers(&mut Proc::new(proc), clock);
    let mut findings = match (&sock_diag, &files) {
        (Ok(()), Ok(())) => Vec::new(),
        (Err(error), Ok(())) => vec![NO_SOCK_DIAG.with(&[("error", error)])],
        (Ok(()), Err(error)) => vec![NO_PROC.with(&[("error", error)])],
        (Err(sock_diag), Err(proc)) => {
            vec![NO_SOURCE.with(&[("sock_diag", sock_diag), ("proc", proc)])]
        }
    };
    if !targets.is_empty() {
        let timing = Timing {
            timeout: LIMIT,
            retry_for: Duration::ZERO,
            retry_every: LIMIT,
        };
        let spec = CheckSpec::all_listening(targets.iter().copied());
        let mut chain = SourceChain::from_choice(SourceChoice::Auto, proc);
        let limit = Deadline::new(clock, LIMIT);
        let outcome = run_check(&spec, &mut chain, &mut NoRequirements, timing, limit);
        let answers = outcome.answers.iter();
        findings.extend(answers.map(|(target, answer)| finding(&outcome, target, answer)));
    }
    findings
}

/// Returns an error if a source does not answer.
fn answers(source: &mut dyn Source, clock: &dyn Clock) -> Result<(), SourceError> {
    let mut survey = CheckSpec::all_listening([SAMPLE]).survey();
    let limit = Deadline::new(clock, LIMIT_OF_ANSWER);
    match look(source, &mut survey, &mut NoRequirements, limit) {
        Err(fault) if !survey.is_settled() => Err(fault),
        _ => Ok(()),
    }
}

fn finding(outcome: &Outcome, target: &Target, answer: &Answer) -> Finding {
    let (listening, on) = match target.protocol {
        Protocol::Tcp => ("listening", "on"),
        Protocol::Udp => ("bound", "to"),
    };
    let reason = match answer {
        // There are no requirements, so none can fail.
        Answer::Listening(listener) | Answer::RequirementFailed(listener, _) => {
            let listening = format!("{listening} {on}");
            return LISTENING.with(&[
                ("target", target),
                ("listening", &listening),
                ("listener", listener),
            ]);
        }
        Answer::NotListening => {
            return NOT_LISTENING.with(&[
                ("target", target),
                ("listening", &listening),
                ("elsewhere", &elsewhere(outcome, target, answer)),
            ]);
        }
        Answer::CouldNotTell(reason) => reason.to_string(),
        Answer::NotChecked => "not checked".to_owned(),
    };
    TARGET_UNKNOWN.with(&[("target", target), ("reason", &reason)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Request, parse};

    #[test]
    fn the_time_limit_equals_the_default_of_check() {
        match parse(["listenup", "check", "443"].map(Into::into)) {
            Ok(Request::Check(options)) => assert_eq!(options.timing.timeout, LIMIT),
            other => panic!("{other:?}"),
        }
    }
}
