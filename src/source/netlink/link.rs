//! The bytes of NETLINK_ROUTE: a request for one device, and whether the answer shows a VRF.
//!
//! Layouts: `struct ifinfomsg` in linux/rtnetlink.h, the attributes in linux/if_link.h; rtnetlink(7). What a device's
//! driver and that of its master are called comes in IFLA_LINKINFO (net/core/rtnetlink.c, rtnl_link_fill).

use super::Fault;
use super::wire::{Bytes, HEADER, NLM_F_REQUEST, NLMSG_ERROR, take_message};
use crate::source::ByteOrder;

const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;
const IFLA_MASTER: u16 = 10;
const IFLA_LINKINFO: u16 = 18;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_SLAVE_KIND: u16 = 4;
/// The part of an attribute's type that is the type (linux/netlink.h).
const NLA_TYPE_MASK: u16 = 0x3fff;

/// What a VRF's driver is called (drivers/net/vrf.c, DRV_NAME).
const VRF: &[u8] = b"vrf\0";

/// Bytes of `struct ifinfomsg`.
const BODY: usize = 16;

/// The request for the device with this index.
pub(super) fn request(device: u32, sequence: u32, order: ByteOrder) -> Vec<u8> {
    let length = HEADER + BODY;
    let mut bytes = Vec::with_capacity(length);
    bytes.extend(order.bytes32(length as u32));
    bytes.extend(order.bytes16(RTM_GETLINK));
    bytes.extend(order.bytes16(NLM_F_REQUEST));
    bytes.extend(order.bytes32(sequence));
    bytes.extend([0; 4]); // nlmsg_pid: to the kernel
    bytes.extend([0; 4]); // ifi_family: AF_UNSPEC, padding, ifi_type
    bytes.extend(order.bytes32(device)); // ifi_index
    bytes.extend([0; 8]); // ifi_flags, ifi_change
    bytes
}

/// The index of the VRF that the device in this answer is, or is enslaved to. `None`: it belongs to none.
///
/// # Errors
/// Anything but the answer to the request with this sequence number.
pub(super) fn vrf(
    mut datagram: &[u8],
    sequence: u32,
    order: ByteOrder,
) -> Result<Option<u32>, Fault> {
    let (kind, mut body) = take_message(&mut datagram, sequence, order)?;
    match kind {
        RTM_NEWLINK => {}
        NLMSG_ERROR => return Err(body.error()),
        other => return Err(Fault::Kind(other)),
    }
    body.skip(4)?; // ifi_family, padding, ifi_type
    let device = body.u32()?;
    body.skip(8)?; // ifi_flags, ifi_change
    let (mut master, mut is_vrf, mut is_enslaved) = (None, false, false);
    while let Some((kind, value)) = body.attribute()? {
        match kind & NLA_TYPE_MASK {
            IFLA_MASTER => master = Some(Bytes::within(value, order).u32()?),
            IFLA_LINKINFO => {
                let mut info = Bytes::within(value, order);
                while let Some((kind, value)) = info.attribute()? {
                    match kind & NLA_TYPE_MASK {
                        IFLA_INFO_KIND => is_vrf = value == VRF,
                        IFLA_INFO_SLAVE_KIND => is_enslaved = value == VRF,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    match (is_vrf, is_enslaved) {
        (true, _) => Ok(Some(device)),
        (false, true) => master.map(Some).ok_or(Fault::NoMaster),
        (false, false) => Ok(None),
    }
}
