//! The consequences for the address or the real server, in words that the texts of several codes use.

use std::fmt;

use crate::commands::doctor::checks::OnFailure;

/// Declares texts that depend on what the result of a check is for.
macro_rules! outcomes {
    ($($(#[$doc:meta])* $name:ident = $unused:literal, $fault:literal, $priority:literal, $server:literal,
        $notification:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name(pub OnFailure);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self.0 {
                    OnFailure::Unused => $unused,
                    OnFailure::Fault => $fault,
                    OnFailure::Priority => $priority,
                    OnFailure::Server { .. } => $server,
                    OnFailure::Notification => $notification,
                })
            }
        }
    )*};
}

outcomes! {
    /// The consequence if a check never runs.
    NeverRun = "nothing is checked by it", "it causes no failover", "it causes no failover", "the real server stays in use",
        "the address moves without this notification";
    /// The address or the server while a check succeeds.
    IfUp = "the check succeeds", "this node keeps the address", "this node keeps its priority",
        "the real server stays in use", "the address moves without this notification";
    /// The address or the server while a check can only fail.
    IfDown = "the check fails", "this node stays in FAULT without the address",
        "its weight applies all the time, even while the service is up", "the real server stays out of use",
        "the address moves without this notification";
    /// The consequence of one failure.
    OnOneFailure = "the check fails", "this node fails over", "the priority changes", "the real server is taken out of use",
        "the address moves without this notification";
}

/// The scripts that keepalived drops because a user does not exist.
#[derive(Clone, Copy, Debug)]
pub enum Dropped<'a> {
    /// The scripts without a user of their own.
    Default,
    /// The check of this name.
    Check(&'a str),
    /// The line of this name, such as `notify_master of gateway`.
    Notify(&'a str),
}

impl fmt::Display for Dropped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => {
                f.write_str("every script that has no user of its own: none of them runs")
            }
            Self::Check(name) => write!(f, "{name}: it never runs"),
            Self::Notify(name) => {
                write!(f, "{name}: {}", NeverRun(OnFailure::Notification))
            }
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
