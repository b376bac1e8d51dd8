//! Checks by other programs: what the doctor says of them, and the lines that replace them.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use common::doctor::{Found, conf_with, doctor, findings_of};
use common::in_namespace;
use common::keepalived::{Folder, Keepalived};
use common::node::Node;
use common::program::Said;
use common::reading::ask;
use common::sockets::listen;

/// Writes a configuration, in which FOLDER stands for the folder, and lets the doctor look at it.
fn look(folder: &Folder, conf: &str) -> (Said, Vec<Found>) {
    let path = write(folder, conf);
    findings_of(folder, &format!("--keepalived-conf {path}"))
}

fn write(folder: &Folder, conf: &str) -> String {
    let shown = folder.path().display().to_string();
    let path = folder.path().join("keepalived.conf");
    fs::write(&path, conf.replace("FOLDER", &shown)).unwrap();
    path.display().to_string()
}

fn script(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
}

/// The finding about the script in line 6.
#[track_caller]
fn of_line_6(found: &[Found]) -> &Found {
    let found = found
        .iter()
        .find(|one| one.line == Some(6) && one.effect.starts_with("chk: "));
    found.unwrap_or_else(|| panic!("nothing is said of line 6"))
}

#[test]
fn each_program_is_known_with_what_it_gets_wrong_and_what_replaces_it() {
    in_namespace(|| {
        let folder = Folder::new();
        for (command, severity, effect, cause, cure) in [
            (
                "/usr/bin/netstat -tln | grep 443",
                "problem",
                "netstat succeeds whatever listens: the address stays",
                "keepalived starts no shell",
                "check -q 443",
            ),
            (
                "/usr/bin/ss -tln | grep ':443 '",
                "problem",
                "ss refuses its arguments: FAULT for ever",
                "keepalived starts no shell",
                "check -q 443",
            ),
            (
                "/bin/sh -c 'netstat -tln | grep 443'",
                "problem",
                "a listener on 8443 is taken for one on 443: the address stays although nothing listens",
                "each run reads all of /proc/net/tcp and tcp6, which took ",
                "check -q 443",
            ),
            (
                "/bin/sh -c 'netstat -tln | grep -w 443'",
                "note",
                "netstat takes the longer the more connections there are",
                "126 and 127",
                "check -q 443",
            ),
            (
                "/bin/sh -c 'ss -tln | grep -q 127.0.0.1:80'",
                "problem",
                "a listener on 800 is taken for one on 80",
                "walk past all connections of the host (",
                "check -q 127.0.0.1:80",
            ),
            (
                "/bin/sh -c 'netstat -an | grep -w 443'",
                "problem",
                "a connection to that port of another host counts as a listener: the address stays",
                "neither -l nor LISTEN is there",
                "check -q 443",
            ),
            (
                "/bin/sh -c 'netstat -an | grep -w 443 | grep LISTEN'",
                "note",
                "netstat takes the longer",
                "",
                "check -q 443",
            ),
            (
                "/usr/bin/lsof -iTCP:8080 -sTCP:LISTEN",
                "note",
                "lsof takes the longer",
                "every descriptor of every process",
                "check -q 8080",
            ),
            (
                "fuser 443/tcp",
                "note",
                "fuser takes the longer",
                "descriptor",
                "check -q 443",
            ),
            (
                "nc -z -w 1 127.0.0.1 443",
                "note",
                "a service that is busy counts as down",
                "a connection to the service",
                "check -q 127.0.0.1:443",
            ),
            (
                "/bin/bash -c '</dev/tcp/127.0.0.1/6443'",
                "note",
                "busy counts as down",
                "126 and 127",
                "check -q 127.0.0.1:6443",
            ),
            (
                "/bin/dash -c '</dev/tcp/127.0.0.1/6443'",
                "problem",
                "FAULT for ever: this node never has the address, for /dev/tcp is bash's and this is dash",
                "a connection",
                "check -q 127.0.0.1:6443",
            ),
            (
                "/usr/bin/killall -0 haproxy",
                "note",
                "a process that runs and does not listen counts as up: the address stays",
                "each run looks at every process",
                "the port is not written there",
            ),
            (
                "/bin/pidof nginx",
                "note",
                "a process that runs and does not listen counts as up",
                "every process",
                "the port is not written there",
            ),
            (
                "/bin/sh -c 'ss -tln | grep -q :443 && ss -tln | grep -q :80'",
                "problem",
                "is taken for one on",
                "",
                "check -q 443 80",
            ),
            (
                "/bin/sh -c 'ss -tln | grep -q :443 || ss -tln | grep -q :80'",
                "problem",
                "is taken for one on",
                "",
                "check -q --at-least 1 443 80",
            ),
            // What is not clear is not guessed at.
            (
                "/bin/sh -c 'ss -tln | grep -q :443 && exit 1'",
                "problem",
                "",
                "",
                "see whether its success means that something listens",
            ),
            (
                "nc -z db 5432",
                "note",
                "",
                "",
                "the port is not written there",
            ),
            (
                "/bin/sh -c 'ss -tln | grep -q $PORT'",
                "note",
                "",
                "",
                "the port is not written there",
            ),
        ] {
            let (said, found) = look(&folder, &conf_with(&format!("script \"{command}\""), ""));
            let one = of_line_6(&found);
            assert_eq!(one.severity, severity, "{command}: {one:#?}");
            assert!(one.effect.contains(effect), "{command}: {one:#?}");
            assert!(one.cause.contains(cause), "{command}: {one:#?}");
            assert!(one.cure.contains(cure), "{command}: {one:#?}");
            let code = i32::from(severity == "problem");
            assert_eq!(said.code, Some(code), "{command}: {said:#?}");
        }
    });
}

