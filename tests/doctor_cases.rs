//! The doctor's findings about configurations from public reports: nothing else is a problem.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::fs;

use common::doctor::{Found, codes, findings_of};
use common::keepalived::Folder;
use common::program::ProgramOutput;
use common::sockets::listen;
use common::{in_namespace, ip};

/// Each case, its exit status, and the codes of its findings with their lines.
const CASES: &[(&str, i32, &str)] = &[
    ("duplicate-name", 1, "LU160:12 LU411:6 LU241:19"),
    ("misc-check-unquoted", 1, "LU172:13"),
    ("misc-dynamic-nagios", 1, "LU408:13"),
    ("net-namespace", 1, "LU421:1"),
    ("not-tracked", 1, "LU182:5 LU243:12"),
    ("nothing-listens", 3, "LU412:6 LU241:12"),
    ("owner-process-unprivileged", 1, "LU414:6"),
    ("owner-user-missing", 1, "LU415:6"),
    ("reverse", 1, "LU232:22"),
    ("track-option-typo", 1, "LU178:22 LU243:12"),
    ("track-typo", 1, "LU175:22 LU182:5 LU243:12"),
    ("two-script-lines", 1, "LU154:7 LU412:7 LU241:13"),
    ("two-tracked-on-a-line", 1, "LU178:29 LU182:12 LU243:19"),
    // What follows from a missing brace is not reported.
    ("vip-block-not-closed", 1, "LU147:20"),
    ("weight-0-reverse", 1, "LU231:23"),
    ("weight-nopreempt", 0, "LU234:24 LU411:6"),
    ("weight-sync-group", 1, "LU179:23 LU243:13"),
];

/// The findings about a case. Its `red` is a namespace of that name, which is there.
fn look(folder: &Folder, name: &str, netns: &str) -> (ProgramOutput, Vec<Found>) {
    let shown = folder.path().display().to_string();
    let text = fs::read_to_string(format!("tests/cases/doctor/{name}.conf")).unwrap();
    let text = text.replace("/usr/libexec/keepalived", &shown);
    let text = text.replace("net_namespace red", &format!("net_namespace {netns}"));
    fs::write(folder.path().join("case.conf"), text).unwrap();
    findings_of(folder, &format!("{shown}/case.conf"))
}

/// A namespace that `ip netns` knows.
struct Named(String);

impl Named {
    fn new() -> Self {
        let name = format!("listenup-test-{}", std::process::id());
        ip(&format!("netns add {name}"));
        Self(name)
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        ip(&format!("netns delete {}", self.0));
    }
}

#[test]
fn each_public_report_gets_its_findings() {
    let there = fs::read_dir("tests/cases/doctor").unwrap().count();
    assert_eq!(CASES.len(), there, "each case is in the table");
    in_namespace(|| {
        let folder = Folder::new();
        let netns = Named::new();
        ip("link add eth0 type veth peer name e0");
        ip(&format!(
            "-n {} link add eth0 type veth peer name e0",
            netns.0
        ));
        // As a process of its own, whose name user nobody cannot read.
        let _listeners = [listen("0.0.0.0", 443), listen("::1", 1)];
        for (name, status, expected) in CASES {
            let (said, found) = look(&folder, name, &netns.0);
            assert_eq!(codes(&found), *expected, "{name}: {found:#?}");
            assert_eq!(said.code, Some(*status), "{name}: {said:#?}");
        }
    });
}
