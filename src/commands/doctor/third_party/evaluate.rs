//! What a script does. It is gone through once for each answer that its questions can have. No program is started.

use super::machine::Machine;
use super::run::{Context, Run, Stop, is_act};
use super::tokens::{NotUnderstood, Token, Tokens};

/// The most runs that a script's questions can make.
const RUNS: usize = 64;

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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::probe::Scene;
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
