//! `listenup doctor --rewrite`: what is replaced means the same or is stricter for a reason that is printed, and what is
//! not understood whole stays.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::any::Any;
use std::collections::HashMap;
use std::fs;
use std::net::UdpSocket;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use common::doctor::doctor;
use common::keepalived::Folder;
use common::program::{ProgramOutput, example};
use common::scripts::{Check, command, script, succeeds, write};
use common::sockets::{connect, listen, listen_with};
use common::{in_namespace, ip};

/// Checks, and the arguments of listenup that replace them.
const REPLACED: &[(Check, &str)] = &[
    (
        script("plain", "#!/bin/sh\nnetstat -tln | grep ':443 '\n"),
        "443",
    ),
    (
        script(
            "quiet",
            "#!/bin/bash\nss -lnt | grep -q ':443\\b' || exit 1\nexit 0\n",
        ),
        "443",
    ),
    (
        script(
            "whole",
            "#!/bin/sh\nnetstat -ntl|grep -w 443 >/dev/null 2>&1\nexit $?\n",
        ),
        "443",
    ),
    (
        script("loose", "#!/bin/sh\nnetstat -tln | grep 443\n"),
        "443",
    ),
    (
        script(
            "count",
            "#!/bin/bash\nn=$(netstat -na|grep \"LISTEN\"|grep \"443\"|wc -l)\nif [ \"${n}\" -eq 0 ]\nthen\n  exit 1\nfi\n",
        ),
        "443",
    ),
    (
        Check {
            name: "copied",
            text: "#!/bin/bash\nP=$1\nif [ -n \"$P\" ];then\n  N=`ss -lnt|grep $P|wc -l`\n  if [ $N -eq 0 ];then\n    \
                   echo \"nothing on $P\"\n    exit 1\n  fi\nelse\n  echo \"which port?\"\nfi\n",
            words: &["443"],
        },
        "443",
    ),
    (
        command(
            "inline",
            &[
                "/bin/bash",
                "-c",
                "if [[ $(netstat -nlp | grep 443) ]]; then exit 0; else exit 1; fi",
            ],
        ),
        "--any 443 udp:443",
    ),
    (
        command(
            "connection",
            &["/bin/nc", "-z", "-w", "1", "127.0.0.1", "443"],
        ),
        "127.0.0.1:443",
    ),
    (
        command(
            "lsof",
            &["/usr/bin/lsof", "-nP", "-iTCP:443", "-sTCP:LISTEN"],
        ),
        "443",
    ),
    (
        script("lsof_any", "#!/bin/sh\nlsof -i:443 >/dev/null\n"),
        "--any 443 udp:443",
    ),
    (
        script("dev_tcp", "#!/bin/bash\n</dev/tcp/127.0.0.1/443\n"),
        "127.0.0.1:443",
    ),
    (
        script(
            "timeout",
            "#!/bin/sh\ntimeout 1 bash -c '</dev/tcp/localhost/443' || exit 1\n",
        ),
        "127.0.0.1:443",
    ),
    (
        script("udp", "#!/bin/sh\nss -uln | grep -q ':443 '\n"),
        "udp:443",
    ),
    (
        script(
            "both",
            "#!/bin/bash\nnetstat -tulpn | grep -q ':443 ' || exit 1\n",
        ),
        "--any 443 udp:443",
    ),
    (
        script(
            "filter",
            "#!/bin/sh\n[ -n \"$(ss -Hltn 'sport = :443')\" ]\n",
        ),
        "443",
    ),
    (
        script("connections", "#!/bin/sh\nss -ant | grep ':443 '\n"),
        "443",
    ),
    (
        script(
            "two",
            "#!/bin/bash\nnc -z localhost 80 && nc -z localhost 443\n",
        ),
        "127.0.0.1:80 127.0.0.1:443",
    ),
    (
        script(
            "two_exits",
            "#!/bin/sh\nss -tln | grep -q ':80 ' || exit 1\nss -tln | grep -q ':443 ' || exit 1\n",
        ),
        "80 443",
    ),
    (
        script(
            "either",
            "#!/bin/sh\nss -tln | grep -q ':80 ' || ss -tln | grep -q ':443 '\n",
        ),
        "--any 80 443",
    ),
    (
        script(
            "negated",
            "#!/bin/sh\nif ! ss -tln | grep -q ':443 '; then exit 1; fi\n",
        ),
        "443",
    ),
    (
        script(
            "status",
            "#!/bin/sh\nss -tln | grep -q ':443 '\nif [ $? -ne 0 ]; then\n  exit 1\nfi\n",
        ),
        "443",
    ),
    (
        script(
            "block",
            "#!/bin/sh\nset -eu\nss -tln | grep ':443 ' >/dev/null || { echo down; exit 1; }\n",
        ),
        "443",
    ),
    (
        script(
            "errors",
            "#!/bin/sh\nset -e\nss -tln | grep ':443 ' >/dev/null\necho up\n",
        ),
        "443",
    ),
    (
        script(
            "owner",
            "#!/bin/bash\nss -lntp | grep ':443 ' | grep -q haproxy\n",
        ),
        "--owner-process haproxy 443",
    ),
    (
        script(
            "variables",
            "#!/bin/sh\nPORT=443\nss -tln | grep -q \":${PORT} \"\n",
        ),
        "443",
    ),
    (
        command(
            "no_shell",
            &["/usr/bin/netstat", "-tln", "|", "grep", "443"],
        ),
        "443",
    ),
    (
        script(
            "never_executed",
            "#!/usr/nowhere/bash\nss -tln | grep -q ':443 '\n",
        ),
        "443",
    ),
];

