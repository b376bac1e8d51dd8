use std::collections::BTreeMap;

use super::super::site::Origin;
use super::*;

const EPHEMERAL: RangeInclusive<u16> = 32_768..=60_999;
/// As busy proxies have it.
const WIDE: RangeInclusive<u16> = 1024..=65_535;
const US: [u8; 4] = [10, 0, 0, 1];

fn flow(cause: Cause, port: u16, peer: [u8; 4], peer_port: u16) -> Flow {
    Flow {
        cause,
        reason: Some(1),
        origin: Origin::Unknown,
        local: Some((US.into(), port)),
        peer: Some((peer.into(), peer_port)),
        is_within: false,
        role: None,
    }
}

fn count(table: &mut Table, flow: Flow) {
    table.count(flow, None, Duration::ZERO);
}

/// The roles and how many resets each has.
fn roles(table: &mut Table) -> Vec<(Cause, Role, u64)> {
    let sites = table.finish().into_iter();
    sites
        .map(|(site, tally)| (site.cause, site.role, tally.resets))
        .collect()
}

#[test]
fn a_service_is_one_site_for_all_its_clients() {
    let mut table = Table::new(EPHEMERAL);
    for client in [7, 8, 7] {
        let port = 40_000 + u16::from(client);
        count(
            &mut table,
            flow(Cause::UnreadData, 80, [10, 0, 0, client], port),
        );
    }
    let sites = table.finish();
    let [(site, tally)] = sites.as_slice() else {
        panic!("{sites:?}");
    };
    assert_eq!((site.role, tally.resets), (Role::Service(80), 3));
    let peers = HashMap::from([([10, 0, 0, 7].into(), 2), ([10, 0, 0, 8].into(), 1)]);
    assert_eq!(tally.peers, peers);
}

#[test]
fn a_client_is_one_site_for_each_service_even_if_all_ports_are_ephemeral() {
    for (range, service) in [(EPHEMERAL, 443), (WIDE, 8080), (EPHEMERAL, 45_000)] {
        let mut table = Table::new(range);
        for port in 40_000..40_100 {
            count(
                &mut table,
                flow(Cause::UnreadData, port, [10, 0, 0, 9], service),
            );
        }
        assert_eq!(
            roles(&mut table),
            [(Cause::UnreadData, Role::Client(service), 100)]
        );
    }
}

#[test]
fn a_single_reset_between_ephemeral_ports_names_both_ports() {
    let mut table = Table::new(WIDE);
    count(
        &mut table,
        flow(Cause::UnreadData, 8080, [10, 0, 0, 9], 40_000),
    );
    assert_eq!(
        roles(&mut table),
        [(Cause::UnreadData, Role::Connection(8080, 40_000), 1)]
    );
}

#[test]
fn a_listener_decides_which_port_is_the_service_s() {
    let mut table = Table::new(EPHEMERAL);
    let reset = Flow {
        role: Some(Role::Service(40_000)),
        ..flow(Cause::UnreadData, 40_000, [10, 0, 0, 9], 80)
    };
    count(&mut table, reset);
    assert_eq!(
        roles(&mut table),
        [(Cause::UnreadData, Role::Service(40_000), 1)]
    );
}

#[test]
fn a_port_scan_is_one_site_and_does_not_fill_the_table() {
    let mut table = Table::new(EPHEMERAL);
    for port in 1..=1300 {
        count(
            &mut table,
            flow(Cause::NoListener, port, [10, 0, 0, 9], 50_000),
        );
    }
    count(
        &mut table,
        flow(Cause::NoListener, 80, [10, 0, 0, 8], 50_000),
    );
    count(
        &mut table,
        flow(Cause::NoListener, 80, [10, 0, 0, 8], 50_001),
    );
    count(
        &mut table,
        flow(Cause::UnreadData, 80, [10, 0, 0, 9], 50_001),
    );
    let scanner = Role::Many([10, 0, 0, 9].into());
    let expected = [
        (Cause::Scan, scanner, 1300),
        (Cause::NoListener, Role::Service(80), 2),
        (Cause::UnreadData, Role::Service(80), 1),
    ];
    assert_eq!(roles(&mut table), expected);
    assert_eq!(table.left_out, 0);
}

#[test]
fn resets_of_a_client_s_old_connections_are_not_a_scan() {
    let mut table = Table::new(EPHEMERAL);
    for port in 40_000..40_060 {
        count(
            &mut table,
            flow(Cause::NoListener, port, [10, 0, 0, 9], 8080),
        );
    }
    assert_eq!(
        roles(&mut table),
        [(Cause::NoConnection, Role::Client(8080), 60)]
    );
}

#[test]
fn a_port_scan_by_this_machine_is_one_site_and_does_not_fill_the_table() {
    let mut table = Table::new(EPHEMERAL);
    for port in 1000..2300 {
        // Some of the client's own ports repeat.
        let own = 40_000 + port % 1100;
        count(&mut table, flow(Cause::Received, own, [10, 0, 0, 9], port));
    }
    count(
        &mut table,
        flow(Cause::Received, 40_000, [10, 0, 0, 8], 443),
    );
    let expected = [
        (Cause::Received, Role::Many([10, 0, 0, 9].into()), 1300),
        (Cause::Received, Role::Client(443), 1),
    ];
    assert_eq!(roles(&mut table), expected);
    assert_eq!(table.left_out, 0);
}

