//! `listenup doctor --keepalived-conf`: what it says of the scripts, by file and line.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::fs;
use std::path::Path;

use common::doctor::{conf_with, doctor, doctor_reads, findings};
use common::in_namespace;
use common::keepalived::Folder;
use common::program::{Said, sh};

#[test]
fn each_mistake_in_a_script_line_is_told_by_file_and_line() {
    in_namespace(|| {
        let folder = Folder::new();
        let path = folder.path();
        let refused = "\n         listenup refuses it, so the check fails always";
        for (script, others, text) in [
            (
                "script FOLDER/listenup check -q 443",
                "",
                "keepalived drops what is outside the quotes: check -q 443\n         \
                 script \"FOLDER/listenup check -q 443\"",
            ),
            (
                "script \"FOLDER/listenup\" check -q 443",
                "",
                "keepalived drops what is outside the quotes: check -q 443\n         \
                 script \"FOLDER/listenup check -q 443\"",
            ),
            (
                "script \"FOLDER/listenup check 443 && exit 1\"",
                "",
                "keepalived starts no shell for &&\n         \
                 it arrives as an argument; leave it out (-q prints nothing)",
            ),
            (
                "script \"FOLDER/listenup check 443 >/dev/null 2>&1\"",
                "",
                "keepalived starts no shell for >/dev/null\n         \
                 it arrives as an argument; leave it out (-q prints nothing)",
            ),
            (
                "script \"/usr/bin/test -f /run/up && FOLDER/listenup check 443\"",
                "",
                "keepalived starts no shell for &&\n         \
                 it arrives as an argument; leave it out (-q prints nothing)",
            ),
            (
                "script \"FOLDER/listenup check $PORT\"",
                "",
                "keepalived starts no shell for $PORT\n         \
                 it arrives as an argument; leave it out (-q prints nothing)",
            ),
            (
                "script \"FOLDER/listenup check 443",
                "",
                "a quote is not closed\n         keepalived cannot read this line; 2.2.7 dies of it",
            ),
            (
                "script \"FOLDER/listenup check https\"",
                "",
                &format!(
                    "invalid value 'https' for '<TARGET>...': the port must be a decimal number from 1 to \
                     65535, digits only; expected PORT, *:PORT, ADDRESS:PORT or [IPV6]:PORT{refused}"
                ),
            ),
            (
                "script \"FOLDER/listenup check\"",
                "",
                &format!(
                    "the following required arguments were not provided: <TARGET>...{refused}"
                ),
            ),
            (
                "script \"FOLDER/listenup 443\"",
                "",
                &format!("unrecognized subcommand '443'{refused}"),
            ),
            (
                "script \"FOLDER/listenup\"",
                "",
                &format!("a subcommand is required{refused}"),
            ),
            (
                "script \"FOLDER/listenup check 443 --help\"",
                "",
                "FOLDER/listenup check 443 --help exits with 0 always\n         it looks at nothing",
            ),
            (
                "script \"FOLDER/listenup doctor 443\"",
                "",
                "FOLDER/listenup doctor 443 is not `listenup check`\n         \
                 its exit status is not that of a check",
            ),
            (
                "script \"FOLDER/listenup check --retry-for 900ms --timeout 1s 443\"",
                "interval 1",
                "--timeout 1s is not shorter than keepalived's timeout of 1s\n         \
                 keepalived ends the check first, which counts as down: lower --timeout, raise timeout",
            ),
            (
                "script \"FOLDER/listenup check --timeout 1500ms 443\"",
                "timeout 1",
                "--timeout 1.5s is not shorter than keepalived's timeout of 1s\n         \
                 keepalived ends the check first, which counts as down: lower --timeout, raise timeout",
            ),
        ] {
            let said = doctor_reads(path, &conf_with(script, others), "").exits(1);
            let expected = format!("problem  FOLDER/keepalived.conf:6: chk: {text}\n");
            let text = findings(&said, path);
            assert!(text.starts_with(&expected), "{script}:\n{text}");
            // No second opinion of the same line.
            assert_eq!(
                text.matches("keepalived.conf").count(),
                1,
                "{script}:\n{text}"
            );
        }
    });
}