/// What opens listeners, and keeps them open with its value.
type Open = Box<dyn FnOnce(&Folder) -> Box<dyn Any>>;

/// Listeners, in words.
fn situations() -> Vec<(&'static str, Open)> {
    fn situation<T: 'static>(open: impl FnOnce(&Folder) -> T + 'static) -> Open {
        Box::new(|folder| Box::new(open(folder)))
    }
    vec![
        ("nothing", situation(|_| ())),
        ("IPv4", situation(|_| listen("0.0.0.0", 443))),
        ("both families", situation(|_| listen("::", 443))),
        (
            "a socket for each family",
            situation(|_| {
                [
                    listen_with("::", 443, |socket| socket.set_only_v6(true).unwrap()),
                    listen("0.0.0.0", 443),
                ]
            }),
        ),
        ("127.0.0.1", situation(|_| listen("127.0.0.1", 443))),
        ("::1", situation(|_| listen("::1", 443))),
        ("another address", situation(|_| listen("192.0.2.1", 443))),
        (
            "UDP",
            situation(|_| UdpSocket::bind("0.0.0.0:443").unwrap()),
        ),
        (
            "another port",
            situation(|_| [listen("0.0.0.0", 8443), listen("0.0.0.0", 80)]),
        ),
        (
            "two ports",
            situation(|_| [listen("0.0.0.0", 443), listen("0.0.0.0", 80)]),
        ),
        (
            "a connection",
            situation(|_| {
                let listener = listen("127.0.0.1", 9999);
                (connect(&listener, 443), listener)
            }),
        ),
        ("another program", situation(haproxy)),
    ]
}

struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A listener by a process that is called haproxy.
fn haproxy(folder: &Folder) -> Program {
    let program = folder.path().join("haproxy");
    fs::copy(example("listener"), &program).unwrap();
    let mut command = Command::new(program);
    let mut child = command
        .arg("0.0.0.0:443")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut stdout = std::io::BufReader::new(child.stdout.as_mut().unwrap());
    std::io::BufRead::read_line(&mut stdout, &mut line).unwrap();
    Program(child)
}

