//! The examples for keepalived, Nagios, Icinga, Zabbix, Pacemaker, containers and Ansible, with the real keepalived and the real program.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use common::confined::Confined;
use common::in_namespace;
use common::program::{LISTENUP, ProgramOutput, keepalived, listenup, listenup_with, sh};
use common::sockets::{listen, listen_with};
use common::udp::bound;

/// Where the examples have the program.
const IN_KEEPALIVED: &str = "/usr/libexec/keepalived/listenup";
const IN_PATH: &str = "/usr/bin/listenup";

fn examples() -> Vec<PathBuf> {
    let files = fs::read_dir("packaging/keepalived").unwrap();
    let files = files.map(|file| file.unwrap().path());
    let examples: Vec<_> = files
        .filter(|file| {
            file.extension()
                .is_some_and(|extension| extension == "conf")
        })
        .collect();
    assert_eq!(examples.len(), 7, "{examples:?}");
    examples
}

/// `keepalived -t` of a file, on a host with two devices, the program at its place and the track_file of a running watch:
/// keepalived 2.3 refuses a configuration whose track_file does not exist.
///
/// As process 1 of its own: where keepalived 2.2.7 checks a script it compares its parent's number
/// with one that -t leaves at 0, and ends itself if they differ (keepalived #2587).
fn keepalived_test(file: &Path) -> ProgramOutput {
    let script = r#"
        ip link add eth0 type veth peer name eth1
        mount -t tmpfs -o mode=755 listenup-test /usr/libexec
        mkdir /usr/libexec/keepalived
        install -m 755 "$1" /usr/libexec/keepalived/listenup
        mount -t tmpfs -o mode=755 listenup-test /run
        install -D -m 644 /dev/null /run/listenup-watch-443/track
        exec "$3" -t -f "$2""#;
    let mut unshare = Command::new("unshare");
    unshare.args(["--net", "--mount", "--pid", "--fork", "--kill-child"]);
    unshare
        .args(["sh", "-ec", script, "sh", LISTENUP])
        .arg(file)
        .arg(keepalived());
    ProgramOutput::by(&mut unshare)
}

#[test]
fn keepalived_accepts_each_example_without_messages() {
    for example in examples() {
        keepalived_test(&example).exits(0).stdout("").stderr("");
    }
}

#[test]
fn keepalived_refuses_wrong_examples() {
    let right = fs::read_to_string("packaging/keepalived/haproxy.conf").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wrong.conf");
    for (part, wrong, said) in [
        ("interval 1", "intervall 1", "Unknown keyword 'intervall'"),
        (
            "script_user nobody",
            "script_user no-such-user",
            "script uid/gid",
        ),
        (
            "keepalived/listenup",
            "keepalived/listen",
            "not found/accessible",
        ),
        ("interface eth0", "interface eth7", "doesn't exist"),
        (
            "        chk_haproxy\n",
            "        chk_nginx\n",
            "chk_nginx not found",
        ),
    ] {
        assert!(right.contains(part), "{part}");
        fs::write(&file, right.replace(part, wrong)).unwrap();
        keepalived_test(&file).exits(5).stderr_has(said);
    }
}

/// The arguments of each vrrp_script, as keepalived splits them where there are no quotes.
fn scripts(conf: &str) -> Vec<String> {
    let lines = conf
        .lines()
        .filter_map(|line| line.trim().strip_prefix("script \""));
    let scripts = lines.map(|line| {
        let command = line.strip_suffix('"').unwrap();
        let arguments = command.strip_prefix(IN_KEEPALIVED).unwrap();
        assert!(!arguments.contains(['\'', '"', '\\']), "{arguments}");
        arguments.to_owned()
    });
    scripts.collect()
}

#[test]
fn each_script_fails_on_an_empty_host_and_succeeds_where_its_service_listens() {
    let mut scripts: Vec<String> = examples()
        .iter()
        .flat_map(|example| scripts(&fs::read_to_string(example).unwrap()))
        .collect();
    assert_eq!(scripts.len(), 10);
    // No line in the log of this machine. Its users are not the service's.
    for script in &mut scripts {
        for (part, own) in [
            ("--log journald", "--log none"),
            ("--log syslog", "--log none"),
            ("--owner-user mysql", "--owner-user root"),
            ("--owner-user proxy", "--owner-user root"),
            ("--owner-unit proxy.service ", ""),
        ] {
            *script = script.replace(part, own);
        }
    }
    // A namespace for each: what another test is starting at the moment may hold a listener for a while after it was
    // closed here.
    for script in scripts {
        in_namespace(move || {
            listenup(&script).exits(1).stdout("").stderr("");
            let numbers = script
                .split([' ', ':'])
                .filter_map(|word| word.parse().ok());
            // --at-least has a number as well.
            let ports: BTreeSet<u16> = numbers.filter(|&number| number > 9).collect();
            let listeners: Vec<_> = ports
                .into_iter()
                .map(|port| {
                    let v6 = listen_with("::", port, |socket| socket.set_only_v6(true).unwrap());
                    [listen("0.0.0.0", port), v6, bound("0.0.0.0", port)]
                })
                .collect();
            assert!(!listeners.is_empty(), "{script}");
            listenup(&script).exits(0).stdout("").stderr("");
        });
    }
}

