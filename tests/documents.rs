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
    assert!(count >= 15, "{count}");
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
fn the_readme_is_read_to_its_end() {
    let readme = fs::read_to_string("README.md").unwrap();
    let lines = readme.lines().count();
    assert!((100..=220).contains(&lines), "{lines}");
}

/// The numbers in a text, without commas, but for those in backticks.
fn numbers(text: &str) -> Vec<String> {
    let plain: String = text.split('`').step_by(2).collect();
    let plain = plain.replace(',', "");
    let words = plain.split(|letter: char| !letter.is_ascii_digit() && letter != '.');
    let words = words.map(|word| word.trim_matches('.'));
    words
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// True if a figure is printed, or is what a printed number of microseconds is in milliseconds, rounded.
fn is_among(number: &str, printed: &[String]) -> bool {
    let decimals = number.split_once('.').map_or(0, |(_, digits)| digits.len());
    let in_ms = |us: &String| us.parse::<f64>().ok().map(|us| us / 1000.0);
    let rounded = |us: &String| in_ms(us).map(|ms| format!("{ms:.decimals$}"));
    printed.iter().any(|printed| {
        printed == number || decimals > 0 && rounded(printed).is_some_and(|ms| ms == number)
    })
}

#[test]
fn the_figures_that_the_readme_quotes_are_in_the_files_that_it_names() {
    let readme = fs::read_to_string("README.md").unwrap();
    let (mut rows, mut quoted) = (0, 0);
    for row in readme
        .lines()
        .filter(|line| line.contains("](scripts/figures/") && line.starts_with('|'))
    {
        let (figures, link) = row.rsplit_once("](").unwrap();
        // The head of the table of times has its link in the first cell; its rows have a test of their own.
        let Some((figures, _)) = figures.rsplit_once(" | ") else {
            continue;
        };
        let file = link.split(')').next().unwrap();
        let printed = numbers(&fs::read_to_string(file).unwrap());
        for number in numbers(figures) {
            assert!(
                is_among(&number, &printed),
                "{number} is not in {file}: {row}"
            );
            quoted += 1;
        }
        rows += 1;
    }
    assert!(rows == 7 && quoted >= 14, "{rows} {quoted}");
}

/// A time such as "0.31 ms", in milliseconds.
fn milliseconds(time: &str) -> f64 {
    let (number, unit) = time.split_once(' ').unwrap();
    let unit = ["us", "ms", "s"].iter().position(|name| *name == unit);
    number.parse::<f64>().unwrap() * [0.001, 1.0, 1000.0][unit.unwrap()]
}

#[test]
fn the_times_and_factors_of_the_first_table_are_those_of_the_speed_figures() {
    let readme = fs::read_to_string("README.md").unwrap();
    let figures = fs::read_to_string("scripts/figures/speed.md").unwrap();
    let column = figures
        .lines()
        .find(|line| line.starts_with("| |"))
        .unwrap();
    let column = column
        .split(" | ")
        .position(|head| head == "1,000,000 sockets");
    let (_, table) = readme.split_once("| one check with 1,000,000 ").unwrap();
    let mut times = Vec::new();
    for row in table.lines().skip(2).take_while(|row| !row.is_empty()) {
        let row = row.replace("**", "");
        let cells: Vec<&str> = row.split(" | ").collect();
        let command = match cells[0].split('`').nth(1).unwrap() {
            "listenup check 443" => "listenup check, IPv4",
            command => command,
        };
        let figure = figures
            .lines()
            .find(|line| line.starts_with(&format!("| `{command}` |")));
        let figure = figure.unwrap_or_else(|| panic!("{command} is not in speed.md"));
        let figure = figure.split(" | ").nth(column.unwrap()).unwrap();
        assert_eq!(figure.split(" (").next(), Some(cells[1]), "{row}");
        times.push(milliseconds(cells[1]));
        let factor: f64 = cells[2]
            .trim_end_matches(" |")
            .replace(',', "")
            .parse()
            .unwrap();
        let exact = times.last().unwrap() / times[0];
        assert!((factor / exact - 1.0).abs() < 0.02, "{exact}: {row}");
    }
    assert!(times.len() == 6 && times.is_sorted(), "{times:?}");
}

#[test]
fn scripts_figures_has_what_one_command_refreshes_and_nothing_else() {
    let script = fs::read_to_string("scripts/figures-refresh").unwrap();
    let (_, list) = script.split_once("<<'END'\n").unwrap();
    let list = list.split("\nEND\n").next().unwrap();
    let mut refreshed = BTreeSet::from(["cost.svg".to_owned()]);
    for line in list.lines() {
        let (name, script) = line.split_once(' ').unwrap();
        let script = script.trim();
        assert!(exists(&format!("scripts/{script}")), "{script}");
        let text = fs::read_to_string(format!("scripts/figures/{name}.md")).unwrap();
        assert!(text.starts_with(&format!("By `scripts/{script}")), "{name}");
        refreshed.insert(format!("{name}.md"));
    }
    let there = children(Path::new("scripts/figures"));
    let there = there
        .iter()
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned());
    assert_eq!(there.collect::<BTreeSet<_>>(), refreshed);
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

#[test]
fn the_tests_that_the_security_page_names_are_there() {
    let page = fs::read_to_string("SECURITY.md").unwrap();
    let quoted = page.split('`').skip(1).step_by(2);
    let names = quoted.filter(|word| {
        word.matches('_').count() >= 3 && word.chars().all(|c| c.is_ascii_lowercase() || c == '_')
    });
    let names: BTreeSet<&str> = names.collect();
    assert!(names.len() >= 15, "{names:?}");
    let mut code = String::new();
    for folder in ["src", "tests"] {
        let mut folders = vec![PathBuf::from(folder)];
        while let Some(folder) = folders.pop() {
            for path in children(&folder) {
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|end| end == "rs") {
                    code += &fs::read_to_string(path).unwrap();
                }
            }
        }
    }
    for name in names {
        assert!(code.contains(&format!("fn {name}()")), "{name}");
    }
}
