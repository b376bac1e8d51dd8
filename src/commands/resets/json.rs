//! The report for a program: one document, whose form packaging/schema/resets.json describes.

use serde_json::{Map, Value, json};

use super::addresses::AddressChange;
use super::causes::{Cause, Severity};
use super::findings::{Finding, Findings, Overflow};
use super::firewall::Rule;
use super::monitor::{Monitor, Trace};
use super::owners::{Listening, Owner};
use super::place::{Reason, ResetPlace};
use super::processes::ActorState;
use super::table::Role;
use super::whose::Whose;
use super::{Interval, Record};
use crate::host::wall::WallTime;
use crate::report::json;

/// The document.
pub fn document(record: &Record, findings: &Findings, monitor: &Monitor) -> Value {
    let counters = record.changes.all().map(|(name, growth)| {
        json!({
            "name": name,
            "change": growth.by,
            "per_second": growth.per_second(record.watched),
            "total": growth.total,
        })
    });
    let started = monitor.started;
    let change = |change: &AddressChange| {
        json!({
            "address": change.address,
            "added": change.added,
            "at": started.after(change.at).full(),
        })
    };
    let [sent, received] = findings.traced;
    json!({
        "version": json::VERSION,
        "started": started.full(),
        "seconds": record.watched.as_secs_f64(),
        "trace": match &monitor.trace {
            Trace::Off => json!({ "state": "off" }),
            Trace::Unavailable(why) => json!({ "state": "unavailable", "reason": why }),
            Trace::On { lost, has_reasons } => json!({
                "state": "on",
                "complete": monitor.is_complete(),
                "sent": sent,
                "received": received,
                "lost": lost,
                "not_listed": monitor.table.left_out,
                "has_reasons": has_reasons,
            }),
        },
        "firewall": match &findings.uncounted {
            Ok(rules) => json!({ "uncounted_rules": rules.iter().map(|one| rule(one, None)).collect::<Vec<_>>() }),
            Err(why) => json!({ "uncounted_rules": null, "reason": why }),
        },
        "counters": counters.collect::<Vec<_>>(),
        "findings": findings.list.iter().map(|one| finding(one, started)).collect::<Vec<_>>(),
        "elsewhere": findings.elsewhere.iter().map(place).collect::<Vec<_>>(),
        "address_changes": monitor.changes.iter().map(change).collect::<Vec<_>>(),
        "intervals": record.intervals.iter().map(interval).collect::<Vec<_>>(),
        "intervals_left_out": record.intervals_left_out,
        "errors": monitor.errors,
    })
}

fn finding(finding: &Finding, started: WallTime) -> Value {
    let description = finding.cause.describe();
    let state: Map<String, Value> = finding
        .state
        .iter()
        .map(|(name, figure)| ((*name).to_owned(), (*figure).into()))
        .collect();
    json!({
        "cause": description.id,
        "name": description.name,
        "severity": match description.severity {
            Severity::Problem => "problem",
            Severity::Note => "note",
        },
        "resets": finding.resets,
        "counters": finding.counters.iter().map(|(name, _)| name).collect::<Vec<_>>(),
        "state": state,
        "places": finding.places.iter().map(place).collect::<Vec<_>>(),
        "queues": finding.queues.iter().map(|one| overflow(one, started)).collect::<Vec<_>>(),
        "rules": finding.rules.iter().map(|(one, resets)| rule(one, Some(*resets))).collect::<Vec<_>>(),
        "next": description.next,
    })
}

fn rule((family, table, chain, handle): &Rule, resets: Option<u64>) -> Value {
    json!({ "family": family, "table": table, "chain": chain, "handle": handle, "resets": resets })
}

fn place(place: &ResetPlace) -> Value {
    let (role, port, peer_port) = match place.site.role {
        Role::Service(port) => ("service", Some(port), None),
        Role::Client(port) => ("client", None, Some(port)),
        Role::Connection(port, peer) => ("unknown", Some(port), Some(peer)),
        Role::Scan(_) => ("scanned", None, None),
        Role::Unknown => ("unknown", None, None),
    };
    json!({
        "direction": if place.site.cause == Cause::ByPeer { "received" } else { "sent" },
        "local_address": place.site.local,
        "role": role,
        "local_port": port,
        "peer_port": peer_port,
        "scanned_ports": (place.ports > 0).then_some(place.ports),
        "resets": place.resets,
        "reason": place.reason,
        "processes": place.actors.iter().map(|(actor, resets)| json!({
            "pid": actor.process.pid(),
            "name": actor.process.name(),
            "resets": resets,
            "state": match actor.state {
                ActorState::Running => "running",
                ActorState::Ended => "ended",
                ActorState::OnHost => "on the host",
            },
        })).collect::<Vec<_>>(),
        "peers": place.peers.iter().map(|(peer, resets)| json!({ "address": peer, "resets": resets })).collect::<Vec<_>>(),
        "resets_of_others": place.more,
        "explained_by": place.reasons.iter().map(reason).collect::<Vec<_>>(),
        "listening": place.listening.as_ref().map(|listening| match listening {
            Listening::Yes(listener, owned) => json!({ "answer": "listening", "listener": listener.to_string(), "owner": owner(owned) }),
            Listening::No => json!({ "answer": "not listening" }),
            Listening::Unknown => json!({ "answer": "could not tell" }),
        }),
        "possibly_elsewhere": place.whose == Whose::Doubtful,
    })
}

fn reason(reason: &Reason) -> Value {
    let (what, address, at) = match reason {
        Reason::Added(address, at) => ("address added", Some(address), Some(at)),
        Reason::Removed(at) => ("address removed", None, Some(at)),
        Reason::NotHere => ("address not here", None, None),
        Reason::ListenerGone(at) => ("listener gone", None, Some(at)),
        Reason::Restarted(at) => ("service restarted", None, Some(at)),
        Reason::NotLinger => ("not by SO_LINGER", None, None),
        Reason::Smb => ("SMB", None, None),
        Reason::Within => ("within this machine", None, None),
    };
    json!({ "what": what, "address": address, "at": at.map(|at| at.full()) })
}

fn owner(owner: &Owner) -> Value {
    json!({
        "processes": owner.processes.iter().map(json::process).collect::<Vec<_>>(),
        "unit": owner.unit,
    })
}

fn overflow(overflow: &Overflow, started: WallTime) -> Value {
    json!({
        "address": overflow.listener.address,
        "port": overflow.listener.port,
        "owner": owner(&overflow.owner),
        "drops": overflow.dropped,
        "full_at": overflow.full.map(|(_, at)| started.after(at).full()),
        "full_length": overflow.full.map(|(queue, _)| queue.length),
        "limit": overflow.listener.queue.and_then(|queue| queue.limit),
        "length_at_end": overflow.now.map(|queue| queue.length),
    })
}

fn interval(interval: &Interval) -> Value {
    let changes: Map<String, Value> = interval
        .changes
        .moved()
        .map(|(name, growth)| (name.to_owned(), growth.by.into()))
        .collect();
    json!({
        "from": interval.from.as_secs_f64(),
        "to": interval.to.as_secs_f64(),
        "changes": changes,
    })
}
