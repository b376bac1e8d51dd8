//! What the doctor reports about users, paths, times and weights, and how it runs each listenup check as keepalived would.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::process::Command;

use nix::errno::Errno;

use common::confined::{Call, Confined, NOBODY};
use common::doctor::{Found, codes, conf_with, findings_about, install, with_code, write_conf};
use common::keepalived::Folder;
use common::program::{ProgramOutput, sh};
use common::sockets::listen;
use common::{in_namespace, ip};

fn check(arguments: &str) -> String {
    format!("script \"FOLDER/listenup check -q {arguments}\"")
}

/// The problems and failing checks.
fn wrong(found: &[Found]) -> String {
    let wrong = found
        .iter()
        .filter(|one| ["problem", "failing"].contains(&one.severity.as_str()));
    codes(&wrong.cloned().collect::<Vec<_>>())
}

#[test]
fn checks_that_can_never_succeed_are_problems() {
    in_namespace(|| {
        let _listeners = [listen("0.0.0.0", 443), listen("::1", 1)];
        let folder = Folder::new();
        for (arguments, user, code, cause) in [
            ("--interface nosuch 443", "", "LU415", "nosuch"),
            (
                "--owner-user nosuch 443",
                "",
                "LU415",
                "/etc/passwd has no user nosuch",
            ),
            (
                "--owner-process x 443",
                "user nobody",
                "LU414",
                "as user nobody it would get \"443: could not tell",
            ),
            (
                "--netns /proc/1/ns/net 443",
                "user nobody",
                "LU414",
                "/proc/1/ns/net",
            ),
            (
                "--source proc --max-queue 50% 443",
                "",
                "LU414",
                "could not tell",
            ),
            (
                "--on-unknown up --owner-process x 443",
                "user nobody",
                "LU413",
                "--on-unknown up turns that into success",
            ),
        ] {
            let found = findings_about(&folder, &conf_with(&check(arguments), user), "");
            assert_eq!(codes(&found), format!("{code}:6"), "{arguments}");
            let one = &found[0];
            assert!(one.cause.contains(cause), "{one:#?}");
            let fault = match code {
                "LU413" => "chk: always succeeds: this node keeps the address",
                _ => "chk: always fails: this node stays in FAULT without the address",
            };
            assert_eq!(one.effect, fault);
            let others = format!("{user}\n weight -20");
            let found = findings_about(&folder, &conf_with(&check(arguments), &others), "");
            let one = with_code(&found, code);
            assert!(!one.effect.contains("FAULT"), "{one:#?}");
        }
    });
}

#[test]
fn a_check_that_fails_right_now_is_failing_and_not_a_problem() {
    in_namespace(|| {
        let folder = Folder::new();
        let look = |arguments: &str, others: &str| {
            let found = findings_about(&folder, &conf_with(&check(arguments), others), "");
            (codes(&found), found[0].effect.clone())
        };
        let failing = |now: &str| format!("chk: {now} until this check passes");
        let fault = failing("443 is not listening. gateway is in FAULT");
        assert_eq!(look("443", ""), ("LU412:6 LU241:10".to_owned(), fault));
        let priority = failing("443 is not listening. gateway has the priority of a failure");
        assert_eq!(
            look("443", "weight 5"),
            ("LU412:6 LU242:10".to_owned(), priority)
        );
        assert_eq!(look("--absent 443", "").0, "LU411:6 LU241:10");
        let _listener = listen("::", 443);
        assert_eq!(look("443", "").0, "LU411:6 LU241:10");
        assert_eq!(look("--absent 443", "").0, "LU412:6 LU241:10");
    });
}

#[test]
fn a_source_that_the_check_cannot_use_is_a_problem() {
    in_namespace(|| {
        let _listener = listen("::", 443);
        let folder = Folder::new();
        let path = write_conf(
            folder.path(),
            &conf_with(&check("--source sock_diag 443"), ""),
        );
        let said = Confined::new(folder.path().join("listenup"))
            .without(Call::SockDiagSocket, Errno::EACCES)
            .run(&format!("doctor --format json {}", path.display()))
            .exits(1);
        assert_eq!(
            codes(&Found::all(&said.stdout, folder.path())),
            "LU414:6 LU601"
        );
    });
}

