//! `track_file` and `track_process`: whether somebody keeps the file, and what a process does not say.

use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use nix::unistd::geteuid;

use super::findings::Finding;
use super::running::option;
use crate::host::folders::weak_folder;
use crate::keepalived_conf::{Config, TrackFile, TrackProcess};

/// Looks at all of them.
pub fn examine(config: &Config, proc: &Path) -> Vec<Finding> {
    let writers = match config.track_files.is_empty() {
        true => Vec::new(),
        false => writers(proc),
    };
    let files = config.track_files.iter();
    let files = files.flat_map(|file| {
        of_file(file, config.complete, &writers)
            .into_iter()
            .map(|found| found.at(&file.place))
    });
    let processes = config
        .track_processes
        .iter()
        .filter(|process| !process.process.is_empty());
    files.chain(processes.map(of_process)).collect()
}

/// A `listenup watch`, and the file that it keeps.
#[derive(Debug, PartialEq, Eq)]
struct Writer {
    pid: String,
    uid: u32,
    file: PathBuf,
}

fn writers(proc: &Path) -> Vec<Writer> {
    let entries = fs::read_dir(proc).into_iter().flatten().flatten();
    entries.filter_map(|entry| writer(&entry.path())).collect()
}

/// `None`: the process is none, or has ended.
fn writer(process: &Path) -> Option<Writer> {
    let pid = process.file_name()?.to_str()?;
    pid.parse::<u32>().ok()?;
    let line = fs::read(process.join("cmdline")).ok()?;
    let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
    let program = Path::new(std::ffi::OsStr::from_bytes(words.first()?));
    if program.file_name()?.as_bytes() != b"listenup" || words.get(1) != Some(&&b"watch"[..]) {
        return None;
    }
    // Only the long form exists.
    let file = option(&words, b"--track-file", b"--track-file")?;
    let file = PathBuf::from(std::ffi::OsString::from_vec(file.to_owned()));
    let folder = fs::read_link(process.join("cwd")).unwrap_or_default();
    Some(Writer {
        pid: pid.to_owned(),
        uid: fs::metadata(process).ok()?.uid(),
        file: folder.join(file),
    })
}

/// The same file, through links or not, whether or not it is there.
fn is_same(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| {
        let folder = path
            .parent()
            .and_then(|folder| fs::canonicalize(folder).ok());
        folder
            .zip(path.file_name())
            .map(|(folder, name)| folder.join(name))
    };
    one == other || real(one).is_some_and(|one| real(other) == Some(one))
}

fn of_file(file: &TrackFile, complete: bool, writers: &[Writer]) -> Vec<Finding> {
    let Some(set) = &file.file else {
        return Vec::new();
    };
    let (name, path) = (&file.name, Path::new(&set.value));
    let mut findings = Vec::new();
    // Nothing is known about what a part that was not read tracks.
    if complete && !file.dropped && file.tracked_by.is_empty() && file.checked_by.is_empty() {
        findings.push(Finding::problem(
            format!("track_file {name} is not used: the address stays whatever it has in it"),
            "no vrrp_instance, vrrp_sync_group or FILE_CHECK tracks it",
            format!("write track_file {{ {name} }}, on lines of their own, in the vrrp_instance"),
        ));
    }
    let writer = writers.iter().find(|writer| is_same(&writer.file, path));
    let owner = writer.map_or(geteuid().as_raw(), |writer| writer.uid);
    if let Some(folder) = weak_folder(path, owner) {
        findings.push(Finding::problem(
            format!("track_file {name}: others than root can move the address"),
            format!("they can write to {}", folder.display()),
            "keep the file in a folder that only root, or the user who writes it, can write to",
        ));
    }
    findings.extend(value(file, path, writer));
    findings
}

/// What is in the file, and who keeps it so.
fn value(file: &TrackFile, path: &Path, writer: Option<&Writer>) -> Option<Finding> {
    let (name, shown) = (&file.name, path.display());
    let start = format!("start listenup watch --track-file {shown} TARGET");
    let found = match fs::read(path) {
        Ok(found) => found,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Some(match file.init {
                Some(_) => Finding::note(
                    format!("track_file {name}: 0, which is OK, until something is written"),
                    format!("{shown} is not there; init_file makes it"),
                    start,
                ),
                None => Finding::problem(
                    format!("track_file {name}: 0, which is OK whatever listens"),
                    format!("{shown} is not there"),
                    start,
                ),
            });
        }
        Err(error) => {
            return Some(Finding::problem(
                format!("track_file {name}: what it says is not known"),
                format!("{shown} cannot be read: {error}"),
                "run the doctor as root",
            ));
        }
    };
    let text = String::from_utf8_lossy(&found);
    let Ok(value) = text.trim().parse::<i32>() else {
        return Some(Finding::problem(
            format!("track_file {name}: keepalived keeps the value from before"),
            format!("{shown} has no number in it"),
            start,
        ));
    };
    Some(match writer {
        Some(writer) => Finding::ok(format!(
            "track_file {name}: {shown} is {value}, and listenup watch ({}) keeps it",
            writer.pid
        )),
        None => Finding::note(
            format!("track_file {name}: {value} for ever, unless something else writes it"),
            format!(
                "no listenup watch keeps {shown}, which was written {}",
                age(path)
            ),
            start,
        ),
    })
}

fn age(path: &Path) -> String {
    let changed = fs::metadata(path).and_then(|found| found.modified());
    let age = changed
        .ok()
        .and_then(|changed| SystemTime::now().duration_since(changed).ok());
    match age {
        Some(age) => {
            let age = humantime::format_duration(Duration::from_secs(age.as_secs()));
            format!("{age} ago")
        }
        None => "at an unknown time".to_owned(),
    }
}

fn of_process(process: &TrackProcess) -> Finding {
    let (name, program) = (&process.name, process.process.join(" "));
    Finding::note(
        format!("track_process {name}: a process that runs and does not listen counts as up: the address stays"),
        format!("it tells that {program} runs, and not that it listens"),
        "track listenup check or listenup watch beside it",
    )
    .at(&process.place)
}
