//! Whose a listener is: its systemd unit, and the processes that hold it.

pub mod process;
pub mod unit;

/// A name that its user chose, without what a terminal or a log would take for a command.
fn harmless(name: &str) -> String {
    name.replace(char::is_control, "\u{fffd}")
}