/// The rest of the only line that begins so.
#[track_caller]
fn line(text: &str, begin: &str) -> String {
    let lines = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix(begin));
    let lines: Vec<_> = lines.collect();
    assert_eq!(lines.len(), 1, "{begin}: {lines:?}");
    lines[0].trim().to_owned()
}

#[test]
fn nagios_and_nrpe_examples_behave_like_a_monitoring_plugin() {
    let nagios = fs::read_to_string("packaging/nagios/listenup.cfg").unwrap();
    let service = line(&nagios, "check_command ");
    let (command, argument) = service.split_once('!').unwrap();
    assert_eq!(line(&nagios, "command_name "), command);
    let nagios = line(&nagios, "command_line ").replace("$ARG1$", argument);
    let nrpe = fs::read_to_string("packaging/nagios/nrpe.cfg").unwrap();
    let nrpe = line(&nrpe, "command[check_listenup_https]=");
    for command in [nagios, nrpe] {
        in_namespace(move || {
            let arguments = command.strip_prefix(IN_PATH).unwrap();
            let said = listenup(arguments).exits(2).stderr("");
            assert!(
                said.stdout
                    .starts_with("LISTENUP CRITICAL - 443: not listening | time=")
            );
            let _listener = listen("0.0.0.0", 443);
            let said = listenup(arguments).exits(0).stderr("");
            assert!(
                said.stdout
                    .starts_with("LISTENUP OK - 443: listening on 0.0.0.0:443 | time=")
            );
        });
    }
}

#[test]
fn the_icinga_example_uses_valid_options() {
    in_namespace(|| {
        let text = fs::read_to_string("packaging/nagios/icinga2.conf").unwrap();
        let command: Vec<String> = serde_json::from_str(&line(&text, "command = ")).unwrap();
        assert_eq!(command[0], IN_PATH);
        let run = |more: &[&str]| {
            let command = command[1..].iter().map(String::as_str);
            listenup_with(&command.chain(more.iter().copied()).collect::<Vec<_>>())
        };
        let _listener = listen("0.0.0.0", 443);
        run(&["443"]).exits(0);
        let options = text
            .lines()
            .filter_map(|line| line.trim().strip_prefix('"'));
        let options = options.filter(|option| option.starts_with("--"));
        let mut count = 0;
        for option in options {
            let (option, value) = option.split_once("\" = ").unwrap();
            let values = match option {
                _ if value.contains("set_if") => &[][..],
                "--timeout" => &["1s"],
                "--max-queue" => &["90%"],
                "--at-least" => &["1"],
                "--interface" => &["lo"],
                "--netns" => &["/proc/self/ns/net"],
                _ => &["root"],
            };
            let said = run(&[&[option], values, &["443"]].concat());
            assert!(!said.stdout.contains("wrong usage"), "{said:?}");
            count += 1;
        }
        assert_eq!(count, 10);
    });
}

#[test]
fn the_nrpe_line_about_the_watch_is_accepted() {
    let nrpe = fs::read_to_string("packaging/nagios/nrpe.cfg").unwrap();
    let command = line(&nrpe, "command[check_listenup_watch]=");
    let said = listenup(command.strip_prefix(IN_PATH).unwrap());
    let why = "/run/listenup-watch-443/track cannot be read: No such file or directory (ENOENT)";
    said.exits(2)
        .stdout(&format!("LISTENUP WATCH CRITICAL - {why}\n"));
}

#[test]
fn the_ansible_role_has_each_processor_and_starts_watches_before_the_reload() {
    let playbook = yaml("packaging/ansible/listenup.yml");
    let play = &playbook[0];
    let architecture = play["vars"]["listenup_deb_arch"].as_str().unwrap();
    assert!(
        architecture.contains("'aarch64': 'arm64'"),
        "{architecture}"
    );
    // Handlers run after all tasks.
    let names = ["Reload keepalived", "Reload the watches"];
    let handlers = play["handlers"].as_array().unwrap();
    assert!(handlers.iter().map(|handler| &handler["name"]).eq(names));
    let tasks = play["tasks"].as_array().unwrap();
    let watch = tasks
        .iter()
        .filter(|task| task["loop"] == "{{ listenup_watch }}");
    assert_eq!(watch.count(), 2);
    for option in play["vars"]["listenup_watch_options"].as_array().unwrap() {
        let words = [
            "listenup",
            "watch",
            "--track-file=f",
            option.as_str().unwrap(),
            "443",
        ];
        listenup::cli::parse(words.map(Into::into)).unwrap();
    }
}

