//! `listenup doctor --keepalived-conf`: what it says of the scripts, by file and line.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::fs;
use std::path::Path;

use common::doctor::{conf_with, doctor, doctor_reads, findings};
use common::in_namespace;
use common::keepalived::Folder;
use common::program::{Said, sh};
use common::sockets::listen;

#[test]
fn each_mistake_in_a_script_line_is_told_by_file_and_line() {
    in_namespace(|| {
        let folder = Folder::new();
        let path = folder.path();
        for (script, others, text) in [
            (
                "script FOLDER/listenup check -q 443",
                "",
                "keepalived runs FOLDER/listenup without check -q 443\n         \
                 only the first word after script is the command\n         \
                 script \"FOLDER/listenup check -q 443\"",
            ),
            (
                "script \"FOLDER/listenup\" check -q 443",
                "",
                "keepalived runs FOLDER/listenup without check -q 443\n         \
                 only the first word after script is the command\n         \
                 script \"FOLDER/listenup check -q 443\"",
            ),
            (
                "script \"FOLDER/listenup check 443 && exit 1\"",
                "",
                "chk: && arrives as an argument\n         \
                 keepalived starts no shell for &&\n         \
                 leave it out (-q prints nothing)",
            ),
            (
                "script \"FOLDER/listenup check 443 >/dev/null 2>&1\"",
                "",
                "chk: >/dev/null arrives as an argument\n         \
                 keepalived starts no shell for >/dev/null\n         \
                 leave it out (-q prints nothing)",
            ),
            (
                "script \"/usr/bin/test -f /run/up && FOLDER/listenup check 443\"",
                "",
                "chk: && arrives as an argument\n         \
                 keepalived starts no shell for &&\n         \
                 leave it out (-q prints nothing)",
            ),
            (
                "script \"FOLDER/listenup check $PORT\"",
                "",
                "chk: $PORT arrives as an argument\n         \
                 keepalived starts no shell for $PORT\n         \
                 leave it out (-q prints nothing)",
            ),
            (
                "script \"FOLDER/listenup check https\"",
                "",
                "chk: FAULT for ever: this node never has the address\n         \
                 listenup refuses the line: invalid value 'https' for '<TARGET>...': the port must be a decimal number from 1 to 65535, digits only; expected PORT, *:PORT, ADDRESS:PORT or [IPV6]:PORT\n         \
                 see listenup check --help",
            ),
            (
                "script \"FOLDER/listenup check\"",
                "",
                "chk: FAULT for ever: this node never has the address\n         \
                 listenup refuses the line: the following required arguments were not provided: <TARGET>...\n         \
                 see listenup check --help",
            ),
            (
                "script \"FOLDER/listenup 443\"",
                "",
                "chk: FAULT for ever: this node never has the address\n         \
                 listenup refuses the line: unrecognized subcommand '443'\n         \
                 see listenup check --help",
            ),
            (
                "script \"FOLDER/listenup\"",
                "",
                "chk: FAULT for ever: this node never has the address\n         \
                 listenup refuses the line: a subcommand is required\n         \
                 see listenup check --help",
            ),
            (
                "script \"FOLDER/listenup check 443 --help\"",
                "",
                "chk: it succeeds always, and looks at nothing\n         \
                 FOLDER/listenup check 443 --help exits with 0 always\n         \
                 write listenup check and a target",
            ),
            (
                "script \"FOLDER/listenup doctor 443\"",
                "",
                "chk: its exit status is not that of a check\n         \
                 FOLDER/listenup doctor 443 is not `listenup check`\n         \
                 write listenup check",
            ),
            (
                "script \"FOLDER/listenup check --retry-for 900ms --timeout 1s 443\"",
                "interval 1",
                "chk: keepalived ends a slow check first, which counts as down: FAULT: the address moves\n         \
                 --timeout 1s is not shorter than keepalived's timeout of 1s\n         \
                 lower --timeout, or raise keepalived's timeout",
            ),
            (
                "script \"FOLDER/listenup check --timeout 1500ms 443\"",
                "timeout 1",
                "chk: keepalived ends a slow check first, which counts as down: FAULT: the address moves\n         \
                 --timeout 1.5s is not shorter than keepalived's timeout of 1s\n         \
                 lower --timeout, or raise keepalived's timeout",
            ),
        ] {
            let said = doctor_reads(path, &conf_with(script, others), "").exits(1);
            let expected = format!("problem  FOLDER/keepalived.conf:6: {text}\n");
            let text = findings(&said, path);
            assert!(text.starts_with(&expected), "{script}:\n{text}");
            // No second opinion of the same line.
            assert_eq!(text.matches("problem ").count(), 1, "{script}:\n{text}");
        }
    });
}

