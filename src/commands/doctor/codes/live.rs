//! Codes about what is examined, and about the running keepalived.

use std::fmt;

use super::{Code, note, ok, problem, table};
use crate::commands::doctor::live::Obstacle;
use crate::keepalived_conf::Diagnostic;

table! {
    RUNNING = ok(
        "LU501",
        "keepalived {version} is running ({pid}); reading what it has loaded from {main}",
        "keepalived 2.2.0 and later keep what they have loaded in a file without a name. The doctor reads that, so the \
         report is about what keepalived does now, also if the files have changed since.",
    );
    FILE = ok(
        "LU502",
        "reading {main} as keepalived {version} does ({source})",
        "Versions of keepalived read the same file differently. The version is that of --keepalived-version, else that of \
         the running keepalived, else that of the installed one. It is read from the program's file; keepalived is not \
         executed.",
    );
    FILE_VERSION_UNKNOWN = ok(
        "LU503",
        "reading {main} as keepalived 2.3.4 does: no keepalived is running or installed here",
        "If the version is unknown, a finding says so where versions differ. Use --keepalived-version.",
    );
    NOTHING = ok(
        "LU504",
        "no configuration found: nothing was checked",
        "No keepalived is running in this network namespace, and /etc/keepalived/keepalived.conf does not exist.",
    );

    NOT_BELIEVED = note(
        "LU511",
        "process {pid} is called keepalived, but is not examined",
        "{why} ({program})",
        "",
        "Any user can start a process with this name. The doctor believes only a process that runs as root alone, from an \
         executable that belongs to root and is keepalived.",
    );
    LOADED_UNREADABLE = note(
        "LU512",
        "what the running keepalived ({pid}) has loaded is unknown",
        "{why}",
        "run the doctor as root",
        "Only root can read what keepalived has loaded. The doctor reads the file in place of it, which can be newer.",
    );
    PROCESSES_UNKNOWN = note(
        "LU515",
        "whether keepalived is running is unknown: this report is about the files",
        "{why}",
        "run the doctor again; name the file to check that alone",
        "The doctor looks through all processes for at most 5s. A running keepalived can have loaded another configuration \
         than the files contain.",
    );
    CHANGED = note(
        "LU513",
        "the file has changed since keepalived ({pid}) loaded it; this report is about the loaded version",
        "",
        "listenup doctor {main}, to check the file; then systemctl reload keepalived",
        "keepalived uses a changed file only after a reload.",
    );
    VERSIONS_DIFFER = note(
        "LU514",
        "keepalived {running} is running and {installed} is installed: the next restart changes the version",
        "{changes}",
        "listenup doctor --keepalived-version {installed} {main}, to check the file for the new version",
        "After an upgrade of the package the old program runs until the next restart.",
    );
    FOLDER_NOT_WATCHED = problem(
        "LU521",
        "track_file {name}: the running keepalived does not see changes of the file: {never}",
        "keepalived ({pid}) does not watch {folder}, which was missing or another folder when it started",
        "systemctl reload keepalived (without systemd: kill -HUP {pid})",
        "keepalived watches the folder of a track_file by its inode, and only from its start or reload on. If the folder is \
         created, replaced or mounted over later, it never learns what is written. The doctor compares the inotify watches \
         in /proc/PID/fdinfo with the folder.",
    );
    SCRIPTS_NOT_RUN = problem(
        "LU522",
        "the running keepalived ({pid}) runs no script: this node never fails over because of {names}",
        "no script of keepalived ended in {seconds} seconds",
        "systemctl reload keepalived (without systemd: kill -HUP {pid})",
        "keepalived disables a script at its start, for example if its file is missing, and does not look again before the \
         next reload. The doctor compares how many page faults of ended children (cminflt in /proc/PID/stat) keepalived has \
         before and after the time in which a script must end.",
    );
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ExecutableNotOfRoot => f.write_str("its program does not belong to root"),
            Self::ExecutableWritable => {
                f.write_str("users other than root can write to its program")
            }
            Self::ExecutableOther => f.write_str("its program is not keepalived"),
            Self::FileNotOfRoot(owner) => {
                write!(f, "user {owner} made the configuration that it has open")
            }
            Self::Unreadable(error) => error.fmt(f),
        }
    }
}

/// What a version reports that another one does not.
pub struct Changes<'a>(pub &'a [&'a Diagnostic]);

impl fmt::Display for Changes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let effects = self.0.iter().map(|diagnostic| {
            let finding = super::conf::finding(diagnostic);
            format!(
                "{}: {} [{}]",
                diagnostic.place,
                finding.effect(),
                finding.code.id
            )
        });
        match effects.collect::<Vec<_>>() {
            effects if effects.is_empty() => {
                f.write_str("the doctor knows of no difference for this configuration")
            }
            effects => write!(f, "then: {}", effects.join("; ")),
        }
    }
}

/// Where a version comes from.
#[derive(Clone, Copy, Debug)]
pub enum VersionSource {
    /// `--keepalived-version`.
    Option,
    /// The running keepalived.
    Running,
    /// The installed keepalived.
    Installed,
}

impl fmt::Display for VersionSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Option => "--keepalived-version",
            Self::Running => "the running one",
            Self::Installed => "the installed one",
        })
    }
}
