//! The report for a program: one document, whose form packaging/schema/resets.json describes.

use serde_json::{Map, Value, json};

use super::causes::{CAUSES, Cause};
use super::watch::{Interval, Record};
use crate::report::json;

/// The document.
pub fn document(record: &Record) -> Value {
    let known = CAUSES
        .iter()
        .filter(|cause| cause.known(&record.changes).next().is_some());
    json!({
        "version": json::VERSION,
        "seconds": record.watched.as_secs_f64(),
        "causes": known.map(|cause| cause_value(cause, record)).collect::<Vec<_>>(),
        "intervals": record.intervals.iter().map(interval_value).collect::<Vec<_>>(),
        "intervals_left_out": record.intervals_left_out,
        "errors": record.faults.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

fn cause_value(cause: &Cause, record: &Record) -> Value {
    let counters: Vec<Value> = cause
        .known(&record.changes)
        .map(|(name, change)| {
            json!({
                "name": name,
                "change": change.by,
                "per_second": change.per_second(record.watched),
                "total": change.total,
            })
        })
        .collect();
    let state: Map<String, Value> = cause
        .state
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), record.last.get(name)?.into())))
        .collect();
    json!({
        "cause": cause.id,
        "name": cause.name,
        "active": cause.is_active(&record.changes, &record.last),
        "counters": counters,
        "state": state,
        "next": cause.next,
    })
}

fn interval_value(interval: &Interval) -> Value {
    let changes: Map<String, Value> = interval
        .changes
        .moved()
        .map(|(name, change)| (name.to_owned(), change.by.into()))
        .collect();
    json!({
        "from": interval.from.as_secs_f64(),
        "to": interval.to.as_secs_f64(),
        "changes": changes,
    })
}
