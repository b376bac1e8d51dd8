//! Codes LU101 to LU199: what the reader of keepalived.conf reports. Each problem has the number of its code.

use std::fmt::Display;

use super::{Code, table};
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

/// The code of each problem, in the order of [`Problem::ALL`].
#[allow(
    clippy::indexing_slicing,
    reason = "a problem without a code is an error of the compiler"
)]
static CODES: [&Code; Problem::ALL.len()] = {
    let mut codes = [table::get("LU101"); Problem::ALL.len()];
    let mut at = 0;
    while at < codes.len() {
        codes[at] = table::numbered(Problem::ALL[at] as u16);
        at += 1;
    }
    codes
};

fn code(problem: Problem) -> &'static Code {
    let of_problems = Problem::ALL.iter().zip(CODES);
    let mut found = of_problems.filter(|(other, _)| **other == problem);
    found.next().map_or(table::get("LU101"), |(_, code)| code)
}

#[cfg(test)]
mod tests;
