//! Codes about what is examined, and about the running keepalived.

use std::fmt;

use super::{codes, texts};
use crate::keepalived_conf::Diagnostic;
use crate::untrusted::ReadError;

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

texts! {
    /// The reason why a process is not trusted, or why its loaded configuration is unknown.
    NotTrusted {
        /// Its executable does not belong to root.
        ExecutableNotOfRoot = "its program does not belong to root",
        /// Users other than root can write to its executable.
        ExecutableWritable = "users other than root can write to its program",
        /// Its executable is not keepalived.
        ExecutableOther = "its program is not keepalived",
        /// This user made its file.
        FileNotOfRoot(owner: u32) = "user {owner} made the configuration that it has open",
        /// Something cannot be read.
        Unreadable(error: ReadError) = "{error}",
    }

    /// The source of a version.
    #[derive(Copy)]
    VersionSource {
        /// `--keepalived-version`.
        Option = "--keepalived-version",
        /// The running keepalived.
        Running = "the running one",
        /// The installed keepalived.
        Installed = "the installed one",
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
