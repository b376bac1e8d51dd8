//! The kernel's own lookup before any dump.

use super::*;
use crate::domain::{Compliance, Ingress, SetupError, Target, Unreachable};

/// A source that knows what each address leads to, and has listeners besides.
struct LookedUp {
    /// Address of a connection, and where its listener is. `None`: the lookup fails.
    known: Option<Vec<(&'static str, Listener)>>,
    listeners: Vec<Listener>,
    lookups: usize,
    dumps: usize,
}

impl LookedUp {
    fn new(known: Option<Vec<(&'static str, Listener)>>) -> Self {
        Self {
            known,
            listeners: vec![listener("192.0.2.1")],
            lookups: 0,
            dumps: 0,
        }
    }
}

impl Source for LookedUp {
    fn name(&self) -> &'static str {
        "test"
    }

    fn listeners(
        &mut self,
        query: Query<'_>,
        visit: &mut dyn FnMut(&Listener) -> ControlFlow<()>,
    ) -> Result<(), SourceError> {
        self.dumps += 1;
        let of_family = |one: &&Listener| one.address.is_ipv4() == (query.family == Family::V4);
        let _ = self.listeners.iter().filter(of_family).try_for_each(visit);
        Ok(())
    }

    fn kernel_lookup(
        &mut self,
        connection: LookupKey,
        _: Deadline<'_>,
    ) -> Result<Option<Listener>, SourceError> {
        self.lookups += 1;
        let known = self.known.as_ref().ok_or(netlink::NetlinkError::NoAnswer)?;
        let mut known = known.iter();
        let found = known.find(|(address, _)| address.parse() == Ok(connection.address));
        Ok(found.map(|(_, listener)| listener.clone()))
    }
}

/// The answers, and how many lookups and dumps they took.
fn asked(source: &mut LookedUp, targets: &[&str]) -> (Vec<String>, usize, usize) {
    let clock = FakeClock::default();
    let spec = spec(Expectation::Listening, targets, targets.len());
    let sources = std::slice::from_mut(source);
    let outcome = judge_with(&clock, &spec, &mut NoRequirements, sources, None, NO_RETRY);
    let word = |(target, answer): &(Target, Answer)| match answer {
        Answer::Listening(listener) => format!("{target} {listener}"),
        other => format!("{target} {other:?}"),
    };
    let words = outcome.answers.iter().map(word).collect();
    (words, source.lookups, source.dumps)
}

#[test]
fn a_yes_of_the_lookup_settles_an_address_and_a_port() {
    let on = |address: &'static str| Some(vec![("127.0.0.1", listener(address))]);
    for (known, target, answer, lookups) in [
        (on("0.0.0.0"), "443", "443 0.0.0.0:443", 1),
        (
            on("127.0.0.1"),
            "127.0.0.1:443",
            "127.0.0.1:443 127.0.0.1:443",
            1,
        ),
        (
            Some(vec![("::1", listener("::1"))]),
            "443",
            "443 [::1]:443",
            2,
        ),
    ] {
        let mut source = LookedUp::new(known);
        let expected = (vec![answer.to_owned()], lookups, 0);
        assert_eq!(asked(&mut source, &[target]), expected);
    }
}

#[test]
fn a_listener_chosen_by_bpf_counts_except_for_a_wildcard() {
    let elsewhere = || Listener::at([127, 0, 0, 9], 8443);
    for (target, address) in [("443", "::1"), ("127.0.0.1:443", "127.0.0.1")] {
        let mut source = LookedUp::new(Some(vec![(address, elsewhere())]));
        let (answers, _, dumps) = asked(&mut source, &[target]);
        assert_eq!(
            (answers, dumps),
            (vec![format!("{target} 127.0.0.9:8443")], 0)
        );
        let gone = Listener {
            unreachable: Some(Unreachable::DeviceGone),
            ..elsewhere()
        };
        let mut source = LookedUp::new(Some(vec![(address, gone)]));
        assert!(asked(&mut source, &[target]).2 > 0);
    }
    let mut source = LookedUp::new(Some(vec![("0.0.0.0", elsewhere())]));
    let (answers, ..) = asked(&mut source, &["0.0.0.0:443"]);
    assert_eq!(answers, ["0.0.0.0:443 NotListening"]);
}

#[test]
fn a_no_or_an_error_of_the_lookup_leads_to_a_dump() {
    for known in [None, Some(vec![])] {
        let mut source = LookedUp::new(known);
        let (answers, lookups, dumps) = asked(&mut source, &["443"]);
        assert_eq!(
            (answers, lookups, dumps),
            (vec!["443 192.0.2.1:443".to_owned()], 2, 1)
        );
    }
}

#[test]
fn a_lookup_result_that_does_not_serve_the_wildcard_leads_to_a_dump() {
    let mut source = LookedUp::new(Some(vec![("0.0.0.0", listener("127.0.0.1"))]));
    let (_, _, dumps) = asked(&mut source, &["0.0.0.0:443"]);
    assert!(dumps > 0);
}

#[test]
fn more_than_six_targets_share_one_dump() {
    let targets: Vec<String> = (1..=7).map(|last| format!("127.0.0.{last}:443")).collect();
    let targets: Vec<&str> = targets.iter().map(String::as_str).collect();
    for (count, lookups, dumps) in [(6, 6, 0), (7, 0, 1)] {
        let known = targets.iter().map(|_| ());
        let all = known.zip(1..).map(|((), last)| {
            let address: &'static str = format!("127.0.0.{last}").leak();
            (address, listener("0.0.0.0"))
        });
        let mut source = LookedUp::new(Some(all.collect()));
        source.listeners = vec![listener("0.0.0.0")];
        let (answers, looked_up, dumped) = asked(&mut source, &targets[..count]);
        assert_eq!((answers.len(), looked_up, dumped), (count, lookups, dumps));
    }
}

#[test]
fn requirements_and_a_device_need_a_dump_before_any_lookup() {
    struct Any;
    impl Requirements for Any {
        fn any(&self) -> bool {
            true
        }
        fn compliance(&mut self, _: &Listener) -> Compliance {
            Compliance::Compliant
        }
    }
    let clock = FakeClock::default();
    let known = || Some(vec![("127.0.0.1", listener("0.0.0.0"))]);
    let plain = spec(Expectation::Listening, &["443"], 1);
    let mut source = [LookedUp::new(known())];
    judge_with(&clock, &plain, &mut Any, &mut source, None, NO_RETRY);
    // The lookups come after the dumps, for what a BPF program steers elsewhere.
    assert_eq!((source[0].lookups, source[0].dumps), (2, 2));

    struct ByLo;
    impl Requirements for ByLo {
        fn any(&self) -> bool {
            false
        }
        fn look_up_names(&mut self) -> Result<Option<Ingress>, SetupError> {
            Ok(Some(Ingress::via(1)))
        }
        fn compliance(&mut self, _: &Listener) -> Compliance {
            Compliance::Compliant
        }
    }
    let mut source = [LookedUp::new(None)];
    judge_with(&clock, &plain, &mut ByLo, &mut source, None, NO_RETRY);
    assert!(source[0].dumps > 0);
}
