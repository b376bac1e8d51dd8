//! The real netlink socket.

use std::io::IoSliceMut;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recvmsg, sendto, socket,
};

use super::NetlinkError;
use super::session::{Channel, Received};

/// A netlink socket of the network namespace in which it was opened. It requires no privileges.
#[derive(Debug)]
pub(super) struct Socket(OwnedFd);

impl Socket {
    /// # Errors
    /// Returns an error if seccomp, SELinux, gVisor or the limit of file descriptors refuses it.
    pub(super) fn open(protocol: SockProtocol) -> Result<Self, NetlinkError> {
        let socket = socket(
            AddressFamily::Netlink,
            SockType::Datagram,
            SockFlag::SOCK_CLOEXEC,
            protocol,
        );
        socket
            .map(Self)
            .map_err(|errno| NetlinkError::Call("socket", errno))
    }
}

impl Channel for Socket {
    fn send(&mut self, request: &[u8]) -> Result<(), Errno> {
        let kernel = NetlinkAddr::new(0, 0);
        sendto(self.0.as_raw_fd(), request, &kernel, MsgFlags::empty())?;
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<Received, Errno> {
        let mut parts = [IoSliceMut::new(buffer)];
        let fd = self.0.as_raw_fd();
        let received = recvmsg::<NetlinkAddr>(fd, &mut parts, None, MsgFlags::MSG_DONTWAIT)?;
        Ok(Received {
            length: received.bytes,
            // No sender's address is not the kernel's either.
            sender: received.address.map_or(u32::MAX, |address| address.pid()),
            truncated: received.flags.contains(MsgFlags::MSG_TRUNC),
        })
    }

    fn wait(&mut self, at_most: Duration) -> Result<(), Errno> {
        // Rounded up, so that the last bit of a millisecond is no busy loop.
        let timeout =
            PollTimeout::try_from(at_most + Duration::from_micros(999)).unwrap_or(PollTimeout::MAX);
        let mut readable = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
        poll(&mut readable, timeout)?;
        Ok(())
    }
}
