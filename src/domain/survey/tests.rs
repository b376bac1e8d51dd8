//! Listeners that come in one after the other, and what is made of them.

mod vrf;

use super::super::{Device, NoRequirements, Violation};
use super::*;

/// Requirements that the listener's queue, which stands for all of them, is known and empty.
struct EmptyQueue;

impl Requirements for EmptyQueue {
    fn any(&self) -> bool {
        true
    }

    fn compliance(&mut self, listener: &Listener) -> Compliance {
        match listener.queue.map(|queue| queue.length) {
            Some(0) => Compliance::Compliant,
            Some(_) => Compliance::Violates(Violation::QueueTooLong("full".to_owned())),
            None => Compliance::Unknown(UnknownReason::new("unknown")),
        }
    }
}

fn on(address: &str, length: Option<u32>) -> Listener {
    Listener {
        v6only: Some(false),
        device: Device::Any,
        queue: length.map(|length| super::super::Queue {
            length,
            limit: None,
        }),
        ..Listener::at(address.parse::<IpAddr>().unwrap(), 443)
    }
}

/// What a complete look at these listeners, in this and in the other order, makes of a target.
#[track_caller]
fn answer(target: &str, listeners: &[Listener]) -> String {
    let look = |listeners: &mut dyn Iterator<Item = &Listener>| {
        let mut survey = Survey::new([target.parse().unwrap()], None, 1);
        survey.begin_look();
        for listener in listeners {
            if survey.observe(listener, &mut EmptyQueue).is_break() {
                break;
            }
        }
        survey.finish_pass();
        let answer = survey.answers(None)[0].1.clone();
        let is_settled = matches!(answer, Answer::Listening(_));
        assert_eq!(survey.is_settled(), is_settled);
        assert_eq!(survey.has_settled(target.parse().unwrap()), is_settled);
        match &answer {
            Answer::Listening(listener) => listener.to_string(),
            Answer::RequirementFailed(_, violation) => violation.why().to_owned(),
            Answer::NotListening => "not".to_owned(),
            Answer::CouldNotTell(reason) => reason.to_string(),
            Answer::NotChecked => "not checked".to_owned(),
        }
    };
    let there = look(&mut listeners.iter());
    assert_eq!(there, look(&mut listeners.iter().rev()));
    there
}

#[test]
fn for_an_address_the_most_specific_listener_decides() {
    let (well, full, unknown) = (Some(0), Some(1), None);
    for (specific, wildcard, expected) in [
        (well, full, "192.0.2.10:443"),
        (full, well, "full"),
        (unknown, well, "unknown"),
        (full, unknown, "full"),
    ] {
        let listeners = [
            on("192.0.2.10", specific),
            on("0.0.0.0", wildcard),
            on("::", well),
        ];
        assert_eq!(answer("192.0.2.10:443", &listeners), expected);
    }
    assert_eq!(
        answer("192.0.2.11:443", &[on("192.0.2.10", full), on("::", well)]),
        "[::]:443"
    );
    assert_eq!(
        answer("192.0.2.11:443", &[on("0.0.0.0", full), on("::", well)]),
        "full"
    );
}

#[test]
fn one_compliant_listener_is_enough_for_a_port_and_among_equals() {
    let (well, full, unknown) = (Some(0), Some(1), None);
    for (target, address) in [("443", "127.0.0.1"), ("127.0.0.1:443", "0.0.0.0")] {
        for (one, other, expected) in [
            (well, full, format!("{address}:443")),
            (well, unknown, format!("{address}:443")),
            (full, unknown, "unknown".to_owned()),
            (full, full, "full".to_owned()),
        ] {
            assert_eq!(
                answer(target, &[on(address, one), on(address, other)]),
                expected
            );
        }
    }
    assert_eq!(
        answer("443", &[on("127.0.0.1", full), on("0.0.0.0", well)]),
        "0.0.0.0:443"
    );
    assert_eq!(answer("443", &[]), "not");
}

#[test]
fn without_requirements_the_first_listener_settles_the_target() {
    let mut survey = Survey::new(["192.0.2.10:443".parse().unwrap()], None, 1);
    assert!(
        survey
            .observe(&on("0.0.0.0", None), &mut NoRequirements)
            .is_break()
    );
    survey.begin_look();
    assert!(survey.is_settled() && survey.missing_targets().is_empty());
}

#[test]
fn a_new_look_discards_listeners_elsewhere_on_the_port() {
    let mut survey = Survey::new(["192.0.2.10:443".parse().unwrap()], None, 1);
    survey.begin_look();
    let elsewhere = on("127.0.0.1", None);
    let _ = survey.observe(&elsewhere, &mut NoRequirements);
    assert_eq!(survey.elsewhere(), [elsewhere]);
    survey.begin_look();
    assert_eq!(survey.elsewhere(), []);
}

