//! Sources that are slow, that fail for a while, and the end of the time limit.

use std::ops::ControlFlow;
use std::time::Duration;

use super::{NO_RETRY, Played, Say, run, run_for, spec, word};
use crate::clock::{Clock, Deadline, fake::FakeClock};
use crate::domain::{
    Compliance, Expectation, Ingress, Listener, NoRequirements, Requirements, SetupError,
};
use crate::engine::{SourceChain, Timing, run_check};
use crate::source::{Query, Source, SourceError};

#[test]
fn after_the_time_limit_the_answer_is_could_not_tell() {
    // The retries leave half a millisecond, and the cross-check takes a whole one.
    let timing = Timing {
        retry_for: Duration::from_micros(499_500),
        ..NO_RETRY
    };
    let mut source = [Played::new(&[Say::Nothing])];
    let mut opinion = Played::new(&[Say::Slow(1)]);
    let (outcome, _) = run(&mut source, Some(&mut opinion), timing);
    assert_eq!(word(&outcome), "? timed out after 500ms");
    assert_eq!(opinion.asked.len(), 1);
}

#[test]
fn a_slow_cross_check_is_left_out_and_leaves_time_for_the_second_look() {
    for (retry_for, opinion_ends) in [(0, 100), (440, 470)] {
        let timing = Timing {
            retry_for: Duration::from_millis(retry_for),
            ..NO_RETRY
        };
        let mut source = [Played::new(&[Say::Nothing])];
        let mut opinion = Played::new(&[Say::Endless]);
        let (outcome, took) = run(&mut source, Some(&mut opinion), timing);
        assert_eq!(word(&outcome), "not");
        assert_eq!(took.as_millis(), opinion_ends);
        assert_eq!(opinion.asked.len(), 1);
    }
}

#[test]
fn a_source_that_failed_is_asked_again_while_there_is_time_to_retry() {
    let timing = Timing {
        retry_for: Duration::from_millis(450),
        ..NO_RETRY
    };
    let mut sources = [
        Played::new(&[Say::Broken, Say::Listens("0.0.0.0")]),
        Played::new(&[Say::Slow(100)]),
    ];
    let (outcome, took) = run(&mut sources, None, timing);
    assert_eq!(word(&outcome), "0.0.0.0:443");
    assert_eq!((sources[0].asked.len(), sources[1].asked.len()), (2, 1));
    assert_eq!(took.as_millis(), 110);
}

#[test]
fn without_retries_a_failed_source_is_not_queried_again() {
    let mut sources = [
        Played::new(&[Say::Nothing, Say::Broken, Say::Listens("0.0.0.0")]),
        Played::new(&[Say::Nothing]),
    ];
    let (outcome, _) = run(&mut sources, None, NO_RETRY);
    assert_eq!(word(&outcome), "not");
    assert_eq!((sources[0].asked.len(), sources[1].asked.len()), (2, 2));
}

#[test]
fn a_source_that_fails_once_is_queried_again_before_the_next() {
    for (looks, answer, asked) in [
        (&[Say::Failed, Say::Nothing][..], "not", (3, 0)),
        (&[Say::Nothing, Say::Failed, Say::Nothing], "not", (3, 0)),
        (&[Say::Failed, Say::Failed], "0.0.0.0:443", (2, 1)),
    ] {
        let mut sources = [Played::new(looks), Played::new(&[Say::Listens("0.0.0.0")])];
        let (outcome, _) = run(&mut sources, None, NO_RETRY);
        assert_eq!(word(&outcome), answer);
        assert_eq!((sources[0].asked.len(), sources[1].asked.len()), asked);
    }
}

#[test]
fn not_listening_needs_two_looks_by_the_same_source() {
    // While there is time to retry, the sources take turns in failing.
    let timing = Timing {
        retry_for: Duration::from_millis(15),
        ..NO_RETRY
    };
    let mut sources = [
        Played::new(&[Say::Broken, Say::Nothing, Say::Broken]),
        Played::new(&[Say::Nothing]),
    ];
    let (outcome, _) = run(&mut sources, None, timing);
    assert_eq!(word(&outcome), "not");
    // Once by itself, and then twice in a row.
    assert_eq!(sources[1].asked.len(), 3);
}

