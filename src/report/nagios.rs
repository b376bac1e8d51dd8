//! The line of a monitoring plugin, with performance data (Monitoring Plugins Development Guidelines, "Plugin Output
//! for Nagios").

use std::fmt::Write as _;

use super::CheckResult;
use crate::domain::{Answer, Protocol, Verdict};

/// Renders the line. After the bar it has numbers for graphs: the time of the check, and the queue of each listener
/// that is shown.
pub(super) fn line(checked: &CheckResult) -> String {
    let word = match checked.verdict {
        Verdict::Listening | Verdict::Absent => "OK",
        Verdict::QueueTooLong => "WARNING",
        Verdict::NotListening | Verdict::WrongOwner | Verdict::Present => "CRITICAL",
        Verdict::CouldNotTell => "UNKNOWN",
    };
    let said = on_one_line(&checked.reason());
    format!("LISTENUP {word} - {said} | {}\n", performance(checked))
}

/// Renders the line for a command line that is wrong.
pub(super) fn wrong_usage(reason: &str) -> String {
    let reason = on_one_line(reason);
    format!("LISTENUP UNKNOWN - wrong usage: {reason}\n")
}

/// Replaces bars, which would begin the performance data, and line feeds.
fn on_one_line(text: &str) -> String {
    text.replace(['|', '\n'], " ")
}

fn performance(checked: &CheckResult) -> String {
    let mut data = format!("time={:.6}s;;;0", checked.outcome.took.as_secs_f64());
    for (target, answer) in &checked.outcome.answers {
        let (Answer::Listening(listener) | Answer::RequirementFailed(listener, _)) = answer else {
            continue;
        };
        if let Some(queue) = listener.queue {
            let or_nothing =
                |number: Option<u32>| number.map_or_else(String::new, |n| n.to_string());
            let most = checked.max_queue.and_then(|max| max.of(queue.limit));
            let unit = match target.protocol {
                Protocol::Tcp => "",
                Protocol::Udp => "B",
            };
            // Writing to a String cannot fail.
            let _ = write!(
                data,
                " 'queue {target}'={}{unit};{};;0;{}",
                queue.length,
                or_nothing(most),
                or_nothing(queue.limit)
            );
        }
    }
    data
}
