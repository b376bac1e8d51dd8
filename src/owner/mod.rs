//! Whose a listener is: its systemd unit, and the processes that hold it.

pub mod process;
pub mod unit;

/// A name as it can be shown: any user may give a process or a cgroup a name that would control a
/// terminal or begin another line.
pub(crate) fn printable(name: &[u8]) -> String {
    String::from_utf8_lossy(name).replace(char::is_control, "\u{fffd}")
}
