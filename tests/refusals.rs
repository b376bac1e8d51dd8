//! What a real kernel refuses the program, and that no refusal is taken for "not listening".

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::sys::resource::Resource;
use socket2::Socket;

use common::confined::{Call, Confined, folder_with_listenup};
use common::in_namespace;
use common::program::{LISTENUP, ProgramOutput};
use common::sockets::listen;

const NO_NETLINK: &str = "sock_diag: socket: Operation not permitted (EPERM)";
const NO_PROC: &str = "/proc/self/net/tcp: cannot be opened: No such file or directory (ENOENT)";

/// What listens in these tests; nothing does on port 80.
fn listeners() -> [Socket; 2] {
    [listen("127.0.0.1", 443), listen("::1", 444)]
}

/// Long enough for a machine that is busy with other tests.
fn check(source: &str, rest: &str) -> String {
    format!("check --timeout 10s --source {source} {rest}")
}

/// The source has an answer for what listens and for what does not.
#[track_caller]
fn tells(source: &str, confined: impl Fn() -> Confined) {
    for (port, place) in [("443", "127.0.0.1:443"), ("444", "[::1]:444")] {
        confined()
            .run(&check(source, port))
            .exits(0)
            .stdout(&format!("{port}: listening on {place}\n"))
            .stderr("");
    }
    for (options, code) in [
        ("", 1),
        ("--on-unknown up", 1),
        ("--exit-codes nagios --on-unknown up", 2),
        ("--exit-codes distinct", 1),
    ] {
        confined()
            .run(&check(source, &format!("{options} 80")))
            .exits(code)
            .stdout("80: not listening\n")
            .stderr("");
    }
}

/// The source has no answer, whether the port listens or not, and says why.
#[track_caller]
fn cannot_tell(source: &str, why: &str, confined: impl Fn() -> Confined) {
    for port in ["443", "444", "80"] {
        for (options, code) in [
            ("", 1),
            ("--on-unknown down", 1),
            ("--on-unknown up", 0),
            ("--on-unknown up --exit-codes keepalived", 0),
            ("--on-unknown up --exit-codes nagios", 3),
            ("--on-unknown up --exit-codes distinct", 3),
            ("--exit-codes nagios", 3),
            ("--exit-codes distinct", 3),
        ] {
            confined()
                .run(&check(source, &format!("{options} {port}")))
                .exits(code)
                .stdout(&format!("{port}: could not tell: {why}\n"))
                .stderr("");
        }
    }
}

#[test]
fn without_sock_diag_proc_answers() {
    use Call::{NetlinkSocket, Recvmsg, Sendto};
    in_namespace(|| {
        let _listeners = listeners();
        for (call, errno, why) in [
            (
                NetlinkSocket,
                Errno::EPERM,
                "socket: Operation not permitted (EPERM)",
            ),
            (
                NetlinkSocket,
                Errno::EACCES,
                "socket: Permission denied (EACCES)",
            ),
            (
                NetlinkSocket,
                Errno::EAFNOSUPPORT,
                "socket: Address family not supported by protocol (EAFNOSUPPORT)",
            ),
            (
                NetlinkSocket,
                Errno::EPROTONOSUPPORT,
                "socket: Protocol not supported (EPROTONOSUPPORT)",
            ),
            (
                Sendto,
                Errno::ECONNREFUSED,
                "send: Connection refused (ECONNREFUSED)",
            ),
            (
                Recvmsg,
                Errno::EPERM,
                "receive: Operation not permitted (EPERM)",
            ),
        ] {
            let refused = || Confined::listenup().without(call, errno);
            tells("auto", refused);
            tells("proc", refused);
            cannot_tell("netlink", &format!("sock_diag: {why}"), refused);
        }
    });
}

#[test]
fn without_proc_sock_diag_answers() {
    in_namespace(|| {
        let _listeners = listeners();
        let root = folder_with_listenup();
        let without_proc = || Confined::listenup_in_root(root.path());
        tells("auto", without_proc);
        tells("netlink", without_proc);
        cannot_tell("proc", NO_PROC, without_proc);
    });
}

