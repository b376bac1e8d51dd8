//! From targets to answers: what is to be checked, whom to ask, one look, and the judge who knows how many it takes.

mod chain;
mod judge;
mod look;
mod spec;

pub use chain::SourceChain;
pub use judge::{judge, try_judge};
pub use look::{look, look_up};
pub use spec::{CheckSpec, Outcome, Timing};
