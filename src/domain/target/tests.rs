use super::super::Unreachable;
use super::*;

fn listener(address: &str, v6only: Option<bool>) -> Listener {
    Listener {
        v6only,
        ..Listener::at(address.parse::<IpAddr>().unwrap(), 443)
    }
}

#[test]
fn the_four_forms_of_a_target_are_parsed_and_printed() {
    for (text, printed) in [
        ("443", "443"),
        ("*:443", "443"),
        ("1", "1"),
        ("65535", "65535"),
        ("192.0.2.10:443", "192.0.2.10:443"),
        ("0.0.0.0:443", "0.0.0.0:443"),
        ("[2001:db8::1]:443", "[2001:db8::1]:443"),
        ("[2001:0DB8:0::1]:443", "[2001:db8::1]:443"),
        ("[::]:443", "[::]:443"),
        ("[::ffff:192.0.2.10]:443", "192.0.2.10:443"),
        ("tcp:443", "443"),
        ("tcp:[::]:443", "[::]:443"),
        ("udp:53", "udp:53"),
        ("udp:*:53", "udp:53"),
        ("udp:192.0.2.10:53", "udp:192.0.2.10:53"),
        ("udp:[2001:0DB8::1]:53", "udp:[2001:db8::1]:53"),
    ] {
        assert_eq!(
            text.parse::<Target>().map(|target| target.to_string()),
            Ok(printed.to_owned()),
            "{text}"
        );
    }
}

#[test]
fn other_texts_are_refused_with_the_reason() {
    use TargetError::{
        Brackets, Empty, Group, NoAddress, NoConnections, NoPort, OtherProtocol, Port, Range,
        Service, Several, Url, V4, V6, Zeros, Zone,
    };
    let zeros = |port| Zeros(NonZeroU16::new(port).unwrap());
    for (text, error) in [
        ("", Empty),
        ("0", Port),
        ("00", Port),
        ("0443", zeros(443)),
        ("[::1]:0080", zeros(80)),
        ("065536", Port),
        ("65536", Port),
        ("99999999999999999999", Port),
        ("443x", Port),
        ("+443", Port),
        ("-443", Port),
        ("0x1bb", Port),
        ("4 43", Port),
        (" 443", Port),
        ("443 ", Port),
        ("443\n", Port),
        ("\u{664}\u{664}\u{663}", Port),
        ("\u{ff14}\u{ff14}\u{ff13}", Port),
        ("https", Service),
        ("*", Port),
        ("443,80", Several),
        ("192.0.2.10:443,192.0.2.11:443", Several),
        ("http://localhost:443", Url),
        ("https://[::1]:443/", Url),
        ("443-445", Range),
        ("udp:5000-5010", Range),
        ("127.0.0.1:80-90", Range),
        ("-443-445", Port),
        ("*:", Port),
        ("*:0", Port),
        ("*:https", Service),
        ("ms-sql-s", Service),
        (":443", NoAddress),
        ("localhost:443", V4),
        ("192.0.2:443", V4),
        ("192.0.2.256:443", V4),
        ("192.0.2.010:443", V4),
        (" 192.0.2.10:443", V4),
        ("192.0.2.10", NoPort),
        ("192.0.2.10:", Port),
        ("192.0.2.10: 443", Port),
        ("192.0.2.10:0", Port),
        ("192.0.2.10/24:443", V4),
        ("::", Brackets),
        ("::1", Brackets),
        ("::1:443", Brackets),
        ("2001:db8::1:443", Brackets),
        ("[::1]", NoPort),
        ("[::1]443", NoPort),
        ("[::1]:", Port),
        ("[::1]:0", Port),
        ("[::1", V6),
        ("[]:443", V6),
        ("[192.0.2.10]:443", V6),
        ("[fe80::1%eth0]:443", Zone),
        ("udp:[fe80::1%2]:53", Zone),
        ("[*]:443", V6),
        ("[[::1]]:443", V6),
        ("udp", Service),
        ("udp:", Port),
        ("tcp:", Port),
        ("udp:0", Port),
        ("udp:053", zeros(53)),
        ("udp:dns", Service),
        ("udp: 53", Port),
        ("UDP:53", V4),
        ("udp53", Service),
        ("udp/53", Port),
        ("53/udp", Port),
        ("53:udp", V4),
        ("udplite:53", V4),
        ("sctp:443", OtherProtocol),
        ("sctp:192.0.2.1:443", OtherProtocol),
        ("unix:/run/x.sock", OtherProtocol),
        ("224.0.0.1:443", NoConnections),
        ("239.255.255.255:443", NoConnections),
        ("255.255.255.255:443", NoConnections),
        ("[ff02::1]:443", NoConnections),
        ("[::ffff:224.0.0.1]:443", NoConnections),
        ("udp:224.0.0.251:5353", Group),
        ("udp:[ff15::99]:5355", Group),
        ("udp:tcp:53", V4),
        ("udp:udp:53", V4),
        ("udp:::1:53", Brackets),
        ("udp:[::1]", NoPort),
        ("udp:192.0.2.10", NoPort),
        ("udp://192.0.2.10:53", Url),
        ("udp:53,tcp:53", Several),
    ] {
        assert_eq!(text.parse::<Target>(), Err(error), "{text:?}");
    }
}

