//! Which configurations are looked at: the files that are named, or what a running keepalived has loaded, or
//! the file that keepalived reads by default.

use std::fs;
use std::path::{Path, PathBuf};

use super::findings::Finding;
use super::running::{self, Running};
use crate::keepalived_conf::{self, Config, Disk, Place, id_of};

/// What keepalived reads unless it is told otherwise.
const DEFAULT: &str = "/etc/keepalived/keepalived.conf";

/// A configuration and where it comes from.
#[derive(Debug)]
pub struct Conf {
    /// What keepalived makes of it.
    pub config: Config,
    /// Its first file.
    pub main: PathBuf,
}

/// Reads them, and tells what is to be known of that.
pub fn read(named: &[PathBuf], proc: &Path, findings: &mut Vec<Finding>) -> Vec<Conf> {
    if !named.is_empty() {
        return files(named);
    }
    let running = running::find(proc, findings);
    if running.is_empty() {
        let default = PathBuf::from(DEFAULT);
        return if default.exists() {
            files(&[default])
        } else {
            Vec::new()
        };
    }
    running
        .iter()
        .map(|running| {
            findings.extend(changed(running));
            loaded(running)
        })
        .collect()
}

/// Each file is one keepalived's, with all that it includes. Those that another one includes are a part of that.
pub fn files(named: &[PathBuf]) -> Vec<Conf> {
    let host = running::host_name();
    let id = id_of(&host);
    let folder = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
    let mut confs: Vec<Conf> = Vec::new();
    for main in named {
        if confs.iter().any(|conf| conf.main == *main) {
            continue;
        }
        confs.push(Conf {
            config: keepalived_conf::read(&Disk, &folder, main, id),
            main: main.clone(),
        });
    }
    let real = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let included: Vec<PathBuf> = confs
        .iter()
        .flat_map(|conf| conf.config.files.iter().skip(1).map(|file| real(file)))
        .collect();
    let (parts, mut wholes): (Vec<Conf>, Vec<Conf>) = confs
        .into_iter()
        .partition(|conf| included.contains(&real(&conf.main)));
    // Files that include each other are parts, all of them.
    if wholes.is_empty() {
        wholes = parts;
    }
    wholes
}

fn loaded(running: &Running) -> Conf {
    let Running { text, main, id, .. } = running;
    Conf {
        config: keepalived_conf::read_loaded(&Disk, text, main, id),
        main: main.clone(),
    }
}

/// Whether the files are no more what was loaded.
fn changed(running: &Running) -> Option<Finding> {
    let Running {
        pid,
        text,
        main,
        id,
        folder,
    } = running;
    let same = keepalived_conf::is_loaded(&Disk, text, folder, main, id);
    (!same).then(|| {
        Finding::note(
            "changed since keepalived read it: what follows is of what it has loaded",
            format!("the files are not what keepalived ({pid}) has"),
            "reload keepalived, or look at the files by --keepalived-conf",
        )
        .at(&Place::new(main, 0))
    })
}
