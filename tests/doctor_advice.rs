//! Each fix, applied literally, leaves a configuration that the real keepalived runs as meant, and about which the doctor
//! reports no problem. A code without a row fails the test.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod advice;
mod common;

use std::collections::BTreeSet;
use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use advice::{Kind, Row};
use common::doctor::{Found, doctor, with_code, write_conf};
use common::keepalived::{Folder, Keepalived};
use common::node::Node;
use common::program::{ProgramOutput, sh};
use common::sockets::listen;
use common::{in_namespace, ip};
use listenup::commands::doctor::codes;

/// The codes whose fix other tests apply, with the start of these tests' names.
const ELSEWHERE: &[(&str, &str)] = &[
    (
        "LU112",
        "doctor_running: messages_of_the_running_keepalived_are_reported",
    ),
    (
        "LU189",
        "doctor: a_configuration_that_this_user_cannot_read",
    ),
    (
        "LU217",
        "doctor_audit: a_program_on_a_noexec_file_system_is_reported",
    ),
    (
        "LU222",
        "doctor_audit: only_root_evaluates_checks_of_other_users",
    ),
    (
        "LU262",
        "doctor_running: a_track_file_whose_label_keepalived_perhaps_cannot_read",
    ),
    (
        "LU263",
        "doctor_running: a_track_file_that_is_mounted_alone",
    ),
    (
        "LU417",
        "doctor_audit: only_root_evaluates_checks_of_other_users",
    ),
    (
        "LU421",
        "doctor_cases: each_public_report_gets_its_findings",
    ),
    (
        "LU501",
        "doctor_running: the_loaded_configuration_is_examined_instead_of_the_file",
    ),
    (
        "LU502",
        "doctor: the_report_begins_with_the_subject_and_ends_with_the_result",
    ),
    (
        "LU503",
        "doctor: the_report_begins_with_the_subject_and_ends_with_the_result",
    ),
    (
        "LU504",
        "doctor: the_report_begins_with_the_subject_and_ends_with_the_result",
    ),
    (
        "LU505",
        "doctor_running: processes_that_this_user_cannot_see",
    ),
    (
        "LU511",
        "doctor_trust: a_keepalived_process_is_trusted_only_if_it_runs_as_root_alone",
    ),
    (
        "LU512",
        "doctor_running: the_loaded_configuration_is_examined_instead_of_the_file",
    ),
    (
        "LU513",
        "doctor_running: the_loaded_configuration_is_examined_instead_of_the_file",
    ),
    (
        "LU514",
        "doctor_running: an_upgrade_that_takes_effect_at_the_next_restart_is_reported",
    ),
    (
        "LU515",
        "src/commands/doctor/live/process.rs: processes_that_cannot_be_listed_are_reported",
    ),
    (
        "LU521",
        "doctor_running: a_track_file_that_keepalived_does_not_watch_is_a_problem",
    ),
    (
        "LU522",
        "doctor_running: a_script_disabled_at_the_start_is_a_problem",
    ),
    (
        "LU601",
        "doctor: a_refused_source_is_a_note_and_two_are_a_problem",
    ),
    (
        "LU602",
        "doctor: a_refused_source_is_a_note_and_two_are_a_problem",
    ),
    (
        "LU603",
        "doctor: a_refused_source_is_a_note_and_two_are_a_problem",
    ),
    ("LU611", "doctor: targets_of_the_command_line_are_checked"),
    ("LU613", "doctor: targets_of_the_command_line_are_checked"),
    (
        "LU614",
        "doctor: a_refused_source_is_a_note_and_two_are_a_problem",
    ),
];

