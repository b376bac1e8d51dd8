//! What a person asks for: `443`, `*:443`, `192.0.2.10:443`, `[2001:db8::1]:443`; the same with `udp:` in
//! front, or with `tcp:`, which changes nothing.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU16;
use std::str::FromStr;

use super::listener::{Device, Family, Listener, Reach};
use super::protocol::Protocol;

/// Where something should listen, and for which protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// Where.
    pub place: Place,
}

/// A port, or an address and a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// Any listener on this port, whatever its address and family.
    Port(NonZeroU16),
    /// A listener that a connection to this address and port would find. The unspecified address
    /// means that the wildcard itself is bound. Never an IPv4-mapped IPv6 address: parsing turns
    /// that into the IPv4 address it stands for.
    Address(IpAddr, NonZeroU16),
}

/// Whether a listener serves a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serves {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// It does unless something holds that its source does not say.
    Unless(Unless),
}

/// The index of `lo` in every network namespace (include/net/flow.h, LOOPBACK_IFINDEX).
const LOOPBACK: u32 = 1;

/// What a source may not say of a listener and may decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unless {
    /// It is V6ONLY.
    V6only,
    /// It is bound to another device.
    OtherDevice,
    /// It is bound to `lo`, and the address is assigned to another device: a connection from this
    /// machine comes in on the device that has the address (net/ipv4/route.c, ip_route_output_key_hash_rcu;
    /// net/ipv6/ip6_input.c, ip6_rcv_core).
    NotOnLo,
}

/// How specific a listener is to an address: the kernel looks for one on the address first, then for
/// a wildcard, of which an IPv4 socket comes before an IPv6 one (net/ipv4/inet_hashtables.c,
/// __inet_lookup_listener, compute_score and __inet_hash).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank(u8);

impl Target {
    /// The port, in host order; never 0.
    pub fn port(&self) -> u16 {
        match &self.place {
            Place::Port(port) | Place::Address(_, port) => port.get(),
        }
    }

    /// Whether a socket of this family can serve the target at all. An IPv6 socket can serve an
    /// IPv4 address (dual-stack, IPv4-mapped), never the other way round.
    pub fn served_by_family(&self, family: Family) -> bool {
        !matches!(
            (self.place, family),
            (Place::Address(IpAddr::V6(_), _), Family::V4)
        )
    }

    /// Whether this listener serves the target for connections that come in on this device. `None`:
    /// on whichever it may be bound to.
    pub fn served_by(&self, listener: &Listener, interface: Option<u32>) -> Serves {
        if (listener.protocol, listener.port) != (self.protocol, self.port()) {
            return Serves::No;
        }
        match (self.comes_in_on(interface), listener.device) {
            (Some(wanted), Device::Index(bound)) if bound != wanted => Serves::No,
            // Who named no device does not ask for more than /proc can tell.
            (_, Device::Unknown) if interface.is_some() => match self.reached_by(listener) {
                Serves::Yes => Serves::Unless(Unless::OtherDevice),
                other => other,
            },
            (None, Device::Index(LOOPBACK)) if self.is_one_address() => {
                match self.reached_by(listener) {
                    Serves::Yes => Serves::Unless(Unless::NotOnLo),
                    other => other,
                }
            }
            _ => self.reached_by(listener),
        }
    }

    /// Whether it has an address that is not the wildcard.
    fn is_one_address(&self) -> bool {
        matches!(self.place, Place::Address(address, _) if !address.is_unspecified())
    }

    /// The device that a connection to the target comes in on: the one that was named, or `lo` for a
    /// loopback address. What is sent there leaves by no other device, and the kernel drops what comes in
    /// by another (net/ipv4/route.c, ip_route_input_slow; net/ipv6/ip6_input.c, ip6_rcv_core). `None`:
    /// any. An address that is assigned to a device can be reached through every device.
    pub fn comes_in_on(&self, interface: Option<u32>) -> Option<u32> {
        match self.place {
            Place::Address(address, _) if address.is_loopback() => interface.or(Some(LOOPBACK)),
            _ => interface,
        }
    }

    /// The same without the port and the device.
    fn reached_by(&self, listener: &Listener) -> Serves {
        let Place::Address(wanted, _) = self.place else {
            return Serves::Yes;
        };
        match (listener.reach(), wanted) {
            (Reach::WildcardV4, IpAddr::V4(_)) | (Reach::WildcardV6, IpAddr::V6(_)) => Serves::Yes,
            (Reach::WildcardV6, IpAddr::V4(_)) => match listener.v6only {
                Some(false) => Serves::Yes,
                Some(true) => Serves::No,
                None => Serves::Unless(Unless::V6only),
            },
            (Reach::One(bound), wanted) if bound == wanted => Serves::Yes,
            (Reach::WildcardV4 | Reach::One(_), _) => Serves::No,
        }
    }

