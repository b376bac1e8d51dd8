//! What the reader makes of configurations, and what keepalived 2.2.7 was seen to make of them.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use common::dump::{Entry, as_text, of_keepalived, of_script};
use listenup::keepalived_conf::{Config, Disk, Files, Kind, Problem, Reading};

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

    fn names(&self, folder: &Path, at_most: usize) -> io::Result<Vec<OsString>> {
        Disk.names(&Self::now(folder), at_most)
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
    let reading = Reading {
        files: &Then,
        id: b"vm",
        version: "2.2.7".parse().ok(),
    };
    reading.read(main.parent().unwrap(), &main)
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

/// The diagnostics, for people.
fn told(config: &Config) -> String {
    let lines = config
        .diagnostics
        .iter()
        .map(|one| format!("  {}: {:?} {:?}", one.place, one.problem, one.values));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn parsed_scripts_match_what_keepalived_dumped() {
    let (mut compared, mut incomplete) = (0, 0);
    for (case, record) in records() {
        let config = read(&case);
        if !config.complete {
            incomplete += 1;
            continue;
        }
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
    assert!(
        compared > 200 && incomplete <= 19,
        "{compared}, {incomplete}"
    );
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

/// Returns the lines of the block that a line of a case opens; none if it opens none.
fn block_of(case: &str, first: usize) -> std::ops::RangeInclusive<usize> {
    let text = fs::read_to_string(Path::new(CASES).join(case)).unwrap();
    let mut lines = text.lines().skip(first - 1);
    let opens = lines.next().is_some_and(|line| line.ends_with('{'));
    let inside = lines.take_while(|line| line.trim() != "}").count();
    first + 1..=if opens { first + 1 + inside } else { first }
}

#[test]
fn each_complaint_of_keepalived_has_a_diagnostic() {
    let (mut compared, mut missing) = (0, Vec::new());
    for (case, record) in records() {
        let config = read(&case);
        for (_, line, text) in complaints(&record) {
            // Whether users exist and programs can be executed is not the reader's.
            let by_user = ["07/baduser", "07/sec-nouser"]
                .iter()
                .any(|by| case.starts_with(by));
            if text.contains("uid/gid") || text.contains("default user") || by_user {
                continue;
            }
            let is_found = config.diagnostics.iter().any(|one| {
                // What follows from a part that is not read is not reported.
                let skips = one.problem == Problem::MisplacedKeyword && !config.complete;
                let explains = (one.problem.is_gap() || skips) && one.place.line <= line;
                // What is reported at the end of a block names its first line.
                let is_of_block = ["removing", "ignoring", "skipping", "not specified"]
                    .iter()
                    .any(|word| text.contains(word));
                // The block of a misspelled keyword is read as what it was meant to be.
                let is_misspelled = one.problem == Problem::MisspelledKeyword
                    && text.starts_with("Unknown keyword")
                    && block_of(&case, one.place.line).contains(&line);
                one.place.line == line
                    || explains
                    || is_misspelled
                    || (is_of_block && one.place.line < line)
            });
            // keepalived names the file that it has just read, the reader the line that includes.
            let is_included = text.contains("'d/dir.conf/' is a directory");
            compared += 1;
            if !is_found && !is_included {
                missing.push(format!("{case}, line {line}: {text}\n{}", told(&config)));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
    assert!(compared > 60, "{compared}");
}

#[test]
fn parsed_checks_of_real_servers_match_keepalived() {
    let config = read("06/misc.conf");
    let record = fs::read_to_string(format!("{CASES}/06/misc.check.data")).unwrap();
    let seen = of_keepalived(&record);
    let ours = common::dump::of_reader(&config, &|_| true);
    assert_eq!(as_text(&ours), as_text(&seen));
}

#[test]
fn correct_configurations_have_no_diagnostics() {
    for case in ["01/keepalived.conf", "09/start-rise.conf"] {
        let config = read(case);
        let mut problems = config.diagnostics.clone();
        problems.retain(|one| one.problem != Problem::Untracked);
        assert!(problems.is_empty(), "{case}: {problems:#?}");
    }
}
