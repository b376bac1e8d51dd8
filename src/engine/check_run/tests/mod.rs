//! Verdicts over sources that say what a test wants them to say.

mod limits;
mod requirements;
mod shortcuts;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::time::Duration;

use super::{CheckSpec, Outcome, Timing, run_check};
use crate::clock::{Clock, Deadline, fake::FakeClock};
use crate::domain::{
    Answer, Expectation, Family, Listener, LookupKey, NoRequirements, Requirements,
};
use crate::engine::SourceChain;
use crate::source::{Query, Source, SourceError, netlink};

const NO_RETRY: Timing = Timing {
    timeout: Duration::from_millis(500),
    retry_for: Duration::ZERO,
    retry_every: Duration::from_millis(10),
};

/// A source that says in each look the next of these things, and the last one for ever.
struct Played {
    name: &'static str,
    looks: VecDeque<Say>,
    exact: Option<&'static str>,
    /// When the looks were.
    asked: Vec<Duration>,
}

#[derive(Clone, Copy)]
enum Say {
    Nothing,
    Listens(&'static str),
    DualStackOrNot,
    /// Cannot answer at all.
    Broken,
    /// Can answer the next time.
    Failed,
    Slow(u64),
    /// Looks until its time is over.
    Endless,
}

impl Played {
    fn new(looks: &[Say]) -> Self {
        Self {
            name: "test",
            looks: looks.to_vec().into(),
            exact: None,
            asked: Vec::new(),
        }
    }
}

fn listener(address: &str) -> Listener {
    Listener::at(address.parse::<IpAddr>().unwrap(), 443)
}

impl Source for Played {
    fn name(&self) -> &'static str {
        self.name
    }

    fn listeners(
        &mut self,
        query: Query<'_>,
        visit: &mut dyn FnMut(&Listener) -> ControlFlow<()>,
    ) -> Result<(), SourceError> {
        if query.family == Family::V6 {
            return Ok(());
        }
        self.asked.push(query.deadline.clock().now());
        let say = self.looks[0];
        if self.looks.len() > 1 {
            self.looks.pop_front();
        }
        match say {
            Say::Nothing => Ok(()),
            Say::Listens(address) => {
                let _ = visit(&listener(address));
                Ok(())
            }
            Say::DualStackOrNot => {
                let _ = visit(&listener("::"));
                Ok(())
            }
            Say::Broken => Err(netlink::NetlinkError::NoUdpDiag.into()),
            Say::Failed => Err(netlink::NetlinkError::Interrupted.into()),
            Say::Slow(millis) => {
                query.deadline.clock().sleep(Duration::from_millis(millis));
                Ok(())
            }
            Say::Endless => {
                query.deadline.sleep(query.deadline.remaining());
                Err(SourceError::TimeIsUp(query.deadline.limit()))
            }
        }
    }

    fn kernel_lookup(
        &mut self,
        _: LookupKey,
        _: Deadline<'_>,
    ) -> Result<Option<Listener>, SourceError> {
        Ok(self.exact.map(listener))
    }
}

/// Judges whether 127.0.0.1:443 is listening.
fn run(
    sources: &mut [Played],
    opinion: Option<&mut Played>,
    timing: Timing,
) -> (Outcome, Duration) {
    run_for(
        Expectation::Listening,
        &mut NoRequirements,
        sources,
        opinion,
        timing,
    )
}

fn run_for(
    wanted: Expectation,
    requirements: &mut dyn Requirements,
    sources: &mut [Played],
    opinion: Option<&mut Played>,
    timing: Timing,
) -> (Outcome, Duration) {
    let clock = FakeClock::default();
    let spec = spec(wanted, &["127.0.0.1:443"], 1);
    let outcome = judge_with(&clock, &spec, requirements, sources, opinion, timing);
    (outcome, clock.now())
}

fn spec(wanted: Expectation, targets: &[&str], needed: usize) -> CheckSpec {
    CheckSpec {
        targets: targets.iter().map(|text| text.parse().unwrap()).collect(),
        wanted,
        needed,
    }
}

fn judge_with(
    clock: &FakeClock,
    spec: &CheckSpec,
    requirements: &mut dyn Requirements,
    sources: &mut [impl Source],
    opinion: Option<&mut Played>,
    timing: Timing,
) -> Outcome {
    let mut chain = SourceChain::new(
        sources
            .iter_mut()
            .map(|source| Box::new(source) as Box<dyn Source>)
            .collect(),
    );
    if let Some(opinion) = opinion {
        chain = chain.with_cross_check(opinion);
    }
    let deadline = Deadline::new(clock, timing.timeout);
    run_check(spec, &mut chain, requirements, timing, deadline)
}

