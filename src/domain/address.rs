//! Addresses for which the kernel has rules of its own.

use std::net::{IpAddr, Ipv4Addr};

/// The addresses in 127.0.0.0/8 that are taken for addresses of `lo`: localhost, those of systemd-resolved, which binds its
/// listeners to `lo`, and Debian's for the name of the host. Every other one can be assigned to another device.
const ON_LO: [Ipv4Addr; 4] = [
    Ipv4Addr::LOCALHOST,
    Ipv4Addr::new(127, 0, 0, 53),
    Ipv4Addr::new(127, 0, 0, 54),
    Ipv4Addr::new(127, 0, 1, 1),
];

/// True if the address is taken for one of `lo`.
pub(super) fn is_on_lo(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => ON_LO.contains(&address),
        IpAddr::V6(address) => address.is_loopback(),
    }
}

/// True if connect(2) refuses the address for every route: multicast, and the limited broadcast. Not 0.0.0.0/8 and
/// 240.0.0.0/4, which Linux routes like other addresses (include/linux/in.h, ipv4_is_zeronet, ipv4_is_lbcast).
pub(super) fn takes_no_connections(address: IpAddr) -> bool {
    address.is_multicast() || address == IpAddr::V4(Ipv4Addr::BROADCAST)
}
