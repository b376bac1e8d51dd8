//! `track_file` and `track_process`: whether somebody keeps the file, and what a process does not say.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use nix::errno::Errno;
use nix::unistd::geteuid;

use super::findings::Finding;
use super::own_image::OwnImage;
use super::track_writers::{Doubt, Writer, Writers};
use crate::host::folders::weak_folder;
use crate::keepalived_conf::{Config, TrackFile, TrackProcess};
use crate::untrusted::{Limits, ReadError, RegularFile};

/// What is read of a track_file, which has one number in it.
const LIMITS: Limits = Limits {
    bytes: 4096,
    lines: 100,
};

/// Looks at all of them.
pub fn examine(config: &Config, own: Option<&OwnImage>, proc: &Path) -> Vec<Finding> {
    let writers = match config.track_files.is_empty() {
        true => Writers::default(),
        false => Writers::find(own, proc),
    };
    let files = config.track_files.iter();
    let files = files.flat_map(|file| {
        of_file(file, &writers)
            .into_iter()
            .map(|found| found.at(&file.place))
    });
    let processes = config
        .track_processes
        .iter()
        .filter(|process| !process.process.is_empty());
    files.chain(processes.map(of_process)).collect()
}

fn of_file(file: &TrackFile, writers: &Writers) -> Vec<Finding> {
    let Some(set) = &file.file else {
        return Vec::new();
    };
    let (name, path) = (&file.name, Path::new(&set.value));
    let mut findings = Vec::new();
    if file.tracked_by.is_empty() {
        findings.push(Finding::problem(
            format!("track_file {name} is not used: the address stays whatever it has in it"),
            "no vrrp_instance and no vrrp_sync_group tracks it",
            format!("write track_file {{ {name} }}, on lines of their own, in the vrrp_instance"),
        ));
    }
    let writer = writers.of(path);
    let keeper = writer.filter(|writer| writer.is_listenup());
    let owner = keeper.map_or(geteuid().as_raw(), |writer| writer.user);
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
    let found = RegularFile::open(path).and_then(|file| Ok((file.read(LIMITS)?, file)));
    let (text, file_found) = match found {
        Ok(found) => found,
        Err(ReadError::System(Errno::ENOENT)) => {
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
            let is_refused = matches!(error, ReadError::System(Errno::EACCES | Errno::EPERM));
            return Some(Finding::problem(
                format!("track_file {name}: what it says is not known"),
                format!("{shown} cannot be read: {error}"),
                if is_refused {
                    "run the doctor as root"
                } else {
                    ""
                },
            ));
        }
    };
    let text = String::from_utf8_lossy(&text);
    let Ok(value) = text.trim().parse::<i32>() else {
        return Some(Finding::problem(
            format!("track_file {name}: keepalived keeps the value from before"),
            format!("{shown} has no number in it"),
            start,
        ));
    };
    let found = file_found.metadata();
    let doubt = match writer.map(|writer| (writer.pid, writer.doubt(found.uid()))) {
        Some((pid, None)) => {
            return Some(Finding::ok(format!(
                "track_file {name}: {shown} is {value}, and listenup watch ({pid}) keeps it"
            )));
        }
        Some((pid, Some(doubt))) => {
            let why = in_words(doubt);
            format!("process {pid} calls itself listenup watch of {shown}, but {why}")
        }
        None => format!("no listenup watch keeps {shown}"),
    };
    let age = age(found.modified().ok());
    Some(Finding::note(
        format!("track_file {name}: {value} for ever, unless something else writes it"),
        format!("{doubt}; the file was written {age}"),
        start,
    ))
}

fn in_words(doubt: Doubt) -> String {
    match doubt {
        Doubt::OtherProgram => "it executes another file than this listenup".to_owned(),
        Doubt::Unreadable(error) => format!("what it executes cannot be looked at: {error}"),
        Doubt::OtherUser => "the file belongs to another user".to_owned(),
    }
}

fn age(changed: Option<SystemTime>) -> String {
    let age = changed.and_then(|changed| SystemTime::now().duration_since(changed).ok());
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
