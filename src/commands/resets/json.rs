//! The report for a program: one document, whose form packaging/schema/resets.json describes.

use serde_json::{Map, Value, json};

use super::addresses::Move;
use super::causes::{CAUSES, Cause};
use super::findings::{Address, Detail, Findings, Listens, Trace};
use super::trace::event::Direction;
use super::watch::{Interval, Record};
use super::who::Owner;
use crate::domain::Answer;
use crate::report::json;

/// The document.
pub fn document(record: &Record, findings: &Findings) -> Value {
    let known = CAUSES.iter().filter(|cause| {
        cause.known(&record.changes).next().is_some() || findings.of(cause.id).next().is_some()
    });
    let started = findings.started;
    let moved = |moved: &Move| {
        json!({
            "address": moved.address,
            "came": moved.came,
            "at": started.after(moved.at).full(),
        })
    };
    let elsewhere = findings.elsewhere.iter();
    json!({
        "version": json::VERSION,
        "started": started.full(),
        "seconds": record.watched.as_secs_f64(),
        "trace": trace(&findings.trace),
        "causes": known.map(|cause| cause_value(cause, record, findings)).collect::<Vec<_>>(),
        "elsewhere": elsewhere.map(|one| detail(one, findings)).collect::<Vec<_>>(),
        "full_queues": full_queues(findings),
        "address_changes": findings.moves.iter().map(moved).collect::<Vec<_>>(),
        "intervals": record.intervals.iter().map(interval_value).collect::<Vec<_>>(),
        "intervals_left_out": record.intervals_left_out,
        "errors": errors(record, findings),
    })
}

fn errors(record: &Record, findings: &Findings) -> Vec<String> {
    let faults = record.faults.iter().map(ToString::to_string);
    faults.chain(findings.faults.iter().cloned()).collect()
}

fn trace(trace: &Trace) -> Value {
    match trace {
        Trace::Off => json!({ "state": "off" }),
        Trace::NotPossible(why) => json!({ "state": "not possible", "reason": why }),
        Trace::On(traced) => json!({
            "state": "on",
            "not_looked_at": traced.not_looked_at,
            "not_told_apart": traced.left_out,
            "tells_reasons": traced.tells_reasons,
            "other_namespaces": traced.other_namespaces,
        }),
    }
}

fn full_queues(findings: &Findings) -> Vec<Value> {
    let full = findings.full.iter().map(|(full, now, owner)| {
        json!({
            "address": full.listener.address,
            "port": full.listener.port,
            "owner": owner.as_ref().map(owner_value),
            "at": findings.started.after(full.at).full(),
            "length": full.listener.queue.map(|queue| queue.length),
            "limit": full.listener.queue.and_then(|queue| queue.limit),
            "length_at_end": now.map(|queue| queue.length),
        })
    });
    full.collect()
}

fn detail(detail: &Detail, findings: &Findings) -> Value {
    let place = detail.place;
    let peers = detail.peers.iter();
    let (state, since) = match &detail.address {
        Address::Here => ("here", None),
        Address::Came(came) => ("came", came.iter().map(|(_, at)| *at).next()),
        Address::Went(at) => ("went", Some(*at)),
        Address::NotHere => ("not here", None),
        Address::Unknown => ("not known", None),
    };
    let came = match &detail.address {
        Address::Came(came) => came.iter().map(|(address, _)| *address).collect(),
        _ => Vec::new(),
    };
    json!({
        "direction": match place.direction {
            Direction::Sent => "sent",
            Direction::Received => "received",
        },
        "local_address": place.local,
        "local_port": place.port,
        "peer_port": place.peer_port,
        "resets": detail.resets,
        "reason": detail.reason,
        "reason_in_words": detail.meaning.words,
        "process": detail.process.as_ref().map(json::process),
        "peers": peers.map(|(peer, resets)| json!({ "address": peer, "resets": resets })).collect::<Vec<_>>(),
        "resets_of_others": detail.more,
        "address_state": state,
        "addresses_that_came": came,
        "address_state_since": since.map(|at| at.full()),
        "listens": detail.listens.as_ref().map(|listens| in_json(listens, findings)),
    })
}

fn in_json(listens: &Listens, findings: &Findings) -> Value {
    let (answer, listener) = match &listens.answer {
        Answer::Listening(listener) | Answer::Violates(listener, _) => {
            ("listening", Some(listener))
        }
        Answer::NotListening => ("not listening", None),
        Answer::CouldNotTell(_) | Answer::NotChecked => ("could not tell", None),
    };
    json!({
        "answer": answer,
        "listener": listener.map(ToString::to_string),
        "owner": listens.owner.as_ref().map(owner_value),
        "last_seen": listens.last.map(|at| findings.started.after(at).full()),
    })
}

fn owner_value(owner: &Owner) -> Value {
    json!({
        "processes": owner.processes.iter().map(json::process).collect::<Vec<_>>(),
        "unit": owner.unit,
    })
}

fn cause_value(cause: &Cause, record: &Record, findings: &Findings) -> Value {
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
        "active": cause.is_active(&record.changes, &record.last) || findings.of(cause.id).next().is_some(),
        "counters": counters,
        "state": state,
        "resets": findings.of(cause.id).map(|one| detail(one, findings)).collect::<Vec<_>>(),
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
