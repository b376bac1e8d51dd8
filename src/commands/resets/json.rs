//! The report for a program: one document. packaging/schema/resets.json describes its form.

use serde_json::{Map, Value, json};

use super::Recording;
use super::addresses::AddressChange;
use super::diagnosis::{DiagnosedCause, Diagnosis, FullQueue};
use super::firewall::Rule;
use super::monitor::{Monitor, Trace};
use super::owners::{ListenerOwner, Listening, device};
use super::place::{Fact, ResetPlace};
use super::processes::{Actor, ActorState};
use super::site::Role;
use super::whose::Whose;
use crate::host::wall_clock::WallTime;
use crate::report::json;

/// Returns the document.
pub fn document(recording: &Recording, diagnosis: &Diagnosis, monitor: &Monitor) -> Value {
    let started = monitor.started;
    let counter = |(name, growth): (&str, super::counters::Growth)| {
        json!({
            "name": name,
            "change": growth.by,
            "per_second": growth.per_second(recording.watched),
            "total": growth.total,
        })
    };
    let change = |change: &AddressChange| {
        json!({
            "address": change.address,
            "added": change.added,
            "at": started.after(change.at).rfc3339(),
        })
    };
    let [certain, possible] = diagnosis.received;
    json!({
        "version": json::VERSION,
        "started": started.rfc3339(),
        "seconds": recording.watched.as_secs_f64(),
        "trace": match &monitor.trace {
            Trace::Off => json!({ "state": "off" }),
            Trace::Unavailable(why) => json!({ "state": "unavailable", "reason": why }),
            Trace::On { lost, has_reasons } => json!({
                "state": "on",
                "complete": monitor.is_complete(),
                "sent": diagnosis.sent,
                "received": certain + possible,
                "lost": lost,
                "not_listed": monitor.table.left_out,
                "has_reasons": has_reasons,
            }),
        },
        "firewall": match &diagnosis.uncounted {
            Ok(rules) => json!({ "uncounted_rules": list(rules, |one| rule(one, None)) }),
            Err(why) => json!({ "uncounted_rules": null, "reason": why }),
        },
        "counters": recording.changes.all().map(counter).collect::<Vec<_>>(),
        "findings": list(&diagnosis.causes, |one| cause(one, started)),
        "elsewhere": list(&diagnosis.elsewhere, place),
        "address_changes": list(&monitor.changes, change),
        "errors": monitor.errors,
    })
}

fn list<T>(all: &[T], to_json: impl Fn(&T) -> Value) -> Value {
    all.iter().map(to_json).collect()
}

fn cause(cause: &DiagnosedCause, started: WallTime) -> Value {
    let description = cause.cause.describe();
    let state = cause.state.iter();
    let state = state.map(|(name, figure)| ((*name).to_owned(), Value::from(*figure)));
    json!({
        "cause": description.id,
        "name": description.name,
        "resets": cause.resets,
        "counters": list(&cause.counters, |(name, _)| json!(name)),
        "state": state.collect::<Map<_, _>>(),
        "places": list(&cause.places, place),
        "queues": list(&cause.queues, |one| queue(one, started)),
        "rules": list(&cause.rules, |(one, packets)| rule(one, Some(*packets))),
        "next": cause.next,
    })
}

fn rule((family, table, chain, handle): &Rule, packets: Option<u64>) -> Value {
    json!({ "family": family, "table": table, "chain": chain, "handle": handle, "packets": packets })
}

fn place(place: &ResetPlace) -> Value {
    let (role, port, peer_port) = match place.site.role {
        Role::Service(port) => ("service", Some(port), None),
        Role::Client(port) => ("client", None, Some(port)),
        Role::Connection(port, peer) => ("unknown", Some(port), Some(peer)),
        Role::Many(_) if place.is_sent() => ("service", None, None),
        Role::Many(_) => ("client", None, None),
        Role::Unknown => ("unknown", None, None),
    };
    json!({
        "direction": if place.is_sent() { "sent" } else { "received" },
        "local_address": place.site.local,
        "role": role,
        "local_port": port,
        "peer_port": peer_port,
        "ports": (place.ports > 0).then_some(place.ports),
        "resets": place.resets,
        "reason": place.reason,
        "processes": list(&place.actors, actor),
        "peers": list(&place.peers, |(peer, resets)| json!({ "address": peer, "resets": resets })),
        "resets_of_others": place.more,
        "explained_by": list(&place.facts, fact),
        "listening": place.listening.as_ref().map(|listening| match listening {
            Listening::Yes(listener, owned) => {
                let device = device(listener);
                json!({
                    "answer": "listening",
                    "listener": listener.to_string(),
                    "device": device,
                    "owner": owner(owned),
                })
            }
            Listening::No => json!({ "answer": "not listening" }),
            Listening::Unknown => json!({ "answer": "could not tell" }),
        }),
        "possibly_elsewhere": place.whose == Whose::Doubtful,
    })
}

fn actor((actor, resets): &(Actor, u64)) -> Value {
    json!({
        "pid": actor.process.pid(),
        "name": actor.process.name(),
        "resets": resets,
        "state": match actor.state {
            ActorState::Running => "running",
            ActorState::Ended => "ended",
            ActorState::OnHost => "on the host",
        },
    })
}

fn fact(fact: &Fact) -> Value {
    let (what, address, at) = match fact {
        Fact::Added(address, at) => ("address added", Some(address), Some(at)),
        Fact::Removed(at) => ("address removed", None, Some(at)),
        Fact::NotHere => ("address not here", None, None),
        Fact::ListenerGone(at) => ("listener gone", None, Some(at)),
        Fact::Restarted(at) => ("listener replaced", None, Some(at)),
        Fact::NotLinger => ("not by SO_LINGER", None, None),
        Fact::Smb => ("SMB", None, None),
        Fact::Within => ("within this machine", None, None),
    };
    json!({ "what": what, "address": address, "at": at.map(|at| at.rfc3339()) })
}

fn owner(owner: &ListenerOwner) -> Value {
    json!({ "processes": list(&owner.processes, json::process), "unit": owner.unit })
}

fn queue(full: &FullQueue, started: WallTime) -> Value {
    let known = &full.known;
    json!({
        "address": known.listener.address,
        "port": known.listener.port,
        "owner": owner(&full.owner),
        "drops": known.discarded(),
        "full_at": known.full.map(|(_, at)| started.after(at).rfc3339()),
        "full_length": known.full.map(|(queue, _)| queue.length),
        "limit": known.listener.queue.and_then(|queue| queue.limit),
        "length_at_end": full.now.map(|queue| queue.length),
    })
}
