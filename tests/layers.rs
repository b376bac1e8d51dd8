//! Data walks one way through the house, and so do the imports: `src/main.rs` has the order.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What may use what: each of these those before it. `main` and `start` may use all.
const ORDER: [&str; 14] = [
    "clock",
    "errno",
    "untrusted",
    "domain",
    "keepalived_conf",
    "source",
    "host",
    "requirements",
    "engine",
    "report",
    "log",
    "cli",
    "commands",
    "start",
];

/// The files of the program below a folder, without those of tests.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap();
        if path.is_dir() && stem != "tests" {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|end| end == "rs") && stem != "tests" {
            found.push(path);
        }
    }
    found
}

/// The code of a file up to its tests, without comments.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let (code, _) = text
        .split_once("#[cfg(test)]\nmod tests {")
        .unwrap_or((&text, ""));
    let lines = code.lines().map(str::trim);
    lines
        .filter(|line| !line.starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The names that stand behind each `prefix::` in some code, also those in braces.
fn used(code: &str, prefix: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (at, found) in code.match_indices(prefix) {
        let before = code.get(..at).and_then(|text| text.chars().next_back());
        if before.is_some_and(|before| before.is_alphanumeric() || before == ':' || before == '_') {
            continue;
        }
        let rest = code.get(at + found.len()..).unwrap();
        let list = match rest.strip_prefix('{') {
            Some(list) => list.split_once("};").map_or(list, |(list, _)| list),
            None => rest
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .next()
                .unwrap(),
        };
        let mut depth = 0;
        for part in list.split_inclusive([',', '{', '}']) {
            let name = part.trim().split([':', ',', ' ', '{', '}']).next().unwrap();
            if depth == 0 && !name.is_empty() {
                names.insert(name.to_owned());
            }
            depth += part.matches('{').count();
            depth -= part.matches('}').count().min(depth);
        }
    }
    names
}

fn place(module: &str) -> usize {
    let place = ORDER.iter().position(|name| *name == module);
    place.unwrap_or_else(|| panic!("{module} has no place in the order"))
}

/// The imports of a top-level module that run down the order.
fn running_down(module: &str, code: &str) -> Vec<String> {
    let used = used(code, "crate::").into_iter();
    used.filter(|name| place(name) > place(module)).collect()
}

#[test]
fn imports_only_go_up_the_order() {
    let source = Path::new("src");
    let mut seen = BTreeSet::new();
    for file in files(source) {
        let below = file.strip_prefix(source).unwrap();
        let module = below.iter().next().unwrap();
        let module = Path::new(module).file_stem().unwrap().to_str().unwrap();
        if ["main", "lib"].contains(&module) {
            continue;
        }
        seen.insert(module.to_owned());
        let down = running_down(module, &code(&file));
        assert!(down.is_empty(), "{} uses {down:?}", file.display());
    }
    assert_eq!(seen, ORDER.map(str::to_owned).into());
}

#[test]
fn an_import_that_runs_down_is_found() {
    for code in [
        "use crate::engine::run_check;",
        "use crate::{clock::Clock, engine::{Outcome, run_check}, domain};",
        "let x = crate::engine::run_check(y);",
    ] {
        assert_eq!(running_down("source", code), ["engine"], "{code}");
        assert!(running_down("report", code).is_empty(), "{code}");
    }
}

/// A way through the modules of a folder that comes back to where it began.
fn circle<'m>(
    uses: &'m BTreeMap<String, BTreeSet<String>>,
    at: &'m str,
    way: &mut Vec<&'m str>,
) -> bool {
    if way.contains(&at) {
        way.push(at);
        return true;
    }
    way.push(at);
    for next in uses.get(at).into_iter().flatten() {
        if circle(uses, next, way) {
            return true;
        }
    }
    way.pop();
    false
}

#[test]
fn modules_of_a_folder_have_no_import_circles() {
    let mut folders: BTreeMap<PathBuf, Vec<PathBuf>> = BTreeMap::new();
    for file in files(Path::new("src")) {
        folders
            .entry(file.parent().unwrap().to_owned())
            .or_default()
            .push(file);
    }
    assert!(folders.len() >= 12, "{folders:?}");
    for (folder, files) in folders {
        let name = |file: &Path| file.file_stem().unwrap().to_str().unwrap().to_owned();
        let modules: BTreeSet<String> = files.iter().map(|file| name(file)).collect();
        let uses = files.iter().filter(|file| name(file) != "mod").map(|file| {
            let siblings = used(&code(file), "super::")
                .intersection(&modules)
                .cloned()
                .collect();
            (name(file), siblings)
        });
        let uses: BTreeMap<String, BTreeSet<String>> = uses.collect();
        for module in uses.keys() {
            let mut way = Vec::new();
            assert!(
                !circle(&uses, module, &mut way),
                "{}: {way:?}",
                folder.display()
            );
        }
    }
}

#[test]
fn an_import_circle_is_found() {
    let of = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let uses = BTreeMap::from([
        ("causes".to_owned(), of(&["change"])),
        ("change".to_owned(), of(&["counters", "causes"])),
        ("counters".to_owned(), of(&[])),
    ]);
    assert!(circle(&uses, "causes", &mut Vec::new()));
    assert!(!circle(&uses, "counters", &mut Vec::new()));
}
