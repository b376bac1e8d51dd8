//! `listenup doctor`: its first and last lines, formats, exit status and command line; the sources; it changes nothing.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use nix::errno::Errno;

use common::confined::{Call, Confined, folder_with_listenup};
use common::doctor::{
    Found, codes, conf_with, doctor, doctor_reads, findings_about, findings_of,
    hide_installed_listenup, write_conf,
};
use common::keepalived::Folder;
use common::program::{listenup, sh};
use common::schema::document;
use common::sockets::{listen, listen_with};
use common::{in_namespace, ip};

const GOOD: &str = "script \"FOLDER/listenup check -q 443\"";

#[test]
fn the_report_begins_with_the_subject_and_ends_with_the_result() {
    in_namespace(|| {
        let folder = Folder::new();
        let path = folder.path();
        let listener = listen("::", 443);
        let first_and_last = |conf: &str, words: &str| {
            let said = doctor_reads(path, conf, words);
            let lines: Vec<&str> = said.stdout.lines().collect();
            let first = lines[0].replace(&path.display().to_string(), "FOLDER");
            (first, lines.last().unwrap().to_string(), said.code)
        };
        let conf = conf_with(GOOD, "");
        let first =
            "reading FOLDER/keepalived.conf as keepalived 2.2.8 does (--keepalived-version)";
        let expect = |conf: &str, last: &str, code: i32| {
            let found = first_and_last(conf, "--keepalived-version 2.2.8");
            assert_eq!(found, (first.to_owned(), last.to_owned(), Some(code)));
        };
        expect(&conf, "configuration OK: no problems found", 0);
        expect(&conf.replace("  chk\n", "  other\n"), "2 problems found", 1);
        expect(&conf.replace("priority", "prioriti"), "1 problem found", 1);
        let unknown = conf_with("script \"/bin/true\"", "");
        expect(
            &unknown,
            "no problems found in what was checked; 1 check or file could not be judged",
            0,
        );
        let unread = conf.replace("  chk\n", "  chk\n  ~SEQ(I, 1, 2) chk$I\n");
        expect(&unread, "no problems found in what was checked", 0);
        let about_addresses = "could not tell what happens to the addresses if a check fails: a part of the configuration was \
                               not read\n";
        doctor_reads(path, &unread, "").stdout_has(about_addresses);
        let all = doctor_reads(path, &conf, "").stdout;
        assert!(!all.contains(about_addresses), "{all}");
        drop(listener);
        expect(&conf, "1 check is failing right now", 3);
        let two = conf.replace(
            "vrrp_instance",
            "vrrp_script b {\n script \"FOLDER/listenup check 80\"\n}\nvrrp_instance",
        );
        expect(
            &two.replace("  chk\n", "  chk\n  b\n"),
            "2 checks are failing right now",
            3,
        );
        // The last line is about now, also below problems.
        expect(
            &conf.replace("priority", "prioriti"),
            "1 check is failing right now",
            1,
        );
        expect(
            "virtual_server {{ port }}\n$A ${B} ${C}\n",
            "1 problem found",
            1,
        );

        let installed = first_and_last(&conf, "").0;
        assert!(installed.ends_with("(the installed one)"), "{installed}");
        let said = doctor(path, "");
        assert!(
            said.stdout
                .starts_with("no configuration found: nothing was checked\n"),
            "{said:#?}"
        );
        assert!(
            said.stdout.ends_with("\nnothing was checked\n"),
            "{said:#?}"
        );
        said.exits(0);
    });
}

