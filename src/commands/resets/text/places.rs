//! A place with resets, in words.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use crate::commands::resets::causes::Cause;
use crate::commands::resets::owners::Listening;
use crate::commands::resets::place::{Reason, ResetPlace};
use crate::commands::resets::processes::{Actor, ActorState};
use crate::commands::resets::table::{Role, Site};
use crate::commands::resets::whose::Whose;

/// How many processes of a place are named.
const MOST_ACTORS: usize = 10;

/// A line for each of these places, up to a limit.
pub(super) fn lines(all: &[ResetPlace], most: usize) -> String {
    let (named, rest) = all.split_at(all.len().min(most));
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

/// Where it is: `192.0.2.1:80`, or `192.0.2.1 as a client of port 443`.
pub(super) fn site_name(site: &Site) -> String {
    let address = site.local.map_or_else(
        || "an unknown address".to_owned(),
        |local| local.to_string(),
    );
    match (site.local, site.role) {
        (Some(local), Role::Service(port)) => SocketAddr::new(local, port).to_string(),
        (Some(local), Role::Connection(port, peer)) => {
            format!(
                "{} with the peer's port {peer}",
                SocketAddr::new(local, port)
            )
        }
        (None, Role::Service(port) | Role::Connection(port, _)) => format!("port {port}"),
        (_, Role::Client(port)) => format!("{address} as a client of port {port}"),
        (_, Role::Scan(_) | Role::Unknown) => address,
    }
}

fn line(place: &ResetPlace) -> String {
    let (verb, preposition) = match place.site.cause {
        Cause::ByPeer => ("received by", "from"),
        _ => ("sent by", "to"),
    };
    let site = site_name(&place.site);
    let reason = place
        .reason
        .as_ref()
        .map_or_else(String::new, |name| format!(" ({name})"));
    let mut parts = vec![format!(
        "{verb} {site}: {} {preposition} {}{reason}",
        place.resets,
        peers(place)
    )];
    if place.ports > 0 {
        parts.push(format!("{} ports", place.ports));
    }
    if !place.actors.is_empty() {
        parts.push(format!("by {}", actors(place)));
    }
    match &place.listening {
        Some(Listening::Yes(listener, owner)) => {
            parts.push(format!("open: {owner} listens on {listener}"))
        }
        Some(Listening::Unknown) => parts.push("whether it is open is not known".to_owned()),
        Some(Listening::No)
            if !place
                .reasons
                .iter()
                .any(|one| matches!(one, Reason::ListenerGone(_))) =>
        {
            parts.push("nothing listens there now".to_owned());
        }
        Some(Listening::No) | None => {}
    }
    parts.extend(
        place
            .reasons
            .iter()
            .map(|reason| in_words(reason, place.site.local)),
    );
    if place.whose == Whose::Doubtful {
        parts.push("possibly in another network namespace with this address".to_owned());
    }
    parts.join("; ")
}

fn peers(place: &ResetPlace) -> String {
    if place.peers.is_empty() {
        return "peers that the kernel does not name".to_owned();
    }
    if let ([(peer, _)], 0) = (place.peers.as_slice(), place.more) {
        return peer.to_string();
    }
    let mut named: Vec<String> = place
        .peers
        .iter()
        .map(|(peer, resets)| format!("{peer} ({resets})"))
        .collect();
    if place.more > 0 {
        named.push(format!("others ({})", place.more));
    }
    named.join(", ")
}

fn actors(place: &ResetPlace) -> String {
    let (first, rest) = match place.actors.as_slice() {
        [] => return String::new(),
        [(actor, resets)] if *resets == place.resets => return actor_name(actor),
        [first, rest @ ..] => (first, rest),
    };
    let named: u64 = place.actors.iter().map(|(_, resets)| resets).sum();
    let all = std::iter::once(first).chain(rest).take(MOST_ACTORS);
    let mut parts: Vec<String> = all
        .map(|(actor, resets)| format!("{} {}", actor_name(actor), times(*resets)))
        .collect();
    let unknown = place.resets.saturating_sub(named);
    if unknown > 0 {
        parts.push(format!("unknown processes {}", times(unknown)));
    }
    parts.join(", ")
}

/// Such as `haproxy (812)` or `haproxy (thread 813, ended)`: of a process that has ended, the thread is known.
fn actor_name(actor: &Actor) -> String {
    let number = actor.process.pid();
    let state = match actor.state {
        ActorState::Running => return actor.process.to_string(),
        ActorState::Ended => format!("thread {number}, ended"),
        ActorState::OnHost => format!("thread {number} of the host"),
    };
    match actor.process.name() {
        Some(name) => format!("{name} ({state})"),
        None => format!("an unknown process ({state})"),
    }
}

fn times(count: u64) -> String {
    match count {
        1 => "once".to_owned(),
        _ => format!("{count} times"),
    }
}

fn in_words(reason: &Reason, local: Option<IpAddr>) -> String {
    let local = local.map_or_else(|| "the address".to_owned(), |local| local.to_string());
    match reason {
        Reason::Added(address, at) => format!(
            "{address} was added to this machine at {}, which has no connections to it from before",
            at.clock()
        ),
        Reason::Removed(at) => format!("{local} was removed from this machine at {}", at.clock()),
        Reason::NotHere => format!("{local} is not an address of this machine"),
        Reason::ListenerGone(at) => format!(
            "nothing is listening now; something listened until {}",
            at.clock()
        ),
        Reason::Restarted(at) => format!(
            "its listener was replaced after {}: the service has started again",
            at.clock()
        ),
        Reason::NotLinger => "not by SO_LINGER 0, since TCPAbortOnData did not grow".to_owned(),
        Reason::Smb => {
            "harmless if these are SMB clients: they open ports 139 and 445, and reset one"
                .to_owned()
        }
        Reason::Within => {
            "the peer is this machine; how it sent them was not traced, as with a firewall"
                .to_owned()
        }
    }
}
