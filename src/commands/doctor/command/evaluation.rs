//! The evaluation of a listenup check on this host. It happens in this process: nothing is executed, printed or logged.

use std::time::Duration;

use super::namespace::in_netns;
use super::user::ScriptUser;
use crate::cli::CheckOptions;
use crate::clock::{Deadline, HumanDuration, SystemClock};
use crate::commands::checker::{Checker, check_result};
use crate::commands::doctor::codes::command::{Answers, NotEvaluated};
use crate::domain::{SetupError, UnknownReason, Verdict};
use crate::engine::Outcome;
use crate::host::processes::Viewer;
use crate::report::CheckResult;

/// The longest time for one check.
const MAX: Duration = Duration::from_secs(10);

/// The result of an evaluation.
#[derive(Debug)]
pub enum Evaluation {
    /// It succeeds.
    Succeeds(Answers),
    /// It fails, because its condition is not met now.
    Fails(Answers),
    /// It exits with 0 although it could not tell.
    UnknownIsUp(Answers),
    /// It could not find out.
    CouldNotTell(Answers),
    /// It is refused, because its command line names something that does not exist.
    Refused(String),
    /// The result is unknown.
    Unknown(NotEvaluated),
}

/// Evaluates a check as this user would see it, in the network namespace of this thread. All checks have one deadline.
pub fn evaluate(options: &CheckOptions, user: &ScriptUser, deadline: Deadline) -> Evaluation {
    let (own, left) = (options.timing.timeout, deadline.remaining());
    if left.is_zero() {
        return Evaluation::Unknown(NotEvaluated::NoTime(HumanDuration(deadline.limit())));
    }
    let limit = own.min(MAX).min(left);
    let outcome = match find_outcome(options, user, limit) {
        Ok(outcome) => outcome,
        Err(SetupError::Unknown(reason)) => Outcome::inconclusive(&options.targets, &reason),
        Err(SetupError::NoSuch(what)) => return Evaluation::Refused(what),
    };
    let checked = check_result(options, outcome);
    // With all its time it might have ended otherwise.
    if limit < own && !checked.verdict.is_healthy() {
        return Evaluation::Unknown(NotEvaluated::Unfinished(HumanDuration(limit)));
    }
    classify(&checked)
}

fn find_outcome(
    options: &CheckOptions,
    user: &ScriptUser,
    limit: Duration,
) -> Result<Outcome, SetupError> {
    let clock = SystemClock::start();
    let deadline = Deadline::new(&clock, limit);
    let viewer = (user.uid != 0).then_some(Viewer {
        uid: user.uid,
        gid: user.gid,
    });
    in_netns(options.netns.as_ref(), || match &options.netns {
        Some(netns) if viewer.is_some() => Err(UnknownReason::new(format_args!(
            "the network namespace {netns} cannot be entered: only root is allowed to"
        ))
        .into()),
        _ => Checker::here(options, viewer).check(deadline),
    })?
}

fn classify(checked: &CheckResult) -> Evaluation {
    let answers = Answers(checked.outcome.answers.clone());
    match (checked.verdict, checked.status.code() == 0) {
        (Verdict::CouldNotTell, true) => Evaluation::UnknownIsUp(answers),
        (Verdict::CouldNotTell, false) => Evaluation::CouldNotTell(answers),
        (_, true) => Evaluation::Succeeds(answers),
        (_, false) => Evaluation::Fails(answers),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Request, parse};

    fn options(line: &str) -> CheckOptions {
        match parse(line.split(' ').map(Into::into)) {
            Ok(Request::Check(options)) => options,
            other => panic!("{other:?}"),
        }
    }

    fn user(uid: u32) -> ScriptUser {
        ScriptUser {
            name: uid.to_string(),
            uid,
            gid: Some(uid),
        }
    }

    #[test]
    fn all_checks_share_one_time_limit() {
        let clock = SystemClock::start();
        let deadline = Deadline::new(&clock, Duration::from_millis(60));
        let options = options("listenup check --retry-for 40s --timeout 50s 1");
        let mut found = Vec::new();
        for _ in 0..2 {
            found.push(evaluate(&options, &user(0), deadline));
        }
        assert!(
            matches!(
                found.as_slice(),
                [
                    Evaluation::Unknown(NotEvaluated::Unfinished(_)),
                    Evaluation::Unknown(NotEvaluated::NoTime(_))
                ]
            ),
            "{found:?}"
        );
    }

    #[test]
    fn a_missing_device_or_namespace_is_wrong_usage() {
        let clock = SystemClock::start();
        let deadline = Deadline::new(&clock, Duration::from_secs(9));
        for line in [
            "listenup check --interface nosuch0 443",
            "listenup check --netns nosuch 443",
        ] {
            let found = evaluate(&options(line), &user(0), deadline);
            assert!(matches!(found, Evaluation::Refused(_)), "{found:?}");
        }
    }
}
