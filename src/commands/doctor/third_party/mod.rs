//! Checks by other programs: their effects, and the line that replaces a check which is fully understood.
//!
//! ```text
//! script       the text of a check, and whether its file can be executed
//! search       the commands in it, by their words alone
//! reader       the words of a script, and its shape
//! commands     the commands that are understood
//! look         what a pipe looks for: netstat, ss, lsof, nc, killall, pidof, pgrep, ps
//! filter       what grep and wc select from its lines
//! shape        what the success of a row of such commands means
//! replacement  the listenup command that means the same
//! faults       the findings
//! ```

mod commands;
mod faults;
mod filter;
mod look;
mod reader;
mod replacement;
mod script;
mod search;
mod shape;

use std::path::PathBuf;

use self::look::{Scene, base_name};
use self::reader::Shape;
use self::script::Script;
use self::search::Command;

use super::checks::{Check, OnFailure};
use super::command::ScriptUser;
use crate::keepalived_conf::Config;

pub use self::script::read;
pub use super::codes::third_party::Left;

/// The user that runs a check, and the listenup that replaces it.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// The user.
    pub user: &'a ScriptUser,
    /// The path of listenup.
    pub listenup: &'a str,
}

/// A check by another program.
pub struct Analysis<'c> {
    check: &'c Check<'c>,
    setting: Setting<'c>,
    words: Vec<String>,
    /// The file of its script.
    file: Option<String>,
    /// The first word that only a shell understands, and that no shell sees.
    operator: Option<String>,
    commands: Vec<Command>,
    /// True if a shell that is known runs them.
    is_shell: bool,
    /// The shape of the script, or the line that is not understood.
    shape: Result<Shape, usize>,
}

/// Returns whether a shell script calls listenup.
pub fn calls_listenup(check: &Check<'_>) -> bool {
    let script = Script::read(&words_of(check));
    let commands = script.map(|script| search::commands(&script.text));
    commands
        .iter()
        .flatten()
        .any(|command| command.program() == "listenup")
}

/// Returns the script that a shell reads when a check runs.
pub fn script_of(check: &Check<'_>) -> Option<PathBuf> {
    script::read_by_shell(&words_of(check))
}

fn words_of(check: &Check<'_>) -> Vec<String> {
    let word = |word: &Vec<u8>| String::from_utf8_lossy(word).into_owned();
    check.words.iter().map(word).collect()
}

impl<'c> Analysis<'c> {
    /// Reads a check and its script.
    pub fn new(check: &'c Check<'c>, config: &Config, setting: Setting<'c>) -> Self {
        let words = words_of(check);
        let script = Script::read(&words);
        // With sh -c 'TEXT', the other words are parameters that nothing uses.
        let sees_words = script.as_ref().is_none_or(|script| script.file.is_some());
        let operator = words
            .iter()
            .skip(1)
            .find(|word| sees_words && is_operator(word))
            .cloned();
        let file = script.as_ref().and_then(|script| script.file.as_ref());
        let file = file.map(|file| file.display().to_string());
        let arguments = words.get(1..).unwrap_or_default().join(" ");
        let command_line = match &file {
            Some(file) => Some(format!("{file} {arguments}")),
            None => script.is_none().then(String::new),
        };
        let scene = Scene {
            config,
            command_line: command_line.as_deref(),
            comm: script.as_ref().map_or("", |script| &script.comm),
            dynamic: check.on_failure == OnFailure::Server { dynamic: true },
        };
        let (text, bash, arguments) = match &script {
            Some(script) if operator.is_none() => {
                (script.text.clone(), script.bash, script.arguments.clone())
            }
            _ => (as_shell_text(&words), Some(true), Vec::new()),
        };
        let shape = match bash {
            Some(bash) => reader::read(&text, bash, &arguments, scene),
            None => Err(1),
        };
        let commands = match &script {
            Some(script) => search::commands(&script.text),
            None => search::commands(&words.join(" ")),
        };
        Self {
            check,
            setting,
            words,
            file,
            operator,
            commands,
            is_shell: bash.is_some(),
            shape,
        }
    }

    /// True if it has a program in it that looks for ports or processes, and keepalived runs it as it is meant.
    pub fn looks(&self) -> bool {
        self.commands.iter().any(Command::looks) && self.check.command.rest.is_empty()
    }

    /// True for `sh -c` with a command of several words.
    fn runs_first_word_only(&self) -> bool {
        let is_shell = self
            .words
            .first()
            .is_some_and(|word| script::is_bash(base_name(word)).is_some());
        is_shell && self.operator.is_some() && self.words.get(1).is_some_and(|word| word == "-c")
    }

    /// Returns the file of the script, or else the command.
    fn file(&self) -> String {
        self.file
            .clone()
            .unwrap_or_else(|| self.check.command_line())
    }

    /// A line of the script, or the script as a whole if the line is 0. If there is no script: the command.
    fn place(&self, line: usize) -> String {
        let file = self.file.as_ref().filter(|_| line > 0);
        file.map_or_else(|| self.file(), |file| format!("{file}:{line}"))
    }
}

/// True if only a shell understands this word.
fn is_operator(word: &str) -> bool {
    let is_redirect = |word: &str| word.starts_with('>') || word.starts_with("&>");
    ["|", "||", "&&", ";", "&", "<"].contains(&word)
        || is_redirect(word)
        || word.strip_prefix(['1', '2']).is_some_and(is_redirect)
}

/// Returns the text with which a shell would execute the words.
fn as_shell_text(words: &[String]) -> String {
    let quoted = |word: &String| match word {
        word if is_operator(word) => word.clone(),
        word => format!("'{}'", word.replace('\'', "'\\''")),
    };
    words.iter().map(quoted).collect::<Vec<_>>().join(" ")
}
