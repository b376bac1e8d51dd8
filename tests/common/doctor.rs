//! The doctor and its findings, and configurations for it.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::mount::{MsFlags, mount};

use super::confined::{Confined, own_mounts};
use super::keepalived::Folder;
use super::program::ProgramOutput;
use super::schema::document;

/// A finding, as its JSON has it; what is null is empty. FOLDER stands for the folder.
#[derive(Clone, Debug)]
pub struct Found {
    pub code: String,
    pub severity: String,
    pub line: Option<u64>,
    pub effect: String,
    pub cause: String,
    pub fix: String,
}

impl Found {
    /// The findings in a document of `--format json`.
    #[track_caller]
    pub fn all(stdout: &str, folder: &Path) -> Vec<Self> {
        let shown = folder.display().to_string();
        let document = document(stdout, "doctor");
        let found = document["findings"].as_array().unwrap().iter().map(|one| {
            let text = |key: &str| {
                one[key]
                    .as_str()
                    .unwrap_or_default()
                    .replace(&shown, "FOLDER")
            };
            Self {
                code: text("code"),
                severity: text("severity"),
                line: one["line"].as_u64(),
                effect: text("effect"),
                cause: text("cause"),
                fix: text("fix"),
            }
        });
        found.collect()
    }
}

/// The findings of the doctor with these words, in its order.
#[track_caller]
pub fn findings_of(folder: &Folder, words: &str) -> (ProgramOutput, Vec<Found>) {
    let said = doctor(folder.path(), &format!("--format json {words}"));
    let found = Found::all(&said.stdout, folder.path());
    (said, found)
}

/// The findings of the doctor about a keepalived.conf; FOLDER stands for the folder.
#[track_caller]
pub fn findings_about(folder: &Folder, conf: &str, words: &str) -> Vec<Found> {
    let path = write_conf(folder.path(), conf);
    findings_of(folder, &format!("{} {words}", path.display())).1
}

/// Their codes with their lines, such as `LU201 LU411:6`.
pub fn codes(found: &[Found]) -> String {
    let shown = found.iter().map(|one| match one.line {
        Some(line) => format!("{}:{line}", one.code),
        None => one.code.clone(),
    });
    shown.collect::<Vec<_>>().join(" ")
}

/// The finding with this code.
#[track_caller]
pub fn with_code<'f>(found: &'f [Found], code: &str) -> &'f Found {
    let one = found.iter().find(|one| one.code == code);
    one.unwrap_or_else(|| panic!("no {code} in {found:#?}"))
}

/// What a run printed. FOLDER stands for the folder.
pub fn text(said: &ProgramOutput, folder: &Path) -> String {
    said.stdout.replace(&folder.display().to_string(), "FOLDER")
}

/// Writes a keepalived.conf; FOLDER stands for the folder.
pub fn write_conf(folder: &Path, conf: &str) -> PathBuf {
    let path = folder.join("keepalived.conf");
    fs::write(&path, conf.replace("FOLDER", &folder.display().to_string())).unwrap();
    path
}

/// The program in the folder, with these words as arguments.
pub fn doctor(folder: &Path, words: &str) -> ProgramOutput {
    Confined::new(folder.join("listenup")).run(&format!("doctor {words}"))
}

/// Hides an installed listenup from this thread and from what it starts: the doctor would write that one into keepalived.conf
/// in place of itself.
pub fn hide_installed_listenup() {
    let folder = Path::new("/usr/libexec/keepalived");
    if folder.join("listenup").exists() {
        own_mounts().unwrap();
        let (tmpfs, no_flags) = (Some("tmpfs"), MsFlags::empty());
        mount(tmpfs, folder, tmpfs, no_flags, Some("mode=755")).unwrap();
    }
}

/// Lets the doctor read a keepalived.conf; FOLDER stands for the folder.
pub fn doctor_reads(folder: &Path, conf: &str, words: &str) -> ProgramOutput {
    let path = write_conf(folder, conf);
    doctor(folder, &format!("{} {words}", path.display()))
}

/// A keepalived.conf with this line in its only vrrp_script, and these other lines there. It has an interface that only
/// some namespaces of tests have.
pub fn conf_with(script: &str, others: &str) -> String {
    format!(
        "global_defs {{ dynamic_interfaces\n enable_script_security\n script_user root\n}}\n\
         vrrp_script chk {{\n {script}\n {others}\n fall 2\n}}\n\
         vrrp_instance gateway {{\n state BACKUP\n interface to-e0\n virtual_router_id 51\n priority 100\n \
         virtual_ipaddress {{\n  192.0.2.100/24\n }}\n track_script {{\n  chk\n }}\n}}\n"
    )
}

/// A program that may be executed, of this owner and mode, in a folder of this owner and mode.
pub fn install(at: &Path, folder: (u32, u32, u32), file: (u32, u32, u32)) -> PathBuf {
    fs::create_dir(at).unwrap();
    let program = at.join("listenup");
    let copied = Command::new("install")
        .arg("/bin/true")
        .arg(&program)
        .status();
    assert!(copied.unwrap().success());
    for (path, (uid, gid, mode)) in [(&program, file), (&at.to_owned(), folder)] {
        chown(path, Some(uid), Some(gid)).unwrap();
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }
    program
}
