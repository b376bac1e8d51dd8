//! Targets: `443`, `*:443`, `192.0.2.10:443`, `[2001:db8::1]:443`, and the same after `udp:` or `tcp:`. TCP is the default.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU16;
use std::str::FromStr;

use super::address::{is_on_lo, takes_no_connections};
use super::ingress::Ingress;
use super::listener::{AddressScope, Device, Family, Listener};
use super::protocol::Protocol;
use super::reachability::{Condition, Reachability};

/// An endpoint and its protocol, where something should listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// The port, or the address and port.
    pub endpoint: Endpoint,
}

/// A port, or an address and a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Endpoint {
    /// Any listener on this port, with any address and family.
    Port(NonZeroU16),
    /// A listener that a connection to this address and port would find. The unspecified address means that the wildcard
    /// itself is bound. It is never an IPv4-mapped IPv6 address: the parser converts those to IPv4.
    Address(IpAddr, NonZeroU16),
}

/// The specificity of a listener for an address. It decides which listener a connection finds: the kernel looks for one
/// on the address first, then for a wildcard.
///
/// Of two TCP wildcards an IPv4 socket comes before an IPv6 one (net/ipv4/inet_hashtables.c, __inet_lookup_listener,
/// compute_score and __inet_hash). For UDP all wildcards are equal here: a device counts for more than the family, a
/// SO_REUSEPORT group for more than either, and otherwise the socket that was bound last gets every datagram
/// (net/ipv4/udp.c and net/ipv6/udp.c, compute_score and lookup2). Before Linux 5.0 a wildcard on a device could also
/// come before a socket on the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Specificity(u8);

impl Target {
    /// Returns the port, in host order. It is never 0.
    pub fn port(&self) -> u16 {
        match &self.endpoint {
            Endpoint::Port(port) | Endpoint::Address(_, port) => port.get(),
        }
    }

    /// Returns the target for the same port and protocol on any address.
    pub fn on_any_address(&self) -> Self {
        let (Endpoint::Port(port) | Endpoint::Address(_, port)) = self.endpoint;
        Self {
            endpoint: Endpoint::Port(port),
            ..*self
        }
    }

    /// True if a socket of this family can serve the target. An IPv6 socket can serve an IPv4 address (dual-stack or
    /// IPv4-mapped), but not the reverse.
    pub fn served_by_family(&self, family: Family) -> bool {
        !matches!(
            (self.endpoint, family),
            (Endpoint::Address(IpAddr::V6(_), _), Family::V4)
        )
    }

    /// Returns whether this listener serves the target for connections through this ingress. `None` stands for any device.
    pub fn served_by(&self, listener: &Listener, ingress: Option<&Ingress>) -> Reachability {
        self.matches_endpoint(listener)
            .and(self.is_reached_via(listener, ingress))
    }

    /// Returns whether connections through this ingress find this listener, as far as devices decide that.
    pub(super) fn is_reached_via(
        &self,
        listener: &Listener,
        ingress: Option<&Ingress>,
    ) -> Reachability {
        let target_ingress = self.ingress_for(ingress);
        match (target_ingress.as_deref(), listener.device) {
            // Without --interface the device does not matter, and /proc does not show it.
            (_, Device::Unknown) if ingress.is_none() => Reachability::Yes,
            (None | Some(&Ingress::LO), device)
                if device == Device::Index(Ingress::LO.device)
                    && self.has_own_address(listener) =>
            {
                Reachability::Unless(Condition::NotOnLo)
            }
            (Some(ingress), _) => ingress.can_reach(listener),
            (None, _) => Reachability::Yes,
        }
    }

    /// Returns whether this listener serves the target, as far as its protocol, port and address decide that.
    pub(super) fn matches_endpoint(&self, listener: &Listener) -> Reachability {
        let is_other = (listener.protocol, listener.port) != (self.protocol, self.port());
        if is_other || listener.takes_no_connections() {
            return Reachability::No;
        }
        listener.reachable().and(self.matches_address(listener))
    }

    /// True if a BPF program (sk_lookup) has steered a connection to this listener. By its own address and port it would not
    /// serve the target. A wildcard as the target requires a bound wildcard, so nothing is steered there.
    pub(super) fn is_steered_to(&self, listener: &Listener) -> bool {
        let asks_for_wildcard =
            matches!(self.endpoint, Endpoint::Address(address, _) if address.is_unspecified());
        !asks_for_wildcard
            && listener.protocol == self.protocol
            && listener.reachable() != Reachability::No
            && self.matches_endpoint(listener) == Reachability::No
    }

