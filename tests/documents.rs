//! The documents: what they name is there.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const DOCUMENTS: [&str; 4] = [
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "packaging/keepalived/README.md",
];

/// A document without its blocks of code.
#[track_caller]
fn prose(document: &str) -> String {
    let text = fs::read_to_string(document).unwrap_or_else(|error| panic!("{document}: {error}"));
    text.split("```").step_by(2).collect()
}

/// What is in backticks, up to the first space.
fn code(prose: &str) -> impl Iterator<Item = &str> {
    let spans = prose.split('`').skip(1).step_by(2);
    spans.filter_map(|span| span.split_whitespace().next())
}

/// Whether it looks like a file of the repository.
fn is_path(word: &str) -> bool {
    let first = word.split('/').next().unwrap();
    let folders = [".cargo", ".ci", "packaging", "scripts", "src", "tests"];
    let document = word.ends_with(".md") || word.ends_with(".toml");
    folders.contains(&first) || document && !word.contains('/')
}

/// Whether there is such a file; `*` stands for any name.
fn exists(pattern: &str) -> bool {
    let mut found = vec![PathBuf::new()];
    for part in pattern.split('/') {
        found = found
            .iter()
            .flat_map(|path| match part {
                "*" => children(path),
                _ => vec![path.join(part)],
            })
            .filter(|path| path.exists())
            .collect();
    }
    !found.is_empty()
}

fn children(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn every_file_that_a_document_names_in_backticks_is_there() {
    let mut named = BTreeSet::new();
    for document in DOCUMENTS {
        let prose = prose(document);
        for path in code(&prose).filter(|word| is_path(word)) {
            assert!(exists(path), "{document} names {path}");
            named.insert(path.to_owned());
        }
    }
    assert!(named.len() >= 30, "{named:?}");
    assert!(!exists("src/*/no-such-file.rs") && !exists("scripts/no-such"));
}

#[test]
fn every_link_of_a_document_leads_somewhere() {
    let mut count = 0;
    for document in DOCUMENTS {
        let prose = prose(document);
        let folder = Path::new(document).parent().unwrap();
        let links = prose
            .split("](")
            .skip(1)
            .map(|rest| rest.split(')').next().unwrap());
        for link in links.filter(|link| !link.starts_with("https://")) {
            let there = match link.strip_prefix('#') {
                Some(anchor) => headings(&prose).any(|heading| anchor_of(heading) == anchor),
                None => folder.join(link).exists(),
            };
            assert!(there, "{document} links to {link}");
            count += 1;
        }
    }
    assert!(count >= 20, "{count}");
}

fn headings(prose: &str) -> impl Iterator<Item = &str> {
    prose.lines().filter_map(|line| line.strip_prefix("## "))
}

/// As GitHub makes them.
fn anchor_of(heading: &str) -> String {
    let kept = heading
        .chars()
        .filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

#[test]
fn the_table_of_contents_of_the_readme_has_every_heading_in_order() {
    let readme = prose("README.md");
    let contents = readme.lines().filter_map(|line| line.strip_prefix("- ["));
    let contents = contents.filter_map(|line| line.split_once("](#"));
    let contents: Vec<_> = contents.map(|(heading, _)| heading).collect();
    assert_eq!(contents, headings(&readme).collect::<Vec<_>>());
}

#[test]
fn the_packages_that_are_named_are_of_this_version() {
    let version = env!("CARGO_PKG_VERSION");
    let readme = fs::read_to_string("README.md").unwrap();
    for package in [
        format!("listenup_{version}-1_amd64.deb"),
        format!("listenup-{version}-1.x86_64.rpm"),
    ] {
        assert!(readme.contains(&package), "{package}");
    }
    let playbook = fs::read_to_string("packaging/ansible/listenup.yml").unwrap();
    assert!(playbook.contains(&format!("listenup_version: {version}\n")));
}
