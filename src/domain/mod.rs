//! What listenup knows about the world, without touching it: no command line, no kernel, no files,
//! no logging. `tests/purity.rs` guards that.

mod exit;
mod inquiry;
mod listener;
mod target;
mod verdict;

pub use exit::{Exit, ExitCodes, OnUnknown};
pub use inquiry::Inquiry;
pub use listener::{Family, Listener};
pub use target::{Serves, Target, TargetError};
pub use verdict::{Answer, Doubt, Verdict};