#[test]
fn replacements_are_equivalent_or_stricter_with_a_reason() {
    let folder = Folder::new();
    let checks: Vec<Check> = REPLACED
        .iter()
        .filter(|(_, by)| !by.is_empty())
        .map(|(check, _)| *check)
        .collect();
    let path = write(&folder, &checks);
    let said = doctor(folder.path(), &format!("--rewrite {}", path.display())).exits(0);
    apply(&said, Path::new("/"));
    let new = fs::read_to_string(&path).unwrap();
    let program = folder.path().join("listenup").display().to_string();
    let mut pairs = Vec::new();
    for (check, by) in REPLACED.iter().filter(|(_, by)| !by.is_empty()) {
        let expected = format!(
            "vrrp_script {} {{\n script \"{program} check -q {by}\"\n",
            check.name
        );
        assert!(new.contains(&expected), "{}\n{new}", check.name);
        let words = format!("{program} check -q {by}");
        pairs.push((
            check.name,
            check.argv(folder.path()),
            words.split(' ').map(str::to_owned).collect::<Vec<_>>(),
        ));
    }
    in_namespace(move || {
        ip("address add 192.0.2.1/32 dev lo");
        let mut differences = 0;
        for (situation, open) in situations() {
            let _open = open(&folder);
            for (name, old, new) in &pairs {
                // keepalived counts what it cannot execute as success.
                let old = *name == "never_executed" || succeeds(old);
                let new = succeeds(new);
                if old != new {
                    assert!(old, "{name} became weaker with {situation}");
                    let reason = said
                        .stderr
                        .lines()
                        .find(|line| line.contains(&format!(": {name}: ")));
                    assert!(
                        reason.is_some(),
                        "{name} became stricter with {situation}, and nothing says why"
                    );
                    differences += 1;
                }
            }
        }
        assert!(differences >= 8, "{differences}");
        // A full queue or a firewall stops a connection alone.
        let looser = |name: &str| said.stderr.contains(&format!(": {name}: looser: "));
        assert!(looser("dev_tcp") && !looser("variables"), "{}", said.stderr);
    });
}

