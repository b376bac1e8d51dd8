//! What follows for the address or the real server, in words that the texts of several codes use.

use std::fmt;

use crate::commands::doctor::checks::OnFailure;

/// What follows if a check never runs.
#[derive(Clone, Copy, Debug)]
pub struct NeverRun(pub OnFailure);

impl Default for NeverRun {
    fn default() -> Self {
        Self(OnFailure::Unused)
    }
}

impl fmt::Display for NeverRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            OnFailure::Unused => "nothing is checked by it",
            OnFailure::Fault | OnFailure::Priority => "this node never fails over because of it",
            OnFailure::Server { .. } => "the real server stays in use",
        })
    }
}

/// What follows if a check always fails.
#[derive(Clone, Copy, Debug)]
pub struct AlwaysFails(pub OnFailure);

impl fmt::Display for AlwaysFails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            OnFailure::Unused => "nothing tracks it",
            OnFailure::Fault => "permanently in FAULT: this node can never hold the address",
            OnFailure::Priority => "its weight applies all the time, even with the service up",
            OnFailure::Server { .. } => "the real server is never used",
        })
    }
}

/// What follows if a check succeeds in all cases.
#[derive(Clone, Copy, Debug)]
pub struct AlwaysSucceeds(pub OnFailure);

impl fmt::Display for AlwaysSucceeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            OnFailure::Unused => "nothing tracks it",
            OnFailure::Fault | OnFailure::Priority => "this node never fails over",
            OnFailure::Server { .. } => "the real server stays in use",
        })
    }
}

/// What follows if a check fails.
#[derive(Clone, Copy, Debug)]
pub struct Fails(pub OnFailure);

impl fmt::Display for Fails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            OnFailure::Unused => "the check fails",
            OnFailure::Fault => "this node fails over",
            OnFailure::Priority => "the priority changes",
            OnFailure::Server { .. } => "the real server is taken out",
        })
    }
}

/// The scripts that keepalived drops because a user does not exist.
#[derive(Clone, Copy, Debug)]
pub enum Dropped<'a> {
    /// Those without a user of their own.
    Default,
    /// The check of this name.
    Check(&'a str),
}

impl fmt::Display for Dropped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("every script that has no user of its own"),
            Self::Check(name) => f.write_str(name),
        }
    }
}

/// Several names: `a`, `a or b`, `a, b or c`.
#[derive(Clone, Copy, Debug)]
pub struct AnyOf<'a>(pub &'a [String]);

impl fmt::Display for AnyOf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => Ok(()),
            [only] => f.write_str(only),
            [first @ .., last] => write!(f, "{} or {last}", first.join(", ")),
        }
    }
}