#[test]
fn text_json_and_quiet_agree() {
    in_namespace(|| {
        hide_installed_listenup();
        let folder = Folder::new();
        let path = folder.path();
        let conf = conf_with(GOOD, "")
            .replace("  chk\n", "  chk2\n")
            .replace(" fall 2\n", "");
        let said = doctor_reads(path, &conf, "--format json 80").exits(1);
        let whole = document(&said.stdout, "doctor");
        let findings = whole["findings"].as_array().unwrap();
        let rank = |one: &serde_json::Value| {
            let all = ["problem", "failing", "note", "ok"];
            all.iter()
                .position(|severity| one["severity"] == *severity)
                .unwrap()
        };
        assert!(findings.is_sorted_by_key(rank), "{whole}");
        assert_eq!(
            (&whole["problems"], &whole["failing"]),
            (&2.into(), &1.into())
        );
        assert!(
            whole["examined"][0]
                .as_str()
                .unwrap()
                .contains("keepalived.conf as keepalived")
        );
        assert!(whole["block"].is_null());

        let said = doctor_reads(path, &conf, "--format json -q 80").exits(1);
        let quiet = document(&said.stdout, "doctor");
        assert_eq!(quiet["findings"].as_array().unwrap(), &findings[..3]);
        let said = doctor_reads(path, &conf, "-q 80").exits(1);
        let starts = said.stdout.lines().filter(|line| !line.starts_with(' '));
        let starts: Vec<&str> = starts.map(|line| line.split(' ').next().unwrap()).collect();
        assert_eq!(starts, ["problem", "problem", "failing"], "{said:#?}");

        let _listener = listen("::", 443);
        doctor(path, "-q 443").exits(0).stdout("").stderr("");
        let said = doctor(path, "--format json 443").exits(0);
        let block = document(&said.stdout, "doctor")["block"].to_string();
        let line = format!(
            "script \\\"{}/listenup check -q --log journald 443\\\"",
            path.display()
        );
        assert!(block.contains(&line), "{block}");
    });
}

#[test]
fn codes_are_ignored_and_explained() {
    in_namespace(|| {
        let folder = Folder::new();
        let _listener = listen("::", 443);
        let conf = conf_with(GOOD, "")
            .replace(" fall 2\n", "")
            .replace("priority", "prioriti");
        let look = |words: &str| codes(&findings_about(&folder, &conf, words));
        assert_eq!(look(""), "LU142:13 LU236:5 LU411:6 LU241:9");
        assert_eq!(look("--ignore LU236 --ignore lu411"), "LU142:13 LU241:9");
        doctor_reads(folder.path(), &conf, "--ignore LU142").exits(0);

        listenup("doctor --explain lu236")
            .exits(0)
            .stdout_has("LU236 note: {name}: a single failed or timed-out run is enough")
            .stdout_has("\nFix: fall 2\n");
        for words in ["--explain LU999", "--ignore 236"] {
            listenup(&format!("doctor {words}"))
                .exits(1)
                .stdout("")
                .stderr_has("no code");
        }
    });
}

#[test]
fn the_block_to_paste_has_the_port() {
    in_namespace(|| {
        hide_installed_listenup();
        let folder = Folder::new();
        let path = folder.path();
        let program = path.join("listenup").display().to_string();
        let line =
            |port: &str| format!("    script \"{program} check -q --log journald {port}\"\n");
        let has = |conf: &str, words: &str, block: Option<&str>| {
            let said = doctor_reads(path, conf, words);
            assert_eq!(
                said.stdout.contains("vrrp_script chk_listenup"),
                block.is_some(),
                "{said:#?}"
            );
            assert!(
                block.is_none_or(|port| said.stdout.contains(&line(port))),
                "{said:#?}"
            );
        };
        has(
            &conf_with("script \"/usr/bin/test -e /run/up\"", ""),
            "",
            Some("PORT"),
        );
        has(
            &conf_with("script \"/usr/bin/test -e /run/up\"", ""),
            "443 80",
            Some("443 80"),
        );
        has(
            &conf_with("script \"/usr/bin/nc -z 127.0.0.1 5432\"", ""),
            "",
            Some("127.0.0.1:5432"),
        );
        // One protocol of the two is enough, and the owner counts.
        let either = conf_with("script \"/bin/bash -c 'netstat -nlp | grep -q 1194'\"", "");
        has(&either, "", Some("--any 1194 udp:1194"));
        has(&either, "80", Some("PORT"));
        let owned = "script \"/bin/bash -c 'ss -lntp | grep 443 | grep -q haproxy'\"";
        has(
            &conf_with(owned, ""),
            "",
            Some("--owner-process haproxy 443"),
        );
        has(&conf_with(GOOD, ""), "", None);
        has(
            &conf_with(GOOD, "").replace("vrrp_script", "track_file f {\n file /x\n}\nvrrp_script"),
            "",
            None,
        );
    });
}