/// Scripts that stay, and a part of the reason.
const LEFT: &[(Check, &str)] = &[
    (
        script(
            "state",
            "#!/bin/sh\nss -Htn state listening sport = :443 | grep -q ':443 '\n",
        ),
        "state.sh:2",
    ),
    (
        script(
            "elif",
            "#!/bin/sh\nif [ ! -n \"$(ss -tln | grep ':443 ')\" ]; then exit 3; elif true; then exit 0; fi\nexit 1\n",
        ),
        "elif.sh:2",
    ),
    (
        script("option", "#!/bin/sh -e\nss -tln | grep ':443 '\nexit 0\n"),
        "option.sh:1",
    ),
    (
        script(
            "variable_status",
            "#!/bin/bash\nPATH=/usr/bin:/bin\nn=1\nss -tln | grep -q ':443 ' && n=0\nexit $n\n",
        ),
        "variable_status.sh:2",
    ),
    (
        script(
            "loop_for",
            "#!/bin/sh\nfor p in 80 443; do\n ss -tln | grep -q \":$p \" || exit 1\ndone\n",
        ),
        "loop_for.sh:2",
    ),
    (
        script(
            "separator",
            "#!/bin/bash\nIFS=4\nPORT=443\nss -tln | grep $PORT\n",
        ),
        "separator.sh:2",
    ),
    (
        script(
            "other_path",
            "#!/bin/bash\nPATH=/nowhere\nss -tln | grep ':443 '\n",
        ),
        "other_path.sh:2",
    ),
    (
        script("order", "#!/bin/sh\nss -tln | grep '443.*LISTEN'\n"),
        "order.sh:2",
    ),
    (
        script("header", "#!/bin/sh\n[ $(lsof -i:443 | wc -l) -eq 2 ]\n"),
        "header.sh:2",
    ),
    (
        script(
            "alias",
            "#!/bin/bash\nalias grep='grep -v'\nss -tln | grep ':443 '\n",
        ),
        "alias.sh:2",
    ),
    (
        script(
            "one",
            "#!/bin/bash\nS=$(netstat -antepul | grep 443 | grep -i listen | wc -l)\nif [ \"$S\" = \"1\" ]; then\n exit 0\nelse\n exit 1\nfi\n",
        ),
        "it can fail while the port is open",
    ),
    (
        script(
            "pipefail",
            "#!/bin/bash\nset -euo pipefail\nss -tln | grep -q ':443 '\n",
        ),
        "it can fail while the port is open",
    ),
    (
        script("first_match", "#!/bin/sh\nss -tln | grep -m 1 443\n"),
        "not understood: FOLDER/first_match.sh:2",
    ),
    (
        script("inverted", "#!/bin/sh\n! ss -tln | grep -q ':443 '\n"),
        "not understood: FOLDER/inverted.sh",
    ),
    (
        script(
            "inverted_count",
            "#!/bin/sh\n[ $(ss -tln | grep -c ':443 ') -eq 0 ]\n",
        ),
        "not understood: FOLDER/inverted_count.sh",
    ),
    (
        script(
            "inverted_and",
            "#!/bin/sh\nss -tln | grep -q ':443 ' && exit 1\nexit 0\n",
        ),
        "not understood: FOLDER/inverted_and.sh",
    ),
    (
        script("always", "#!/bin/sh\nss -tln | grep -q ':443 ' || echo 1\n"),
        "its result does not say",
    ),
    (
        script("never", "#!/bin/sh\nss -tln | grep -q ':443 '\nexit 1\n"),
        "not understood: FOLDER/never.sh",
    ),
    (
        script("wc", "#!/bin/sh\nss -tln | grep ':443 ' | wc -l\n"),
        "its result does not say",
    ),
    (
        script(
            "maintenance",
            "#!/bin/bash\n[ ! -f /etc/maintenance ] || exit 1\nss -lnt | grep -q ':443 ' || exit 1\n",
        ),
        "maintenance.sh:2",
    ),
    (
        script(
            "and_file",
            "#!/bin/bash\nif [[ $(netstat -ant | grep LISTEN | grep ':80 ') ]] && [[ -f /x ]]; then\n exit 0\nelse\n exit 1\nfi\n",
        ),
        "and_file.sh:2",
    ),
    (
        script(
            "name_only",
            "#!/bin/sh\nnetstat -tln | grep ':443 ' | grep nginx\n",
        ),
        "name_only.sh:2",
    ),
    (
        script("without", "#!/bin/sh\nnetstat -tln | grep -v 443\n"),
        "without.sh:2",
    ),
    (
        script("remote", "#!/bin/sh\nnc -z 192.0.2.99 443\n"),
        "remote.sh:2",
    ),
    (
        script("name_of_host", "#!/bin/sh\nnc -z db 443\n"),
        "name_of_host.sh:2",
    ),
    (
        script("routes", "#!/bin/sh\nnetstat -rn | grep 443\n"),
        "routes.sh:2",
    ),
    (
        script(
            "two_ports",
            "#!/bin/sh\nss -tln | grep ':80 ' | grep ':443 '\n",
        ),
        "two_ports.sh:2",
    ),
    (
        script("either_port", "#!/bin/sh\nss -tln | grep -E ':80|:443'\n"),
        "either_port.sh:2",
    ),
    (
        script("address", "#!/bin/sh\nss -tln | grep '127.0.0.1:443 '\n"),
        "address.sh:2",
    ),
    (
        script(
            "acts",
            "#!/bin/sh\nss -tln | grep -q ':443 ' || systemctl restart haproxy\n",
        ),
        "it also runs systemctl restart haproxy",
    ),
    (
        script(
            "logs",
            "#!/bin/sh\nss -tln | grep -q ':443 ' || { logger down; exit 1; }\n",
        ),
        "logs.sh:2",
    ),
    (
        script(
            "writes",
            "#!/bin/sh\nss -tln | grep -q ':443 ' || { echo x >>/tmp/x; exit 1; }\n",
        ),
        "writes.sh:2",
    ),
    (
        script(
            "sleeps",
            "#!/bin/sh\nss -tln | grep -q ':443 ' && exit 0\nsleep 1\nexit 1\n",
        ),
        "sleeps.sh:3",
    ),
    (
        script(
            "mixed",
            "#!/bin/sh\nss -tln | grep -q ':80 ' && exit 0\nss -tln | grep -q ':81 ' && ss -tln | grep -q ':82 '\n",
        ),
        "not understood: FOLDER/mixed.sh",
    ),
    (
        script(
            "function",
            "#!/bin/sh\nf() { ss -tln | grep -q ':443 '; }\nf || exit 1\n",
        ),
        "function.sh:2",
    ),
    (
        script(
            "loop",
            "#!/bin/sh\nwhile true; do ss -tln | grep -q ':443 ' && exit 0; done\n",
        ),
        "loop.sh:2",
    ),
    (
        script(
            "cases",
            "#!/bin/sh\ncase \"$(ss -tln | grep ':443 ')\" in ?*) exit 0;; esac\nexit 1\n",
        ),
        "cases.sh:2",
    ),
    (
        script(
            "here",
            "#!/bin/sh\ncat <<E\nss -tln | grep -q ':443 '\nE\nnc -z 127.0.0.1 443\n",
        ),
        "here.sh:2",
    ),
    (
        script(
            "subshell",
            "#!/bin/sh\n(ss -tln | grep -q ':443 ') || exit 1\n",
        ),
        "subshell.sh:2",
    ),
    (
        script(
            "background",
            "#!/bin/sh\nss -tln | grep -q ':443 ' &\nwait\n",
        ),
        "background.sh:2",
    ),
    (
        script(
            "in_dash",
            "#!/bin/sh\nss -tln | grep -q ':443 ' &>/dev/null\n",
        ),
        "in_dash.sh:2",
    ),
    (
        script(
            "brackets_in_dash",
            "#!/bin/sh\n[[ $(ss -tln | grep ':443 ') ]]\n",
        ),
        "brackets_in_dash.sh:2",
    ),
    (
        script(
            "awk",
            "#!/bin/sh\nss -tln | awk '{print $4}' | grep -q ':443$'\n",
        ),
        "awk.sh:2",
    ),
    (
        script("unset", "#!/bin/sh\nss -tln | grep -q \":$PORT \"\n"),
        "unset.sh:2",
    ),
    (
        script("split", "#!/bin/sh\n[ -n $(ss -tln | grep ':443 ') ]\n"),
        "split.sh:2",
    ),
    (
        script(
            "more_than_one",
            "#!/bin/sh\n[ $(ss -tln | grep -c ':443 ') -gt 2 ]\n",
        ),
        "more_than_one.sh:2",
    ),
    (
        script(
            "carriage",
            "#!/bin/sh\nss -tln | grep -q ':443 ' || exit 1\r\n",
        ),
        "carriage.sh:2",
    ),
    (
        script("no_listeners", "#!/bin/sh\nss -tn | grep -q ':443 '\n"),
        "no_listeners.sh:2",
    ),
    (
        script("family", "#!/bin/sh\nss -4tln | grep -q ':443 '\n"),
        "family.sh:2",
    ),
    (
        script(
            "netstat_owner",
            "#!/bin/sh\nnetstat -tlnp | grep ':443 ' | grep haproxy\n",
        ),
        "cannot express",
    ),
    (
        script("by_name", "#!/bin/sh\nss -tl | grep -q 443\n"),
        "it always fails",
    ),
    (
        script("process", "#!/bin/sh\npidof haproxy\n"),
        "it looks for a process",
    ),
    (
        script(
            "other_language",
            "#!/usr/bin/python3\nimport os\nos.system('ss -tln | grep 443')\n",
        ),
        "",
    ),
    (
        script("dash_tcp", "#!/bin/dash\n</dev/tcp/127.0.0.1/443\n"),
        "it always fails",
    ),
    (
        command("no_shell_ss", &["/usr/bin/ss", "-tln", "|", "grep", "443"]),
        "it always fails",
    ),
    (
        command(
            "unquoted",
            &["/bin/sh", "-c", "netstat", "-tln", "|", "grep", "443"],
        ),
        "not understood",
    ),
];

