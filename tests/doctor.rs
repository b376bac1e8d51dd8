//! `listenup doctor`: each finding, made for real, and exactly what it prints.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use nix::errno::Errno;

use common::confined::{Call, Confined, NOBODY, folder_with_listenup};
use common::in_namespace;
use common::keepalived::{Folder, Keepalived};
use common::node::Node;
use common::program::{Said, listenup, sh};
use common::sockets::listen;

/// What is said of the sources where all is well and an IPv6 listener is there.
const SOURCES: &str = "\
ok       sock_diag answers in TIME
ok       /proc answers in TIME
ok       N TCP sockets on this host: one read of all tables in /proc takes up to TIME
ok       V6ONLY of listeners: known
ok       cgroups of listeners: known (Linux RELEASE)
";

const UNCHECKED: &str =
    "         keepalived leaves such a script out, or takes its failure to start for success\n";

/// What a run printed, without what differs from run to run and between machines.
fn steady(said: &Said, folder: &Path) -> String {
    let line = |line: &str| {
        let (mut line, release) = (line.to_owned(), " (Linux ");
        for (before, placeholder) in [
            (" answers in ", "TIME"),
            (" takes up to ", "TIME"),
            (release, "RELEASE)"),
        ] {
            if let Some(at) = line.find(before) {
                line.replace_range(at + before.len().., placeholder);
            }
        }
        let number = line.find(" TCP sockets on this host");
        if let Some(at) = number {
            assert!(line["ok       ".len()..at].parse::<u32>().is_ok(), "{line}");
            line.replace_range("ok       ".len()..at, "N");
        }
        line + "\n"
    };
    let text: String = said.stdout.lines().map(line).collect();
    text.replace(&folder.display().to_string(), "FOLDER")
}

/// The same, but only what is said of the program and of keepalived.conf.
#[track_caller]
fn findings(said: &Said, folder: &Path) -> String {
    let text = steady(said, folder);
    let (_, text) = text.split_once("(Linux RELEASE)\n").unwrap();
    let (findings, _) = text.split_once("\n\n").unwrap();
    findings.to_owned() + "\n"
}

/// The block to paste, and the lines around it.
fn block(summary: &str, program: &str, targets: &str) -> String {
    let paste = match program {
        "/usr/libexec/keepalived/listenup" => {
            "To paste into keepalived.conf, once listenup is there:"
        }
        _ => "To paste into keepalived.conf:",
    };
    format!(
        "\n{summary}\n\n{paste}\n\nvrrp_script chk_listenup {{\n    \
         script \"{program} check -q {targets}\"\n    \
         interval 1\n    timeout 1\n    fall 2\n    rise 2\n}}\n"
    )
}

/// The program in the folder, with these words as arguments.
fn doctor(folder: &Path, words: &str) -> Said {
    Confined::new(folder.join("listenup")).run(&format!("doctor {words}"))
}

/// Lets the doctor read a keepalived.conf; FOLDER stands for the folder.
fn doctor_reads(folder: &Path, conf: &str, words: &str) -> Said {
    let path = folder.join("keepalived.conf");
    fs::write(&path, conf.replace("FOLDER", &folder.display().to_string())).unwrap();
    let words = format!("--keepalived-conf {} {words}", path.display());
    doctor(folder, &words)
}

/// A keepalived.conf with this line in its only vrrp_script, and these other lines there.
fn conf_with(script: &str, others: &str) -> String {
    format!(
        "global_defs {{\n enable_script_security\n script_user root\n}}\n\
         vrrp_script chk {{\n {script}\n {others}\n}}\n\
         vrrp_instance gateway {{\n track_script {{\n  chk\n }}\n}}\n"
    )
}

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
        let line = "ok       FOLDER/keepalived.conf:6: chk: FOLDER/listenup check -q 443\n";
        assert_eq!(findings(&said, folder.path()), format!("{line}{program}"));
    });
}

