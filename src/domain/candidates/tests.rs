//! The choice of the listener that decides, for each kind of difference between several listeners.

use std::net::IpAddr;

use super::super::ingress::Vrf;
use super::super::requirement::Violation;
use super::*;

fn on(address: &str, device: Device) -> Listener {
    Listener {
        v6only: Some(false),
        device,
        ..Listener::at(address.parse::<IpAddr>().unwrap(), 443)
    }
}

fn full() -> Compliance {
    Compliance::Violates(Violation::QueueTooLong("full".to_owned()))
}

fn unknown() -> Compliance {
    Compliance::Unknown(UnknownReason::new("why"))
}

const TARGET: &str = "192.0.2.1:443";

fn of(target: &str, listeners: &[(Listener, Compliance)]) -> Candidates {
    let target: Target = target.parse().unwrap();
    let mut candidates = Candidates::default();
    for (listener, compliance) in listeners {
        candidates.add(listener, target.specificity(listener), compliance.clone());
    }
    candidates
}

/// The listener that decides and its compliance, or the doubt if several listeners are contested.
fn decided(target: &str, device: Option<u32>, listeners: &[(Listener, Compliance)]) -> String {
    match of(target, listeners).decide(target.parse().unwrap(), device.map(Ingress::via).as_ref()) {
        None => "none".to_owned(),
        Some(Decision::Agreed(listener, Compliance::Compliant)) => format!("{listener} ok"),
        Some(Decision::Agreed(listener, Compliance::Violates(_))) => format!("{listener} full"),
        Some(Decision::Agreed(listener, Compliance::Unknown(_))) => format!("{listener} ?"),
        Some(Decision::Ambiguous(_, reason)) => reason.to_string(),
    }
}

#[test]
fn the_best_member_decides_for_its_group() {
    let any = || on("192.0.2.1", Device::Any);
    for (members, expected) in [
        (vec![full(), unknown()], "192.0.2.1:443 ?"),
        (vec![unknown(), full()], "192.0.2.1:443 ?"),
        (vec![full(), Compliance::Compliant], "192.0.2.1:443 ok"),
        (vec![Compliance::Compliant, unknown()], "192.0.2.1:443 ok"),
        (vec![full(), full()], "192.0.2.1:443 full"),
        (vec![], "none"),
    ] {
        let members: Vec<_> = members.into_iter().map(|one| (any(), one)).collect();
        assert_eq!(decided(TARGET, None, &members), expected);
    }
    // Among equals the first stays, and its doubt is the one that is printed.
    let mut candidates = of(
        TARGET,
        &[(any(), Compliance::Unknown(UnknownReason::new("first")))],
    );
    let specificity = TARGET.parse::<Target>().unwrap().specificity(&any());
    candidates.add(&any(), specificity, unknown());
    let decision = candidates.decide(TARGET.parse().unwrap(), None).unwrap();
    let (_, compliance) = decision.into_compliance();
    assert_eq!(compliance, Compliance::Unknown(UnknownReason::new("first")));
}

#[test]
fn an_address_is_decided_by_the_most_specific_and_a_port_by_the_best_listener() {
    let listeners = [
        (on("0.0.0.0", Device::Any), Compliance::Compliant),
        (on("192.0.2.1", Device::Any), full()),
    ];
    assert_eq!(decided(TARGET, None, &listeners), "192.0.2.1:443 full");
    assert_eq!(decided("443", None, &listeners), "0.0.0.0:443 ok");
}

#[test]
fn equally_specific_listeners_that_differ_are_ambiguous_and_named() {
    let listeners = [
        (on("::ffff:0.0.0.0", Device::Any), Compliance::Compliant),
        (on("::", Device::Any), full()),
    ];
    assert_eq!(
        decided(TARGET, None, &listeners),
        "which of these listeners a connection would find is unknown: \
         [::ffff:0.0.0.0]:443 (as required), [::]:443 (queue too long)"
    );
    let alike = listeners.map(|(listener, _)| (listener, full()));
    assert!(decided(TARGET, None, &alike).ends_with(" full"));
}

