//! The doctor beside a keepalived that runs, `--netns`, its formats, and what it says of targets.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::fs;
use std::process::Command;

use common::confined::Confined;
use common::doctor::{conf_with, doctor, doctor_reads, findings, findings_of};
use common::keepalived::{Folder, Keepalived};
use common::node::Node;
use common::program::{Said, sh};
use common::schema::document;
use common::sockets::listen;
use common::watcher::Watcher;
use common::{in_namespace, ip};

#[test]
fn what_a_running_keepalived_has_loaded() {
    in_namespace(|| {
        let folder = Folder::new();
        let path = folder.path().to_owned();
        let shown = path.display().to_string();
        let parts = format!("include {shown}/part.inc\n# a comment\n$USER=root\n");
        let conf = conf_with("script \"FOLDER/listenup check -q 443\"", "");
        let conf = conf
            .replace("FOLDER", &shown)
            .replace("script_user root", "script_user ${USER}");
        fs::write(path.join("all.conf"), &parts).unwrap();
        fs::write(path.join("part.inc"), format!("$USER=root\n{conf}")).unwrap();
        let node = Node::new();
        node.plug("to-e0", "e0", &["192.0.2.1/24"]);
        let _listener = node.run(|| listen("::", 443));
        let started = path.join("all");
        let keepalived = node.run(move || Keepalived::start(started, false));
        let _data = keepalived.data(&folder, &path.join("all.log"));

        let folder_of = path.clone();
        let look = move || findings(&doctor(&folder_of, ""), &folder_of);
        let said = node.run(look.clone());
        let ok = "ok       FOLDER/part.inc:7: chk: FOLDER/listenup check -q 443: run as root it succeeds";
        assert!(said.contains(ok), "{said}");
        assert!(!said.contains("changed since"), "{said}");

        fs::write(
            path.join("part.inc"),
            format!("$USER=root\n\n! other words\n{conf}"),
        )
        .unwrap();
        let said = node.run(look.clone());
        assert!(!said.contains("changed since"), "comments are none: {said}");

        fs::write(path.join("part.inc"), conf.replace("443", "8443")).unwrap();
        let said = node.run(look.clone());
        let changed = "note     FOLDER/all.conf: changed since keepalived read it: what follows is of what it has \
                       loaded\n";
        assert!(said.contains(changed) && said.contains(ok), "{said}");

        // Who is not root cannot know.
        let by_nobody = path.clone();
        let said = node.run(move || {
            Confined::new(by_nobody.join("listenup"))
                .by_nobody()
                .run("doctor --user nobody")
        });
        let unknown = "what the running keepalived (";
        assert!(said.stdout.contains(unknown), "{said:#?}");

        // In another namespace another keepalived would be meant, or none.
        let said = doctor(&path, "");
        assert!(!said.stdout.contains("part.inc"), "{said:#?}");
        let said = doctor(&path, &format!("--netns {}", node.path()));
        assert!(said.stdout.contains("part.inc"), "{said:#?}");
    });
}

#[test]
fn the_file_that_keepalived_reads_by_default() {
    in_namespace(|| {
        let _listener = listen("::", 443);
        let folder = Folder::new();
        let shown = folder.path().display().to_string();
        let conf =
            conf_with("script \"FOLDER/listenup check -q 443\"", "").replace("FOLDER", &shown);
        let etc = folder.path().join("etc");
        fs::create_dir(&etc).unwrap();
        let look = || {
            sh(&format!(
                "exec unshare --mount sh -c 'mount --bind {shown}/etc /etc/keepalived && exec {shown}/listenup doctor'"
            ))
            .exits(0)
        };
        let ok = "ok       /etc/keepalived/keepalived.conf:6: chk: ";
        assert!(!look().stdout.contains(ok), "there is none");
        fs::write(etc.join("keepalived.conf"), conf).unwrap();
        let said = look();
        assert!(said.stdout.contains(ok), "{said:#?}");
    });
}

#[test]
fn in_another_namespace() {
    in_namespace(|| {
        let folder = Folder::new();
        let node = Node::new();
        let _listener = node.run(|| listen("0.0.0.0", 443));
        let words = format!("--user root --netns {} 443", node.path());
        let said = doctor(folder.path(), &words).exits(0);
        assert!(
            said.stdout
                .contains("443: sock_diag: listening on 0.0.0.0:443"),
            "{said:#?}"
        );
        doctor(folder.path(), "--user root 443").exits(1);
        doctor(folder.path(), "--netns /nonexistent 443")
            .exits(1)
            .stdout("")
            .stderr_has("/nonexistent");
    });
}

#[test]
fn its_formats() {
    in_namespace(|| {
        let folder = Folder::new();
        let path = folder.path();
        let conf =
            conf_with("script \"FOLDER/listenup check -q 443\"", "").replace("  chk\n", "  chk2\n");
        let said = doctor_reads(path, &conf, "--format json 80").exits(1);
        let whole = document(&said.stdout, "doctor");
        let findings = whole["findings"].as_array().unwrap();
        let severities: Vec<&str> = findings
            .iter()
            .map(|one| one["severity"].as_str().unwrap())
            .collect();
        let mut sorted = severities.clone();
        sorted.sort_by_key(|severity| {
            ["problem", "note", "ok"]
                .iter()
                .position(|one| one == severity)
        });
        assert_eq!(severities, sorted);
        assert_eq!(whole["problems"], 3);
        assert!(whole["block"].is_null());

        let said = doctor_reads(path, &conf, "--format json -q 80").exits(1);
        let quiet = document(&said.stdout, "doctor");
        assert_eq!(quiet["findings"].as_array().unwrap(), &findings[..3]);

        let said = doctor_reads(path, &conf, "-q 80").exits(1);
        assert_eq!(said.stdout.matches("problem  ").count(), 3, "{said:#?}");
        for other in ["note  ", "ok  ", "vrrp_script chk_listenup", "were found"] {
            assert!(!said.stdout.contains(other), "{said:#?}");
        }
        let _listener = listen("::", 443);
        doctor(path, "-q --user root 443")
            .exits(0)
            .stdout("")
            .stderr("");
        let said = doctor(path, "--format json --user root 443").exits(0);
        let whole = document(&said.stdout, "doctor");
        assert!(
            whole["block"].as_str().unwrap().contains("check -q 443\""),
            "{whole}"
        );
    });
}

