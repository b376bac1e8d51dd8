//! A place with resets, in words.

use std::net::{IpAddr, SocketAddr};

use super::findings::{Address, Detail, Listens};
use super::trace::event::Direction;
use super::trace::table::Place;
use crate::domain::Answer;
use crate::host::wall::WallTime;

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
            .map(|process| match process.has_name() {
                true => format!("by {process}"),
                false => format!("by {process}, which has ended"),
            }),
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
        (Answer::Violates(listener, _), _) => format!("open: {listener} listens"),
        (Answer::NotChecked, _) => "whether it is open was not checked".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;
    use crate::commands::resets::trace::event::Reset;
    use crate::commands::resets::trace::table::{Role, Table};
    use crate::domain::Doubt;

    /// Resets of a service to clients, of which the number of each is how often it was reset.
    fn detail(clients: &[u8]) -> Detail {
        let mut table = Table::default();
        for client in clients {
            let reset = Reset {
                direction: Direction::Sent,
                local: Some(([192, 0, 2, 1].into(), 80)),
                peer: Some(([198, 51, 100, *client].into(), 40_000)),
                reason: Some(1),
                by_listener: false,
                pid: None,
                by_thread: false,
            };
            let role = Role {
                is_service: true,
                ..Role::default()
            };
            for _ in 0..*client {
                table.count(&reset, Duration::ZERO, role);
            }
        }
        let (place, count) = table.places().next().unwrap();
        Detail::new(
            *place,
            count,
            &BTreeMap::from([(1, "NO_SOCKET".to_owned())]),
        )
    }

    #[test]
    fn five_peers_are_named_and_the_rest_is_counted() {
        assert_eq!(
            line(&detail(&[1, 2, 3, 4, 5, 6, 7]), WallTime::now()),
            "sent by 192.0.2.1:80: 28 to 198.51.100.7 (7), 198.51.100.6 (6), 198.51.100.5 (5), \
             198.51.100.4 (4), 198.51.100.3 (3), others (3); no socket (NO_SOCKET)"
        );
    }

    #[test]
    fn an_address_that_is_not_here_and_a_port_of_which_nothing_is_known() {
        let told = Detail {
            address: Address::NotHere,
            listens: Some(Listens {
                answer: Answer::CouldNotTell(Doubt::new("no time")),
                owner: None,
                last: None,
            }),
            ..detail(&[1])
        };
        assert_eq!(
            line(&told, WallTime::now()),
            "sent by 192.0.2.1:80: 1 to 198.51.100.1; no socket (NO_SOCKET); 192.0.2.1 is not an address of \
             this machine (any more): a virtual IP that has moved away, or one that was never here; could \
             not tell whether it is open: no time"
        );
    }

    #[test]
    fn what_the_kernel_does_not_say_is_not_known() {
        let mut told = detail(&[1]);
        told.place.local = None;
        told.peers.clear();
        told.reason = None;
        let told = line(&told, WallTime::now());
        let start = "sent by port 80: 1 to peers that the kernel does not name; ";
        assert!(told.starts_with(start), "{told}");
    }
}