#[test]
fn a_shell_script_is_read_and_not_run() {
    in_namespace(|| {
        let folder = Folder::new();
        let path = folder.path().join("check.sh");
        let ran = folder.path().join("ran");
        let touch = format!("echo >{}\n", ran.display());
        for (text, arguments, cause, cure) in [
            // The much-copied one.
            (
                "#!/bin/bash\nCHK_PORT=$1\nif [ -n \"$CHK_PORT\" ];then\n  \
                 PORT_PROCESS=`ss -lnt|grep $CHK_PORT|wc -l`\n  if [ $PORT_PROCESS -eq 0 ];then\n    \
                 echo \"Port $CHK_PORT Is Not Used,End.\"\n    exit 1\n  fi\nelse\n  \
                 echo \"Check Port Cant Be Empty!\"\nfi\n",
                " 6443",
                "FOLDER/check.sh calls ss",
                "check -q 6443",
            ),
            (
                "#!/bin/sh\nn=$(netstat -na|grep LISTEN|grep 3306|wc -l)\n[ $n -eq 1 ]\n",
                "",
                "it wants one line",
                "check -q 3306",
            ),
            (
                "#!/bin/sh\nss -tln | grep -q :443 || systemctl restart haproxy\n",
                "",
                "calls ss",
                "it also calls systemctl: put ",
            ),
            (
                "#!/usr/bin/env bash\nfor p in 80 443; do ss -tln | grep -q :$p || exit 1; done\n",
                "",
                "calls ss",
                "the port is not written there",
            ),
        ] {
            script(&path, &format!("{text}{touch}"));
            let command = format!("script \"FOLDER/check.sh{arguments}\"");
            let (_, found) = look(&folder, &conf_with(&command, ""));
            let one = of_line_6(&found);
            assert!(one.cause.contains(cause), "{text}: {one:#?}");
            assert!(one.cure.contains(cure), "{text}: {one:#?}");
            assert!(!ran.exists(), "{text}");
        }
    });
}

