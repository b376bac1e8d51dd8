//! The bytes of generic netlink: requests for dumps, and the parts of the answers about MPTCP endpoints.
//!
//! Layouts: `struct genlmsghdr` in linux/genetlink.h, the attributes there and in linux/mptcp.h.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::NetlinkError;
use super::wire::{
    Bytes, HEADER, NLA_TYPE_MASK, NLM_F_DUMP, NLMSG_DONE, NLMSG_ERROR, begin_request, split_message,
};
use crate::source::ByteOrder;

/// The family that lists the families (GENL_ID_CTRL), its command for it, and two of its attributes.
pub(super) const FAMILIES: u16 = 16;
pub(super) const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;

/// The name of the family of MPTCP (MPTCP_PM_NAME), its command for the endpoints, and the attributes.
const MPTCP: &[u8] = b"mptcp_pm\0";
pub(super) const MPTCP_PM_CMD_GET_ADDR: u8 = 3;
const MPTCP_PM_ATTR_ADDR: u16 = 1;
const MPTCP_PM_ADDR_ATTR_ADDR4: u16 = 3;
const MPTCP_PM_ADDR_ATTR_ADDR6: u16 = 4;
const MPTCP_PM_ADDR_ATTR_PORT: u16 = 5;

/// Bytes of `struct genlmsghdr`.
const BODY: usize = 4;

/// The address and the port of an endpoint.
pub(super) type MptcpEndpoint = (IpAddr, u16);

/// Makes the request for a dump of generic netlink.
pub(super) fn request(family: u16, command: u8, sequence: u32, order: ByteOrder) -> Vec<u8> {
    let mut bytes = begin_request(HEADER + BODY, family, NLM_F_DUMP, sequence, order);
    bytes.extend([command, 1, 0, 0]); // version, reserved
    bytes
}

/// Returns the attributes of the first message of an answer. `None` at the end.
///
/// # Errors
/// Returns an error for anything except an answer of this family to the request with this sequence number.
pub(super) fn next_message<'a>(
    datagram: &mut &'a [u8],
    family: u16,
    sequence: u32,
    order: ByteOrder,
) -> Result<Option<Bytes<'a>>, NetlinkError> {
    let (kind, mut body) = split_message(datagram, sequence, order)?;
    match kind {
        NLMSG_DONE => body
            .errno()?
            .map_or(Ok(None), |errno| Err(NetlinkError::Kernel(errno))),
        NLMSG_ERROR => Err(body.error()),
        kind if kind == family => {
            body.skip(BODY)?;
            Ok(Some(body))
        }
        other => Err(NetlinkError::Kind(other)),
    }
}

/// Returns the number of a family if it is that of MPTCP.
///
/// # Errors
/// Returns an error for an impossible attribute.
pub(super) fn mptcp_family(mut family: Bytes<'_>) -> Result<Option<u16>, NetlinkError> {
    let (mut number, mut is_mptcp) = (None, false);
    while let Some((kind, value)) = family.attribute()? {
        match kind & NLA_TYPE_MASK {
            CTRL_ATTR_FAMILY_ID => number = Some(family.within(value).u16()?),
            CTRL_ATTR_FAMILY_NAME => is_mptcp = value == MPTCP,
            _ => {}
        }
    }
    Ok(number.filter(|_| is_mptcp))
}

/// Returns an endpoint. `None` if it has no port.
///
/// # Errors
/// Returns an error for an impossible attribute.
pub(super) fn mptcp_endpoint(mut body: Bytes<'_>) -> Result<Option<MptcpEndpoint>, NetlinkError> {
    let (mut address, mut port) = (None, None);
    while let Some((kind, value)) = body.attribute()? {
        if kind & NLA_TYPE_MASK != MPTCP_PM_ATTR_ADDR {
            continue;
        }
        let mut endpoint = body.within(value);
        while let Some((kind, value)) = endpoint.attribute()? {
            let mut value = endpoint.within(value);
            match kind & NLA_TYPE_MASK {
                MPTCP_PM_ADDR_ATTR_ADDR4 => {
                    address = Some(IpAddr::from(Ipv4Addr::from(value.take::<4>()?)));
                }
                MPTCP_PM_ADDR_ATTR_ADDR6 => {
                    address = Some(IpAddr::from(Ipv6Addr::from(value.take::<16>()?)));
                }
                MPTCP_PM_ADDR_ATTR_PORT => port = Some(value.u16()?),
                _ => {}
            }
        }
    }
    Ok(address.zip(port).filter(|(_, port)| *port != 0))
}
