//! What is wanted other than that something listens: that nothing does, or that it is fit.

use std::ops::ControlFlow;
use std::time::Duration;

use super::{NO_RETRY, Played, Say, judge_with, run_for, spec, word};
use crate::clock::{Clock, Deadline, fake::FakeClock};
use crate::domain::{
    Answer, Compliance, Device, Expectation, Family, Ingress, Listener, LookupKey, NoRequirements,
    Protocol, Requirements, SetupError, Violation,
};
use crate::engine::Timing;
use crate::source::{Query, Source, SourceError};

const RETRY: Timing = Timing {
    retry_for: Duration::from_millis(100),
    ..NO_RETRY
};

fn absence(
    source: &mut Played,
    opinion: Option<&mut Played>,
    timing: Timing,
) -> (String, Duration) {
    let sources = std::slice::from_mut(source);
    let (outcome, took) = run_for(
        Expectation::Absent,
        &mut NoRequirements,
        sources,
        opinion,
        timing,
    );
    (word(&outcome), took)
}

#[test]
fn absent_does_not_wait_for_a_listener_to_appear() {
    let mut source = Played::new(&[Say::Nothing]);
    let mut opinion = Played::new(&[Say::Nothing]);
    let (said, took) = absence(&mut source, Some(&mut opinion), RETRY);
    assert_eq!((said.as_str(), took), ("not", Duration::from_millis(1)));
    assert_eq!((source.asked.len(), opinion.asked.len()), (2, 1));
}

#[test]
fn a_listener_despite_absent_is_reported_after_one_look_or_all_retries() {
    let mut source = Played::new(&[Say::Listens("0.0.0.0")]);
    let (said, took) = absence(&mut source, None, NO_RETRY);
    assert_eq!((said.as_str(), took), ("0.0.0.0:443", Duration::ZERO));
    let mut source = Played::new(&[Say::Listens("0.0.0.0")]);
    let (said, took) = absence(&mut source, None, RETRY);
    assert_eq!((said.as_str(), took), ("0.0.0.0:443", RETRY.retry_for));
}

#[test]
fn after_a_listener_closes_absent_needs_every_source_again() {
    let mut source = Played::new(&[Say::Listens("0.0.0.0"), Say::Nothing]);
    let mut opinion = Played::new(&[Say::Listens("0.0.0.0"), Say::Nothing]);
    let (said, _) = absence(&mut source, Some(&mut opinion), RETRY);
    assert_eq!(said, "not");
    assert_eq!(opinion.asked.len(), 2);
}

/// Requirements that no listener on 0.0.0.0 meets.
struct NotTheWildcard;

impl Requirements for NotTheWildcard {
    fn any(&self) -> bool {
        true
    }

    fn compliance(&mut self, listener: &Listener) -> Compliance {
        if listener.address.is_unspecified() {
            Compliance::Violates(Violation::QueueTooLong("full".to_owned()))
        } else {
            Compliance::Compliant
        }
    }
}

fn demanding(looks: &[Say], opinion: &mut Played) -> (String, usize) {
    let mut source = [Played::new(looks)];
    let (outcome, _) = run_for(
        Expectation::Listening,
        &mut NotTheWildcard,
        &mut source,
        Some(opinion),
        NO_RETRY,
    );
    (word(&outcome), source[0].asked.len())
}

#[test]
fn a_requirement_fails_after_two_looks_without_a_cross_check() {
    for (looks, said, asked, opinions) in [
        (&[Say::Listens("0.0.0.0")][..], "! full", 2, 0),
        // A queue that is full for a moment.
        (
            &[Say::Listens("0.0.0.0"), Say::Listens("127.0.0.1")],
            "127.0.0.1:443",
            2,
            0,
        ),
        // Where a look shows nothing at all, others are asked, and it takes two such looks.
        (&[Say::Listens("0.0.0.0"), Say::Nothing], "not", 3, 1),
        (&[Say::Nothing, Say::Listens("0.0.0.0")], "! full", 2, 1),
    ] {
        let mut opinion = Played::new(&[Say::Nothing]);
        assert_eq!(demanding(looks, &mut opinion), (said.to_owned(), asked));
        assert_eq!(opinion.asked.len(), opinions, "{said}");
    }
    let mut opinion = Played::new(&[Say::Nothing]);
    let (said, _) = demanding(&[Say::Listens("0.0.0.0"), Say::Broken], &mut opinion);
    assert!(said.starts_with("? "), "{said}");
}

#[test]
fn a_failed_requirement_shown_only_by_the_cross_check_is_reported() {
    let mut opinion = Played::new(&[Say::Listens("0.0.0.0")]);
    let (said, _) = demanding(&[Say::Nothing], &mut opinion);
    assert_eq!(said, "! full");
}