#[test]
fn checks_that_are_not_fully_understood_stay() {
    let folder = Folder::new();
    let checks: Vec<Check> = LEFT.iter().map(|(check, _)| *check).collect();
    let path = write(&folder, &checks);
    let said = doctor(folder.path(), &format!("--rewrite {}", path.display()))
        .exits(1)
        .stdout("");
    let shown = folder.path().display().to_string();
    let mut reasons = HashMap::new();
    for line in said.stderr.lines() {
        let mut parts = line.splitn(5, ": ").skip(2);
        reasons.insert(
            parts.next().unwrap(),
            parts.next().unwrap_or_default().to_owned() + ": " + parts.next().unwrap_or_default(),
        );
    }
    for (check, reason) in LEFT {
        let said = reasons
            .get(check.name)
            .map_or("", String::as_str)
            .replace(&shown, "FOLDER");
        assert!(said.contains(reason), "{}: {said:?}", check.name);
    }
}

#[test]
fn another_user_cannot_see_owners() {
    let folder = Folder::new();
    let path = write(
        &folder,
        &[script(
            "chk",
            "#!/bin/sh\nss -lntp | grep ':443 ' | grep -q haproxy\n",
        )],
    );
    let conf = fs::read_to_string(&path).unwrap();
    fs::write(
        &path,
        conf.replace("script_user root", "script_user nobody"),
    )
    .unwrap();
    doctor(folder.path(), &format!("--rewrite {}", path.display()))
        .exits(1)
        .stdout("")
        .stderr_has("chk: --owner-process requires root");
}

