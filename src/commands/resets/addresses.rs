//! The addresses of this network namespace, and since when it has them: RTM_GETADDR (rtnetlink(7)). A
//! virtual IP that moves is an address that comes or goes.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto,
    setsockopt, socket, sockopt,
};
use nix::sys::time::TimeVal;

use crate::errno::ErrnoText;
use crate::source::ByteOrder;

// linux/netlink.h, linux/rtnetlink.h and linux/if_addr.h.
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const RTM_NEWADDR: u16 = 20;
const RTM_GETADDR: u16 = 22;
const NLM_F_REQUEST_DUMP: u16 = 0x301;
const NLM_F_DUMP_INTR: u16 = 0x10;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_CACHEINFO: u16 = 6;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;

/// How long the kernel may take, which answers at once.
const PATIENCE: i64 = 1;

/// An address, and when it was added: hundredths of a second since boot, of which the kernel gives 32 bits
/// (struct ifa_cacheinfo). `None`: it does not say.
pub type Added = (IpAddr, Option<u32>);

/// Those of one moment.
pub type Addresses = BTreeMap<IpAddr, Option<u32>>;

/// An address that came or went while it was watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    /// The address.
    pub address: IpAddr,
    /// Whether it came.
    pub came: bool,
    /// When it was noticed, since the watch began.
    pub at: Duration,
    /// When it had not happened yet.
    pub earliest: Duration,
}

/// What has changed from one moment to the next.
pub fn moves(before: &Addresses, after: &Addresses, moments: [Duration; 2]) -> Vec<Move> {
    let [earliest, at] = moments;
    let gone = before.keys().filter(|one| !after.contains_key(one));
    let gone = gone.map(|&address| (address, false));
    // What was away for less than the time between two looks has been added again.
    let new = after
        .iter()
        .filter(|(one, added)| before.get(one) != Some(added));
    let new = new.map(|(&address, _)| (address, true));
    let moved = gone.chain(new);
    moved
        .map(|(address, came)| Move {
            address,
            came,
            at,
            earliest,
        })
        .collect()
}

/// How long ago that was; `now` is hundredths of a second since boot as well.
pub fn age(added: u32, now: u32) -> Duration {
    Duration::from_millis(u64::from(now.wrapping_sub(added)) * 10)
}

/// The addresses of the network namespace that this thread is in.
///
/// # Errors
/// Why they are not known, for a person.
pub fn read() -> Result<Addresses, String> {
    ask().map_err(|errno| format!("the addresses of this machine: {}", ErrnoText(errno)))
}

fn ask() -> Result<Addresses, Errno> {
    let socket = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkRoute,
    )?;
    setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::new(PATIENCE, 0))?;
    let order = ByteOrder::NATIVE;
    let mut request = Vec::new();
    request.extend(order.bytes32(24));
    request.extend(order.bytes16(RTM_GETADDR));
    request.extend(order.bytes16(NLM_F_REQUEST_DUMP));
    request.extend([0; 16]); // no sequence number, to the kernel, of any family
    sendto(
        socket.as_raw_fd(),
        &request,
        &NetlinkAddr::new(0, 0),
        MsgFlags::empty(),
    )?;
    collect(&socket, order)
}

fn collect(socket: &OwnedFd, order: ByteOrder) -> Result<Addresses, Errno> {
    let mut addresses = Addresses::new();
    let mut buffer = vec![0; 32 * 1024];
    loop {
        let length = recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty())?;
        let datagram = buffer.get(..length).unwrap_or_default();
        if parse(datagram, order, &mut addresses)? {
            return Ok(addresses);
        }
    }
}

/// Adds the addresses of a datagram. Whether it was the last.
///
/// # Errors
/// The kernel's own, or EBADMSG: it is not what it should be.
fn parse(mut datagram: &[u8], order: ByteOrder, into: &mut Addresses) -> Result<bool, Errno> {
    while !datagram.is_empty() {
        let &[a, b, c, d, e, f, g, h, ..] = datagram else {
            return Err(Errno::EBADMSG);
        };
        let length = order.u32([a, b, c, d]) as usize;
        let body = datagram.get(16..length).ok_or(Errno::EBADMSG)?;
        if order.u16([g, h]) & NLM_F_DUMP_INTR != 0 {
            return Err(Errno::EAGAIN);
        }
        match order.u16([e, f]) {
            NLMSG_DONE => return Ok(true),
            NLMSG_ERROR => {
                let code = body.first_chunk().map(|code| order.u32(*code) as i32);
                return Err(Errno::from_raw(code.unwrap_or_default().saturating_neg()));
            }
            RTM_NEWADDR => into.extend(address(body, order)),
            _ => {}
        }
        datagram = datagram
            .get(length.next_multiple_of(4)..)
            .unwrap_or_default();
    }
    Ok(false)
}