    /// True if a device other than `lo` can have the address: that of the target, otherwise that of the listener.
    fn has_own_address(&self, listener: &Listener) -> bool {
        let address = match self.endpoint {
            Endpoint::Address(address, _) => address,
            Endpoint::Port(_) => listener.address.to_canonical(),
        };
        !address.is_unspecified() && !is_on_lo(address) && !takes_no_connections(address)
    }

    /// Returns how a connection to the target comes in: through the device of `--interface`, or through `lo` to a loopback
    /// address. The kernel drops packets for a loopback address from other devices (net/ipv4/route.c, ip_route_input_slow;
    /// net/ipv6/ip6_input.c, ip6_rcv_core). A VRF's own device replaces `lo`. `None` stands for any device: an address of
    /// one device can be reached through every device.
    pub(super) fn ingress_for<'e>(&self, ingress: Option<&'e Ingress>) -> Option<Cow<'e, Ingress>> {
        match self.endpoint {
            Endpoint::Address(address, _) if address.is_loopback() => {
                let vrf = ingress.filter(|ingress| ingress.vrf.is_some());
                Some(Cow::Owned(
                    vrf.map_or(Ingress::LO, |vrf| vrf.restrict_to(None)),
                ))
            }
            _ => ingress.map(Cow::Borrowed),
        }
    }

    /// Returns whether this listener serves the address of the target.
    fn matches_address(&self, listener: &Listener) -> Reachability {
        let Endpoint::Address(wanted, _) = self.endpoint else {
            return Reachability::Yes;
        };
        match (listener.address_scope(), wanted) {
            (AddressScope::WildcardV4, IpAddr::V4(_))
            | (AddressScope::WildcardV6, IpAddr::V6(_)) => Reachability::Yes,
            (AddressScope::WildcardV6, IpAddr::V4(_)) => match listener.v6only {
                Some(false) => Reachability::Yes,
                Some(true) => Reachability::No,
                None => Reachability::Unless(Condition::V6only),
            },
            (AddressScope::One(bound), wanted) if bound == wanted => Reachability::Yes,
            (AddressScope::WildcardV4 | AddressScope::One(_), _) => Reachability::No,
        }
    }

    /// Returns how specific a listener is to the target. For a port all listeners are equal.
    pub(super) fn specificity(&self, listener: &Listener) -> Specificity {
        Specificity(
            match (self.endpoint, listener.address_scope(), self.protocol) {
                (Endpoint::Port(_), ..) => 0,
                (_, AddressScope::One(_), _) => 2,
                (_, _, Protocol::Tcp) => u8::from(listener.address.is_ipv4()),
                (_, _, Protocol::Udp) if matches!(listener.device, Device::Index(_)) => 2,
                (_, _, Protocol::Udp) => 0,
            },
        )
    }
}

impl From<Endpoint> for Target {
    /// Returns a target for TCP.
    fn from(endpoint: Endpoint) -> Self {
        Self {
            protocol: Protocol::Tcp,
            endpoint,
        }
    }
}

impl fmt::Display for Target {
    /// Writes `udp:` before UDP, and nothing before TCP.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.protocol {
            Protocol::Tcp => self.endpoint.fmt(f),
            Protocol::Udp => write!(f, "udp:{}", self.endpoint),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(port) => write!(f, "{port}"),
            Self::Address(IpAddr::V4(address), port) => write!(f, "{address}:{port}"),
            Self::Address(IpAddr::V6(address), port) => write!(f, "[{address}]:{port}"),
        }
    }
}

/// The reason why a text is not a target. The message says what was expected; the caller quotes the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetError {
    /// The text is empty, as from an unset variable.
    Empty,
    /// The text is a URL.
    Url,
    /// Several targets with commas between them.
    Several,
    /// The port is not a decimal number from 1 to 65535.
    Port,
    /// This port with leading zeros.
    Zeros(NonZeroU16),
    /// The part before the colon is empty.
    NoAddress,
    /// The part before the port is not an IPv4 address.
    V4,
    /// The part in brackets is not an IPv6 address.
    V6,
    /// An IPv6 address without brackets.
    Brackets,
    /// An address without a port.
    NoPort,
    /// An IPv6 address with the name of a device, as in `fe80::1%eth0`.
    Zone,
    /// A protocol other than TCP and UDP.
    OtherProtocol,
    /// The name of a service, such as https.
    Service,
    /// A range of ports.
    Range,
    /// An address that refuses TCP connections: multicast, or the limited broadcast.
    NoConnections,
    /// A multicast group for UDP.
    Group,
}

