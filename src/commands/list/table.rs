//! Renders listeners as a table for a person.

use super::Listing;
use crate::domain::{Device, Listener, Unreachable};
use crate::host::processes::Process;
use crate::report::device_name;

/// The cell for an unknown value.
const UNKNOWN: &str = "?";
/// The cell for a value that does not exist.
const NONE: &str = "-";

/// Renders a line of headings and a line for each listener. The last column is not padded.
pub fn listing(listing: &Listing) -> String {
    let mut head = vec![
        "PROTO", "ADDRESS", "PORT", "QUEUE", "V6ONLY", "DEVICE", "USER", "UNIT",
    ];
    if listing.holders.is_some() {
        head.push("PROCESS");
    }
    let head: Vec<String> = head.into_iter().map(str::to_owned).collect();
    let rows = listing.listeners.iter().map(|one| row(listing, one));
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
    let mut widths: Vec<usize> = Vec::new();
    for row in &rows {
        widths.resize(row.len(), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths);
        let padded: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        padded.join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

fn row(listing: &Listing, listener: &Listener) -> Vec<String> {
    let or_unknown = |cell: Option<String>| cell.unwrap_or_else(|| UNKNOWN.to_owned());
    let v6only = match listener.v6only {
        _ if listener.address.is_ipv4() => NONE,
        Some(true) => "yes",
        Some(false) => "no",
        None => UNKNOWN,
    };
    let device = match listener.device {
        Device::Unknown => UNKNOWN.to_owned(),
        Device::Any => NONE.to_owned(),
        Device::Index(index) => match listener.unreachable {
            Some(Unreachable::DeviceGone) => format!("{} (gone)", device_name(index)),
            _ => device_name(index),
        },
    };
    let user = listing.user(listener).map(str::to_owned);
    let mut row = vec![
        listener.protocol.to_string(),
        listener.address.to_string(),
        listener.port.to_string(),
        or_unknown(listener.queue.map(|queue| queue.to_string())),
        v6only.to_owned(),
        device,
        or_unknown(user.or(listener.uid.map(|uid| uid.to_string()))),
        or_unknown(listing.unit(listener).map(str::to_owned)),
    ];
    if listing.holders.is_some() {
        row.push(or_unknown(
            listing.processes(listener).as_deref().map(in_short),
        ));
    }
    row
}

/// Renders the first process, and how many more there are: all workers of a service hold its listener.
fn in_short(processes: &[&Process]) -> String {
    match processes {
        [] => "kernel".to_owned(),
        [one] => one.to_string(),
        [first, more @ ..] => format!("{first} and {} more", more.len()),
    }
}