/// Applies a patch below a folder.
#[track_caller]
fn apply(said: &ProgramOutput, root: &Path) {
    let patch = tempfile::NamedTempFile::new().unwrap();
    fs::write(patch.path(), &said.stdout).unwrap();
    let mut command = Command::new("patch");
    command
        .arg("-p0")
        .arg("-d")
        .arg(root)
        .arg("-i")
        .arg(patch.path());
    ProgramOutput::by(&mut command).exits(0).stderr("");
}

const SCRIPT: &str = "vrrp_script chk {\n script \"/usr/bin/nc -z 127.0.0.1 443\"\n}\n";

#[test]
fn the_patch_fits_files_with_odd_names_and_bytes() {
    let folder = Folder::new();
    let odd = folder.path().join("two words \u{fc}");
    fs::create_dir(&odd).unwrap();
    let (main, included) = (odd.join("keepalived.conf"), odd.join("a b.conf"));
    let latin = [b"# caf\xe9\n", SCRIPT.as_bytes(), b"# last line \xfc"].concat();
    fs::write(&included, &latin).unwrap();
    fs::write(&main, SCRIPT.replace("chk", "main") + "include a*.conf\n").unwrap();
    let link = odd.join("link.conf");
    symlink(&main, &link).unwrap();

    let mut command = Command::new(folder.path().join("listenup"));
    let output = command
        .args(["doctor", "--rewrite"])
        .arg(&link)
        .output()
        .unwrap();
    let patch = folder.path().join("patch");
    fs::write(&patch, &output.stdout).unwrap();
    let mut command = Command::new("patch");
    command.args(["-p0", "-d/", "-i"]).arg(&patch);
    ProgramOutput::by(&mut command).exits(0).stderr("");
    for path in [&main, &included] {
        let bytes = fs::read(path).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(
            text.contains("check -q 127.0.0.1:443\""),
            "{path:?}: {text}"
        );
    }
    let bytes = fs::read(&included).unwrap();
    assert!(bytes.starts_with(b"# caf\xe9\n") && bytes.ends_with(b"# last line \xfc"));
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
}

#[test]
fn a_file_with_control_characters_is_not_rewritten() {
    let folder = Folder::new();
    let path = folder.path().join("keepalived.conf");
    for bytes in [
        &b"# \x1b]0;title\x07\n"[..],
        b"# \xc2\x9b2J\n",
        b"# \x9b2J\n",
        b"# \rx\n",
    ] {
        fs::write(&path, [bytes, SCRIPT.as_bytes()].concat()).unwrap();
        let said = doctor(folder.path(), &format!("--rewrite {}", path.display()))
            .exits(1)
            .stdout("");
        assert!(
            said.stderr
                .contains("left as it is: line 1 has control characters"),
            "{said:#?}"
        );
        assert!(!said.stderr.as_bytes().contains(&0x1b));
    }
    let name = std::ffi::OsStr::from_bytes(b"\x1b[2J.conf");
    fs::write(folder.path().join(name), SCRIPT).unwrap();
    let mut command = Command::new(folder.path().join("listenup"));
    let said = ProgramOutput::by(
        command
            .args(["doctor", "--rewrite"])
            .arg(folder.path().join(name)),
    );
    assert!(
        !said.stdout.contains('\x1b') && !said.stderr.contains('\x1b'),
        "{said:#?}"
    );
}

#[test]
fn a_missing_file_or_one_without_checks_is_reported() {
    let folder = Folder::new();
    for file in ["/nonexistent.conf", "/dev/zero"] {
        let said = doctor(folder.path(), &format!("--rewrite {file}"))
            .exits(1)
            .stdout("");
        assert!(
            said.stderr
                .starts_with(&format!("listenup: {file} cannot be read: ")),
            "{said:#?}"
        );
    }
    let script = folder.path().join("check.sh");
    for text in [
        "#!/bin/sh\nnc -z 127.0.0.1 443\n",
        "if ! pidof nginx; then\n exit 1\nfi\n",
    ] {
        fs::write(&script, text).unwrap();
        doctor(folder.path(), &format!("--rewrite {}", script.display()))
            .exits(1)
            .stdout("")
            .stderr_has("check.sh is not a configuration of keepalived; for a script, name the keepalived.conf");
    }
    let path = folder.path().join("plain.conf");
    fs::write(&path, "global_defs {\n}\n").unwrap();
    doctor(folder.path(), &format!("--rewrite {}", path.display()))
        .exits(0)
        .stdout("")
        .stderr("");
}
