//! Connection tracking in the namespace of the calling thread.

use std::os::fd::{AsRawFd, OwnedFd};
use std::process::Command;

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket,
};

const REQUEST_CREATE_EXCL: u16 = 0x1 | 0x400 | 0x200;
const NESTED: u16 = 0x8000;
const TCP: u8 = 6;

/// Has the kernel track the connections that come in, and go out, here.
pub fn track() {
    let rules = "table inet t { \
                 chain in { type filter hook input priority 0; ct state new accept; }; \
                 chain out { type filter hook output priority 0; ct state new accept; }; }";
    let status = Command::new("nft").arg(rules).status();
    let status =
        status.expect("this test needs nft(8), Debian's nftables; scripts/test installs it");
    assert!(status.success(), "nft {rules}: {status}");
}

/// The level of the table here, and what it can hold. `None`: no connection tracking in the kernel.
pub fn level() -> Option<[u32; 2]> {
    let read =
        |name| std::fs::read_to_string(format!("/proc/sys/net/netfilter/nf_conntrack_{name}"));
    let count = read("count").ok()?;
    Some([count, read("max").unwrap()].map(|text| text.trim().parse().unwrap()))
}

/// Fills the table of this namespace with established connections, which the kernel does not throw
/// out for others. To make the table smaller instead would change the host's setting, which all
/// namespaces share.
pub fn fill() {
    let socket = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkNetFilter,
    )
    .unwrap();
    let [count, max] = level().unwrap();
    let mut missing = count..max;
    while !missing.is_empty() {
        let datagram: Vec<u8> = missing.by_ref().take(200).flat_map(entry).collect();
        let to = NetlinkAddr::new(0, 0);
        sendto(socket.as_raw_fd(), &datagram, &to, MsgFlags::empty()).unwrap();
        no_errors(&socket);
    }
    let [count, max] = level().unwrap();
    assert_eq!(count, max, "the table is full");
}

/// The kernel answers nothing but errors.
fn no_errors(socket: &OwnedFd) {
    let mut answer = [0; 4096];
    let answer = recv(socket.as_raw_fd(), &mut answer, MsgFlags::MSG_DONTWAIT);
    assert_eq!(answer, Err(Errno::EAGAIN), "an entry was refused");
}

/// A request for an entry: an established connection from an address of its own.
fn entry(number: u32) -> Vec<u8> {
    let client = (0x0a00_0000 + number).to_be_bytes();
    let server = [192, 0, 2, 1];
    let tuple = |from: [u8; 4], to: [u8; 4], from_port: u16, to_port: u16| {
        let ip = [attribute(1, &from), attribute(2, &to)].concat();
        let proto = [
            attribute(1, &[TCP]),
            attribute(2, &from_port.to_be_bytes()),
            attribute(3, &to_port.to_be_bytes()),
        ];
        [
            attribute(NESTED | 1, &ip),
            attribute(NESTED | 2, &proto.concat()),
        ]
        .concat()
    };
    let established = attribute(NESTED | 1, &attribute(1, &[3]));
    let seen_reply_assured_confirmed = 0b1110_u32;
    let body = [
        vec![2, 0, 0, 0], // nfgenmsg: AF_INET
        attribute(NESTED | 1, &tuple(client, server, 1024, 443)),
        attribute(NESTED | 2, &tuple(server, client, 443, 1024)),
        attribute(3, &seen_reply_assured_confirmed.to_be_bytes()),
        attribute(NESTED | 4, &established),
        attribute(7, &600_u32.to_be_bytes()), // seconds
    ]
    .concat();
    let mut message = (16 + body.len() as u32).to_ne_bytes().to_vec();
    message.extend((1_u16 << 8).to_ne_bytes()); // NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_NEW
    message.extend(REQUEST_CREATE_EXCL.to_ne_bytes());
    message.extend([0; 8]);
    message.extend(body);
    message
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut attribute = (4 + value.len() as u16).to_ne_bytes().to_vec();
    attribute.extend(kind.to_ne_bytes());
    attribute.extend(value);
    attribute.resize(attribute.len().next_multiple_of(4), 0);
    attribute
}
