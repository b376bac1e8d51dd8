//! Reports for a person.

use super::{CheckResult, device_name, unreachable};
use crate::domain::{Answer, Device, Expectation, Listener, Protocol, Target, Verdict};
use crate::engine::Outcome;

/// Renders a line for each target, and a line for the shortfall.
pub(super) fn target_lines(checked: &CheckResult) -> String {
    let line = |(target, answer): &(Target, Answer)| {
        let words = describe(target, answer, checked.verdict);
        let elsewhere = elsewhere(&checked.outcome, target, answer);
        format!("{target}: {words}{elsewhere}\n")
    };
    let lines = checked.outcome.answers.iter().map(line);
    let shortfall = shortfall(checked).map(|line| line + "\n");
    lines.chain(shortfall).collect()
}

/// Says how many targets meet the expectation and how many must. `None` if the check succeeded, or all of them must.
pub(super) fn shortfall(checked: &CheckResult) -> Option<String> {
    let CheckResult { wanted, needed, .. } = *checked;
    let answers = &checked.outcome.answers;
    if checked.verdict.is_healthy() || needed >= answers.len() {
        return None;
    }
    let good = answers.iter().filter(|(_, answer)| answer.meets(wanted));
    let (good, all) = (good.count(), answers.len());
    Some(match wanted {
        Expectation::Listening => format!("{good} of {all} listening, {needed} needed"),
        Expectation::Absent => format!("nothing listens on {good} of {all}, {needed} needed"),
    })
}

/// Describes an answer, without its target.
pub(super) fn describe(target: &Target, answer: &Answer, verdict: Verdict) -> String {
    let (listening_on, listening) = match target.protocol {
        Protocol::Tcp => ("listening on", "listening"),
        Protocol::Udp => ("bound to", "bound"),
    };
    match answer {
        Answer::Listening(listener) => {
            let but = match verdict {
                Verdict::Present => ", but --absent requires that nothing listens",
                _ => "",
            };
            format!("{listening_on} {listener}{}{but}", device(listener))
        }
        Answer::RequirementFailed(_, violation) => {
            format!("{}: {}", violation.name(), violation.why())
        }
        Answer::NotListening => format!("not {listening}"),
        Answer::CouldNotTell(reason) => format!("could not tell: {reason}"),
        Answer::NotChecked => "not checked: enough of the others are listening".to_owned(),
    }
}

/// Names the listeners elsewhere on the port of a target that is not listening: up to a few, each once.
pub(super) fn elsewhere(outcome: &Outcome, target: &Target, answer: &Answer) -> String {
    if *answer != Answer::NotListening {
        return String::new();
    }
    let is = match target.protocol {
        Protocol::Tcp => "listens",
        Protocol::Udp => "is bound",
    };
    let mut places: Vec<String> = Vec::new();
    for listener in outcome.elsewhere_of(target) {
        let words = match unreachable(listener) {
            Some(why) => format!("; {listener} {why}"),
            None => format!("; {listener}{} {is}", device(listener)),
        };
        if !places.contains(&words) {
            if places.len() == MOST_PLACES {
                places.push("; and others".to_owned());
                break;
            }
            places.push(words);
        }
    }
    places.concat()
}

/// The number of other listeners that a "not listening" names.
const MOST_PLACES: usize = 3;

/// Returns each different reason for "could not tell" once, with the first target that it concerns.
pub(super) fn unknown_reasons(outcome: &Outcome) -> Vec<String> {
    let mut reasons = Vec::new();
    let mut lines = Vec::new();
    for (target, answer) in &outcome.answers {
        if let Answer::CouldNotTell(reason) = answer {
            if !reasons.contains(&reason) {
                reasons.push(reason);
                lines.push(format!("{target}: could not tell: {reason}"));
            }
        }
    }
    lines
}

/// Names the device as ss(8) does.
fn device(listener: &Listener) -> String {
    match listener.device {
        Device::Index(index) => format!(" (device {})", device_name(index)),
        Device::Any | Device::Unknown => String::new(),
    }
}