#[test]
fn without_sock_diag_and_proc_the_answer_is_could_not_tell() {
    in_namespace(|| {
        let _listeners = listeners();
        let root = folder_with_listenup();
        let why = format!("{NO_NETLINK}; {NO_PROC}");
        cannot_tell("auto", &why, || {
            Confined::listenup_in_root(root.path()).without(Call::NetlinkSocket, Errno::EPERM)
        });
    });
}

#[test]
fn a_proc_with_only_processes_is_enough() {
    in_namespace(|| {
        let _listeners = listeners();
        // That it is one.
        Confined::new("ls")
            .with_only_processes_in_proc()
            .run("-d /proc/net /proc/self/net/tcp")
            .exits(2)
            .stdout("/proc/self/net/tcp\n")
            .stderr_has("/proc/net");

        let only_processes = || Confined::listenup().with_only_processes_in_proc();
        for source in ["auto", "netlink", "proc"] {
            tells(source, only_processes);
        }
        let no_sock_diag_either = || only_processes().without(Call::NetlinkSocket, Errno::EPERM);
        tells("auto", no_sock_diag_either);
        tells("proc", no_sock_diag_either);
        cannot_tell("netlink", NO_NETLINK, no_sock_diag_either);
    });
}

#[test]
fn check_needs_no_privileges() {
    in_namespace(|| {
        let _listeners = listeners();
        // That these are none.
        let none = "Uid:\t65534\t65534\t65534\t65534\nGid:\t65534\t65534\t65534\t65534\n\
                    Groups:\t \nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n\
                    CapAmb:\t0000000000000000\n";
        Confined::new("grep")
            .by_nobody()
            .run("-E ^(Uid|Gid|Groups|CapPrm|CapEff|CapAmb): /proc/self/status")
            .exits(0)
            .stdout(none);

        let folder = folder_with_listenup();
        let program = folder.path().join("listenup");
        // What may be executed but not read has a /proc/self that belongs to root.
        for mode in [0o755, 0o711] {
            std::fs::set_permissions(&program, PermissionsExt::from_mode(mode)).unwrap();
            for source in ["auto", "netlink", "proc"] {
                tells(source, || Confined::new(&program).by_nobody());
            }
        }
    });
}

#[test]
fn check_needs_no_streams_environment_or_privileges() {
    in_namespace(|| {
        let _listeners = listeners();
        let folder = folder_with_listenup();
        let program = folder.path().join("listenup");
        let bare = || {
            Confined::new(&program)
                .by_nobody()
                .without_environment()
                .without_streams(&[0, 1, 2])
        };
        for source in ["auto", "netlink", "proc"] {
            for (rest, code) in [
                ("443", 0),
                ("444", 0),
                ("80", 1),
                ("--exit-codes distinct 443", 0),
                ("--exit-codes distinct 80", 1),
                ("--exit-codes nagios -v 80", 2),
            ] {
                let said = bare().run(&check(source, rest)).exits(code);
                said.stdout("").stderr(""); // they are closed indeed
            }
        }
        for (rest, code) in [
            ("443", 1),
            ("80", 1),
            ("--on-unknown up 443", 0),
            ("--exit-codes nagios 443", 3),
            ("--exit-codes distinct 443", 3),
            ("--exit-codes distinct -v 80", 3),
        ] {
            let refused = bare().without(Call::NetlinkSocket, Errno::EPERM);
            let said = refused.run(&check("netlink", rest)).exits(code);
            said.stdout("").stderr("");
        }
    });
}