#[test]
fn each_code_has_a_row() {
    let rows: Vec<String> = advice::all()
        .iter()
        .map(|row| row.code.to_owned())
        .collect();
    let elsewhere = ELSEWHERE.iter().map(|(code, _)| (*code).to_owned());
    let covered: BTreeSet<String> = rows.iter().cloned().chain(elsewhere).collect();
    // tests/doctor_third_party.rs holds the checks by other programs to the same.
    let all = codes::all().into_iter().map(|code| code.id.to_owned());
    let all: BTreeSet<String> = all.filter(|id| !id.starts_with("LU3")).collect();
    assert_eq!(covered, all);
    for (code, test) in ELSEWHERE {
        let (file, name) = test.split_once(": ").unwrap();
        let file = match file.contains('/') {
            true => file.to_owned(),
            false => format!("tests/{file}.rs"),
        };
        let text = fs::read_to_string(&file).unwrap();
        assert!(
            text.contains(&format!("fn {name}()")),
            "{code}: {file}: {name}"
        );
    }
}

/// Runs the doctor on the configuration in the folder.
#[track_caller]
fn examine(folder: &Folder, row: &Row, words: &str) -> Vec<Found> {
    let path = folder.path().join("keepalived.conf").display().to_string();
    let words = format!(
        "--format json {path} {}",
        words.replace("FOLDER", &folder.path().display().to_string())
    );
    let said: ProgramOutput = match row.hidden {
        None => doctor(folder.path(), &words),
        Some((over, what)) => sh(&format!(
            "exec unshare --mount sh -c 'mount --bind {} {over} && exec {}/listenup doctor {words}'",
            what.replace("FOLDER", &folder.path().display().to_string()),
            folder.path().display()
        )),
    };
    Found::all(&said.stdout, folder.path())
}

/// What the log of a keepalived has where it does not do what is written.
const COMPLAINTS: &[&str] = &[
    "gnoring",
    "nknown keyword",
    "disabling",
    "not found",
    "SECURITY VIOLATION",
    "nvalid",
    "missing",
    "Unable to",
    "clearing",
    "unexpected",
    "nmatched",
    "does not exist",
];

/// Lets the real keepalived run the configuration, and the doctor look at it.
#[track_caller]
fn run(folder: &Folder, row: &Row) {
    let node = Node::new();
    node.plug("to-e0", "e0", &["192.0.2.1/24"]);
    let _listeners = node.run(|| [listen("::", 443), listen("::", 8443)]);
    let path = folder.path().join("keepalived");
    let started = path.clone();
    let keepalived = node.run(move || Keepalived::start(started, false));
    let log = || fs::read_to_string(path.with_extension("log")).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while !(log().contains("Entering BACKUP STATE") || log().contains("Entering MASTER STATE")) {
        assert!(Instant::now() < deadline, "{}: {}", row.code, log());
        std::thread::sleep(Duration::from_millis(20));
    }
    let look = folder.path().to_owned();
    let said = node.run(move || doctor(&look, "--format json"));
    let found = Found::all(&said.stdout, folder.path());
    let problem = found.iter().find(|one| one.severity == "problem");
    assert!(problem.is_none(), "{}: {problem:#?}", row.code);
    let runs = found
        .iter()
        .any(|one| ["LU241", "LU242"].contains(&one.code.as_str()));
    assert!(
        runs || row.kind == Kind::NoCheck,
        "{}: {found:#?}",
        row.code
    );
    let wrong = log();
    let wrong = wrong
        .lines()
        .find(|line| COMPLAINTS.iter().any(|part| line.contains(part)));
    assert_eq!(wrong, None, "{}", row.code);
    drop(keepalived);
}

/// `keepalived -t` says nothing of the configuration.
fn test(folder: &Folder, row: &Row) {
    let said = sh(&format!(
        "keepalived -t -f {}/keepalived.conf",
        folder.path().display()
    ));
    assert_eq!(
        (said.code, said.stderr.as_str()),
        (Some(0), ""),
        "{}: {said:#?}",
        row.code
    );
}

/// Runs a command of a fix.
fn execute(folder: &Path, command: &str) {
    let command = command.replace("FOLDER", &folder.display().to_string());
    sh(&command).exits(0);
}