fn word(outcome: &Outcome) -> String {
    match &outcome.answers[0].1 {
        Answer::Listening(listener) => listener.to_string(),
        Answer::NotListening => "not".to_owned(),
        Answer::RequirementFailed(_, violation) => format!("! {}", violation.why()),
        Answer::CouldNotTell(reason) => format!("? {reason}"),
        Answer::NotChecked => "-".to_owned(),
    }
}

#[test]
fn listening_takes_one_look_and_no_cross_check() {
    let mut source = [Played::new(&[Say::Listens("0.0.0.0")])];
    let mut opinion = Played::new(&[Say::Nothing]);
    let (outcome, took) = run(&mut source, Some(&mut opinion), NO_RETRY);
    assert_eq!(
        (word(&outcome).as_str(), took),
        ("0.0.0.0:443", Duration::ZERO)
    );
    assert_eq!((source[0].asked.len(), opinion.asked.len()), (1, 0));
}

#[test]
fn not_listening_takes_two_looks_a_millisecond_apart() {
    let mut source = [Played::new(&[Say::Nothing])];
    let (outcome, _) = run(&mut source, None, NO_RETRY);
    assert_eq!(word(&outcome), "not");
    assert_eq!(source[0].asked, [0, 1].map(Duration::from_millis));
}

#[test]
fn a_listener_shown_only_by_the_second_look_counts() {
    let mut source = [Played::new(&[Say::Nothing, Say::Listens("0.0.0.0")])];
    let (outcome, _) = run(&mut source, None, NO_RETRY);
    assert_eq!(word(&outcome), "0.0.0.0:443");
}

#[test]
fn a_failed_second_look_is_could_not_tell() {
    let mut source = [Played::new(&[Say::Nothing, Say::Failed])];
    let (outcome, _) = run(&mut source, None, NO_RETRY);
    assert!(
        word(&outcome).starts_with("? sock_diag: the dump was interrupted"),
        "{outcome:?}"
    );
}

#[test]
fn the_next_source_is_queried_if_the_first_fails() {
    for (second, expected) in [
        (&[Say::Nothing][..], "not"),
        (&[Say::Listens("127.0.0.1")], "127.0.0.1:443"),
        (&[Say::Nothing, Say::Listens("127.0.0.1")], "127.0.0.1:443"),
    ] {
        for first in [&[Say::Broken][..], &[Say::Nothing, Say::Broken]] {
            let mut sources = [Played::new(first), Played::new(second)];
            assert_eq!(word(&run(&mut sources, None, NO_RETRY).0), expected);
        }
    }
    let mut sources = [Played::new(&[Say::Broken]), Played::new(&[Say::Broken])];
    assert!(word(&run(&mut sources, None, NO_RETRY).0).starts_with("? "));
}

#[test]
fn a_listener_in_the_second_family_counts_although_the_first_failed() {
    struct V6only {
        listens: bool,
    }
    impl Source for V6only {
        fn name(&self) -> &'static str {
            "half"
        }

        fn listeners(
            &mut self,
            query: Query<'_>,
            visit: &mut dyn FnMut(&Listener) -> ControlFlow<()>,
        ) -> Result<(), SourceError> {
            if query.family == Family::V6 && self.listens {
                let _ = visit(&listener("::"));
                return Ok(());
            }
            Err(netlink::NetlinkError::Interrupted.into())
        }
    }
    for (listens, end) in [
        (true, "[::]:443"),
        (
            false,
            "? sock_diag: the dump was interrupted by changes (NLM_F_DUMP_INTR)",
        ),
    ] {
        let (clock, mut sources) = (FakeClock::default(), [V6only { listens }]);
        let spec = spec(Expectation::Listening, &["443"], 1);
        let none = &mut NoRequirements;
        let outcome = judge_with(&clock, &spec, none, &mut sources, None, NO_RETRY);
        assert_eq!(word(&outcome), end);
        assert_eq!(outcome.source, listens.then_some("half"));
    }
}

#[test]
fn a_yes_of_the_cross_check_counts_with_a_warning() {
    let mut opinion = Played::new(&[Say::Listens("0.0.0.0")]);
    opinion.name = "/proc";
    let (outcome, _) = run(
        &mut [Played::new(&[Say::Nothing])],
        Some(&mut opinion),
        NO_RETRY,
    );
    assert_eq!(word(&outcome), "0.0.0.0:443");
    assert_eq!(
        outcome.warnings,
        ["test shows no listener for 127.0.0.1:443, but /proc shows 0.0.0.0:443"]
    );
}

