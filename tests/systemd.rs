//! The unit that the packages bring.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use std::fs;
use std::process::Command;

use common::program::{LISTENUP, ProgramOutput};

const UNIT: &str = "packaging/systemd/listenup-watch@.service";

fn analyze(words: &[&str]) -> ProgramOutput {
    let mut command = Command::new("systemd-analyze");
    command
        .args(words)
        .env("SYSTEMD_PAGER", "")
        .env("SYSTEMD_COLORS", "0");
    ProgramOutput::by(&mut command)
}

#[test]
fn systemd_finds_nothing_wrong_with_the_unit() {
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(UNIT).unwrap();
    // Neither the program nor its pages are installed here.
    let here = text
        .replace("/usr/bin/listenup", LISTENUP)
        .replace("Documentation=", "#");
    assert_ne!(text, here);
    let check = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        analyze(&["verify", "--man=no", path.to_str().unwrap()])
    };
    check("listenup-watch@443.service", &here)
        .exits(0)
        .stderr("");
    // It does find what is wrong.
    let wrong = here.replace("WatchdogSec=3s", "WatchdogSec=soon");
    check("listenup-wrong@443.service", &wrong)
        .stderr_has("Failed to parse sec value, ignoring: soon");
}

#[test]
fn systemd_analyze_rates_the_unit_as_safe() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("listenup-watch@443.service");
    fs::copy(UNIT, &path).unwrap();
    let said = analyze(&[
        "security",
        "--offline=true",
        "--threshold=10",
        path.to_str().unwrap(),
    ])
    .exits(0);
    let overall = said.stdout.lines().last().unwrap();
    assert!(
        overall.contains("exposure level") && overall.contains(": 1.0 OK"),
        "{overall}"
    );
}

/// The arguments of a line of the unit, as systemd would expand them for an instance.
fn words(start: &str) -> Vec<std::ffi::OsString> {
    let text = fs::read_to_string(UNIT).unwrap();
    let lines = text.lines();
    let mut lines = lines.filter_map(|line| line.strip_prefix(start)?.strip_prefix(" watch "));
    let line = lines.next().unwrap().to_owned();
    assert_eq!(lines.next(), None);
    let line = line
        .replace("%i", "192.0.2.1:443")
        .replace("%I", "192.0.2.1:443");
    let line = line
        .replace("${DOWN}", "1")
        .replace("${RUNTIME_DIRECTORY}", "/run/it");
    assert!(!line.contains(['$', '%']), "{line}");
    let words = ["listenup", "watch"].into_iter().chain(line.split(' '));
    words.map(Into::into).collect()
}

#[test]
fn command_lines_of_the_unit_are_accepted() {
    let start = words("ExecStart=/usr/bin/listenup");
    let request = listenup::cli::parse(start.clone()).unwrap();
    let listenup::cli::Request::Watch(options) = request else {
        unreachable!("{request:?}");
    };
    assert_eq!(options.check.targets[0].to_string(), "192.0.2.1:443");
    assert_eq!(options.rise, std::time::Duration::from_secs(3));
    // The check before a reload has the same options.
    let check = words("ExecReload=/usr/bin/listenup");
    let without = check.iter().filter(|word| *word != "--check-options");
    assert_eq!(without.cloned().collect::<Vec<_>>(), start);
    assert_ne!(check, start);
}

#[test]
fn the_example_options_file_is_accepted() {
    let text = fs::read_to_string("packaging/systemd/watch-example").unwrap();
    let lines = text.lines().filter_map(|line| line.strip_prefix('#'));
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with(' '));
    let given: Vec<&str> = lines.collect();
    assert_eq!(given.len(), 4, "{given:?}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("watch-web");
    fs::write(&file, given.join("\n")).unwrap();
    let mut start = words("ExecStart=/usr/bin/listenup");
    for word in &mut start {
        let named = word
            .to_string_lossy()
            .replace("/etc/listenup/watch-192.0.2.1:443", &file.to_string_lossy());
        *word = named.into();
    }
    let request = listenup::cli::parse(start).unwrap();
    let listenup::cli::Request::Watch(options) = request else {
        unreachable!("{request:?}");
    };
    assert_eq!(options.check.targets.len(), 2);
    assert_eq!(options.rise, std::time::Duration::from_secs(1));
}

#[test]
fn exec_stop_post_uses_the_same_file_and_down_value() {
    for option in ["--down-value=-50", "--track-file=/run/other"] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("watch-web");
        fs::write(&file, option).unwrap();
        let start = words("ExecStart=/usr/bin/listenup");
        let start = start.into_iter().map(|word| match word.to_str() {
            Some(word) if word.starts_with("--options-file=") => {
                format!("--options-file={}", file.display()).into()
            }
            _ => word,
        });
        let refusal = listenup::cli::parse(start).unwrap_err().to_string();
        assert!(refusal.contains(&option[..8]), "{refusal}");
    }
}
