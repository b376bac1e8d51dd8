//! From targets to answers: the check, its sources, one look, and the run that repeats looks until the answer is certain.

mod chain;
mod check_run;
mod look;
mod spec;

pub use chain::SourceChain;
pub use check_run::{run_check, try_run_check};
pub use look::{look, run_lookups};
pub use spec::{CheckSpec, Outcome, Timing};