#[test]
fn a_no_or_a_failure_of_the_cross_check_changes_nothing() {
    for say in [Say::Nothing, Say::Broken] {
        let mut opinion = Played::new(&[say]);
        let mut source = [Played::new(&[Say::Nothing])];
        let (outcome, _) = run(&mut source, Some(&mut opinion), NO_RETRY);
        assert_eq!(
            (word(&outcome).as_str(), outcome.warnings.len()),
            ("not", 0)
        );
        assert_eq!((source[0].asked.len(), opinion.asked.len()), (2, 1));
    }
}

#[test]
fn an_uncertain_listener_of_the_cross_check_is_could_not_tell() {
    let mut opinion = Played::new(&[Say::DualStackOrNot]);
    let mut source = [Played::new(&[Say::Nothing])];
    let (outcome, _) = run(&mut source, Some(&mut opinion), NO_RETRY);
    let reason = "? [::]:443 listens, but whether it accepts IPv4 too (V6ONLY) is unknown";
    assert_eq!(word(&outcome), reason);
    assert_eq!(outcome.warnings.len(), 1);
}

#[test]
fn a_yes_of_the_exact_lookup_prevents_a_no() {
    // What BPF sk_lookup chooses may listen on quite another address.
    let mut source = Played::new(&[Say::Nothing]);
    source.exact = Some("192.0.2.1");
    let (outcome, _) = run(&mut [source], None, NO_RETRY);
    assert_eq!(
        (word(&outcome).as_str(), outcome.warnings.len()),
        ("192.0.2.1:443", 0)
    );
}

#[test]
fn if_v6only_is_unknown_a_yes_of_the_exact_lookup_counts() {
    // sock_diag of 3.10 has no INET_DIAG_SKV6ONLY.
    let mut source = Played::new(&[Say::DualStackOrNot]);
    source.exact = Some("::");
    let (outcome, _) = run(&mut [source], None, NO_RETRY);
    assert_eq!(word(&outcome), "[::]:443");
}

#[test]
fn if_v6only_is_unknown_the_answer_is_could_not_tell() {
    let mut source = [Played::new(&[Say::DualStackOrNot])];
    let (outcome, _) = run(&mut source, None, NO_RETRY);
    assert!(
        word(&outcome).starts_with("? [::]:443 listens, but"),
        "{outcome:?}"
    );
}

#[test]
fn retries_wait_for_a_listener_to_come_back() {
    let timing = Timing {
        retry_for: Duration::from_millis(200),
        ..NO_RETRY
    };
    let mut gap = vec![Say::Nothing; 15];
    gap.push(Say::Listens("0.0.0.0"));
    let mut source = [Played::new(&gap)];
    let (outcome, took) = run(&mut source, None, timing);
    assert_eq!(
        (word(&outcome).as_str(), took.as_millis()),
        ("0.0.0.0:443", 150)
    );

    let mut opinion = Played::new(&[Say::Nothing]);
    let mut source = [Played::new(&[Say::Nothing])];
    let (outcome, took) = run(&mut source, Some(&mut opinion), timing);
    assert_eq!((word(&outcome).as_str(), took.as_millis()), ("not", 200));
    assert_eq!((source[0].asked.len(), opinion.asked.len()), (21, 1));
}

#[test]
fn retries_also_bridge_errors_of_the_last_source() {
    let timing = Timing {
        retry_for: Duration::from_millis(50),
        ..NO_RETRY
    };
    let mut sources = [
        Played::new(&[Say::Broken]),
        Played::new(&[Say::Broken, Say::Broken, Say::Listens("0.0.0.0")]),
    ];
    assert_eq!(word(&run(&mut sources, None, timing).0), "0.0.0.0:443");
    // An error breaks the row of clean looks: two of them must follow it.
    let mut source = [Played::new(&[
        Say::Nothing,
        Say::Nothing,
        Say::Broken,
        Say::Nothing,
    ])];
    assert_eq!(word(&run(&mut source, None, timing).0), "not");
    let mut source = [Played::new(&[Say::Nothing, Say::Broken])];
    assert!(word(&run(&mut source, None, timing).0).starts_with("? "));
}

#[test]
fn when_the_time_limit_has_passed_the_answer_is_could_not_tell() {
    for looks in [
        &[Say::Slow(500)][..],
        &[Say::Slow(499)],
        &[Say::Nothing, Say::Slow(600)],
    ] {
        let (outcome, _) = run(&mut [Played::new(looks)], None, NO_RETRY);
        assert_eq!(word(&outcome), "? timed out after 500ms");
    }
}
