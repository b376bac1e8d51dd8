//! One look: a source is asked about the open targets.

use ::log::{Level, debug, log_enabled};

use crate::clock::{Deadline, Shown};
use crate::domain::{Compliance, Family, Listener, LookupKey, Protocol, Requirements, Survey};
use crate::source::{Fault, Ports, Question, Source};

/// The number of source ports with which the kernel is asked for the socket that gets a datagram. A group of two looks like
/// one socket once in 2^31 times. A lookup takes 3 us (`scripts/udp_looks.rs`). For a group with a compliant member, two or
/// three lookups are enough.
const SOURCE_PORTS: u16 = 32;

/// Asks the source about all open targets, and records what it shows. IPv6 is asked only about targets that are open after
/// IPv4.
///
/// # Errors
/// Returns the first reason why the answer is not complete. The other family is asked nevertheless, because it can settle
/// the targets.
pub fn look(
    source: &mut dyn Source,
    survey: &mut Survey,
    requirements: &mut dyn Requirements,
    deadline: Deadline<'_>,
) -> Result<(), Fault> {
    survey.begin_look();
    requirements.begin_look();
    if !requirements.any() && try_exact_lookups(source, survey, deadline) {
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
        if requirements.any() {
            let connections = survey.deciding_lookups();
            look_up(source, survey, requirements, deadline, connections);
        }
        survey.finish_pass();
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
        survey.observe(listener, requirements)
    });
    if log_enabled!(Level::Debug) {
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

/// Asks the kernel's own lookup about a few connections, and returns true if that settles enough targets. It costs less than
/// a dump, with any number of listeners. Only a "yes" counts. It is not used with requirements, because it shows one member
/// of an SO_REUSEPORT group.
fn try_exact_lookups(source: &mut dyn Source, survey: &mut Survey, deadline: Deadline<'_>) -> bool {
    for connection in survey.exact_lookups() {
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
            protocol_noun(connection),
            connection.address,
            connection.target.port(),
            Shown(clock.now().saturating_sub(started))
        );
        survey.exact_hit(connection.target, &listener);
    }
    survey.is_settled()
}

/// Asks the kernel's own lookup about each of these connections, and records a "yes". The lookup knows what a dump cannot
/// show, such as BPF sk_lookup. Its "no" proves nothing.
pub fn look_up(
    source: &mut dyn Source,
    survey: &mut Survey,
    requirements: &mut dyn Requirements,
    deadline: Deadline<'_>,
    connections: Vec<LookupKey>,
) {
    for connection in connections {
        let clock = deadline.clock();
        let started = clock.now();
        let target = connection.target;
        let most = match target.protocol {
            Protocol::Udp if requirements.any() => SOURCE_PORTS,
            Protocol::Tcp | Protocol::Udp => 1,
        };
        let is_fit = &mut |one: &Listener| requirements.compliance(one) == Compliance::Compliant;
        let answer = ask_for(source, connection, most, is_fit, deadline);
        if let Ok(found) = &answer {
            survey.found(connection, found, requirements);
        }
        if log_enabled!(Level::Debug) {
            let end = match answer.as_deref() {
                Ok([]) => "is none".to_owned(),
                Ok([listener]) => format!("is {listener}"),
                Ok([listener, ..]) => format!("is one of several on {listener}"),
                Err(fault) => format!("is unknown: {fault}"),
            };
            let took = Shown(clock.now().saturating_sub(started));
            let source = source.name();
            let sent = protocol_noun(connection);
            debug!("{source}: the listener for {sent} to {target} {end}; took {took}");
        }
    }
}

/// Returns the listeners that the kernel finds for a connection from up to `most` source ports: none, one, or members of a
/// SO_REUSEPORT group, up to one that meets the requirements.
fn ask_for(
    source: &mut dyn Source,
    connection: LookupKey,
    most: u16,
    is_fit: &mut dyn FnMut(&Listener) -> bool,
    deadline: Deadline<'_>,
) -> Result<Vec<Listener>, Fault> {
    let mut found: Vec<Listener> = Vec::new();
    for source_port in 1..=most {
        let connection = LookupKey {
            source_port,
            ..connection
        };
        let Some(listener) = source.kernel_lookup(connection, deadline)? else {
            break;
        };
        if !found.iter().any(|known| known.is_same(&listener)) {
            found.push(listener);
            if found.len() > 1 && found.iter().any(&mut *is_fit) {
                break;
            }
        }
    }
    Ok(found)
}

fn protocol_noun(connection: LookupKey) -> &'static str {
    match connection.target.protocol {
        Protocol::Tcp => "a connection",
        Protocol::Udp => "a datagram",
    }
}
