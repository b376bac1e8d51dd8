//! What a run of a script is made of.

use std::time::Duration;

use super::probe::{Probe, Scene, base_name};
use super::tokens::Token;

/// An exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// This one.
    Is(u8),
    /// Not 0.
    Failed,
    /// Only a run would tell.
    Unknown,
}

/// A value of a variable or a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// This text.
    Text(String),
    /// A number of lines, at least 1.
    Count,
    /// One or more lines.
    Lines,
    /// A number above 0.
    Positive,
    /// Only a run would tell.
    Unknown,
}

/// A fault of the script rather than of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A number of lines is compared with 1.
    ComparesWithOne,
    /// `grep -q` ends a pipe whose parts must all succeed.
    PipeFails,
    /// /dev/tcp in a shell that does not have it.
    NoDevTcp,
}

/// One run.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// The questions in their order, and the answers in this run.
    pub answers: Vec<(Probe, bool)>,
    /// The exit status.
    pub status: Option<Status>,
    /// How long it sleeps.
    pub slept: Duration,
    /// The commands that change the host, each with its line and how long the script has slept before.
    pub acts: Vec<(String, usize, Duration)>,
    /// Faults that it met, and their lines.
    pub faults: Vec<(Fault, usize)>,
}

/// How the script is run.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The shell is bash, with `[[`, `&>` and /dev/tcp.
    pub bash: bool,
    /// The arguments, from `$1` on.
    pub arguments: &'a [String],
    /// Where it runs.
    pub scene: Scene<'a>,
}

/// Why a run does not go on.
pub enum Stop {
    /// It has ended.
    Exit(Status),
    /// One more answer is needed.
    Question,
    /// A command is not known.
    NotUnderstood,
}

impl From<()> for Stop {
    fn from((): ()) -> Self {
        Self::NotUnderstood
    }
}

/// A step of a run.
pub type Step<T> = Result<T, Stop>;
/// Tokens of a script.
pub type Slice<'t> = &'t [(usize, Token)];

/// Whether a status is success.
pub fn succeeded(status: Status) -> Step<bool> {
    match status {
        Status::Is(code) => Ok(code == 0),
        Status::Failed => Ok(false),
        Status::Unknown => Err(Stop::NotUnderstood),
    }
}

/// The texts of values that are known.
pub fn texts(values: Vec<Value>) -> Step<Vec<String>> {
    let text = |value| match value {
        Value::Text(text) => Ok(text),
        _ => Err(Stop::NotUnderstood),
    };
    values.into_iter().map(text).collect()
}

/// Whether a shell of this name is bash. `None`: it is not one of the known shells.
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

/// Whether a command starts, stops or restarts something.
pub fn is_act(words: &[String]) -> bool {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (["sudo", program, rest @ ..] | [program, rest @ ..]) = words.as_slice() else {
        return false;
    };
    let verbs = ["start", "stop", "restart", "reload", "kill"];
    let has_verb = || rest.iter().any(|word| verbs.contains(word));
    match base_name(program) {
        "systemctl" | "service" | "rc-service" | "docker" | "podman" => has_verb(),
        "killall" | "pkill" => !rest.is_empty() && !rest.contains(&"-0"),
        "reboot" | "poweroff" => true,
        _ => program.contains("/init.d/") && has_verb(),
    }
}