/// What a struct ifaddrmsg and its attributes say. Of a point-to-point link IFA_ADDRESS is the other end.
fn address(body: &[u8], order: ByteOrder) -> Option<Added> {
    let family = *body.first()?;
    let mut rest = body.get(8..)?;
    let (mut local, mut other, mut added) = (None, None, None);
    while let &[a, b, c, d, ..] = rest {
        let length = usize::from(order.u16([a, b]));
        let value = rest.get(4..length)?;
        match order.u16([c, d]) {
            IFA_LOCAL => local = ip(family, value),
            IFA_ADDRESS => other = ip(family, value),
            IFA_CACHEINFO => {
                added = value
                    .get(8..)
                    .and_then(|stamp| Some(order.u32(*stamp.first_chunk()?)));
            }
            _ => {}
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Some((local.or(other)?, added))
}

fn ip(family: u8, bytes: &[u8]) -> Option<IpAddr> {
    match family {
        AF_INET => Some(Ipv4Addr::from(*bytes.first_chunk::<4>()?).into()),
        AF_INET6 => Some(Ipv6Addr::from(*bytes.first_chunk::<16>()?).into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An RTM_NEWADDR with these attributes.
    fn message(kind: u16, family: u8, attributes: &[(u16, &[u8])], order: ByteOrder) -> Vec<u8> {
        let mut body = vec![family, 24, 0, 0, 0, 0, 0, 0];
        for (kind, value) in attributes {
            body.extend(order.bytes16(4 + value.len() as u16));
            body.extend(order.bytes16(*kind));
            body.extend(*value);
        }
        let mut message = order.bytes32(16 + body.len() as u32).to_vec();
        message.extend(order.bytes16(kind));
        message.extend([0; 10]);
        message.extend(body);
        message
    }

    #[test]
    fn addresses_of_both_families_and_byte_orders() {
        for order in [ByteOrder::Little, ByteOrder::Big] {
            let mut stamp = [0; 16];
            stamp[8..12].copy_from_slice(&order.bytes32(4_711));
            let v6: [u8; 16] = Ipv6Addr::LOCALHOST.octets();
            let datagram = [
                message(
                    RTM_NEWADDR,
                    AF_INET,
                    &[
                        (IFA_ADDRESS, &[192, 0, 2, 9]),
                        (IFA_LOCAL, &[192, 0, 2, 1]),
                        (IFA_CACHEINFO, &stamp),
                    ],
                    order,
                ),
                message(RTM_NEWADDR, AF_INET6, &[(IFA_ADDRESS, &v6)], order),
                message(NLMSG_DONE, 0, &[], order),
            ];
            let mut addresses = Addresses::new();
            assert_eq!(parse(&datagram.concat(), order, &mut addresses), Ok(true));
            let expected = [
                (IpAddr::from([192, 0, 2, 1]), Some(4_711)),
                (Ipv6Addr::LOCALHOST.into(), None),
            ];
            assert_eq!(addresses, Addresses::from(expected));
        }
    }

    #[test]
    fn an_answer_that_is_cut_off_is_an_error() {
        let order = ByteOrder::Little;
        let whole = message(RTM_NEWADDR, AF_INET, &[(IFA_LOCAL, &[192, 0, 2, 1])], order);
        for length in 1..whole.len() {
            let cut = whole.get(..length).unwrap();
            assert_eq!(
                parse(cut, order, &mut Addresses::new()),
                Err(Errno::EBADMSG),
                "{length}"
            );
        }
    }

    #[test]
    fn what_comes_goes_and_is_back_before_the_next_look() {
        let [one, two, three] = [1, 2, 3].map(|last| IpAddr::from([192, 0, 2, last]));
        let before = Addresses::from([(one, Some(1)), (two, Some(1))]);
        let after = Addresses::from([(two, Some(5)), (three, Some(6))]);
        let moments = [1, 2].map(Duration::from_secs);
        let [earliest, at] = moments;
        let came = |address, came| Move {
            address,
            came,
            at,
            earliest,
        };
        assert_eq!(
            moves(&before, &after, moments),
            [came(one, false), came(two, true), came(three, true)]
        );
    }

    #[test]
    fn the_age_of_an_address_survives_the_end_of_32_bits() {
        assert_eq!(age(u32::MAX, 99), Duration::from_secs(1));
    }

    #[test]
    fn loopback_is_an_address_of_this_machine() {
        assert!(read().unwrap().contains_key(&IpAddr::from([127, 0, 0, 1])));
    }
}
