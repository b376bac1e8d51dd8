//! One look: a source is asked about the targets that are still open.

use tracing::{Level, debug, enabled};

use crate::clock::{Deadline, Shown};
use crate::domain::{Connection, Family, Protocol, Requirements, Survey};
use crate::source::{Fault, Ports, Question, Source};

/// Asks the source, IPv4 first and IPv6 only for what is open then, and notes what it shows. All
/// targets share the look; what an earlier one has left open begins anew.
///
/// # Errors
/// The first reason for which the answer is not complete. The other family is asked all the same: it
/// may settle the matter.
pub fn look(
    source: &mut dyn Source,
    survey: &mut Survey,
    requirements: &mut dyn Requirements,
    deadline: Deadline<'_>,
) -> Result<(), Fault> {
    survey.begin();
    requirements.begin();
    if !requirements.any() && take_shortcuts(source, survey, deadline) {
        return Ok(());
    }
    let mut outcome = Ok(());
    for protocol in Protocol::ALL {
        for family in [Family::V4, Family::V6] {
            let ports = survey.ports_wanted(protocol, family);
            if !ports.is_empty() {
                let question = Question {
                    protocol,
                    family,
                    ports: Ports::These(&ports),
                    deadline,
                };
                outcome = outcome.and(ask(source, question, survey, requirements));
            }
        }
    }
    if outcome.is_ok() {
        survey.conclude();
        let contested = survey.contested();
        look_up(source, survey, requirements, deadline, contested);
    }
    outcome
}

fn ask(
    source: &mut dyn Source,
    question: Question<'_>,
    survey: &mut Survey,
    requirements: &mut dyn Requirements,
) -> Result<(), Fault> {
    let clock = question.deadline.clock();
    let started = clock.now();
    let mut seen = 0;
    let answer = source.listeners(question, &mut |listener| {
        seen += 1;
        survey.see(listener, requirements)
    });
    if enabled!(Level::DEBUG) {
        let end = match &answer {
            Ok(()) if survey.is_settled() => "enough".to_owned(),
            Ok(()) => "complete".to_owned(),
            Err(fault) => format!("then {fault}"),
        };
        let plural = if seen == 1 { "" } else { "s" };
        let took = Shown(clock.now().saturating_sub(started));
        let (source, family) = (source.name(), question.family);
        let udp = match question.protocol {
            Protocol::Tcp => "",
            Protocol::Udp => "UDP over ",
        };
        debug!("{source}, {udp}{family}: {seen} listener{plural} seen, {end}; took {took}");
    }
    answer
}

/// Asks for the listener of a few connections, which costs less than a dump, and the same however many listeners there
/// are. Only a yes counts, and only for a target that the listener serves by its address and port. Not with requirements:
/// of an SO_REUSEPORT group the lookup shows one member. Whether nothing is left to ask.
fn take_shortcuts(source: &mut dyn Source, survey: &mut Survey, deadline: Deadline<'_>) -> bool {
    for connection in survey.shortcuts() {
        if survey.is_settled() {
            return true;
        }
        if survey.has_settled(connection.target) {
            continue;
        }
        let clock = deadline.clock();
        let started = clock.now();
        let Ok(Some(listener)) = source.kernel_lookup(connection, deadline) else {
            continue;
        };
        debug!(
            "{}: {} to {} port {} would find {listener}; took {}",
            source.name(),
            what_is_sent(connection),
            connection.address,
            connection.target.port(),
            Shown(clock.now().saturating_sub(started))
        );
        survey.shortcut_found(connection.target, &listener);
    }
    survey.is_settled()
}

/// Asks for each of these connections which listener the kernel itself would choose, and takes a yes:
/// it knows what a dump cannot show, such as BPF sk_lookup. Its no proves nothing.
pub fn look_up(
    source: &mut dyn Source,
    survey: &mut Survey,
    requirements: &mut dyn Requirements,
    deadline: Deadline<'_>,
    connections: Vec<Connection>,
) {
    for connection in connections {
        let clock = deadline.clock();
        let started = clock.now();
        let answer = source.kernel_lookup(connection, deadline);
        let target = connection.target;
        if let Ok(Some(listener)) = &answer {
            survey.found(connection, listener, requirements);
        }
        if enabled!(Level::DEBUG) {
            let end = match &answer {
                Ok(Some(listener)) => format!("is {listener}"),
                Ok(None) => "is none".to_owned(),
                Err(fault) => format!("is not known: {fault}"),
            };
            let took = Shown(clock.now().saturating_sub(started));
            let source = source.name();
            let sent = what_is_sent(connection);
            debug!("{source}: the listener for {sent} to {target} {end}; took {took}");
        }
    }
}

fn what_is_sent(connection: Connection) -> &'static str {
    match connection.target.protocol {
        Protocol::Tcp => "a connection",
        Protocol::Udp => "a datagram",
    }
}