#[test]
fn an_address_that_the_service_waits_for() {
    in_namespace(|| {
        let folder = Folder::new();
        let path = folder.path();
        let conf = conf_with("script \"FOLDER/listenup check -q 192.0.2.100:443\"", "");
        let waits = "the check fails until the address is here, and with weight 0 it keeps it away";
        let (said, found) = {
            doctor_reads(path, &conf, "");
            findings_of(
                &folder,
                &format!("--keepalived-conf {}/keepalived.conf", path.display()),
            )
        };
        let one = found.iter().find(|one| one.effect.contains(waits)).unwrap();
        assert_eq!(
            (one.severity.as_str(), one.line),
            ("problem", Some(6)),
            "{said:#?}"
        );
        assert!(
            one.cure
                .starts_with("check the port alone (443), or set net.ipv4.ip_nonlocal_bind")
        );

        // With a weight the address can come all the same.
        let weighed = conf_with(
            "script \"FOLDER/listenup check -q 192.0.2.100:443\"",
            "weight -20",
        );
        let said = doctor_reads(path, &weighed, "").exits(0);
        assert!(said.stdout.contains(waits), "{said:#?}");

        // The sysctl is the namespace's.
        let set = |value: &str| {
            let status = Command::new("sysctl")
                .args(["-qw", &format!("net.ipv4.ip_nonlocal_bind={value}")])
                .status();
            assert!(status.unwrap().success());
        };
        set("1");
        let said = doctor_reads(path, &conf, "").exits(0);
        assert!(!said.stdout.contains(waits), "{said:#?}");
        set("0");
        ip("address add 192.0.2.100/32 dev lo");
        let said = doctor_reads(path, &conf, "").exits(0);
        assert!(!said.stdout.contains(waits), "{said:#?}");
        let _elsewhere = listen("192.0.2.100", 443);
        ip("address delete 192.0.2.100/32 dev lo");
        let said = doctor_reads(path, &conf, "").exits(0);
        assert!(!said.stdout.contains(waits), "{said:#?}");
    });
}

#[test]
fn a_track_file_and_who_keeps_it() {
    in_namespace(|| {
        let folder = Folder::new();
        let path = folder.path();
        let look = |file: &str, more: &str| {
            let conf = format!(
                "global_defs {{\n enable_script_security\n script_user root\n}}\n\
                 track_file service {{\n file {file}\n weight 0\n {more}\n}}\n\
                 vrrp_instance a {{\n state BACKUP\n interface e0\n virtual_router_id 51\n track_file {{\n  \
                 service\n }}\n}}\n"
            );
            doctor_reads(path, &conf, "")
        };
        let file = path.join("value");
        let shown = file.display().to_string();
        let missing = "problem  FOLDER/keepalived.conf:5: track_file service: 0, which is OK whatever listens\n";
        let said = look(&shown, "").exits(1);
        assert!(findings(&said, path).contains(missing), "{said:#?}");
        let said = look(&shown, "init_file 0").exits(0);
        assert!(said.stdout.contains("note     "), "{said:#?}");

        fs::write(&file, "soon\n").unwrap();
        let said = look(&shown, "").exits(1);
        let garbled = "track_file service: keepalived keeps the value from before\n         FOLDER/value has no number";
        assert!(findings(&said, path).contains(garbled), "{said:#?}");

        fs::write(&file, "0\n").unwrap();
        let said = look(&shown, "").exits(0);
        let stale = "track_file service: 0 for ever, unless something else writes it\n         \
                     no listenup watch keeps FOLDER/value; the file was written ";
        assert!(findings(&said, path).contains(stale), "{said:#?}");

        let open = path.join("open");
        fs::create_dir(&open).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        fs::set_permissions(&open, mode).unwrap();
        fs::write(open.join("value"), "0\n").unwrap();
        let said = look(&open.join("value").display().to_string(), "").exits(1);
        let weak = "track_file service: others than root can move the address\n         they can write to FOLDER/open\n";
        assert!(findings(&said, path).contains(weak), "{said:#?}");

        let watcher = Watcher::start("443");
        let said = look(&watcher.file.display().to_string(), "").exits(0);
        let kept = "is 1, and listenup watch (";
        let ok = said.stdout.lines().find(|line| line.contains(kept));
        assert!(
            ok.is_some_and(|line| line.starts_with("ok       ")),
            "{said:#?}"
        );
    });
}

#[test]
fn a_track_process_tells_of_no_listener() {
    in_namespace(|| {
        let folder = Folder::new();
        let conf = "vrrp_track_process p {\n process haproxy\n}\n".to_owned()
            + &conf_with("script \"FOLDER/listenup check -q 443\"", "")
                .replace("track_script", "track_process {\n  p\n }\n track_script");
        let said: Said = doctor_reads(folder.path(), &conf, "").exits(0);
        let note = "note     FOLDER/keepalived.conf:1: track_process p: a process that runs and does not listen counts as \
                    up: the address stays\n";
        assert!(findings(&said, folder.path()).contains(note), "{said:#?}");
    });
}
