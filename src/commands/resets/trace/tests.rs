//! What kernels from 5.10 to 7.2 wrote for the same resets; see resets() in scripts/guest/trace.rs.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::event::Reset;
use super::*;

macro_rules! kernel {
    ($name:literal) => {
        Kernel {
            name: $name,
            send: include_str!(concat!(
                "../../../../tests/fixtures/",
                $name,
                "-x86_64/tcp_send_reset.format"
            )),
            receive: include_str!(concat!(
                "../../../../tests/fixtures/",
                $name,
                "-x86_64/tcp_receive_reset.format"
            )),
            header_page: include_str!(concat!(
                "../../../../tests/fixtures/",
                $name,
                "-x86_64/header_page"
            )),
            pages: include_str!(concat!(
                "../../../../tests/fixtures/",
                $name,
                "-x86_64/resets.hex"
            )),
        }
    };
}

struct Kernel {
    name: &'static str,
    send: &'static str,
    receive: &'static str,
    header_page: &'static str,
    pages: &'static str,
}

const KERNELS: [Kernel; 5] = [
    kernel!("5.10"),
    kernel!("6.1"),
    kernel!("6.12"),
    kernel!("6.18"),
    kernel!("7.2"),
];

/// A reset as the fixtures have it: who sent it, both ends and the reason.
type Seen = (Direction, (IpAddr, u16), (IpAddr, u16), Option<String>);

impl Kernel {
    fn has_reasons(&self) -> bool {
        !["5.10", "6.1"].contains(&self.name)
    }

    fn layout(&self) -> PageLayout {
        PageLayout::parse(self.header_page, ByteOrder::Little).unwrap()
    }

    fn events(&self) -> [Event; 2] {
        [
            (self.send, Direction::Sent),
            (self.receive, Direction::Received),
        ]
        .map(|(text, direction)| {
            Event::new(&EventFormat::parse(text), direction, ByteOrder::Little).unwrap()
        })
    }

    fn pages(&self) -> Vec<Vec<u8>> {
        let byte = |word| u8::from_str_radix(word, 16).unwrap();
        let pages = self.pages.split("page\n").skip(1);
        pages
            .map(|page| page.split_whitespace().map(byte).collect())
            .collect()
    }

    fn resets(&self) -> Vec<Reset> {
        let (layout, events) = (self.layout(), self.events());
        let pages = self.pages();
        let records = pages.iter().flat_map(|page| layout.records(page));
        records
            .map(|record| events.iter().find_map(|event| event.read(record)).unwrap())
            .collect()
    }

    fn seen(&self) -> Vec<Seen> {
        let names = EventFormat::parse(self.send).reasons;
        let resets = self.resets().into_iter();
        let mut seen: Vec<_> = resets
            .map(|reset| {
                let reason = reset.reason.map(|number| names[&number].clone());
                (
                    reset.direction,
                    reset.local.unwrap(),
                    reset.peer.unwrap(),
                    reason,
                )
            })
            .collect();
        seen.sort_by_key(|(direction, (address, port), _, _)| (*direction, *address, *port));
        seen
    }
}

#[test]
fn captured_resets_of_each_kernel_are_parsed() {
    for kernel in KERNELS {
        let (v4, v6) = (
            IpAddr::from(Ipv4Addr::LOCALHOST),
            IpAddr::from(Ipv6Addr::LOCALHOST),
        );
        let seen = kernel.seen();
        // The ports of the two clients that found nobody are the kernel's choice.
        let client = |address: IpAddr| {
            let refused = seen.iter().find(|(direction, local, peer, _)| {
                *direction == Direction::Received && local.0 == address && peer.1 == 1099
            });
            refused.unwrap().1
        };
        let (refused_v4, refused_v6) = (client(v4), client(v6));
        let reason = |name: &str| kernel.has_reasons().then(|| name.to_owned());
        let mut expected = vec![
            (Direction::Sent, (v4, 1098), (v4, 1096), reason("TCP_STATE")),
            (
                Direction::Sent,
                (v4, 1098),
                (v4, 1097),
                reason("TCP_ABORT_ON_CLOSE"),
            ),
            (Direction::Received, (v4, 1096), (v4, 1098), None),
            (Direction::Received, (v4, 1097), (v4, 1098), None),
            (Direction::Received, refused_v4, (v4, 1099), None),
            (Direction::Received, refused_v6, (v6, 1099), None),
        ];
        if kernel.has_reasons() {
            expected.push((Direction::Sent, (v4, 1099), refused_v4, reason("NO_SOCKET")));
            expected.push((Direction::Sent, (v6, 1099), refused_v6, reason("NO_SOCKET")));
        }
        for one in &expected {
            assert!(
                seen.contains(one),
                "{}: no {one:?} in {seen:#?}",
                kernel.name
            );
        }
        assert_eq!(seen.len(), expected.len(), "{}: {seen:#?}", kernel.name);
    }
}

#[test]
fn a_truncated_page_shows_fewer_records_and_no_wrong_ones() {
    for kernel in KERNELS {
        let (layout, pages) = (kernel.layout(), kernel.pages());
        for page in &pages {
            let whole: Vec<&[u8]> = layout.records(page).collect();
            for length in 0..page.len() {
                let part: Vec<&[u8]> = layout.records(&page[..length]).collect();
                assert_eq!(part, whole[..part.len()], "{} at {length}", kernel.name);
            }
        }
    }
}

#[test]
fn a_missing_field_is_none() {
    let kernel = KERNELS.last().unwrap();
    let without = |field: &str| {
        let kept = kernel.send.lines().filter(|line| !line.contains(field));
        kept.collect::<Vec<_>>().join("\n")
    };
    let read = |text: &str| {
        let event = Event::new(
            &EventFormat::parse(text),
            Direction::Sent,
            ByteOrder::Little,
        )?;
        let (layout, pages) = (kernel.layout(), kernel.pages());
        let mut records = pages.iter().flat_map(|page| layout.records(page));
        records.find_map(|record| event.read(record))
    };
    assert!(read(kernel.send).unwrap().reason.is_some());
    assert_eq!(read(&without(" reason;")).unwrap().reason, None);
    assert_eq!(read(&without(" saddr[")).unwrap().local, None);
    assert_eq!(read(&without(" daddr[")).unwrap().peer, None);
    assert_eq!(read(&without(" common_pid;")).unwrap().pid, None);
    assert_eq!(read(&without(" common_type;")), None);
    assert_eq!(read(&without("ID:")), None);
}
