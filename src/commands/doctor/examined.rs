//! The configurations to examine, and the version of keepalived that reads each. They are the named files, or those
//! that running keepalived processes have loaded, or the file that keepalived reads by default.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::codes::live::{
    CHANGED, FILE, FILE_VERSION_UNKNOWN, LOADED_UNREADABLE, NOTHING, NOTHING_KNOWN,
    PROCESSES_UNKNOWN, RUNNING, VersionSource,
};
use super::findings::{Finding, Findings};
use super::live::{self, Loaded, Running};
use crate::keepalived_conf::{Config, Disk, Location, Reading, Version, instance_id};
use crate::untrusted;

/// The file that keepalived reads by default.
const DEFAULT: &str = "/etc/keepalived/keepalived.conf";

/// A configuration and where it comes from.
#[derive(Debug)]
pub struct Conf {
    /// The model that keepalived makes of it.
    pub config: Config,
    /// Its first file.
    pub main: PathBuf,
    /// The version of keepalived that reads it.
    pub version: Option<Version>,
    /// The keepalived that has loaded it.
    pub running: Option<Running>,
}

impl Conf {
    /// True if it makes keepalived do something, or if that is unknown.
    pub fn has_subject(&self) -> bool {
        let config = &self.config;
        !config.instances.is_empty() || config.runs_checker || !config.complete
    }
}

/// All that is examined.
#[derive(Debug, Default)]
pub struct Examined {
    /// The configurations.
    pub confs: Vec<Conf>,
    /// The first lines of the report, which name the configurations.
    pub lines: Vec<Finding>,
    /// True if nothing is known about the configuration: it cannot be seen or read.
    pub is_unknown: bool,
}

/// Finds and reads what is to be examined. `forced` is the version of `--keepalived-version`.
pub fn read(
    named: &[PathBuf],
    forced: Option<Version>,
    proc: &Path,
    findings: &mut Findings,
) -> Examined {
    let mut of_processes = Findings::default();
    let running = live::find(proc, &mut of_processes);
    let installed = live::version::installed();
    let first = running.iter().find_map(|running| running.version);
    let version = forced.map(|version| (version, VersionSource::Option));
    let version = version
        .or_else(|| Some((first?, VersionSource::Running)))
        .or_else(|| Some((installed?, VersionSource::Installed)));
    let default = [PathBuf::from(DEFAULT)];
    let has_loaded = running.iter().any(|running| running.loaded.is_some());
    if !named.is_empty() {
        return of_files(named, version);
    }
    let is_doubt =
        |found: &Finding| [LOADED_UNREADABLE.id, PROCESSES_UNKNOWN.id].contains(&found.code.id);
    let is_unknown = !running.is_empty() || of_processes.iter().any(is_doubt);
    findings.extend(of_processes.into_sorted());
    if !has_loaded {
        let found = untrusted::metadata(&default[0]);
        return match found.map_err(|error| error.kind()) {
            Err(ErrorKind::NotFound) => Examined {
                lines: vec![match is_unknown {
                    true => NOTHING_KNOWN.with(&[("main", &DEFAULT)]),
                    false => NOTHING.with(&[]),
                }],
                is_unknown,
                ..Examined::default()
            },
            _ => of_files(&default, version),
        };
    }
    let mut examined = Examined::default();
    for running in running {
        let version = forced.or(running.version);
        let Some(loaded) = &running.loaded else {
            continue;
        };
        let Loaded {
            text,
            main,
            id,
            folder,
        } = loaded;
        let reading = reading(id, version);
        let config = reading.read_loaded(text, main);
        if !reading.matches_loaded(text, folder, main) {
            let finding = CHANGED.with(&[("pid", &running.pid), ("main", &main.display())]);
            findings.add(finding.at(&Location::new(main, 0)));
        }
        if let Some(installed) = live::installed_for(&running) {
            let next = self::reading(id, Some(installed)).read(folder, main);
            let (before, after) = (&config.diagnostics, &next.diagnostics);
            findings.extend(live::versions_differ(
                &running, installed, main, before, after,
            ));
        }
        let shown = version.map_or(
            "of an unknown version (read as 2.3.4)".to_owned(),
            |version| version.to_string(),
        );
        examined.lines.push(RUNNING.with(&[
            ("version", &shown),
            ("pid", &running.pid),
            ("main", &main.display()),
        ]));
        examined.confs.push(Conf {
            config,
            main: main.clone(),
            version,
            running: Some(running),
        });
    }
    examined
}

/// Reads each file as the configuration of one keepalived, with its includes. A named file that another one includes is
/// a part of that one.
fn of_files(named: &[PathBuf], version: Option<(Version, VersionSource)>) -> Examined {
    let confs = read_files(named, version.map(|(version, _)| version));
    let lines = confs.iter().map(|conf| {
        let main = conf.main.display();
        match version {
            Some((version, source)) => {
                FILE.with(&[("main", &main), ("version", &version), ("source", &source)])
            }
            None => FILE_VERSION_UNKNOWN.with(&[("main", &main)]),
        }
    });
    let is_unread = |conf: &Conf| conf.config.files.is_empty();
    Examined {
        lines: lines.collect(),
        is_unknown: confs.iter().all(is_unread),
        confs,
    }
}

/// Reads files as this version does.
pub fn read_files(named: &[PathBuf], version: Option<Version>) -> Vec<Conf> {
    let host = live::host_name();
    let reading = reading(instance_id(&host), version);
    let folder = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
    let mut confs: Vec<Conf> = Vec::new();
    for main in named {
        if confs.iter().any(|conf| conf.main == *main) {
            continue;
        }
        confs.push(Conf {
            config: reading.read(&folder, main),
            main: main.clone(),
            version,
            running: None,
        });
    }
    let real = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let files = confs
        .iter()
        .flat_map(|conf| conf.config.files.iter().skip(1));
    let included: Vec<PathBuf> = files.map(|file| real(file)).collect();
    let (parts, wholes): (Vec<Conf>, Vec<Conf>) = confs
        .into_iter()
        .partition(|conf| included.contains(&real(&conf.main)));
    // Files that include each other are parts, all of them.
    match wholes.is_empty() {
        true => parts,
        false => wholes,
    }
}

fn reading(id: &[u8], version: Option<Version>) -> Reading<'_> {
    Reading {
        files: &Disk,
        id,
        version,
    }
}
