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

/// The address or the server while a check succeeds.
#[derive(Clone, Copy, Debug)]
pub struct IfUp(pub OnFailure);

impl fmt::Display for IfUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            OnFailure::Unused => "the check succeeds",
            OnFailure::Fault => "this node keeps the address",
            OnFailure::Priority => "this node keeps its priority",
            OnFailure::Server { .. } => "the real server stays in use",
        })
    }
}

/// The address or the server while a check can only fail.
#[derive(Clone, Copy, Debug)]
pub struct IfDown(pub OnFailure);

impl fmt::Display for IfDown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            OnFailure::Unused => "the check fails",
            OnFailure::Fault => "this node stays in FAULT without the address",
            OnFailure::Priority => "its weight applies all the time, also with the service up",
            OnFailure::Server { .. } => "the real server stays out of use",
        })
    }
}

/// The consequence of one failure.
#[derive(Clone, Copy, Debug)]
pub struct OnOneFailure(pub OnFailure);

impl fmt::Display for OnOneFailure {
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