/// Two targets of which one listens in the first looks and the other in the later ones.
struct TakeTurns(usize);

impl Source for TakeTurns {
    fn name(&self) -> &'static str {
        "turns"
    }

    fn listeners(
        &mut self,
        query: Query<'_>,
        visit: &mut dyn FnMut(&Listener) -> ControlFlow<()>,
    ) -> Result<(), SourceError> {
        if query.family == Family::V4 {
            self.0 += 1;
            let port = if self.0 < 6 { 80 } else { 443 };
            if query.ports.contains(port) {
                let _ = visit(&Listener::at([0, 0, 0, 0], port));
            }
        }
        Ok(())
    }
}

#[test]
fn two_targets_that_listen_in_turn_are_never_both_listening() {
    let clock = FakeClock::default();
    let spec = spec(
        Expectation::Listening,
        &["127.0.0.1:80", "127.0.0.1:443"],
        2,
    );
    let (mut source, none) = ([TakeTurns(0)], &mut NoRequirements);
    let outcome = judge_with(&clock, &spec, none, &mut source, None, RETRY);
    assert_eq!(outcome.answers[0].1, Answer::NotListening);
    assert!(matches!(outcome.answers[1].1, Answer::Listening(_)));
    assert!(clock.now() >= RETRY.retry_for);
}

/// A requirement whose name is found from the third time on.
struct Named(usize);

impl Requirements for Named {
    fn any(&self) -> bool {
        false
    }

    fn look_up_names(&mut self) -> Result<Option<Ingress>, SetupError> {
        self.0 += 1;
        match self.0 {
            0..3 => Err(SetupError::NoSuch("there is no interface d0".to_owned())),
            _ => Ok(None),
        }
    }

    fn compliance(&mut self, _: &Listener) -> Compliance {
        Compliance::Compliant
    }
}

#[test]
fn a_missing_name_is_looked_up_again_during_the_retries() {
    for (timing, found) in [(RETRY, true), (NO_RETRY, false)] {
        let clock = FakeClock::default();
        let spec = spec(Expectation::Listening, &["127.0.0.1:443"], 1);
        let mut source = [Played::new(&[Say::Listens("0.0.0.0")])];
        let outcome = judge_with(&clock, &spec, &mut Named(0), &mut source, None, timing);
        let took = clock.now().as_millis();
        assert_eq!(
            (word(&outcome) == "0.0.0.0:443", took),
            (found, if found { 20 } else { 0 })
        );
        assert_eq!(outcome.names_missing, !found);
    }
}

/// A listener of 192.0.2.10:443 that is unfit and then goes, beside a target that never listens.
struct Goes(usize);

impl Source for Goes {
    fn name(&self) -> &'static str {
        "goes"
    }

    fn listeners(
        &mut self,
        query: Query<'_>,
        visit: &mut dyn FnMut(&Listener) -> ControlFlow<()>,
    ) -> Result<(), SourceError> {
        if query.family == Family::V4 {
            self.0 += 1;
            if self.0 == 1 {
                let _ = visit(&Listener::at([0, 0, 0, 0], 443));
            }
        }
        Ok(())
    }
}

#[test]
fn each_no_needs_two_looks_and_a_cross_check_of_its_own() {
    let clock = FakeClock::default();
    let (mut source, mut opinion) = ([Goes(0)], Played::new(&[Say::Nothing]));
    let spec = spec(
        Expectation::Listening,
        &["127.0.0.1:80", "127.0.0.1:443"],
        2,
    );
    let outcome = judge_with(
        &clock,
        &spec,
        &mut NotTheWildcard,
        &mut source,
        Some(&mut opinion),
        NO_RETRY,
    );
    assert!(
        outcome
            .answers
            .iter()
            .all(|(_, answer)| *answer == Answer::NotListening)
    );
    assert_eq!((source[0].0, opinion.asked.len()), (3, 2));
}

#[test]
fn enough_targets_end_the_check_without_waiting() {
    let clock = FakeClock::default();
    for (wanted, needed, waits, other) in [
        (Expectation::Listening, 1, false, Answer::NotChecked),
        (Expectation::Listening, 2, true, Answer::NotListening),
        (Expectation::Absent, 1, false, Answer::NotListening),
        (Expectation::Absent, 2, true, Answer::NotListening),
    ] {
        let started = clock.now();
        let spec = spec(wanted, &["127.0.0.1:443", "127.0.0.1:80"], needed);
        let mut source = [Played::new(&[Say::Listens("0.0.0.0")])];
        let outcome = judge_with(&clock, &spec, &mut NoRequirements, &mut source, None, RETRY);
        assert!(matches!(outcome.answers[0].1, Answer::Listening(_)));
        assert_eq!(outcome.answers[1].1, other);
        let waited = clock.now() - started >= RETRY.retry_for;
        assert_eq!(waited, waits, "{wanted:?} {needed}");
        if other == Answer::NotChecked {
            assert_eq!((source[0].asked.len(), clock.now()), (1, started));
        }
    }
}

