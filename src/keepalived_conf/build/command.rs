//! Lines with a command (lib/notify.c, `set_script_params_array`): keepalived reads the raw line once more, and splits its
//! second word by the same rules.

use super::super::Version;
use super::super::diagnostic::{Construct, Difference, Problem};
use super::super::model::{Command, Notify, User};
use super::super::reader::Context;
use super::super::words::{Escapes, Malformed, lossy, split};
use super::Statement;

/// Returns the words of the command and those after it.
fn split_twice(text: &[u8], escapes: Escapes) -> Result<(Vec<Vec<u8>>, Vec<Vec<u8>>), Malformed> {
    let mut words = split(text, escapes)?.into_iter().skip(1);
    let command = words.next().unwrap_or_default();
    Ok((split(&command, Escapes::Decode)?, words.collect()))
}

/// Returns the command of a line. `None`: keepalived ignores the line.
pub(super) fn command(context: &mut Context, statement: &Statement) -> Option<Command> {
    let (line, place) = (statement.line, statement.place());
    let keyword = statement.keyword().to_owned();
    let once = split_twice(&line.text, Escapes::Keep);
    let twice = split_twice(&line.text, Escapes::Decode);
    if once != twice {
        context.differs(place, Difference::Escapes);
    }
    // Up to 2.3.1 backslashes are decoded in the line, and once more in the command.
    let words = match context.since(Version::new(2, 3, 2)) {
        true => once,
        false => twice,
    };
    let problem = match words {
        Err(Malformed::Open) if split(&line.text, Escapes::Keep) == Err(Malformed::Open) => {
            Problem::CommandCrash { keyword }
        }
        Err(Malformed::Escape) => {
            let construct = Construct::Escape;
            Problem::NotUnderstood { construct }
        }
        Ok((words, rest)) if !words.is_empty() => {
            return Some(Command {
                place: place.clone(),
                text: line.text.clone(),
                expanded: line.expanded,
                words,
                rest,
            });
        }
        _ => Problem::CommandEmpty { keyword },
    };
    context.report(place, problem);
    None
}

/// Returns the command of a check: `script` or `misc_path`.
pub(super) fn check(context: &mut Context, statement: &Statement) -> Option<Command> {
    let command = command(context, statement)?;
    if !command.rest.is_empty() {
        let problem = Problem::CommandDropped {
            keyword: statement.keyword().to_owned(),
            command: joined(&command.words),
            dropped: joined(&command.rest),
        };
        context.report(statement.place(), problem);
    }
    Some(command)
}

/// Adds a program for an event. The first of each kind counts.
pub(super) fn add(context: &mut Context, statement: &Statement, list: &mut Vec<Notify>) {
    let event = statement.keyword();
    if let Some(first) = list.iter().find(|known| known.event == event) {
        return repeated_ignored(context, statement, first.command.place.line);
    }
    if let Some(command) = command(context, statement) {
        let mut names = command.rest.iter().map(|name| lossy(name));
        let user = names.next().map(|user| User {
            user,
            group: names.next(),
            place: command.place.clone(),
        });
        let event = event.to_owned();
        list.push(Notify {
            event,
            command,
            user,
        });
    }
}

/// Reports a line that does not count because of one above it.
pub(super) fn repeated_ignored(context: &mut Context, statement: &Statement, line: usize) {
    let keyword = statement.keyword().to_owned();
    context.report(
        statement.place(),
        Problem::RepeatedIgnored { keyword, line },
    );
}

/// Reports a line that counts in place of one above it.
pub(super) fn repeated(context: &mut Context, statement: &Statement, line: usize) {
    let keyword = statement.keyword().to_owned();
    context.report(statement.place(), Problem::Repeated { keyword, line });
}

fn joined(words: &[Vec<u8>]) -> String {
    let words: Vec<String> = words.iter().map(|word| lossy(word)).collect();
    words.join(" ")
}

/// Returns whether a line of a block runs a program for an event.
pub(super) fn is_notify(statement: &Statement) -> bool {
    let keyword = statement.keyword();
    keyword.starts_with("notify")
        && keyword != "notify_priority_changes"
        && statement.words.len() > 1
}
