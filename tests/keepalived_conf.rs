//! The reader and the real keepalived: what both make of the same files.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

use common::dump::{as_text, can_run, of_reader};
use common::keepalived::Folder;
use common::reading::ask;
use listenup::keepalived_conf::{self, Config, Disk, Script};

const CASES: &str = "tests/cases";

/// So many keepalived run at a time.
const AT_ONCE: usize = 6;

/// Cases that keepalived cannot run here, and why.
const NOT_RUN: &[(&str, &str)] = &[
    (
        "doctor/net-namespace.conf",
        "it wants a named network namespace",
    ),
    ("keepalived-conf/10/h2.conf", "2.2.7 never ends to start"),
    ("keepalived-conf/04/self.conf", "it has no instance"),
    ("keepalived-conf/04/long.conf", "it has no instance"),
];

/// Cases that say something else as they are loaded: random numbers, and lines that are counted otherwise because
/// they are too long.
const OTHERWISE_LOADED: &[&str] = &["keepalived-conf/04/defs.conf", "written/long-lines.conf"];

/// Cases that keepalived does not survive.
const FAIL: &[&str] = &[
    "keepalived-conf/02/crash-escaped-quote-brace.conf",
    "keepalived-conf/02/crash-escaped-quote-brace2.conf",
    "keepalived-conf/02/crash-single-quote-hash.conf",
    "keepalived-conf/05/contin.conf",
    "keepalived-conf/05/contin2.conf",
    "keepalived-conf/05/fatal-nameless.conf",
    "keepalived-conf/05/unterminated.conf",
    "written/nameless.conf",
];

/// A copy of the cases in a folder that script security does not object to.
fn copy_of_cases(folder: &Folder) -> Vec<PathBuf> {
    let mut confs = Vec::new();
    copy(Path::new(CASES), folder.path(), folder.path(), &mut confs);
    confs.sort();
    confs
}

fn copy(from: &Path, to: &Path, root: &Path, confs: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap().path();
        let copied = to.join(entry.file_name().unwrap());
        if entry.is_dir() {
            fs::create_dir(&copied).unwrap();
            copy(&entry, &copied, root, confs);
            continue;
        }
        let text = fs::read(&entry).unwrap();
        let text = replace(
            &text,
            b"/etc/keepalived/cases",
            &format!("{}/keepalived-conf", root.display()),
        );
        let text = replace(&text, b"FOLDER", &root.display().to_string());
        let program = replace(
            &text,
            b"/usr/libexec/keepalived/listenup",
            &format!("{}/listenup", root.display()),
        );
        fs::write(&copied, program).unwrap();
        fs::set_permissions(&copied, fs::metadata(&entry).unwrap().permissions()).unwrap();
        // Files in folders of their own are included by others.
        let depth = copied.strip_prefix(root).unwrap().components().count();
        let is_main = depth <= 3
            && copied
                .parent()
                .unwrap()
                .file_name()
                .is_none_or(|name| name != "conf.d");
        if copied.extension().is_some_and(|is| is == "conf") && is_main {
            confs.push(copied);
        }
    }
}

fn replace(text: &[u8], from: &[u8], to: &str) -> Vec<u8> {
    let mut replaced = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.windows(from.len()).position(|window| window == from) {
        replaced.extend(&rest[..at]);
        replaced.extend(to.as_bytes());
        rest = &rest[at + from.len()..];
    }
    replaced.extend(rest);
    replaced
}

fn read(main: &Path) -> Config {
    keepalived_conf::read(&Disk, main.parent().unwrap(), main, b"vm")
}

/// What came of a case.
enum Outcome {
    /// So many blocks are the same.
    Same(usize),
    /// keepalived does not start or dies, and the reader says so.
    Fails,
    Differs(String),
}

fn compare(main: &Path, case: &str) -> Outcome {
    let config = read(main);
    let real = ask(main);
    let told = config
        .remarks
        .iter()
        .map(|one| format!("  {}: {} ({})\n", one.place, one.effect, one.cause));
    let told: String = told.collect();
    if real.failed != config.fatal.is_some() {
        let (real, log) = (real.failed, real.log);
        return Outcome::Differs(format!(
            "{case}: keepalived failed: {real}, expected from {:?}\n{told}{log}",
            config.fatal
        ));
    }
    if real.failed {
        return Outcome::Fails;
    }
    let count = real.entries.len();
    if let Some(text) = &real.loaded {
        let loaded = keepalived_conf::read_loaded(&Disk, text, main, b"vm");
        let model = |config: Config| Config {
            remarks: Vec::new(),
            ..config
        };
        let (ours, theirs) = (model(config.clone()), model(loaded));
        if ours != theirs && !OTHERWISE_LOADED.contains(&case) {
            let text = String::from_utf8_lossy(text);
            return Outcome::Differs(format!(
                "{case}\n--- files\n{ours:#?}\n--- loaded\n{theirs:#?}\n{text}"
            ));
        }
    }
    let runs = |script: &Script| can_run(script.command().unwrap());
    let mut ours = of_reader(&config, &runs);
    ours.retain(|entry| match entry.title.starts_with("check ") {
        true => config.runs_checker,
        false => config.runs_vrrp,
    });
    let sorted = |mut entries: Vec<common::dump::Entry>| {
        // The dump has its own order of kinds, which is kept within a kind.
        entries.sort_by_key(|entry| entry.title.split(' ').next().unwrap().to_owned());
        as_text(&entries)
    };
    let (mut ours, mut theirs) = (sorted(ours), sorted(real.entries));
    if case == "keepalived-conf/04/defs.conf" {
        // Random numbers, and what 2.2.7 makes of the text behind one.
        for text in [&mut ours, &mut theirs] {
            *text = text
                .lines()
                .filter(|line| !line.contains("'#' '!' '#' '!' 'vm'"))
                .collect();
        }
    }
    if ours == theirs {
        return Outcome::Same(count);
    }
    Outcome::Differs(format!(
        "{case}\n--- reader\n{ours}--- keepalived\n{theirs}--- remarks\n{told}--- log\n{}",
        real.log
    ))
}

#[test]
fn the_real_keepalived_has_read_the_same() {
    let folder = Folder::new();
    let confs = copy_of_cases(&folder);
    let name = |conf: &Path| {
        conf.strip_prefix(folder.path())
            .unwrap()
            .display()
            .to_string()
    };
    let is_run = |conf: &&PathBuf| !NOT_RUN.iter().any(|(case, _)| *case == name(conf));
    let todo: Vec<&PathBuf> = confs.iter().filter(is_run).collect();
    let count = todo.len();
    let todo = Mutex::new(todo.into_iter());
    let outcomes = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some(conf) = todo.lock().unwrap().next() else {
                        return;
                    };
                    let outcome = compare(conf, &name(conf));
                    outcomes.lock().unwrap().push((name(conf), outcome));
                }
            });
        }
    });
    let (mut blocks, mut fail, mut different) = (0, Vec::new(), Vec::new());
    for (case, outcome) in outcomes.into_inner().unwrap() {
        match outcome {
            Outcome::Same(count) => blocks += count,
            Outcome::Fails => fail.push(case),
            Outcome::Differs(how) => different.push(how),
        }
    }
    assert!(
        different.is_empty(),
        "{} of {count} differ\n{}",
        different.len(),
        different.join("\n\n")
    );
    fail.sort();
    assert_eq!(fail, FAIL);
    assert!(
        count >= 97 && blocks > 350,
        "{count} cases, {blocks} blocks"
    );
}
