//! The machine, apart from its sockets.

pub mod cgroups;
pub mod descriptors;
pub mod folders;
pub mod guard;
pub mod netns;
pub mod passwd;
pub mod processes;
pub mod signals;
pub mod vrf;
pub mod wall;

/// A name as it can be shown: any user may give a process or a cgroup a name that would control a
/// terminal or begin another line.
pub(crate) fn printable(name: &[u8]) -> String {
    String::from_utf8_lossy(name).replace(char::is_control, "\u{fffd}")
}
