//! Checks by scripts, in a configuration of one vrrp_script and one vrrp_instance each.

use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::keepalived::Folder;

/// A check: the text of a script and its arguments, or, without a text, a command.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    pub name: &'static str,
    pub text: &'static str,
    pub words: &'static [&'static str],
}

/// A check by a script without arguments.
pub const fn script(name: &'static str, text: &'static str) -> Check {
    Check {
        name,
        text,
        words: &[],
    }
}

/// A check by these words.
pub const fn command(name: &'static str, words: &'static [&'static str]) -> Check {
    Check {
        name,
        text: "",
        words,
    }
}

impl Check {
    /// Writes its script.
    pub fn install(&self, folder: &Path) {
        if !self.text.is_empty() {
            fs::write(self.file(folder), self.text).unwrap();
            fs::set_permissions(self.file(folder), Permissions::from_mode(0o755)).unwrap();
        }
    }

    pub fn file(&self, folder: &Path) -> PathBuf {
        folder.join(format!("{}.sh", self.name))
    }

    /// Its words as keepalived hands them over.
    pub fn argv(&self, folder: &Path) -> Vec<String> {
        let file = (!self.text.is_empty()).then(|| self.file(folder).display().to_string());
        file.into_iter()
            .chain(self.words.iter().map(|word| (*word).to_owned()))
            .collect()
    }

    /// The line in keepalived.conf.
    pub fn line(&self, folder: &Path) -> String {
        let quoted = |word: String| match word.contains([' ', '$', '(']) {
            true => format!("'{word}'"),
            false => word,
        };
        let words: Vec<String> = self.argv(folder).into_iter().map(quoted).collect();
        format!("script \"{}\"", words.join(" "))
    }
}

/// Whether a command succeeds in the namespace of this thread.
pub fn succeeds(argv: &[String]) -> bool {
    let mut command = Command::new(&argv[0]);
    command
        .args(&argv[1..])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().unwrap().success()
}

/// The address of the instance with this number.
pub fn address(number: usize) -> String {
    format!("192.0.2.{}", 100 + number)
}

/// A configuration with an instance for each of these lines, which are names and what is in their vrrp_script.
pub fn conf(lines: &[(&str, String)]) -> String {
    let mut conf = "global_defs {\n enable_script_security\n script_user root\n}\n".to_owned();
    for (number, (name, line)) in lines.iter().enumerate() {
        let (id, address) = (number + 1, address(number));
        let _ = write!(
            conf,
            "vrrp_script {name} {{\n {line}\n interval 2\n fall 2\n}}\n\
             vrrp_instance i{id} {{\n state BACKUP\n interface eth0\n virtual_router_id {id}\n priority 100\n \
             virtual_ipaddress {{\n  {address}/24\n }}\n track_script {{\n  {name}\n }}\n}}\n"
        );
    }
    conf
}

/// Writes the scripts of these checks, and a configuration with all of them.
pub fn write(folder: &Folder, checks: &[Check]) -> PathBuf {
    checks.iter().for_each(|check| check.install(folder.path()));
    let lines: Vec<(&str, String)> = checks
        .iter()
        .map(|check| (check.name, check.line(folder.path())))
        .collect();
    let path = folder.path().join("keepalived.conf");
    fs::write(&path, conf(&lines)).unwrap();
    path
}
