//! The doctor's opinion of configurations from public reports: what should be said of each, and that nothing else
//! is a problem.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::fs;

use common::doctor::{Found, findings_of};
use common::keepalived::Folder;
use common::program::Said;
use common::sockets::listen;
use common::{in_namespace, ip};

/// A case, the exit code, and what is said: how bad, the line, a part of the effect, of the cause and of the cure.
type Expected = (&'static str, u64, &'static str, &'static str, &'static str);

const NEVER_RUNS: Expected = (
    "problem",
    5,
    "vrrp_script chk_https is not tracked by any instance, so it never runs",
    "",
    "add to the vrrp_instance: track_script { chk_https }",
);

const CASES: &[(&str, &[Expected])] = &[
    (
        "track-typo",
        &[
            (
                "problem",
                22,
                "(VI_1) keepalived ignores chk_http: there is no vrrp_script chk_http",
                "did you mean chk_https?",
                "replace chk_http by chk_https",
            ),
            NEVER_RUNS,
        ],
    ),
    ("not-tracked", &[NEVER_RUNS]),
    (
        "vip-block-not-closed",
        &[(
            "problem",
            20,
            "keepalived reads the lines from here on in the wrong block",
            "the } of virtual_ipaddress, which begins in line 18, is missing before track_script",
            "add a line with } above this line",
        )],
    ),
    (
        "two-tracked-on-a-line",
        &[
            (
                "problem",
                29,
                "keepalived ignores the whole line: chk_https is not tracked",
                "only weight and a number can follow the name, and not: chk_api",
                "each name on a line of its own",
            ),
            (
                "problem",
                12,
                "vrrp_script chk_api is not tracked by any instance",
                "",
                "",
            ),
        ],
    ),
    (
        "track-option-typo",
        &[(
            "problem",
            22,
            "keepalived ignores the whole line: chk_https is not tracked",
            "only weight and a number can follow the name, and not: weigth -60",
            "chk_https weight NUMBER",
        )],
    ),
    (
        "weight-sync-group",
        &[(
            "problem",
            23,
            "(VI_1) keepalived ignores chk_https: its weight is -60, and the instance is in a vrrp_sync_group",
            "weights do not count in vrrp_sync_group G",
            "chk_https weight 0, or add sync_group_tracking_weight",
        )],
    ),
    (
        "weight-0-reverse",
        &[(
            "problem",
            23,
            "(VI_1) FAULT while the check succeeds: the healthy node never has the address, the one with the dead \
             service is MASTER",
            "weight 0 reverse",
            "take reverse out",
        )],
    ),
    (
        "reverse",
        &[(
            "problem",
            22,
            "(VI_1) the priority is 80 while the check succeeds and 100 while it fails",
            "weight 20 reverse",
            "take reverse out",
        )],
    ),
    (
        "weight-nopreempt",
        &[(
            "note",
            24,
            "(VI_1) with nopreempt on both nodes the one whose service is dead keeps the address",
            "weight -60",
            "write weight 0",
        )],
    ),
    (
        "duplicate-name",
        &[(
            "problem",
            12,
            "keepalived never uses this block: vrrp_script chk_https exists already",
            "the first one begins at FOLDER/case.conf:5",
            "give this block another name",
        )],
    ),
    (
        "two-script-lines",
        &[
            (
                "problem",
                7,
                "the script in line 6 does not count",
                "script is in the block twice, and keepalived uses the last one",
                "for two checks, write two blocks",
            ),
            (
                "note",
                7,
                "it fails now: FAULT on this node",
                "6443: not listening",
                "",
            ),
        ],
    ),
    (
        "owner-process-unprivileged",
        &[(
            "problem",
            6,
            "chk_https: FAULT for ever: this node never has the address",
            "run as nobody it says 443: could not tell",
            "write user root",
        )],
    ),
    (
        "owner-user-missing",
        &[(
            "problem",
            6,
            "chk_https: FAULT for ever: this node never has the address",
            "has no user nosuch",
            "name what is there",
        )],
    ),
    (
        "net-namespace",
        &[(
            "problem",
            1,
            "chk_https: FAULT for ever: this node never has the address",
            "says 443: not listening, and here 443: listening",
            "run the service in that namespace",
        )],
    ),
    (
        "nothing-listens",
        &[(
            "note",
            6,
            "chk_https: it fails now: FAULT on this node until that changes",
            "8443: not listening",
            "",
        )],
    ),
    (
        "misc-check-unquoted",
        &[(
            "problem",
            13,
            "keepalived runs FOLDER/listenup without check -q 443",
            "only the first word after misc_path is the command",
            "misc_path \"FOLDER/listenup check -q 443\"",
        )],
    ),
    (
        "misc-dynamic-nagios",
        &[(
            "problem",
            13,
            "MISC_CHECK of 127.0.0.1 443: the real server stays up although nothing listens",
            "misc_dynamic takes exit codes from 2 on for up",
            "--exit-codes keepalived",
        )],
    ),
];

/// What is said of a case. Its `red` is a namespace of that name, which is there.
fn look(folder: &Folder, name: &str, netns: &str) -> (Said, Vec<Found>) {
    let shown = folder.path().display().to_string();
    let text = fs::read_to_string(format!("tests/cases/doctor/{name}.conf")).unwrap();
    let text = text.replace("/usr/libexec/keepalived", &shown);
    let text = text.replace("net_namespace red", &format!("net_namespace {netns}"));
    fs::write(folder.path().join("case.conf"), text).unwrap();
    findings_of(folder, &format!("--keepalived-conf {shown}/case.conf"))
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
fn each_report_is_diagnosed() {
    let there = fs::read_dir("tests/cases/doctor").unwrap().count();
    assert_eq!(CASES.len(), there, "each case is in the table");
    in_namespace(|| {
        let folder = Folder::new();
        let netns = Named::new();
        // As a process of its own, whose name is not known to nobody.
        let _listeners = [listen("0.0.0.0", 443), listen("::1", 1)];
        for (name, expected) in CASES {
            let (said, found) = look(&folder, name, &netns.0);
            for (severity, line, effect, cause, cure) in *expected {
                let is_it = |one: &&Found| {
                    one.severity == *severity
                        && one.line == Some(*line)
                        && one.effect.contains(effect)
                        && one.cause.contains(cause)
                        && one.cure.contains(cure)
                };
                assert!(
                    found.iter().any(|one| is_it(&one)),
                    "{name}: {effect}\n{found:#?}"
                );
            }
            let wrong = expected.iter().any(|one| one.0 == "problem");
            assert_eq!(said.code, Some(i32::from(wrong)), "{name}: {said:#?}");
            // Nothing else is a problem.
            for one in found.iter().filter(|one| one.severity == "problem") {
                let known = expected.iter().any(|(_, line, ..)| one.line == Some(*line));
                assert!(known, "{name}: {one:#?}");
            }
            // A check with a problem has no "ok" of its own.
            let ok = found.iter().filter(|one| one.severity == "ok");
            let of_check = ok.filter(|one| one.effect.contains("run as"));
            let usable = ["duplicate-name", "weight-nopreempt"].contains(name);
            assert_eq!(of_check.count(), usize::from(usable), "{name}: {found:#?}");
        }
    });
}