#[test]
fn a_listener_on_a_device_decides_only_for_that_device() {
    let listeners = [
        (on("0.0.0.0", Device::Any), Compliance::Compliant),
        (on("0.0.0.0", Device::Index(7)), full()),
    ];
    let contested = "which of these listeners a connection would find is unknown: 0.0.0.0:443 (as required), \
                     0.0.0.0:443 on device number 7 (queue too long)";
    for (interface, expected) in [
        (None, contested),
        (Some(7), contested),
        (Some(8), "0.0.0.0:443 ok"),
    ] {
        assert_eq!(
            decided(TARGET, interface, &listeners),
            expected,
            "{interface:?}"
        );
    }
    let specific = [
        (on("0.0.0.0", Device::Any), full()),
        (on("192.0.2.1", Device::Index(7)), Compliance::Compliant),
    ];
    assert_eq!(decided(TARGET, Some(7), &specific), "192.0.2.1:443 ok");
    assert_eq!(decided(TARGET, Some(8), &specific), "0.0.0.0:443 full");
    assert!(decided(TARGET, None, &specific).starts_with("which of"));
}

#[test]
fn outranks_table() {
    let outranks = |known: &(Listener, Compliance), other: &Listener| {
        let specificity = TARGET.parse::<Target>().unwrap().specificity(other);
        of(TARGET, std::slice::from_ref(known)).outranks(other, specificity)
    };
    let ok = |address, device| (on(address, device), Compliance::Compliant);
    let bad = |address, device| (on(address, device), full());
    for (known, other, expected) in [
        // The same group: a compliant listener cannot be outdone.
        (ok("0.0.0.0", Device::Any), on("0.0.0.0", Device::Any), true),
        (
            bad("0.0.0.0", Device::Any),
            on("0.0.0.0", Device::Any),
            false,
        ),
        (
            ok("0.0.0.0", Device::Any),
            on("0.0.0.0", Device::Index(7)),
            false,
        ),
        (
            ok("::ffff:0.0.0.0", Device::Any),
            on("::", Device::Any),
            false,
        ),
        (ok("0.0.0.0", Device::Any), on("::", Device::Any), true),
        // More specific, and reachable through every device through which the other is reachable.
        (
            bad("192.0.2.1", Device::Any),
            on("0.0.0.0", Device::Any),
            true,
        ),
        (
            bad("192.0.2.1", Device::Unknown),
            on("0.0.0.0", Device::Any),
            true,
        ),
        // Its compliance is unknown, perhaps even whether a connection finds it.
        (
            (on("192.0.2.1", Device::Any), unknown()),
            on("0.0.0.0", Device::Any),
            false,
        ),
        (
            bad("192.0.2.1", Device::Index(7)),
            on("0.0.0.0", Device::Index(7)),
            true,
        ),
        (
            bad("192.0.2.1", Device::Index(7)),
            on("0.0.0.0", Device::Any),
            false,
        ),
        (
            bad("192.0.2.1", Device::Index(7)),
            on("0.0.0.0", Device::Index(8)),
            false,
        ),
        (
            bad("0.0.0.0", Device::Any),
            on("192.0.2.1", Device::Any),
            false,
        ),
    ] {
        assert_eq!(outranks(&known, &other), expected, "{known:?} {other:?}");
    }
}

#[test]
fn a_kernel_lookup_retains_only_the_group_of_its_listener() {
    let listeners = [
        (on("0.0.0.0", Device::Any), Compliance::Compliant),
        (on("::", Device::Any), full()),
        (on("::ffff:0.0.0.0", Device::Any), unknown()),
    ];
    for (found, known, expected) in [
        ("0.0.0.0", true, "0.0.0.0:443 ok"),
        ("::", true, "[::]:443 full"),
        ("::ffff:0.0.0.0", false, "[::ffff:0.0.0.0]:443 ?"),
        ("192.0.2.1", false, "none"),
    ] {
        let mut candidates = of(TARGET, &listeners);
        assert_eq!(
            candidates.retain_group_of(&on(found, Device::Any)),
            known,
            "{found}"
        );
        let left: Vec<_> = candidates
            .0
            .into_iter()
            .map(|one| (one.listener, one.compliance))
            .collect();
        assert_eq!(decided(TARGET, None, &left), expected);
    }
}