#[test]
fn a_new_look_discards_listeners_of_open_targets() {
    let mut survey = Survey::new(["443".parse().unwrap()], None, 1);
    let _ = survey.observe(&on("0.0.0.0", Some(1)), &mut EmptyQueue);
    assert!(matches!(
        survey.answers(None)[0].1,
        Answer::RequirementFailed(..)
    ));
    survey.begin_look();
    assert_eq!(survey.answers(None)[0].1, Answer::NotListening);
}

/// What comes of it when another source shows this listener and this one has shown those.
fn adopted(target: &str, shown: &[Listener], other: &Listener) -> Answer {
    let mut survey = Survey::new([target.parse().unwrap()], Some(Ingress::via(2)), 1);
    let mut second = survey.clone();
    for listener in shown {
        let _ = survey.observe(listener, &mut EmptyQueue);
    }
    let _ = second.observe(other, &mut EmptyQueue);
    second.finish_pass();
    survey.merge(&second);
    survey.answers(None)[0].1.clone()
}

#[test]
fn a_listener_of_the_cross_check_counts_with_its_compliance() {
    let on_device = |device, length| {
        let mut listener = on("0.0.0.0", length);
        listener.device = device;
        listener
    };
    let (second, third) = (Device::Index(2), Device::Index(3));
    for (other, expected) in [
        (on_device(second, Some(0)), "listening"),
        (on_device(second, Some(1)), "unfit"),
        (on_device(second, None), "could not tell"),
        (on_device(Device::Unknown, Some(0)), "could not tell"),
        (on_device(third, Some(0)), "not listening"),
    ] {
        let word = match adopted("443", &[], &other) {
            Answer::Listening(_) => "listening",
            Answer::RequirementFailed(..) => "unfit",
            Answer::NotListening => "not listening",
            Answer::CouldNotTell(_) => "could not tell",
            Answer::NotChecked => "not checked",
        };
        assert_eq!(word, expected, "{other:?}");
    }
    // The source has shown it itself, and knows that it is bound to another device.
    let known = on_device(third, Some(0));
    let doubtful = on_device(Device::Unknown, Some(0));
    assert_eq!(adopted("443", &[known], &doubtful), Answer::NotListening);
}

#[test]
fn a_listener_known_not_to_serve_a_target_is_not_merged_from_the_cross_check() {
    let v6only = Listener {
        v6only: Some(true),
        ..on("::", None)
    };
    let unknown = Listener {
        v6only: None,
        ..on("::", None)
    };
    let targets = ["443", "127.0.0.1:443"].map(|target| target.parse().unwrap());
    let mut survey = Survey::new(targets, None, 2);
    let _ = survey.observe(&v6only, &mut NoRequirements);
    let mut second = survey.clone();
    second.begin_look();
    let _ = second.observe(&unknown, &mut NoRequirements);
    assert_eq!(survey.merge(&second), []);
    assert_eq!(survey.answers(None)[1].1, Answer::NotListening);
}

#[test]
fn ports_wanted_has_each_port_of_an_open_target_once() {
    let targets = ["443", "127.0.0.1:443", "[::1]:80", "22", "8080"];
    let targets = targets.map(|text| text.parse::<Target>().unwrap());
    let mut survey = Survey::new(targets, None, 5);
    assert_eq!(
        survey.ports_wanted(Protocol::Tcp, Family::V4),
        [22, 443, 8080]
    );
    assert_eq!(
        survey.ports_wanted(Protocol::Tcp, Family::V6),
        [22, 80, 443, 8080]
    );
    let of = |port| Listener::at([0, 0, 0, 0], port);
    assert!(survey.observe(&of(443), &mut NoRequirements).is_continue());
    assert_eq!(survey.ports_wanted(Protocol::Tcp, Family::V4), [22, 8080]);
    // Enough for two is enough.
    let mut survey = Survey::new(targets, None, 2);
    assert!(survey.observe(&of(443), &mut NoRequirements).is_break());
    assert!(survey.ports_wanted(Protocol::Tcp, Family::V4).is_empty() && survey.is_settled());
}

#[test]
fn the_same_port_of_both_protocols_is_two_targets() {
    let targets = ["53", "udp:53", "udp:443"].map(|text| text.parse::<Target>().unwrap());
    let mut survey = Survey::new(targets, None, 3);
    assert_eq!(survey.ports_wanted(Protocol::Tcp, Family::V4), [53]);
    assert_eq!(survey.ports_wanted(Protocol::Udp, Family::V4), [53, 443]);
    let udp = Listener {
        protocol: Protocol::Udp,
        ..Listener::at([0, 0, 0, 0], 53)
    };
    assert!(survey.observe(&udp, &mut NoRequirements).is_continue());
    assert_eq!(survey.missing_targets(), BTreeSet::from([0, 2]));
    survey.exact_hit(targets[2], &Listener::at([0, 0, 0, 0], 443));
    assert_eq!(survey.missing_targets(), BTreeSet::from([0, 2]));
}

