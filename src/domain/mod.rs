//! What listenup knows about the world, without touching it: no command line, no kernel, no files,
//! no logging. `tests/purity.rs` guards that.

mod candidates;
mod connection;
mod doubt;
mod entrance;
mod entry;
mod exit;
mod listener;
mod protocol;
mod requirement;
mod serves;
mod survey;
mod target;
mod verdict;

pub use connection::Connection;
pub use doubt::{Doubt, Obstacle};
pub use entrance::{Entrance, Vrf};
pub use exit::{ExitCodes, ExitReason, ExitStatus, OnUnknown};
pub use listener::{Device, Family, Listener, Queue, Unreachable};
pub use protocol::Protocol;
pub use requirement::{Compliance, NoRequirements, Requirements, Violation};
pub use serves::{Serves, Unless};
pub use survey::Survey;
pub use target::{Endpoint, Target, TargetError};
pub use verdict::{Answer, Verdict, Wanted};