#[test]
fn an_error_says_what_is_wrong_and_what_was_expected() {
    for (text, said) in [
        ("", "it is empty; expected PORT"),
        (
            "0443",
            "leading zeros are not allowed: write 443; expected PORT",
        ),
        ("192.0.2.10", "the port is missing; expected PORT"),
    ] {
        let error = text.parse::<Target>().unwrap_err().to_string();
        assert!(error.starts_with(said), "{error}");
    }
}

#[test]
fn serves_table() {
    use Reachability::{No, Yes};
    const UNLESS_V6ONLY: Reachability = Reachability::Unless(Condition::V6only);
    // One row a listener; the columns are the targets.
    let targets = [
        "443",
        "127.0.0.1:443",
        "0.0.0.0:443",
        "[::1]:443",
        "[::]:443",
    ];
    for (address, v6only, expected) in [
        ("0.0.0.0", None, [Yes, Yes, Yes, No, No]),
        ("127.0.0.1", None, [Yes, Yes, No, No, No]),
        ("192.0.2.1", None, [Yes, No, No, No, No]),
        ("::", Some(false), [Yes, Yes, Yes, Yes, Yes]),
        ("::", Some(true), [Yes, No, No, Yes, Yes]),
        ("::", None, [Yes, UNLESS_V6ONLY, UNLESS_V6ONLY, Yes, Yes]),
        ("::1", Some(true), [Yes, No, No, Yes, No]),
        ("::1", Some(false), [Yes, No, No, Yes, No]),
        ("::ffff:127.0.0.1", Some(false), [Yes, Yes, No, No, No]),
        ("::ffff:0.0.0.0", Some(false), [Yes, Yes, Yes, No, No]),
    ] {
        for (target, expected) in targets.iter().zip(expected) {
            let target: Target = target.parse().unwrap();
            assert_eq!(
                target.served_by(&listener(address, v6only), None),
                expected,
                "{target} by {address} {v6only:?}"
            );
        }
    }
}

#[test]
fn a_listener_on_another_port_does_not_serve_a_target() {
    for target in ["80", "8080", "127.0.0.1:44", "[::1]:4430", "0.0.0.0:442"] {
        let target: Target = target.parse().unwrap();
        for address in ["0.0.0.0", "::", "127.0.0.1", "::1"] {
            assert_eq!(
                target.served_by(&listener(address, Some(false)), None),
                Reachability::No,
                "{target} by {address}"
            );
        }
    }
}

#[test]
fn a_socket_of_the_other_protocol_does_not_serve_a_target() {
    let tcp = listener("0.0.0.0", None);
    let udp = Listener {
        protocol: Protocol::Udp,
        ..tcp.clone()
    };
    for place in ["443", "127.0.0.1:443", "0.0.0.0:443"] {
        for (prefix, by_tcp, by_udp) in [
            ("", Reachability::Yes, Reachability::No),
            ("udp:", Reachability::No, Reachability::Yes),
        ] {
            let target: Target = format!("{prefix}{place}").parse().unwrap();
            assert_eq!(target.served_by(&tcp, None), by_tcp, "{target}");
            assert_eq!(target.served_by(&udp, None), by_udp, "{target}");
        }
    }
}

#[test]
fn only_an_ipv6_address_excludes_ipv4_sockets() {
    for (target, v4) in [
        ("443", true),
        ("127.0.0.1:443", true),
        ("[::1]:443", false),
        ("[::]:443", false),
    ] {
        let target: Target = target.parse().unwrap();
        assert_eq!(target.served_by_family(Family::V4), v4, "{target}");
        assert!(target.served_by_family(Family::V6), "{target}");
    }
}

#[test]
fn a_listener_on_another_device_does_not_count_for_an_interface() {
    use Reachability::{No, Yes};
    const UNLESS_ELSEWHERE: Reachability = Reachability::Unless(Condition::OtherDevice);
    for (device, any, second) in [
        (Device::Any, Yes, Yes),
        (Device::Index(2), Yes, Yes),
        (Device::Index(3), Yes, No),
        (Device::Unknown, Yes, UNLESS_ELSEWHERE),
    ] {
        let mut listener = listener("0.0.0.0", None);
        listener.device = device;
        for target in ["443", "192.0.2.10:443"] {
            let target: Target = target.parse().unwrap();
            assert_eq!(target.served_by(&listener, None), any, "{device:?}");
            assert_eq!(
                target.served_by(&listener, Some(&Ingress::via(2))),
                second,
                "{device:?}"
            );
        }
        let target: Target = "[::1]:443".parse().unwrap();
        assert_eq!(
            target.served_by(&listener, Some(&Ingress::via(2))),
            No,
            "{device:?}"
        );
    }
}

