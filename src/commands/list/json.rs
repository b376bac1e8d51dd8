//! A list as JSON; packaging/schema/list.json describes the form.

use serde_json::{Value, json};

use super::Listing;
use crate::domain::Listener;
use crate::report::json::{VERSION, listener, process};

/// Renders a list of listeners.
pub fn listing(listing: &Listing) -> Value {
    let one = |one: &Listener| {
        let processes = listing.processes(one);
        let processes = processes.map(|all| all.into_iter().map(process).collect::<Vec<_>>());
        json!({
            "listener": listener(one),
            "user": listing.user(one),
            "unit": listing.unit(one),
            "processes": processes,
        })
    };
    json!({
        "version": VERSION,
        "source": listing.source,
        "complete": listing.complete,
        "listeners": listing.listeners.iter().map(one).collect::<Vec<_>>(),
    })
}
