//! `listenup doctor`: what it says where all is well, and of the sources; it changes nothing.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::fs;

use nix::errno::Errno;

use common::confined::{Call, Confined, folder_with_listenup};
use common::doctor::{SOURCES, block, conf_with, doctor, doctor_reads, findings, steady};
use common::in_namespace;
use common::keepalived::Folder;
use common::program::listenup;
use common::sockets::listen;

#[test]
fn nothing_wrong() {
    in_namespace(|| {
        let _listeners = [listen("::", 443), listen("127.0.0.1", 80)];
        let folder = Folder::new();
        let said = doctor(folder.path(), "--user root").exits(0);
        let program = "ok       FOLDER/listenup: root may run it, and its path is safe\n\
                       ok       FOLDER/listenup: static\n";
        let end = block("nothing wrong was found", "FOLDER/listenup", "443");
        assert_eq!(
            steady(&said, folder.path()),
            format!("{SOURCES}{program}{end}")
        );
        said.stderr("");

        let said = doctor(
            folder.path(),
            "--user root *:80 443 192.0.2.1:443 [::1]:443",
        )
        .exits(0);
        let targets = "\
ok       80: sock_diag: listening on 127.0.0.1:80; /proc: listening on 127.0.0.1:80
ok       443: sock_diag: listening on [::]:443; /proc: listening on [::]:443
ok       192.0.2.1:443: sock_diag: listening on [::]:443; /proc: could not tell: [::]:443 listens, but whether it takes IPv4 too (V6ONLY) is not known
ok       [::1]:443: sock_diag: listening on [::]:443; /proc: listening on [::]:443
";
        let end = block(
            "nothing wrong was found",
            "FOLDER/listenup",
            "80 443 192.0.2.1:443 [::1]:443",
        );
        assert_eq!(
            steady(&said, folder.path()),
            format!("{SOURCES}{targets}{program}{end}")
        );
        said.stderr("");

        let conf = conf_with("script \"FOLDER/listenup check -q 443\"", "interval 1");
        let said = doctor_reads(folder.path(), &conf, "").exits(0);
        let line = "ok       FOLDER/keepalived.conf:6: chk: FOLDER/listenup check -q 443: run as root it \
                    succeeds (443: listening)\n";
        assert_eq!(findings(&said, folder.path()), format!("{line}{program}"));
        // There is no use for a block to paste.
        assert!(
            said.stdout.ends_with("\n\nnothing wrong was found\n"),
            "{said:#?}"
        );
    });
}

#[test]
fn a_target_that_does_not_listen() {
    in_namespace(|| {
        let _listener = listen("::1", 443);
        let folder = Folder::new();
        let said = doctor(folder.path(), "--user root 443 80").exits(1);
        let problem = "\
problem  a check of it fails now
         80: sock_diag: not listening; /proc: not listening
";
        let other =
            "ok       443: sock_diag: listening on [::1]:443; /proc: listening on [::1]:443\n";
        let text = steady(&said, folder.path());
        assert!(
            text.starts_with(&format!("{problem}{SOURCES}{other}")),
            "{text}"
        );
        let end = block("1 problem was found", "FOLDER/listenup", "443 80");
        assert!(text.ends_with(&end), "{text}");
    });
}

#[test]
fn what_sock_diag_knows_is_told_by_listeners_that_are_there() {
    in_namespace(|| {
        let folder = Folder::new();
        let told = |listeners: &str, expected: [&str; 2]| {
            let said = doctor(folder.path(), "--user root").exits(0);
            let text = steady(&said, folder.path());
            for line in expected {
                assert!(text.contains(&format!("{line}\n")), "{listeners}:\n{text}");
            }
        };
        let no_v6 = "note     V6ONLY of listeners: not known\n         there is no IPv6 listener to tell by";
        let none =
            "note     cgroup of listeners: not known\n         there is no listener to tell by";
        let cgroup = "ok       cgroup of listeners: known";
        told("none", [no_v6, none]);
        let _v4 = listen("127.0.0.1", 80);
        told("IPv4", [no_v6, cgroup]);
        let _v6 = listen("::1", 80);
        told("both", ["ok       V6ONLY of listeners: known", cgroup]);
    });
}

const UNKNOWN: &str = "\
note     V6ONLY of listeners: not known
         only sock_diag tells it
         an IPv4 address that only a [::] listener serves is \"could not tell\"; a bare port as the target avoids that
note     cgroup of listeners: not known
         only sock_diag tells it
         --owner-unit takes it
";

