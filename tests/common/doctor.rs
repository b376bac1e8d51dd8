//! The doctor, and what it says without what differs from run to run.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::confined::Confined;
use super::keepalived::Folder;
use super::program::Said;
use super::schema::document;

/// What is said of the sources where all is well and an IPv6 listener is there.
pub const SOURCES: &str = "\
ok       sock_diag answers in TIME
ok       /proc answers in TIME
ok       TCP sockets on this host: N; each walk over them in /proc takes up to TIME
ok       V6ONLY of listeners: known
ok       cgroup of listeners: known
";

pub const UNCHECKED: &str = "problem  keepalived leaves the script out, or takes its failure to start for success: \
                             the address never moves\n";

/// What a run printed, without what differs from run to run and between machines.
pub fn steady(said: &Said, folder: &Path) -> String {
    let line = |line: &str| {
        let mut line = line.to_owned();
        for before in [" answers in ", " takes up to "] {
            if let Some(at) = line.find(before) {
                line.replace_range(at + before.len().., "TIME");
            }
        }
        if let Some((before, rest)) = line.split_once("TCP sockets on this host: ") {
            let (number, rest) = rest.split_once(';').unwrap();
            assert!(number.parse::<u32>().is_ok(), "{line}");
            line = format!("{before}TCP sockets on this host: N;{rest}");
        }
        line + "\n"
    };
    let text: String = said.stdout.lines().map(line).collect();
    text.replace(&folder.display().to_string(), "FOLDER")
}

/// The same, but only what is said of the program and of keepalived.conf.
#[track_caller]
pub fn findings(said: &Said, folder: &Path) -> String {
    let text = steady(said, folder);
    let (findings, _) = text.split_once("\n\n").unwrap();
    let of_sources = [
        " sock_diag answers",
        " /proc answers",
        " TCP sockets on",
        " V6ONLY of listeners",
        " cgroup of listeners",
    ];
    let mut kept = String::new();
    let mut keep = true;
    for line in findings.lines() {
        if !line.starts_with(' ') {
            keep = !of_sources.iter().any(|source| line.contains(source));
        }
        if keep {
            kept += line;
            kept += "\n";
        }
    }
    kept
}

/// The block to paste, and the lines around it.
pub fn block(summary: &str, program: &str, targets: &str) -> String {
    let paste = match program {
        "/usr/libexec/keepalived/listenup" => {
            "To paste into keepalived.conf, once listenup is there:"
        }
        _ => "To paste into keepalived.conf:",
    };
    format!(
        "\n{summary}\n\n{paste}\n\nvrrp_script chk_listenup {{\n    \
         script \"{program} check -q {targets}\"\n    \
         interval 1\n    timeout 1\n    fall 2\n    rise 2\n}}\n\n\
         and into its vrrp_instance, below it:\n\n    track_script {{\n        chk_listenup\n    }}\n"
    )
}

/// A finding, as its JSON has it; what is null is empty.
#[derive(Debug)]
pub struct Found {
    pub severity: String,
    pub line: Option<u64>,
    pub effect: String,
    pub cause: String,
    pub cure: String,
}

/// What the doctor says with these words, in the order in which it does. FOLDER stands for the folder.
#[track_caller]
pub fn findings_of(folder: &Folder, words: &str) -> (Said, Vec<Found>) {
    let said = doctor(folder.path(), &format!("--format json {words}"));
    let document = document(&said.stdout, "doctor");
    let shown = folder.path().display().to_string();
    let found = |one: &serde_json::Value| {
        let text = |key: &str| {
            one[key]
                .as_str()
                .unwrap_or_default()
                .replace(&shown, "FOLDER")
        };
        Found {
            severity: text("severity"),
            line: one["line"].as_u64(),
            effect: text("effect"),
            cause: text("cause"),
            cure: text("cure"),
        }
    };
    let found = document["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(found)
        .collect();
    (said, found)
}

/// The program in the folder, with these words as arguments.
pub fn doctor(folder: &Path, words: &str) -> Said {
    Confined::new(folder.join("listenup")).run(&format!("doctor {words}"))
}

/// Lets the doctor read a keepalived.conf; FOLDER stands for the folder.
pub fn doctor_reads(folder: &Path, conf: &str, words: &str) -> Said {
    let path = folder.join("keepalived.conf");
    fs::write(&path, conf.replace("FOLDER", &folder.display().to_string())).unwrap();
    let words = format!("--keepalived-conf {} {words}", path.display());
    doctor(folder, &words)
}

/// A keepalived.conf with this line in its only vrrp_script, and these other lines there.
pub fn conf_with(script: &str, others: &str) -> String {
    format!(
        "global_defs {{\n enable_script_security\n script_user root\n}}\n\
         vrrp_script chk {{\n {script}\n {others}\n fall 2\n}}\n\
         vrrp_instance gateway {{\n state BACKUP\n interface to-e0\n virtual_router_id 51\n priority 100\n \
         virtual_ipaddress {{\n  192.0.2.100/24\n }}\n track_script {{\n  chk\n }}\n}}\n"
    )
}

/// A program that may be executed, of this owner and mode, in a folder of this owner and mode.
pub fn install(at: &Path, folder: (u32, u32, u32), file: (u32, u32, u32)) -> PathBuf {
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
