use super::*;
use crate::cli::TraceChoice;
use crate::clock::fake::FakeClock;
use crate::report::Format;

fn options(every: u64, watch: u64) -> ResetsOptions {
    ResetsOptions {
        every: Duration::from_secs(every),
        watch: Duration::from_secs(watch),
        format: Format::Text,
        trace: TraceChoice::Off,
        netns: None,
    }
}

/// Watches what these samples say; what was told meanwhile, and the record. After so many pauses the
/// reader is gone.
fn watch_with(
    options: &ResetsOptions,
    clock: &FakeClock,
    read: &mut dyn FnMut() -> (Sample, Vec<Fault>),
    pauses: usize,
    keep: usize,
) -> (Vec<u64>, usize, Record) {
    let (mut told, mut faults, mut paused) = (Vec::new(), 0, 0);
    let outside = Outside {
        clock,
        pause: &mut |duration| {
            paused += 1;
            if paused > pauses {
                return ControlFlow::Break(());
            }
            clock.pause(duration);
            ControlFlow::Continue(())
        },
        read,
        on_fault: &mut |_| faults += 1,
        on_interval: &mut |interval| {
            told.push(interval.due.as_secs());
            ControlFlow::Continue(())
        },
    };
    let record = watch(options, outside, keep);
    (told, faults, record)
}

/// Watches figures of TCPAbortOnClose, one a sample.
fn run(options: &ResetsOptions, clock: &FakeClock, figures: &[u64]) -> (Vec<u64>, Record) {
    let mut figures = figures.iter();
    let mut read = || {
        let figure = *figures.next().unwrap();
        (Sample::from([("TCPAbortOnClose", figure)]), Vec::new())
    };
    let (told, faults, record) = watch_with(options, clock, &mut read, usize::MAX, usize::MAX);
    assert_eq!(figures.next(), None, "samples were left");
    assert_eq!(faults, 0);
    (told, record)
}

#[test]
fn a_reader_that_is_gone_ends_it_and_what_was_seen_is_kept() {
    let mut figure = 0;
    let mut read = || {
        figure += 1;
        (Sample::from([("TCPAbortOnClose", figure)]), Vec::new())
    };
    let clock = FakeClock::default();
    let (told, _, record) = watch_with(&options(1, 1000), &clock, &mut read, 3, usize::MAX);
    assert_eq!(told, [1, 2, 3]);
    assert_eq!(record.changes.get("TCPAbortOnClose").unwrap().by, Some(4));
}

#[test]
fn only_so_many_intervals_are_kept() {
    let mut figure = 0;
    let mut read = || {
        figure += 1;
        (Sample::from([("TCPAbortOnClose", figure)]), Vec::new())
    };
    let clock = FakeClock::default();
    for (keep, left_out) in [(0, 100), (7, 93), (100, 0)] {
        let (told, _, record) = watch_with(&options(1, 100), &clock, &mut read, usize::MAX, keep);
        assert_eq!(told.len(), 100);
        assert_eq!(record.intervals.len(), keep);
        assert_eq!(record.intervals_left_out, left_out);
    }
}

#[test]
fn a_cause_that_an_interval_showed_is_in_the_summary() {
    use crate::commands::resets::causes::UNEXPLAINED;

    // Five aborts that send no reset, and then three resets that nothing explains.
    let figures = [(5, 10), (10, 10), (10, 13), (10, 13)];
    let mut figures = figures.into_iter();
    let mut read = || {
        let (aborts, resets) = figures.next().unwrap();
        let sample = Sample::from([
            ("OutRsts", resets),
            ("TCPAbortOnData", aborts),
            ("TCPAbortOnClose", 0),
            ("TCPAbortOnLinger", 0),
            ("TCPAbortOnMemory", 0),
            ("ListenOverflows", 0),
        ]);
        (sample, Vec::new())
    };
    let clock = FakeClock::default();
    let (_, _, record) = watch_with(&options(1, 3), &clock, &mut read, usize::MAX, usize::MAX);
    let change = record.changes.get(UNEXPLAINED).unwrap();
    assert_eq!((change.by, change.total), (Some(3), 3));
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
    let (_, told, record) = watch_with(
        &options(1, 10),
        &clock,
        &mut { missing },
        usize::MAX,
        usize::MAX,
    );
    assert_eq!(clock.now(), Duration::ZERO);
    assert!(record.changes.is_empty());
    assert_eq!((told, record.faults), (2, missing().1));
}

#[test]
fn a_fault_of_every_sample_is_told_once() {
    let mut read = || {
        let (_, faults) = Sample::read(std::path::Path::new("/nonexistent"));
        (Sample::from([("OutRsts", 1)]), faults)
    };
    let clock = FakeClock::default();
    let (intervals, told, record) =
        watch_with(&options(1, 3), &clock, &mut read, usize::MAX, usize::MAX);
    assert_eq!((intervals.len(), told, record.faults.len()), (0, 2, 2));
}
