//! What a check runs when it is not listenup: its own words, or the text of a shell script, which is read and
//! never run.

use std::fs;
use std::path::{Path, PathBuf};

use super::shell::{Next, Simple, commands};
use super::tools::name;
use crate::untrusted::RegularFile;

/// Bytes of a script that are read.
const MOST: u64 = 64 << 10;

const SHELLS: [&str; 5] = ["sh", "bash", "dash", "ksh", "ash"];

/// How a check comes to its commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// The commands.
    pub commands: Vec<Simple>,
    /// The shell that reads them. `None`: keepalived runs the words itself.
    pub shell: Option<String>,
    /// The script they stand in, if they stand in one.
    pub file: Option<PathBuf>,
    /// `|` and the like arrive as arguments.
    pub loose_operator: bool,
}

impl Text {
    /// The name of the shell, where it does not know /dev/tcp.
    pub fn without_dev_tcp(&self) -> Option<String> {
        let shell = self.shell.as_deref()?;
        let real = match shell {
            "sh" => fs::canonicalize("/bin/sh").ok()?,
            shell => PathBuf::from(shell),
        };
        let real = real.file_name()?.to_str()?;
        (!real.starts_with("bash") && !real.starts_with("ksh")).then(|| real.to_owned())
    }
}

/// The commands of a check with these words. `None`: it is something else.
pub fn of(words: &[Vec<u8>]) -> Option<Text> {
    let words: Vec<String> = words
        .iter()
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect();
    let program = words.first()?;
    // keepalived itself starts a shell for this one alone (lib/notify.c).
    if program.starts_with("</") {
        return Some(Text {
            commands: commands(&words.join(" "), &[]),
            shell: Some("sh".to_owned()),
            file: None,
            loose_operator: false,
        });
    }
    if SHELLS.contains(&name(program)) {
        return of_shell(name(program), words.get(1..)?);
    }
    if let Some((shell, text)) = script(Path::new(program)) {
        return Some(Text {
            commands: commands(&text, words.get(1..)?),
            shell: Some(shell),
            file: Some(PathBuf::from(program)),
            loose_operator: false,
        });
    }
    Some(direct(&words))
}

/// `sh -c TEXT`, `sh FILE ARGUMENTS`
fn of_shell(shell: &str, words: &[String]) -> Option<Text> {
    let at = words
        .iter()
        .position(|word| !word.starts_with('-') || !word.starts_with("--") && word.contains('c'))?;
    let first = words.get(at)?;
    let (text, file, arguments) = if first.starts_with('-') {
        (
            words.get(at + 1)?.clone(),
            None,
            words.get(at + 3..).unwrap_or_default(),
        )
    } else {
        let (_, text) = read(Path::new(first))?;
        (
            text,
            Some(PathBuf::from(first)),
            words.get(at + 1..).unwrap_or_default(),
        )
    };
    Some(Text {
        commands: commands(&text, arguments),
        shell: Some(shell.to_owned()),
        file,
        loose_operator: false,
    })
}

/// Words that no shell sees, taken apart where somebody thought one would.
fn direct(words: &[String]) -> Text {
    let mut found = vec![Vec::new()];
    let mut operators = Vec::new();
    for word in words {
        let next = match word.as_str() {
            "|" => Next::Pipe,
            "&&" => Next::And,
            "||" => Next::Or,
            ";" => Next::End,
            _ => {
                if let Some(last) = found.last_mut() {
                    last.push(word.clone());
                }
                continue;
            }
        };
        operators.push(next);
        found.push(Vec::new());
    }
    let is_loose = |word: &String| word.bytes().any(|byte| b"|&;<>".contains(&byte));
    let loose_operator = words.iter().skip(1).any(is_loose);
    let next = operators.into_iter().chain([Next::End]);
    let commands = found.into_iter().zip(next);
    Text {
        commands: commands
            .map(|(words, next)| Simple { words, next })
            .collect(),
        shell: None,
        file: None,
        loose_operator,
    }
}

/// The shell and the text of a script that begins with one.
fn script(path: &Path) -> Option<(String, String)> {
    if !path.is_absolute() {
        return None;
    }
    let (first, text) = read(path)?;
    let interpreter = first.strip_prefix("#!")?;
    let mut words = interpreter.split_whitespace().map(name);
    let shell = words.find(|word| *word != "env")?;
    SHELLS.contains(&shell).then(|| (shell.to_owned(), text))
}

/// The first line of a file, and its beginning.
fn read(path: &Path) -> Option<(String, String)> {
    let bytes = RegularFile::open(path).ok()?.read_start(MOST).ok()?;
    if bytes.contains(&0) {
        return None; // a program
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let first = text.lines().next().unwrap_or_default().to_owned();
    Some((first, text))
}