#[test]
fn check_needs_one_free_descriptor() {
    const FULL: &str = "Too many open files (EMFILE)";
    in_namespace(|| {
        let _listeners = listeners();
        let no_socket = format!("sock_diag: socket: {FULL}");
        let no_file = format!("/proc/self/net/tcp: cannot be opened: {FULL}");
        // A closed stream is no descriptor to spare: the program fills its place first.
        for closed in [&[][..], &[0]] {
            let limited = |limit| {
                Confined::listenup()
                    .without_streams(closed)
                    .limited(Resource::RLIMIT_NOFILE, limit)
            };
            cannot_tell("auto", &format!("{no_socket}; {no_file}"), || limited(3));
            cannot_tell("netlink", &no_socket, || limited(3));
            cannot_tell("proc", &no_file, || limited(3));
            for source in ["auto", "netlink", "proc"] {
                tells(source, || limited(4));
            }
        }
        // Not even the streams' places can be filled.
        for limit in 0..=3 {
            for port in ["443", "80"] {
                Confined::listenup()
                    .without_streams(&[0, 1, 2])
                    .limited(Resource::RLIMIT_NOFILE, limit)
                    .run(&check("auto", &format!("--exit-codes distinct {port}")))
                    .exits(3)
                    .stdout("")
                    .stderr("");
            }
        }
    });
}

#[test]
fn check_needs_at_most_16_mib_of_address_space() {
    in_namespace(|| {
        let _listeners = listeners();
        for source in ["auto", "netlink", "proc"] {
            tells(source, || {
                Confined::listenup().limited(Resource::RLIMIT_AS, 16 << 20)
            });
        }
    });
}

#[test]
fn too_little_memory_is_never_a_wrong_answer() {
    in_namespace(|| {
        let _listeners = listeners();
        for source in ["auto", "netlink", "proc"] {
            let starved = (1 << 20..16 << 20).step_by(64 << 10).take_while(|&limit| {
                // Both, whatever came of the first.
                let answers = [
                    ("443", 0, "listening on 127.0.0.1:443"),
                    ("80", 1, "not listening"),
                ]
                .map(|(port, code, answer)| {
                    let limited = Confined::listenup().limited(Resource::RLIMIT_AS, limit);
                    let said =
                        limited.run(&check(source, &format!("--exit-codes distinct {port}")));
                    is_answer(&said, port, code, answer)
                });
                answers != [true; 2]
            });
            // From too little for the program to start up to enough.
            let starved = starved.count();
            assert!(
                (1..15 << 4).contains(&starved),
                "{source}: {starved} limits too low"
            );
        }
    });
}

/// A MISC_CHECK with misc_dynamic treats 127 as up. glibc ends a program with it when it cannot set up its memory, musl never does.
#[test]
fn below_2_mib_of_address_space_no_target_listens_and_musl_never_exits_with_127() {
    let program = std::fs::read(LISTENUP).unwrap();
    let glibc = program
        .windows(b"Fatal glibc error".len())
        .any(|part| part == b"Fatal glibc error");
    let line = r#"ulimit -v "$1" && exec "$0" check -q --timeout 100ms 80"#;
    in_namespace(move || {
        let mut codes = BTreeSet::new();
        for kib in (0..2048).step_by(16) {
            let mut bash = Command::new("bash");
            bash.args(["-c", line, LISTENUP, &kib.to_string()]);
            let said = ProgramOutput::by(bash.stdin(Stdio::null()));
            let glibc_gave_up = said.code == Some(127) && said.stderr.contains("glibc");
            assert!(
                matches!(said.code, None | Some(1)) || glibc && glibc_gave_up,
                "{kib} KiB: {said:?}"
            );
            codes.insert(said.code);
        }
        assert!(codes.contains(&None), "nothing was too little: {codes:?}");
    });
}

/// Whether this is the right answer. If not, it must be none at all.
#[track_caller]
fn is_answer(said: &ProgramOutput, port: &str, code: i32, answer: &str) -> bool {
    let no_answer = match said.code {
        // Killed by the kernel when it was loaded, or aborted.
        None => said.stdout.is_empty(),
        // glibc gave up before main.
        Some(127) => said.stdout.is_empty() && said.stderr.starts_with("Fatal glibc error"),
        Some(3) => said
            .stdout
            .starts_with(&format!("{port}: could not tell: ")),
        _ => false,
    };
    let right = said.code == Some(code) && said.stdout == format!("{port}: {answer}\n");
    assert!(right || no_answer, "{said:#?}");
    right
}