#[test]
fn a_refused_source_is_a_note_and_two_are_a_problem() {
    in_namespace(|| {
        let _listener = listen("::", 443);
        let folder = Folder::new();
        let refused = || {
            Confined::new(folder.path().join("listenup"))
                .without(Call::SockDiagSocket, Errno::EACCES)
        };
        let said = refused()
            .run("doctor --user root 443 127.0.0.1:443")
            .exits(1);
        let expected = format!("\
problem  a check of it says \"could not tell\"
         127.0.0.1:443: /proc: could not tell: [::]:443 listens, but whether it takes IPv4 too (V6ONLY) is not known
note     listenup asks /proc instead, which takes a walk over all connections of the host
         no answer: sock_diag: socket: Permission denied (EACCES)
{UNKNOWN}ok       /proc answers in TIME
ok       TCP sockets on this host: N; each walk over them in /proc takes up to TIME
ok       443: /proc: listening on [::]:443
");
        let text = steady(&said, folder.path());
        assert!(text.starts_with(&expected), "{text}");
        refused().run("doctor --user root 443").exits(0).stderr("");

        let root = folder_with_listenup();
        let nothing = Confined::listenup_in_root(root.path())
            .without(Call::SockDiagSocket, Errno::EACCES)
            .run("doctor 443")
            .exits(1);
        let expected = format!(
            "\
problem  each check says \"could not tell\"
         no answer: sock_diag: socket: Permission denied (EACCES)
         no source is left: see what refuses it, such as seccomp or SELinux
problem  each check says \"could not tell\"
         no answer: /proc/self/net/tcp: cannot be opened: No such file or directory (ENOENT)
         no source is left: see what refuses it, such as seccomp or SELinux
problem  whether keepalived would run this program is not known
         /proc/self/exe: No such file or directory (ENOENT)
         mount /proc, or name a keepalived.conf that calls it
note     how many sockets there are is not known
         /proc/self/net/sockstat cannot be read: No such file or directory (ENOENT)
{UNKNOWN}"
        );
        let text = steady(&nothing, root.path());
        assert!(text.starts_with(&expected), "{text}");
    });
}

#[test]
fn a_root_without_proc() {
    in_namespace(|| {
        let _listener = listen("::", 443);
        let root = folder_with_listenup();
        let said = Confined::listenup_in_root(root.path())
            .run("doctor --user 0 443")
            .exits(1);
        let expected = "\
problem  whether keepalived would run this program is not known
         /proc/self/exe: No such file or directory (ENOENT)
         mount /proc, or name a keepalived.conf that calls it
note     before \"not listening\" there is no second opinion
         no answer: /proc/self/net/tcp: cannot be opened: No such file or directory (ENOENT)
note     how many sockets there are is not known
         /proc/self/net/sockstat cannot be read: No such file or directory (ENOENT)
note     names of users and groups are not known
         /etc/passwd cannot be read: No such file or directory (ENOENT)
note     names of users and groups are not known
         /etc/group cannot be read: No such file or directory (ENOENT)
ok       sock_diag answers in TIME
ok       V6ONLY of listeners: known
ok       cgroup of listeners: known
ok       443: sock_diag: listening on [::]:443
";
        let end = block(
            "1 problem was found",
            "/usr/libexec/keepalived/listenup",
            "443",
        );
        assert_eq!(steady(&said, root.path()), format!("{expected}{end}"));

        // keepalived.conf tells where it lies.
        let conf = conf_with("script \"/listenup check 443\"", "");
        fs::write(root.path().join("keepalived.conf"), conf).unwrap();
        let said = Confined::listenup_in_root(root.path())
            .run("doctor --user 0 --keepalived-conf keepalived.conf")
            .exits(0);
        let text = steady(&said, root.path());
        let program =
            "ok       /listenup: 0 may run it, and its path is safe\nok       /listenup: static\n";
        let end = "\nnothing wrong was found\n";
        assert!(text.ends_with(&format!("{program}{end}")), "{text}");
    });
}

#[test]
fn it_changes_nothing() {
    in_namespace(|| {
        let _listener = listen("::", 443);
        let folder = Folder::new();
        let path = folder.path();
        let conf = conf_with("script \"FOLDER/listenup check 443\"", "");
        doctor_reads(path, &conf, "443").exits(0);
        let strace = path.join("strace");
        let calls = Confined::new("strace").run(&format!(
            "-f -o {} {} doctor --keepalived-conf {} 443 80",
            strace.display(),
            path.join("listenup").display(),
            path.join("keepalived.conf").display()
        ));
        calls.exits(1);
        let calls = fs::read_to_string(strace).unwrap();
        assert!(calls.contains("NETLINK_SOCK_DIAG"), "{calls}");
        for call in calls.lines() {
            let (_, call) = call.split_once(' ').unwrap();
            let name = call.trim_start().split('(').next().unwrap();
            let harmless = match name {
                "openat" | "open" => !["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC"]
                    .iter()
                    .any(|flag| call.contains(flag) && !call.contains("\"/dev/null\"")),
                "socket" => call.contains("AF_NETLINK"),
                // A report of a failed exec(2), and the notes of a child's end, are std's.
                "write" => ["write(1, ", "write(2, "]
                    .iter()
                    .any(|to| call.contains(to)),
                "execve" => call.contains("/listenup\"") || call.contains("(\"/proc/self/fd/"),
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
fn its_command_line() {
    for (line, error) in [
        ("doctor x", "error: invalid value 'x' for '[TARGET]...'"),
        (
            "doctor --user",
            "error: a value is required for '--user <USER|UID>'",
        ),
        (
            "doctor --keepalived-conf",
            "error: a value is required for '--keepalived-conf <FILE>...'",
        ),
        ("doctor -v", "error: unexpected argument '-v' found"),
        (
            "doctor --format nagios",
            "error: invalid value 'nagios' for '--format <FORMAT>'",
        ),
    ] {
        listenup(line).exits(1).stdout("").stderr_has(error);
    }
}