#[test]
fn a_target_that_does_not_listen() {
    in_namespace(|| {
        let _listener = listen("::1", 443);
        let folder = Folder::new();
        let said = doctor(folder.path(), "--user root 443 80").exits(1);
        let targets = "\
ok       443: sock_diag: listening on [::1]:443; /proc: listening on [::1]:443
problem  80: sock_diag: not listening; /proc: not listening
         a check of it fails now
";
        let text = steady(&said, folder.path());
        assert!(text.starts_with(&format!("{SOURCES}{targets}")), "{text}");
        let end = block("1 problem was found", "FOLDER/listenup", "443 80");
        assert!(text.ends_with(&end), "{text}");
    });
}

#[test]
fn a_host_without_ipv6_listeners_tells_nothing_of_v6only() {
    in_namespace(|| {
        let folder = Folder::new();
        let said = doctor(folder.path(), "--user root").exits(0);
        let text = steady(&said, folder.path());
        let v6only = "\nnote     V6ONLY of listeners: no IPv6 listener here to tell by\nok ";
        assert!(text.contains(v6only), "{text}");
    });
}

const V6ONLY_UNKNOWN: &str = "\
note     V6ONLY of listeners: not known, for /proc does not tell
         an IPv4 address that only a [::] listener serves is \"could not tell\"; a bare port as the target avoids that
note     cgroups of listeners: not known (Linux RELEASE)
         no check needs them
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
note     no answer: sock_diag: socket: Permission denied (EACCES)
         listenup asks /proc instead, which takes a walk over all connections of the host
ok       /proc answers in TIME
ok       N TCP sockets on this host: one read of all tables in /proc takes up to TIME
{V6ONLY_UNKNOWN}ok       443: /proc: listening on [::]:443
problem  127.0.0.1:443: /proc: could not tell: [::]:443 listens, but whether it takes IPv4 too (V6ONLY) is not known
         a check of it says \"could not tell\"
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
problem  no answer: sock_diag: socket: Permission denied (EACCES)
         no source is left: each check says \"could not tell\"
problem  no answer: /proc/self/net/tcp: cannot be opened: No such file or directory (ENOENT)
         no source is left: each check says \"could not tell\"
note     /proc/self/net/sockstat: cannot be read: No such file or directory (os error 2)
         how many sockets there are is not known
{V6ONLY_UNKNOWN}"
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
ok       sock_diag answers in TIME
note     no answer: /proc/self/net/tcp: cannot be opened: No such file or directory (ENOENT)
         before \"not listening\" there is no second opinion
note     /proc/self/net/sockstat: cannot be read: No such file or directory (os error 2)
         how many sockets there are is not known
note     V6ONLY of listeners: no IPv6 listener to tell by: /proc/self/net/tcp: cannot be opened: No such file or directory (ENOENT)
ok       cgroups of listeners: known (Linux RELEASE)
ok       443: sock_diag: listening on [::]:443
note     /etc/passwd cannot be read: No such file or directory (os error 2)
         names of users and groups are not known
note     /etc/group cannot be read: No such file or directory (os error 2)
         names of users and groups are not known
problem  where this program lies is not known: /proc/self/exe: No such file or directory (os error 2)
         mount /proc, or name a keepalived.conf that calls it
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
        let end = block("nothing wrong was found", "/listenup", "443");
        assert!(text.ends_with(&format!("{program}{end}")), "{text}");
    });
}

/// A program that may be executed, of this owner and mode, in a folder of this owner and mode.
fn install(at: &Path, folder: (u32, u32, u32), file: (u32, u32, u32)) -> PathBuf {
    fs::create_dir(at).unwrap();
    let program = at.join("listenup");
    let copied = Command::new("install")
        .arg("/bin/true")
        .arg(&program)
        .status();
    assert!(copied.unwrap().success());
    for (path, (uid, gid, mode)) in [(&program, file), (&at.to_owned(), folder)] {
        chown(path, Some(uid), Some(gid)).unwrap();
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }
    program
}

