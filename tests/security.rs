//! What SECURITY.md says of the program.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::collections::BTreeSet;
use std::os::unix::fs::symlink;
use std::process::Command;

use common::confined::Confined;
use common::program::{LISTENUP, ProgramOutput, example, listenup};
use common::service::Service;
use common::sockets::{listen, listen_with};
use common::{in_namespace, ip};

/// What strace sees of these system calls, for checks that go every way, and for a list.
fn calls(trace: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("strace");
    let mut all = Vec::new();
    for words in [
        "check -v 443",
        "check -v 127.0.0.1:443",
        "check --source proc 80",
        "check --log syslog 80",
        "check --log journald --max-queue 1 80",
        "check --owner-user root --owner-unit x --owner-process x 443",
        "list -p",
        "--help",
    ] {
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-e", trace, "-o"]).arg(&log);
        ProgramOutput::by(strace.arg(LISTENUP).args(words.split(' ')));
        let text = std::fs::read_to_string(&log).unwrap();
        // A thread that begins as the program ends made no call that strace could read.
        let whole = text.lines().filter(|line| !line.contains("???("));
        all.extend(whole.map(str::to_owned));
    }
    all
}

#[test]
fn only_netlink_and_log_sockets_are_created_and_none_connects() {
    in_namespace(|| {
        let _listener = listen("0.0.0.0", 443);
        let mut families = BTreeSet::new();
        for call in calls("trace=network") {
            let (_, call) = call.split_once(' ').unwrap();
            let (name, arguments) = call.trim().split_once('(').unwrap();
            match name {
                "socket" => drop(families.insert(arguments.split(',').next().unwrap().to_owned())),
                "sendto" | "sendmsg" | "recvmsg" | "bind" | "getsockname" => {}
                _ => panic!("{call}"),
            }
        }
        let expected = ["AF_NETLINK", "AF_UNIX"].map(str::to_owned);
        assert_eq!(families, expected.into());
    });
}

#[test]
fn check_opens_no_file_for_writing_and_starts_no_program() {
    in_namespace(|| {
        let _listener = listen("0.0.0.0", 443);
        let opened = calls("trace=open,openat,creat");
        assert!(
            opened
                .iter()
                .any(|call| call.contains("/proc/self/net/tcp"))
        );
        for call in opened {
            assert!(
                !call.contains("O_WRONLY") && !call.contains("O_RDWR"),
                "{call}"
            );
            assert!(call.contains("O_RDONLY"), "{call}");
        }
        // The program itself, and a thread of it.
        let itself = format!("execve(\"{LISTENUP}\"");
        let harmless = [
            &itself,
            "CLONE_THREAD",
            "clone3 resumed>",
            "clone resumed>",
            "exit_group",
            // Where the thread ends first.
            "exit(0)",
        ];
        for call in calls("trace=process") {
            assert!(harmless.iter().any(|part| call.contains(part)), "{call}");
        }
    });
}

#[test]
fn no_environment_variable_changes_the_verdict() {
    in_namespace(|| {
        let _listener = listen("0.0.0.0", 443);
        for words in ["check 443", "check 80", "check x", "check --help", "list"] {
            let without = Confined::listenup().without_environment().run(words);
            let mut command = Confined::listenup().into_command();
            for (name, value) in [
                ("RUST_LOG", "trace"),
                ("RUST_BACKTRACE", "full"),
                ("NO_COLOR", "1"),
                ("CLICOLOR_FORCE", "1"),
                ("COLUMNS", "20"),
                ("TERM", "dumb"),
                ("LANG", "de_DE.UTF-8"),
                ("LC_ALL", "de_DE.UTF-8"),
                ("TZ", "Asia/Kolkata"),
                ("HOME", "/nowhere"),
                ("LISTENUP_SOURCE", "proc"),
                ("LD_PRELOAD", "/nowhere.so"),
                ("LD_LIBRARY_PATH", "/nowhere"),
            ] {
                command.env(name, value);
            }
            ProgramOutput::by(command.args(words.split(' ')))
                .exits(without.code.unwrap())
                .stdout(&without.stdout)
                .stderr(&without.stderr);
        }
    });
}

#[test]
fn a_process_cannot_write_to_the_terminal_by_its_name() {
    in_namespace(|| {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("\u{1b}[31mred\nX");
        symlink(example("listener"), &program).unwrap();
        let service = Service::start(Command::new(&program).arg("127.0.0.1:8443"), 1);
        let name = format!("\u{fffd}[31mred\u{fffd}X ({})", service.pid());
        let said = listenup("list -p").exits(0);
        assert!(said.stdout.ends_with(&format!("  {name}\n")), "{said:?}");
        listenup("check --timeout 10s --owner-process other 8443")
            .exits(1)
            .stdout(&format!(
                "8443: wrong owner: 127.0.0.1:8443 is held by {name}, which runs listener, not by other\n"
            ));
    });
}

#[test]
fn bidirectional_and_invisible_characters_in_names_are_replaced() {
    in_namespace(|| {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("a\u{202e}\u{200b}b");
        symlink(example("listener"), &program).unwrap();
        let service = Service::start(Command::new(&program).arg("127.0.0.1:8443"), 1);
        let name = format!("a\u{fffd}\u{fffd}b ({})", service.pid());
        listenup("list -p").exits(0).stdout_has(&name);
    });
}

/// The root of a container chooses the names of its devices, and the host's looks into its namespace.
#[test]
fn a_device_cannot_write_to_the_terminal_by_its_name() {
    in_namespace(|| {
        let name = "e\u{1b}[2J\u{202e}";
        ip(&format!("link add name {name} type veth peer name other"));
        let _listener = listen_with("0.0.0.0", 8443, |socket| {
            socket.bind_device(Some(name.as_bytes())).unwrap();
        });
        let said = listenup("list").exits(0).stdout_has("e\u{fffd}[2J\u{fffd}");
        assert!(!said.stdout.contains('\u{1b}'), "{said:#?}");
        let said = listenup("check 8443").stdout_has("e\u{fffd}[2J\u{fffd}");
        assert!(!said.stdout.contains('\u{1b}'), "{said:#?}");
    });
}

#[test]
fn a_listener_on_another_address_does_not_satisfy_an_address() {
    in_namespace(|| {
        let _elsewhere = listen("127.0.0.1", 8443);
        let _v6 = listen_with("::", 8443, |socket| socket.set_only_v6(true).unwrap());
        listenup("check -q 8443").exits(0);
        listenup("check -q 192.0.2.10:8443").exits(1);
        listenup("check -q --owner-user nobody 8443").exits(1);
    });
}
