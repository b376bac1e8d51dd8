//! The program's verdicts on tables of other kernels and machines, which stand in a root without a real /proc.
//!
//! tests/fixtures/README.md says where each shape is from. src/source/proc/tests/others.rs has the parser alone, and with it
//! the tables of big endian machines, which a little endian program reads turned round.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::fs;

use common::confined::{Confined, folder_with_listenup};
use common::in_namespace;
use common::program::ProgramOutput;

/// Runs the program where /proc has the tables of this shape and nothing else.
#[track_caller]
fn run(shape: &str, words: &str) -> ProgramOutput {
    let root = folder_with_listenup();
    let net = root.path().join("proc/self/net");
    fs::create_dir_all(&net).unwrap();
    for entry in fs::read_dir(format!("tests/fixtures/others/{shape}")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), net.join(entry.file_name())).unwrap();
    }
    Confined::listenup_in_root(root.path()).run(words)
}

#[track_caller]
fn check(shape: &str, target: &str) -> ProgramOutput {
    let line = format!("check --exit-codes distinct --timeout 10s --source proc {target}");
    run(shape, &line)
}

#[test]
fn verdicts_from_tables_of_other_kernels() {
    in_namespace(|| {
        for (shape, listening, place) in [
            ("2.4.21", "443", "192.0.2.10:443"),
            ("2.4.21", "[::1]:80", "[::]:80"),
            ("2.6.0-test7", "2049", "0.0.0.0:2049"),
            ("2.6.18", "443", "192.0.2.10:443"),
            ("2.6.18", "22", "[::]:22"),
            ("2.6.32-openvz", "5667", "192.0.2.10:5667"),
            ("android-3.4", "127.0.0.1:5037", "127.0.0.1:5037"),
            ("android-3.4", "8122", "[::]:8122"),
            ("odo-stripped", "5335", "0.0.0.0:5335"),
            ("vendor-pid-task", "9000", "127.0.0.1:9000"),
            ("gvisor", "443", "0.0.0.0:443"),
            ("edited-tabs", "25", "127.0.0.1:25"),
            ("edited-crlf", "25", "127.0.0.1:25"),
            ("edited-lower", "25", "127.0.0.1:25"),
            ("edited-short", "25", "127.0.0.1:25"),
        ] {
            check(shape, listening)
                .exits(0)
                .stdout(&format!("{listening}: listening on {place}\n"))
                .stderr("");
            check(shape, "81")
                .exits(1)
                .stdout("81: not listening\n")
                .stderr("");
        }
        // Connections on these ports, and no listener.
        for (shape, port) in [
            ("2.4.21", "8080"),
            ("2.6.18", "8080"),
            ("odo-stripped", "41152"),
        ] {
            check(shape, port)
                .exits(1)
                .stdout(&format!("{port}: not listening\n"));
        }
    });
}

#[test]
fn a_table_that_cannot_be_read_to_its_end_never_says_that_nothing_listens() {
    in_namespace(|| {
        for (shape, listening, why) in [
            (
                "2.6.32-uid",
                Some("443"),
                "has a row that cannot be understood",
            ),
            (
                "odo-concatenated",
                Some("22"),
                "has a row that cannot be understood",
            ),
            (
                "edited-dots",
                Some("25"),
                "has a row that cannot be understood",
            ),
            ("edited-cut", Some("25"), "ends within a row"),
            ("edited-headless", None, "does not begin with the header"),
            ("wsl1", None, "does not begin with the header"),
        ] {
            if let Some(port) = listening {
                let said = check(shape, port).exits(0).stderr("");
                assert!(said.stdout.starts_with(&format!("{port}: listening on ")));
            }
            check(shape, "81")
                .exits(3)
                .stdout_has("81: could not tell: ")
                .stdout_has(why)
                .stderr("");
            // The codes for keepalived: a failure.
            run(shape, "check --timeout 10s --source proc 81").exits(1);
        }
        for shape in ["2.6.18", "wsl1"] {
            check(shape, "udp:53")
                .exits(3)
                .stdout_has("udp:53: could not tell: /proc/self/net/udp")
                .stderr("");
        }
    });
}

#[test]
fn lists_from_tables_of_other_kernels() {
    in_namespace(|| {
        for (shape, rows) in [
            ("2.6.18", 6),
            ("android-3.4", 4),
            ("vendor-pid-task", 3),
            ("gvisor", 2),
        ] {
            let said = run(shape, "list --tcp --timeout 10s --source proc").exits(0);
            assert_eq!(said.stdout.lines().count(), 1 + rows, "{said:#?}");
        }
    });
}
