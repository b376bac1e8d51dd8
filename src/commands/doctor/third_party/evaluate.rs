//! What a script does. It is gone through once for each answer that its questions can have. No program is started.

use std::time::Duration;

use super::machine::{Machine, Stop};
use super::probe::{Probe, Scene, base_name};
use super::tokens::{NotUnderstood, Token, Tokens};

/// The most runs that a script's questions can make.
const RUNS: usize = 64;

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

/// Returns all runs that differ by answers.
///
/// # Errors
/// Returns the line that is not understood.
pub fn evaluate(tokens: &Tokens, context: Context<'_>) -> Result<Vec<Run>, NotUnderstood> {
    let mut runs = Vec::new();
    let mut open = vec![Vec::new()];
    while let Some(given) = open.pop() {
        let mut machine = Machine::new(context, given.clone());
        let status = match machine.script(tokens) {
            Ok(status) | Err(Stop::Exit(status)) => status,
            Err(Stop::Question) if runs.len() + open.len() < RUNS => {
                for answer in [true, false] {
                    open.push(given.iter().copied().chain([answer]).collect());
                }
                continue;
            }
            _ => return Err(NotUnderstood(machine.line)),
        };
        machine.run.status = Some(status);
        runs.push(machine.run);
    }
    Ok(runs)
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

/// Returns the commands of a script that is not understood which change the host, with their lines.
pub fn acts(tokens: &Tokens) -> Vec<(String, usize)> {
    let mut acts = Vec::new();
    let is_end = |token: &(usize, Token)| matches!(token.1, Token::Operator(_));
    for command in tokens.split(is_end) {
        let before = [
            "then", "do", "else", "if", "elif", "!", "{", "while", "until",
        ];
        let words = command
            .iter()
            .skip_while(|(_, token)| token.plain().is_some_and(|word| before.contains(&word)));
        let words: Vec<String> = words
            .map_while(|(_, token)| token.plain().map(str::to_owned))
            .collect();
        if let Some((line, _)) = command.first().filter(|_| is_act(&words)) {
            acts.push((words.join(" "), *line));
        }
    }
    acts
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tokens;
    use super::*;
    use crate::keepalived_conf::Config;

    /// Scripts of words that mean something.
    fn scripts() -> impl Strategy<Value = String> {
        let words = [
            "if",
            "then",
            "else",
            "elif",
            "fi",
            "for",
            "in",
            "do",
            "done",
            "{",
            "}",
            "!",
            "[",
            "]",
            "[[",
            "]]",
            "ss",
            "-tln",
            "| grep -q",
            "':443 '",
            "|",
            "||",
            "&&",
            ";",
            "\n",
            "&",
            "(",
            ")",
            "`",
            "$(",
            "\"",
            "'",
            "\\",
            "n=",
            "$n",
            "${1:-443}",
            "$?",
            "exit",
            "0",
            "1",
            "-eq",
            "-z",
            "wc -l",
            ">",
            "/dev/null",
            "2>&1",
            "<<E",
            "</dev/tcp/127.0.0.1/443",
            "bash -c",
            "timeout 1",
            "sleep 1",
            "set -e",
            "seq 1 9",
            "systemctl stop x",
            "#",
            "\u{e9}",
            "\0",
            "\r",
            "${",
            "$((",
            "case",
            "esac",
            ";;",
        ];
        let word = prop::sample::select(words.to_vec());
        prop::collection::vec(word, 0..40).prop_map(|words| words.join(" "))
    }

    proptest! {
        #[test]
        fn a_script_ends(text in scripts()) {
            let config = Config::default();
            let scene = Scene { config: &config, script: "", is_root: true };
            let context = Context { bash: true, arguments: &[], scene };
            if let Ok(tokens) = tokens::split(&text) {
                let runs = evaluate(&tokens, context).unwrap_or_default();
                prop_assert!(runs.len() <= RUNS);
                acts(&tokens);
            }
        }

        #[test]
        fn any_text_is_split_or_refused(text: String) {
            let _ = tokens::split(&text);
        }
    }
}
