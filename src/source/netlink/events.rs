//! The kernel's messages about sockets that were destroyed.
//!
//! The groups SKNLGRP_INET_TCP_DESTROY and SKNLGRP_INET6_TCP_DESTROY, and those of UDP (linux/sock_diag.h), get a
//! message for every socket of their protocol that is destroyed in the network namespace (net/core/sock_diag.c,
//! sock_diag_broadcast_destroy). Joining them requires no privilege. A filter in the kernel passes only messages with
//! one of the wanted local ports and no peer, as listeners have. A message means that *a* socket is gone. That is a
//! reason to look, and the message itself is never read.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, socket,
};
use socket2::{SockFilter, Socket};

use super::NetlinkError;
use crate::domain::{Protocol, Target};
use crate::errno::ErrnoText;

/// The two groups of a protocol as bits of `nl_groups` (netlink(7)), of which the first is group 1.
const fn groups(protocol: Protocol) -> u32 {
    match protocol {
        Protocol::Tcp => 1 << 0 | 1 << 2,
        Protocol::Udp => 1 << 1 | 1 << 3,
    }
}

/// The offsets of the local and the remote port in a message: after `struct nlmsghdr` and the first four bytes of
/// `struct inet_diag_msg` (linux/inet_diag.h).
const LOCAL_PORT: u32 = 20;
const REMOTE_PORT: u32 = 22;

/// The most ports that the filter names; it has two instructions for each of at most 4,096 (BPF_MAXINSNS). With more
/// ports, every message about a listener passes.
const MOST_PORTS: usize = 1_024;

/// Classic BPF (linux/filter.h): load a half-word, compare it, and end with this many bytes.
const LOAD_HALF: u16 = 0x28;
const JUMP_IF_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;
const WHOLE: u32 = u32::MAX;

/// A subscription to the messages about destroyed listeners.
#[derive(Debug)]
pub struct Events(Socket);

/// The news since the last call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DestroyEvents {
    /// A listener was destroyed.
    pub gone: bool,
    /// Messages were lost (ENOBUFS), so a listener may have been destroyed.
    pub lost: bool,
}

impl Events {
    /// Joins the groups of the targets' protocols in the network namespace of the caller. Messages pass also for a
    /// socket of one protocol on a port that is watched for the other: that costs a look.
    ///
    /// # Errors
    /// Returns an error if seccomp, SELinux or gVisor refuses it.
    pub fn subscribe(targets: &[Target]) -> Result<Self, NetlinkError> {
        let mut ports: Vec<u16> = targets.iter().map(Target::port).collect();
        ports.sort_unstable();
        ports.dedup();
        let groups = targets
            .iter()
            .fold(0, |all, target| all | groups(target.protocol));
        let call = |name| move |errno| NetlinkError::Call(name, errno);
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let protocol = SockProtocol::NetlinkSockDiag;
        let fd = socket(AddressFamily::Netlink, SockType::Datagram, flags, protocol)
            .map_err(call("socket"))?;
        let socket = Socket::from(fd);
        // Before the groups are joined, so that nothing else comes in between.
        socket
            .attach_filter(&filter(&ports))
            .map_err(|error: io::Error| {
                NetlinkError::Call("setsockopt", ErrnoText::from(&error).0)
            })?;
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, groups)).map_err(call("bind"))?;
        Ok(Self(socket))
    }

    /// Reads all messages that have come, without waiting.
    ///
    /// # Errors
    /// Returns an error if the socket cannot be used any more.
    pub fn drain(&mut self) -> Result<DestroyEvents, NetlinkError> {
        let mut events = DestroyEvents::default();
        // The part of a message that does not fit is dropped.
        let mut start = [0; 16];
        loop {
            match recv(self.0.as_raw_fd(), &mut start, MsgFlags::MSG_DONTWAIT) {
                Ok(_) => events.gone = true,
                Err(Errno::ENOBUFS) => events.lost = true,
                Err(Errno::EAGAIN) => return Ok(events),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(NetlinkError::Call("receive", errno)),
            }
        }
    }
}

impl AsFd for Events {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Passes messages without a remote port and with one of these local ports.
fn filter(ports: &[u16]) -> Vec<SockFilter> {
    instructions(ports)
        .into_iter()
        .map(|(code, if_so, if_not, operand)| SockFilter::new(code, if_so, if_not, operand))
        .collect()
}

fn instructions(ports: &[u16]) -> Vec<(u16, u8, u8, u32)> {
    let end = |length| (RETURN, 0, 0, length);
    let mut code = vec![
        (LOAD_HALF, 0, 0, REMOTE_PORT),
        (JUMP_IF_EQUAL, 1, 0, 0),
        end(0),
    ];
    if ports.len() > MOST_PORTS {
        code.push(end(WHOLE));
        return code;
    }
    code.push((LOAD_HALF, 0, 0, LOCAL_PORT));
    for port in ports {
        code.push((JUMP_IF_EQUAL, 0, 1, u32::from(*port)));
        code.push(end(WHOLE));
    }
    code.push(end(0));
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kernel's interpreter (net/core/filter.c) for the three instructions used here.
    fn passes(ports: &[u16], local: u16, remote: u16) -> bool {
        let code = instructions(ports);
        let (mut at, mut value) = (0, 0);
        loop {
            let (code, if_so, if_not, operand) = code[at];
            at += 1;
            match code {
                LOAD_HALF if operand == LOCAL_PORT => value = u32::from(local),
                LOAD_HALF if operand == REMOTE_PORT => value = u32::from(remote),
                JUMP_IF_EQUAL => at += usize::from(if value == operand { if_so } else { if_not }),
                RETURN => return operand != 0,
                other => panic!("{other:#x}"),
            }
        }
    }

    #[test]
    fn netlink_groups_match_the_kernel() {
        // enum sknetlink_groups in linux/sock_diag.h: TCP 1 and 3, UDP 2 and 4.
        assert_eq!(groups(Protocol::Tcp), 0b0101);
        assert_eq!(groups(Protocol::Udp), 0b1010);
    }

    #[test]
    fn the_filter_passes_listeners_on_the_wanted_ports() {
        for ports in [&[443][..], &[80, 443, 8443]] {
            assert!(passes(ports, 443, 0));
            for (local, remote) in [(443, 40_000), (8080, 0), (0, 0), (8080, 443)] {
                assert!(!passes(ports, local, remote), "{local} {remote}");
            }
        }
        let many: Vec<u16> = (1..=1_025).collect();
        assert!(passes(&many, 8080, 0) && !passes(&many, 443, 1));
        assert!(instructions(&many[1..]).len() <= 4_096);
        assert!(passes(&many[1..], 1_025, 0) && !passes(&many[1..], 8080, 0));
    }
}