/// A note that one failure is enough would be untrue.
#[test]
fn a_check_that_never_runs_gets_no_advice_about_fall() {
    in_namespace(|| {
        let folder = Folder::new();
        let conf = conf_with("script \"/nonexistent/check\"", "").replace(" fall 2\n", "");
        assert_eq!(codes(&findings_about(&folder, &conf, "")), "LU211:6");
    });
}

#[test]
fn targets_of_the_command_line_are_checked() {
    in_namespace(|| {
        let _listeners = [listen("::1", 443), listen("127.0.0.1", 80)];
        let folder = Folder::new();
        let (said, found) = findings_of(&folder, "443 80");
        said.exits(0);
        let effects: Vec<&str> = found.iter().map(|one| one.effect.as_str()).collect();
        assert_eq!(
            effects,
            [
                "443 is listening on [::1]:443",
                "80 is listening on 127.0.0.1:80"
            ]
        );
        let (said, found) = findings_of(&folder, "443 8080 udp:53");
        said.exits(3);
        let effects: Vec<&str> = found.iter().map(|one| one.effect.as_str()).collect();
        let expected = [
            "8080 is not listening: a check for it would fail now",
            "udp:53 is not bound: a check for it would fail now",
            "443 is listening on [::1]:443",
        ];
        assert_eq!(effects, expected);
    });
}

#[test]
fn a_failing_target_names_other_listeners_on_its_port() {
    in_namespace(|| {
        ip("link add d0 type veth peer name p0");
        let _listeners = [
            listen("127.0.0.1", 443),
            listen_with("0.0.0.0", 80, |socket| {
                socket.bind_device(Some(b"d0")).unwrap();
            }),
        ];
        let folder = Folder::new();
        for (target, elsewhere) in [
            ("192.0.2.1:443", "127.0.0.1:443 listens"),
            // Of a device /proc knows nothing, which is no reason to doubt what sock_diag says.
            ("127.0.0.1:80", "0.0.0.0:80 (device d0) listens"),
            ("8080", ""),
        ] {
            let (said, found) = findings_of(&folder, target);
            said.exits(3);
            let found: Vec<_> = found.iter().map(|one| (&*one.code, &*one.cause)).collect();
            assert_eq!(found, [("LU613", elsewhere)], "{target}");
        }
        listenup("doctor 192.0.2.1:443").exits(3).stdout_has(
            "failing  192.0.2.1:443 is not listening: a check for it would fail now [LU613]\n         \
             127.0.0.1:443 listens\n",
        );
    });
}

#[test]
fn a_refused_source_is_a_note_and_two_are_a_problem() {
    in_namespace(|| {
        let _listener = listen("::", 443);
        let folder = Folder::new();
        let refused = |confined: Confined| confined.without(Call::SockDiagSocket, Errno::EACCES);
        let here = || refused(Confined::new(folder.path().join("listenup")));
        let said = here().run("doctor 443").exits(0);
        let note = "note     listenup reads /proc, which takes longer the more connections there are [LU601]\n         \
                    sock_diag does not answer: ";
        assert!(said.stdout.contains(note), "{said:#?}");
        // Only sock_diag tells whether [::] includes IPv4.
        let said = here().run("doctor 127.0.0.1:443").exits(1);
        assert!(said.stdout.contains("[LU614]"), "{said:#?}");
        assert!(!said.stdout.contains("{reason}"), "{said:#?}");

        let root = folder_with_listenup();
        let said = Confined::listenup_in_root(root.path())
            .run("doctor 443")
            .exits(0);
        assert!(said.stdout.contains("[LU602]"), "{said:#?}");
        let said = refused(Confined::listenup_in_root(root.path()))
            .run("doctor 443")
            .exits(1);
        let problem = "problem  each check says \"could not tell\", which counts as down [LU603]\n";
        assert!(said.stdout.contains(problem), "{said:#?}");
    });
}

