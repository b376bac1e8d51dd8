//! Checks by other programs: what the doctor reports about them happens with the real keepalived, and its fixes, applied
//! as they are written, make checks that keepalived runs as they were meant.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::collections::HashMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use listenup::commands::doctor::codes;

use common::doctor::{Found, conf_with, findings_of};
use common::in_namespace;
use common::keepalived::{Folder, Keepalived};
use common::node::Node;
use common::scripts::{Check, address, command, conf, script};
use common::sockets::{listen, listen_with};

/// How a finding is fixed.
#[derive(Clone, Copy)]
enum Fix {
    /// The fix is a line for keepalived.conf; PORT in it is 443.
    Line,
    /// The fix says to replace this in the script.
    Replace(&'static str, &'static str),
    /// The fix is to be looked up; this script is what is found.
    Text(&'static str),
    /// The fix is a line that is added to the block.
    Added(&'static str),
}

/// One kind of finding.
struct Case {
    check: Check,
    /// A line in the block of the check.
    line: &'static str,
    /// Whether the node has the address with the port open, and with it closed. `None`: it is not run as it is.
    before: Option<[bool; 2]>,
    severity: &'static str,
    /// Parts of the effect, of the cause and of the fix.
    says: [&'static str; 3],
    fix: Fix,
}

const fn case(
    check: Check,
    before: Option<[bool; 2]>,
    severity: &'static str,
    says: [&'static str; 3],
    fix: Fix,
) -> Case {
    Case {
        check,
        line: "",
        before,
        severity,
        says,
        fix,
    }
}

const KEPT: Option<[bool; 2]> = Some([true, true]);
const LOST: Option<[bool; 2]> = Some([false, false]);
const WELL: Option<[bool; 2]> = Some([true, false]);
/// A port with 443 in it is open all the time.
const CASES: &[Case] = &[
    case(
        command(
            "netstat_pipe",
            &["/usr/bin/netstat", "-tln", "|", "grep", "443"],
        ),
        KEPT,
        "problem",
        [
            "netstat exits with 0 whether or not the port is open: this node keeps the address",
            "keepalived starts no shell, so netstat gets \"|\"",
            "check -q 443\"",
        ],
        Fix::Line,
    ),
    case(
        command("ss_pipe", &["/usr/bin/ss", "-tln", "|", "grep", ":443 "]),
        LOST,
        "problem",
        [
            "ss exits with an error on every run: this node stays in FAULT without the address",
            "ss gets \"|\"",
            "check -q 443\"",
        ],
        Fix::Line,
    ),
    case(
        command(
            "operator",
            &[
                "/bin/grep",
                "-q",
                ":01BB 00000000:0000 0A",
                "/proc/net/tcp",
                "||",
                "exit",
                "1",
            ],
        ),
        WELL,
        "note",
        [
            "grep gets \"||\" and the words after it as arguments",
            "keepalived starts no shell",
            "into a script that begins with #!/bin/sh and exits with 0 or 1",
        ],
        Fix::Text("#!/bin/sh\ngrep -q ':01BB 00000000:0000 0A' /proc/net/tcp || exit 1\n"),
    ),
    case(
        command(
            "first_word",
            &["/bin/sh", "-c", "netstat", "-tln", "|", "grep", ":443 "],
        ),
        KEPT,
        "problem",
        [
            "sh -c runs \"netstat\" alone",
            "one word",
            "into a script that begins with #!/bin/sh",
        ],
        Fix::Text("#!/bin/sh\nnetstat -tln | grep ':443 '\n"),
    ),
    case(
        script("loose", "#!/bin/sh\nnetstat -tln | grep 443\n"),
        KEPT,
        "problem",
        [
            "grep 443 also matches port 8443: if 443 is closed and 8443 is open, this node keeps the address",
            "loose.sh: nothing limits the number",
            "check -q 443\"",
        ],
        Fix::Line,
    ),
    case(
        script(
            "loose_in_place",
            "#!/bin/sh\nnetstat -tlnp | grep 443 | grep -q doctor_third\n",
        ),
        KEPT,
        "problem",
        ["also matches port 8443", "", "write grep ':443 ' there"],
        Fix::Replace("grep 443", "grep ':443 '"),
    ),
    case(
        script(
            "connections",
            "#!/bin/sh\nnetstat -antp | grep ':443 ' | grep -q doctor_third\n",
        ),
        None,
        "problem",
        [
            "a connection from or to any port 443 counts as a listener",
            "neither -l nor LISTEN",
            "insert | grep LISTEN after netstat and its options",
        ],
        Fix::Replace("netstat -antp", "netstat -antp | grep LISTEN"),
    ),
    case(
        script(
            "one",
            "#!/bin/bash\nS=$(ss -tln | grep ':443 ' | wc -l)\nif [ \"$S\" = \"1\" ]; then\n exit 0\nelse\n exit 1\nfi\n",
        ),
        LOST,
        "problem",
        [
            "a service that listens on IPv4 and IPv6 has two lines",
            "one.sh:3: a number of lines is compared with 1",
            "check -q 443\"",
        ],
        Fix::Line,
    ),
    case(
        script(
            "pipefail",
            "#!/bin/bash\nset -euo pipefail\nss -tlnp | grep -q ':443 '\n",
        ),
        None,
        "problem",
        [
            "ss | grep -q fails at random while the port is open; if the check fails with it, this node fails over",
            "pipefail.sh:3: grep -q exits at the first match, ss is killed",
            "check -q 443\"",
        ],
        Fix::Line,
    ),
    case(
        script("echo", "#!/bin/sh\nss -tln | grep -q ':443 ' || echo 1\n"),
        KEPT,
        "problem",
        [
            "exits with 0 whether or not 443 is there: this node keeps the address",
            "keepalived does not see what a script prints",
            "write exit 1 where 443 is not found",
        ],
        Fix::Replace("echo 1", "exit 1"),
    ),
    case(
        script("process", "#!/bin/sh\npgrep doctor_third >/dev/null\n"),
        KEPT,
        "note",
        [
            "as long as a process doctor_third exists, even one that does not listen, this node keeps the address",
            "pgrep looks for a process",
            "check -q PORT\" with that port",
        ],
        Fix::Line,
    ),
    case(
        script(
            "chk_itself",
            "#!/bin/sh\nn=$(ps -ef | grep chk_itself | grep -v grep | wc -l)\n[ $n -gt 0 ] || exit 1\n",
        ),
        KEPT,
        "problem",
        [
            "always succeeds: this node keeps the address",
            "ps looks for chk_itself, and finds keepalived or the check script itself",
            "check -q PORT\" with that port",
        ],
        Fix::Line,
    ),
    case(
        command("killall", &["/usr/bin/killall", "-0", "keepalived"]),
        KEPT,
        "problem",
        [
            "always succeeds",
            "killall looks for keepalived",
            "check -q PORT\"",
        ],
        Fix::Line,
    ),
    Case {
        line: "user nobody",
        ..case(
            command("nobody", &["/usr/bin/killall", "-0", "keepalived"]),
            LOST,
            "problem",
            [
                "fails while keepalived runs as another user than nobody: this node stays in FAULT",
                "user nobody can send signals",
                "check -q PORT\"",
            ],
            Fix::Line,
        )
    },
    Case {
        line: "user nobody",
        ..case(
            script(
                "owner",
                "#!/bin/sh\nss -lntp | grep ':443 ' | grep -q doctor_third\n",
            ),
            LOST,
            "problem",
            [
                "fails while the service runs as another user than nobody",
                "ss shows the sockets of other users' processes",
                "add the line user root",
            ],
            Fix::Added("user root"),
        )
    },
    case(
        script("by_name", "#!/bin/sh\nss -tl | grep -q ':443 '\n"),
        LOST,
        "problem",
        [
            "an open port 443 is not found: unless another line matches, this node stays in FAULT",
            "without -n prints port 443 by its name, https",
            "check -q 443\"",
        ],
        Fix::Line,
    ),
    case(
        script(
            "slow",
            "#!/bin/sh\nss -tln | grep -q ':443 ' || exit 1\nsleep 5\n",
        ),
        LOST,
        "problem",
        [
            "a run that executes sleep 5 exceeds the timeout of 2s, which counts as a failure: this node fails over",
            "slow.sh:3",
            "remove sleep from the script",
        ],
        Fix::Replace("sleep 5\n", ""),
    ),
    case(
        script(
            "acts",
            "#!/bin/sh\nss -tln | grep -q ':443 ' || { /etc/init.d/listenup-nothing restart; exit 1; }\n",
        ),
        WELL,
        "note",
        [
            "the check does more than look: it contains /etc/init.d/listenup-nothing restart",
            "acts.sh:2",
            "let systemd restart a service",
        ],
        Fix::Replace("/etc/init.d/listenup-nothing restart; ", ""),
    ),
    // Nobody stops the keepalived of this machine: the script is run with its fix only.
    case(
        script(
            "stops",
            "#!/bin/bash\nN=`ss -lnt|grep ':443 '|wc -l`\nif [ $N -eq 0 ];then\n  echo nothing\n  systemctl stop keepalived\nfi\n",
        ),
        None,
        "note",
        [
            "the check contains systemctl stop keepalived: after it all addresses leave this node",
            "stops.sh:5",
            "write exit 1 in place of that command",
        ],
        Fix::Replace("systemctl stop keepalived", "exit 1"),
    ),
    case(
        command("dev_tcp", &["</dev/tcp/127.0.0.1/443"]),
        LOST,
        "problem",
        [
            "fails on every run: this node stays in FAULT",
            "/dev/tcp is a feature of bash",
            "check -q 127.0.0.1:443\"",
        ],
        Fix::Line,
    ),
    case(
        command("nc", &["/bin/nc", "-z", "127.0.0.1", "443"]),
        WELL,
        "note",
        [
            "a service that is too busy to take a connection counts as down: this node fails over",
            "nc makes a connection",
            "check -q 127.0.0.1:443\"",
        ],
        Fix::Line,
    ),
    case(
        script("netstat", "#!/bin/sh\nnetstat -tln | grep ':443 '\n"),
        WELL,
        "note",
        [
            "netstat slows down with every connection on the host; a run that exceeds 2s counts as a failure",
            "reads the table of all sockets",
            "check -q 443\"",
        ],
        Fix::Line,
    ),
    case(
        script("no_interpreter", "ss -tln | grep -q ':443 ' || exit 1\n"),
        KEPT,
        "problem",
        [
            "no_interpreter.sh is never executed, which keepalived counts as success: this node keeps the address",
            "does not begin with #!",
            "make this the first line of FOLDER/no_interpreter.sh: #!/bin/bash",
        ],
        Fix::Replace("ss -tln", "#!/bin/bash\nss -tln"),
    ),
    case(
        script(
            "carriage",
            "#!/bin/sh\r\nss -tln | grep -q ':443 ' || exit 1\r\n",
        ),
        KEPT,
        "problem",
        [
            "is never executed",
            "its lines end as on Windows",
            "sed -i 's/\\r$//' FOLDER/carriage.sh",
        ],
        Fix::Replace("\r", ""),
    ),
    case(
        script(
            "interpreter",
            "#!/usr/local/bin/nosuchshell\nss -tln | grep -q ':443 ' || exit 1\n",
        ),
        KEPT,
        "problem",
        [
            "is never executed",
            "its interpreter /usr/local/bin/nosuchshell does not exist",
            "install /usr/local/bin/nosuchshell, or name the interpreter",
        ],
        Fix::Replace("/usr/local/bin/nosuchshell", "/bin/sh"),
    ),
    case(
        command("bare", &["nosuchcheck", "443"]),
        KEPT,
        "problem",
        [
            "keepalived never runs it: it causes no failover",
            "none of the folders",
            "install nosuchcheck, or write its whole path",
        ],
        Fix::Text("#!/bin/sh\nss -tln | grep -q ':443 ' || exit 1\n"),
    ),
];

/// Runs keepalived, and looks which instances have their address with the port open and with it closed.
fn run(folder: &Path, expected: &[(&'static str, [bool; 2])]) {
    let started = folder.join("keepalived");
    let expected = expected.to_vec();
    in_namespace(move || {
        let node = Node::new();
        node.plug("eth0", "to-eth0", &["192.0.2.1/24"]);
        let _other = node.run(|| listen("0.0.0.0", 8443));
        let open = |node: &Node| {
            node.run(|| {
                [
                    listen("0.0.0.0", 443),
                    listen_with("::", 443, |socket| socket.set_only_v6(true).unwrap()),
                ]
            })
        };
        let service = open(&node);
        let log = started.with_extension("log");
        let _keepalived = node.run(move || Keepalived::start(started, false));
        await_addresses(&node, &expected, 0, &log);
        drop(service);
        await_addresses(&node, &expected, 1, &log);
        let _service = open(&node);
        await_addresses(&node, &expected, 0, &log);
    });
}

#[track_caller]
fn await_addresses(node: &Node, expected: &[(&'static str, [bool; 2])], phase: usize, log: &Path) {
    let deadline = Instant::now() + Duration::from_secs(40);
    let mut since = None;
    loop {
        let shown = node.run(|| {
            Command::new("ip")
                .args(["-o", "-4", "address", "show", "dev", "eth0"])
                .output()
                .unwrap()
        });
        let shown = String::from_utf8(shown.stdout).unwrap();
        let has = |number| shown.contains(&format!(" {}/", address(number)));
        let wrong: Vec<_> = expected
            .iter()
            .enumerate()
            .filter(|(number, (_, expected))| has(*number) != expected[phase])
            .map(|(_, (name, _))| name)
            .collect();
        // It must also stay like that: two intervals and more.
        since = if wrong.is_empty() {
            since.or(Some(Instant::now()))
        } else {
            None
        };
        if since.is_some_and(|since| since.elapsed() > Duration::from_secs(7)) {
            return;
        }
        let log = || fs::read_to_string(log).unwrap();
        assert!(
            Instant::now() < deadline,
            "phase {phase}: {wrong:?}\n{}",
            log()
        );
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// The findings about a check, by its name.
fn by_name(found: Vec<Found>) -> HashMap<String, Vec<Found>> {
    let mut all: HashMap<String, Vec<Found>> = HashMap::new();
    for one in found {
        if let Some((name, _)) = one.effect.split_once(": ") {
            all.entry(name.to_owned()).or_default().push(one);
        }
    }
    all
}

fn install(folder: &Folder, lines: &[(&str, String)]) {
    fs::write(folder.path().join("keepalived.conf"), conf(lines)).unwrap();
}

#[test]
fn each_reported_fault_happens_and_each_fix_removes_it() {
    let folder = Folder::new();
    let shown = folder.path().display().to_string();
    let lines = |case: &Case| format!("{}\n {}", case.check.line(folder.path()), case.line);
    CASES
        .iter()
        .for_each(|case| case.check.install(folder.path()));
    let all: Vec<(&str, String)> = CASES
        .iter()
        .map(|case| (case.check.name, lines(case)))
        .collect();
    install(&folder, &all);
    let (_, found) = findings_of(
        &folder,
        &format!("--keepalived-conf {shown}/keepalived.conf"),
    );
    let mut missing: Vec<&str> = codes::all().iter().map(|code| code.id).collect();
    missing.retain(|id| id.starts_with("LU3") && !found.iter().any(|one| one.code == *id));
    assert!(missing.is_empty(), "no case for {missing:?}");
    let found = by_name(found);
    let mut fixed = Vec::new();
    for case in CASES {
        let name = case.check.name;
        let [effect, cause, cure] = case.says;
        let of_name = found
            .get(name)
            .unwrap_or_else(|| panic!("nothing is said of {name}"));
        let is_it = |one: &&Found| {
            one.severity == case.severity
                && one.effect.contains(effect)
                && one.cause.contains(cause)
                && one.fix.contains(cure)
        };
        let one = of_name
            .iter()
            .find(is_it)
            .unwrap_or_else(|| panic!("{name}: {of_name:#?}"));
        let line = match case.fix {
            Fix::Line => {
                let from = one.fix.find("script \"").unwrap();
                let line = one.fix[from..].split(" with ").next().unwrap();
                line.replace("PORT", "443").replace("FOLDER", &shown)
            }
            Fix::Added(line) => format!("{}\n {line}", lines(case)),
            Fix::Replace(..) => lines(case),
            Fix::Text(_) => format!("script \"{shown}/{name}.sh\""),
        };
        fixed.push((name, line));
    }

    // What is reported happens.
    let happens: Vec<&Case> = CASES.iter().filter(|case| case.before.is_some()).collect();
    let before: Vec<(&str, String)> = happens
        .iter()
        .map(|case| (case.check.name, lines(case)))
        .collect();
    install(&folder, &before);
    let expected: Vec<_> = happens
        .iter()
        .map(|case| (case.check.name, case.before.unwrap()))
        .collect();
    run(folder.path(), &expected);

    // Each fix makes a check that works, and about which nothing is wrong.
    for case in CASES {
        let file = case.check.file(folder.path());
        let text = match case.fix {
            Fix::Replace(old, new) => case.check.text.replace(old, new),
            Fix::Text(text) => text.to_owned(),
            Fix::Line | Fix::Added(_) => continue,
        };
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o755)).unwrap();
    }
    install(&folder, &fixed);
    let (_, found) = findings_of(
        &folder,
        &format!("--keepalived-conf {shown}/keepalived.conf"),
    );
    for (name, found) in by_name(found) {
        let problem = found.iter().find(|one| one.severity == "problem");
        assert!(
            problem.is_none() || name.contains(' ') || name == "443",
            "{name}: {problem:#?}"
        );
    }
    let expected: Vec<_> = CASES
        .iter()
        .map(|case| (case.check.name, [true, false]))
        .collect();
    run(folder.path(), &expected);
}

#[test]
fn unknown_and_unclear_commands_get_a_note() {
    in_namespace(|| {
        let folder = Folder::new();
        let path = folder.path().join("check.sh");
        let ran = folder.path().join("ran");
        for (text, expected) in [
            (
                "#!/bin/sh\ncurl -sf http://127.0.0.1/ || exit 1\nRAN\n",
                "when its service is down: FOLDER/check.sh is not understood",
            ),
            (
                "#!/bin/sh\n# netstat was here\nexit 0\nRAN\n",
                "FOLDER/check.sh is not understood",
            ),
            (
                "#!/usr/bin/python3\nprint(1)\n",
                "FOLDER/check.sh is not understood",
            ),
            (
                "#!/bin/sh\n[ ! -f /x ] || exit 1\nss -tln | grep -q :443\nRAN\n",
                "when its service is down: FOLDER/check.sh:2 is not understood",
            ),
            (
                "#!/bin/bash\ncount=$(ss -antp |grep 16443 |egrep -cv \"grep|$$\")\nRAN\n",
                "FOLDER/check.sh:2 is not understood",
            ),
            // No line alone is to blame.
            (
                "#!/bin/sh\nss -tln | grep -q :443\n[ $? -eq 0 ] && exit 1\nss -tln | grep -q :80\n",
                "when its service is down: FOLDER/check.sh is not understood",
            ),
            (
                "#!/bin/sh\nss -tln | grep -q 65432 || exit 1\n",
                "ss slows down with every connection",
            ),
        ] {
            fs::write(
                &path,
                text.replace("RAN", &format!("echo >{}", ran.display())),
            )
            .unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
            let (_, found) = look(&folder, "script \"FOLDER/check.sh\"");
            let found: Vec<&Found> = found.iter().filter(|one| one.line == Some(6)).collect();
            assert!(
                found.len() == 1 && found[0].effect.contains(expected),
                "{text}: {found:#?}"
            );
            assert_eq!(found[0].severity, "note");
            assert!(!ran.exists());
        }
    });
}

#[test]
fn acts_and_long_sleeps_are_found_in_each_shell_script() {
    in_namespace(|| {
        let folder = Folder::new();
        for (text, expected) in [
            ("#!/bin/sh\nsleep 5\n[ -f /run/ok ]\n", "LU318"),
            ("#!/bin/sh\nsleep infinity\n", "LU318"),
            (
                "#!/bin/bash\ncurl -s localhost || systemctl restart web\n",
                "LU320 LU301",
            ),
            (
                "#!/bin/sh\n[ -f /run/ok ] || systemctl stop keepalived\n",
                "LU321 LU301",
            ),
        ] {
            script("acts", text).install(folder.path());
            let (_, found) = look(&folder, "script \"FOLDER/acts.sh\"");
            let of_check: Vec<&str> = found
                .iter()
                .filter(|one| one.line == Some(6))
                .map(|one| one.code.as_str())
                .collect();
            assert_eq!(of_check.join(" "), expected, "{text}");
        }
    });
}

#[test]
fn a_script_without_a_known_meaning_has_no_line() {
    in_namespace(|| {
        let folder = Folder::new();
        script("odd", "#!/bin/sh\n! ss -tln | grep -q ':443 '\n").install(folder.path());
        let (_, found) = look(&folder, "script \"FOLDER/odd.sh\"");
        let one = found.iter().find(|one| one.code == "LU301").unwrap();
        assert_eq!(
            one.effect,
            "chk: could not tell whether it fails when its service is down: FOLDER/odd.sh is not understood"
        );
        // The line that begins with "ok" is not understood alone without that.
        let outcome = found.iter().find(|one| one.code == "LU241").unwrap();
        assert_eq!(
            outcome.effect,
            "(gateway) if chk (not judged) fails, this node enters FAULT and gives up 192.0.2.100/24"
        );
    });
}

fn look(folder: &Folder, line: &str) -> (common::program::ProgramOutput, Vec<Found>) {
    let shown = folder.path().display().to_string();
    let path = folder.path().join("keepalived.conf");
    fs::write(&path, conf_with(line, "").replace("FOLDER", &shown)).unwrap();
    findings_of(folder, &format!("--keepalived-conf {}", path.display()))
}

#[test]
fn only_short_scripts_are_read() {
    in_namespace(|| {
        let folder = Folder::new();
        let path = folder.path().join("check.sh");
        let made = Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        for _ in 0..2 {
            let (_, found) = look(&folder, "script \"FOLDER/check.sh\"");
            let is_read = |one: &&Found| one.code.starts_with("LU3") && one.code != "LU301";
            let read = found.iter().find(is_read);
            assert!(read.is_none(), "{read:#?}");
            fs::remove_file(&path).unwrap();
            fs::write(&path, b"\x7fELF\0netstat | grep 443\n").unwrap();
        }
    });
}

#[test]
fn a_shell_script_that_calls_listenup_is_recognized() {
    in_namespace(|| {
        let folder = Folder::new();
        script("check", "#!/bin/sh\nexec /usr/bin/listenup check -q 443\n").install(folder.path());
        let (_, found) = look(&folder, "script \"FOLDER/check.sh\"");
        let one = found.iter().find(|one| one.line == Some(6)).unwrap();
        assert_eq!(one.effect, "chk: runs listenup through a wrapper");
    });
}

#[test]
fn a_misc_check_is_reported_with_its_real_server() {
    in_namespace(|| {
        let folder = Folder::new();
        let conf = "global_defs {\n enable_script_security\n script_user root\n}\n\
                    virtual_server 192.0.2.100 443 {\n real_server 127.0.0.1 443 {\n MISC_CHECK {\n  \
                    misc_path \"/bin/sh -c 'ss -tln | grep 443'\"\n }\n }\n}\n";
        let path = folder.path().join("keepalived.conf");
        fs::write(&path, conf).unwrap();
        let (_, found) = findings_of(&folder, &format!("--keepalived-conf {}", path.display()));
        let one = found.iter().find(|one| one.line == Some(8)).unwrap();
        assert!(
            one.effect
                .ends_with("if 443 is closed and 8443 is open, the real server stays in use"),
            "{one:#?}"
        );
        assert!(one.fix.starts_with("write misc_path \""), "{one:#?}");
    });
}