#[test]
fn zabbix_gets_the_exit_code_and_pacemaker_success() {
    let zabbix = fs::read_to_string("packaging/zabbix/listenup.conf").unwrap();
    let zabbix = line(&zabbix, "UserParameter=listenup.check[*],");
    assert!(zabbix.starts_with(IN_PATH), "{zabbix}");
    let pacemaker = fs::read_to_string("packaging/pacemaker/monitor.txt").unwrap();
    let (_, hook) = pacemaker.split_once("monitor_hook=\"").unwrap();
    let (hook, _) = hook.split_once('"').unwrap();
    assert!(hook.starts_with(IN_PATH), "{hook}");
    let hook = hook.to_owned();
    in_namespace(move || {
        let shell = |line: &str| sh(&line.replace(IN_PATH, "$0"));
        let zabbix = |targets: &str| shell(&zabbix.replace("$1", targets)).exits(0).stderr("");
        zabbix("443").stdout("1\n");
        shell(&hook).exits(1).stdout("").stderr("");
        let _listener = listen("0.0.0.0", 443);
        zabbix("443").stdout("0\n");
        zabbix("--owner-user nobody 443").stdout("5\n");
        shell(&hook).exits(0).stdout("").stderr("");
    });
}

/// Instructions of a Dockerfile that begin with this word, without it.
fn instructions(dockerfile: &str, word: &str) -> Vec<String> {
    let text = fs::read_to_string(dockerfile).unwrap();
    let lines = text
        .lines()
        .filter_map(|line| line.strip_prefix(word)?.strip_prefix(' '));
    lines.map(str::to_owned).collect()
}

/// What the Dockerfiles do, in a root that has nothing else: no engine for containers runs here.
#[test]
fn the_dockerfiles_install_a_program_that_runs() {
    for (dockerfile, place) in [
        ("packaging/docker/keepalived.Dockerfile", IN_KEEPALIVED),
        ("packaging/docker/healthcheck.Dockerfile", "/listenup"),
    ] {
        let copies = instructions(dockerfile, "COPY");
        let expected = format!("--chown=root:root --chmod=755 listenup {place}");
        assert_eq!(copies, [expected], "{dockerfile}");
    }
    let health = instructions("packaging/docker/healthcheck.Dockerfile", "HEALTHCHECK");
    let (_, command) = health[0].split_once(" CMD ").unwrap();
    let command: Vec<String> = serde_json::from_str(command).unwrap();
    assert_eq!(command[0], "/listenup");
    let root = tempfile::tempdir().unwrap();
    fs::copy(LISTENUP, root.path().join("listenup")).unwrap();
    let root = root.path().to_owned();
    in_namespace(move || {
        let healthy = || Confined::listenup_in_root(&root).run(&command[1..].join(" "));
        // Docker reserves any other code than 0 and 1. There is no /proc, and sock_diag alone answers.
        healthy().exits(1).stdout("").stderr("");
        let _listener = listen("0.0.0.0", 443);
        healthy().exits(0).stdout("").stderr("");
    });
}

/// A YAML file as JSON.
fn yaml(file: &str) -> Value {
    let script = "import json, sys, yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout)";
    let said =
        ProgramOutput::by(Command::new("/usr/bin/python3").args(["-c", script, file])).exits(0);
    serde_json::from_str(&said.stdout).unwrap()
}

#[test]
fn the_ansible_vrrp_script_is_accepted_by_keepalived() {
    let playbook = yaml("packaging/ansible/listenup.yml");
    let play = &playbook[0];
    let tasks = play["tasks"].as_array().unwrap();
    let handler = &play["handlers"][0]["name"];
    let notified = tasks
        .iter()
        .filter(|task| task.get("notify") == Some(handler));
    assert_eq!(notified.count(), 2);
    let content = |task: &Value| {
        task["ansible.builtin.copy"]["content"]
            .as_str()
            .map(str::to_owned)
    };
    let script = tasks.iter().find_map(content).unwrap();
    let targets = play["vars"]["listenup_targets"].as_str().unwrap();
    let script = script.replace("{{ listenup_targets }}", targets);
    assert_eq!(
        scripts(&script),
        [format!(" check -q --log journald {targets}")]
    );

    let folder = tempfile::tempdir().unwrap();
    let [part, whole] = ["part.conf", "whole.conf"].map(|name| folder.path().join(name));
    fs::write(&part, script).unwrap();
    let example = fs::read_to_string("packaging/keepalived/haproxy.conf").unwrap();
    let tracked = example.replace("        chk_haproxy\n", "        chk_listenup\n");
    assert_ne!(tracked, example);
    fs::write(&whole, format!("include {}\n{tracked}", part.display())).unwrap();
    keepalived_test(&whole).exits(0).stdout("").stderr("");
}
