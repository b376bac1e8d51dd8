//! What the zoo and the cases need of ip(8), which is not there: rtnetlink(7) by hand.

use std::fs::File;
use std::net::IpAddr;
use std::os::fd::AsRawFd;

use nix::net::if_::if_nametoindex;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket,
};

const RTM_NEWLINK: u16 = 16;
const RTM_NEWADDR: u16 = 20;
const RTM_NEWRULE: u16 = 32;
const RTM_DELRULE: u16 = 33;
const NLM_F_REQUEST_ACK: u16 = 0x5;
const NLM_F_CREATE_EXCL: u16 = 0x600;
const IFLA_IFNAME: u16 = 3;
const IFLA_MASTER: u16 = 10;
const IFLA_LINKINFO: u16 = 18;
const IFLA_NET_NS_FD: u16 = 28;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const IFLA_VRF_TABLE: u16 = 1;
const VETH_INFO_PEER: u16 = 1;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const FRA_PRIORITY: u16 = 6;
const FR_ACT_TO_TBL: u8 = 1;
const RT_TABLE_LOCAL: u8 = 255;
const IFF_UP: u32 = 1;
/// An IPv6 address can be bound at once, without a search for duplicates.
const IFA_F_NODAD: u8 = 2;

pub fn run(words: &[&str]) {
    match words {
        ["link", "set", device, "up"] => up(device),
        ["address", "add", prefix, "dev", device] => add_address(prefix, device, 0),
        ["address", "add", prefix, "dev", device, "nodad"] => {
            add_address(prefix, device, IFA_F_NODAD);
        }
        other => panic!("ip {other:?}?"),
    }
}

fn up(device: &str) {
    ask(RTM_NEWLINK, 0, &link(index(device), IFF_UP));
}

fn add_address(prefix: &str, device: &str, flags: u8) {
    let (address, length) = prefix.split_once('/').unwrap();
    let (family, octets) = match address.parse().unwrap() {
        IpAddr::V4(address) => (2, address.octets().to_vec()),
        IpAddr::V6(address) => (10, address.octets().to_vec()),
    };
    let mut body = vec![family, length.parse().unwrap(), flags, 0]; // scope global
    body.extend(index(device).to_ne_bytes());
    body.extend(attribute(IFA_LOCAL, &octets));
    body.extend(attribute(IFA_ADDRESS, &octets));
    ask(RTM_NEWADDR, NLM_F_CREATE_EXCL, &body);
}

/// `ip link add NAME type vrf table NUMBER`
pub fn add_vrf(name: &str, table: u32) {
    let table = attribute(IFLA_VRF_TABLE, &table.to_ne_bytes());
    add(name, "vrf", &table);
}

/// `ip link add NAME type veth peer name PEER netns NAMESPACE`
pub fn add_veth(name: &str, peer: &str, namespace: &File) {
    let mut other = link(0, 0);
    other.extend(attribute(IFLA_IFNAME, peer.as_bytes()));
    let fd = namespace.as_raw_fd().to_ne_bytes();
    other.extend(attribute(IFLA_NET_NS_FD, &fd));
    add(name, "veth", &attribute(VETH_INFO_PEER, &other));
}

fn add(name: &str, kind: &str, data: &[u8]) {
    let mut info = attribute(IFLA_INFO_KIND, kind.as_bytes());
    info.extend(attribute(IFLA_INFO_DATA, data));
    let mut body = link(0, 0);
    body.extend(attribute(IFLA_IFNAME, name.as_bytes()));
    body.extend(attribute(IFLA_LINKINFO, &info));
    ask(RTM_NEWLINK, NLM_F_CREATE_EXCL, &body);
}

/// `ip link set DEVICE master MASTER`, or `nomaster`
pub fn set_master(device: &str, master: Option<&str>) {
    let mut body = link(index(device), 0);
    let master = master.map_or(0, index);
    body.extend(attribute(IFLA_MASTER, &master.to_ne_bytes()));
    ask(RTM_NEWLINK, 0, &body);
}

/// Looks into the tables of VRFs before the local one, without which a loopback address is always that of lo
/// (Documentation/networking/vrf.rst).
pub fn local_table_behind_vrfs() {
    for (kind, flags, priority) in [
        (RTM_NEWRULE, NLM_F_CREATE_EXCL, 32_765_u32),
        (RTM_DELRULE, 0, 0),
    ] {
        for family in [2, 10] {
            let mut body = vec![family, 0, 0, 0, RT_TABLE_LOCAL, 0, 0, FR_ACT_TO_TBL];
            body.extend([0; 4]);
            body.extend(attribute(FRA_PRIORITY, &priority.to_ne_bytes()));
            ask(kind, flags, &body);
        }
    }
}

fn index(device: &str) -> u32 {
    if_nametoindex(device).unwrap_or_else(|error| panic!("{device}: {error}"))
}

/// A `struct ifinfomsg` that sets these flags; index 0 is a device that is not there yet.
fn link(index: u32, flags: u32) -> Vec<u8> {
    let mut body = vec![0; 4]; // AF_UNSPEC, padding, ifi_type
    for field in [index, flags, flags] {
        body.extend(field.to_ne_bytes()); // ifi_index, ifi_flags, ifi_change
    }
    body
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend((4 + value.len() as u16).to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
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