#[test]
fn a_shell_script_that_calls_listenup() {
    in_namespace(|| {
        let folder = Folder::new();
        let path = folder.path().join("check.sh");
        script(
            &path,
            "#!/bin/sh\nss -tln | grep -q :80 || exec /usr/bin/listenup check -q 443\n",
        );
        let (_, found) = look(&folder, &conf_with("script \"FOLDER/check.sh\"", ""));
        let one = of_line_6(&found);
        assert_eq!(one.effect, "chk: calls listenup by way of another program");
    });
}

#[test]
fn a_program_that_keepalived_would_not_run() {
    in_namespace(|| {
        let folder = Folder::new();
        let path = folder.path().join("check.sh");
        let conf = conf_with("script \"FOLDER/check.sh\"", "");
        let problem = |cause: &str| {
            let (said, found) = look(&folder, &conf);
            let is_it = |one: &&Found| {
                one.line == Some(6) && one.severity == "problem" && one.cause.contains(cause)
            };
            assert!(found.iter().any(|one| is_it(&one)), "{found:#?}");
            assert_eq!(said.code, Some(1));
        };
        problem("FOLDER/check.sh: is not there");
        script(&path, "#!/bin/sh\n");
        assert!(look(&folder, &conf).1.iter().all(|one| one.line != Some(6)));
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        problem("root may not execute it");
        fs::set_permissions(&path, Permissions::from_mode(0o757)).unwrap();
        problem("everybody may write to it");
    });
}

#[test]
fn a_script_that_does_not_end_or_is_no_text_is_nothing() {
    in_namespace(|| {
        let folder = Folder::new();
        let path = folder.path().join("check.sh");
        let made = Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        for _ in 0..2 {
            let (_, found) = look(&folder, &conf_with("script \"FOLDER/check.sh\"", ""));
            let one = found.iter().find(|one| one.effect.contains("chk"));
            assert!(one.is_none(), "{one:#?}");
            fs::remove_file(&path).unwrap();
            fs::write(&path, b"#!/bin/sh\n\0netstat | grep 443\n").unwrap();
        }
    });
}

#[test]
fn a_misc_check_is_looked_at_alike() {
    in_namespace(|| {
        let folder = Folder::new();
        let conf = "global_defs {\n enable_script_security\n script_user root\n}\n\
                    virtual_server 192.0.2.100 443 {\n real_server 127.0.0.1 443 {\n MISC_CHECK {\n  \
                    misc_path \"/bin/sh -c 'ss -tln | grep 443'\"\n }\n }\n}\n";
        let (_, found) = look(&folder, conf);
        let one = found.iter().find(|one| one.line == Some(8)).unwrap();
        assert!(
            one.effect
                .ends_with("the real server stays up although nothing listens"),
            "{one:#?}"
        );
        assert!(one.cure.starts_with("write misc_path \""), "{one:#?}");
    });
}

