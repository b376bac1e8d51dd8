//! A list for a program, whose form packaging/schema/list.json describes.

use serde_json::{Value, json};

use super::Listing;
use crate::domain::Listener;
use crate::report::json::{VERSION, listener};

/// A list of listeners.
pub fn listing(listing: &Listing) -> Value {
    let one = |one: &Listener| {
        json!({
            "listener": listener(one),
            "user": listing.user(one),
            "unit": listing.unit(one),
            "processes": listing.processes(one),
        })
    };
    json!({
        "version": VERSION,
        "source": listing.source,
        "listeners": listing.listeners.iter().map(one).collect::<Vec<_>>(),
    })
}
