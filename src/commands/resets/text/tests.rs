use super::*;
use crate::commands::resets::counters::Sample;

const SECONDS: Duration = Duration::from_secs(10);

fn record(before: Sample, last: Sample) -> Record {
    Record {
        watched: SECONDS,
        changes: Changes::between(&before, &last),
        last,
        intervals: Vec::new(),
        intervals_left_out: 0,
        faults: Vec::new(),
        is_cut_short: false,
    }
}

fn said(record: &Record) -> String {
    summary(record, &Findings::none(), SECONDS)
}

#[test]
fn one_counter_of_each_kind_of_rate() {
    let record = record(
        Sample::from([
            ("TCPAbortOnMemory", 2),
            ("TCPAbortOnTimeout", 4),
            ("EstabResets", 9),
            ("ListenDrops", 0),
            ("TCPReqQFullDrop", 1),
        ]),
        Sample::from([
            ("TCPAbortOnMemory", 27),
            ("TCPAbortOnTimeout", 5),
            ("EstabResets", 8),
            ("ListenDrops", 0),
            ("TCPReqQFullDrop", 1),
        ]),
    );
    assert_eq!(
        said(&record),
        "in 10s:\n\
         peer does not answer: TCPAbortOnTimeout 1 (0.1/s, 5 in all); next: ss -tno shows \
         connections with retransmissions: their peer is gone, or something on the way drops \
         packets\n\
         out of memory for sockets: TCPAbortOnMemory 25 (2.5/s, 27 in all); next: \
         /proc/net/sockstat: orphan against net.ipv4.tcp_max_orphans, mem against \
         net.ipv4.tcp_mem\n\
         established connections cut: EstabResets began again (rate unknown, 8 in all); next: what \
         no line above explains was reset by the peer: look at its log, or run listenup resets \
         there\n\
         not in 10s: accept queue full (TCPReqQFullDrop 1 before)\n"
    );
}

#[test]
fn a_rate_too_small_to_print_is_not_zero() {
    let record = Record {
        watched: Duration::from_secs(100),
        ..record(
            Sample::from([("TCPAbortOnTimeout", 0)]),
            Sample::from([("TCPAbortOnTimeout", 1)]),
        )
    };
    let text = summary(&record, &Findings::none(), Duration::from_secs(100));
    let start = "in 1m 40s:\npeer does not answer: TCPAbortOnTimeout 1 (under 0.1/s, 1 in all);";
    assert!(text.starts_with(start), "{text}");
}

#[test]
fn a_full_table_is_told_though_no_counter_moves() {
    let full = |count, max| {
        let sample = Sample::from([
            ("nf_conntrack.drop", 0),
            ("nf_conntrack_count", count),
            ("nf_conntrack_max", max),
        ]);
        said(&record(sample.clone(), sample))
    };
    assert_eq!(
        full(64, 64),
        "in 10s:\n\
         connection tracking: nf_conntrack_count = 64, nf_conntrack_max = 64; next: dmesg for \
         \"table full\", then net.netfilter.nf_conntrack_max; invalid packets pass NAT by, and who \
         gets them answers with a reset\n"
    );
    for (count, max) in [(63, 64), (64, 0)] {
        assert_eq!(full(count, max), "nothing wrong in 10s, nor before\n");
    }
}

#[test]
fn quiet_is_one_line() {
    let quiet = |figure| {
        let sample = Sample::from([("TCPAbortOnTimeout", figure), ("TCPAbortOnMemory", figure)]);
        record(sample.clone(), sample)
    };
    assert_eq!(said(&quiet(0)), "nothing wrong in 10s, nor before\n");
    assert_eq!(
        said(&quiet(3)),
        "nothing wrong in 10s; before that: peer does not answer (TCPAbortOnTimeout 3), out of \
         memory for sockets (TCPAbortOnMemory 3)\n"
    );
}

#[test]
fn nothing_is_promised_for_what_could_not_be_read() {
    let (_, faults) = Sample::read(std::path::Path::new("/nonexistent"));
    let sample = Sample::from([("OutRsts", 0)]);
    let quiet = Record {
        faults,
        ..record(sample.clone(), sample)
    };
    assert_eq!(
        said(&quiet),
        "nothing wrong in 10s by what could be read, nor before\n"
    );
    let nothing = record(Sample::default(), Sample::default());
    assert_eq!(said(&nothing), "");
}

#[test]
fn an_interval_names_the_causes_and_their_counters() {
    let before = Sample::from([("ListenDrops", 1), ("ListenOverflows", 1), ("OutRsts", 7)]);
    let after = Sample::from([("ListenDrops", 4), ("ListenOverflows", 1), ("OutRsts", 9)]);
    let late = Interval {
        from: Duration::from_secs(1),
        to: Duration::from_millis(2001),
        due: Duration::from_micros(2_000_300),
        changes: Changes::between(&before, &after),
    };
    let now = WallTime::now();
    let line = format!(
        "{} accept queue full (ListenDrops 3), resets sent (OutRsts 2)",
        now.clock()
    );
    assert_eq!(interval(&late, now, None), format!("{line}\n"));
    let busiest = ("192.0.2.1:80".to_owned(), 2);
    assert_eq!(
        interval(&late, now, Some(&busiest)),
        format!("{line}; most at 192.0.2.1:80 (2)\n")
    );
}
