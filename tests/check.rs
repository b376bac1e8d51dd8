//! `listenup check`: its options and exactly what it prints.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::in_namespace;
use common::program::{ProgramOutput, listenup, sh};
use common::sockets::listen;

#[test]
fn each_target_has_a_line_in_the_given_order() {
    in_namespace(|| {
        let _sockets = (listen("127.0.0.1", 443), listen("::", 80));
        listenup("check 80 8080 127.0.0.1:443 [::1]:443 443")
            .exits(1)
            .stdout(
                "80: listening on [::]:80\n\
                 8080: not listening\n\
                 127.0.0.1:443: listening on 127.0.0.1:443\n\
                 [::1]:443: not listening\n\
                 443: listening on 127.0.0.1:443\n",
            )
            .stderr("");
    });
}

#[test]
fn all_any_and_at_least_count_listening_targets() {
    in_namespace(|| {
        let _sockets = (listen("127.0.0.1", 1), listen("127.0.0.1", 2));
        for (line, code) in [
            ("1 2", 0),
            ("1 2 3", 1),
            ("--any 1 3", 0),
            ("--any 3 2", 0),
            ("--any 3 4", 1),
            ("--at-least 1 3 2", 0),
            ("--at-least 2 1 2 3", 0),
            ("--at-least 3 1 2 3", 1),
            ("--any 1 2", 0),
        ] {
            let said = listenup(&format!("check {line}")).exits(code).stderr("");
            let lines = said.stdout.lines();
            let lines = lines.filter(|line| !line.ends_with(" needed")).count();
            let targets = line
                .split(' ')
                .filter(|word| word.parse::<u16>().is_ok())
                .count();
            let targets = targets - usize::from(line.starts_with("--at-least"));
            assert_eq!(lines, targets, "{said:?}");
        }
    });
}

#[test]
fn the_same_target_twice_is_one_target() {
    in_namespace(|| {
        let _socket = listen("127.0.0.1", 443);
        for again in [
            "443 443",
            "443 *:443",
            "127.0.0.1:443 [::ffff:127.0.0.1]:443",
        ] {
            let said = listenup(&format!("check {again}")).exits(0);
            assert_eq!(said.stdout.lines().count(), 1, "{said:?}");
            listenup(&format!("check --at-least 2 {again}"))
                .exits(1)
                .stdout("")
                .stderr_has("--at-least 2 can never be met: 1 different target is given\n");
        }
        let said = listenup("check --format nagios 443 443").exits(0);
        assert_eq!(said.stdout.matches("'queue 443'").count(), 1, "{said:?}");
    });
}

#[test]
fn a_failed_check_reports_the_shortfall() {
    in_namespace(|| {
        let _socket = listen("127.0.0.1", 1);
        for (line, missing) in [
            ("--at-least 2 1 2 3", "1 of 3 listening, 2 needed\n"),
            ("--any 2 3", "0 of 2 listening, 1 needed\n"),
            ("--any 1 2", ""),
            ("1 2", ""),
            (
                "--absent --at-least 2 1 127.0.0.1:1 2",
                "nothing listens on 1 of 3, 2 needed\n",
            ),
        ] {
            let said = listenup(&format!("check {line}"));
            let last = said.stdout.split_inclusive('\n').next_back().unwrap();
            let last = if last.contains("needed") { last } else { "" };
            assert_eq!(last, missing, "{said:?}");
        }
    });
}

#[test]
fn enough_listening_targets_end_the_check() {
    in_namespace(|| {
        let _socket = listen("127.0.0.1", 443);
        for enough in ["--any", "--at-least 1"] {
            let said = listenup(&format!("check -v {enough} 9999 443"))
                .exits(0)
                .stdout(
                    "9999: not checked: enough of the others are listening\n\
                     443: listening on 127.0.0.1:443\n",
                );
            assert_eq!(said.stderr.lines().count(), 1, "{said:?}");
        }
        // One that is not as demanded is not enough.
        let said = listenup("check -v --any --owner-user nobody 443 9999").exits(1);
        assert!(said.stderr.lines().count() > 4, "{said:?}");
    });
}

#[test]
fn absent_names_the_listener_that_must_not_exist() {
    in_namespace(|| {
        let _socket = listen("127.0.0.1", 1);
        listenup("check --absent 2 1").exits(1).stdout(
            "2: not listening\n\
             1: listening on 127.0.0.1:1, but --absent requires that nothing listens\n",
        );
        listenup("check --absent --any 2 1").exits(0).stdout(
            "2: not listening\n\
             1: listening on 127.0.0.1:1\n",
        );
    });
}

#[test]
fn quiet_prints_nothing_but_errors() {
    in_namespace(|| {
        let _socket = listen("::", 443);
        for (line, code) in [
            ("-q 443", 0),
            ("--quiet 443", 0),
            ("-q 80", 1),
            ("-q 443 80", 1),
            ("-q -q --quiet 443", 0),
        ] {
            listenup(&format!("check {line}"))
                .exits(code)
                .stdout("")
                .stderr("");
        }
        let v6only = "listenup: 127.0.0.1:443: could not tell: [::]:443 listens, but whether it accepts \
                      IPv4 too (V6ONLY) is unknown\n";
        listenup("check -q --source proc 127.0.0.1:443")
            .exits(1)
            .stdout("")
            .stderr(v6only);
    });
}

/// The trace without the times.
fn trace(said: &ProgramOutput) -> Vec<String> {
    let line = |line: &str| match line.split_once("; took ") {
        Some((event, _time)) => event.trim_start().to_owned(),
        None => panic!("{line:?} tells no time"),
    };
    said.stderr.lines().map(line).collect()
}

#[test]
fn verbose_names_each_source_and_its_answer() {
    in_namespace(|| {
        let _sockets = (
            listen("127.0.0.1", 443),
            listen("::1", 444),
            listen("127.0.0.2", 445),
        );
        for (line, expected) in [
            (
                "443",
                &["DEBUG sock_diag: a connection to 127.0.0.1 port 443 would find 127.0.0.1:443"][..],
            ),
            (
                "444",
                &["DEBUG sock_diag: a connection to ::1 port 444 would find [::1]:444"],
            ),
            ("445", &["DEBUG sock_diag, IPv4: 1 listener seen, enough"]),
            (
                "--interface lo 444",
                &[
                    "DEBUG sock_diag, IPv4: 0 listeners seen, complete",
                    "DEBUG sock_diag, IPv6: 1 listener seen, enough",
                ],
            ),
            (
                "--source proc 443",
                &["DEBUG /proc, IPv4: 1 listener seen, enough"],
            ),
        ] {
            let said = listenup(&format!("check -v {line}")).exits(0);
            assert_eq!(trace(&said), expected);
        }
    });
}

#[test]
fn without_a_free_file_descriptor_the_answer_is_could_not_tell() {
    in_namespace(|| {
        let _socket = listen("127.0.0.1", 443);
        // Both reasons are told, and the answer is not "not listening".
        for port in ["443", "80"] {
            sh(&format!(
                r#"ulimit -n 3; exec "$0" check --exit-codes distinct {port}"#
            ))
            .exits(3)
            .stderr("")
            .stdout(&format!(
                "{port}: could not tell: sock_diag: socket: Too many open files (EMFILE); \
                     /proc/self/net/tcp: cannot be opened: Too many open files (EMFILE)\n"
            ));
        }
    });
}