#[test]
fn several_files_are_several_configurations() {
    in_namespace(|| {
        let folder = Folder::new();
        let path = folder.path();
        let _listener = listen("::", 443);
        let other = path.join("other.conf");
        fs::write(&other, "global_defs {\n script_user nosuch\n}\n").unwrap();
        let part = path.join("part.inc");
        fs::write(&part, "$PORT=443\n").unwrap();
        let conf = format!(
            "include part.inc\n{}",
            conf_with(GOOD, "").replace(" 443", " ${PORT}")
        );
        write_conf(path, &conf);
        let look = |words: &str| {
            let words = words.replace("FOLDER", &path.display().to_string());
            let (said, found) = findings_of(&folder, &words);
            (
                codes(&found),
                document(&said.stdout, "doctor")["examined"]
                    .as_array()
                    .unwrap()
                    .len(),
            )
        };
        let alone = look("FOLDER/keepalived.conf");
        assert_eq!(alone, ("LU411:7 LU241:11".to_owned(), 1));
        // A file that another one includes is a part of it.
        assert_eq!(
            look("--keepalived-conf FOLDER/keepalived.conf FOLDER/part.inc"),
            alone
        );
        assert_eq!(look("FOLDER/keepalived.conf FOLDER/other.conf").1, 2);
        assert_eq!(look("/nonexistent.conf").0, "LU104");
    });
}

#[test]
fn the_default_configuration_file_is_read() {
    in_namespace(|| {
        let _listener = listen("::", 443);
        let folder = Folder::new();
        let shown = folder.path().display().to_string();
        let etc = folder.path().join("etc");
        fs::create_dir(&etc).unwrap();
        fs::write(
            etc.join("keepalived.conf"),
            conf_with(GOOD, "").replace("FOLDER", &shown),
        )
        .unwrap();
        let said = sh(&format!(
            "exec unshare --mount sh -c 'mount --bind {shown}/etc /etc/keepalived && exec {shown}/listenup doctor'"
        ));
        let line = "ok       /etc/keepalived/keepalived.conf:6: chk: 443 is listening (evaluated here for user root) [LU411]\n";
        said.exits(0).stdout_has(line);
    });
}

#[test]
fn a_configuration_that_this_user_cannot_read() {
    in_namespace(|| {
        let _listener = listen("::", 443);
        let folder = Folder::new();
        let path = folder.path();
        let shown = path.display().to_string();
        let conf = conf_with(GOOD, "").replace("FOLDER", &shown);
        fs::create_dir(path.join("closed")).unwrap();
        fs::write(path.join("secret.conf"), &conf).unwrap();
        fs::write(path.join("closed/a.conf"), &conf).unwrap();
        for (file, mode) in [("secret.conf", 0o600), ("closed", 0o700)] {
            fs::set_permissions(path.join(file), Permissions::from_mode(mode)).unwrap();
        }
        let look = |file: &str| {
            let confined = Confined::new(path.join("listenup")).by_nobody();
            let said = confined.run(&format!("doctor --format json {shown}/{file}"));
            (codes(&Found::all(&said.stdout, path)), said.code)
        };
        for file in ["secret.conf", "closed/a.conf"] {
            assert_eq!(look(file), ("LU189".to_owned(), Some(1)), "{file}");
        }
        // The rest is known.
        for file in ["secret.conf", "closed/a.conf", "closed/*.conf"] {
            let text = format!("{conf}include {shown}/{file}\n");
            fs::write(path.join("keepalived.conf"), text).unwrap();
            let (found, code) = look("keepalived.conf");
            assert_eq!((found.as_str(), code), ("LU189:22", Some(0)), "{file}");
        }
        // The folder of a unit with DynamicUser.
        let file = format!("{shown}/closed/track");
        let text = conf
            .replace("vrrp_script chk {", "track_file chk {")
            .replace("script \"", &format!("file {file} # \""))
            .replace(" fall 2\n", " weight 0\n")
            .replace("track_script", "track_file");
        fs::write(path.join("keepalived.conf"), text).unwrap();
        let (found, code) = look("keepalived.conf --keepalived-version 2.3.4");
        assert_eq!((found.as_str(), code), ("LU257:5 LU241:10", Some(0)));
    });
}

