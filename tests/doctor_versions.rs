//! Configurations that versions of keepalived read differently: each is judged for the version that is asked about.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::fs;

use common::doctor::{codes, conf_with, findings_about};
use common::in_namespace;
use common::keepalived::Folder;

/// keepalived of Debian 12, Ubuntu 24.04, Alpine 3.22, Debian 13, sid, and Arch.
const VERSIONS: [&str; 6] = ["2.2.7", "2.2.8", "2.3.1", "2.3.3", "2.3.4", "2.4.3"];

/// A configuration, and the codes of its findings in each version.
struct Case {
    name: &'static str,
    conf: String,
    expected: [&'static str; 6],
}

const TRUE: &str = "script \"/usr/bin/true\"";

/// A vrrp_script with a definition above it.
fn defined(definition: &str, line: &str) -> String {
    format!("{definition}\n{}", conf_with(TRUE, line))
}

/// A track_file in place of the script.
fn track_file(path: &str) -> String {
    let conf = conf_with(TRUE, "");
    let (front, rest) = conf.split_once("vrrp_script").unwrap();
    let (_, instance) = rest.split_once("vrrp_instance").unwrap();
    let instance = instance.replace("track_script", "track_file");
    format!("{front}track_file chk {{\n file \"{path}\"\n weight 0\n}}\nvrrp_instance{instance}")
}

fn cases() -> Vec<Case> {
    let real_server = "virtual_server 192.0.2.1 80 {\n real_server 192.0.2.2 80 {\n  FILE_CHECK {\n   track_file chk\n  }\n \
                       }\n}\n";
    let file = track_file("FOLDER/track");
    let (file, _) = file.split_once("vrrp_instance").unwrap();
    let comment = "$BODY=\\\n script \"/usr/bin/true\" \\\n interval 3 # seconds \\\n rise 4";
    let block = "$ASEQ=~SEQ(N,1,2)\n$BODY=\\\nvrrp_script c${N} { \\\n script \"/usr/bin/true\" \\\n fall 2 \\\n}\n$ASEQ $BODY\n";
    vec![
        Case {
            name: "the folder of a track_file is missing",
            conf: track_file("/run/listenup-nowhere/track"),
            expected: [
                "LU253:5",
                "LU186:6 LU243:9",
                "LU186:6 LU243:9",
                "LU186:6 LU243:9",
                "LU186:6 LU243:9",
                "LU186:6 LU243:9",
            ],
        },
        Case {
            name: "a track_file in /proc",
            conf: track_file("/proc/sys/kernel/panic"),
            expected: [
                "LU257:5 LU241:9",
                "LU186:6 LU243:9",
                "LU186:6 LU243:9",
                "LU186:6 LU243:9",
                "LU186:6 LU243:9",
                "LU186:6 LU243:9",
            ],
        },
        Case {
            name: "@id from a definition",
            conf: defined("$LINE=@^nosuch interval 7", "$LINE"),
            expected: [
                "LU114:8",
                "LU114:8",
                "LU114:8",
                "LU114:8",
                "LU114:8",
                "LU138:8 LU241:11",
            ],
        },
        Case {
            name: "a backslash after a comment in a definition",
            conf: format!("{comment}\n{}", conf_with("$BODY", "")),
            expected: [
                "LU241:14",
                "LU241:14",
                "LU241:14",
                "LU241:14",
                "LU241:14",
                "LU143:4 LU241:14",
            ],
        },
        Case {
            name: "~SEQ in a definition",
            conf: format!(
                "$S=~SEQ(I, 1, 2) vrrp_script c${{I}} {{ {TRUE} }}\n$S\n{}",
                conf_with(TRUE, "")
            ),
            expected: [
                "LU114:2",
                "LU114:2",
                "LU114:2",
                "LU114:2",
                "LU114:2",
                "LU138:2 LU241:12",
            ],
        },
        Case {
            name: "~SEQ in a definition before a block in another one",
            conf: format!("{block}{}", conf_with(TRUE, "")),
            expected: [
                "LU114:7",
                "LU114:7",
                "LU114:7",
                "LU114:7",
                "LU114:7",
                "LU138:7 LU241:17",
            ],
        },
        Case {
            name: "_RANDOM with bounds",
            conf: conf_with(TRUE, "interval ${_RANDOM 5 2}"),
            expected: ["LU114:7"; 6],
        },
        Case {
            name: "an open quote",
            conf: conf_with("script '/usr/bin/true", ""),
            expected: ["LU170:6"; 6],
        },
        Case {
            name: "set_supplementary_groups",
            conf: conf_with(TRUE, "")
                .replace(" script_user", " set_supplementary_groups\n script_user"),
            expected: ["LU141:3 LU241:11"; 6],
        },
        Case {
            name: "FILE_CHECK with a track_file",
            conf: format!("{file}{real_server}"),
            expected: [
                "LU255:5",
                "LU255:5",
                "LU124:11 LU255:5",
                "LU255:5",
                "LU255:5",
                "LU255:5",
            ],
        },
    ]
}

#[test]
fn each_configuration_is_examined_for_its_version() {
    in_namespace(|| {
        let folder = Folder::new();
        fs::write(folder.path().join("track"), "0\n").unwrap();
        let mut wrong = Vec::new();
        for case in cases() {
            for (version, expected) in VERSIONS.iter().zip(case.expected) {
                // The program of the checks does not matter here.
                let words = format!("--keepalived-version {version} --ignore LU301");
                let found = findings_about(&folder, &case.conf, &words);
                let codes = codes(&found);
                if codes != expected {
                    wrong.push(format!("{}, {version}: {codes}, not {expected}", case.name));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    });
}
