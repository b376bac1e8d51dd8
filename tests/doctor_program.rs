//! `listenup doctor`: what it says of the program's path and file, each finding made for real.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use common::confined::NOBODY;
use common::doctor::{UNCHECKED, conf_with, doctor, doctor_reads, findings, install};
use common::in_namespace;
use common::keepalived::Folder;
use common::program::sh;
use common::sockets::listen;

#[test]
fn each_unsafe_part_is_named_with_its_cure() {
    in_namespace(|| {
        let _listener = listen("::", 443);
        let folder = Folder::new();
        let path = folder.path();
        chown(path, Some(NOBODY), Some(0)).unwrap();
        install(&path.join("a"), (0, 50, 0o2775), (0, 0, 0o757));
        let conf = conf_with("script \"FOLDER/a/listenup check 443\"", "");
        let said = doctor_reads(path, &conf, "").exits(1);
        let text = findings(&said, path);
        let install = "or install listenup in /usr/libexec/keepalived";
        let parts = format!(
            "problem  keepalived disables the script: the address never moves\n         \
             FOLDER (nobody:root 0755): does not belong to root\n         \
             chown root FOLDER, {install}\n\
             problem  keepalived disables the script: the address never moves\n         \
             FOLDER/a (root:staff 2775): its group may write to it\n         \
             chmod g-w FOLDER/a, {install}\n\
             problem  keepalived disables the script: the address never moves\n         \
             FOLDER/a/listenup (root:root 0757): everybody may write to it\n         \
             chmod o-w FOLDER/a/listenup, {install}\n"
        );
        let loader = text.strip_prefix(&parts);
        let needs = "note     without its loader execve(2) fails, which keepalived counts as success\n         \
                     FOLDER/a/listenup: needs the loader /lib";
        assert!(loader.is_some_and(|line| line.starts_with(needs)), "{text}");
        // What keepalived would not run is not tried.
        assert!(!text.contains("run as"), "{text}");
        assert!(
            said.stdout.ends_with("\n\n3 problems were found\n"),
            "{said:#?}"
        );

        // Without enable_script_security keepalived only warns.
        let said = doctor_reads(path, &conf.replace(" enable_script_security", ""), "").exits(0);
        let text = findings(&said, path);
        let no_security = "note     FOLDER/keepalived.conf: keepalived runs what anybody may have written, and logs a \
                           SECURITY VIOLATION\n         there is no enable_script_security\n         \
                           write enable_script_security into global_defs\n";
        let parts = parts.replace("problem  ", "note     ").replace(
            "keepalived disables the script: the address never moves",
            "keepalived warns of the script, and runs it",
        );
        assert!(
            text.starts_with(no_security) && text.contains(&parts),
            "{text}"
        );

        // Nor does it matter for a user that is not root.
        let said = doctor_reads(path, &conf, "--user nobody").exits(0);
        let fine = "ok       FOLDER/a/listenup: nobody may run it\n";
        let text = findings(&said, path);
        assert!(text.ends_with(fine), "{said:#?}");
        // But it is not run as a trial.
        let other = "note     FOLDER/keepalived.conf:6: chk: FOLDER/a/listenup was not run: it is a different file\n";
        assert!(text.contains(other), "{text}");
    });
}

#[test]
fn another_program_of_the_name() {
    in_namespace(|| {
        let folder = Folder::new();
        let path = folder.path();
        install(&path.join("a"), (0, 0, 0o755), (0, 0, 0o755));
        let conf = conf_with("script \"FOLDER/a/listenup check 443\"", "");
        let said = doctor_reads(path, &conf, "").exits(0);
        let other = "note     FOLDER/keepalived.conf:6: chk: FOLDER/a/listenup was not run: it is a different file\n";
        assert!(findings(&said, path).contains(other), "{said:#?}");
    });
}

/// A copy of the doctor's own file says what the check would say, and the doctor's own file is the one that is run.
#[test]
fn a_copy_that_others_can_change_is_tried() {
    in_namespace(|| {
        let folder = Folder::new();
        let path = folder.path();
        let weak = install(&path.join("a"), (0, 50, 0o2775), (0, 0, 0o755));
        let _ = fs::remove_file(&weak);
        fs::copy(path.join("listenup"), &weak).unwrap();
        let conf = conf_with("script \"FOLDER/a/listenup check 443\"", "");
        let conf = conf.replace(" enable_script_security", "");
        for conf in [conf.clone(), conf.replace("user root", "user nobody")] {
            let said = doctor_reads(path, &conf, "").exits(0);
            let text = findings(&said, path);
            assert!(text.contains("it says 443: not listening\n"), "{text}");
        }
    });
}

