//! The doctor runs each check as keepalived would, and what that shows.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::fs::{self, Permissions};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use nix::errno::Errno;

use common::confined::{Call, Confined};
use common::doctor::{Found, conf_with, doctor, doctor_reads, findings, findings_of};
use common::in_namespace;
use common::keepalived::Folder;
use common::sockets::listen;

/// What is said of the configuration.
fn look(folder: &Folder, conf: &str) -> Vec<Found> {
    let shown = folder.path().display().to_string();
    let path = folder.path().join("keepalived.conf");
    fs::write(&path, conf.replace("FOLDER", &shown)).unwrap();
    findings_of(folder, &format!("--keepalived-conf {}", path.display())).1
}

#[track_caller]
fn expect(found: &[Found], line: u64, severity: &str, effect: &str, cause: &str) {
    let is_it = |one: &&Found| {
        one.line == Some(line) && one.effect.contains(effect) && one.cause.contains(cause)
    };
    let one = found.iter().find(is_it);
    let one = one.unwrap_or_else(|| panic!("no {effect} ({cause}) in {found:#?}"));
    assert_eq!(one.severity, severity, "{one:#?}");
}

/// No check is said to be as it should be.
#[track_caller]
fn expect_no_ok(found: &[Found]) {
    let ok = |one: &&Found| one.severity == "ok" && one.line.is_some();
    assert!(!found.iter().any(|one| ok(&one)), "{found:#?}");
}

#[test]
fn what_can_never_succeed_is_a_problem() {
    in_namespace(|| {
        let _listeners = [listen("0.0.0.0", 443), listen("::1", 1)];
        let folder = Folder::new();
        let never = "FAULT for ever: this node never has the address";
        for (arguments, others, effect, cause) in [
            ("--interface nosuch 443", "", never, "nosuch"),
            ("--owner-user nosuch 443", "", never, "has no user nosuch"),
            (
                "--owner-process x 443",
                "user nobody",
                never,
                "run as nobody it says 443: could not tell",
            ),
            (
                "--netns /proc/1/ns/net 443",
                "user nobody",
                never,
                "run as nobody it says ",
            ),
            (
                "--source proc --max-queue 50% 443",
                "",
                never,
                "could not tell",
            ),
            (
                "--on-unknown up --owner-process x 443",
                "user nobody",
                "it succeeds whatever listens",
                "--on-unknown up takes that for up",
            ),
        ] {
            let call = format!("script \"FOLDER/listenup check -q {arguments}\"");
            let found = look(&folder, &conf_with(&call, others));
            expect(&found, 6, "problem", effect, cause);
            expect_no_ok(&found);
            // In words of the weight.
            let found = look(
                &folder,
                &conf_with(&call, &format!("{others}\n weight -20")),
            );
            let effect = effect.replace(never, "the priority says so whatever listens");
            expect(&found, 6, "problem", &effect, cause);
        }
    });
}

#[test]
fn a_source_that_is_refused_to_the_check() {
    in_namespace(|| {
        let _listener = listen("::", 443);
        let folder = Folder::new();
        let path = folder.path();
        let call = "script \"FOLDER/listenup check -q --source sock_diag 443\"";
        doctor_reads(path, &conf_with(call, ""), "").exits(0);
        let said = Confined::new(path.join("listenup"))
            .without(Call::SockDiagSocket, Errno::EACCES)
            .run(&format!(
                "doctor --keepalived-conf {}/keepalived.conf",
                path.display()
            ))
            .exits(1);
        let problem = "problem  FOLDER/keepalived.conf:6: chk: FAULT for ever: this node never has the address\n         \
                       run as root it says 443: could not tell: ";
        assert!(findings(&said, path).contains(problem), "{said:#?}");
    });
}

#[test]
fn what_fails_now_is_a_note() {
    in_namespace(|| {
        let folder = Folder::new();
        let call = |arguments: &str| format!("script \"FOLDER/listenup check -q {arguments}\"");
        let found = look(&folder, &conf_with(&call("443"), ""));
        let fault = "it fails now: FAULT on this node until that changes";
        expect(
            &found,
            6,
            "note",
            fault,
            "run as root it says 443: not listening",
        );
        let found = look(&folder, &conf_with(&call("443"), "weight 5"));
        expect(
            &found,
            6,
            "note",
            "the priority is that of a failure",
            "443: not listening",
        );
        let found = look(&folder, &conf_with(&call("--absent 443"), ""));
        expect(&found, 6, "ok", "run as root it succeeds", "");

        let _listener = listen("::", 443);
        let found = look(&folder, &conf_with(&call("443"), "weight 5"));
        expect(
            &found,
            6,
            "ok",
            "(gateway) priority 105, or 100 while it fails",
            "",
        );
        let found = look(&folder, &conf_with(&call("--absent 443"), ""));
        expect(&found, 6, "note", fault, "443: listening");
    });
}

