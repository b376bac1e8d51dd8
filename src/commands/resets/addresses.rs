//! The addresses of this network namespace, and when each was added: RTM_GETADDR (rtnetlink(7)).

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::SockProtocol;

use super::netlink::{attribute, dump};
use crate::source::ByteOrder;

// linux/rtnetlink.h and linux/if_addr.h.
const RTM_GETADDR: u16 = 22;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_CACHEINFO: u16 = 6;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;

/// The addresses of one moment, and when each was added: hundredths of a second since boot, of which the kernel
/// gives 32 bits (struct ifa_cacheinfo). `None` if the kernel does not say.
pub type Addresses = BTreeMap<IpAddr, Option<u32>>;

/// An address that was added or removed during the watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressChange {
    /// The address.
    pub address: IpAddr,
    /// True if it was added.
    pub added: bool,
    /// The sample that showed it, since the watch began.
    pub at: Duration,
    /// The sample before.
    pub earliest: Duration,
}

/// Returns the changes from one sample to the next.
pub fn diff(before: &Addresses, after: &Addresses, samples: [Duration; 2]) -> Vec<AddressChange> {
    let [earliest, at] = samples;
    let change = |(address, added): (&IpAddr, bool)| AddressChange {
        address: *address,
        added,
        at,
        earliest,
    };
    let removed = before.keys().filter(|one| !after.contains_key(one));
    // An address that was away for less than the time between two samples was added again.
    let added = after.iter().filter(|(one, at)| before.get(one) != Some(at));
    let removed = removed.map(|address| (address, false));
    let added = added.map(|(address, _)| (address, true));
    removed.chain(added).map(change).collect()
}

/// Returns how long ago that was. `now` is hundredths of a second since boot as well.
pub fn age(added: u32, now: u32) -> Duration {
    Duration::from_millis(u64::from(now.wrapping_sub(added)) * 10)
}

/// Reads the addresses of the network namespace of this thread.
///
/// # Errors
/// Returns an error if the kernel gives no complete list.
pub fn read() -> Result<Addresses, Errno> {
    let mut addresses = Addresses::new();
    // struct ifaddrmsg, of any family.
    dump(
        SockProtocol::NetlinkRoute,
        RTM_GETADDR,
        &[0; 8],
        &mut |body| {
            addresses.extend(parse(body, ByteOrder::NATIVE));
        },
    )?;
    Ok(addresses)
}

/// Reads a struct ifaddrmsg and its attributes. On a point-to-point link IFA_ADDRESS is the other end.
fn parse(body: &[u8], order: ByteOrder) -> Option<(IpAddr, Option<u32>)> {
    let (family, attributes) = (*body.first()?, body.get(8..)?);
    let address = |kind| ip(family, attribute(attributes, kind, order)?);
    let added = attribute(attributes, IFA_CACHEINFO, order)
        .and_then(|info| info.get(8..)?.first_chunk())
        .map(|stamp| order.u32(*stamp));
    Some((address(IFA_LOCAL).or_else(|| address(IFA_ADDRESS))?, added))
}

/// Returns the address in these bytes, of this family.
pub fn ip(family: u8, bytes: &[u8]) -> Option<IpAddr> {
    match family {
        AF_INET => Some(Ipv4Addr::from(*bytes.first_chunk::<4>()?).into()),
        AF_INET6 => Some(Ipv6Addr::from(*bytes.first_chunk::<16>()?).into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::resets::netlink::tests::encode;

    #[test]
    fn addresses_of_both_families_and_byte_orders() {
        for order in [ByteOrder::Little, ByteOrder::Big] {
            let mut stamp = [0; 16];
            stamp[8..12].copy_from_slice(&order.bytes32(4_711));
            let body = [
                vec![AF_INET, 24, 0, 0, 0, 0, 0, 0],
                encode(IFA_ADDRESS, &[192, 0, 2, 9], order),
                encode(IFA_LOCAL, &[192, 0, 2, 1], order),
                encode(IFA_CACHEINFO, &stamp, order),
            ];
            let expected = (IpAddr::from([192, 0, 2, 1]), Some(4_711));
            assert_eq!(parse(&body.concat(), order), Some(expected));
            let v6 = Ipv6Addr::LOCALHOST;
            let body = [
                vec![AF_INET6, 128, 0, 0, 0, 0, 0, 0],
                encode(IFA_ADDRESS, &v6.octets(), order),
            ];
            assert_eq!(parse(&body.concat(), order), Some((v6.into(), None)));
            assert_eq!(parse(&[AF_INET; 7], order), None);
        }
    }

    #[test]
    fn addresses_added_removed_and_added_again() {
        let [one, two, three] = [1, 2, 3].map(|last| IpAddr::from([192, 0, 2, last]));
        let before = Addresses::from([(one, Some(1)), (two, Some(1))]);
        let after = Addresses::from([(two, Some(5)), (three, Some(6))]);
        let samples = [1, 2].map(Duration::from_secs);
        let [earliest, at] = samples;
        let change = |address, added| AddressChange {
            address,
            added,
            at,
            earliest,
        };
        assert_eq!(
            diff(&before, &after, samples),
            [change(one, false), change(two, true), change(three, true)]
        );
    }

    #[test]
    fn the_age_of_an_address_is_right_after_a_32_bit_overflow() {
        assert_eq!(age(u32::MAX, 99), Duration::from_secs(1));
    }

    #[test]
    fn loopback_is_an_address_of_this_machine() {
        assert!(read().unwrap().contains_key(&IpAddr::from([127, 0, 0, 1])));
    }
}