#[test]
fn absent_retries_while_the_answer_is_could_not_tell() {
    // The wildcard of IPv6 may serve IPv4 or not.
    let mut source = Played::new(&[Say::DualStackOrNot, Say::DualStackOrNot, Say::Nothing]);
    let (said, took) = absence(&mut source, None, RETRY);
    assert_eq!((said.as_str(), took.as_millis()), ("not", 21));
    let mut source = Played::new(&[Say::DualStackOrNot]);
    let (said, took) = absence(&mut source, None, RETRY);
    assert!(said.starts_with("? "), "{said}");
    assert_eq!(took, RETRY.retry_for);
}

#[test]
fn only_warnings_of_the_last_look_are_kept() {
    for (opinions, warnings) in [
        (&[Say::Listens("0.0.0.0")][..], 1),
        (&[Say::Listens("0.0.0.0"), Say::Nothing], 0),
    ] {
        let clock = FakeClock::default();
        let mut source = [Played::new(&[Say::Nothing])];
        let mut opinion = Played::new(opinions);
        let outcome = judge_with(
            &clock,
            &spec(Expectation::Absent, &["127.0.0.1:443"], 1),
            &mut NoRequirements,
            &mut source,
            Some(&mut opinion),
            RETRY,
        );
        assert_eq!(outcome.warnings.len(), warnings, "{:?}", outcome.warnings);
    }
}

/// A SO_REUSEPORT group of three UDP sockets, whose source port decides which one gets a datagram, and a fourth socket on the
/// address that gets nothing.
#[derive(Default)]
struct Group {
    closed: u32,
}

impl Source for Group {
    fn name(&self) -> &'static str {
        "group"
    }

    fn close(&mut self) {
        self.closed += 1;
    }

    fn listeners(
        &mut self,
        query: Query<'_>,
        visit: &mut dyn FnMut(&Listener) -> ControlFlow<()>,
    ) -> Result<(), SourceError> {
        if (query.protocol, query.family) == (Protocol::Udp, Family::V4) {
            for inode in 1..=4 {
                let _ = visit(&member(inode));
            }
        }
        Ok(())
    }

    fn kernel_lookup(
        &mut self,
        key: LookupKey,
        _: Deadline<'_>,
    ) -> Result<Option<Listener>, SourceError> {
        Ok(Some(member(key.source_port.clamp(1, 3).into())))
    }
}

fn member(inode: u64) -> Listener {
    Listener {
        protocol: Protocol::Udp,
        inode: Some(inode),
        device: Device::Any,
        ..super::listener("127.0.0.1")
    }
}

/// Requirements that only the socket with this inode meets. They can enter a namespace.
struct Inode(u64, bool);

impl Requirements for Inode {
    fn any(&self) -> bool {
        true
    }

    fn compliance(&mut self, listener: &Listener) -> Compliance {
        match listener.inode == Some(self.0) {
            true => Compliance::Compliant,
            false => Compliance::Violates(Violation::QueueTooLong("full".to_owned())),
        }
    }

    fn enters_namespace(&self) -> bool {
        self.1
    }
}

fn group(requirements: &mut Inode, timing: Timing) -> (String, u32) {
    let mut sources = [Group::default()];
    let spec = spec(Expectation::Listening, &["udp:127.0.0.1:443"], 1);
    let clock = FakeClock::default();
    let outcome = judge_with(&clock, &spec, requirements, &mut sources, None, timing);
    (word(&outcome), sources[0].closed)
}

#[test]
fn lookups_of_a_udp_group_go_on_until_a_member_meets_the_requirements() {
    for (required, said) in [(1, "127.0.0.1:443"), (3, "127.0.0.1:443"), (5, "! full")] {
        let requirements = &mut Inode(required, false);
        assert_eq!(group(requirements, NO_RETRY).0, said, "{required}");
    }
    let (said, _) = group(&mut Inode(4, false), NO_RETRY);
    assert!(said.starts_with("? which of these sockets"), "{said}");
}

#[test]
fn retries_reopen_the_sources_only_where_they_enter_a_namespace() {
    assert_eq!(group(&mut Inode(5, true), NO_RETRY).1, 0);
    for enters_namespace in [false, true] {
        let (said, closed) = group(&mut Inode(5, enters_namespace), RETRY);
        assert_eq!(said, "! full");
        assert_eq!(closed > 1, enters_namespace, "{closed}");
    }
}
