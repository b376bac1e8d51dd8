//! Devices that belong to a bridge or a VRF, and the settings that let connections of VRFs reach listeners outside.

use std::path::Path;

use ::log::debug;

use crate::clock::Deadline;
use crate::domain::{Ingress, Vrf};
use crate::source::netlink::Arrival;
use crate::source::{Fault, netlink};

/// Finds out how connections come in through the device with this index. It is a device of the calling thread's network
/// namespace, and `proc` must show the settings of the same namespace.
///
/// # Errors
/// Returns an error if that could not be found out.
pub fn ingress(device: u32, proc: &Path, deadline: Deadline<'_>) -> Result<Ingress, Fault> {
    let Arrival { device, vrf } = netlink::arrival(device, deadline)?;
    let Some(index) = vrf else {
        return Ok(Ingress::via(device));
    };
    let enslaved = match index == device {
        true => netlink::enslaved_to(index, deadline)?,
        false => vec![device],
    };
    let vrf = Vrf {
        enslaved,
        tcp_accept: is_set(proc, "tcp_l3mdev_accept"),
        udp_accept: is_set(proc, "udp_l3mdev_accept"),
    };
    debug!("connections come in through the VRF number {index}: {vrf:?}");
    Ok(Ingress {
        device: index,
        vrf: Some(vrf),
    })
}

/// Reads a setting. `None` if it could not be read. Every kernel with VRFs has the settings
/// (net/ipv4/sysctl_net_ipv4.c), so if the file is missing, this /proc does not show them.
fn is_set(proc: &Path, setting: &str) -> Option<bool> {
    let file = proc.join("sys/net/ipv4").join(setting);
    match std::fs::read_to_string(file).ok()?.trim() {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_on_or_off_or_not_known() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("sys/net/ipv4");
        assert_eq!(is_set(root.path(), "x"), None);
        std::fs::create_dir_all(&folder).unwrap();
        for (text, expected) in [
            ("0\n", Some(false)),
            ("1\n", Some(true)),
            ("2\n", None),
            ("", None),
        ] {
            std::fs::write(folder.join("x"), text).unwrap();
            assert_eq!(is_set(root.path(), "x"), expected, "{text:?}");
        }
    }
}
