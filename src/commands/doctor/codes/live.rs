//! Codes about what is examined, and about the running keepalived.

use std::fmt;

use super::codes;
use crate::commands::doctor::live::NotTrusted;
use crate::keepalived_conf::Diagnostic;

codes! {
    RUNNING = "LU501";
    FILE = "LU502";
    FILE_VERSION_UNKNOWN = "LU503";
    NOTHING = "LU504";
    NOTHING_KNOWN = "LU505";
    NOT_BELIEVED = "LU511";
    LOADED_UNREADABLE = "LU512";
    CHANGED = "LU513";
    VERSIONS_DIFFER = "LU514";
    PROCESSES_UNKNOWN = "LU515";
    FOLDER_NOT_WATCHED = "LU521";
    SCRIPTS_NOT_RUN = "LU522";
}

impl fmt::Display for NotTrusted {
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

/// The diagnostics that one version reports and another one does not.
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

/// The source of a version.
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