#[test]
fn checks_of_real_servers_are_examined() {
    in_namespace(|| {
        let folder = Folder::new();
        let look = |misc: &str| {
            let conf = format!(
                "global_defs {{\n enable_script_security\n script_user root\n}}\n\
                 virtual_server 192.0.2.100 443 {{\n real_server 127.0.0.1 443 {{\n MISC_CHECK {{\n {misc}\n }}\n }}\n}}\n"
            );
            let found = findings_about(&folder, &conf, "");
            (codes(&found), found[0].effect.clone())
        };
        let call = "misc_path \"FOLDER/listenup check -q 443\"";
        let (found, effect) = look(call);
        assert_eq!(found, "LU412:8 LU244:8");
        assert!(
            effect.ends_with("The real server is down until this check passes"),
            "{effect}"
        );
        let _listener = listen("::", 443);
        assert_eq!(look(call).0, "LU411:8 LU244:8");
        assert_eq!(look(&format!("{call}\n misc_dynamic")).0, "LU411:8 LU244:8");
        let (found, effect) = look(&format!("{call}\n user nosuch"));
        assert_eq!(found, "LU203:9");
        assert_eq!(
            effect,
            "keepalived drops MISC_CHECK of 127.0.0.1 443: it never runs"
        );
        let slow = "misc_path \"FOLDER/listenup check --timeout 2s 443\"\n misc_timeout 1";
        assert_eq!(look(slow).0, "LU406:8 LU244:8");
        let distinct =
            "misc_path \"FOLDER/listenup check --exit-codes distinct 443\"\n misc_dynamic";
        assert_eq!(look(distinct).0, "LU408:8");
    });
}

#[test]
fn a_check_that_keepalived_does_not_run_is_not_run() {
    in_namespace(|| {
        let _listener = listen("::", 443);
        let folder = Folder::new();
        let conf = conf_with(&check("443"), "");
        assert!(codes(&findings_about(&folder, &conf, "")).contains("LU411"));
        for broken in [
            conf.replace(" virtual_router_id 51\n", ""),
            conf.replace("  chk\n", "  other\n"),
            conf.replace("script_user root", "script_user nosuch"),
            conf.replace(" fall 2\n", " fall 2\n user nosuch\n"),
            conf.replace(" fall 2\n", " fall 2\n weight 0 reverse\n"),
            conf.replace("vrrp_script chk {", "vrrp_script chk {\n script '/x"),
            conf.replace("  192.0.2.100/24\n }\n", "  192.0.2.100/24\n"),
            format!("net_namespace listenup-nosuch\n{conf}"),
        ] {
            assert_ne!(broken, conf);
            let found = findings_about(&folder, &broken, "");
            assert!(!wrong(&found).is_empty(), "{broken}\n{found:#?}");
            assert!(!codes(&found).contains("LU411"), "{broken}\n{found:#?}");
        }
    });
}

#[test]
fn only_root_evaluates_checks_of_other_users() {
    in_namespace(|| {
        let _listener = listen("::", 443);
        let folder = Folder::new();
        let run = |conf: &str, words: &str| {
            let path = write_conf(folder.path(), conf);
            let words = format!("doctor --format json {} {words}", path.display());
            let confined = Confined::new(folder.path().join("listenup")).by_nobody();
            Found::all(&confined.run(&words).exits(0).stdout, folder.path())
        };
        let look = |arguments: &str, words: &str| run(&conf_with(&check(arguments), ""), words);
        // All users see the same listeners.
        with_code(&look("443", ""), "LU411");
        let found = look("--owner-process x 443", "");
        let one = with_code(&found, "LU417");
        assert_eq!(
            one.cause,
            "only root can find out what it finds as user root"
        );
        assert_eq!(one.fix, "run the doctor as root");
        // A folder of root's is closed to it.
        fs::create_dir(folder.path().join("closed")).unwrap();
        fs::set_permissions(folder.path().join("closed"), Permissions::from_mode(0o700)).unwrap();
        let conf = conf_with("script \"FOLDER/closed/x\"", "");
        assert_eq!(
            with_code(&run(&conf, ""), "LU222").fix,
            "run the doctor as root"
        );
        assert_eq!(
            with_code(&look("443", "--user nobody"), "LU411").effect,
            "chk: 443 is listening (evaluated here for user nobody)"
        );
    });
}

