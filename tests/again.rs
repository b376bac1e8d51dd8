//! A judge that goes on: the same sources are asked again and again, with one socket and no growing memory.
//! In a file of its own, since it counts the descriptors of the whole process.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::time::Duration;

use common::in_namespace;
use common::sockets::{listen, listen_with};
use listenup::clock::{Deadline, SystemClock};
use listenup::domain::{Answer, NoRequirements};
use listenup::engine::SourceChain;
use listenup::engine::{CheckSpec, Timing, run_check};
use listenup::source::{netlink::Netlink, proc::Proc};

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn a_thousand_checks_use_one_socket_and_are_right() {
    in_namespace(|| {
        let _one = listen("127.0.0.1", 443);
        // More than fit into the first datagram, so that a dump is broken off.
        let group = || {
            listen_with("0.0.0.0", 80, |socket| {
                socket.set_reuse_port(true).unwrap();
            })
        };
        let mut chain =
            SourceChain::new(vec![Box::new(Netlink::new()), Box::new(Proc::new("/proc"))]);
        let timing = Timing {
            timeout: Duration::from_secs(10),
            retry_for: Duration::ZERO,
            retry_every: Duration::ZERO,
        };
        let spec = CheckSpec::all_listening(["443", "80"].map(|target| target.parse().unwrap()));
        let clock = SystemClock::start();
        let before = descriptors();
        for round in 0..1000 {
            let members: Vec<_> = (0..round % 3 * 40).map(|_| group()).collect();
            let limit = Deadline::new(&clock, timing.timeout);
            let outcome = run_check(&spec, &mut chain, &mut NoRequirements, timing, limit);
            let listening = outcome
                .answers
                .iter()
                .map(|(_, answer)| matches!(answer, Answer::Listening(_)));
            assert_eq!(listening.collect::<Vec<_>>(), [true, !members.is_empty()]);
            assert_eq!(outcome.source, Some("sock_diag"));
        }
        assert_eq!(descriptors(), before + 1);
    });
}
