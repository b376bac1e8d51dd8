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
    "script chk_https is not used: it never runs, and the address stays",
    "",
    "",
);

const CASES: &[(&str, &[Expected])] = &[
    (
        "track-typo",
        &[
            (
                "problem",
                22,
                "(VI_1) track script chk_http not found, ignoring: nothing checks by it",
                "no vrrp_script of that name",
                "did you mean chk_https?",
            ),
            NEVER_RUNS,
        ],
    ),
    (
        "not-tracked",
        &[(
            "problem",
            5,
            "script chk_https is not used: it never runs, and the address stays",
            "no vrrp_instance and no vrrp_sync_group tracks it",
            "write track_script { chk_https }",
        )],
    ),
    (
        "vip-block-not-closed",
        &[
            (
                "problem",
                20,
                "track_script is taken for a line of virtual_ipaddress",
                "virtual_ipaddress in FOLDER/case.conf:18 is not closed",
                "close it with a brace before line 20",
            ),
            NEVER_RUNS,
        ],
    ),
    (
        "two-tracked-on-a-line",
        &[
            (
                "problem",
                29,
                "chk_https is not tracked: keepalived ignores the whole line",
                "unknown track_script option chk_api",
                "each name on a line of its own",
            ),
            NEVER_RUNS,
            ("problem", 12, "script chk_api is not used", "", ""),
        ],
    ),
    (
        "track-option-typo",
        &[
            (
                "problem",
                22,
                "chk_https is not tracked: keepalived ignores the whole line",
                "unknown track_script option weigth -60",
                "write chk_https weight NUMBER",
            ),
            NEVER_RUNS,
        ],
    ),
    (
        "weight-sync-group",
        &[
            (
                "problem",
                23,
                "(VI_1) ignoring tracked script chk_https with weights due to SYNC group G",
                "its weight is -60",
                "write weight 0, or sync_group_tracking_weight",
            ),
            (
                "problem",
                5,
                "script chk_https is not used",
                "the line that tracks it does not count",
                "",
            ),
        ],
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
            "script chk_https is not used: this block never runs",
            "FOLDER/case.conf:5 comes first",
            "give it another name",
        )],
    ),
    (
        "two-script-lines",
        &[
            (
                "problem",
                7,
                "this script counts, not the one in line 6",
                "script stands twice in the block",
                "for two checks write two blocks",
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
            "keepalived runs FOLDER/listenup and drops check -q 443",
            "stands outside of its quotes",
            "write misc_path \"FOLDER/listenup check -q 443\"",
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
            // Nothing is a problem but what is expected, and what follows from an open brace.
            for one in found.iter().filter(|one| one.severity == "problem") {
                let known = expected.iter().any(|(_, line, ..)| one.line == Some(*line));
                assert!(known || *name == "vip-block-not-closed", "{name}: {one:#?}");
            }
            // A check with a problem has no "ok" of its own.
            let ok = found.iter().filter(|one| one.severity == "ok");
            let of_check = ok.filter(|one| one.effect.contains("run as"));
            let usable = ["duplicate-name", "weight-nopreempt"].contains(name);
            assert_eq!(of_check.count(), usize::from(usable), "{name}: {found:#?}");
        }
    });
}
