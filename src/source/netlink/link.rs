//! The bytes of NETLINK_ROUTE: requests for devices, and the parts of the answers about VRFs and ports of bridges.
//!
//! Layouts: `struct ifinfomsg` in linux/rtnetlink.h, the attributes in linux/if_link.h; rtnetlink(7). IFLA_LINKINFO has
//! the names of a device's driver and its master's driver (net/core/rtnetlink.c, rtnl_link_fill).

use super::NetlinkError;
use super::wire::{
    HEADER, NLA_TYPE_MASK, NLM_F_DUMP, NLMSG_DONE, NLMSG_ERROR, begin_request, split_message,
};
use crate::source::ByteOrder;

const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;
const IFLA_MASTER: u16 = 10;
const IFLA_LINKINFO: u16 = 18;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_SLAVE_KIND: u16 = 4;

/// The name of a VRF's driver (drivers/net/vrf.c, DRV_NAME).
const VRF: &[u8] = b"vrf\0";
/// The drivers of masters that get the packets of their ports: each has an rx_handler (net/core/dev.c,
/// __netif_receive_skb_core).
const TAKE_OVER: [&[u8]; 5] = [
    b"bridge\0",
    b"bond\0",
    b"team\0",
    b"openvswitch\0",
    b"hsr\0",
];

/// Bytes of `struct ifinfomsg`.
const BODY: usize = 16;

/// The request for the device with this index.
pub(super) fn request(device: u32, sequence: u32, order: ByteOrder) -> Vec<u8> {
    encode(device, 0, &[], sequence, order)
}

/// Makes the request for the devices that are enslaved to this one. Before Linux 4.4 the answer has all devices.
pub(super) fn dump_request(master: u32, sequence: u32, order: ByteOrder) -> Vec<u8> {
    let mut attribute = Vec::with_capacity(8);
    attribute.extend(order.bytes16(8)); // its length
    attribute.extend(order.bytes16(IFLA_MASTER));
    attribute.extend(order.bytes32(master));
    encode(0, NLM_F_DUMP, &attribute, sequence, order)
}

fn encode(device: u32, flags: u16, attribute: &[u8], sequence: u32, order: ByteOrder) -> Vec<u8> {
    let length = HEADER + BODY + attribute.len();
    let mut bytes = begin_request(length, RTM_GETLINK, flags, sequence, order);
    bytes.extend([0; 4]); // ifi_family: AF_UNSPEC, padding, ifi_type
    bytes.extend(order.bytes32(device)); // ifi_index
    bytes.extend([0; 8]); // ifi_flags, ifi_change
    bytes.extend(attribute);
    bytes
}

/// The properties of a device that decide which connections find the listeners on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    /// Its index.
    pub(super) index: u32,
    /// The index of the device that it is enslaved to, of any kind.
    pub(super) master: Option<u32>,
    /// The index of the VRF that it is or is enslaved to.
    pub(super) vrf: Option<u32>,
    /// The index of the bridge, bond or team that it is a port of.
    pub(super) port_of: Option<u32>,
}

/// Parses the first message of an answer. `None` at the end of a dump.
///
/// # Errors
/// Returns an error for anything except an answer to the request with this sequence number.
pub(super) fn next_link(
    datagram: &mut &[u8],
    sequence: u32,
    order: ByteOrder,
) -> Result<Option<Link>, NetlinkError> {
    let (kind, mut body) = split_message(datagram, sequence, order)?;
    match kind {
        RTM_NEWLINK => {}
        NLMSG_DONE => {
            return body
                .errno()?
                .map_or(Ok(None), |errno| Err(NetlinkError::Kernel(errno)));
        }
        NLMSG_ERROR => return Err(body.error()),
        other => return Err(NetlinkError::Kind(other)),
    }
    body.skip(4)?; // ifi_family, padding, ifi_type
    let index = body.u32()?;
    body.skip(8)?; // ifi_flags, ifi_change
    let (mut master, mut is_vrf, mut is_enslaved) = (None, false, false);
    let mut is_port = false;
    while let Some((kind, value)) = body.attribute()? {
        match kind & NLA_TYPE_MASK {
            IFLA_MASTER => master = Some(body.within(value).u32()?),
            IFLA_LINKINFO => {
                let mut info = body.within(value);
                while let Some((kind, value)) = info.attribute()? {
                    match kind & NLA_TYPE_MASK {
                        IFLA_INFO_KIND => is_vrf = value == VRF,
                        IFLA_INFO_SLAVE_KIND => {
                            is_enslaved = value == VRF;
                            is_port = TAKE_OVER.contains(&value);
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    let vrf = match (is_vrf, is_enslaved) {
        (true, _) => Some(index),
        (false, true) => Some(master.ok_or(NetlinkError::NoMaster)?),
        (false, false) => None,
    };
    let port_of = master.filter(|_| is_port);
    Ok(Some(Link {
        index,
        master,
        vrf,
        port_of,
    }))
}
