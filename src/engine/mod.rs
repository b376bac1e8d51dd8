//! From targets to answers: the check, its sources, one look, and the judge, who repeats looks until the answer is certain.

mod chain;
mod judge;
mod look;
mod spec;

pub use chain::SourceChain;
pub use judge::{judge, try_judge};
pub use look::{look, look_up};
pub use spec::{CheckSpec, Outcome, Timing};
