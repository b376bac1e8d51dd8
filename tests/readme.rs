//! README.md: what it says is printed is printed, and keepalived takes its configuration.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

mod common;

use std::fs;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};

use common::node::Node;
use common::program::{LISTENUP, ProgramOutput, await_call, example, keepalived, listenup, stop};
use common::service::Service;
use common::traced::traced_process;
use common::watch::without_threads;
use common::{in_namespace, ip};
use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A command, and what is printed behind it.
#[derive(Debug)]
struct Example {
    command: String,
    printed: String,
}

/// The blocks of code without a language, and those of a terminal.
fn blocks() -> Vec<String> {
    let readme = fs::read_to_string("README.md").unwrap();
    let blocks = readme.split("```").skip(1).step_by(2);
    blocks
        .filter_map(|block| {
            block
                .strip_prefix("console")
                .unwrap_or(block)
                .strip_prefix('\n')
        })
        .map(str::to_owned)
        .collect()
}

/// The commands in them, of somebody (`$`) or of root (`#`), each with its output.
fn examples() -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    for block in blocks() {
        let mut is_session = false;
        for line in block.lines() {
            let command = line.strip_prefix("$ ").or(line.strip_prefix("# "));
            if let Some(command) = command.filter(|command| command.starts_with("listenup ")) {
                is_session = true;
                examples.push(Example {
                    command: command.to_owned(),
                    printed: String::new(),
                });
            } else if is_session {
                examples.last_mut().unwrap().printed += &format!("{line}\n");
            }
        }
    }
    examples
}

/// The examples whose command begins so; there must be one.
#[track_caller]
fn examples_of(subcommand: &str) -> Vec<Example> {
    let begin = format!("listenup {subcommand} ");
    let mut examples = examples();
    examples.retain(|example| format!("{} ", example.command).starts_with(&begin));
    assert!(!examples.is_empty(), "no example of {subcommand}");
    examples
}

#[test]
fn every_example_of_the_readme_is_tested() {
    let examples = examples();
    assert!(examples.len() >= 5, "{examples:?}");
    for example in examples {
        let words: Vec<&str> = example.command.split(' ').collect();
        assert!(
            ["check", "list", "doctor", "resets"].contains(&words[1]),
            "{example:?}"
        );
        assert!(!example.printed.is_empty(), "{example:?}");
    }
}

/// Runs a line of the README as it stands, with the program where the packages put it, and in a mount namespace that
/// goes with it.
fn run(line: &str, keepalived_conf: &str) -> ProgramOutput {
    let output = start(line, keepalived_conf).wait_with_output().unwrap();
    ProgramOutput::of(line.to_owned(), output)
}

/// The same, without waiting for its end. The process is the program, after a moment.
fn start(line: &str, keepalived_conf: &str) -> Child {
    let script = r#"
        mount -t tmpfs -o mode=755 listenup-test /usr/libexec
        mkdir /usr/libexec/keepalived
        install -m 755 "$1" /usr/libexec/keepalived/listenup
        mount -t tmpfs -o mode=755 listenup-test /etc/keepalived
        printf %s "$2" >/etc/keepalived/keepalived.conf
        mount -t tracefs tracefs /sys/kernel/tracing
        PATH=/usr/libexec/keepalived:$PATH
        eval "exec $3""#;
    let mut unshare = Command::new("unshare");
    unshare.args(["--mount", "sh", "-ec", script, "sh"]);
    unshare.args([LISTENUP, keepalived_conf, line]);
    let piped = unshare.stdout(Stdio::piped()).stderr(Stdio::piped());
    piped.stdin(Stdio::null()).spawn().unwrap()
}

/// The programs of the examples, and what they listen on.
struct Services([Service; 2], #[allow(dead_code)] tempfile::TempDir);

impl Services {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let start = |name: &str, places: &[&str]| {
            let program = folder.path().join(name);
            // Not a link: a process is also known by the file that it runs. Not std::fs::copy: a child that another test
            // forks meanwhile would hold the file open for writing (ETXTBSY).
            let mut install = Command::new("install");
            let copied = install.arg(example("listener")).arg(&program).status();
            assert!(copied.unwrap().success());
            Service::start(Command::new(program).args(places), places.len())
        };
        let haproxy = start("haproxy", &["0.0.0.0:443", "[::]:6443"]);
        let nginx = start("nginx", &["127.0.0.1:8080"]);
        Self([haproxy, nginx], folder)
    }

    /// A text of the README with the numbers of these processes.
    fn numbered(&self, text: &str) -> String {
        let [haproxy, nginx] = &self.0;
        let text = text.replace("haproxy (812)", &format!("haproxy ({})", haproxy.pid()));
        text.replace("nginx (814)", &format!("nginx ({})", nginx.pid()))
    }
}