/// Programs of all kinds, whom they would run as, and whether keepalived runs them.
fn programs(folder: &Path) -> Vec<(PathBuf, &'static str, bool)> {
    const STAFF: u32 = 50;
    let sound = (0, 0, 0o755);
    let mut programs = Vec::new();
    for (index, (of_folder, of_file, user, runs)) in [
        (sound, sound, "root", true),
        (sound, sound, "nobody", true),
        ((0, 0, 0o775), sound, "root", true), // its group is root
        ((0, 0, 0o1777), sound, "root", true), // sticky
        ((0, STAFF, 0o2775), sound, "root", false),
        ((0, STAFF, 0o2775), sound, "nobody nogroup", true), // not root, so it does not matter
        ((0, STAFF, 0o2775), sound, "nobody root", false),
        ((0, STAFF, 0o2775), (0, 0, 0o4755), "nobody", false),
        ((0, STAFF, 0o2775), (0, 0, 0o2755), "nobody", false),
        ((0, 0, 0o757), sound, "root", false),
        ((NOBODY, 0, 0o755), sound, "root", false),
        ((0, 0, 0o700), sound, "nobody", false),
        ((0, 0, 0o710), sound, "nobody root", true),
        (sound, (0, 0, 0o644), "root", false),
        (sound, (0, 0, 0o744), "root", true),
        (sound, (0, 0, 0o744), "nobody", false),
        (sound, (0, STAFF, 0o775), "root", false),
        (sound, (0, 0, 0o757), "root", false),
        (sound, (NOBODY, 0, 0o755), "root", false),
        (sound, (NOBODY, 0, 0o700), "nobody", true),
        (sound, (NOBODY, 0, 0o077), "nobody", false),
    ]
    .into_iter()
    .enumerate()
    {
        let program = install(&folder.join(index.to_string()), of_folder, of_file);
        programs.push((program, user, runs));
    }
    let link = |name: &str, to: &Path| {
        let link = folder.join(name);
        symlink(to, &link).unwrap();
        link.join("listenup")
    };
    programs.push((link("to-sound", &folder.join("0")), "root", true));
    programs.push((link("to-unsafe", &folder.join("4")), "root", false));
    programs.push((folder.join("nothing/listenup"), "root", false));
    programs
}

#[test]
fn the_real_keepalived_agrees_about_paths() {
    in_namespace(|| {
        let folder = Folder::new();
        let programs = programs(folder.path());
        let (mut scripts, mut tracked) = (String::new(), String::new());
        for (index, (program, user, _)) in programs.iter().enumerate() {
            let program = program.display();
            scripts += &format!(
                "vrrp_script s{index} {{\n script \"{program} check -q 443\"\n user {user}\n}}\n"
            );
            tracked += &format!("  s{index} weight 1\n");
        }
        let global = "global_defs {\n enable_script_security\n script_user root\n}\n";
        let conf = format!(
            "{global}{scripts}vrrp_instance gateway {{\n state BACKUP\n interface e0\n \
             virtual_router_id 51\n priority 100\n virtual_ipaddress {{\n 192.0.2.100/24\n }}\n \
             track_script {{\n{tracked} }}\n}}\n"
        );
        let path = folder.path().join("all");
        fs::write(path.with_extension("conf"), conf).unwrap();
        let node = Node::new();
        node.plug("e0", "to-e0", &["192.0.2.1/24"]);
        let log = path.with_extension("log");
        let _keepalived = node.run(move || Keepalived::start(path, false));

        // It looks at all paths before it runs anything.
        let succeeded =
            |log: &str, index| log.contains(&format!("VRRP_Script(s{index}) succeeded"));
        let deadline = Instant::now() + Duration::from_secs(20);
        let log = loop {
            let log = fs::read_to_string(&log).unwrap();
            let expected =
                |(index, (_, _, runs)): (usize, &(_, _, bool))| !runs || succeeded(&log, index);
            if programs.iter().enumerate().all(expected) {
                break log;
            }
            assert!(Instant::now() < deadline, "{log}");
            std::thread::sleep(Duration::from_millis(50));
        };
        for (index, (program, user, runs)) in programs.iter().enumerate() {
            assert_eq!(
                succeeded(&log, index),
                *runs,
                "s{index}, {program:?} by {user}\n{log}"
            );
            let script = format!("script \"{} check -q 443\"", program.display());
            let conf = conf_with(&script, &format!("user {user}"));
            let said = doctor_reads(folder.path(), &conf, "");
            assert_eq!(
                said.code == Some(0),
                *runs,
                "s{index}, {program:?} by {user}\n{said:#?}"
            );
        }
    });
}

