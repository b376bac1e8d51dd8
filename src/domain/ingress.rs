//! The device through which connections come in, and the VRF to which it can belong.
//!
//! A connection through a VRF finds listeners that are bound to the VRF, or to the enslaved device that received it. It finds
//! a listener without a device only if net.ipv4.tcp_l3mdev_accept, for UDP udp_l3mdev_accept, is 1; both apply to IPv6, too
//! (include/net/inet_sock.h, inet_bound_dev_eq).

use super::listener::{Device, Listener};
use super::protocol::Protocol;
use super::reachability::{Condition, Reachability};

/// The index of `lo` in every network namespace (include/net/flow.h, LOOPBACK_IFINDEX).
const LOOPBACK: u32 = 1;

/// The device through which connections come in, and its VRF.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ingress {
    /// The index of a VRF, or of a device that belongs to no VRF. The kernel's own lookup is asked about it.
    pub device: u32,
    /// The VRF. `None` if the device belongs to no VRF.
    pub vrf: Option<Vrf>,
}

/// A VRF, as far as it matters to listeners.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vrf {
    /// The enslaved devices that receive connections: the named one, or all. Empty for a loopback address.
    pub enslaved: Vec<u32>,
    /// net.ipv4.tcp_l3mdev_accept: true if TCP listeners without a device receive connections through a VRF. `None` if it is
    /// unknown.
    pub tcp_accept: Option<bool>,
    /// net.ipv4.udp_l3mdev_accept, the same for UDP.
    pub udp_accept: Option<bool>,
}

impl Ingress {
    /// Through `lo`.
    pub(super) const LO: Self = Self::via(LOOPBACK);

    /// Through a device that belongs to no VRF.
    pub const fn via(device: u32) -> Self {
        Self { device, vrf: None }
    }

    /// Returns the same with one of the enslaved devices, or with none of them. A loopback address in a VRF belongs to the
    /// VRF's own device, so the enslaved devices receive nothing for it.
    pub(super) fn restrict_to(&self, enslaved: Option<u32>) -> Self {
        let vrf = self.vrf.as_ref().map(|vrf| Vrf {
            enslaved: enslaved.into_iter().collect(),
            ..*vrf
        });
        Self {
            device: self.device,
            vrf,
        }
    }

    /// Returns the enslaved devices that receive connections.
    pub(super) fn enslaved(&self) -> &[u32] {
        self.vrf.as_ref().map_or(&[], |vrf| &vrf.enslaved)
    }

    /// Returns whether connections can find this listener, as far as devices decide that. Of the devices outside of VRFs
    /// only `lo` receives packets for a loopback address.
    pub(super) fn can_reach(&self, listener: &Listener) -> Reachability {
        let is_loopback = listener.address.to_canonical().is_loopback();
        match (listener.device, &self.vrf) {
            (_, None) if is_loopback && self.device != LOOPBACK => Reachability::No,
            (Device::Unknown, _) => Reachability::Unless(Condition::OtherDevice),
            (Device::Any, None) => Reachability::Yes,
            (Device::Any, Some(vrf)) => match vrf.accept(listener.protocol) {
                Some(true) => Reachability::Yes,
                Some(false) => Reachability::No,
                None => Reachability::Unless(Condition::OutsideVrf),
            },
            (Device::Index(bound), _)
                if bound == self.device || self.enslaved().contains(&bound) =>
            {
                Reachability::Yes
            }
            (Device::Index(_), _) => Reachability::No,
        }
    }
}

impl Vrf {
    fn accept(&self, protocol: Protocol) -> Option<bool> {
        match protocol {
            Protocol::Tcp => self.tcp_accept,
            Protocol::Udp => self.udp_accept,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// For listeners on an unknown device, on none, on 2, on 3 and on 7.
    fn can_reach(ingress: &Ingress, protocol: Protocol) -> [Reachability; 5] {
        let [two, three, seven] = [2, 3, 7].map(Device::Index);
        [Device::Unknown, Device::Any, two, three, seven].map(|device| {
            ingress.can_reach(&Listener {
                protocol,
                device,
                ..Listener::at([0, 0, 0, 0], 443)
            })
        })
    }

    #[test]
    fn connections_reach_listeners_on_their_device_and_its_vrf() {
        use Protocol::{Tcp, Udp};
        use Reachability::{No, Yes};
        let elsewhere = Reachability::Unless(Condition::OtherDevice);
        let outside = Reachability::Unless(Condition::OutsideVrf);
        let vrf = |enslaved: &[u32]| Ingress {
            device: 7,
            vrf: Some(Vrf {
                enslaved: enslaved.to_vec(),
                tcp_accept: Some(false),
                udp_accept: Some(true),
            }),
        };
        let not_known = Ingress {
            device: 7,
            vrf: Some(Vrf::default()),
        };
        for (ingress, protocol, expected) in [
            (Ingress::via(2), Tcp, [elsewhere, Yes, Yes, No, No]),
            (vrf(&[2]), Tcp, [elsewhere, No, Yes, No, Yes]),
            (vrf(&[2]), Udp, [elsewhere, Yes, Yes, No, Yes]),
            (vrf(&[2, 3]), Tcp, [elsewhere, No, Yes, Yes, Yes]),
            (
                vrf(&[2]).restrict_to(None),
                Tcp,
                [elsewhere, No, No, No, Yes],
            ),
            (
                vrf(&[2, 3]).restrict_to(Some(3)),
                Udp,
                [elsewhere, Yes, No, Yes, Yes],
            ),
            (not_known, Udp, [elsewhere, outside, No, No, Yes]),
        ] {
            let found = can_reach(&ingress, protocol);
            assert_eq!(found, expected, "{ingress:?} {protocol:?}");
        }
    }

    #[test]
    fn only_lo_and_a_vrf_reach_a_listener_on_a_loopback_address() {
        let vrf = Ingress {
            device: 7,
            vrf: Some(Vrf {
                tcp_accept: Some(true),
                ..Vrf::default()
            }),
        };
        for address in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            let listener = Listener {
                device: Device::Any,
                ..Listener::at(address.parse::<std::net::IpAddr>().unwrap(), 443)
            };
            for (ingress, expected) in [
                (&Ingress::LO, Reachability::Yes),
                (&Ingress::via(2), Reachability::No),
                (&vrf, Reachability::Yes),
            ] {
                assert_eq!(
                    ingress.can_reach(&listener),
                    expected,
                    "{address} {ingress:?}"
                );
            }
        }
    }
}
