//! Whether the sources of listeners answer on this host, and what they say of the targets of the command line.

use std::num::NonZeroU16;
use std::path::Path;
use std::time::Duration;

use super::codes::host::{
    LISTENING, NO_PROC, NO_SOCK_DIAG, NO_SOURCE, NOT_LISTENING, SOURCES_DIFFER, TARGET_UNKNOWN,
};
use super::findings::Finding;
use crate::clock::{Clock, Deadline};
use crate::domain::{Answer, Listener, NoRequirements, Place, Protocol, Target};
use crate::engine::{CheckSpec, Outcome, SourceChain, Timing, judge, look};
use crate::report::elsewhere;
use crate::source::netlink::Netlink;
use crate::source::proc::Proc;
use crate::source::{Fault, Source};

/// The time limit of `listenup check` by default.
const LIMIT: Duration = Duration::from_millis(500);
/// What is asked for without a target, to see whether a source answers.
const SAMPLE: Target = Target {
    protocol: Protocol::Tcp,
    place: Place::Port(NonZeroU16::MIN.saturating_add(442)),
};

/// Asks both sources.
pub fn examine(targets: &[Target], clock: &dyn Clock, proc: &Path) -> Vec<Finding> {
    let mut netlink = Netlink::new();
    let mut tables = Proc::new(proc);
    let unavailable = (answers(&mut netlink, clock), answers(&mut tables, clock));
    let mut findings: Vec<Finding> = match &unavailable {
        (Ok(()), Ok(())) => None,
        (Err(error), Ok(())) => Some(NO_SOCK_DIAG.with(&[("error", error)])),
        (Ok(()), Err(error)) => Some(NO_PROC.with(&[("error", error)])),
        (Err(sock_diag), Err(proc)) => {
            Some(NO_SOURCE.with(&[("sock_diag", sock_diag), ("proc", proc)]))
        }
    }
    .into_iter()
    .collect();
    let sources: [(&mut dyn Source, bool); 2] = [
        (&mut netlink, unavailable.0.is_ok()),
        (&mut tables, unavailable.1.is_ok()),
    ];
    let available = sources.into_iter().filter(|(_, answers)| *answers);
    let said: Vec<(&str, Outcome)> = available
        .map(|(source, _)| (source.name(), ask(source, targets, clock)))
        .collect();
    findings.extend((0..targets.len()).filter_map(|index| target(&said, index)));
    findings
}

/// Returns an error if a source does not answer.
fn answers(source: &mut dyn Source, clock: &dyn Clock) -> Result<(), Fault> {
    let mut survey = CheckSpec::all_listening([SAMPLE]).survey();
    let limit = Deadline::new(clock, LIMIT);
    match look(source, &mut survey, &mut NoRequirements, limit) {
        Err(fault) if !survey.is_settled() => Err(fault),
        _ => Ok(()),
    }
}

/// Returns the answers of one source, with all the care of a check.
fn ask(source: &mut dyn Source, targets: &[Target], clock: &dyn Clock) -> Outcome {
    let timing = Timing {
        timeout: LIMIT,
        retry_for: Duration::ZERO,
        retry_every: LIMIT,
    };
    let spec = CheckSpec::all_listening(targets.iter().copied());
    let mut chain = SourceChain::of(source);
    let limit = Deadline::new(clock, LIMIT);
    judge(&spec, &mut chain, &mut NoRequirements, timing, limit)
}

/// Returns what the sources say of one target.
fn target(said: &[(&str, Outcome)], index: usize) -> Option<Finding> {
    let (target, _) = said.first()?.1.answers.get(index)?;
    let mut listener = None;
    let mut absent = None;
    let mut doubt = None;
    let mut other_places = String::new();
    for (name, outcome) in said {
        let (_, answer) = outcome.answers.get(index)?;
        if other_places.is_empty() {
            other_places = elsewhere(outcome, target, answer);
        }
        match answer {
            // Without requirements nothing violates any.
            Answer::Listening(found) | Answer::Violates(found, _)
                if !is_known_elsewhere(said, target, found) =>
            {
                listener = Some((name, found));
            }
            // Another source knows more of this listener.
            Answer::Listening(_) | Answer::Violates(..) => {}
            Answer::NotListening => absent = Some(name),
            Answer::CouldNotTell(found) => doubt = Some(found.to_string()),
            Answer::NotChecked => doubt = Some("not checked".to_owned()),
        }
    }
    let listening = match (target.protocol, listener) {
        (Protocol::Tcp, Some(_)) => "listening on",
        (Protocol::Tcp, None) => "listening",
        (Protocol::Udp, Some(_)) => "bound to",
        (Protocol::Udp, None) => "bound",
    };
    Some(match (listener, absent) {
        (Some((one, found)), Some(other)) => SOURCES_DIFFER.with(&[
            ("target", target),
            ("listening", &listening),
            ("listener", found),
            ("one", one),
            ("other", other),
        ]),
        (Some((_, found)), None) => LISTENING.with(&[
            ("target", target),
            ("listening", &listening),
            ("listener", found),
        ]),
        (None, Some(_)) => NOT_LISTENING.with(&[
            ("target", target),
            ("listening", &listening),
            ("elsewhere", &other_places),
        ]),
        (None, None) => {
            TARGET_UNKNOWN.with(&[("target", target), ("doubt", &doubt.unwrap_or_default())])
        }
    })
}

/// Returns true if a source has seen this listener and knows that it does not serve the target, as of a device that only
/// sock_diag knows.
fn is_known_elsewhere(said: &[(&str, Outcome)], target: &Target, found: &Listener) -> bool {
    let mut elsewhere = said
        .iter()
        .flat_map(|(_, outcome)| outcome.elsewhere_of(target));
    elsewhere.any(|known| known.is_same(found))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::cli::{Request, parse};
    use crate::domain::Doubt;

    #[test]
    fn the_limit_is_that_of_a_check() {
        match parse(["listenup", "check", "443"].map(Into::into)) {
            Ok(Request::Check(options)) => assert_eq!(options.timing.timeout, LIMIT),
            other => panic!("{other:?}"),
        }
    }

    /// No real host makes the sources differ at will.
    #[test]
    fn what_two_sources_say_of_a_target() {
        let up = Answer::Listening(Listener::at(Ipv4Addr::UNSPECIFIED, 443));
        let down = Answer::NotListening;
        let doubt = Answer::CouldNotTell(Doubt::new("why"));
        let target: Target = "443".parse().unwrap();
        for (one, other, code) in [
            (&up, &up, &LISTENING),
            (&up, &down, &SOURCES_DIFFER),
            (&up, &doubt, &LISTENING),
            (&down, &up, &SOURCES_DIFFER),
            (&down, &down, &NOT_LISTENING),
            (&down, &doubt, &NOT_LISTENING),
            (&doubt, &up, &LISTENING),
            (&doubt, &down, &NOT_LISTENING),
            (&doubt, &doubt, &TARGET_UNKNOWN),
        ] {
            let said = [("one", one), ("other", other)].map(|(name, answer)| {
                let outcome = Outcome::in_doubt(&[target], &Doubt::new("why"));
                let answers = vec![(target, answer.clone())];
                (name, Outcome { answers, ..outcome })
            });
            let finding = super::target(&said, 0).unwrap();
            assert_eq!(finding.code.id, code.id, "{finding}");
        }
    }
}