#[test]
fn interfaces_that_this_host_lacks_are_reported() {
    in_namespace(|| {
        let folder = Folder::new();
        let dynamic = conf_with(&check("443"), "").replace("to-e0", "e9");
        let conf = dynamic.replace("{ dynamic_interfaces", "{");
        let look = |conf: &str, words: &str| findings_about(&folder, conf, words);
        let found = look(&conf, "");
        assert_eq!(codes(&found), "LU264:12");
        assert!(
            found[0]
                .effect
                .starts_with("this host has no interface e9: ")
        );
        // Versions before 2.0.0 start all the same.
        let old = look(&conf, "--keepalived-version 1.4.5");
        assert_eq!(codes(&old), "LU412:6 LU241:10");
        assert_eq!(codes(&look(&dynamic, "")), "LU412:6 LU241:10");
        ip("link add e9 type veth peer name e8");
        assert_eq!(codes(&look(&conf, "")), "LU412:6 LU241:10");
    });
}

/// Whether or not a check calls listenup.
#[test]
fn without_its_network_namespace_keepalived_does_not_start() {
    in_namespace(|| {
        let folder = Folder::new();
        let conf = format!(
            "net_namespace nosuch\n{}",
            conf_with("script /bin/true", "")
        );
        let found = findings_about(&folder, &conf, "");
        assert_eq!(codes(&found), "LU422:1 LU301:7");
    });
}

#[test]
fn a_check_of_the_virtual_address_can_deadlock() {
    in_namespace(|| {
        let folder = Folder::new();
        let conf = conf_with(&check("192.0.2.100:443"), "");
        let look = |conf: &str| codes(&findings_about(&folder, conf, ""));
        let found = findings_about(&folder, &conf, "");
        assert_eq!(codes(&found), "LU412:6 LU423:6 LU241:10");
        let deadlock = with_code(&found, "LU423");
        assert!(
            deadlock
                .effect
                .starts_with("if the service binds 192.0.2.100 itself, ")
        );
        // The same for UDP.
        let found = findings_about(&folder, &conf_with(&check("udp:192.0.2.100:53"), ""), "");
        let fix = &with_code(&found, "LU423").fix;
        assert!(
            fix.contains(" alone: udp:53 in place of udp:192.0.2.100:53;"),
            "{fix}"
        );
        // With a weight the address can come all the same.
        let weighted = conf_with(&check("192.0.2.100:443"), "weight -20");
        assert_eq!(look(&weighted), "LU412:6 LU242:10");
        // The sysctl belongs to the namespace.
        let set = |value: &str| {
            let setting = format!("net.ipv4.ip_nonlocal_bind={value}");
            assert!(
                Command::new("sysctl")
                    .args(["-qw", &setting])
                    .status()
                    .unwrap()
                    .success()
            );
        };
        set("1");
        assert_eq!(look(&conf), "LU412:6 LU241:10");
        set("0");
        ip("address add 192.0.2.100/32 dev lo");
        assert_eq!(look(&conf), "LU412:6 LU241:10");
        let _listener = listen("192.0.2.100", 443);
        ip("address delete 192.0.2.100/32 dev lo");
        assert_eq!(look(&conf), "LU411:6 LU241:10");
    });
}