fn check(row: &Row, seen: &Mutex<BTreeSet<String>>) {
    let folder = Folder::new();
    let path = folder.path();
    (row.before)(path);
    let broken = row.broken.clone();
    write_conf(path, &broken);
    let found = examine(&folder, row, &row.words.0);
    let one = with_code(&found, row.code);
    let kept = [one.effect.as_str(), &one.cause, &one.fix].join("\n");
    let is_filled = |text: &str| {
        let names = text
            .split('{')
            .skip(1)
            .filter_map(|rest| rest.split('}').next());
        names
            .into_iter()
            .all(|name| name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_lowercase()))
    };
    assert!(is_filled(&kept), "{}: {kept}", row.code);
    let Some(fix) = &row.fix else {
        assert!(one.fix.is_empty(), "{}: {}", row.code, one.fix);
        return;
    };
    assert!(one.fix.contains(fix.says), "{}: {}", row.code, one.fix);
    if let Some(command) = fix.executes {
        assert!(one.fix.starts_with(command), "{}: {}", row.code, one.fix);
        execute(path, command);
    }
    (fix.after)(path);
    let fixed = match fix.line {
        Some(old) => broken.replace(old, &one.fix),
        None => fix.edits.iter().fold(broken.clone(), |conf, (old, new)| {
            assert!(conf.contains(old), "{}: no {old:?} in {conf}", row.code);
            conf.replacen(old, new, 1)
        }),
    };
    write_conf(path, &fixed);
    let found = examine(&folder, row, row.words.1.as_deref().unwrap_or(&row.words.0));
    let left = found
        .iter()
        .find(|one| one.severity == "problem" || (one.code == row.code && !fix.looks_up));
    assert!(left.is_none(), "{}: {left:#?}\n{fixed}", row.code);
    // The same configuration once is enough.
    if !fix.is_local && !seen.lock().unwrap().insert(fixed) {
        return;
    }
    match row.kind {
        Kind::Runs | Kind::NoCheck => run(&folder, row),
        Kind::Tests => test(&folder, row),
        Kind::Read => {}
    }
}

fn check_all(rows: Vec<Row>) {
    in_namespace(move || {
        ip("address add 192.0.2.1/24 dev lo");
        ip("link add to-e0 type veth peer name other");
        let _listeners = [listen("::", 443), listen("::", 8443)];
        let seen = Mutex::default();
        let fails = |row: &&Row| {
            let result = panic::catch_unwind(AssertUnwindSafe(|| check(row, &seen)));
            result.is_err()
        };
        let failed: Vec<&str> = rows.iter().filter(fails).map(|row| row.code).collect();
        assert!(failed.is_empty(), "{failed:?}");
    });
}

/// Also where script security is on, and there is no user for scripts, or one who cannot see other users' processes.
#[test]
fn the_block_to_paste_runs_as_it_is() {
    in_namespace(|| {
        for user in ["", " script_user nobody\n", " script_user root\n"] {
            let folder = Folder::new();
            let front = format!("global_defs {{\n enable_script_security\n{user}}}\n");
            let (_, instance) = advice::GOOD.split_once("vrrp_instance").unwrap();
            let (instance, _) = instance.split_once(" track_script").unwrap();
            let instance = format!("vrrp_instance{instance}");
            let path = write_conf(folder.path(), &format!("{front}{instance}}}\n"));
            let said = doctor(
                folder.path(),
                &format!("--format json {} 443", path.display()),
            );
            let document = common::schema::document(&said.stdout, "doctor");
            let block = document["block"].as_str().unwrap();
            let part = |start: &str| &block[block.find(start).unwrap()..];
            let (script, _) = part("vrrp_script").split_once("\nand into").unwrap();
            let track = part("    track_script");
            write_conf(
                folder.path(),
                &format!("{front}{script}{instance}{track}}}\n"),
            );
            run(&folder, &advice::row("block", "", &[]));
        }
    });
}

#[test]
fn advice_about_reading_takes_effect_in_keepalived() {
    check_all(advice::reading());
}

#[test]
fn advice_about_blocks_and_values_takes_effect_in_keepalived() {
    check_all(advice::blocks());
}

#[test]
fn advice_about_tracking_takes_effect_in_keepalived() {
    check_all(advice::tracking());
}

#[test]
fn advice_about_users_paths_and_weights_takes_effect_in_keepalived() {
    check_all(advice::audit());
}

#[test]
fn advice_about_listenup_checks_takes_effect_in_keepalived() {
    check_all(advice::commands());
}