#[test]
fn the_more_specific_listener_ranks_higher_for_an_address_and_not_for_a_port() {
    let upwards = ["::", "0.0.0.0", "192.0.2.10"].map(|address| listener(address, Some(false)));
    let address: Target = "192.0.2.10:443".parse().unwrap();
    let port: Target = "443".parse().unwrap();
    for pair in upwards.windows(2) {
        assert!(
            address.specificity(&pair[0]) < address.specificity(&pair[1]),
            "{pair:?}"
        );
        assert_eq!(port.specificity(&pair[0]), port.specificity(&pair[1]));
    }
}

#[test]
fn for_udp_a_device_counts_as_much_as_the_address_and_the_family_nothing() {
    let target: Target = "udp:192.0.2.10:443".parse().unwrap();
    let of = |address, device| {
        target.specificity(&Listener {
            protocol: Protocol::Udp,
            device,
            ..listener(address, Some(false))
        })
    };
    let (any, device) = (Device::Any, Device::Index(7));
    assert_eq!(of("::", any), of("0.0.0.0", any));
    assert!(of("0.0.0.0", any) < of("0.0.0.0", device));
    assert_eq!(of("::", device), of("192.0.2.10", any));
}

#[test]
fn for_a_port_the_address_of_a_listener_on_lo_decides() {
    let not_on_lo = Reachability::Unless(Condition::NotOnLo);
    for (address, expected) in [
        ("0.0.0.0", Reachability::Yes),
        ("127.0.0.53", Reachability::Yes),
        ("127.9.9.9", not_on_lo),
        ("::1", Reachability::Yes),
        ("::ffff:127.0.0.1", Reachability::Yes),
        ("224.0.0.9", Reachability::No),
        ("255.255.255.255", Reachability::No),
        ("192.0.2.1", not_on_lo),
        ("::ffff:192.0.2.1", not_on_lo),
        ("2001:db8::1", not_on_lo),
    ] {
        let bound = Listener {
            device: Device::Index(1),
            ..listener(address, Some(false))
        };
        let port: Target = "443".parse().unwrap();
        for ingress in [None, Some(&Ingress::LO)] {
            assert_eq!(port.served_by(&bound, ingress), expected, "{address}");
        }
    }
}

#[test]
fn whether_a_loopback_address_on_a_device_is_reached_is_known_for_ipv6_alone() {
    let port: Target = "443".parse().unwrap();
    let unless = Reachability::Unless(Condition::LoopbackAddress);
    for (address, expected) in [
        ("127.0.0.1", unless),
        ("::ffff:127.0.0.1", unless),
        ("::1", Reachability::No),
    ] {
        let bound = Listener {
            device: Device::Index(2),
            unreachable: Some(Unreachable::LoopbackAddress),
            ..listener(address, Some(false))
        };
        assert_eq!(port.served_by(&bound, None), expected, "{address}");
        let named = port.served_by(&bound, Some(&Ingress::via(2)));
        assert_eq!(named, Reachability::No, "{address}");
    }
}

#[test]
fn only_loopback_addresses_are_reached_through_lo() {
    let not_on_lo = Reachability::Unless(Condition::NotOnLo);
    for (target, on_lo, on_another) in [
        ("443", Reachability::Yes, Reachability::Yes),
        ("0.0.0.0:443", Reachability::Yes, Reachability::Yes),
        ("192.0.2.1:443", not_on_lo, Reachability::Yes),
        ("127.0.0.1:443", Reachability::Yes, Reachability::No),
        ("127.0.0.53:443", Reachability::Yes, Reachability::No),
        ("127.9.9.9:443", not_on_lo, Reachability::No),
    ] {
        let target: Target = target.parse().unwrap();
        for (device, expected) in [(1, on_lo), (2, on_another)] {
            let bound = Listener {
                device: Device::Index(device),
                ..listener("0.0.0.0", None)
            };
            assert_eq!(
                target.served_by(&bound, None),
                expected,
                "{target} {device}"
            );
            // If lo is named, what is bound to another device does not count.
            let by_lo = if device == 1 {
                expected
            } else {
                Reachability::No
            };
            let served = target.served_by(&bound, Some(&Ingress::LO));
            assert_eq!(served, by_lo, "{target} {device}");
        }
    }
}