#[test]
fn check_prints_what_the_readme_says() {
    in_namespace(|| {
        let services = Services::start();
        let mut codes = Vec::new();
        for example in examples_of("check") {
            let said = run(&example.command, "");
            assert_eq!(
                said.stdout,
                services.numbered(&example.printed),
                "{}",
                example.command
            );
            let is_listening = |line: &str| line.contains(": listening on ");
            let code = i32::from(!example.printed.lines().all(is_listening));
            assert_eq!(said.code, Some(code), "{said:?}");
            codes.push(code);
        }
        codes.sort_unstable();
        assert_eq!(codes, [0, 1, 1]);
    });
}

#[test]
fn the_first_screen_of_the_readme_shows_a_check_and_the_doctor() {
    let readme = fs::read_to_string("README.md").unwrap();
    let sentence = readme.lines().nth(2).unwrap();
    assert!(sentence.split(' ').count() <= 20, "{sentence}");
    let parts = [
        "```diff\n",
        "$ listenup check 443\n443: listening on 0.0.0.0:443\n",
        "# listenup doctor -q /etc/keepalived/keepalived.conf\n",
        "ss -Htn state listening",
        "| promise |",
    ];
    let places: Vec<usize> = parts.map(|part| readme.find(part).unwrap()).into();
    assert!(places.is_sorted(), "{places:?}");
    let end = readme[..*places.last().unwrap()].lines().count();
    assert!(end <= 40, "{end}");
}

/// A table with its cells one space apart, and without the units, which this machine's services are not in.
fn cells(table: &str) -> Vec<String> {
    let head = table.lines().next().unwrap();
    let [unit, process] = ["UNIT", "PROCESS"].map(|name| head.find(name).unwrap());
    let row = |row: &str| {
        let words = row[..unit]
            .split_whitespace()
            .chain(row[process..].split_whitespace());
        words.collect::<Vec<_>>().join(" ")
    };
    table.lines().map(row).collect()
}

#[test]
fn list_prints_what_the_readme_says() {
    in_namespace(|| {
        let services = Services::start();
        for example in examples_of("list") {
            let said = run(&example.command, "").exits(0).stderr("");
            let mut expected = cells(&example.printed);
            for row in &mut expected {
                *row = services.numbered(row);
            }
            assert_eq!(cells(&said.stdout), expected);
        }
    });
}

/// A doctor's report without times and numbers of sockets.
fn without_times(report: &str) -> String {
    let line = |line: &str| {
        let words = line.split(' ').map(|word| {
            let is_time =
                word.ends_with("ms") && word.starts_with(|letter: char| letter.is_ascii_digit());
            if is_time { "TIME" } else { word }
        });
        let line = words.collect::<Vec<_>>().join(" ");
        match line.split_once(" now beside ") {
            Some((before, _)) => format!("{before} now beside N TCP sockets"),
            None => line,
        }
    };
    report.lines().map(|text| line(text) + "\n").collect()
}

#[test]
fn doctor_prints_what_the_readme_says() {
    // What most have, in the sixth line.
    let conf = "\
global_defs {
    enable_script_security
    script_user nobody
}
vrrp_script chk_https {
    script \"/usr/bin/netstat -tln | grep 443\"
    interval 1
}
vrrp_instance gateway {
    interface eth0
    virtual_router_id 51
    track_script {
        chk_https
    }
}
";
    in_namespace(move || {
        common::ip("link add eth0 type veth peer name eth1");
        let _services = Services::start();
        for example in examples_of("doctor") {
            let said = run(&example.command, conf).exits(1).stderr("");
            let printed = without_times(&said.stdout);
            assert_eq!(printed, without_times(&example.printed));
        }
    });
}

/// Whether this kernel tells the reasons of resets, as Linux 6.10 and later do.
fn tells_reasons() -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release
        .split(['.', '-'])
        .map(|number| number.parse::<u32>());
    let mut number = || numbers.next().unwrap().unwrap();
    (number(), number()) >= (6, 10)
}

/// Without the time of day and the rates, and of owners without the unit.
fn without_rates(report: &str) -> String {
    let word = |word: &str| match word {
        _ if word.len() == 8 && word.matches(':').count() == 2 => "HH:MM:SS".to_owned(),
        _ if word.ends_with("/s,") => "(R/s,".to_owned(),
        _ => word.to_owned(),
    };
    let line = |line: &str| {
        let words: Vec<String> = line.split(' ').map(word).collect();
        let mut kept: Vec<String> = Vec::new();
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let is_of_a_process = kept
                .last()
                .is_some_and(|last| last.starts_with('(') && last.ends_with(')'));
            if word == "in" && is_of_a_process {
                words.next();
            } else {
                kept.push(word);
            }
        }
        kept.join(" ") + "\n"
    };
    let lines = report.lines();
    // What other tests do at the same time on this host.
    let lines = lines.take_while(|line| !line.starts_with("elsewhere on this host"));
    lines.map(line).collect()
}

