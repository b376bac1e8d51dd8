//! What local users try with the doctor, which root runs: SECURITY.md, "What the doctor reads".

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use common::confined::{Confined, NOBODY};
use common::doctor::{conf_with, doctor, doctor_reads};
use common::in_namespace;
use common::keepalived::Folder;
use common::process::Process;
use common::program::ProgramOutput;

fn executable(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
}

/// A configuration that calls FOLDER/NAME check 443 as root.
fn calls(name: &str) -> String {
    conf_with(&format!("script \"FOLDER/{name} check -q 443\""), "")
}

/// The doctor with strace, and the system calls of these names that it made, one a line.
fn traced(folder: &Path, calls: &str, conf: &str, words: &[&str]) -> (ProgramOutput, Vec<String>) {
    let path = folder.join("keepalived.conf");
    let conf = conf.replace("FOLDER", &folder.display().to_string());
    fs::write(&path, conf).unwrap();
    let log = folder.join("strace");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-e", &format!("trace={calls}"), "-o"]);
    strace.arg(&log).arg(folder.join("listenup"));
    let said = ProgramOutput::by(
        strace
            .args(["doctor", "--keepalived-conf"])
            .arg(&path)
            .args(words),
    );
    let log = fs::read_to_string(&log).unwrap();
    (said, log.lines().map(str::to_owned).collect())
}

#[test]
fn the_doctor_executes_nothing() {
    in_namespace(|| {
        let folder = Folder::new();
        let path = folder.path();
        let script = path.join("check.sh");
        executable(&script, b"#!/bin/sh\nnetstat -tln | grep -q :443\n");
        let checks = calls("listenup")
            + "vrrp_script other {\n script FOLDER/check.sh\n}\n\
               track_file f {\n file FOLDER/track\n}\n\
               vrrp_instance b {\n interface to-e0\n virtual_router_id 52\n track_script {\n  other\n }\n track_file {\n  \
               f\n }\n}\n";
        for user in ["root", "nobody"] {
            let processes = "execve,execveat,fork,vfork,clone,clone3";
            let (said, calls) = traced(path, processes, &checks, &["--user", user]);
            assert!(
                said.stdout.contains("chk: 443 is not listening"),
                "{said:#?}"
            );
            // The one that starts it. A thread, which keeps the time, is not a process; setgroups(2) sends it a signal.
            let is_of_thread = |call: &&String| {
                let marks = ["CLONE_THREAD", "clone3 resumed>", "--- SIGRT_1"];
                marks.iter().any(|mark| call.contains(mark))
            };
            let processes = calls.iter().filter(|call| !is_of_thread(call));
            assert_eq!(processes.count(), 1, "{calls:#?}");
        }
    });
}

#[test]
fn a_different_file_is_named_and_not_evaluated() {
    in_namespace(|| {
        let folder = Folder::new();
        let path = folder.path();
        let mut other = fs::read(path.join("listenup")).unwrap();
        other.push(0);
        fs::create_dir(path.join("a")).unwrap();
        for bytes in [&b"#!/bin/sh\n"[..], &other] {
            executable(&path.join("a/listenup"), bytes);
            let said = doctor_reads(path, &calls("a/listenup"), "");
            let note = "chk: the check was not evaluated: FOLDER/a/listenup is a different version of listenup, or another program [LU418]\n";
            let text = common::doctor::text(&said, path);
            assert!(text.contains(note), "{text}");
            assert!(!text.contains("LU411"), "{text}");
        }
    });
}

/// What a check finds as another user is what it says when it is started as that user.
#[test]
fn checks_of_other_users_are_evaluated_as_those_users() {
    in_namespace(|| {
        let folder = Folder::new();
        let path = folder.path();
        let serve = "import os, socket, sys\ns = socket.create_server(('', int(sys.argv[1])))\nprint('ready', flush=True)\n\
                     sys.stdin.read()\n";
        let listener = |confined: Confined, port: &str| {
            Process::start(confined.into_command().args(["-c", serve, port]))
        };
        let _of_root = listener(Confined::new("python3"), "4431");
        let _of_nobody = listener(Confined::new("python3").by_nobody(), "4432");
        let name = "python3";
        for (arguments, code) in [
            ("4431".to_owned(), "LU411"),
            ("4433".to_owned(), "LU412"),
            ("--owner-user root 4431".to_owned(), "LU411"),
            ("--owner-user nobody 4431".to_owned(), "LU412"),
            ("--max-queue 3 4431".to_owned(), "LU411"),
            (format!("--owner-process {name} 4431"), "LU414"),
            (format!("--owner-process {name} 4432"), "LU411"),
            (format!("--owner-process {name} 4433"), "LU412"),
            ("--netns nosuch 4431".to_owned(), "LU415"),
            ("--netns /proc/self/ns/net 4431".to_owned(), "LU414"),
        ] {
            let conf = conf_with(&format!("script \"FOLDER/listenup check {arguments}\""), "");
            let said = doctor_reads(path, &conf, "--user nobody");
            assert!(said.stdout.contains(code), "{arguments} {code}: {said:#?}");
            let own = Confined::new(path.join("listenup"))
                .by_nobody()
                .run(&format!("check {arguments}"));
            assert_eq!(
                own.code == Some(0),
                code == "LU411",
                "{arguments}: {own:#?}"
            );
            let could_not_tell =
                own.stdout.contains("could not tell") || own.stderr.contains("could not tell");
            assert_eq!(could_not_tell, code == "LU414", "{arguments}: {own:#?}");
        }
    });
}

