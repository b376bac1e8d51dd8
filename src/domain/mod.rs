//! What listenup knows about the world, without touching it: no command line, no kernel, no files,
//! no logging. `tests/purity.rs` guards that.

mod candidates;
mod doubt;
mod exit;
mod fitness;
mod inquiry;
mod listener;
mod queue;
mod target;
mod verdict;

pub use doubt::{Doubt, Obstacle};
pub use exit::{Exit, ExitCodes, OnUnknown};
pub use fitness::{Demands, Fitness, Flaw, NoDemands};
pub use inquiry::{Connection, Inquiry};
pub use listener::{Device, Family, Listener};
pub use queue::{MaxQueue, Queue};
pub use target::{Serves, Target, TargetError, Unless};
pub use verdict::{Answer, Verdict, Wanted};
