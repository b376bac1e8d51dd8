//! Whose a listener is: its systemd unit, and the processes that hold it.

pub mod process;
pub mod unit;
