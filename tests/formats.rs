//! What `check` and `list` say to programs: JSON by its schema, and the line for Nagios.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::net::TcpStream;

use serde_json::{Value, json};

use common::in_namespace;
use common::program::{listenup, sh};
use common::schema;
use common::service::Service;
use common::sockets::{Zoo, bind, listen, tcp};

#[track_caller]
fn check(line: &str, code: i32) -> Value {
    let said = listenup(&format!("check --format json {line}"))
        .exits(code)
        .stderr("");
    let document = schema::document(&said.stdout, "check");
    assert_eq!(document["exit"], code);
    document
}

#[test]
fn json_of_every_verdict() {
    in_namespace(|| {
        let full = bind(tcp("127.0.0.1"), "127.0.0.1", 443);
        full.listen(0).unwrap();
        let _waits = TcpStream::connect("127.0.0.1:443").unwrap();
        let _dual = listen("::", 444);

        let mut said = check("443 80 [::1]:444", 1);
        // What differs from run to run.
        assert!(said["seconds"].take().as_f64().unwrap() > 0.0);
        assert!(said["targets"][0]["listener"]["inode"].take().is_u64());
        assert!(said["targets"][2]["listener"]["inode"].take().is_u64());
        let cgroup = said["targets"][0]["listener"]["cgroup"].clone();
        assert!(cgroup.is_u64());
        let listener = |address, port, v6only: Option<bool>, queue: (u32, u32)| {
            json!({
                "protocol": "tcp", "address": address, "port": port, "v6only": v6only, "bound_to_device": false,
                "device": null, "queue": { "length": queue.0, "limit": queue.1 }, "drops": null, "uid": 0,
                "inode": null, "cgroup": cgroup, "unreachable": null,
            })
        };
        let expected = json!({
            "version": 1, "verdict": "not listening", "healthy": false, "exit": 1, "needed": 3,
            "source": "sock_diag", "seconds": null, "warnings": [],
            "targets": [
                {
                    "target": "443", "answer": "listening", "reason": null,
                    "listener": listener("127.0.0.1", 443, None, (1, 0)), "elsewhere": null,
                },
                { "target": "80", "answer": "not listening", "reason": null, "listener": null, "elsewhere": [] },
                {
                    "target": "[::1]:444", "answer": "listening", "reason": null,
                    "listener": listener("::", 444, Some(false), (0, 16)), "elsewhere": null,
                },
            ],
        });
        assert_eq!(said, expected);

        for (line, code, verdict, healthy) in [
            ("443", 0, "listening", true),
            ("--absent 80", 0, "absent", true),
            ("--absent 443", 1, "present", false),
            ("--max-queue 0 443", 1, "queue too long", false),
            (
                "--max-queue 0 --exit-codes distinct 443",
                4,
                "queue too long",
                false,
            ),
            (
                "--owner-user nobody --exit-codes distinct 443",
                5,
                "wrong owner",
                false,
            ),
            ("--source proc 127.0.0.1:444", 1, "could not tell", false),
            (
                "--source proc --on-unknown up 127.0.0.1:444",
                0,
                "could not tell",
                false,
            ),
            ("--source proc 127.0.0.1:444", 1, "could not tell", false),
        ] {
            let said = check(line, code);
            assert_eq!(
                (&said["verdict"], &said["healthy"]),
                (&json!(verdict), &json!(healthy))
            );
        }
        let said = check("--source proc 127.0.0.1:444", 1);
        assert_eq!(
            said["targets"][0]["reason"],
            "[::]:444 listens, but whether it accepts IPv4 too (V6ONLY) is unknown"
        );
        let said = check("--any 443 9999", 0);
        assert_eq!(said["targets"][1]["answer"], "not checked");
        let said = sh(r#"ulimit -n 3; exec "$0" check --format json 443"#).exits(1);
        let said = schema::document(&said.stdout, "check");
        assert_eq!(said["source"], Value::Null);
    });
}

#[test]
fn json_of_a_list_of_every_kind_of_socket() {
    in_namespace(|| {
        let _zoo = Zoo::open();
        let service = Service::on(&["127.0.0.1:8443"]);
        let mut counts = Vec::new();
        for source in ["netlink", "proc"] {
            let said = listenup(&format!("list --format json --source {source} --processes"));
            let list = schema::document(&said.exits(0).stderr("").stdout, "list");
            let listeners = list["listeners"].as_array().unwrap().clone();
            let of = |port: u16| {
                let on_port = |one: &&Value| one["listener"]["port"] == port;
                listeners.iter().find(on_port).unwrap().clone()
            };
            assert_eq!(of(8443)["user"], "root");
            assert_eq!(
                of(8443)["processes"],
                json!([{ "pid": service.pid(), "name": "listener" }])
            );
            let device = if source == "netlink" {
                json!("lo")
            } else {
                Value::Null
            };
            assert_eq!(of(1008)["listener"]["device"], device);
            counts.push(listeners.len());
        }
        // The zoo's listeners, its UDP socket and the service.
        assert_eq!(counts, [73 + 1 + 1; 2]);
    });
}

/// The line without its time, which must be there.
#[track_caller]
fn nagios(line: &str, code: i32) -> String {
    let said = listenup(&format!("check --format nagios {line}"))
        .exits(code)
        .stderr("");
    let (before, time) = said.stdout.split_once(" | time=").unwrap();
    let (seconds, after) = time.split_once("s;;;0").unwrap();
    assert!(seconds.parse::<f64>().unwrap() >= 0.0, "{said:?}");
    format!("{before} |{after}")
}

#[test]
fn nagios_gets_one_line_with_performance_data_and_its_exit_codes() {
    in_namespace(|| {
        let full = bind(tcp("127.0.0.1"), "127.0.0.1", 443);
        full.listen(2).unwrap();
        let _wait = [0; 3].map(|_| TcpStream::connect("127.0.0.1:443").unwrap());
        let _dual = listen("::", 444);
        for (line, code, expected) in [
            (
                "443 444",
                0,
                "LISTENUP OK - 443: listening on 127.0.0.1:443; 444: listening on [::]:444 | \
                 'queue 443'=3;;;0;2 'queue 444'=0;;;0;16\n",
            ),
            (
                "--max-queue 90% 443",
                1,
                "LISTENUP WARNING - 443: queue too long: 3 connections wait at 127.0.0.1:443, more than 1 \
                 (limit 2) | 'queue 443'=3;1;;0;2\n",
            ),
            ("80", 2, "LISTENUP CRITICAL - 80: not listening |\n"),
            (
                "444 127.0.0.2:443 80",
                2,
                "LISTENUP CRITICAL - 127.0.0.2:443: not listening; 127.0.0.1:443 listens; 80: not listening; \
                 444: listening on [::]:444 | 'queue 444'=0;;;0;16\n",
            ),
            (
                "--at-least 2 444 80 81",
                2,
                "LISTENUP CRITICAL - 1 of 3 listening, 2 needed; 80: not listening; 81: not listening; \
                 444: listening on [::]:444 | 'queue 444'=0;;;0;16\n",
            ),
            (
                "--source proc --at-least 2 444 127.0.0.1:444 80",
                3,
                "LISTENUP UNKNOWN - 1 of 3 listening, 2 needed; 80: not listening; 127.0.0.1:444: \
                 could not tell: [::]:444 listens, but whether it accepts IPv4 too (V6ONLY) is unknown; \
                 444: listening on [::]:444 | 'queue 444'=0;;;0;\n",
            ),
            (
                "--absent 80 444",
                2,
                "LISTENUP CRITICAL - 444: listening on [::]:444, but --absent requires that nothing listens; \
                 80: not listening | 'queue 444'=0;;;0;16\n",
            ),
            (
                "--owner-user nobody 443",
                2,
                "LISTENUP CRITICAL - 443: wrong owner: 127.0.0.1:443 belongs to root, not to nobody | \
                 'queue 443'=3;;;0;2\n",
            ),
            (
                "--source proc 127.0.0.1:444",
                3,
                "LISTENUP UNKNOWN - 127.0.0.1:444: could not tell: [::]:444 listens, but whether it accepts \
                 IPv4 too (V6ONLY) is unknown |\n",
            ),
            ("--absent 80", 0, "LISTENUP OK - 80: not listening |\n"),
            (
                "--exit-codes keepalived 80",
                1,
                "LISTENUP CRITICAL - 80: not listening |\n",
            ),
        ] {
            assert_eq!(nagios(line, code), expected.to_owned(), "{line}");
        }
    });
}

#[test]
fn nagios_gets_wrong_usage_on_stdout() {
    listenup("check --format nagios 443x")
        .exits(3)
        .stdout(
            "LISTENUP UNKNOWN - wrong usage: invalid value '443x' for '<TARGET>...': the port must be a \
             decimal number from 1 to 65535, digits only; expected PORT, *:PORT, ADDRESS:PORT or [IPV6]:PORT\n",
        )
        .stderr_has("443x");
    listenup("check --format nagios").exits(3).stdout(
        "LISTENUP UNKNOWN - wrong usage: the following required arguments were not provided: <TARGET>...\n",
    );
}

#[test]
fn quiet_prints_the_reason_of_could_not_tell_to_stderr_in_every_format() {
    for format in ["text", "json", "nagios"] {
        sh(&format!(
            r#"ulimit -n 3; exec "$0" check -q --format {format} --on-unknown up 443"#
        ))
        .stdout("")
        .stderr_has(
            "listenup: 443: could not tell: sock_diag: socket: Too many open files (EMFILE)",
        );
    }
}