#[test]
fn each_insecure_part_of_a_path_is_reported() {
    in_namespace(|| {
        let _listener = listen("::", 443);
        let folder = Folder::new();
        let path = folder.path();
        chown(path, Some(NOBODY), Some(0)).unwrap();
        install(&path.join("a"), (0, 50, 0o2775), (0, 0, 0o757));
        let conf = conf_with("script \"FOLDER/a/listenup check 443\"", "");
        let found = findings_about(&folder, &conf, "");
        assert_eq!(codes(&found), "LU218:6 LU218:6 LU219:6");
        let causes: Vec<&str> = found.iter().map(|one| one.cause.as_str()).collect();
        let parts = [
            "FOLDER (nobody:root 0755): does not belong to root",
            "FOLDER/a (root:staff 2775): its group can write to it",
            "FOLDER/a/listenup (root:root 0757): all users can write to it",
        ];
        assert_eq!(causes, parts);
        // Who can replace the folder chooses the file that a chmod would change.
        let start = "move FOLDER/a/listenup to /usr/libexec/keepalived";
        assert!(found[2].fix.starts_with(start), "{}", found[2].fix);
        // keepalived runs it without enable_script_security, which would drop it.
        let found = findings_about(&folder, &conf.replace(" enable_script_security", ""), "");
        assert!(
            codes(&found).starts_with("LU220:6 LU220:6 LU221:6 LU418:6"),
            "{found:#?}"
        );
        // It does not matter for a user that is not root.
        let found = findings_about(&folder, &conf, "--user nobody");
        assert_eq!(codes(&found), "LU418:6 LU241:10");
    });
}

#[test]
fn paths_that_do_not_lead_to_a_program_are_reported() {
    in_namespace(|| {
        let folder = Folder::new();
        let path = folder.path();
        for (name, mode) in [("closed", 0o700), ("empty", 0o755)] {
            fs::create_dir(path.join(name)).unwrap();
            fs::set_permissions(path.join(name), Permissions::from_mode(mode)).unwrap();
        }
        fs::copy(path.join("listenup"), path.join("closed/listenup")).unwrap();
        fs::copy(path.join("listenup"), path.join("plain")).unwrap();
        fs::set_permissions(path.join("plain"), Permissions::from_mode(0o644)).unwrap();
        for (script, user, expected, cause) in [
            (
                "FOLDER/nothing check 443",
                "root",
                "LU211:6",
                "FOLDER/nothing does not exist",
            ),
            (
                "FOLDER/closed/listenup check 443",
                "nobody",
                "LU214:6",
                "user nobody has no search (x) permission on FOLDER/closed (root:root 0700)",
            ),
            (
                "FOLDER/empty check 443",
                "root",
                "LU215:6",
                "FOLDER/empty (root:root 0755) is not a regular file",
            ),
            (
                "FOLDER/plain check 443",
                "nobody",
                "LU216:6",
                "user nobody has no execute permission on FOLDER/plain (root:root 0644)",
            ),
            (
                "no-such-program check 443",
                "root",
                "LU212:6",
                "no-such-program is in none of the folders",
            ),
            (
                "a/listenup check 443",
                "root",
                "LU213:6",
                "a/listenup is a relative path",
            ),
        ] {
            let found = findings_about(
                &folder,
                &conf_with(&format!("script \"{script}\""), &format!("user {user}")),
                "",
            );
            assert_eq!(wrong(&found), expected, "{script}: {found:#?}");
            assert!(found[0].cause.starts_with(cause), "{found:#?}");
        }
        // A name that keepalived finds.
        let found = findings_about(&folder, &conf_with("script \"true\"", ""), "");
        assert_eq!(wrong(&found), "", "{found:#?}");
    });
}

#[test]
fn a_program_on_a_noexec_file_system_is_reported() {
    in_namespace(|| {
        let folder = Folder::new();
        let path = folder.path();
        fs::create_dir(path.join("a")).unwrap();
        write_conf(
            path,
            &conf_with("script \"FOLDER/a/listenup check 443\"", ""),
        );
        let said = sh(&format!(
            "cd {} && exec unshare --mount sh -c 'mount -t tmpfs -o noexec,mode=755 none a && \
             cp listenup a/ && exec ./listenup doctor keepalived.conf'",
            path.display()
        ));
        said.exits(1)
            .stdout_has("chk: counts as success on each run: it causes no failover [LU217]\n");
    });
}

/// Runs the doctor where a line is all that is in this file of /etc.
#[track_caller]
fn with_account(folder: &Folder, file: &str, line: &str, conf: &str) -> Vec<Found> {
    let path = folder.path();
    fs::write(path.join(file), format!("{line}\n")).unwrap();
    write_conf(path, conf);
    let shown = path.display();
    let said: ProgramOutput = sh(&format!(
        "exec unshare --mount sh -c 'mount --bind {shown}/{file} /etc/{file} && \
         exec {shown}/listenup doctor --format json {shown}/keepalived.conf'"
    ));
    Found::all(&said.stdout, path)
}

