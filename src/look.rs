//! One look: a source is asked about the targets that are still open.

use tracing::{Level, debug, enabled};

use crate::clock::{Shown, TimeLimit};
use crate::domain::{Connection, Demands, Family, Inquiry};
use crate::source::{Fault, Ports, Question, Source};

/// Asks the source, IPv4 first and IPv6 only for what is open then, and notes what it shows. All
/// targets share the look; what an earlier one has left open begins anew.
///
/// # Errors
/// The first reason for which the answer is not complete. The other family is asked all the same: it
/// may settle the matter.
pub fn look(
    source: &mut dyn Source,
    inquiry: &mut Inquiry,
    demands: &mut dyn Demands,
    limit: TimeLimit<'_>,
) -> Result<(), Fault> {
    inquiry.begin();
    demands.begin();
    let mut outcome = Ok(());
    for family in [Family::V4, Family::V6] {
        let ports = inquiry.ports_wanted(family);
        if !ports.is_empty() {
            let question = Question {
                family,
                ports: Ports::These(&ports),
                limit,
            };
            outcome = outcome.and(ask(source, question, inquiry, demands));
        }
    }
    if outcome.is_ok() {
        inquiry.conclude();
        let contested = inquiry.contested();
        look_up(source, inquiry, demands, limit, contested);
    }
    outcome
}

fn ask(
    source: &mut dyn Source,
    question: Question<'_>,
    inquiry: &mut Inquiry,
    demands: &mut dyn Demands,
) -> Result<(), Fault> {
    let clock = question.limit.clock();
    let started = clock.now();
    let mut seen = 0;
    let answer = source.listeners(question, &mut |listener| {
        seen += 1;
        inquiry.see(listener, demands)
    });
    if enabled!(Level::DEBUG) {
        let end = match &answer {
            Ok(()) if inquiry.is_settled() => "enough".to_owned(),
            Ok(()) => "complete".to_owned(),
            Err(fault) => format!("then {fault}"),
        };
        let plural = if seen == 1 { "" } else { "s" };
        let took = Shown(clock.now().saturating_sub(started));
        let (source, family) = (source.name(), question.family);
        debug!("{source}, {family}: {seen} listener{plural} seen, {end}; took {took}");
    }
    answer
}

/// Asks for each of these connections which listener the kernel itself would choose, and takes a yes:
/// it knows what a dump cannot show, such as BPF sk_lookup. Its no proves nothing.
pub fn look_up(
    source: &mut dyn Source,
    inquiry: &mut Inquiry,
    demands: &mut dyn Demands,
    limit: TimeLimit<'_>,
    connections: Vec<Connection>,
) {
    for connection in connections {
        let clock = limit.clock();
        let started = clock.now();
        let answer = source.exact(connection, limit);
        let target = connection.target;
        if let Ok(Some(listener)) = &answer {
            inquiry.found(target, listener, demands);
        }
        if enabled!(Level::DEBUG) {
            let end = match &answer {
                Ok(Some(listener)) => format!("is {listener}"),
                Ok(None) => "is none".to_owned(),
                Err(fault) => format!("is not known: {fault}"),
            };
            let took = Shown(clock.now().saturating_sub(started));
            let source = source.name();
            debug!("{source}: the listener for a connection to {target} {end}; took {took}");
        }
    }
}
