//! Lines with a command (lib/notify.c, `set_script_params_array`): keepalived reads the raw line once more, and splits its
//! second word by the same rules.

use super::super::diagnostic::{Problem, Values};
use super::super::model::Command;
use super::super::reader::{Context, Line};
use super::super::words::{Escapes, Malformed, lossy, split};

/// The words of a command, and those after it.
type Words = (Vec<Vec<u8>>, Vec<Vec<u8>>);

fn split_twice(text: &[u8], escapes: Escapes) -> Result<Words, Malformed> {
    let mut words = split(text, escapes)?.into_iter().skip(1);
    let command = words.next().unwrap_or_default();
    let command = split(&command, Escapes::Decode).map_err(|malformed| match malformed {
        Malformed::Open => Malformed::Inner,
        Malformed::Escape | Malformed::Inner => malformed,
    });
    Ok((command?, words.collect()))
}

fn joined(words: &[Vec<u8>]) -> String {
    let words: Vec<String> = words.iter().map(|word| lossy(word)).collect();
    words.join(" ")
}

impl Context<'_> {
    /// Returns the command of a line. `None`: keepalived ignores the line.
    fn command(&self, line: &Line) -> Option<Command> {
        let once = split_twice(&line.text, Escapes::Keep);
        let twice = split_twice(&line.text, Escapes::Decode);
        if once != twice {
            self.report(&line.place, Problem::EscapesDiffer, &[]);
        }
        // Up to 2.3.1 backslashes are decoded in the line, and again in the command.
        let problem = match if self.since(2, 3, 2) { once } else { twice } {
            Ok((words, rest)) if !words.is_empty() => {
                return Some(Command {
                    place: line.place.clone(),
                    text: line.text.clone(),
                    expanded: line.expanded,
                    words,
                    rest,
                });
            }
            Ok(_) | Err(Malformed::Inner) => Problem::CommandEmpty,
            Err(Malformed::Open) => Problem::CommandCrash,
            Err(Malformed::Escape) => Problem::Escape,
        };
        self.report(&line.place, problem, &[("keyword", &line.keyword())]);
        None
    }

    /// Returns the command of a check: `script` or `misc_path`.
    pub(super) fn check(&self, line: &Line) -> Option<Command> {
        let command = self.command(line)?;
        if !command.rest.is_empty() {
            let (words, dropped) = (joined(&command.words), joined(&command.rest));
            let is_plain = !format!("{words}{dropped}").contains(['"', '\'', '\\', '\t']);
            let is_one = command
                .words
                .iter()
                .chain(&command.rest)
                .all(|word| !word.contains(&b' '));
            let problem = match is_plain && is_one {
                true => Problem::CommandDropped,
                false => Problem::CommandDroppedQuoted,
            };
            let keyword = line.keyword();
            let values: Values = &[
                ("keyword", &keyword),
                ("command", &words),
                ("dropped", &dropped),
            ];
            self.report(&line.place, problem, values);
        }
        Some(command)
    }

    /// Takes a line with a program for an event.
    pub(super) fn notify(&self, line: &Line) {
        let is_switch = line.keyword() == "notify_priority_changes" || line.words.len() < 2;
        if !is_switch {
            self.command(line);
        }
    }
}
