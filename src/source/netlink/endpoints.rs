//! The kernel's MPTCP endpoints, which generic netlink lists to every user.
//!
//! The number of the family is searched in the list of all families: the kernel tries to load a module for the name of
//! an unknown one.

use std::mem;

use nix::errno::Errno;
use nix::sys::socket::SockProtocol;

use super::NetlinkError;
use super::generic::{self, CTRL_CMD_GETFAMILY, FAMILIES, MPTCP_PM_CMD_GET_ADDR, MptcpEndpoint};
use super::session::{Channel, NetlinkSession};
use super::socket::Socket;
use crate::clock::Deadline;
use crate::source::{self, ByteOrder};

/// The endpoints of the network namespace of the caller.
#[derive(Debug, Default)]
pub(super) enum Endpoints {
    /// Nothing was requested yet.
    #[default]
    NotAsked,
    /// The family of MPTCP has this number.
    Listed(NetlinkSession<Socket>, u16),
    /// The kernel has no MPTCP, or does not list its endpoints to this process.
    NotListed,
}

impl Endpoints {
    /// Lists the endpoints that have a port. The list is empty if they are not listed to this process.
    ///
    /// # Errors
    /// Returns an error if another request can succeed.
    pub(super) fn list(
        &mut self,
        deadline: Deadline<'_>,
    ) -> Result<Vec<MptcpEndpoint>, source::SourceError> {
        match self.try_list(deadline) {
            Err(source::SourceError::Netlink(error)) if is_refusal(error) => {
                *self = Self::NotListed;
                Ok(Vec::new())
            }
            answer => answer,
        }
    }

    fn try_list(
        &mut self,
        deadline: Deadline<'_>,
    ) -> Result<Vec<MptcpEndpoint>, source::SourceError> {
        let known = match mem::take(self) {
            Self::Listed(session, family) => Some((session, family)),
            Self::NotListed => None,
            Self::NotAsked => {
                let socket = Socket::open(SockProtocol::NetlinkGeneric)?;
                let mut session = NetlinkSession::new(socket, ByteOrder::NATIVE);
                let family = session.mptcp_family(deadline)?;
                family.map(|family| (session, family))
            }
        };
        let Some((mut session, family)) = known else {
            *self = Self::NotListed;
            return Ok(Vec::new());
        };
        let endpoints = session.mptcp_endpoints(family, deadline)?;
        *self = Self::Listed(session, family);
        Ok(endpoints)
    }
}

/// True if the kernel, seccomp or SELinux will refuse the same request again.
fn is_refusal(error: NetlinkError) -> bool {
    let is_permission = matches!(
        error,
        NetlinkError::Kernel(Errno::EPERM | Errno::EACCES)
            | NetlinkError::Call("send", Errno::EACCES)
    );
    is_permission || !error.can_pass()
}

impl<C: Channel> NetlinkSession<C> {
    /// Returns the number of the family of MPTCP. `None` if the kernel has no MPTCP.
    ///
    /// # Errors
    /// Returns an error for anything except a whole list.
    pub(super) fn mptcp_family(
        &mut self,
        deadline: Deadline<'_>,
    ) -> Result<Option<u16>, source::SourceError> {
        let mut found = None;
        self.generic_dump(FAMILIES, CTRL_CMD_GETFAMILY, deadline, &mut |body| {
            found = generic::mptcp_family(body)?.or(found);
            Ok(())
        })?;
        Ok(found)
    }

    /// Lists the endpoints that have a port.
    ///
    /// # Errors
    /// Returns an error for anything except a whole list.
    pub(super) fn mptcp_endpoints(
        &mut self,
        family: u16,
        deadline: Deadline<'_>,
    ) -> Result<Vec<MptcpEndpoint>, source::SourceError> {
        let mut endpoints = Vec::new();
        self.generic_dump(family, MPTCP_PM_CMD_GET_ADDR, deadline, &mut |body| {
            endpoints.extend(generic::mptcp_endpoint(body)?);
            Ok(())
        })?;
        Ok(endpoints)
    }
}
