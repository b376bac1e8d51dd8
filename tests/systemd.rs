//! The unit that the packages bring.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::process::Command;

use common::program::{LISTENUP, Said};

const UNIT: &str = "packaging/systemd/listenup-watch@.service";

fn analyze(words: &[&str]) -> Said {
    let mut command = Command::new("systemd-analyze");
    command
        .args(words)
        .env("SYSTEMD_PAGER", "")
        .env("SYSTEMD_COLORS", "0");
    Said::by(&mut command)
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
fn the_unit_exposes_as_good_as_nothing() {
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

#[test]
fn its_command_line_is_one_that_the_program_takes() {
    let text = fs::read_to_string(UNIT).unwrap();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("ExecStart=/usr/bin/listenup "));
    let line = line.unwrap().replace("%i", "443").replace("${DOWN}", "1");
    let line = line
        .replace("$OPTIONS", "--retry-for 200ms")
        .replace("$TARGETS", "443 80");
    let words = ["listenup"].into_iter().chain(line.split(' '));
    let request = listenup::cli::parse(words.map(Into::into)).unwrap();
    assert!(
        matches!(request, listenup::cli::Request::Watch(_)),
        "{request:?}"
    );
}