#[test]
fn the_doctor_changes_nothing() {
    in_namespace(|| {
        let _listener = listen("::", 443);
        let folder = Folder::new();
        let path = folder.path();
        let conf = conf_with("script \"FOLDER/listenup check 443\"", "");
        doctor_reads(path, &conf, "443").exits(0);
        let strace = path.join("strace");
        let calls = Confined::new("strace").run(&format!(
            "-f -o {} {} doctor {} 443 80",
            strace.display(),
            path.join("listenup").display(),
            path.join("keepalived.conf").display()
        ));
        calls.exits(3);
        let calls = fs::read_to_string(strace).unwrap();
        assert!(calls.contains("NETLINK_SOCK_DIAG"), "{calls}");
        for call in calls.lines() {
            let (_, call) = call.split_once(' ').unwrap();
            let name = call.trim_start().split('(').next().unwrap();
            let harmless = match name {
                "openat" | "open" => !["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC"]
                    .iter()
                    .any(|flag| call.contains(flag) && !call.contains("\"/dev/null\"")),
                // getifaddrs(3) gives its socket a number.
                "socket" | "bind" => call.contains("AF_NETLINK"),
                // A report of a failed exec(2), and the notes of a child's end, are std's.
                "write" => ["write(1, ", "write(2, "]
                    .iter()
                    .any(|to| call.contains(to)),
                "execve" => call.contains("/listenup\"") || call.contains("\"/proc/self/fd/"),
                // Only to what it has started itself, when that does not end.
                "kill" => false,
                name => ![
                    "bind",
                    "listen",
                    "connect",
                    "setsockopt",
                    "rename",
                    "unlink",
                    "mkdir",
                    "chmod",
                    "chown",
                    "kill",
                    "mount",
                    "utimensat",
                    "setxattr",
                    "link",
                    "symlink",
                ]
                .iter()
                .any(|change| name.starts_with(change)),
            };
            assert!(harmless, "{call}");
        }
    });
}

#[test]
fn wrong_arguments_are_refused_with_a_hint() {
    for (line, error) in [
        ("doctor x", "error: x: for a file, write ./x; as a target: "),
        ("doctor 70000", "for a file, write ./70000;"),
        (
            "doctor --user",
            "error: a value is required for '--user <USER|UID>'",
        ),
        (
            "doctor --keepalived-conf",
            "error: a value is required for '--keepalived-conf <FILE>...'",
        ),
        (
            "doctor --keepalived-version new",
            "expected a version such as 2.3.4",
        ),
        ("doctor -v", "error: unexpected argument '-v' found"),
        (
            "doctor --format nagios",
            "error: invalid value 'nagios' for '--format <FORMAT>'",
        ),
        ("doctor --netns /nonexistent 443", "/nonexistent"),
    ] {
        listenup(line).exits(1).stdout("").stderr_has(error);
    }
}
