//! The text of a check: its own words, or the script that it runs. Scripts are read and never executed.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::look::base_name;
use crate::untrusted::{self, Limits, PathHandle, ReadError, RegularFile};

/// The bytes of a script that are read at most.
const LIMIT: u64 = 64 << 10;

/// The script that a check executes, from a file or from its command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// The commands.
    pub text: String,
    /// The arguments, from `$1` on.
    pub arguments: Vec<String>,
    /// True if the shell is bash; `None` if it is not a known shell.
    pub bash: Option<bool>,
    /// The file.
    pub file: Option<PathBuf>,
    /// The name of its process.
    pub comm: String,
}

/// The reason why a file cannot be executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Defect {
    /// It does not begin with `#!`.
    NoInterpreter,
    /// Its first line ends with a carriage return.
    CarriageReturn,
    /// Its interpreter is missing, or is not executable.
    Interpreter(String),
}

/// Reads a regular file whose size is within the limit. All files that the configuration names are read here.
///
/// # Errors
/// Returns an error if the file is not regular or too large, or if it cannot be read.
pub fn read(path: &Path, bytes: u64) -> Result<Vec<u8>, ReadError> {
    let lines = usize::MAX;
    RegularFile::open(path)?.read(Limits { bytes, lines })
}

/// Returns the script of a check with these words, and its arguments. `None`: a shell without one, or a relative path,
/// which leads to another file where keepalived runs. A file that is executed itself can also be a program.
fn file(words: &[String]) -> Option<(&String, &[String])> {
    let shell = is_bash(base_name(words.first()?));
    let found = match words {
        [_, option, ..] if shell.is_some() && option == "-c" => None,
        [_, file, rest @ ..] if shell.is_some() => Some((file, rest)),
        [file, rest @ ..] => Some((file, rest)),
        [] => None,
    };
    found.filter(|(file, _)| file.starts_with('/'))
}

/// Returns the file that a shell reads when a check with these words runs.
pub fn read_by_shell(words: &[String]) -> Option<PathBuf> {
    let (file, _) = file(words)?;
    let path = PathBuf::from(file);
    let start = || RegularFile::open(&path)?.read_start(2);
    let is_script = Some(file) != words.first() || start().is_ok_and(|start| start == b"#!");
    is_script.then_some(path)
}

/// Returns whether a shell of this name is bash. `None`: it is not one of the known shells.
pub fn is_bash(name: &str) -> Option<bool> {
    match name {
        "bash" => Some(true),
        "dash" | "ash" => Some(false),
        "sh" => {
            let real = std::fs::canonicalize("/bin/sh").unwrap_or_default();
            Some(real.file_name().is_some_and(|name| name == "bash"))
        }
        _ => None,
    }
}

impl Script {
    /// Returns what a check with these words executes. `None`: a program, or a file that cannot be read.
    pub fn read(words: &[String]) -> Option<Self> {
        let program = words.first()?;
        let shell = is_bash(base_name(program));
        // keepalived starts a shell for this command alone (lib/notify.c).
        if program.starts_with('<') {
            let (text, bash) = (words.join(" "), is_bash("sh"));
            return Some(Self {
                text,
                bash,
                ..Self::default()
            });
        }
        match words {
            [_, option, text, ..] if shell.is_some() && option == "-c" => {
                // The other words are its parameters.
                return text.contains(' ').then(|| Self {
                    text: text.clone(),
                    bash: shell,
                    ..Self::default()
                });
            }
            _ => {}
        }
        let (file, arguments) = file(words)?;
        let bytes = read(Path::new(file), LIMIT)
            .ok()
            .filter(|bytes| !bytes.contains(&0))?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let comm = if shell.is_some() { "" } else { base_name(file) };
        Some(Self {
            arguments: arguments.to_vec(),
            bash: shell.or_else(|| interpreter(&text)),
            file: PathHandle::of(Path::new(file))
                .ok()
                .and_then(|place| place.real_path()),
            comm: comm.chars().take(15).collect(),
            text,
        })
    }
}

/// Returns whether the interpreter of a script is bash. `None`: it is another one, or has options.
fn interpreter(text: &str) -> Option<bool> {
    let words: Vec<&str> = text
        .lines()
        .next()?
        .strip_prefix("#!")?
        .split_whitespace()
        .collect();
    match words.as_slice() {
        [env, name] if base_name(env) == "env" => is_bash(name),
        [path] => is_bash(base_name(path)),
        _ => None,
    }
}

/// Returns why the kernel does not execute a file. `None`: it does, or the file is not a text that can be read.
pub fn defect(path: &Path) -> Option<Defect> {
    let bytes = read(path, LIMIT).ok();
    let bytes = bytes.filter(|bytes| path.is_absolute() && !bytes.contains(&0))?;
    let line = bytes
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let Some(line) = line.strip_prefix(b"#!") else {
        return Some(Defect::NoInterpreter);
    };
    let line = String::from_utf8_lossy(line);
    let blanks = [' ', '\t'];
    let interpreter = line
        .trim_start_matches(blanks)
        .split(blanks)
        .next()
        .unwrap_or_default();
    if interpreter.ends_with('\r') {
        return Some(Defect::CarriageReturn);
    }
    let found = untrusted::metadata(Path::new(interpreter));
    let is_there =
        found.is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0);
    (!is_there).then(|| Defect::Interpreter(interpreter.to_owned()))
}

/// True if keepalived cannot execute a program.
pub fn is_missing(path: &Path) -> bool {
    path.is_absolute() && untrusted::metadata(path).is_err() || defect(path).is_some()
}