#[test]
fn resets_prints_what_the_readme_says() {
    if !tells_reasons() {
        println!("THIS KERNEL TELLS NO REASONS: the example of resets is not compared");
        return;
    }
    in_namespace(|| {
        let services = Services::start();
        let [.., a, b] = std::process::id().to_be_bytes();
        // The trace is of the whole host, and other tests have the README's addresses.
        let [ours, theirs] = [10, 7].map(|last| format!("10.{a}.{b}.{last}"));
        let node = Node::new();
        node.plug("e0", "to-node", &[&format!("{theirs}/24")]);
        ip(&format!("address add {ours}/24 dev to-node"));
        for example in examples_of("resets") {
            // It takes the connections when their requests are there.
            let haproxy = Pid::from_raw(services.0[0].pid().try_into().unwrap());
            stop(haproxy);
            let to: SocketAddr = format!("{ours}:443").parse().unwrap();
            let _clients = node.run(move || {
                [(); 3].map(|()| {
                    let mut client = TcpStream::connect(to).unwrap();
                    client.write_all(b"a request that nobody reads").unwrap();
                    client
                })
            });
            let resets = start(&example.command, "");
            // It waits for its reader to go from its first sample on.
            await_call(resets.id(), &[libc::SYS_poll, libc::SYS_ppoll]);
            kill(haproxy, Signal::SIGCONT).unwrap();
            let said =
                ProgramOutput::of(example.command, resets.wait_with_output().unwrap()).exits(0);
            let expected = services.numbered(&example.printed);
            let expected = expected
                .replace("192.0.2.10", &ours)
                .replace("192.0.2.7", &theirs)
                .replace(
                    &format!("by haproxy ({haproxy});"),
                    &format!("by {};", traced_process("haproxy", services.0[0].pid())),
                );
            assert_eq!(
                without_rates(&without_threads(&said.stdout)),
                without_rates(&expected),
                "{said:#?}"
            );
        }
    });
}

/// The rows of the table of exit codes, with spaces between the cells.
fn exit_codes(rows: impl Iterator<Item = String>) -> Vec<String> {
    let rows = rows.map(|row| row.split_whitespace().collect::<Vec<_>>().join(" "));
    rows.filter(|row| {
        row.len() > 6
            && row[row.len() - 6..]
                .bytes()
                .all(|b| b == b' ' || b.is_ascii_digit())
    })
    .collect()
}

#[test]
fn the_exit_codes_are_those_of_the_help() {
    let help = listenup("check --help").exits(0).stdout;
    let (_, help) = help.split_once("\nExit status").unwrap();
    let help = exit_codes(help.lines().map(str::to_owned));
    let readme = fs::read_to_string("README.md").unwrap();
    let rows = readme.lines().filter(|line| line.starts_with("| "));
    let readme = exit_codes(rows.map(|row| row.replace('|', " ")));
    assert_eq!(readme, help);
    assert_eq!(readme.len(), 8);
}

/// The blocks of keepalived.conf, made whole.
fn keepalived_confs() -> Vec<String> {
    let blocks = blocks()
        .into_iter()
        .filter(|block| block.contains("vrrp_instance"));
    let whole = blocks.map(|block| {
        let instance = "    state BACKUP\n    interface eth0\n    virtual_router_id 51\n    priority 100\n    \
                        advert_int 1\n    virtual_ipaddress {\n        192.0.2.100/32\n    }\n";
        assert_eq!(block.matches("    # ...\n").count(), 1, "{block}");
        block.replace("    # ...\n", instance)
    });
    whole.collect()
}

#[test]
fn keepalived_accepts_the_configuration_of_the_readme_without_messages() {
    let confs = keepalived_confs();
    assert_eq!(confs.len(), 1);
    for conf in confs {
        let script = r#"
            mount -t tmpfs -o mode=755 listenup-test /usr/libexec
            mkdir /usr/libexec/keepalived
            install -m 755 "$1" /usr/libexec/keepalived/listenup
            mount -t tmpfs -o mode=755 listenup-test /run
            install -D -m 644 /dev/null /run/listenup-watch-443/track
            mount -t tmpfs -o mode=755 listenup-test /etc/keepalived
            printf %s "$2" >/etc/keepalived/keepalived.conf
            ip link add eth0 type veth peer name eth1
            exec "$3" -t"#;
        // As process 1 of its own, for keepalived 2.2.7 (packaging/keepalived/README.md says why).
        let mut unshare = Command::new("unshare");
        unshare.args(["--net", "--mount", "--pid", "--fork", "--kill-child"]);
        unshare.args(["sh", "-ec", script, "sh", LISTENUP, &conf, &keepalived()]);
        ProgramOutput::by(&mut unshare)
            .exits(0)
            .stdout("")
            .stderr("");
    }
}
