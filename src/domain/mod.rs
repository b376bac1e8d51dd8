//! Targets, listeners and verdicts as pure data: no command line, no system calls, no files, no logging.
//! `tests/purity.rs` guards that.

mod address;
mod candidates;
mod exit;
mod ingress;
mod listener;
mod lookup_key;
mod protocol;
mod reachability;
mod requirement;
mod survey;
mod target;
mod target_state;
mod unknown_reason;
mod verdict;

pub use exit::{ExitCodes, ExitReason, ExitStatus, OnUnknown};
pub use ingress::{Ingress, Vrf};
pub use listener::{Device, Family, Listener, Queue, Unreachable};
pub use lookup_key::LookupKey;
pub use protocol::Protocol;
pub use reachability::{Condition, Reachability};
pub use requirement::{Compliance, NoRequirements, Requirements, Violation};
pub use survey::Survey;
pub use target::{Endpoint, Target, TargetError};
pub use unknown_reason::{SetupError, UnknownReason};
pub use verdict::{Answer, Expectation, Verdict};
