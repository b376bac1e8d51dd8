//! The reader and several versions of the real keepalived: what both read in the same files.

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
use listenup::keepalived_conf::{Config, Disk, Problem, Reading, Script};

const CASES: &str = "tests/cases";

/// So many keepalived run at a time.
const AT_ONCE: usize = 6;

/// Cases that keepalived cannot run here, and why.
const NOT_RUN: &[(&str, &str)] = &[
    (
        "doctor/net-namespace.conf",
        "it requires a named network namespace",
    ),
    ("keepalived-conf/10/h2.conf", "2.2.7 never starts"),
    ("keepalived-conf/04/self.conf", "it has no instance"),
    ("keepalived-conf/04/long.conf", "it has no instance"),
];

/// Cases that no version of keepalived survives.
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
        // Since 2.3.0 keepalived's script security refuses a path with a symlink to a folder.
        let text = ["\"/bin/", " /bin/", "'/bin/"]
            .iter()
            .fold(text, |text, path| {
                replace(&text, path.as_bytes(), &path.replace("/bin", "/usr/bin"))
            });
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

fn reading(version: &str) -> Reading<'static> {
    Reading {
        files: &Disk,
        id: b"vm",
        version: Some(version.parse().unwrap()),
    }
}

/// What came of a case.
enum Comparison {
    /// So many blocks are the same.
    Same(usize),
    /// keepalived does not start or crashes, and the reader says so.
    Fails,
    /// There is no IPVS here, which this version requires.
    NoIpvs,
    /// The reader has not read all of it, and says so.
    Incomplete,
    Differs(String),
}

fn compare(main: &Path, case: &str, version: &str) -> Comparison {
    let reading = reading(version);
    let config = reading.read(main.parent().unwrap(), main);
    let real = ask(main, version);
    let told: String = config
        .diagnostics
        .iter()
        .map(|one| format!("  {}: {:?} {:?}\n", one.place, one.problem, one.values))
        .collect();
    if real.log.contains("Can't initialize ipvs") {
        // Only 2.2.7 can be made to believe that there is IPVS.
        return Comparison::NoIpvs;
    }
    if real.failed && config.fatal.is_some() {
        return Comparison::Fails;
    }
    if !config.complete {
        return Comparison::Incomplete;
    }
    if real.failed != config.fatal.is_some() {
        let (real, log) = (real.failed, real.log);
        return Comparison::Differs(format!(
            "{case}: keepalived failed: {real}, expected from {:?}\n{told}{log}",
            config.fatal
        ));
    }
    let count = real.entries.len();
    if let Some(text) = &real.loaded {
        let loaded = reading.read_loaded(text, main);
        let model = |config: Config| Config {
            diagnostics: Vec::new(),
            ..config
        };
        let (ours, theirs) = (model(config.clone()), model(loaded));
        // A file that is included twice has been loaded twice.
        let is_twice =
            |one: &listenup::keepalived_conf::Diagnostic| one.problem == Problem::IncludedTwice;
        let has_twice = config.diagnostics.iter().any(is_twice);
        if ours != theirs && !has_twice {
            let text = String::from_utf8_lossy(text);
            return Comparison::Differs(format!(
                "{case}\n--- files\n{ours:#?}\n--- loaded\n{theirs:#?}\n{text}"
            ));
        }
        assert!(
            reading.matches_loaded(text, main.parent().unwrap(), main),
            "{case}"
        );
    }
    let runs = |script: &Script| can_run(&script.command);
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
    let (ours, theirs) = (sorted(ours), sorted(real.entries));
    if ours == theirs {
        return Comparison::Same(count);
    }
    Comparison::Differs(format!(
        "{case}\n--- reader\n{ours}--- keepalived\n{theirs}--- diagnostics\n{told}--- log\n{}",
        real.log
    ))
}

/// Asks a version about the cases in these folders. Returns how many there are, how many blocks are the same, and how many
/// cases were not read whole.
fn ask_all(version: &str, folders: &[&str]) -> (usize, usize, usize) {
    let folder = Folder::new();
    let confs = copy_of_cases(&folder);
    let name = |conf: &Path| {
        conf.strip_prefix(folder.path())
            .unwrap()
            .display()
            .to_string()
    };
    let is_run = |conf: &&PathBuf| {
        let name = name(conf);
        let is_wanted = folders.iter().any(|folder| name.starts_with(folder));
        is_wanted && !NOT_RUN.iter().any(|(case, _)| *case == name)
    };
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
                    let outcome = compare(conf, &name(conf), version);
                    outcomes.lock().unwrap().push((name(conf), outcome));
                }
            });
        }
    });
    let (mut blocks, mut incomplete, mut fail, mut different) = (0, 0, Vec::new(), Vec::new());
    for (case, outcome) in outcomes.into_inner().unwrap() {
        match outcome {
            Comparison::Same(count) => blocks += count,
            Comparison::Fails => fail.push(case),
            Comparison::NoIpvs => assert_ne!(version, "2.2.7"),
            Comparison::Incomplete => incomplete += 1,
            Comparison::Differs(how) => different.push(how),
        }
    }
    assert!(
        different.is_empty(),
        "{version}: {} of {count} differ\n{}",
        different.len(),
        different.join("\n\n")
    );
    let unexpected: Vec<&String> = fail
        .iter()
        .filter(|case| !FAIL.contains(&case.as_str()))
        .collect();
    assert!(unexpected.is_empty(), "{unexpected:?}");
    (count, blocks, incomplete)
}

#[test]
fn parsing_agrees_with_keepalived_of_debian_12() {
    let (count, blocks, incomplete) = ask_all("2.2.7", &["doctor", "keepalived-conf", "written"]);
    assert!(
        count >= 97 && blocks >= 220 && incomplete <= 21,
        "{count} cases, {blocks} blocks, {incomplete} incomplete"
    );
}

#[test]
fn parsing_agrees_with_keepalived_of_debian_13() {
    let (count, blocks, incomplete) = ask_all("2.3.3", &["doctor", "keepalived-conf", "written"]);
    assert!(
        count >= 97 && blocks >= 191 && incomplete <= 21,
        "{count} cases, {blocks} blocks, {incomplete} incomplete"
    );
}

#[test]
fn parsing_agrees_with_keepalived_of_debian_sid() {
    let version = common::reading::version_of("sid");
    let (count, blocks, incomplete) = ask_all(&version, &["doctor", "written"]);
    assert!(
        count >= 40 && blocks >= 100 && incomplete <= 7,
        "{count} cases, {blocks} blocks, {incomplete} incomplete"
    );
}
