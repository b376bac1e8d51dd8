//! A place with resets, in words.

use std::net::{IpAddr, SocketAddr};

use super::findings::{Address, Detail, Listens};
use super::trace::event::Direction;
use super::trace::table::Place;
use crate::domain::Answer;
use crate::wall::WallTime;

/// Where it is: `192.0.2.1:80`, or `192.0.2.1 as a client of port 443`.
pub fn place(place: &Place) -> String {
    let address = place.local.map_or_else(
        || "an address not known".to_owned(),
        |address| address.to_string(),
    );
    match (place.local, place.port, place.peer_port) {
        (Some(address), Some(port), _) => SocketAddr::new(address, port).to_string(),
        (None, Some(port), _) => format!("port {port}"),
        (_, None, Some(peer)) => format!("{address} as a client of port {peer}"),
        (_, None, None) => address,
    }
}

/// All that is known of it, in a line.
pub fn line(detail: &Detail, started: WallTime) -> String {
    let (verb, preposition) = match detail.place.direction {
        Direction::Sent => ("sent by", "to"),
        Direction::Received => ("received by", "from"),
    };
    let mut parts = vec![format!(
        "{verb} {}: {} {preposition} {}",
        place(&detail.place),
        detail.resets,
        peers(detail)
    )];
    if detail.place.direction == Direction::Sent {
        parts.push(match &detail.reason {
            Some(name) => format!("{} ({name})", detail.meaning.words),
            None => detail.meaning.words.to_owned(),
        });
    }
    parts.extend(
        detail
            .process
            .as_ref()
            .map(|process| format!("by {process}")),
    );
    parts.extend(address(detail));
    parts.extend(
        detail
            .listens
            .as_ref()
            .map(|listens| in_words(listens, started)),
    );
    parts.join("; ")
}

fn peers(detail: &Detail) -> String {
    if detail.peers.is_empty() {
        return "peers that the kernel does not name".to_owned();
    }
    if let ([(peer, _)], 0) = (detail.peers.as_slice(), detail.more) {
        return peer.to_string();
    }
    let mut named: Vec<String> = detail
        .peers
        .iter()
        .map(|(peer, resets)| format!("{peer} ({resets})"))
        .collect();
    if detail.more > 0 {
        named.push(format!("others ({})", detail.more));
    }
    named.join(", ")
}

fn address(detail: &Detail) -> Option<String> {
    let local = detail.place.local?;
    // Nothing else is explained by an address that came.
    let knows_no_connection = detail.meaning.cause == "no_socket";
    let is_open = matches!(
        &detail.listens,
        Some(Listens {
            answer: Answer::Listening(_),
            ..
        })
    );
    match &detail.address {
        Address::Here | Address::Unknown => None,
        Address::Came(addresses) if knows_no_connection => {
            let came: Vec<String> = addresses.iter().map(came).collect();
            // Where nothing listens, that is enough of an explanation.
            let moved = match is_open {
                true => {
                    ": a virtual IP that has moved here, whose connections from before are not known here"
                }
                false => "",
            };
            Some(format!("{}{moved}", came.join(", ")))
        }
        Address::Came(_) => None,
        Address::Went(at) => Some(format!(
            "{local} went from this machine at {}: a virtual IP that has moved away",
            at.clock()
        )),
        Address::NotHere => Some(format!(
            "{local} is not an address of this machine (any more): a virtual IP that has moved away, or one \
             that was never here"
        )),
    }
}

fn came((address, at): &(IpAddr, WallTime)) -> String {
    format!("{address} came to this machine at {}", at.clock())
}

fn in_words(listens: &Listens, started: WallTime) -> String {
    match (&listens.answer, listens.last) {
        (Answer::Listening(listener), _) => match &listens.owner {
            Some(owner) => format!("open: {owner} listens on {listener}"),
            None => format!("open: {listener} listens, by a program that is not known"),
        },
        (Answer::NotListening, None) => "nothing listens there".to_owned(),
        (Answer::NotListening, Some(at)) => format!(
            "nothing listens there now, something did until {}",
            started.after(at).clock()
        ),
        (Answer::CouldNotTell(doubt), _) => format!("could not tell whether it is open: {doubt}"),
        (Answer::Unfit(listener, _), _) => format!("open: {listener} listens"),
        (Answer::NotChecked, _) => "whether it is open was not checked".to_owned(),
    }
}