#[test]
fn a_line_that_keepalived_dies_of() {
    in_namespace(|| {
        let folder = Folder::new();
        let path = folder.path();
        let conf = conf_with("script \"FOLDER/listenup check 443", "");
        let said = doctor_reads(path, &conf, "").exits(1);
        let text = findings(&said, path);
        let problem = "problem  FOLDER/keepalived.conf:6: this line crashes keepalived at every start\n         \
                       a quote of script is not closed, or a backslash ends the line";
        assert!(text.contains(problem), "{text}");
    });
}

#[test]
fn what_is_worth_a_note() {
    in_namespace(|| {
        let _listener = listen("::", 443);
        let folder = Folder::new();
        let path = folder.path();
        let call = "script \"FOLDER/listenup check 443\"";
        let slow = "script \"FOLDER/listenup check --timeout 2s 443\"";
        for (conf, text) in [
            (
                conf_with(call, "timeout 0.6"),
                "FOLDER/keepalived.conf:7: keepalived up to 2.3.1 ignores the decimals of interval and timeout\n         \
                 the version of keepalived is not known, so it is read as 2.3.4",
            ),
            (
                conf_with(slow, "timeout 5"),
                "FOLDER/keepalived.conf:6: chk: keepalived 2.1.3 to 2.3.2 starts a slow check again on top of \
                 itself\n         --timeout 2s is not shorter than the interval of 1s",
            ),
            (
                conf_with(call, "init_fail"),
                "FOLDER/keepalived.conf:7: chk: init_fail does nothing: the first run decides",
            ),
            (
                conf_with(call, "").replace(" fall 2\n", ""),
                "FOLDER/keepalived.conf:5: chk: one run that fails or is slow is enough: the address moves\n         \
                 fall is 1 where the block has none\n         write fall 2",
            ),
            (
                conf_with(call, "weight -20").replace(" fall 2\n", " fall 1\n"),
                "FOLDER/keepalived.conf:8: chk: one run that fails or is slow is enough: the priority changes\n         \
                 fall 1\n         write fall 2",
            ),
            (
                conf_with("script \"/usr/bin/test -e /run/up\"", ""),
                "FOLDER/keepalived.conf: nothing of this configuration is checked by listenup\n         \
                 no vrrp_script and no MISC_CHECK calls it",
            ),
            (
                conf_with("script \"/bin/sh -c 'exec FOLDER/listenup check 443'\"", ""),
                "FOLDER/keepalived.conf:6: chk: calls listenup by way of another program\n         \
                 this line was not judged",
            ),
        ] {
            let said = doctor_reads(path, &conf, "").exits(0);
            let text = format!("note     {text}\n");
            let all = findings(&said, path);
            assert!(all.contains(&text), "{conf}:\n{all}");
            assert_eq!(all.matches("note ").count(), 1, "{conf}:\n{all}");
            assert!(
                all.contains("root may run it, and its path is safe\n"),
                "{all}"
            );
        }
    });
}

#[test]
fn scripts_that_do_not_count() {
    in_namespace(|| {
        let _listener = listen("::", 443);
        let folder = Folder::new();
        let path = folder.path();
        let good = conf_with("script \"FOLDER/listenup check 443\"", "weight -20");
        let (globals, rest) = good.split_once("vrrp_script").unwrap();
        let (script, instance) = rest.split_once("vrrp_instance").unwrap();
        let below = format!("{globals}vrrp_instance{instance}vrrp_script{script}");
        for (conf, problem) in [
            (
                good.replace("priority 100", "priority 255"),
                "(gateway) keepalived ignores chk: its weight is -20, and the priority is 255\n         \
                 weights do not count for the owner of the address",
            ),
            (
                below,
                "(gateway) keepalived ignores chk: the vrrp_script chk is below this line\n         \
                 keepalived knows only the blocks above\n         \
                 move vrrp_script chk above the block that tracks it",
            ),
            (
                good.replace("  chk\n", "  chk\n  other\n"),
                "(gateway) keepalived ignores other: there is no vrrp_script other",
            ),
        ] {
            let said = doctor_reads(path, &conf, "").exits(1);
            let text = findings(&said, path);
            assert!(text.contains(problem), "{conf}\n{text}");
            let is_ok = text.contains("run as root it succeeds");
            assert_eq!(is_ok, problem.contains("other: there"), "{text}");
        }
    });
}

