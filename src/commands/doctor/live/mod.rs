//! The running keepalived: its processes, its version, what it watches, and whether it runs scripts. Nothing of it is
//! executed or changed.

mod activity;
mod process;
pub mod version;
mod watches;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::checks::OnFailure;
use super::codes::live::{FOLDER_NOT_WATCHED, SCRIPTS_NOT_RUN, VERSIONS_DIFFER};
use super::codes::outcome::NeverRun;
use super::findings::Finding;
use crate::keepalived_conf::{Config, Diagnostic, Script, Version};
use crate::untrusted::PathHandle;

pub use process::{Loaded, Running, find, host_name};

/// Returns what a running keepalived does not do although its configuration says so. `left` is the time to wait for the
/// end of a script; zero if no script is sure to run.
pub fn examine(running: &Running, config: &Config, left: Duration) -> Vec<Finding> {
    let mut findings = not_watched(running, config);
    findings.extend(scripts_not_run(running, config, left));
    findings
}

/// Reports each track_file whose folder the running keepalived does not watch.
fn not_watched(running: &Running, config: &Config) -> Vec<Finding> {
    let watched = running.children.iter().map(watches::of_process);
    let Ok(watched) = watched.collect::<Result<Vec<_>, _>>() else {
        return Vec::new();
    };
    let watched: HashSet<watches::Watched> = watched.into_iter().flatten().collect();
    let used = config.track_files.iter();
    let used = used.filter(|file| !file.tracked_by.is_empty() || !file.checked_by.is_empty());
    let not_watched = used.filter_map(|file| {
        let real = PathHandle::of(Path::new(&file.file.value)).map(|file| file.real_path());
        // keepalived watches the folder at the end of all symlinks.
        let path = real.ok().flatten();
        let path = path.unwrap_or_else(|| PathBuf::from(&file.file.value));
        let folder = path.parent()?;
        let is_watched = match watches::exists(folder) {
            true => watched.contains(&watches::identity(folder)?),
            false => false,
        };
        let on_failure = match file.tracked_by.is_empty() {
            true => OnFailure::Server { dynamic: false },
            false => OnFailure::Fault,
        };
        let finding = FOLDER_NOT_WATCHED.with(&[
            ("name", &file.name),
            ("folder", &folder.display()),
            ("never", &NeverRun(on_failure)),
            ("pid", &running.pid),
        ]);
        (!is_watched).then(|| finding.at(&file.place))
    });
    not_watched.collect()
}

/// Reports that no script ended in a time in which at least one must.
fn scripts_not_run(running: &Running, config: &Config, left: Duration) -> Option<Finding> {
    let loaded = running.loaded.as_ref()?;
    let delay = b"vrrp_startup_delay";
    let is_delayed = loaded.text.windows(delay.len()).any(|text| text == delay);
    let pause = activity::longest_pause(config).filter(|pause| !is_delayed && *pause <= left)?;
    if activity::ends_a_child(&running.children, pause)? {
        return None;
    }
    let names: Vec<&str> = tracked_scripts(config)
        .map(|script| script.name.as_str())
        .collect();
    Some(SCRIPTS_NOT_RUN.with(&[
        ("pid", &running.pid),
        ("seconds", &pause.as_secs()),
        ("names", &names.join(", ")),
    ]))
}

fn tracked_scripts(config: &Config) -> impl Iterator<Item = &Script> {
    let scripts = config.scripts.iter();
    scripts.filter(|script| !script.tracked_by.is_empty())
}

/// Reports that the next restart is one of another version. `after` is what that version reports about the files, and
/// `before` what the running one reports.
pub fn versions_differ(
    running: &Running,
    installed: Version,
    main: &Path,
    before: &[Diagnostic],
    after: &[Diagnostic],
) -> Option<Finding> {
    let version = running.version.filter(|version| *version != installed)?;
    let known: HashSet<&Diagnostic> = before.iter().collect();
    let new: Vec<&Diagnostic> = after.iter().filter(|one| !known.contains(one)).collect();
    let changes = super::codes::live::Changes(&new);
    Some(VERSIONS_DIFFER.with(&[
        ("running", &version),
        ("installed", &installed),
        ("changes", &changes),
        ("main", &main.display()),
    ]))
}

/// Returns the version of the keepalived that the next restart starts.
pub fn installed_for(running: &Running) -> Option<Version> {
    let program = running.program.to_string_lossy();
    // The kernel adds this to the path of a file that was replaced.
    let program = PathBuf::from(program.strip_suffix(" (deleted)").unwrap_or(&program));
    version::at(&program)
}
