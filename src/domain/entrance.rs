//! The device that connections come in by, and the VRF that it may belong to.
//!
//! What comes in by a VRF finds the listeners that are bound to it or to the enslaved device, and one that is bound to
//! no device only where net.ipv4.tcp_l3mdev_accept or udp_l3mdev_accept, which hold for IPv6 too, is 1
//! (include/net/inet_sock.h, inet_bound_dev_eq).

use super::listener::{Device, Listener};
use super::protocol::Protocol;
use super::serves::{Serves, Unless};

/// How connections come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entrance {
    /// The index of the device: a VRF, one that is enslaved to it, or any other.
    pub device: u32,
    /// The VRF. `None`: the device belongs to none.
    pub vrf: Option<Vrf>,
}

/// A VRF, as far as it matters to listeners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vrf {
    /// Its index.
    pub index: u32,
    /// net.ipv4.tcp_l3mdev_accept: whether TCP listeners that are bound to no device take what comes in by a VRF.
    /// `None`: not known.
    pub tcp_accept: Option<bool>,
    /// net.ipv4.udp_l3mdev_accept, the same of UDP.
    pub udp_accept: Option<bool>,
}

impl Entrance {
    /// By a device that belongs to no VRF.
    pub const fn by(device: u32) -> Self {
        Self { device, vrf: None }
    }

    /// The device for which the kernel's own lookup finds what is bound to the VRF or, if there is none, to the device.
    pub fn lookup(self) -> u32 {
        self.vrf.map_or(self.device, |vrf| vrf.index)
    }

    /// The device, if it is enslaved to the VRF. sock_diag can ask about the one or the other, where a connection finds
    /// what is bound to either.
    pub fn enslaved(self) -> Option<u32> {
        (self.lookup() != self.device).then_some(self.device)
    }

    /// The same for a loopback address, which a VRF has on its own device.
    pub(super) fn to_loopback(self) -> Self {
        Self {
            device: self.lookup(),
            ..self
        }
    }

    /// Whether what comes in can find this listener, as far as devices decide it.
    pub fn reaches(self, listener: &Listener) -> Serves {
        match (listener.device, self.vrf) {
            (Device::Unknown, _) => Serves::Unless(Unless::OtherDevice),
            (Device::Any, None) => Serves::Yes,
            (Device::Any, Some(vrf)) => match vrf.accept(listener.protocol) {
                Some(true) => Serves::Yes,
                Some(false) => Serves::No,
                None => Serves::Unless(Unless::OutsideVrf),
            },
            (Device::Index(bound), _) if bound == self.device || bound == self.lookup() => {
                Serves::Yes
            }
            (Device::Index(_), _) => Serves::No,
        }
    }
}

impl Vrf {
    fn accept(self, protocol: Protocol) -> Option<bool> {
        match protocol {
            Protocol::Tcp => self.tcp_accept,
            Protocol::Udp => self.udp_accept,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VRF: Vrf = Vrf {
        index: 7,
        tcp_accept: Some(false),
        udp_accept: Some(true),
    };

    fn reaches(device: u32, vrf: Option<Vrf>, protocol: Protocol) -> [Serves; 5] {
        let entrance = Entrance { device, vrf };
        let devices = [2, 3, 7].map(Device::Index);
        let [two, three, seven] = devices;
        [Device::Unknown, Device::Any, two, three, seven].map(|device| {
            entrance.reaches(&Listener {
                protocol,
                device,
                ..Listener::at([0, 0, 0, 0], 443)
            })
        })
    }

    #[test]
    fn what_comes_in_finds_listeners_on_the_device_and_on_its_vrf() {
        use Protocol::{Tcp, Udp};
        use Serves::{No, Yes};
        let elsewhere = Serves::Unless(Unless::OtherDevice);
        let outside = Serves::Unless(Unless::OutsideVrf);
        let not_known = Vrf {
            tcp_accept: None,
            udp_accept: None,
            ..VRF
        };
        for (device, vrf, protocol, expected) in [
            (2, None, Tcp, [elsewhere, Yes, Yes, No, No]),
            (2, Some(VRF), Tcp, [elsewhere, No, Yes, No, Yes]),
            (2, Some(VRF), Udp, [elsewhere, Yes, Yes, No, Yes]),
            (2, Some(not_known), Udp, [elsewhere, outside, Yes, No, Yes]),
            (7, Some(VRF), Tcp, [elsewhere, No, No, No, Yes]),
            (7, Some(VRF), Udp, [elsewhere, Yes, No, No, Yes]),
        ] {
            let found = reaches(device, vrf, protocol);
            assert_eq!(found, expected, "{device} {vrf:?} {protocol:?}");
        }
    }

    #[test]
    fn the_kernel_is_asked_about_the_vrf() {
        let plain = Entrance::by(2);
        assert_eq!((plain.lookup(), plain.enslaved()), (2, None));
        assert_eq!(plain.to_loopback(), plain);
        let vrf = Some(VRF);
        let inside = Entrance { device: 2, vrf };
        assert_eq!((inside.lookup(), inside.enslaved()), (7, Some(2)));
        let itself = Entrance { device: 7, vrf };
        assert_eq!((itself.lookup(), itself.enslaved()), (7, None));
        assert_eq!(inside.to_loopback(), itself);
    }
}