#[test]
fn the_kernel_chooses_between_several_listeners_only_if_the_device_is_known() {
    let full = on("0.0.0.0", Some(9));
    let fit = |device: u32| on_device("0.0.0.0", Device::Index(device), 0);
    for (target, ingress, listeners, asked, end) in [
        (
            "192.0.2.1:443",
            Some(2),
            vec![full.clone(), fit(2)],
            vec![Some(2)],
            "full",
        ),
        // Which device it comes in by depends on the address.
        (
            "192.0.2.1:443",
            None,
            vec![full.clone(), fit(2)],
            vec![None],
            "which of",
        ),
        (
            "127.0.0.1:443",
            None,
            vec![full.clone(), fit(1)],
            vec![Some(1)],
            "full",
        ),
        // Nothing is bound to a device, and yet the two are of different groups.
        (
            "192.0.2.1:443",
            None,
            vec![full.clone(), on("::ffff:0.0.0.0", Some(0))],
            vec![None],
            "full",
        ),
        // For a port any listener is enough, and the kernel is asked whether a BPF program steers connections elsewhere.
        (
            "443",
            Some(2),
            vec![full.clone(), fit(2)],
            vec![Some(2); 2],
            "0.0.0.0:443",
        ),
    ] {
        let target: Target = target.parse().unwrap();
        let mut survey = Survey::new([target], ingress.map(Ingress::via), 1);
        survey.begin_look();
        for listener in &listeners {
            let _ = survey.observe(listener, &mut EmptyQueue);
        }
        let connections = survey.deciding_lookups();
        let devices = connections.iter().map(|connection| connection.interface);
        assert_eq!(devices.collect::<Vec<_>>(), asked, "{target} {listeners:?}");
        for connection in connections {
            survey.found(connection, std::slice::from_ref(&full), &mut EmptyQueue);
        }
        survey.finish_pass();
        let text = match &survey.answers(None)[0].1 {
            Answer::Listening(listener) => listener.to_string(),
            Answer::RequirementFailed(_, violation) => violation.why().to_owned(),
            Answer::CouldNotTell(reason) => reason.to_string(),
            other => format!("{other:?}"),
        };
        assert!(text.starts_with(end), "{target} {listeners:?}: {text}");
    }
}

#[test]
fn one_udp_socket_gets_everything_and_several_are_a_group_as_tcp_listeners_are() {
    for (target, found, expected) in [
        ("udp:127.0.0.1:443", vec![1], "full"),
        ("udp:127.0.0.1:443", vec![0, 1], "127.0.0.1:443"),
        ("127.0.0.1:443", vec![1], "127.0.0.1:443"),
        ("127.0.0.1:443", vec![0], "127.0.0.1:443"),
    ] {
        let target: Target = target.parse().unwrap();
        let socket = |length: u32| Listener {
            protocol: target.protocol,
            inode: Some(u64::from(length) + 1),
            ..on("127.0.0.1", Some(length))
        };
        let mut survey = Survey::new([target], None, 1);
        for listener in [socket(0), socket(1)] {
            let _ = survey.observe(&listener, &mut EmptyQueue);
        }
        let found: Vec<_> = found.into_iter().map(socket).collect();
        let key = LookupKey::to(target, Some(1)).unwrap();
        survey.found(key, &found, &mut EmptyQueue);
        survey.finish_pass();
        let text = match &survey.answers(None)[0].1 {
            Answer::Listening(listener) => listener.to_string(),
            Answer::RequirementFailed(_, violation) => violation.why().to_owned(),
            other => format!("{other:?}"),
        };
        assert_eq!(text, expected, "{target} {found:?}");
    }
}

#[test]
fn for_a_port_without_a_listener_what_the_kernel_finds_counts_if_the_device_is_right() {
    let target: Target = "443".parse().unwrap();
    for (device, ingress, listens) in [
        (Device::Any, None, true),
        (Device::Index(2), Some(Ingress::via(2)), true),
        (Device::Index(3), Some(Ingress::via(2)), false),
    ] {
        let mut survey = Survey::new([target], ingress, 1);
        let keys = survey.pending_lookups();
        assert_eq!(keys.len(), 2);
        let found = [on_device("0.0.0.0", device, 0)];
        survey.found(keys[0], &found, &mut EmptyQueue);
        assert_eq!(survey.is_settled(), listens, "{device:?}");
    }
}

#[test]
fn a_listener_counts_only_for_targets_on_its_port() {
    let target: Target = "443".parse().unwrap();
    let mut survey = Survey::new([target], None, 1);
    let other = Listener::at([0, 0, 0, 0], 80);
    assert!(survey.observe(&other, &mut NoRequirements).is_continue());
    assert_eq!(survey.missing_targets(), BTreeSet::from([0]));
    assert!(!survey.has_settled(target));
}

fn on_device(address: &str, device: Device, length: u32) -> Listener {
    Listener {
        device,
        ..on(address, Some(length))
    }
}
