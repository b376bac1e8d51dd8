//! Listeners in VRFs and outside, and what the kernel's own lookup says of them.

use super::super::super::{Device, Vrf};
use super::*;

/// By these devices, which are enslaved to the VRF 7; `accept` is tcp_l3mdev_accept.
fn in_a_vrf(enslaved: &[u32], accept: Option<bool>) -> Option<Ingress> {
    let vrf = Some(Vrf {
        enslaved: enslaved.to_vec(),
        tcp_accept: accept,
        udp_accept: None,
    });
    Some(Ingress { device: 7, vrf })
}

fn word(answer: &Answer) -> String {
    match answer {
        Answer::Listening(listener) => format!("{listener} {:?}", listener.device),
        Answer::RequirementFailed(..) => "unfit".to_owned(),
        Answer::NotListening => "not".to_owned(),
        Answer::CouldNotTell(reason) => reason.to_string(),
        Answer::NotChecked => "not checked".to_owned(),
    }
}

const ADDRESS: &str = "192.0.2.10:443";
const OUTSIDE: &str = "192.0.2.10:443 listens outside the VRF, but whether that counts \
                       (net.ipv4.tcp_l3mdev_accept) is unknown";

#[test]
fn a_listener_on_the_vrf_settles_when_l3mdev_accept_is_unknown() {
    let outside = on_device("192.0.2.10", Device::Any, 0);
    let inside = on_device("0.0.0.0", Device::Index(7), 0);
    let look = |accept, listeners: &[&Listener]| {
        let target = ADDRESS.parse().unwrap();
        let mut survey = Survey::new([target], in_a_vrf(&[2], accept), 1);
        for listener in listeners {
            let _ = survey.observe(listener, &mut NoRequirements);
        }
        survey.finish_pass();
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
    ingress: &Option<Ingress>,
    seen: &[Listener],
    (found, asked): (&Listener, u32),
) -> String {
    let target: Target = ADDRESS.parse().unwrap();
    let mut survey = Survey::new([target], ingress.clone(), 1);
    for listener in seen {
        let _ = survey.observe(listener, &mut EmptyQueue);
    }
    let connection = LookupKey::to(target, Some(asked)).unwrap();
    survey.found(connection, std::slice::from_ref(found), &mut EmptyQueue);
    word(&survey.answers(None)[0].1)
}

#[test]
fn a_kernel_lookup_counts_in_a_vrf_only_if_the_listener_is_reachable() {
    let at = |device| on_device("192.0.2.10", device, 0);
    let [unbound, enslaved, vrf] = [Device::Any, Device::Index(2), Device::Index(7)].map(at);
    let (inside, itself) = (in_a_vrf(&[2], Some(false)), in_a_vrf(&[], Some(false)));
    for (ingress, found, asked, expected) in &[
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
        let text = looked_up(ingress, &[], (found, *asked));
        assert_eq!(text, *expected, "{ingress:?}, {found:?}");
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
fn a_kernel_lookup_does_not_choose_between_a_vrf_and_its_device() {
    let [enslaved, vrf] = [2, 7].map(|index| {
        let length = u32::from(index == 2); // the one on the device is unfit
        on_device("192.0.2.10", Device::Index(index), length)
    });
    let contested = "which of these listeners a connection would find is unknown: ";
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
fn through_an_enslaved_device_the_device_and_its_vrf_are_looked_up() {
    let targets = ["443", ADDRESS, "127.0.0.1:443"].map(|text| text.parse().unwrap());
    for (ingress, expected) in [
        // For the port two, to 127.0.0.1 and ::1.
        (None, vec![None, None, None, Some(1)]),
        (
            Some(Ingress::via(2)),
            vec![Some(2), Some(2), Some(2), Some(1)],
        ),
        (in_a_vrf(&[], None), vec![Some(7); 4]),
        (in_a_vrf(&[2, 3], None), vec![Some(7); 4]),
        (
            in_a_vrf(&[2], None),
            vec![Some(7), Some(7), Some(7), Some(2), Some(7)],
        ),
    ] {
        let survey = Survey::new(targets, ingress.clone(), 3);
        let devices = survey.pending_lookups().into_iter();
        let devices: Vec<_> = devices.map(|connection| connection.interface).collect();
        assert_eq!(devices, expected, "{ingress:?}");
    }
}
