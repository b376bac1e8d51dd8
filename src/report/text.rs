//! Lines for a person.

use crate::domain::{Answer, Device, Listener, Target};
use crate::judge::Outcome;

use super::device_name;

/// One line a target.
pub(super) fn answers(answers: &[(Target, Answer)]) -> String {
    let line = |(target, answer): &(Target, Answer)| format!("{target}: {}\n", in_words(answer));
    answers.iter().map(line).collect()
}

/// An answer without its target and, for "could not tell", without the reason.
pub(super) fn in_words(answer: &Answer) -> String {
    match answer {
        Answer::Listening(listener) => format!("listening on {listener}{}", device(listener)),
        Answer::Unfit(_, flaw) => format!("{}: {}", flaw.name(), flaw.why()),
        Answer::NotListening => "not listening".to_owned(),
        Answer::CouldNotTell(_) => "could not tell".to_owned(),
        Answer::NotChecked => "not checked: enough of the others are listening".to_owned(),
    }
}

/// Each different reason for "could not tell", once, and the warnings.
pub(super) fn doubts(outcome: &Outcome) -> Vec<String> {
    let mut said = Vec::new();
    let mut lines = Vec::new();
    for (target, answer) in &outcome.answers {
        if let Answer::CouldNotTell(doubt) = answer {
            if !said.contains(&doubt) {
                said.push(doubt);
                lines.push(format!("could not tell ({target}): {doubt}"));
            }
        }
    }
    let warnings = outcome.warnings.iter();
    lines.extend(warnings.map(|warning| format!("warning: {warning}")));
    lines
}

/// The device as ss(8) has it in words.
fn device(listener: &Listener) -> String {
    match listener.device {
        Device::Index(index) => format!(" (device {})", device_name(index)),
        Device::Any | Device::Unknown => String::new(),
    }
}