#[test]
fn a_udp_socket_that_meets_the_requirements_does_not_hide_another_on_its_address() {
    let socket = |inode| Listener {
        protocol: Protocol::Udp,
        inode: Some(inode),
        ..on("127.0.0.1", Device::Any)
    };
    let target: Target = "udp:127.0.0.1:443".parse().unwrap();
    let specificity = target.specificity(&socket(1));
    let mut candidates = Candidates::default();
    candidates.add(&socket(1), specificity, Compliance::Compliant);
    assert!(!candidates.outranks(&socket(2), specificity));
    candidates.add(&socket(2), specificity, full());
    // A third socket changes nothing: with two that differ, the kernel's own lookup decides.
    assert!(candidates.outranks(&socket(3), specificity));
}

#[test]
fn kernel_lookups_decide_between_udp_sockets_on_one_address() {
    let socket = |address: &str, inode| Listener {
        protocol: Protocol::Udp,
        inode: Some(inode),
        ..on(address, Device::Any)
    };
    let target = "udp:127.0.0.1:443";
    let seen = [
        (socket("127.0.0.1", 1), Compliance::Compliant),
        (socket("::ffff:127.0.0.1", 2), full()),
    ];
    assert_eq!(
        decided(target, None, &seen),
        "which of these sockets a datagram would reach is unknown: \
         127.0.0.1:443 (several sockets, not all of them as required)"
    );
    // A lookup that finds a socket elsewhere says nothing about them.
    let mut candidates = of("udp:443", &seen);
    candidates.resolve(&socket("0.0.0.0", 3), false, full);
    let mixed: Vec<_> = candidates.mixed().map(|one| one.inode).collect();
    assert_eq!(mixed, [Some(1)]);
    for (is_group, compliance, expected) in [
        (false, Compliance::Compliant, "ok"),
        (false, full(), "full"),
        (true, Compliance::Compliant, "ok"),
        // The better socket could be a member of the group, or get nothing.
        (true, full(), "contested"),
        (true, unknown(), "contested"),
    ] {
        let mut candidates = of(target, &seen);
        candidates.resolve(&socket("127.0.0.1", 2), is_group, || compliance.clone());
        let decision = candidates.decide(target.parse().unwrap(), None);
        let end = match decision.unwrap() {
            Decision::Agreed(_, Compliance::Compliant) => "ok",
            Decision::Agreed(..) => "full",
            Decision::Ambiguous(..) => "contested",
        };
        assert_eq!(end, expected, "{is_group} {compliance:?}");
    }
}

#[test]
fn any_is_bound_is_true_only_for_a_known_device() {
    for (device, bound) in [
        (Device::Any, false),
        (Device::Unknown, false),
        (Device::Index(7), true),
    ] {
        assert_eq!(
            of(TARGET, &[(on("0.0.0.0", device), full())]).any_is_bound(),
            bound
        );
    }
}

#[test]
fn in_a_vrf_all_enslaved_devices_must_agree() {
    let by = |enslaved: &[u32]| {
        let enslaved = enslaved.to_vec();
        let vrf = Some(Vrf {
            enslaved,
            tcp_accept: Some(true),
            udp_accept: None,
        });
        Ingress { device: 7, vrf }
    };
    let decided =
        |listeners: &[(Listener, Compliance)], enslaved: &[u32]| match of(TARGET, listeners)
            .decide(TARGET.parse().unwrap(), Some(&by(enslaved)))
        {
            Some(Decision::Agreed(listener, compliance)) => {
                format!("{listener} {}", order(&compliance))
            }
            Some(Decision::Ambiguous(..)) => "contested".to_owned(),
            None => "none".to_owned(),
        };
    let on_two = (on("192.0.2.1", Device::Index(2)), full());
    let on_vrf = (on("0.0.0.0", Device::Index(7)), Compliance::Compliant);
    let both = [on_two.clone(), on_vrf.clone()];
    for (enslaved, expected) in [
        (&[2][..], "192.0.2.1:443 0"),
        (&[3], "0.0.0.0:443 2"),
        (&[2, 3], "contested"),
        (&[], "0.0.0.0:443 2"),
    ] {
        assert_eq!(decided(&both, enslaved), expected, "{enslaved:?}");
    }
    // Every connection comes in through the device 2, so the one on it decides.
    let outside = (on("0.0.0.0", Device::Any), Compliance::Compliant);
    assert_eq!(decided(&[on_two, outside], &[2]), "192.0.2.1:443 0");
    let outside = (on("0.0.0.0", Device::Any), full());
    for listeners in [[outside.clone(), on_vrf.clone()], [on_vrf, outside]] {
        assert_eq!(decided(&listeners, &[2]), "contested");
    }
}