/// What the usual keepalived.conf has.
const USUAL: &str = "\
global_defs {
    enable_script_security
    script_user root
}
vrrp_script chk_https {
    script \"/usr/bin/netstat -tln | grep 443\"   # is it there?
    interval 2
    weight -20
}
vrrp_script chk_api { script \"FOLDER/check.sh 6443\" }
vrrp_script chk_haproxy {
    script \"/usr/bin/killall -0 haproxy\"
}
vrrp_instance VI_1 {
    state BACKUP
    interface eth0
    virtual_router_id 51
    priority 100
    virtual_ipaddress {
        192.0.2.100/24
    }
    track_script {
        chk_https
        chk_api
        chk_haproxy
    }
}";

#[test]
fn the_rewrite_is_a_patch_that_the_real_keepalived_takes() {
    let folder = Folder::new();
    script(
        &folder.path().join("check.sh"),
        "#!/bin/sh\nss -tln | grep -q :$1\n",
    );
    let path = write(&folder, USUAL);
    let before = fs::read_to_string(&path).unwrap();
    let said = doctor(folder.path(), &format!("--rewrite {path}")).exits(1);
    assert_eq!(
        said.stderr,
        format!(
            "listenup: {path}:12: chk_haproxy: left as it is: what it looks for is not clear from its line; see \
             listenup doctor\n"
        )
    );
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        before,
        "it writes nothing"
    );

    let patch = folder.path().join("patch");
    fs::write(&patch, &said.stdout).unwrap();
    let mut command = Command::new("patch");
    command
        .args(["--dry-run", "-p0", "--directory=/", "-i"])
        .arg(&patch);
    Said::by(&mut command).exits(0);
    let mut command = Command::new("patch");
    command.args(["-p0", "--directory=/", "-i"]).arg(&patch);
    Said::by(&mut command).exits(0).stderr("");

    let program = folder.path().join("listenup").display().to_string();
    let after = before
        .replace(
            "/usr/bin/netstat -tln | grep 443",
            &format!("{program} check -q 443"),
        )
        .replace(
            &format!("{}/check.sh 6443", folder.path().display()),
            &format!("{program} check -q 6443"),
        );
    assert_eq!(fs::read_to_string(&path).unwrap(), after);

    let real = ask(Path::new(&path), "2.2.7");
    assert!(!real.failed, "{real:#?}");
    for (name, port) in [("chk_https", "443"), ("chk_api", "6443")] {
        let command = format!("Command = '{program}' 'check' '-q' '{port}'");
        let title = format!("script {name}");
        let entry = real.entries.iter().find(|entry| entry.title == title);
        let fields = &entry.unwrap_or_else(|| panic!("{real:#?}")).fields;
        assert!(fields.contains(&command), "{fields:#?}");
    }

    // It runs both, and they find what is there.
    in_namespace(move || {
        let started = folder.path().join("keepalived");
        let node = Node::new();
        node.plug("eth0", "to-eth0", &["192.0.2.1/24"]);
        let _listeners = [443, 6443].map(|port| node.run(move || listen("::", port)));
        let log = started.with_extension("log");
        let _keepalived = node.run(move || Keepalived::start(started, false));
        let deadline = Instant::now() + Duration::from_secs(20);
        for name in ["chk_https", "chk_api"] {
            let succeeded = format!("VRRP_Script({name}) succeeded");
            while !fs::read_to_string(&log).unwrap().contains(&succeeded) {
                let log = || fs::read_to_string(&log).unwrap();
                assert!(Instant::now() < deadline, "{name}\n{}", log());
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    });
}

#[test]
fn a_file_with_nothing_to_replace() {
    let folder = Folder::new();
    let path = write(
        &folder,
        &USUAL
            .replace("| grep 443", "")
            .replace("check.sh 6443", "listenup check 6443"),
    );
    doctor(folder.path(), &format!("--rewrite {path}"))
        .exits(1)
        .stdout("");
}

#[test]
fn a_file_that_cannot_be_rewritten() {
    let folder = Folder::new();
    let bytes = folder.path().join("bytes.conf");
    fs::write(&bytes, b"# \xff\n").unwrap();
    for (file, why) in [
        (
            "/nonexistent.conf".to_owned(),
            "cannot be read: No such file or directory (ENOENT)",
        ),
        ("/dev/zero".to_owned(), "cannot be read"),
        (bytes.display().to_string(), "is not UTF-8"),
    ] {
        let said = doctor(folder.path(), &format!("--rewrite {file}"))
            .exits(1)
            .stdout("");
        assert!(
            said.stderr.starts_with(&format!("listenup: {file} {why}")),
            "{said:#?}"
        );
    }
    let plain = folder.path().join("plain.conf");
    fs::write(&plain, "global_defs {\n}\n").unwrap();
    doctor(folder.path(), &format!("--rewrite {}", plain.display()))
        .exits(0)
        .stdout("")
        .stderr("");
}
