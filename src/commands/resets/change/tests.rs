use super::*;

#[test]
fn only_counters_of_both_samples_change() {
    let before = Sample::from([("ListenDrops", 5), ("TCPAbortOnClose", 1)]);
    let after = Sample::from([
        ("ListenDrops", 7),
        ("TCPAbortOnData", 1),
        ("tcp_abort_on_overflow", 0),
    ]);
    let changes = Changes::between(&before, &after);
    let change = Change {
        by: Some(2),
        total: 7,
    };
    assert_eq!(changes, Changes([("ListenDrops", change)].into()));
    assert!(change.has_moved());
    assert!(Changes::between(&Sample::default(), &after).is_empty());
}

#[test]
fn a_counter_that_went_back_has_moved_by_nobody_knows_what() {
    let (before, after) = (u64::from(u32::MAX), 3);
    let changes = Changes::between(
        &Sample::from([("OutRsts", before)]),
        &Sample::from([("OutRsts", after)]),
    );
    let change = changes.get("OutRsts").unwrap();
    assert_eq!((change.by, change.total), (None, 3));
    assert!(change.has_moved());
    assert_eq!(change.per_second(Duration::from_secs(1)), None);
}

#[test]
fn a_rate_is_by_the_time_that_passed() {
    let change = Change {
        by: Some(3),
        total: 9,
    };
    assert_eq!(change.per_second(Duration::from_secs(2)), Some(1.5));
    assert_eq!(change.per_second(Duration::ZERO), None);
}

/// A sample with OutRsts, ListenOverflows and tcp_abort_on_overflow, and one abort of each kind.
fn sample(resets: u64, overflows: u64, setting: u64) -> Sample {
    Sample::from([
        ("OutRsts", resets),
        ("TCPAbortOnClose", 1),
        ("TCPAbortOnData", 1),
        ("TCPAbortOnLinger", 1),
        ("TCPAbortOnMemory", 1),
        ("ListenOverflows", overflows),
        ("tcp_abort_on_overflow", setting),
    ])
}

fn unexplained_between(before: &Sample, after: &Sample) -> Option<(Option<u64>, u64)> {
    let change = Changes::between(before, after).get(UNEXPLAINED)?;
    Some((change.by, change.total))
}

#[test]
fn resets_that_no_counter_explains() {
    let none = Sample::from([
        ("OutRsts", 0),
        ("TCPAbortOnClose", 0),
        ("TCPAbortOnData", 0),
        ("TCPAbortOnLinger", 0),
        ("TCPAbortOnMemory", 0),
        ("ListenOverflows", 0),
    ]);
    for (resets, overflows, setting, expected) in [
        (4, 0, 0, (Some(0), 0)),
        (7, 0, 0, (Some(3), 3)),
        (7, 2, 0, (Some(3), 3)),
        (7, 2, 1, (Some(1), 1)),
        (2, 0, 0, (Some(0), 0)), // aborts that sent none
    ] {
        assert_eq!(
            unexplained_between(&none, &sample(resets, overflows, setting)),
            Some(expected),
            "{resets} {overflows} {setting}"
        );
    }
}

#[test]
fn the_total_is_never_smaller_than_the_change() {
    // Four aborts long ago sent no reset, and now two ports are closed.
    assert_eq!(
        unexplained_between(&sample(0, 0, 0), &sample(2, 0, 0)),
        Some((Some(2), 2))
    );
}

#[test]
fn without_one_of_its_figures_it_is_not_known() {
    let of = |missing: &'static str| {
        move |name: &str| (name != missing).then_some(u64::from(name == "OutRsts"))
    };
    assert_eq!(unexplained(of("none"), true), Some(1));
    for missing in [
        "OutRsts",
        "TCPAbortOnClose",
        "TCPAbortOnData",
        "TCPAbortOnLinger",
        "TCPAbortOnMemory",
        "ListenOverflows",
    ] {
        assert_eq!(unexplained(of(missing), true), None, "{missing}");
    }
    assert_eq!(unexplained(of("ListenOverflows"), false), Some(1));
}
