//! One look: a source is asked about the targets that are still open.

use std::time::Instant;

use tracing::{Level, debug, enabled};

use crate::domain::{Family, Inquiry};
use crate::source::{Fault, Question, Source};

/// Asks the source, IPv4 first and IPv6 only for what is open then, and notes what it shows. All
/// targets share the look.
///
/// # Errors The first reason for which the answer is not complete. The other family is asked all
/// the same: it may settle the matter.
pub fn look(source: &mut dyn Source, inquiry: &mut Inquiry) -> Result<(), Fault> {
    let mut outcome = Ok(());
    for family in [Family::V4, Family::V6] {
        let ports = inquiry.ports_wanted(family);
        if !ports.is_empty() {
            let answer = ask(
                source,
                Question {
                    family,
                    ports: &ports,
                },
                inquiry,
            );
            outcome = outcome.and(answer);
        }
    }
    outcome
}

fn ask(
    source: &mut dyn Source,
    question: Question<'_>,
    inquiry: &mut Inquiry,
) -> Result<(), Fault> {
    // The clock is read for the trace alone.
    let started = enabled!(Level::DEBUG).then(Instant::now);
    let mut seen = 0;
    let answer = source.listeners(question, &mut |listener| {
        seen += 1;
        inquiry.see(listener)
    });
    if let Some(started) = started {
        let end = match &answer {
            Ok(()) if inquiry.is_settled() => "all targets listen".to_owned(),
            Ok(()) => "complete".to_owned(),
            Err(fault) => format!("then {fault}"),
        };
        let plural = if seen == 1 { "" } else { "s" };
        let took = humantime::format_duration(started.elapsed());
        let (source, family) = (source.name(), question.family);
        debug!("{source}, {family}: {seen} listener{plural} seen, {end}; took {took}");
    }
    answer
}