    /// The rank of a listener that serves the target. A port asks for no address, so there all are
    /// equal.
    pub(super) fn rank(&self, listener: &Listener) -> Rank {
        Rank(match (self.place, listener.reach()) {
            (Place::Port(_), _) => 0,
            (_, Reach::One(_)) => 2,
            (_, Reach::WildcardV4 | Reach::WildcardV6) => u8::from(listener.address.is_ipv4()),
        })
    }
}

impl From<Place> for Target {
    /// A target for TCP.
    fn from(place: Place) -> Self {
        Self {
            protocol: Protocol::Tcp,
            place,
        }
    }
}

impl fmt::Display for Target {
    /// TCP, the usual, is left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.protocol {
            Protocol::Tcp => self.place.fmt(f),
            Protocol::Udp => write!(f, "udp:{}", self.place),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(port) => write!(f, "{port}"),
            Self::Address(IpAddr::V4(address), port) => write!(f, "{address}:{port}"),
            Self::Address(IpAddr::V6(address), port) => write!(f, "[{address}]:{port}"),
        }
    }
}

/// Why a text is not a target. It says what was expected; the caller quotes the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetError {
    /// Nothing at all, which is what an unset variable leaves.
    Empty,
    /// It is a URL.
    Url,
    /// There are several, with commas between them.
    Several,
    /// The port is not a decimal number from 1 to 65535.
    Port,
    /// This port, with zeros in front.
    Zeros(NonZeroU16),
    /// What stands before the port is no IPv4 address.
    V4,
    /// What stands in brackets is no IPv6 address.
    V6,
    /// More than one colon, but no brackets.
    Brackets,
    /// An address without a port.
    NoPort,
}

const EXPECTED: &str = "expected PORT, *:PORT, ADDRESS:PORT or [IPV6]:PORT";

impl fmt::Display for TargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "it is empty",
            Self::Url => "a URL is no target: give the port alone, or an address and the port",
            Self::Several => "there is a comma in it: give each target as a word of its own",
            Self::Zeros(port) => {
                return write!(f, "a port has no zeros in front: write {port}; {EXPECTED}");
            }
            Self::Port => "the port must be a decimal number from 1 to 65535, digits only",
            Self::V4 => "the address before the port must be IPv4 (names are not looked up) or *",
            Self::V6 => "what stands in brackets must be an IPv6 address (without a zone)",
            Self::Brackets => "an IPv6 address must stand in brackets",
            Self::NoPort => "the port is missing",
        })?;
        write!(f, "; {EXPECTED}")
    }
}

impl std::error::Error for TargetError {}

impl FromStr for Target {
    type Err = TargetError;

    /// Reads a target; the form is strict, for a typing error here would be a health check of the
    /// wrong port.
    ///
    /// # Errors
    /// Anything but the forms of the module's first lines is a [`TargetError`].
    fn from_str(text: &str) -> Result<Self, TargetError> {
        if text.is_empty() {
            return Err(TargetError::Empty);
        }
        if text.contains("://") {
            return Err(TargetError::Url);
        }
        if text.contains(',') {
            return Err(TargetError::Several);
        }
        let (protocol, place) = match text.strip_prefix("udp:") {
            Some(place) => (Protocol::Udp, place),
            None => (Protocol::Tcp, text.strip_prefix("tcp:").unwrap_or(text)),
        };
        Ok(Self {
            protocol,
            place: place.parse()?,
        })
    }
}

impl FromStr for Place {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        if let Some(rest) = text.strip_prefix('[') {
            let (address, rest) = rest.split_once(']').ok_or(TargetError::V6)?;
            let address: Ipv6Addr = address.parse().map_err(|_| TargetError::V6)?;
            let port = rest.strip_prefix(':').ok_or(TargetError::NoPort)?;
            return Ok(Self::Address(
                IpAddr::V6(address).to_canonical(),
                parse_port(port)?,
            ));
        }
        match text.rsplit_once(':') {
            None if text.parse::<Ipv4Addr>().is_ok() => Err(TargetError::NoPort),
            None => Ok(Self::Port(parse_port(text)?)),
            Some((address, _)) if address.contains(':') => Err(TargetError::Brackets),
            Some(("*", port)) => Ok(Self::Port(parse_port(port)?)),
            Some((address, port)) => {
                let address: Ipv4Addr = address.parse().map_err(|_| TargetError::V4)?;
                Ok(Self::Address(address.into(), parse_port(port)?))
            }
        }
    }
}