#[test]
fn unknown_script_users_are_reported() {
    in_namespace(|| {
        let _listener = listen("::", 443);
        let folder = Folder::new();
        let conf = conf_with(&check("443"), "");
        let all = "keepalived drops every script that has no user of its own: none of them runs";
        let own = "keepalived drops chk: it never runs";
        for (conf, expected, effect) in [
            (conf.replace("user root", "user nosuch"), "LU203:3", all),
            (conf.replace("user root", "user 0"), "LU203:3", all),
            (
                conf.replace("user root", "user root nosuch"),
                "LU204:3",
                all,
            ),
            // One that does not exist is enough.
            (
                conf.replace("script_user root", "script_user nosuch\n script_user root"),
                "LU203:3",
                all,
            ),
            (conf_with(&check("443"), "user nosuch"), "LU203:7", own),
        ] {
            let found = findings_about(&folder, &conf, "");
            assert_eq!(
                (wrong(&found).as_str(), found[0].effect.as_str()),
                (expected, effect),
                "{found:#?}"
            );
            let found = findings_about(&folder, &conf, "--user 65534");
            assert!(!wrong(&found).contains("LU20"), "{found:#?}");
        }
        let root = "root:x:0:0::/:";
        let without = conf.replace(" script_user root\n", "");
        let look = |passwd: &str, conf: &str| codes(&with_account(&folder, "passwd", passwd, conf));
        assert_eq!(look(root, &without), "LU202:2");
        assert_eq!(
            look("keepalived_script:x:4242:4242::/:", &without),
            "LU411:5 LU241:9"
        );
        assert_eq!(
            look(root, &without.replace("443\"\n", "443\"\n user root\n")),
            "LU411:5 LU241:10"
        );
        let insecure = without.replace(" enable_script_security\n", "");
        assert_eq!(look(root, &insecure), "LU201 LU411:4 LU241:8");
    });
}

#[test]
fn a_group_that_keepalived_cannot_read_is_reported() {
    in_namespace(|| {
        let _listener = listen("::", 443);
        let folder = Folder::new();
        let conf = conf_with(&check("443"), "").replace("user root", "user root big");
        let group = |members: usize| {
            let members: Vec<String> = (0..members)
                .map(|member| (1000 + member).to_string())
                .collect();
            format!("big:x:7777:{}", members.join(","))
        };
        let look = |members| codes(&with_account(&folder, "group", &group(members), &conf));
        // Tried with 2.2.7, see tests/doctor_keepalived.rs.
        assert_eq!(look(75), "LU411:6 LU241:10");
        assert_eq!(look(80), "LU205:3");
    });
}

#[test]
fn a_timeout_longer_than_keepalived_s_is_reported() {
    in_namespace(|| {
        let _listener = listen("::", 443);
        let folder = Folder::new();
        for (arguments, others, expected) in [
            ("443", "", ""),
            ("--timeout 999ms 443", "interval 1", ""),
            ("--timeout 999ms 443", "timeout 1", ""),
            ("--timeout 2s 443", "interval 3", ""), // which is the timeout, too
            (
                "--timeout 2s --retry-for 1900ms 443",
                "interval 5\n timeout 3",
                "",
            ),
            ("--timeout 1s 443", "interval 1", "LU406:6"),
            ("--timeout 1500ms 443", "timeout 1", "LU406:6"),
        ] {
            let found = findings_about(&folder, &conf_with(&check(arguments), others), "");
            assert_eq!(wrong(&found), expected, "{arguments} {others}: {found:#?}");
        }
        // Only some versions run a script twice at a time.
        let conf = conf_with(&check("--timeout 2s 443"), "timeout 5");
        for (version, overlaps) in [
            ("2.1.2", false),
            ("2.2.8", true),
            ("2.3.2", true),
            ("2.3.3", false),
        ] {
            let found = findings_about(&folder, &conf, &format!("--keepalived-version {version}"));
            assert_eq!(
                codes(&found).contains("LU407:6"),
                overlaps,
                "{version}: {found:#?}"
            );
        }
    });
}