#[test]
fn resets_of_old_connections_to_two_services_are_not_a_scan() {
    let mut table = Table::new(EPHEMERAL);
    for port in 40_000..40_060 {
        let service = if port % 3 == 0 { 80 } else { 443 };
        count(
            &mut table,
            flow(Cause::NoListener, port, [10, 0, 0, 9], service),
        );
    }
    assert_eq!(
        roles(&mut table),
        [
            (Cause::NoConnection, Role::Client(443), 40),
            (Cause::NoConnection, Role::Client(80), 20)
        ]
    );
}

#[test]
fn a_closed_service_is_one_site_for_many_ports_of_a_peer() {
    let mut table = Table::new(EPHEMERAL);
    for port in 20_000..20_060 {
        count(&mut table, flow(Cause::Received, 8080, [10, 0, 0, 9], port));
    }
    assert_eq!(
        roles(&mut table),
        [(Cause::Received, Role::Service(8080), 60)]
    );
}

#[test]
fn a_local_connection_is_counted_once_at_the_sender() {
    let mut table = Table::new(EPHEMERAL);
    let within = |flow| Flow {
        is_within: true,
        ..flow
    };
    count(&mut table, within(flow(Cause::Received, 40_000, US, 80)));
    count(&mut table, within(flow(Cause::UnreadData, 80, US, 40_000)));
    table.fold(Duration::ZERO);
    // A tick later.
    let late = Duration::from_secs(1);
    count(&mut table, within(flow(Cause::UnreadData, 80, US, 40_001)));
    table.fold(Duration::ZERO);
    table.count(within(flow(Cause::Received, 40_001, US, 80)), None, late);
    table.fold(late);
    // Nothing was sent by this one: a firewall can have done it.
    table.count(within(flow(Cause::Received, 40_002, US, 81)), None, late);
    let expected = [
        (Cause::UnreadData, Role::Service(80), 2),
        (Cause::Received, Role::Client(81), 1),
    ];
    assert_eq!(roles(&mut table), expected);
}

#[test]
fn a_reset_from_another_namespace_of_this_host_is_kept() {
    let mut table = Table::new(EPHEMERAL);
    let there = [10, 0, 0, 9];
    let sent = Flow {
        origin: Origin::Elsewhere,
        local: Some((there.into(), 80)),
        peer: Some((US.into(), 40_000)),
        ..flow(Cause::UnreadData, 0, US, 0)
    };
    count(&mut table, sent);
    count(&mut table, flow(Cause::Received, 40_000, there, 80));
    assert!(roles(&mut table).contains(&(Cause::Received, Role::Client(80), 1)));
}

#[test]
fn a_received_local_reset_without_a_sender_is_dropped() {
    let mut table = Table::new(EPHEMERAL);
    count(&mut table, flow(Cause::Received, 80, [10, 0, 0, 9], 40_000));
    count(
        &mut table,
        flow(Cause::AfterClose, 80, [10, 0, 0, 9], 40_000),
    );
    assert_eq!(
        roles(&mut table),
        [(Cause::AfterClose, Role::Service(80), 1)]
    );
}

#[test]
fn resets_are_counted_per_process() {
    let mut table = Table::new(EPHEMERAL);
    let reset = flow(Cause::Aborted, 80, [10, 0, 0, 9], 40_000);
    for thread in [7, 7, 8] {
        table.count(reset, Some(thread), Duration::ZERO);
    }
    let (_, tally) = table.finish().remove(0);
    assert_eq!(tally.threads, BTreeMap::from([(7, 2), (8, 1)]));
}

#[test]
fn memory_is_bounded_and_omitted_resets_are_counted() {
    let mut table = Table::new(EPHEMERAL);
    let many = 100_000_u32;
    let mut most = 0;
    let mut count = |table: &mut Table, number: u32, flow| {
        // As many as a tick has at the most.
        let tick = Duration::from_secs((number / 2000).into());
        table.count(flow, None, tick);
        most = most.max(table.flows.len());
        if number % 2000 == 1999 {
            table.end_tick(tick);
        }
    };
    for number in 0..many {
        let [_, a, b, c] = number.to_be_bytes();
        // All of them have the same port, as those of a flood can.
        let flow = flow(Cause::NoListener, 80, [11, a, b, c], 4_096);
        count(&mut table, number, flow);
    }
    // None of these has a port that repeats.
    for number in 0..many {
        let [_, a, b, c] = number.to_be_bytes();
        let port = (number % 60_000) as u16 + 1;
        let flow = flow(Cause::BadSegment, port, [12, a, b, c], port);
        count(&mut table, many + number, flow);
    }
    assert!(most <= MAX_FLOWS + 4000, "{most}");
    let sites = table.finish();
    let peers: usize = sites.iter().map(|(_, tally)| tally.peers.len()).sum();
    assert!(sites.len() <= 2 * MAX_SITES && peers <= sites.len() * MAX_PEERS);
    let told: u64 = sites.iter().map(|(_, tally)| tally.resets).sum();
    assert_eq!(told + table.left_out, 2 * u64::from(many));
    let (site, tally) = &sites[0];
    assert_eq!(
        (site.cause, tally.resets),
        (Cause::NoListener, u64::from(many))
    );
}