/// `u16::from_str` alone would take `+443`. A leading zero is refused like in the parts of an IPv4
/// address: some would read it as octal.
fn parse_port(text: &str) -> Result<NonZeroU16, TargetError> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(TargetError::Port);
    }
    let port = text.parse().map_err(|_| TargetError::Port)?;
    if text.starts_with('0') {
        return Err(TargetError::Zeros(port));
    }
    Ok(port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listener(address: &str, v6only: Option<bool>) -> Listener {
        Listener {
            v6only,
            ..Listener::at(address.parse::<IpAddr>().unwrap(), 443)
        }
    }

    #[test]
    fn reads_and_prints_the_four_forms() {
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
    fn refuses_everything_else_and_says_why() {
        use TargetError::{Brackets, Empty, NoPort, Port, Several, Url, V4, V6, Zeros};
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
            ("https", Port),
            ("*", Port),
            ("443,80", Several),
            ("192.0.2.10:443,192.0.2.11:443", Several),
            ("http://localhost:443", Url),
            ("https://[::1]:443/", Url),
            ("443-445", Port),
            ("*:", Port),
            ("*:0", Port),
            ("*:https", Port),
            (":443", V4),
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
            ("[fe80::1%eth0]:443", V6),
            ("[*]:443", V6),
            ("[[::1]]:443", V6),
            ("udp", Port),
            ("udp:", Port),
            ("tcp:", Port),
            ("udp:0", Port),
            ("udp:053", zeros(53)),
            ("udp:dns", Port),
            ("udp: 53", Port),
            ("UDP:53", V4),
            ("udp53", Port),
            ("udp/53", Port),
            ("53/udp", Port),
            ("53:udp", V4),
            ("udplite:53", V4),
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
    fn serves_table() {
        use Serves::{No, Yes};
        const UNLESS_V6ONLY: Serves = Serves::Unless(Unless::V6only);
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
    fn another_port_serves_nothing() {
        for target in ["80", "8080", "127.0.0.1:44", "[::1]:4430", "0.0.0.0:442"] {
            let target: Target = target.parse().unwrap();
            for address in ["0.0.0.0", "::", "127.0.0.1", "::1"] {
                assert_eq!(
                    target.served_by(&listener(address, Some(false)), None),
                    Serves::No,
                    "{target} by {address}"
                );
            }
        }
    }

    #[test]
    fn a_socket_of_the_other_protocol_serves_nothing() {
        let tcp = listener("0.0.0.0", None);
        let udp = Listener {
            protocol: Protocol::Udp,
            ..tcp.clone()
        };
        for place in ["443", "127.0.0.1:443", "0.0.0.0:443"] {
            for (prefix, by_tcp, by_udp) in [
                ("", Serves::Yes, Serves::No),
                ("udp:", Serves::No, Serves::Yes),
            ] {
                let target: Target = format!("{prefix}{place}").parse().unwrap();
                assert_eq!(target.served_by(&tcp, None), by_tcp, "{target}");
                assert_eq!(target.served_by(&udp, None), by_udp, "{target}");
            }
        }
    }

    #[test]
    fn only_an_ipv6_address_leaves_ipv4_sockets_out() {
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
        use Serves::{No, Yes};
        const UNLESS_ELSEWHERE: Serves = Serves::Unless(Unless::OtherDevice);
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
                assert_eq!(target.served_by(&listener, Some(2)), second, "{device:?}");
            }
            let target: Target = "[::1]:443".parse().unwrap();
            assert_eq!(target.served_by(&listener, Some(2)), No, "{device:?}");
        }
    }

    #[test]
    fn the_more_specific_listener_ranks_higher_for_an_address_and_not_for_a_port() {
        let upwards = ["::", "0.0.0.0", "192.0.2.10"].map(|address| listener(address, Some(false)));
        let address: Target = "192.0.2.10:443".parse().unwrap();
        let port: Target = "443".parse().unwrap();
        for pair in upwards.windows(2) {
            assert!(address.rank(&pair[0]) < address.rank(&pair[1]), "{pair:?}");
            assert_eq!(port.rank(&pair[0]), port.rank(&pair[1]));
        }
    }
}
