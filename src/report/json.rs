//! JSON, in the forms that the files in packaging/schema describe. An unknown value is null.

use serde_json::{Value, json};

use super::{CheckResult, device_name, unreachable};
use crate::domain::{Answer, Device, Listener, Target};
use crate::host::processes::Process;
use crate::untrusted::text::escape_json;

/// The version of the forms. It increases if a reader of the last one could misread the new one.
pub const VERSION: u32 = 1;

/// A document on one line, without characters that control a terminal.
pub fn line(document: &Value) -> String {
    escape_json(&document.to_string()) + "\n"
}

/// The most listeners elsewhere on the port of a target that the document has.
const MOST_ELSEWHERE: usize = 100;

/// Renders the result of a check.
pub(super) fn result(checked: &CheckResult) -> Value {
    let outcome = &checked.outcome;
    json!({
        "version": VERSION,
        "verdict": checked.verdict.to_string(),
        "healthy": checked.verdict.is_healthy(),
        "exit": checked.status.code(),
        "needed": checked.needed,
        "source": outcome.source,
        "seconds": outcome.took.as_secs_f64(),
        "targets": outcome.answers.iter().map(|of| answer(checked, of)).collect::<Vec<_>>(),
        "warnings": outcome.warnings,
    })
}

fn answer(checked: &CheckResult, (target, answer): &(Target, Answer)) -> Value {
    let (word, reason) = answer.words();
    let seen = match answer {
        Answer::Listening(listener) | Answer::RequirementFailed(listener, _) => Some(listener),
        _ => None,
    };
    json!({
        "target": target.to_string(),
        "answer": word,
        "reason": reason,
        "listener": seen.map(listener),
        "elsewhere": match answer {
            Answer::NotListening => {
                let elsewhere = checked.outcome.elsewhere_of(target).take(MOST_ELSEWHERE);
                Some(elsewhere.map(listener).collect::<Vec<_>>())
            }
            _ => None,
        },
    })
}

/// Renders a process.
pub fn process(process: &Process) -> Value {
    json!({ "pid": process.pid(), "name": process.name() })
}

/// Renders a listener.
pub fn listener(listener: &Listener) -> Value {
    let (bound, device) = match listener.device {
        Device::Unknown => (None, None),
        Device::Any => (Some(false), None),
        Device::Index(index) => (Some(true), Some(device_name(index))),
    };
    json!({
        "protocol": listener.protocol.to_string(),
        "address": listener.address.to_string(),
        "port": listener.port,
        "v6only": listener.v6only.filter(|_| listener.address.is_ipv6()),
        "bound_to_device": bound,
        "device": device,
        "queue": listener.queue.map(|queue| json!({
            "length": queue.length,
            "limit": queue.limit,
        })),
        "drops": listener.drops,
        "uid": listener.uid,
        "inode": listener.inode,
        "cgroup": listener.cgroup,
        "unreachable": unreachable(listener),
    })
}