#[test]
fn what_is_worth_a_note() {
    in_namespace(|| {
        let folder = Folder::new();
        let path = folder.path();
        let call = "script \"FOLDER/listenup check 443\"";
        let slow = "script \"FOLDER/listenup check --timeout 2s 443\"";
        for (conf, text) in [
            (
                conf_with(call, "timeout 0.6"),
                "FOLDER/keepalived.conf:7: timeout 0.6 is not a whole number of seconds\n         \
                 keepalived before 2.3.2 takes 1s",
            ),
            (
                conf_with(slow, "timeout 5"),
                "FOLDER/keepalived.conf:6: chk: --timeout 2s is not shorter than the interval of 1s\n         \
                 keepalived 2.1.3 to 2.3.2 starts a slow check again on top of itself",
            ),
            (
                conf_with(call, "").replace("  chk\n", "  chk2\n"),
                "FOLDER/keepalived.conf:6: chk: no track_script names it\n         keepalived does not use it",
            ),
            (
                conf_with(call, "") + "include /etc/keepalived/*.conf\n",
                "FOLDER/keepalived.conf:14: includes /etc/keepalived/*.conf, which was not read\n         \
                 give it by a further --keepalived-conf",
            ),
            (
                conf_with("script \"/usr/bin/pidof nginx\"", ""),
                "no vrrp_script in keepalived.conf calls listenup\n         there is a block to paste below",
            ),
            (
                conf_with("script \"/bin/sh -c 'exec FOLDER/listenup check 443'\"", ""),
                "FOLDER/keepalived.conf:6: chk: calls listenup by way of another program\n         \
                 this line was not judged",
            ),
            (
                format!(
                    "$PORT=443\n{}",
                    conf_with("script \"FOLDER/listenup check $PORT\"", "")
                ),
                "FOLDER/keepalived.conf:7: chk: uses a definition, which the doctor does not expand\n         \
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
fn several_files_are_one_configuration() {
    in_namespace(|| {
        let folder = Folder::new();
        let path = folder.path();
        let global = path.join("global.conf");
        fs::write(
            &global,
            "global_defs {\n enable_script_security\n script_user nobody\n}\n",
        )
        .unwrap();
        let conf = "vrrp_script chk {\n script \"FOLDER/listenup check 443\"\n}\n";
        let said = doctor_reads(
            path,
            conf,
            &format!("--keepalived-conf {}", global.display()),
        );
        let expected = "\
ok       FOLDER/keepalived.conf:2: chk: FOLDER/listenup check 443
note     FOLDER/keepalived.conf:2: chk: no track_script names it
         keepalived does not use it
ok       FOLDER/listenup: nobody may run it
ok       FOLDER/listenup: static
";
        assert_eq!(findings(&said.exits(0), path), expected);

        let said = doctor(path, "--user root --keepalived-conf /nonexistent.conf").exits(1);
        let expected = "\
problem  /nonexistent.conf: cannot be read: No such file or directory (ENOENT)
         what keepalived is told is not known
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
        for (conf, problem) in [
            (
                conf.replace("user root", "user nosuch"),
                "FOLDER/keepalived.conf:3: no user nosuch in /etc/passwd",
            ),
            (
                conf.replace("user root", "user 0"),
                "FOLDER/keepalived.conf:3: no user 0 in /etc/passwd",
            ),
            (
                conf.replace("user root", "user"),
                "FOLDER/keepalived.conf:3: no user is named",
            ),
            (
                conf.replace("user root", "user root nosuch"),
                "FOLDER/keepalived.conf:3: no group nosuch in /etc/group",
            ),
            (
                conf_with("script \"FOLDER/listenup check 443\"", "user nosuch"),
                "FOLDER/keepalived.conf:7: no user nosuch in /etc/passwd",
            ),
        ] {
            let said = doctor_reads(path, &conf, "").exits(1);
            let problem = format!(
                "problem  {problem}: keepalived removes the script\n         {elsewhere}\n"
            );
            assert!(findings(&said, path).contains(&problem), "{said:#?}");
            doctor_reads(path, &conf, "--user 65534").exits(0);
        }
    });
}

#[test]
fn times_that_go_together() {
    in_namespace(|| {
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
                all.starts_with(&format!("{line} {arguments}\nok ")),
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
        let nobody_to_run_as = "problem  FOLDER/keepalived.conf:2: enable_script_security, and no user to run \
                                scripts as: keepalived removes them\n         \
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
                "problem  {file}: keepalived reads only regular files that are not executable\n         \
                 what keepalived is told is not known\n"
            );
            let problem = problem.replace(program, "FOLDER/listenup");
            assert!(
                findings(&said, folder.path()).starts_with(&problem),
                "{said:#?}"
            );
        }
    });
}
