use super::*;
use crate::cli::Format;
use crate::clock::fake::FakeClock;

fn options(every: u64, watch: u64) -> ResetsOptions {
    ResetsOptions {
        every: Duration::from_secs(every),
        watch: Duration::from_secs(watch),
        format: Format::Text,
    }
}

/// Watches figures of TCPAbortOnClose, one a sample; what was told meanwhile, and the record.
fn run(options: &ResetsOptions, clock: &FakeClock, figures: &[u64]) -> (Vec<u64>, Record) {
    let mut figures = figures.iter();
    let mut told = Vec::new();
    let record = watch(
        options,
        clock,
        &mut || {
            let figure = *figures.next().unwrap();
            (Sample::from([("TCPAbortOnClose", figure)]), Vec::new())
        },
        &mut |fault| panic!("{fault}"),
        &mut |interval| told.push(interval.due.as_secs()),
    );
    assert_eq!(figures.next(), None, "samples were left");
    (told, record)
}

#[test]
fn a_sample_now_and_one_at_the_end_of_each_interval() {
    let clock = FakeClock::default();
    let (told, record) = run(&options(1, 4), &clock, &[5, 5, 7, 7, 8]);
    assert_eq!(clock.now(), Duration::from_secs(4));
    assert_eq!(told, [2, 4], "only those in which something happened");
    let moves: Vec<_> = record
        .intervals
        .iter()
        .map(|interval| {
            let change = interval.changes.get("TCPAbortOnClose").unwrap();
            (interval.from.as_secs(), interval.to.as_secs(), change.by)
        })
        .collect();
    assert_eq!(moves, [(1, 2, Some(2)), (3, 4, Some(1))]);
    let change = record.changes.get("TCPAbortOnClose").unwrap();
    assert_eq!((change.by, change.total), (Some(3), 8));
    assert_eq!(record.watched, Duration::from_secs(4));
}

#[test]
fn the_last_interval_is_what_is_left() {
    let (told, record) = run(&options(3, 7), &FakeClock::default(), &[0, 1, 2, 3]);
    assert_eq!(told, [3, 6, 7]);
    assert_eq!(record.watched, Duration::from_secs(7));
}

#[test]
fn a_late_machine_makes_it_no_longer() {
    // Each look at the clock takes 2 s, so an interval of 1 s is always over before it begins.
    let clock = FakeClock::ticking(Duration::from_secs(2));
    let (told, record) = run(&options(1, 10), &clock, &[0, 1, 2, 3]);
    assert_eq!(told, [2, 6, 10]);
    assert_eq!(record.watched, Duration::from_secs(12));
}

#[test]
fn without_figures_nothing_is_waited_for() {
    let clock = FakeClock::default();
    let missing = || Sample::read(std::path::Path::new("/nonexistent"));
    let mut told = 0;
    let record = watch(
        &options(1, 10),
        &clock,
        &mut { missing },
        &mut |_| told += 1,
        &mut |_| panic!("nothing happened"),
    );
    assert_eq!(clock.now(), Duration::ZERO);
    assert!(record.changes.is_empty());
    assert_eq!((told, record.faults), (2, missing().1));
}

#[test]
fn a_fault_of_every_sample_is_told_once() {
    let mut told = 0;
    let record = watch(
        &options(1, 3),
        &FakeClock::default(),
        &mut || {
            let (_, faults) = Sample::read(std::path::Path::new("/nonexistent"));
            (Sample::from([("OutRsts", 1)]), faults)
        },
        &mut |_| told += 1,
        &mut |_| panic!("nothing happened"),
    );
    assert_eq!((told, record.faults.len()), (2, 2));
}