/// The findings quote scripts. A user who owns the path of one can let it lead to any file.
#[test]
fn no_finding_quotes_a_script_that_its_user_cannot_read() {
    in_namespace(|| {
        let folder = Folder::new();
        let path = folder.path();
        let closed = path.join("closed");
        fs::create_dir(&closed).unwrap();
        let script = closed.join("script");
        executable(
            &script,
            b"#!/bin/sh\nss -tln | grep :443 && systemctl restart secret\n",
        );
        symlink(&script, path.join("check.sh")).unwrap();
        lchown(path.join("check.sh"), Some(NOBODY), None).unwrap();
        for (of_folder, of_script, user, is_quoted) in [
            (0o755, 0o755, "nobody", true),
            (0o700, 0o755, "nobody", false),
            (0o755, 0o711, "nobody", false),
            // The group is root's, as the doctor's is.
            (0o755, 0o751, "nobody", false),
            (0o700, 0o711, "root", true),
        ] {
            fs::set_permissions(&closed, Permissions::from_mode(of_folder)).unwrap();
            fs::set_permissions(&script, Permissions::from_mode(of_script)).unwrap();
            for command in ["FOLDER/check.sh", "/bin/sh FOLDER/check.sh"] {
                let conf = conf_with(&format!("script \"{command}\""), &format!("user {user}"));
                let said = doctor_reads(path, &conf, "");
                let conf = path.join("keepalived.conf");
                let rewrite = doctor(path, &format!("--rewrite {}", conf.display()));
                let all = [said.stdout, rewrite.stdout, rewrite.stderr].concat();
                let what = format!("{of_folder:o} {of_script:o} {user} {command}: {all}");
                assert_eq!(all.contains("secret"), is_quoted, "{what}");
                // The shell cannot read it, either: LU214 is about its folders.
                let is_reported = all.contains("LU223") || all.contains("LU214");
                assert_eq!(is_reported, !is_quoted, "{what}");
            }
        }
    });
}

/// keepalived runs in another folder. Where the doctor runs, a user can have made a file of the same name.
#[test]
fn a_relative_path_leads_to_no_file_where_the_doctor_runs() {
    in_namespace(|| {
        let folder = Folder::new();
        let path = folder.path();
        executable(
            &path.join("check.sh"),
            b"#!/bin/sh\nss -tln | grep :443 && systemctl restart secret\n",
        );
        for (script, is_quoted) in [("FOLDER/check.sh", true), ("check.sh", false)] {
            common::doctor::write_conf(
                path,
                &conf_with(&format!("script \"/bin/sh {script}\""), ""),
            );
            let mut command = Confined::new(path.join("listenup")).into_command();
            let said = ProgramOutput::by(
                command
                    .current_dir(path)
                    .args(["doctor", "./keepalived.conf"]),
            );
            let quotes = said.stdout.contains("restart secret");
            assert_eq!(quotes, is_quoted, "{script}: {said:#?}");
        }
    });
}

/// A user who can replace a part of a path chooses the file that chmod and chown would change.
#[test]
fn no_fix_changes_a_file_that_another_user_chooses() {
    in_namespace(|| {
        let folder = Folder::new();
        let path = folder.path();
        let secret = path.join("secret");
        fs::write(&secret, "#!/bin/sh\n").unwrap();
        let of_user = path.join("user");
        fs::create_dir(&of_user).unwrap();
        chown(&of_user, Some(NOBODY), None).unwrap();
        symlink(&secret, of_user.join("link")).unwrap();
        executable(&of_user.join("file"), b"#!/bin/sh\n");
        fs::set_permissions(of_user.join("file"), Permissions::from_mode(0o666)).unwrap();
        let link = path.join("link");
        symlink(&secret, &link).unwrap();
        for (of_file, of_link, is_command) in
            [(0o600, 0, true), (0o711, 0, false), (0o600, NOBODY, false)]
        {
            fs::set_permissions(&secret, Permissions::from_mode(of_file)).unwrap();
            lchown(&link, Some(of_link), None).unwrap();
            for (name, is_command) in [
                ("link", is_command),
                ("user/link", false),
                ("user/file", false),
            ] {
                for user in ["nobody", "root"] {
                    let conf = conf_with(&format!("script FOLDER/{name}"), &format!("user {user}"));
                    let conf = conf.replace(" enable_script_security\n", "");
                    let text = common::doctor::text(&doctor_reads(path, &conf, ""), path);
                    let has_command = ["chmod", "chown"].iter().any(|word| text.contains(word));
                    assert!(has_command <= is_command, "{name} {user}: {text}");
                    let is_found = ["LU21", "LU22"].iter().any(|code| text.contains(code));
                    assert!(is_found || user == "root", "{name} {user}: {text}");
                }
            }
        }
    });
}

