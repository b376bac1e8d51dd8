//! What must hold whatever is put in.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU16;

use listenup::domain::{
    Answer, Endpoint, Expectation, Family, Listener, Protocol, Survey, Target, UnknownReason,
    Verdict, Violation,
};
use proptest::prelude::*;

/// Any target: a port, or an address of either family and a port, of either protocol.
fn target() -> impl Strategy<Value = Target> {
    (1_u16.., any::<Option<(bool, u128)>>(), any::<bool>())
        .prop_map(|(port, address, udp)| {
            let port = NonZeroU16::new(port).unwrap();
            let endpoint = match address {
                None => Endpoint::Port(port),
                Some((true, bits)) => {
                    Endpoint::Address(Ipv4Addr::from_bits(bits as u32).into(), port)
                }
                Some((false, bits)) => {
                    Endpoint::Address(IpAddr::from(Ipv6Addr::from_bits(bits)).to_canonical(), port)
                }
            };
            let protocol = match udp {
                true => Protocol::Udp,
                false => Protocol::Tcp,
            };
            Target { protocol, endpoint }
        })
        .prop_filter("nothing connects there", |target| match target.endpoint {
            Endpoint::Address(address, _) => {
                !address.is_multicast() && address != Ipv4Addr::BROADCAST
            }
            Endpoint::Port(_) => true,
        })
}

fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        Just(Answer::NotListening),
        Just(Answer::CouldNotTell(UnknownReason::new("why"))),
        Just(listening()),
        Just(unfit(Violation::QueueTooLong)),
        Just(unfit(Violation::WrongOwner)),
    ]
}

fn listening() -> Answer {
    Answer::Listening(Listener::at(Ipv4Addr::UNSPECIFIED, 443))
}

fn unfit(violation: fn(String) -> Violation) -> Answer {
    Answer::RequirementFailed(
        Listener::at(Ipv4Addr::UNSPECIFIED, 443),
        violation("why".to_owned()),
    )
}

/// Every way in which the doubts of these answers could turn out.
fn resolutions(answers: &[Answer]) -> Vec<Vec<Answer>> {
    let mut all = vec![Vec::new()];
    for answer in answers {
        let choices = match answer {
            Answer::CouldNotTell(_) => vec![
                listening(),
                Answer::NotListening,
                unfit(Violation::QueueTooLong),
                unfit(Violation::WrongOwner),
            ],
            certain => vec![certain.clone()],
        };
        let extended = |known: &Vec<Answer>| {
            let known = known.clone();
            choices
                .clone()
                .into_iter()
                .map(move |choice| [&known[..], &[choice]].concat())
        };
        all = all.iter().flat_map(extended).collect();
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_target_prints_as_it_was_written(target in target()) {
        prop_assert_eq!(target.to_string().parse(), Ok(target));
    }

    #[test]
    fn a_printed_target_parses_to_the_same_target(text in "[0-9a-f:.*\\[\\]+ x-]{0,24}") {
        if let Ok(target) = text.parse::<Target>() {
            prop_assert_eq!(target.to_string().parse(), Ok(target));
            let port = target.port().to_string();
            prop_assert!(text.ends_with(&port), "{} is not {}", text, target);
        }
    }

    #[test]
    fn the_ports_wanted_are_those_of_the_targets_in_order(
        targets in prop::collection::vec(target(), 0..20)
    ) {
        let kinds = [Family::V4, Family::V6].map(|family| Protocol::ALL.map(|protocol| (protocol, family)));
        for (protocol, family) in kinds.into_iter().flatten() {
            let mut expected: Vec<u16> = targets
                .iter()
                .filter(|target| target.protocol == protocol && target.served_by_family(family))
                .map(Target::port)
                .collect();
            expected.sort_unstable();
            expected.dedup();
            prop_assert_eq!(Survey::new(targets.clone(), None, targets.len()).ports_wanted(protocol, family), expected);
        }
    }

    #[test]
    fn a_verdict_is_certain_if_every_resolution_of_unknowns_agrees(
        answers in prop::collection::vec(answer(), 1..6),
        needed in 1_usize..6,
        wanted in prop_oneof![Just(Expectation::Listening), Just(Expectation::Absent)],
    ) {
        let possible: Vec<Verdict> = resolutions(&answers)
            .iter()
            .map(|certain| Verdict::of(certain, needed, wanted))
            .collect();
        prop_assert!(!possible.contains(&Verdict::CouldNotTell));
        let verdict = Verdict::of(&answers, needed, wanted);
        let agreed = possible.iter().all(|one| one.is_healthy() == possible[0].is_healthy());
        prop_assert_eq!(verdict != Verdict::CouldNotTell, agreed);
        prop_assert!(!agreed || verdict.is_healthy() == possible[0].is_healthy());
        // Of the ways to be unwell, it is one that may be so.
        prop_assert!(!agreed || possible.contains(&verdict));
    }
}