#[test]
fn a_check_of_a_real_server() {
    in_namespace(|| {
        let folder = Folder::new();
        let conf = |misc: &str| {
            format!(
                "global_defs {{\n enable_script_security\n script_user root\n}}\n\
                 virtual_server 192.0.2.100 443 {{\n real_server 127.0.0.1 443 {{\n MISC_CHECK {{\n {misc}\n }}\n }}\n}}\n"
            )
        };
        let call = "misc_path \"FOLDER/listenup check -q 443\"";
        let found = look(&folder, &conf(call));
        expect(
            &found,
            8,
            "note",
            "MISC_CHECK of 127.0.0.1 443: it fails now: the real server is down",
            "not listening",
        );
        let _listener = listen("::", 443);
        let found = look(&folder, &conf(call));
        expect(
            &found,
            8,
            "ok",
            "MISC_CHECK of 127.0.0.1 443: FOLDER/listenup check -q 443: run as root it succeeds",
            "",
        );
        let found = look(&folder, &conf(&format!("{call}\n misc_dynamic")));
        expect(&found, 8, "ok", "run as root it succeeds", "");

        let found = look(&folder, &conf(&format!("{call}\n user nosuch")));
        expect(
            &found,
            9,
            "problem",
            "keepalived removes the check: the real server stays up",
            "no user nosuch",
        );
        expect_no_ok(&found);
        let slow = "misc_path \"FOLDER/listenup check --timeout 2s 443\"\n misc_timeout 1";
        let found = look(&folder, &conf(slow));
        expect(
            &found,
            8,
            "problem",
            "counts as down: the real server is taken out",
            "keepalived's timeout of 1s",
        );
        let distinct =
            "misc_path \"FOLDER/listenup check --exit-codes distinct 443\"\n misc_dynamic";
        let found = look(&folder, &conf(distinct));
        expect(
            &found,
            8,
            "problem",
            "the real server stays up although nothing listens",
            "",
        );
        expect_no_ok(&found);
    });
}

#[test]
fn a_namespace_that_is_not_there() {
    in_namespace(|| {
        let _listener = listen("::", 443);
        let folder = Folder::new();
        let call = "script \"FOLDER/listenup check -q 443\"";
        let conf = format!("net_namespace listenup-nosuch\n{}", conf_with(call, ""));
        let found = look(&folder, &conf);
        let effect = "Unable to set network namespace: keepalived does not start";
        expect(
            &found,
            1,
            "problem",
            effect,
            "/var/run/netns/listenup-nosuch cannot be opened",
        );
        expect_no_ok(&found);
    });
}

#[test]
fn no_ok_for_a_check_that_keepalived_does_not_run() {
    in_namespace(|| {
        let _listener = listen("::", 443);
        let folder = Folder::new();
        let conf = conf_with("script \"FOLDER/listenup check -q 443\"", "");
        expect(
            &look(&folder, &conf),
            6,
            "ok",
            "run as root it succeeds",
            "",
        );
        for broken in [
            conf.replace(" virtual_router_id 51\n", ""),
            conf.replace("  chk\n", "  other\n"),
            conf.replace(" track_script {\n", " track_script {\n  chk weight 1 2\n"),
            conf.replace("script_user root", "script_user nosuch"),
            conf.replace(" fall 2\n", " fall 2\n user nosuch\n"),
            conf.replace(" fall 2\n", " fall 2\n weight 0 reverse\n"),
            conf.replace("vrrp_script chk {", "vrrp_script chk {\n script '/x"),
            conf.replace("  192.0.2.100/24\n }\n", "  192.0.2.100/24\n"),
        ] {
            assert_ne!(broken, conf);
            let found = look(&folder, &broken);
            assert!(
                found.iter().any(|one| one.severity == "problem"),
                "{broken}\n{found:#?}"
            );
            if !broken.contains("weight 1 2") {
                expect_no_ok(&found);
            }
        }
    });
}

#[test]
fn nothing_but_listenup_is_run() {
    in_namespace(|| {
        let folder = Folder::new();
        let path = folder.path();
        let ran = path.join("ran");
        fs::create_dir(path.join("a")).unwrap();
        for name in ["a/listenup", "other"] {
            let text = format!("#!/bin/sh\necho >{}\n", ran.display());
            fs::write(path.join(name), text).unwrap();
            fs::set_permissions(path.join(name), Permissions::from_mode(0o755)).unwrap();
            let call = format!("script \"FOLDER/{name} check -q 443\"");
            let found = look(&folder, &conf_with(&call, ""));
            expect_no_ok(&found);
            assert!(!ran.exists(), "{name}");
        }
    });
}

#[test]
fn who_is_not_root_cannot_try_as_another_user() {
    in_namespace(|| {
        let _listener = listen("::", 443);
        let folder = Folder::new();
        let path = folder.path();
        let call = "script \"FOLDER/listenup check -q 443\"";
        doctor_reads(path, &conf_with(call, ""), "");
        let words = format!(
            "doctor --keepalived-conf {}/keepalived.conf",
            path.display()
        );
        let said = Confined::new(path.join("listenup"))
            .by_nobody()
            .run(&words)
            .exits(0);
        let note = "note     FOLDER/keepalived.conf:6: chk: the check was not tried\n         \
                    only root can run it as root\n         run the doctor as root\n";
        assert!(findings(&said, path).contains(note), "{said:#?}");
        let said = Confined::new(path.join("listenup"))
            .by_nobody()
            .run(&format!("{words} --user nobody"));
        let ok = "run as nobody it succeeds (443: listening)";
        assert!(findings(&said, path).contains(ok), "{said:#?}");
    });
}

#[test]
fn a_port_that_is_there_by_nat_alone() {
    in_namespace(|| {
        let _listener = listen("127.0.0.1", 8443);
        let rules = "table ip t { chain out { type nat hook output priority -100; tcp dport 443 redirect to :8443; }; }";
        assert!(Command::new("nft").arg(rules).status().unwrap().success());
        let folder = Folder::new();
        let said = doctor(folder.path(), "--user root 443").exits(1);
        let hint = "note     443: no listener of this machine has to be there for it to be served\n         \
                    443: NAT passes its connections on\n";
        assert!(!said.stdout.contains(hint), "{said:#?}");
        let _connection = TcpStream::connect("127.0.0.1:443").unwrap();
        let said = doctor(folder.path(), "--user root 443").exits(1);
        assert!(said.stdout.contains(hint), "{said:#?}");
        let said = doctor(folder.path(), "--user root 444").exits(1);
        assert!(!said.stdout.contains("NAT"), "{said:#?}");
    });
}