/// Starts a process that has a configuration open as keepalived has it. The command is a Python; `before` runs before the
/// file is made, and `after` with its descriptor `fd`.
fn pretender(confined: Confined, before: &str, after: &str) -> Process {
    let conf = conf_with("script \"/usr/bin/pretended check -q 443\"", "");
    let text = format!(
        "import os, sys\n{before}\nfd = os.memfd_create('/keepalived/consolidated_configuration')\n\
         os.write(fd, b'# /etc/pretended.conf\\n' + {conf:?}.encode() + b'!\\n')\n{after}\nprint('ready', flush=True)\n\
         sys.stdin.read()\n"
    );
    Process::start(confined.into_command().args(["-c", &text]))
}

#[test]
fn a_keepalived_process_is_trusted_only_if_it_runs_as_root_alone() {
    in_namespace(|| {
        let folder = Folder::new();
        let python = fs::canonicalize("/usr/bin/python3").unwrap();
        let python = fs::read(python).unwrap();
        let marked = [&python[..], b"Keepalived v2.2.7 ("].concat();
        let install = |name: &str, bytes: &[u8], (uid, gid, mode): (u32, u32, u32)| -> PathBuf {
            let path = folder.path().join(name);
            fs::create_dir(&path).unwrap();
            let path = path.join("keepalived");
            fs::write(&path, bytes).unwrap();
            chown(&path, Some(uid), Some(gid)).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            path
        };
        let genuine = install("genuine", &marked, (0, 0, 0o755));
        let plain = install("plain", &python, (0, 0, 0o755));
        let of_nobody = install("of_nobody", &marked, (NOBODY, 0, 0o755));
        let by_others = install("by_others", &marked, (0, 0, 0o757));
        let by_group = install("by_group", &marked, (0, 50, 0o775));
        let nobody: fn(Confined) -> Confined = Confined::by_nobody;
        let root: fn(Confined) -> Confined = |confined| confined;
        let examined = |why: &str| {
            format!("is called keepalived, but is not examined [LU511]\n         {why}")
        };
        for (program, user, before, after, believed, note) in [
            (&genuine, root, "", "", true, String::new()),
            (&genuine, nobody, "", "", false, String::new()),
            // As a setuid program is, which any user can start.
            (
                &genuine,
                root,
                "",
                "os.setresuid(65534, 0, 0)",
                false,
                String::new(),
            ),
            (
                &genuine,
                root,
                "",
                "os.setresuid(0, 0, 65534)",
                false,
                String::new(),
            ),
            (
                &genuine,
                root,
                "",
                "os.setresuid(0, 65534, 0)",
                false,
                String::new(),
            ),
            (
                &genuine,
                root,
                "os.seteuid(65534)",
                "os.seteuid(0)",
                false,
                examined("user 65534 made"),
            ),
            (
                &plain,
                root,
                "",
                "",
                false,
                examined("its program is not keepalived (FOLDER/plain/keepalived)"),
            ),
            (
                &of_nobody,
                root,
                "",
                "",
                false,
                examined("its program does not belong to root (FOLDER/of_nobody/keepalived)"),
            ),
            (
                &by_others,
                root,
                "",
                "",
                false,
                examined("users other than root can write"),
            ),
            (
                &by_group,
                root,
                "",
                "",
                false,
                examined("users other than root can write"),
            ),
        ] {
            let pretender = pretender(user(Confined::new(program)), before, after);
            let said = doctor(folder.path(), "");
            drop(pretender);
            let text = common::doctor::text(&said, folder.path());
            assert_eq!(
                text.contains("/usr/bin/pretended"),
                believed,
                "{before}{after}{text}"
            );
            assert!(text.contains(&note), "{note}: {text}");
        }
        // A file that was replaced while it ran is still the one that runs.
        let pretender = pretender(Confined::new(&genuine), "", "");
        fs::remove_file(&genuine).unwrap();
        fs::write(&genuine, "").unwrap();
        let said = doctor(folder.path(), "");
        drop(pretender);
        assert!(said.stdout.contains("/usr/bin/pretended"), "{said:#?}");
    });
}

/// A file without a name that has a million lines and more.
#[test]
fn a_loaded_configuration_is_read_up_to_a_limit_of_lines() {
    in_namespace(|| {
        let folder = Folder::new();
        let python = fs::read(fs::canonicalize("/usr/bin/python3").unwrap()).unwrap();
        let program = folder.path().join("keepalived");
        executable(&program, &[&python[..], b"Keepalived v2.2.7 ("].concat());
        let many = "os.write(fd, b'\\n' * 1_000_001)";
        let _pretender = pretender(Confined::new(&program), "", many);
        let said = doctor(folder.path(), "");
        let text = common::doctor::text(&said, folder.path());
        assert!(text.contains("it has more than 1000000 lines\n"), "{text}");
    });
}
