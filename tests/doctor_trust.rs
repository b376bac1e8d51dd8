//! What local users try with the doctor, which root runs: SECURITY.md, "What the doctor reads and executes".

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use common::confined::{Confined, NOBODY};
use common::doctor::{conf_with, doctor, doctor_reads, findings};
use common::in_namespace;
use common::keepalived::Folder;
use common::process::Process;
use common::program::Said;

fn executable(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
}

/// A configuration that calls FOLDER/NAME check 443 as root.
fn calls(name: &str) -> String {
    conf_with(&format!("script \"FOLDER/{name} check -q 443\""), "")
}

#[test]
fn the_doctor_executes_its_own_file_and_no_path() {
    in_namespace(|| {
        let folder = Folder::new();
        let path = folder.path();
        fs::create_dir(path.join("a")).unwrap();
        fs::copy(path.join("listenup"), path.join("a/listenup")).unwrap();
        let conf = path.join("keepalived.conf");
        let text = calls("a/listenup").replace("FOLDER", &path.display().to_string());
        fs::write(&conf, text).unwrap();
        let log = path.join("strace");
        let mut strace = Command::new("strace");
        strace.args([
            "-f",
            "-qq",
            "-s",
            "4096",
            "-e",
            "trace=execve,execveat",
            "-o",
        ]);
        let program = path.join("listenup");
        strace
            .arg(&log)
            .arg(&program)
            .args(["doctor", "--keepalived-conf"]);
        let said = Said::by(strace.arg(&conf));
        assert!(
            said.stdout
                .contains("run as root it says 443: not listening"),
            "{said:#?}"
        );
        let log = fs::read_to_string(&log).unwrap();
        let calls: Vec<&str> = log.lines().filter(|line| line.contains("exec")).collect();
        let [itself, check] = calls.as_slice() else {
            panic!("{log}")
        };
        assert!(
            itself.contains(&format!("execve(\"{}\"", program.display())),
            "{log}"
        );
        assert!(check.contains("execve(\"/proc/self/fd/"), "{log}");
        // Its name for itself is the one of the configuration.
        assert!(
            check.contains(&format!("[\"{}/a/listenup\", \"check\"", path.display())),
            "{log}"
        );
    });
}

/// A symlink in the middle of the path leads to the doctor's own file and to a script by turns.
#[test]
fn a_path_that_changes_between_two_looks_runs_nothing_else() {
    in_namespace(|| {
        let folder = Folder::new();
        let path = folder.path();
        let shown = path.display().to_string();
        for name in ["good", "other", "other/evil"] {
            fs::create_dir(path.join(name)).unwrap();
        }
        fs::copy(path.join("listenup"), path.join("good/listenup")).unwrap();
        let script = format!("#!/bin/sh\ntouch {shown}/ran\n");
        executable(&path.join("other/evil/listenup"), script.as_bytes());
        chown(path.join("other"), Some(NOBODY), Some(NOBODY)).unwrap();
        symlink(path.join("good"), path.join("other/d")).unwrap();
        let flip = format!(
            "import os\nprint('ready', flush=True)\nwhile True:\n for to in ('{shown}/other/evil', '{shown}/good'):\n  \
             os.symlink(to, '{shown}/other/t')\n  os.rename('{shown}/other/t', '{shown}/other/d')\n"
        );
        let mut flipping = Confined::new("python3").by_nobody().into_command();
        let _flipping = Process::start(flipping.args(["-c", &flip]));
        for _ in 0..100 {
            doctor_reads(path, &calls("other/d/listenup"), "-q");
            assert!(!path.join("ran").exists());
        }
    });
}

#[test]
fn a_different_file_is_named_and_not_run() {
    in_namespace(|| {
        let folder = Folder::new();
        let path = folder.path();
        let mut other = fs::read(path.join("listenup")).unwrap();
        other.push(0);
        let script = format!("#!/bin/sh\ntouch {}/ran\n", path.display());
        fs::create_dir(path.join("a")).unwrap();
        for bytes in [script.as_bytes(), &other] {
            executable(&path.join("a/listenup"), bytes);
            let said = doctor_reads(path, &calls("a/listenup"), "");
            let note = "note     FOLDER/keepalived.conf:6: chk: FOLDER/a/listenup was not run: it is a different file\n";
            let text = findings(&said, path);
            assert!(text.contains(note), "{text}");
            assert!(!text.contains("run as"), "{text}");
            assert!(!path.join("ran").exists());
        }
    });
}