#[test]
fn each_unsafe_part_is_named_with_its_cure() {
    in_namespace(|| {
        let _listener = listen("::", 443);
        let folder = Folder::new();
        let path = folder.path();
        chown(path, Some(NOBODY), Some(0)).unwrap();
        install(&path.join("a"), (0, 50, 0o2775), (0, 0, 0o757));
        let conf = conf_with("script \"FOLDER/a/listenup check 443\"", "");
        let shown = "ok       FOLDER/keepalived.conf:6: chk: FOLDER/a/listenup check 443\n";
        let loader = "note     FOLDER/a/listenup: needs the loader /lib64/ld-linux-x86-64.so.2\n         \
                      without it execve(2) fails, which keepalived counts as success: use a static build\n";
        let said = doctor_reads(path, &conf, "").exits(1);
        let text = findings(&said, path)
            .replace("/lib/ld-linux-aarch64.so.1", "/lib64/ld-linux-x86-64.so.2");
        let install = "or install listenup in /usr/libexec/keepalived";
        let parts = format!(
            "problem  FOLDER (nobody:root 0755): does not belong to root; keepalived disables the script\n         \
             chown root FOLDER, {install}\n\
             problem  FOLDER/a (root:staff 2775): its group may write to it; keepalived disables the script\n         \
             chmod g-w FOLDER/a, {install}\n\
             problem  FOLDER/a/listenup (root:root 0757): everybody may write to it; keepalived disables the script\n         \
             chmod o-w FOLDER/a/listenup, {install}\n"
        );
        assert_eq!(text, format!("{shown}{parts}{loader}"));
        let end = block(
            "3 problems were found",
            "/usr/libexec/keepalived/listenup",
            "443",
        );
        assert!(steady(&said, path).ends_with(&end), "{said:#?}");

        // Without enable_script_security keepalived only warns.
        let said = doctor_reads(path, &conf.replace(" enable_script_security", ""), "").exits(0);
        let text = findings(&said, path);
        let no_security = "note     keepalived.conf has no enable_script_security\n         \
                           keepalived runs what anybody may have written, and logs a SECURITY VIOLATION\n";
        let parts = parts
            .replace("problem  ", "note     ")
            .replace("keepalived disables the script", "keepalived warns");
        assert!(
            text.starts_with(&format!("{no_security}{shown}{parts}")),
            "{text}"
        );

        // Nor does it matter for a user that is not root.
        let said = doctor_reads(path, &conf, "--user nobody").exits(0);
        let fine = "ok       FOLDER/a/listenup: nobody may run it\n";
        assert!(
            findings(&said, path).starts_with(&format!("{shown}{fine}")),
            "{said:#?}"
        );
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
                "problem  FOLDER/listenup (root:root 0750): {name} may not execute it\n{UNCHECKED}\
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
            "problem  FOLDER (root:root 0700): nobody may not enter it\n{UNCHECKED}\
             ok       FOLDER/listenup: static\n"
        );
        assert_eq!(findings(&said, path), expected);

        let said = doctor(path, "--user nosuchuser").exits(1);
        let expected = "problem  --user nosuchuser: no such user in /etc/passwd\n         \
                        give its number, if it comes from elsewhere\n";
        assert!(findings(&said, path).starts_with(expected), "{said:#?}");
    });
}