#[test]
fn a_failed_look_resets_the_streak_of_misses() {
    let timing = Timing {
        retry_for: Duration::from_millis(15),
        ..NO_RETRY
    };
    let mut source = [Played::new(&[Say::Nothing, Say::Broken, Say::Nothing])];
    let (outcome, took) = run(&mut source, None, timing);
    assert_eq!(word(&outcome), "not");
    // At 0, 10, and, when the time to retry is over, twice a millisecond apart.
    assert_eq!((source[0].asked.len(), took.as_millis()), (4, 16));
}

#[test]
fn a_chain_keeps_nothing_from_an_earlier_check() {
    let clock = FakeClock::default();
    let spec = spec(Expectation::Listening, &["127.0.0.1:443"], 1);
    let mut source = Played::new(&[
        Say::Listens("0.0.0.0"),
        Say::Nothing,
        Say::Nothing,
        Say::Broken,
        Say::Listens("0.0.0.0"),
    ]);
    let mut chain = SourceChain::single(&mut source);
    let mut next = || {
        let deadline = Deadline::new(&clock, NO_RETRY.timeout);
        word(&run_check(
            &spec,
            &mut chain,
            &mut NoRequirements,
            NO_RETRY,
            deadline,
        ))
    };
    assert_eq!([next(), next()], ["0.0.0.0:443", "not"]);
    assert!(next().starts_with("? sock_diag"));
    assert_eq!(next(), "0.0.0.0:443");
    assert!(clock.now() < NO_RETRY.timeout);
}

#[test]
fn begin_check_reaches_every_source_and_the_cross_check() {
    #[derive(Default)]
    struct Begun(usize);
    impl Source for Begun {
        fn name(&self) -> &'static str {
            "begun"
        }

        fn begin_check(&mut self) {
            self.0 += 1;
        }

        fn listeners(
            &mut self,
            _: Query<'_>,
            _: &mut dyn FnMut(&Listener) -> ControlFlow<()>,
        ) -> Result<(), SourceError> {
            Ok(())
        }
    }
    let (mut first, mut next, mut opinion) = (Begun::default(), Begun::default(), Begun::default());
    let all: Vec<Box<dyn Source>> = vec![Box::new(&mut first), Box::new(&mut next)];
    let mut chain = SourceChain::new(all).with_cross_check(&mut opinion);
    let clock = FakeClock::default();
    for _ in 0..2 {
        let deadline = Deadline::new(&clock, NO_RETRY.timeout);
        let spec = spec(Expectation::Listening, &["443"], 1);
        run_check(&spec, &mut chain, &mut NoRequirements, NO_RETRY, deadline);
    }
    drop(chain);
    assert_eq!([first.0, next.0, opinion.0], [2; 3]);
}

/// A name that is away from the second to the tenth time that it is looked up.
struct Away(u32);

impl Requirements for Away {
    fn any(&self) -> bool {
        false
    }

    fn look_up_names(&mut self) -> Result<Option<Ingress>, SetupError> {
        self.0 += 1;
        match self.0 {
            2..=10 => Err(SetupError::NoSuch("there is no interface d0".to_owned())),
            _ => Ok(None),
        }
    }

    fn compliance(&mut self, _: &Listener) -> Compliance {
        Compliance::Compliant
    }
}

#[test]
fn a_look_before_a_name_was_missing_does_not_count_for_a_no() {
    let timing = Timing {
        retry_for: Duration::from_millis(100),
        ..NO_RETRY
    };
    let mut source = [Played::new(&[Say::Nothing])];
    let wanted = Expectation::Listening;
    let (outcome, _) = run_for(wanted, &mut Away(0), &mut source, None, timing);
    assert_eq!(word(&outcome), "not");
    let asked: Vec<u128> = source[0].asked.iter().map(Duration::as_millis).collect();
    assert_eq!(asked, [0, 100, 101]);
}