const EXPECTED: &str = "expected PORT, *:PORT, ADDRESS:PORT or [IPV6]:PORT";

impl fmt::Display for TargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "it is empty",
            Self::Url => "a URL is not a target: give the port alone, or an address and the port",
            Self::Several => "there is a comma in it: give each target as a word of its own",
            Self::Zeros(port) => {
                return write!(f, "leading zeros are not allowed: write {port}; {EXPECTED}");
            }
            Self::Port => "the port must be a decimal number from 1 to 65535, digits only",
            Self::NoAddress => {
                "there is no address before the colon: for any address write the port alone"
            }
            Self::V4 => "the address before the port must be IPv4 (names are not looked up) or *",
            Self::V6 => "expected an IPv6 address inside [ ]",
            Self::Brackets => "put the IPv6 address in brackets, such as [::1]:443",
            Self::NoPort => "the port is missing",
            Self::Zone => {
                "leave out the zone (% and what follows) and name the device with --interface"
            }
            Self::OtherProtocol => "only TCP and UDP can be checked",
            Self::Service => "service names are not looked up: give the port number, such as 443",
            Self::Range => "a range is not accepted: give each port as a word of its own",
            Self::NoConnections => "no TCP connection can go to a multicast or broadcast address",
            Self::Group => {
                "whether a datagram to a multicast group is received depends on who has joined it, \
                 which is not checked: give the port alone"
            }
        })?;
        write!(f, "; {EXPECTED}")
    }
}

impl std::error::Error for TargetError {}

impl FromStr for Target {
    type Err = TargetError;

    /// Reads a target. The form is strict: a typing error would be a health check for the wrong port.
    ///
    /// # Errors
    /// Returns an error for any form that the first lines of this file do not list.
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
        let (protocol, endpoint) = match text.strip_prefix("udp:") {
            Some(endpoint) => (Protocol::Udp, endpoint),
            None => (Protocol::Tcp, text.strip_prefix("tcp:").unwrap_or(text)),
        };
        if let Some((word, _)) = endpoint.split_once(':') {
            if OTHER_PROTOCOLS.contains(&word) {
                return Err(TargetError::OtherProtocol);
            }
        }
        let endpoint = endpoint.parse()?;
        match (protocol, endpoint) {
            (Protocol::Tcp, Endpoint::Address(address, _)) if takes_no_connections(address) => {
                Err(TargetError::NoConnections)
            }
            (Protocol::Udp, Endpoint::Address(address, _)) if address.is_multicast() => {
                Err(TargetError::Group)
            }
            _ => Ok(Self { protocol, endpoint }),
        }
    }
}

impl FromStr for Endpoint {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        if let Some(rest) = text.strip_prefix('[') {
            let (address, rest) = rest.split_once(']').ok_or(TargetError::V6)?;
            if address.contains('%') {
                return Err(TargetError::Zone);
            }
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
            Some(("", _)) => Err(TargetError::NoAddress),
            Some(("*", port)) => Ok(Self::Port(parse_port(port)?)),
            Some((address, port)) => {
                let address: Ipv4Addr = address.parse().map_err(|_| TargetError::V4)?;
                Ok(Self::Address(address.into(), parse_port(port)?))
            }
        }
    }
}

/// Protocols other than TCP and UDP, as ss(8) and others write them before an address.
const OTHER_PROTOCOLS: [&str; 6] = ["dccp", "mptcp", "raw", "sctp", "unix", "vsock"];

/// Reads a port. `u16::from_str` alone would accept `+443`. A leading zero is refused as in the parts of an IPv4 address:
/// some programs would read an octal number.
fn parse_port(text: &str) -> Result<NonZeroU16, TargetError> {
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(text) {
        let is_word = text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let is_name = is_word && text.starts_with(|first: char| first.is_ascii_alphabetic());
        let bounds = text.split_once('-');
        return Err(match bounds {
            _ if is_name => TargetError::Service,
            Some((first, last)) if !first.is_empty() && is_number(first) && is_number(last) => {
                TargetError::Range
            }
            _ => TargetError::Port,
        });
    }
    let port = text.parse().map_err(|_| TargetError::Port)?;
    if text.starts_with('0') {
        return Err(TargetError::Zeros(port));
    }
    Ok(port)
}

#[cfg(test)]
mod tests;
