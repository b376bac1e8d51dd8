//! What the zoo needs of ip(8), which is not there: rtnetlink(7) by hand.

use std::net::IpAddr;
use std::os::fd::AsRawFd;

use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket,
};

const RTM_NEWLINK: u16 = 16;
const RTM_NEWADDR: u16 = 20;
const NLM_F_REQUEST_ACK: u16 = 0x5;
const NLM_F_CREATE_EXCL: u16 = 0x600;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFF_UP: u32 = 1;
/// An IPv6 address can be bound at once, without a search for duplicates.
const IFA_F_NODAD: u8 = 2;
/// lo has this index in every network namespace.
const LO: u32 = 1;

pub fn run(words: &[&str]) {
    match words {
        ["link", "set", "lo", "up"] => {
            let mut body = vec![0; 4]; // AF_UNSPEC, padding, ifi_type
            for field in [LO, IFF_UP, IFF_UP] {
                body.extend(field.to_ne_bytes()); // ifi_index, ifi_flags, ifi_change
            }
            ask(RTM_NEWLINK, 0, &body);
        }
        ["address", "add", prefix, "dev", "lo", rest @ ..] => {
            let flags = match rest {
                [] => 0,
                ["nodad"] => IFA_F_NODAD,
                other => panic!("ip address add ... {other:?}?"),
            };
            let (address, length) = prefix.split_once('/').unwrap();
            let (family, octets) = match address.parse().unwrap() {
                IpAddr::V4(address) => (2, address.octets().to_vec()),
                IpAddr::V6(address) => (10, address.octets().to_vec()),
            };
            let mut body = vec![family, length.parse().unwrap(), flags, 0]; // scope global
            body.extend(LO.to_ne_bytes());
            for kind in [IFA_LOCAL, IFA_ADDRESS] {
                body.extend((4 + octets.len() as u16).to_ne_bytes());
                body.extend(kind.to_ne_bytes());
                body.extend(&octets);
            }
            ask(RTM_NEWADDR, NLM_F_CREATE_EXCL, &body);
        }
        other => panic!("ip {other:?}?"),
    }
}

/// Sends a request and waits until it is acknowledged.
fn ask(kind: u16, flags: u16, body: &[u8]) {
    let mut request = Vec::new();
    request.extend((16 + body.len() as u32).to_ne_bytes());
    request.extend(kind.to_ne_bytes());
    request.extend((NLM_F_REQUEST_ACK | flags).to_ne_bytes());
    request.extend([0; 8]); // the sequence number, to the kernel
    request.extend(body);
    let (family, protocol) = (AddressFamily::Netlink, SockProtocol::NetlinkRoute);
    let socket = socket(family, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol).unwrap();
    let (kernel, flags) = (NetlinkAddr::new(0, 0), MsgFlags::empty());
    sendto(socket.as_raw_fd(), &request, &kernel, flags).unwrap();
    let mut answer = [0; 4096];
    recv(socket.as_raw_fd(), &mut answer, flags).unwrap();
    let error = i32::from_ne_bytes(answer[16..20].try_into().unwrap());
    assert_eq!(error, 0, "rtnetlink, request {kind}");
}