/// A doctor that tries a check for as long as the check looks, and the check.
fn trying(folder: &Path, words: &str) -> (Process, u32) {
    let call = "script \"FOLDER/listenup check --retry-for 55s --timeout 59s 1\"";
    let conf = conf_with(call, "interval 60\n timeout 60");
    let conf = conf.replace("FOLDER", &folder.display().to_string());
    let path = folder.join("keepalived.conf");
    fs::write(&path, conf).unwrap();
    let doctor = Command::new(folder.join("listenup"))
        .args(["doctor", "--keepalived-conf"])
        .arg(&path)
        .args(words.split_whitespace())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let doctor = Process(doctor);
    let children = format!("/proc/{0}/task/{0}/children", doctor.0.id());
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let text = fs::read_to_string(&children).unwrap();
        let child = text.split_whitespace().next();
        if let Some(child) = child.and_then(|child| child.parse().ok()) {
            // Until execve(2) it is still this doctor.
            let line = fs::read_to_string(format!("/proc/{child}/cmdline")).unwrap_or_default();
            if line.contains("check") {
                return (doctor, child);
            }
        }
        assert!(Instant::now() < deadline, "no check was started");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_check_runs_as_its_user_without_groups_of_root() {
    in_namespace(|| {
        let folder = Folder::new();
        for (words, user, group) in [
            ("--user 54321", "54321", "65534"),
            ("--user nobody", "65534", "65534"),
            ("--user mail", "8", "8"),
            ("", "0", "0"),
        ] {
            let (doctor, check) = trying(folder.path(), words);
            let status = fs::read_to_string(format!("/proc/{check}/status")).unwrap();
            drop(doctor);
            let ids = |id: &str| [id; 4].join("\t");
            for line in [
                format!("Uid:\t{}\n", ids(user)),
                format!("Gid:\t{}\n", ids(group)),
                "Groups:\t \n".to_owned(),
            ] {
                assert!(status.contains(&line), "{words}: {line:?}: {status}");
            }
        }
    });
}

#[test]
fn a_check_ends_with_the_doctor() {
    in_namespace(|| {
        let folder = Folder::new();
        for signal in [Signal::SIGTERM, Signal::SIGKILL] {
            let (mut doctor, check) = trying(folder.path(), "--user nobody");
            let stat = format!("/proc/{check}/stat");
            kill(Pid::from_raw(doctor.0.id().try_into().unwrap()), signal).unwrap();
            doctor.0.wait().unwrap();
            let deadline = Instant::now() + Duration::from_secs(20);
            // The first process of a container need not ask for what is left of it.
            let is_left = || {
                let stat = fs::read_to_string(&stat).unwrap_or_default();
                !stat.is_empty() && !stat.contains(") Z ")
            };
            while is_left() {
                assert!(Instant::now() < deadline, "{check} goes on after {signal}");
                std::thread::sleep(Duration::from_millis(5));
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
fn a_process_called_keepalived_is_believed_only_if_all_of_it_is_roots() {
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
        let examined =
            |why: &str| format!("is called keepalived, but is not examined\n         {why}");
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
                examined("its program FOLDER/plain/keepalived is not keepalived"),
            ),
            (
                &of_nobody,
                root,
                "",
                "",
                false,
                examined("its program FOLDER/of_nobody/keepalived does not"),
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
            let text = findings(&said, folder.path());
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
fn what_a_keepalived_has_loaded_is_read_up_to_a_number_of_lines() {
    in_namespace(|| {
        let folder = Folder::new();
        let python = fs::read(fs::canonicalize("/usr/bin/python3").unwrap()).unwrap();
        let program = folder.path().join("keepalived");
        executable(&program, &[&python[..], b"Keepalived v2.2.7 ("].concat());
        let many = "os.write(fd, b'\\n' * 1_000_001)";
        let _pretender = pretender(Confined::new(&program), "", many);
        let said = doctor(folder.path(), "");
        let text = findings(&said, folder.path());
        assert!(text.contains("it has more than 1000000 lines\n"), "{text}");
    });
}