#[test]
fn each_mistake_in_a_script_line_is_told_by_file_and_line() {
    in_namespace(|| {
        let folder = Folder::new();
        let path = folder.path();
        let refused = "\n         listenup refuses it, which exits with 1 always";
        for (script, others, text) in [
            (
                "script FOLDER/listenup check -q 443",
                "",
                "outside the quotes, so keepalived drops it: check -q 443\n         \
                 script \"FOLDER/listenup check -q 443\"",
            ),
            (
                "script \"FOLDER/listenup\" check -q 443",
                "",
                "outside the quotes, so keepalived drops it: check -q 443\n         \
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
                 keepalived ends the check first, which counts as down: lower --timeout or raise timeout",
            ),
            (
                "script \"FOLDER/listenup check 443\"",
                "timeout 0.5",
                "--timeout 500ms is not shorter than keepalived's timeout of 500ms\n         \
                 keepalived ends the check first, which counts as down: lower --timeout or raise timeout",
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
                conf_with(slow, "timeout 5"),
                "FOLDER/keepalived.conf:6: chk: --timeout 2s is not shorter than the interval of 1s\n         \
                 keepalived 2.1.3 to 2.3.2 starts a slow check again on top of itself",
            ),
            (
                conf_with(call, "").replace("  chk\n", "  chk2\n"),
                "FOLDER/keepalived.conf:6: no track_script names chk\n         keepalived does not use it",
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
note     FOLDER/keepalived.conf:2: no track_script names chk
         keepalived does not use it
ok       FOLDER/listenup: nobody may run it
ok       FOLDER/listenup: static
";
        assert_eq!(findings(&said.exits(0), path), expected);

        let said = doctor(path, "--user root --keepalived-conf /nonexistent.conf").exits(1);
        let expected = "\
problem  /nonexistent.conf: cannot be read: No such file or directory (os error 2)
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
        // With enable_script_security root must be named; this machine has no keepalived_script.
        let passwd = fs::read_to_string("/etc/passwd").unwrap();
        assert!(
            !passwd.contains("keepalived_script:"),
            "this test wants no such user"
        );
        let said = doctor_reads(path, &conf.replace(" script_user root", ""), "").exits(1);
        let problem = "problem  FOLDER/keepalived.conf:2: enable_script_security, and no user to run scripts as: \
                       keepalived removes them\n         \
                       script_user root in global_defs, or create a user keepalived_script\n";
        assert!(findings(&said, path).contains(problem), "{said:#?}");
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
        let note = "note     FOLDER/a/listenup: is no ELF program\n         \
                    a script needs its interpreter, and takes longer to start\n";
        assert!(findings(&said, path).ends_with(note), "{said:#?}");

        let missing = [&fs::read("/bin/true").unwrap()[..]].concat();
        let loader = b"/lib64/ld-linux";
        let at = missing
            .windows(loader.len())
            .position(|part| part == loader);
        if let Some(at) = at {
            let mut missing = missing;
            missing[at + 1] = b'X';
            fs::write(&program, missing).unwrap();
            let said = doctor_reads(path, &conf, "").exits(1);
            assert!(
                findings(&said, path).contains(", which is not there\n"),
                "{said:#?}"
            );
        } else {
            panic!("/bin/true has another loader here")
        }
        fs::remove_file(&program).unwrap();
        fs::create_dir(&program).unwrap();
        let said = doctor_reads(path, &conf, "").exits(1);
        let folder =
            format!("problem  FOLDER/a/listenup (root:root 0755): is no file\n{UNCHECKED}");
        assert!(findings(&said, path).contains(&folder), "{said:#?}");
    });
}

#[test]
fn the_selinux_label() {
    in_namespace(|| {
        let folder = Folder::new();
        let path = folder.path();
        for (label, severity, end) in [
            (
                "system_u:object_r:keepalived_unconfined_script_exec_t:s0",
                "ok      ",
                "\n",
            ),
            (
                "system_u:object_r:bin_t:s0",
                "note    ",
                ": keepalived would run it in its own domain\n",
            ),
        ] {
            let program = path.join("listenup");
            let flags = rustix::fs::XattrFlags::empty();
            let value = format!("{label}\0");
            rustix::fs::setxattr(&program, "security.selinux", value.as_bytes(), flags).unwrap();
            let said = doctor(path, "--user root").exits(0);
            let line = format!("{severity} FOLDER/listenup: SELinux label {label}{end}");
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
        let problem = "problem  FOLDER/a/listenup: lies on a file system mounted noexec\n         \
                       it cannot be executed, which keepalived counts as success: install it elsewhere\n";
        assert!(findings(&said.exits(1), path).contains(problem));
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
                    .any(|flag| call.contains(flag)),
                "socket" => call.contains("AF_NETLINK"),
                "write" => call.contains("write(1, "),
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
                    "fork",
                    "vfork",
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
            "error: a value is required for '--keepalived-conf <FILE>'",
        ),
        ("doctor -q", "error: unexpected argument '-q' found"),
    ] {
        listenup(line).exits(1).stdout("").stderr_has(error);
    }
    // A stream that is closed changes nothing.
    sh(r#"exec "$0" doctor --user nosuchuser >&-"#)
        .exits(1)
        .stderr("");
}
