//! A place with resets, in words.

use std::fmt::Write as _;
use std::net::SocketAddr;

use crate::commands::resets::owners::{Listening, device};
use crate::commands::resets::place::{Fact, ResetPlace};
use crate::commands::resets::processes::{Actor, ActorState};
use crate::commands::resets::site::Role;
use crate::commands::resets::whose::Whose;

/// How many processes of a place are printed.
const MAX_ACTORS: usize = 10;

/// Returns a line for each of these places, up to a limit.
pub(super) fn lines(all: &[ResetPlace], limit: usize) -> String {
    let (named, rest) = all.split_at(all.len().min(limit));
    let mut text: String = named
        .iter()
        .map(|place| format!("  {}\n", line(place)))
        .collect();
    if !rest.is_empty() {
        let resets: u64 = rest.iter().map(|place| place.resets).sum();
        let _ = writeln!(text, "  and {resets} more at other places: {}", rest.len());
    }
    text
}

/// Returns the name of a site, such as `192.0.2.1:80` or `192.0.2.1 as a client of port 443`.
fn site_name(place: &ResetPlace) -> String {
    let (local, port_of) = match place.site.local {
        Some(local) => (local.to_string(), Some(local)),
        None => ("an unknown address".to_owned(), None),
    };
    let with_port = |port| match port_of {
        Some(local) => SocketAddr::new(local, port).to_string(),
        None => format!("port {port}"),
    };
    match place.site.role {
        Role::Service(port) => with_port(port),
        Role::Connection(port, peer) => format!("{} with the peer's port {peer}", with_port(port)),
        Role::Client(port) => format!("{local} as a client of port {port}"),
        Role::Many(_) if place.is_sent() => format!("{local} at {} ports", place.ports),
        Role::Many(_) => format!("{local} as a client of {} ports", place.ports),
        Role::Unknown => local,
    }
}

fn line(place: &ResetPlace) -> String {
    let (verb, preposition) = match place.is_sent() {
        true => ("sent by", "to"),
        false => ("received by", "from"),
    };
    let reason = place
        .reason
        .as_ref()
        .map_or_else(String::new, |name| format!(" ({name})"));
    let mut parts = vec![format!(
        "{verb} {}: {} {preposition} {}{reason}",
        site_name(place),
        place.resets,
        peers(place)
    )];
    if !place.actors.is_empty() {
        parts.push(format!("by {}", actors(place)));
    }
    let is_gone = place
        .facts
        .iter()
        .any(|fact| matches!(fact, Fact::ListenerGone(_)));
    match &place.listening {
        Some(Listening::Yes(listener, owner)) => {
            let device = device(listener).map(|name| format!(", bound to device {name}"));
            let device = device.unwrap_or_default();
            parts.push(format!("open: {owner} listens on {listener}{device}"))
        }
        Some(Listening::Unknown) => parts.push("cannot find out whether it is open now".to_owned()),
        Some(Listening::No) if !is_gone => parts.push("nothing listens there now".to_owned()),
        Some(Listening::No) | None => {}
    }
    parts.extend(place.facts.iter().map(|fact| describe_fact(fact, place)));
    if place.whose == Whose::Doubtful {
        parts.push("possibly in another network namespace with this address".to_owned());
    }
    parts.join("; ")
}

fn peers(place: &ResetPlace) -> String {
    match (place.peers.as_slice(), place.more) {
        ([], _) => "peers that the kernel does not name".to_owned(),
        ([(peer, _)], 0) => peer.to_string(),
        (peers, more) => {
            let named = peers
                .iter()
                .map(|(peer, resets)| format!("{peer} ({resets})"));
            let others = (more > 0).then(|| format!("others ({more})"));
            named.chain(others).collect::<Vec<_>>().join(", ")
        }
    }
}

fn actors(place: &ResetPlace) -> String {
    match place.actors.as_slice() {
        [(actor, resets)] if *resets == place.resets => return actor_name(actor),
        _ => {}
    }
    let count = |resets: u64| match resets {
        1 => "once".to_owned(),
        _ => format!("{resets} times"),
    };
    let named: u64 = place.actors.iter().map(|(_, resets)| resets).sum();
    let unknown = place.resets.saturating_sub(named);
    let listed = place.actors.iter().take(MAX_ACTORS);
    let listed = listed.map(|(actor, resets)| format!("{} {}", actor_name(actor), count(*resets)));
    let unknown = (unknown > 0).then(|| format!("unknown processes {}", count(unknown)));
    listed.chain(unknown).collect::<Vec<_>>().join(", ")
}

/// Returns such as `haproxy (812)`, or `haproxy (thread 813, ended)` if only the thread is known.
fn actor_name(actor: &Actor) -> String {
    let number = actor.process.pid();
    let state = match actor.state {
        ActorState::Running => return actor.process.to_string(),
        ActorState::Ended => format!("thread {number}, ended"),
        ActorState::OnHost => format!("thread {number} of the host"),
    };
    let name = actor.process.name();
    format!(
        "{} ({state})",
        name.as_deref().unwrap_or("an unknown process")
    )
}

fn describe_fact(fact: &Fact, place: &ResetPlace) -> String {
    let local = place
        .site
        .local
        .map_or_else(|| "the address".to_owned(), |local| local.to_string());
    match fact {
        Fact::Added(address, at) => format!(
            "{address} was added to this machine at {}: connections from before can be another machine's",
            at.time_of_day()
        ),
        Fact::Removed(at) => format!(
            "{local} was removed from this machine at {}",
            at.time_of_day()
        ),
        Fact::NotHere => format!("{local} is not an address of this machine"),
        Fact::ListenerGone(at) => {
            format!(
                "nothing is listening now; a listener was last seen at {}",
                at.time_of_day()
            )
        }
        Fact::Restarted(at) => format!(
            "its listener was replaced after {}, as by a restart or reload",
            at.time_of_day()
        ),
        Fact::NotLinger => "not by SO_LINGER 0, since TCPAbortOnData did not grow".to_owned(),
        Fact::Smb => {
            "harmless if these are SMB clients: they open ports 139 and 445, and reset one"
                .to_owned()
        }
        Fact::Within => {
            "the peer is this machine, and no reset by its TCP was traced, as with a firewall"
                .to_owned()
        }
    }
}