#[test]
fn definitions_and_includes_are_followed() {
    in_namespace(|| {
        let _listener = listen("::", 443);
        let folder = Folder::new();
        let path = folder.path();
        let conf = conf_with("script \"FOLDER/listenup check ${PORT}\"", "");
        let parts = "$PORT=443\ninclude scripts/*.conf\n";
        fs::create_dir(path.join("scripts")).unwrap();
        let shown = path.display().to_string();
        fs::write(path.join("scripts/a.conf"), conf.replace("FOLDER", &shown)).unwrap();
        let said = doctor_reads(path, parts, "").exits(0);
        let ok = "ok       FOLDER/scripts/a.conf:6: chk: FOLDER/listenup check 443: run as root it succeeds";
        assert!(findings(&said, path).contains(ok), "{said:#?}");

        // A file that another one includes is not looked at by itself.
        let said = doctor_reads(path, parts, &format!("{shown}/scripts/a.conf 443")).exits(0);
        assert!(findings(&said, path).contains(ok), "{said:#?}");
        let said = doctor(path, &format!("--keepalived-conf {shown}/scripts/a.conf")).exits(1);
        let broken = "keepalived starts no shell for ${PORT}";
        assert!(findings(&said, path).contains(broken), "{said:#?}");
    });
}

#[test]
fn several_files_are_several_configurations() {
    in_namespace(|| {
        let folder = Folder::new();
        let path = folder.path();
        let other = path.join("other.conf");
        fs::write(
            &other,
            "global_defs {\n enable_script_security\n script_user nosuch\n}\n",
        )
        .unwrap();
        let conf = conf_with("script \"FOLDER/listenup check 443\"", "");
        for between in [" ", " --keepalived-conf "] {
            let said = doctor_reads(path, &conf, "").exits(0);
            let alone = findings(&said, path);
            let said = doctor_reads(path, &conf, &format!("{between}{}", other.display())).exits(1);
            let both = findings(&said, path);
            let problem =
                "problem  FOLDER/other.conf:3: keepalived removes all scripts without a user";
            assert!(both.starts_with(problem), "{both}");
            for line in alone.lines() {
                assert!(both.contains(line), "{line}\n{both}");
            }
        }

        let said = doctor(path, "--user root --keepalived-conf /nonexistent.conf").exits(1);
        let expected = "\
problem  /nonexistent.conf: keepalived does not start, and refuses to reload
         /nonexistent.conf does not exist
         create the file, or correct its name
";
        assert!(findings(&said, path).starts_with(expected), "{said:#?}");
    });
}

#[test]
fn a_script_user_that_is_not_there() {
    in_namespace(|| {
        let folder = Folder::new();
        let path = folder.path();
        let conf = conf_with("script \"FOLDER/listenup check 443\"", "");
        let elsewhere =
            "if it comes from elsewhere, such as LDAP: give the user's number by --user";
        let all =
            "keepalived removes all scripts without a user of their own: the address never moves";
        for (conf, line, problem) in [
            (
                conf.replace("user root", "user nosuch"),
                3,
                "no user nosuch in /etc/passwd",
            ),
            (
                conf.replace("user root", "user 0"),
                3,
                "no user 0 in /etc/passwd",
            ),
            (
                conf.replace("user root", "user root nosuch"),
                3,
                "no group nosuch in /etc/group",
            ),
            (
                conf_with("script \"FOLDER/listenup check 443\"", "user nosuch"),
                7,
                "no user nosuch in /etc/passwd",
            ),
        ] {
            let said = doctor_reads(path, &conf, "").exits(1);
            let lost = match line {
                3 => all,
                _ => "keepalived disables the script: the address never moves",
            };
            let problem = format!(
                "problem  FOLDER/keepalived.conf:{line}: {lost}\n         {problem}\n         {elsewhere}\n"
            );
            assert!(findings(&said, path).contains(&problem), "{said:#?}");
            doctor_reads(path, &conf, "--user 65534").exits(0);
        }
    });
}

