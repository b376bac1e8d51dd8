//! What the reader makes of configurations, and what keepalived 2.2.7 was seen to make of them.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use common::dump::{Entry, as_text, of_keepalived, of_script};
use listenup::keepalived_conf::{self, Config, Disk, Files, Kind, Severity};

const CASES: &str = "tests/cases/keepalived-conf";
/// Where they were when keepalived read them.
const THEN: &str = "/etc/keepalived/cases";

/// The cases where they were then.
struct Then;

impl Then {
    fn now(path: &Path) -> PathBuf {
        match path.strip_prefix(THEN) {
            Ok(path) => Path::new(CASES).join(path),
            Err(_) => path.to_owned(),
        }
    }
}

impl Files for Then {
    fn kind(&self, path: &Path) -> Option<Kind> {
        // git keeps x bits, but a checkout may be without.
        if path.ends_with("d/exec.inc") {
            return Some(Kind::Regular { executable: true });
        }
        Disk.kind(&Self::now(path))
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<OsString>> {
        Disk.names(&Self::now(folder))
    }

    fn read(&self, file: &Path, at_most: usize) -> io::Result<Vec<u8>> {
        Disk.read(&Self::now(file), at_most)
    }

    fn real(&self, folder: &Path) -> PathBuf {
        folder.to_owned()
    }
}

fn read(case: &str) -> Config {
    let main = Path::new(THEN).join(case);
    keepalived_conf::read(&Then, main.parent().unwrap(), &main, b"vm")
}

/// The cases that have a record.
fn records() -> Vec<(String, String)> {
    let mut records = Vec::new();
    for folder in fs::read_dir(CASES).unwrap() {
        for file in fs::read_dir(folder.unwrap().path()).unwrap() {
            let conf = file.unwrap().path();
            let record = conf.with_extension("out");
            if conf.extension().is_some_and(|is| is == "conf") && record.exists() {
                let case = conf.strip_prefix(CASES).unwrap().display().to_string();
                records.push((case, fs::read_to_string(record).unwrap()));
            }
        }
    }
    records.sort();
    records
}

/// The scripts that a record has, each on a line of its own.
fn recorded(record: &str) -> Vec<Entry> {
    let line = |line: &str| {
        let mut parts = line.strip_prefix("SCRIPT ")?.split(" | ");
        let name = parts.next()?.trim_end_matches(": ").trim_end_matches(':');
        Some(Entry {
            title: format!("script {name}"),
            fields: parts.map(str::to_owned).collect(),
        })
    };
    let mut entries: Vec<Entry> = record.lines().filter_map(line).collect();
    entries.extend(
        of_keepalived(record)
            .into_iter()
            .filter(|entry| entry.title.starts_with("script ")),
    );
    entries
}

/// The program's folder may have been a symlink, and was shown without.
fn without_folder(field: &str) -> String {
    let field = field.replace("Command = '/usr/bin/", "Command = '/bin/");
    match field.strip_prefix("Command = '") {
        Some(rest) if !rest.starts_with('/') => format!("Command = '/bin/{rest}"),
        _ => field,
    }
}

/// The remarks, for people.
fn told(config: &Config) -> String {
    let lines = config
        .remarks
        .iter()
        .map(|remark| format!("  {}: {} ({})", remark.place, remark.effect, remark.cause));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn scripts_are_what_keepalived_said() {
    let mut compared = 0;
    for (case, record) in records() {
        let config = read(&case);
        let seen = recorded(&record);
        if case == "08/json.conf" {
            assert!(seen.is_empty(), "its record has no scripts");
            continue;
        }
        for entry in &seen {
            let name = entry.title.strip_prefix("script ").unwrap();
            let used = |script: &&listenup::keepalived_conf::Script| {
                // The record cuts names at a blank.
                script.name.split(' ').next() == Some(name)
                    && !script.removed
                    && script.shadowed_by.is_none()
            };
            let script = config.scripts.iter().find(used);
            let script =
                script.unwrap_or_else(|| panic!("{case}: {name} is not read\n{}", told(&config)));
            let ours = of_script(script, &config.globals);
            let is_in_ours = |field: &&String| {
                let key = field.split('=').next().unwrap();
                field.starts_with("by ") || ours.fields.iter().any(|ours| ours.starts_with(key))
            };
            for field in entry.fields.iter().filter(is_in_ours) {
                // In 04/defs.conf a random number is drawn, and what follows is garbled.
                if field.contains("_RANDOM") {
                    continue;
                }
                let field = without_folder(field);
                let ours: Vec<String> = ours
                    .fields
                    .iter()
                    .map(|field| without_folder(field))
                    .collect();
                assert!(ours.contains(&field), "{case} {name}: {field}\n{ours:#?}");
                compared += 1;
            }
        }
        // Nothing is read that keepalived did not have, unless it could not be executed.
        for script in config
            .scripts
            .iter()
            .filter(|script| !script.tracked_by.is_empty())
        {
            let is_seen = seen
                .iter()
                .any(|entry| entry.title.split(' ').nth(1) == script.name.split(' ').next());
            let name = &script.name;
            let explained = [
                format!("Disabling track script {name} "),
                format!("vrrp script {name} - removing"),
                "SIGSEGV".to_owned(),
                "permanent error CONFIG".to_owned(),
                "no configuration to run".to_owned(),
                "is not executable for".to_owned(),
                // Cut off in the record.
                "/etc/passwd".to_owned(),
            ];
            let explained = explained.iter().any(|why| record.contains(why.as_str()));
            assert!(is_seen || explained, "{case}: {name}\n{record}");
        }
    }
    assert!(compared > 300, "{compared}");
}

/// A complaint of keepalived's log with a line: `(FILE: Line N) TEXT` or `(Line N) TEXT`.
fn complaints(record: &str) -> Vec<(Option<String>, usize, String)> {
    let log = record.split("## log").nth(1).unwrap_or_default();
    let log = log.split("## ").next().unwrap_or_default();
    let complaint = |line: &str| {
        let (place, text) = line.strip_prefix('(')?.split_once(") ")?;
        let (file, number) = match place.split_once(": Line ") {
            Some((file, number)) => (Some(file.to_owned()), number),
            None => (None, place.strip_prefix("Line ")?),
        };
        Some((file, number.parse().ok()?, text.to_owned()))
    };
    log.lines().filter_map(complaint).collect()
}

#[test]
fn where_keepalived_complains_there_is_a_remark() {
    let (mut compared, mut missing) = (0, Vec::new());
    for (case, record) in records() {
        let config = read(&case);
        for (file, line, text) in complaints(&record) {
            // Whether users exist and programs can be executed is not the reader's.
            let by_user = ["07/baduser", "07/sec-nouser"]
                .iter()
                .any(|by| case.starts_with(by));
            if text.contains("uid/gid") || text.contains("default user") || by_user {
                continue;
            }
            // That follows from a brace further up, which has a remark.
            if text == "Unknown keyword '}'" {
                continue;
            }
            // keepalived names the file that it has just read, the reader the line that includes.
            if text.contains("'d/dir.conf/' is a directory") {
                continue;
            }
            let is_there = |place: &listenup::keepalived_conf::Place| {
                let name = file.as_deref().and_then(|file| Path::new(file).file_name());
                // Two records are of files that were called otherwise then.
                let renamed = case.contains("crash") || case.contains("fatal");
                place.line == line && name.is_none_or(|name| renamed || place.file.ends_with(name))
            };
            let found = config.remarks.iter().any(|remark| {
                is_there(&remark.place)
                    // What is told at the end of a block names its first line.
                    || (text.contains("removing") || text.contains("ignoring") || text.contains("skipping") || text.contains("not specified"))
                        && remark.place.line < line
                        && remark.severity == Severity::Problem
            });
            compared += 1;
            if !found {
                missing.push(format!("{case}, line {line}: {text}\n{}", told(&config)));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
    assert!(compared > 60, "{compared}");
}

#[test]
fn checks_of_real_servers() {
    let config = read("06/misc.conf");
    let record = fs::read_to_string(format!("{CASES}/06/misc.check.data")).unwrap();
    let seen = of_keepalived(&record);
    let ours = common::dump::of_reader(&config, &|_| true);
    assert_eq!(as_text(&ours), as_text(&seen));
}

#[test]
fn nothing_is_said_of_what_is_well() {
    for case in [
        "01/keepalived.conf",
        "04/nestcond.conf",
        "09/start-rise.conf",
    ] {
        let config = read(case);
        let problems: Vec<_> = config
            .remarks
            .iter()
            .filter(|remark| {
                remark.severity == Severity::Problem && !remark.effect.contains("is not used")
            })
            .collect();
        assert!(problems.is_empty(), "{case}: {problems:#?}");
    }
}
