//! Answers that real kernels gave.

use super::{LITTLE, Script, run};
use crate::domain::Device;

/// The datagrams of a captured file, as family and bytes.
fn captured(text: &str) -> Vec<(&str, Vec<u8>)> {
    let mut datagrams = Vec::new();
    for line in text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
    {
        let (hex, label) = line.split_once('#').unwrap();
        match datagrams.last_mut() {
            _ if hex.trim() == "datagram" => datagrams.push((label.trim(), Vec::new())),
            Some((_, bytes)) => {
                bytes.extend(
                    hex.split_whitespace()
                        .map(|byte| u8::from_str_radix(byte, 16).unwrap()),
                );
            }
            None => panic!("bytes before the first datagram"),
        }
    }
    datagrams
}

#[test]
fn what_6_18_says_of_the_zoo() {
    let text = include_str!("../../../../tests/fixtures/6.18-x86_64/sock_diag.hex");
    let datagrams = captured(text);
    let of = |family| {
        let own = datagrams
            .iter()
            .filter(|(label, _)| *label == family)
            .peekable();
        let (seen, end) = run(&mut Script::of(own.map(|(_, bytes)| bytes.clone())), LITTLE);
        assert_eq!(end, Ok(()));
        seen
    };
    let (v4, v6) = (of("AF_INET"), of("AF_INET6"));
    assert_eq!(v4.len(), 66);
    assert_eq!(
        v4.iter()
            .filter(|listener| listener.to_string() == "0.0.0.0:1009")
            .count(),
        60
    );
    let mut bound = v4.iter().filter(|listener| listener.device != Device::Any);
    let on_lo = bound.next().unwrap();
    assert_eq!((on_lo.port, on_lo.device), (1008, Device::Index(1)));
    assert_eq!(bound.next(), None);
    let mut v6: Vec<_> = v6.iter().map(|one| (one.to_string(), one.v6only)).collect();
    v6.sort();
    assert_eq!(
        v6,
        [
            ("[2001:db8::1]:1016".to_owned(), Some(true)),
            ("[::1]:1006".to_owned(), Some(true)),
            ("[::]:1004".to_owned(), Some(false)),
            ("[::]:1005".to_owned(), Some(true)),
            ("[::]:1018".to_owned(), Some(false)),
            ("[::ffff:0.0.0.0]:1017".to_owned(), Some(false)),
            ("[::ffff:127.0.0.1]:1007".to_owned(), Some(false)),
        ]
    );
}