#[test]
fn times_that_go_together() {
    in_namespace(|| {
        let _listener = listen("::", 443);
        let folder = Folder::new();
        let path = folder.path();
        for (arguments, others) in [
            ("443", ""),
            ("--timeout 999ms 443", "interval 1"),
            ("--timeout 999ms 443", "timeout 1"),
            ("--timeout 2s 443", "interval 3"), // which is the timeout, too
            (
                "--timeout 2s --retry-for 1900ms 443",
                "interval 5\n timeout 3",
            ),
        ] {
            let script = format!("script \"FOLDER/listenup check {arguments}\"");
            let said = doctor_reads(path, &conf_with(&script, others), "").exits(0);
            let line = "ok       FOLDER/keepalived.conf:6: chk: FOLDER/listenup check";
            let all = findings(&said, path);
            assert!(
                all.starts_with(&format!("{line} {arguments}: run as root")),
                "{all}"
            );
        }
    });
}

#[test]
fn the_user_that_keepalived_takes_by_itself() {
    in_namespace(|| {
        let folder = Folder::new();
        let path = folder.path();
        let conf = conf_with("script \"FOLDER/listenup check 443\"", "");
        let conf = conf.replace(" script_user root", "");
        let runs = |user| format!("ok       FOLDER/listenup: {user} may run it");
        let nobody_to_run_as = "problem  FOLDER/keepalived.conf:2: keepalived removes all scripts without a user of \
                                their own: the address never moves\n         \
                                enable_script_security, and no user to run scripts as\n         \
                                script_user root in global_defs, or create a user keepalived_script\n";

        let said = with_passwd(path, "root:x:0:0::/:", &conf).exits(1);
        assert!(
            findings(&said, path).contains(nobody_to_run_as),
            "{said:#?}"
        );
        assert!(findings(&said, path).contains(&runs("root")), "{said:#?}");

        let calls_nothing = conf.replace("FOLDER/listenup check", "/bin/true");
        let said = with_passwd(path, "root:x:0:0::/:", &calls_nothing).exits(1);
        assert!(
            findings(&said, path).contains(nobody_to_run_as),
            "{said:#?}"
        );

        let one_of_its_own = conf.replace("443\"\n", "443\"\n user root\n");
        let said = with_passwd(path, "root:x:0:0::/:", &one_of_its_own).exits(0);
        assert!(findings(&said, path).contains(&runs("root")), "{said:#?}");

        let said = with_passwd(path, "keepalived_script:x:4242:4242::/:", &conf).exits(0);
        assert!(
            findings(&said, path).contains(&runs("keepalived_script")),
            "{said:#?}"
        );

        let insecure = conf.replace(" enable_script_security", "");
        let said = with_passwd(path, "root:x:0:0::/:", &insecure).exits(0);
        assert!(findings(&said, path).contains(&runs("root")), "{said:#?}");
    });
}

/// Lets the doctor read a keepalived.conf where /etc/passwd is this line.
#[track_caller]
fn with_passwd(folder: &Path, passwd: &str, conf: &str) -> Said {
    fs::write(folder.join("passwd"), format!("{passwd}\n")).unwrap();
    let shown = folder.display().to_string();
    fs::write(
        folder.join("keepalived.conf"),
        conf.replace("FOLDER", &shown),
    )
    .unwrap();
    sh(&format!(
        "exec unshare --mount sh -c 'mount --bind {shown}/passwd /etc/passwd && \
         exec {shown}/listenup doctor --keepalived-conf {shown}/keepalived.conf'"
    ))
}

#[test]
fn files_that_keepalived_would_not_read() {
    in_namespace(|| {
        let folder = Folder::new();
        let program = folder.path().join("listenup");
        let program = program.to_str().unwrap();
        for file in ["/dev/zero", "/run", program] {
            let said = doctor(
                folder.path(),
                &format!("--user root --keepalived-conf {file}"),
            )
            .exits(1);
            let problem = format!(
                "problem  {file}: keepalived does not start, and refuses to reload, because it does not read {file}"
            );
            let problem = problem.replace(program, "FOLDER/listenup");
            let found = findings(&said, folder.path());
            // A folder has a slash at its end.
            assert!(found.contains(&problem), "{said:#?}");
        }
    });
}