#[test]
fn a_user_that_may_not() {
    in_namespace(|| {
        let folder = Folder::new();
        let path = folder.path();
        let set =
            |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        set(&path.join("listenup"), 0o750);
        for (user, name) in [("nobody", "nobody"), ("65534", "nobody"), ("4242", "4242")] {
            let said = doctor(path, &format!("--user {user}")).exits(1);
            let expected = format!(
                "{UNCHECKED}         FOLDER/listenup (root:root 0750): {name} may not execute it\n         \
                 chmod 755 FOLDER/listenup\n\
                 ok       FOLDER/listenup: static\n"
            );
            assert_eq!(findings(&said, path), expected);
        }
        set(path, 0o711);
        set(&path.join("listenup"), 0o711);
        doctor(path, "--user nobody").exits(0);
        set(path, 0o700);
        let said = doctor(path, "--user nobody").exits(1);
        let expected = format!(
            "{UNCHECKED}         FOLDER (root:root 0700): nobody may not enter it\n         \
             chmod o+x FOLDER, or run it as another user\n\
             ok       FOLDER/listenup: static\n"
        );
        assert_eq!(findings(&said, path), expected);

        let said = doctor(path, "--user nosuchuser").exits(1);
        let expected = "problem  --user nosuchuser is not known, so root is judged by\n         \
                        no such user in /etc/passwd\n         \
                        give its number, if it comes from elsewhere\n";
        assert!(findings(&said, path).starts_with(expected), "{said:#?}");
    });
}

#[test]
fn the_kind_of_file() {
    in_namespace(|| {
        let folder = Folder::new();
        let path = folder.path();
        let conf = conf_with("script \"FOLDER/a/listenup check 443\"", "");
        let program = install(&path.join("a"), (0, 0, 0o755), (0, 0, 0o755));
        fs::write(&program, "#!/bin/sh\n").unwrap();
        let said = doctor_reads(path, &conf, "").exits(0);
        let note = "note     a script needs its interpreter, and takes longer to start\n         \
                    FOLDER/a/listenup: is no ELF program\n";
        assert!(findings(&said, path).contains(note), "{said:#?}");

        let dynamic = fs::read("/bin/true").unwrap();
        let mut name = dynamic.windows(9);
        let at = name.position(|part| part == b"/ld-linux").unwrap();
        let without_loader = [&dynamic[..at], b"/no-linux", &dynamic[at + 9..]].concat();
        fs::write(&program, without_loader).unwrap();
        let said = doctor_reads(path, &conf, "").exits(1);
        let text = findings(&said, path);
        let effect = "problem  execve(2) fails, which keepalived counts as success\n";
        assert!(text.contains(effect), "{text}");
        assert!(text.contains(", which is not there\n"), "{text}");

        fs::remove_file(&program).unwrap();
        fs::create_dir(&program).unwrap();
        let said = doctor_reads(path, &conf, "").exits(1);
        let folder =
            format!("{UNCHECKED}         FOLDER/a/listenup (root:root 0755): is no file\n");
        assert!(findings(&said, path).contains(&folder), "{said:#?}");
    });
}

#[test]
fn the_selinux_label() {
    in_namespace(|| {
        let folder = Folder::new();
        let path = folder.path();
        for (label, before, end) in [
            (
                "system_u:object_r:keepalived_unconfined_script_exec_t:s0",
                "ok      ",
                "\n",
            ),
            (
                "system_u:object_r:bin_t:s0",
                "note     sock_diag may be refused to the check\n        ",
                ": keepalived would run it in its own domain\n",
            ),
        ] {
            let program = path.join("listenup");
            let flags = rustix::fs::XattrFlags::empty();
            let value = format!("{label}\0");
            rustix::fs::setxattr(&program, "security.selinux", value.as_bytes(), flags).unwrap();
            let said = doctor(path, "--user root").exits(0);
            let line = format!("{before} FOLDER/listenup: SELinux label {label}{end}");
            assert!(findings(&said, path).contains(&line), "{said:#?}");
        }
    });
}

#[test]
fn a_file_system_that_executes_nothing() {
    in_namespace(|| {
        let folder = Folder::new();
        let path = folder.path();
        fs::create_dir(path.join("a")).unwrap();
        let conf = conf_with(
            &format!("script \"{}/a/listenup check 443\"", path.display()),
            "",
        );
        fs::write(path.join("keepalived.conf"), conf).unwrap();
        let said = sh(&format!(
            "cd {} && exec unshare --mount sh -c 'mount -t tmpfs -o noexec,mode=755 none a && \
             cp listenup a/ && exec ./listenup doctor --keepalived-conf keepalived.conf'",
            path.display()
        ));
        let problem = "problem  it cannot be executed, which keepalived counts as success: the address never \
                       moves\n         FOLDER/a/listenup: lies on a file system mounted noexec\n         \
                       install it elsewhere\n";
        assert!(findings(&said.exits(1), path).contains(problem));
    });
}
