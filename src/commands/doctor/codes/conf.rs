//! Codes LU101 to LU199: what the reader of keepalived.conf reports. Each problem has the number of its code.

use std::fmt::Display;

use super::{Code, get};
use crate::commands::doctor::findings::Finding;
use crate::keepalived_conf::{Diagnostic, Problem};

/// Returns the finding for a diagnostic.
pub fn finding(diagnostic: &Diagnostic) -> Finding {
    let values = diagnostic.values.iter();
    let shown = values.map(|(name, value)| match (*name, value.as_str()) {
        // Keywords outside of all blocks.
        ("block" | "home", "") => (*name, "the top level"),
        (name, value) => (name, value),
    });
    let shown: Vec<(&str, &str)> = shown.collect();
    let shown = shown
        .iter()
        .map(|(name, value)| (*name, value as &dyn Display));
    let found = code(diagnostic.problem).with(&shown.collect::<Vec<_>>());
    found.at(&diagnostic.place)
}

fn code(problem: Problem) -> &'static Code {
    get(&format!("LU{}", problem as u16))
}

#[cfg(test)]
mod tests;
