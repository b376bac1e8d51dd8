//! Listeners that come in one after the other, and what is made of them.

use super::super::{NoRequirements, Violation, Vrf};
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
            None => Compliance::Unknown(Doubt::new("unknown")),
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
        survey.begin();
        for listener in listeners {
            if survey.see(listener, &mut EmptyQueue).is_break() {
                break;
            }
        }
        survey.conclude();
        let answer = survey.answers(None)[0].1.clone();
        let is_settled = matches!(answer, Answer::Listening(_));
        assert_eq!(survey.is_settled(), is_settled);
        assert_eq!(survey.has_settled(target.parse().unwrap()), is_settled);
        match &answer {
            Answer::Listening(listener) => listener.to_string(),
            Answer::Violates(_, violation) => violation.why().to_owned(),
            Answer::NotListening => "not".to_owned(),
            Answer::CouldNotTell(doubt) => doubt.to_string(),
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
fn for_a_port_and_among_equals_one_that_is_fit_is_enough() {
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
fn without_demands_the_first_listener_settles_and_later_looks_keep_it() {
    let mut survey = Survey::new(["192.0.2.10:443".parse().unwrap()], None, 1);
    assert!(
        survey
            .see(&on("0.0.0.0", None), &mut NoRequirements)
            .is_break()
    );
    survey.begin();
    assert!(survey.is_settled() && survey.unseen().is_empty());
    survey.reopen();
    assert!(!survey.is_settled() && !survey.unseen().is_empty());
}

#[test]
fn a_look_forgets_what_an_earlier_one_has_shown_of_open_targets() {
    let mut survey = Survey::new(["443".parse().unwrap()], None, 1);
    let _ = survey.see(&on("0.0.0.0", Some(1)), &mut EmptyQueue);
    assert!(matches!(survey.answers(None)[0].1, Answer::Violates(..)));
    survey.begin();
    assert_eq!(survey.answers(None)[0].1, Answer::NotListening);
}

/// What comes of it when another source shows this listener and this one has shown those.
fn adopted(target: &str, shown: &[Listener], other: &Listener) -> Answer {
    let mut survey = Survey::new([target.parse().unwrap()], Some(Entrance::by(2)), 1);
    let mut second = survey.clone();
    for listener in shown {
        let _ = survey.see(listener, &mut EmptyQueue);
    }
    let _ = second.see(other, &mut EmptyQueue);
    second.conclude();
    survey.adopt(&second);
    survey.answers(None)[0].1.clone()
}

#[test]
fn what_only_another_source_shows_is_adopted_with_its_flaws_and_doubts() {
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
            Answer::Violates(..) => "unfit",
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
fn what_a_source_knows_not_to_serve_a_target_is_not_adopted_for_it_beside_another_on_the_port() {
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
    let _ = survey.see(&v6only, &mut NoRequirements);
    let mut second = survey.clone();
    second.begin();
    let _ = second.see(&unknown, &mut NoRequirements);
    assert_eq!(survey.adopt(&second), []);
    assert_eq!(survey.answers(None)[1].1, Answer::NotListening);
}

#[test]
fn the_ports_that_are_wanted_are_those_of_open_targets_each_once() {
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
    assert!(survey.see(&of(443), &mut NoRequirements).is_continue());
    assert_eq!(survey.ports_wanted(Protocol::Tcp, Family::V4), [22, 8080]);
    // Enough for two is enough.
    let mut survey = Survey::new(targets, None, 2);
    assert!(survey.see(&of(443), &mut NoRequirements).is_break());
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
    assert!(survey.see(&udp, &mut NoRequirements).is_continue());
    assert_eq!(survey.unseen(), [targets[0], targets[2]]);
    survey.shortcut_found(targets[2], &Listener::at([0, 0, 0, 0], 443));
    assert_eq!(survey.unseen(), [targets[0], targets[2]]);
}

#[test]
fn the_kernel_is_asked_which_of_several_is_found_only_where_the_device_is_known() {
    let contested = |target: &str, entrance: Option<u32>, listeners: &[Listener]| {
        let target = target.parse().unwrap();
        let mut survey = Survey::new([target], entrance.map(Entrance::by), 1);
        survey.begin();
        for listener in listeners {
            let _ = survey.see(listener, &mut EmptyQueue);
        }
        survey.conclude();
        let asked = survey.contested();
        assert!(asked.iter().all(|connection| connection.target == target));
        let devices = asked.iter().map(|connection| connection.interface);
        devices.collect::<Vec<_>>()
    };
    let full = on("0.0.0.0", Some(9));
    let fit = |device: u32| on_device("0.0.0.0", Device::Index(device), 0);
    for (target, entrance, listeners, expected) in [
        (
            "192.0.2.1:443",
            Some(2),
            vec![full.clone(), fit(2)],
            vec![Some(2)],
        ),
        // Which device it comes in by hangs on the address.
        ("192.0.2.1:443", None, vec![full.clone(), fit(2)], vec![]),
        (
            "127.0.0.1:443",
            None,
            vec![full.clone(), fit(1)],
            vec![Some(1)],
        ),
        // Nothing is bound to a device: the two are of different groups all the same.
        (
            "192.0.2.1:443",
            None,
            vec![on("::", Some(0)), on("::ffff:0.0.0.0", Some(9))],
            vec![None],
        ),
        // They agree.
        ("192.0.2.1:443", Some(2), vec![full.clone()], vec![]),
        ("443", Some(2), vec![full.clone(), fit(2)], vec![]),
    ] {
        let asked = contested(target, entrance, &listeners);
        assert_eq!(asked, expected, "{target} {entrance:?} {listeners:?}");
    }
}

#[test]
fn a_listener_matters_to_the_targets_on_its_port_alone() {
    let target: Target = "443".parse().unwrap();
    let mut survey = Survey::new([target], None, 1);
    let other = Listener::at([0, 0, 0, 0], 80);
    assert!(survey.see(&other, &mut NoRequirements).is_continue());
    assert_eq!(survey.unseen(), [target]);
    assert!(!survey.has_settled(target));
}

/// By these devices, which are enslaved to the VRF 7; `accept` is tcp_l3mdev_accept.
fn in_a_vrf(enslaved: &[u32], accept: Option<bool>) -> Option<Entrance> {
    let vrf = Some(Vrf {
        enslaved: enslaved.to_vec(),
        tcp_accept: accept,
        udp_accept: None,
    });
    Some(Entrance { device: 7, vrf })
}

fn on_device(address: &str, device: Device, length: u32) -> Listener {
    Listener {
        device,
        ..on(address, Some(length))
    }
}

fn word(answer: &Answer) -> String {
    match answer {
        Answer::Listening(listener) => format!("{listener} {:?}", listener.device),
        Answer::Violates(..) => "unfit".to_owned(),
        Answer::NotListening => "not".to_owned(),
        Answer::CouldNotTell(doubt) => doubt.to_string(),
        Answer::NotChecked => "not checked".to_owned(),
    }
}

const ADDRESS: &str = "192.0.2.10:443";
const OUTSIDE: &str = "192.0.2.10:443 listens outside the VRF, but whether that counts \
                       (net.ipv4.tcp_l3mdev_accept) is not known";

#[test]
fn where_it_is_not_known_whether_one_outside_the_vrf_is_found_one_on_it_will_do() {
    let outside = on_device("192.0.2.10", Device::Any, 0);
    let inside = on_device("0.0.0.0", Device::Index(7), 0);
    let look = |accept, listeners: &[&Listener]| {
        let target = ADDRESS.parse().unwrap();
        let mut survey = Survey::new([target], in_a_vrf(&[2], accept), 1);
        for listener in listeners {
            let _ = survey.see(listener, &mut NoRequirements);
        }
        survey.conclude();
        word(&survey.answers(None)[0].1)
    };
    let found = "0.0.0.0:443 Index(7)";
    for (accept, alone) in [
        (Some(true), "192.0.2.10:443 Any"),
        (Some(false), "not"),
        (None, OUTSIDE),
    ] {
        assert_eq!(look(accept, &[&outside]), alone, "{accept:?}");
        assert_eq!(look(accept, &[&inside]), found, "{accept:?}");
    }
    for accept in [Some(false), None] {
        for both in [[&outside, &inside], [&inside, &outside]] {
            assert_eq!(look(accept, &both), found, "{accept:?}");
        }
    }
}

/// What the kernel's own lookup makes of what a look has shown: its listener, and the device it was asked about.
fn looked_up(
    entrance: &Option<Entrance>,
    seen: &[Listener],
    (found, asked): (&Listener, u32),
) -> String {
    let target: Target = ADDRESS.parse().unwrap();
    let mut survey = Survey::new([target], entrance.clone(), 1);
    for listener in seen {
        let _ = survey.see(listener, &mut EmptyQueue);
    }
    let connection = Connection::to(target, Some(asked)).unwrap();
    survey.found(connection, found, &mut EmptyQueue);
    word(&survey.answers(None)[0].1)
}

#[test]
fn the_kernel_s_yes_counts_in_a_vrf_where_a_connection_would_find_the_listener() {
    let at = |device| on_device("192.0.2.10", device, 0);
    let [unbound, enslaved, vrf] = [Device::Any, Device::Index(2), Device::Index(7)].map(at);
    let (inside, itself) = (in_a_vrf(&[2], Some(false)), in_a_vrf(&[], Some(false)));
    for (entrance, found, asked, expected) in &[
        (inside.clone(), &vrf, 7, "192.0.2.10:443 Index(7)"),
        (inside.clone(), &enslaved, 2, "192.0.2.10:443 Index(2)"),
        (inside.clone(), &unbound, 7, "not"),
        (inside.clone(), &unbound, 2, "not"),
        (itself.clone(), &vrf, 7, "192.0.2.10:443 Index(7)"),
        (itself.clone(), &unbound, 7, "not"),
        (in_a_vrf(&[], Some(true)), &unbound, 7, "192.0.2.10:443 Any"),
        // The VRF may have a better one.
        (in_a_vrf(&[2], Some(true)), &unbound, 2, "not"),
        (in_a_vrf(&[2], None), &unbound, 7, OUTSIDE),
    ] {
        let text = looked_up(entrance, &[], (found, *asked));
        assert_eq!(text, *expected, "{entrance:?}, {found:?}");
    }
    // A BPF program sends connections where it likes.
    let elsewhere = Listener {
        port: 8443,
        ..unbound
    };
    let text = looked_up(&inside, &[], (&elsewhere, 7));
    assert_eq!(text, "192.0.2.10:8443 Any");
}

#[test]
fn between_the_vrf_and_the_device_the_kernel_s_own_lookup_does_not_choose() {
    let [enslaved, vrf] = [2, 7].map(|index| {
        let length = u32::from(index == 2); // the one on the device is unfit
        on_device("192.0.2.10", Device::Index(index), length)
    });
    let contested = "which of these listeners a connection would find is not known: ";
    for (found, asked) in [(&vrf, 7), (&enslaved, 2)] {
        let seen = [enslaved.clone(), vrf.clone()];
        let text = looked_up(&in_a_vrf(&[2], Some(false)), &seen, (found, asked));
        assert!(text.starts_with(contested), "{text}");
    }
    // What was missed counts as if it had been seen.
    let text = looked_up(
        &in_a_vrf(&[2], Some(false)),
        std::slice::from_ref(&enslaved),
        (&vrf, 7),
    );
    assert!(text.starts_with(contested), "{text}");
    let outside = on_device("192.0.2.10", Device::Any, 1);
    let seen = [outside, vrf.clone()];
    let text = looked_up(&in_a_vrf(&[2], Some(true)), &seen, (&vrf, 7));
    assert_eq!(text, "192.0.2.10:443 Index(7)");
}

#[test]
fn by_an_enslaved_device_both_are_asked_about() {
    let targets = ["443", ADDRESS, "127.0.0.1:443"].map(|text| text.parse().unwrap());
    for (entrance, expected) in [
        (None, vec![None, Some(1)]),
        (Some(Entrance::by(2)), vec![Some(2), Some(2)]),
        (in_a_vrf(&[], None), vec![Some(7), Some(7)]),
        (in_a_vrf(&[2, 3], None), vec![Some(7), Some(7)]),
        (in_a_vrf(&[2], None), vec![Some(7), Some(2), Some(7)]),
    ] {
        let survey = Survey::new(targets, entrance.clone(), 3);
        let devices = survey.connections_wanted().into_iter();
        let devices: Vec<_> = devices.map(|connection| connection.interface).collect();
        assert_eq!(devices, expected, "{entrance:?}");
    }
}
