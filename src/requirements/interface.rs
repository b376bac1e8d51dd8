//! `--interface`: how connections through a named device come in.

use std::fmt::Display;
use std::path::Path;

use nix::errno::Errno;
use nix::net::if_::if_nametoindex;

use crate::clock::Deadline;
use crate::domain::{Ingress, SetupError, UnknownReason};
use crate::errno::ErrnoText;
use crate::host::vrf;
use crate::source::{SourceError, netlink};

/// Returns how connections through the device with this name come in.
///
/// # Errors
/// Returns an error if there is no such device, or if it cannot be looked up.
pub(super) fn ingress(
    interface: &str,
    proc: &Path,
    deadline: Deadline<'_>,
) -> Result<Ingress, SetupError> {
    let no_such = || {
        let why = ErrnoText(Errno::ENODEV);
        SetupError::NoSuch(format!("there is no interface {interface}: {why}"))
    };
    let index = if_nametoindex(interface).map_err(|errno| match errno {
        Errno::ENODEV => no_such(),
        // The C library returns ENOENT if it has no descriptor left for the lookup.
        _ => {
            let why = ErrnoText(errno);
            UnknownReason::new(format_args!(
                "the interface {interface} cannot be looked up: {why}"
            ))
            .into()
        }
    })?;
    vrf::ingress(index, proc, deadline).map_err(|error| match error {
        SourceError::Netlink(netlink::NetlinkError::Kernel(Errno::ENODEV)) => no_such(),
        SourceError::Netlink(error) => not_asked(interface, &format_args!("rtnetlink: {error}")),
        error => not_asked(interface, &error),
    })
}

fn not_asked(interface: &str, why: &dyn Display) -> SetupError {
    UnknownReason::new(format_args!(
        "whether the interface {interface} belongs to a VRF or a bridge cannot be looked up: {why}"
    ))
    .into()
}
