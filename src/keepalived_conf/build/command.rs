//! Lines with a command (lib/notify.c, `set_script_params_array`): the raw line is read once more, its second
//! word is the command and is split by the same rules again.

use super::super::model::{Command, Notify, User, Words};
use super::super::reader::{Line, Shared};
use super::super::remark::lossy;
use super::super::statement::Statement;
use super::super::words::{Escapes, Malformed, split};

/// What a line says to run, and why it has no words at all.
pub(super) fn command(line: &Line) -> (Command, Option<Malformed>) {
    let outer = split(&line.text, Escapes::Decode);
    let malformed = outer.as_ref().err().copied();
    let outer_once = split(&line.text, Escapes::Keep);
    let rest = outer.iter().flatten().skip(2).cloned().collect();
    let command = Command {
        place: line.place.clone(),
        text: line.text.clone(),
        expanded: line.expanded,
        words: inner(outer, Escapes::Decode),
        words_once: inner(outer_once, Escapes::DecodeShort),
        rest,
    };
    (command, malformed)
}

fn inner(outer: Words, escapes: Escapes) -> Words {
    let second = outer?.into_iter().nth(1).unwrap_or_default();
    split(&second, escapes)
}

/// A check's command: `script` or `misc_path`.
pub(super) fn check(shared: &mut Shared, statement: &Statement) -> Command {
    let (command, malformed) = command(statement.line);
    let place = &command.place;
    let keyword = statement.text(0).unwrap_or_default();
    let quoted = format!("write {keyword} \"PROGRAM ARGUMENTS\", and ' for quotes in it");
    if let Some(malformed) = malformed {
        shared.fatal.get_or_insert_with(|| place.clone());
        shared.remarks.problem(
            place,
            "keepalived 2.2.7 dies of this line (SIGSEGV), each time it is started",
            format!("{malformed}: {}", lossy(&command.text)),
            quoted,
        );
        return command;
    }
    match &command.words {
        Err(malformed) => shared.remarks.problem(
            place,
            format!("the line does not count: {keyword} has no command"),
            format!("within the quotes {malformed}"),
            quoted,
        ),
        Ok(words) if words.is_empty() => shared.remarks.problem(
            place,
            format!("the line does not count: {keyword} has no command"),
            format!("nothing follows it: {}", lossy(&command.text)),
            quoted,
        ),
        Ok(words) if !command.rest.is_empty() => shared.remarks.problem(
            place,
            format!("keepalived runs {} and drops {}", joined(words), joined(&command.rest)),
            "only the first word behind the keyword is the command; the rest stands outside of its quotes",
            whole(&keyword, words, &command.rest).unwrap_or(quoted),
        ),
        Ok(_) => {}
    }
    if command.words != command.words_once {
        let shown = |words: &Words| match words {
            Ok(words) => listed(words),
            Err(malformed) => format!("nothing, for {malformed}"),
        };
        shared.remarks.note(
            place,
            format!(
                "keepalived up to 2.3.1 runs {}, from 2.3.2 on {}",
                shown(&command.words),
                shown(&command.words_once)
            ),
            "backslashes were decoded twice up to 2.3.1, and are decoded once from 2.3.2 on",
            "do without backslashes: group with ' within the double quotes",
        );
    }
    command
}

/// A program for an event. `None`: keepalived takes no notice of the line.
pub(super) fn notify(shared: &mut Shared, statement: &Statement) -> Option<Notify> {
    let (command, malformed) = command(statement.line);
    let event = statement.text(0)?;
    let has_program = command.words.as_ref().is_ok_and(|words| !words.is_empty());
    if !has_program {
        let cause = match malformed.or(command.words.as_ref().err().copied()) {
            Some(malformed) => malformed.to_string(),
            None => "it has no command".to_owned(),
        };
        shared.remarks.problem(
            &command.place,
            format!("{event} runs nothing"),
            cause,
            format!("write {event} \"PROGRAM ARGUMENTS\" USER GROUP"),
        );
    }
    let mut names = command.rest.iter().map(|name| lossy(name));
    let user = names.next().map(|user| User {
        user,
        group: names.next(),
        place: command.place.clone(),
    });
    has_program.then_some(Notify {
        event,
        command,
        user,
    })
}

/// Adds a program for an event; the first of each kind counts.
pub(super) fn add(shared: &mut Shared, statement: &Statement, list: &mut Vec<Notify>) {
    let event = statement.text(0).unwrap_or_default();
    if let Some(first) = list.iter().find(|known| known.event == event) {
        shared.remarks.problem(
            &statement.line.place,
            format!("{event} script already specified - ignoring"),
            format!("it is specified in {}", first.command.place),
            "take one of them out",
        );
        return;
    }
    list.extend(notify(shared, statement));
}

/// The line with all its words in quotes, where they need no others.
fn whole(keyword: &str, words: &[Vec<u8>], rest: &[Vec<u8>]) -> Option<String> {
    let all = || words.iter().chain(rest);
    let plain = |word: &Vec<u8>| !word.iter().any(|byte| b"\"'\\ \t".contains(byte));
    let words: Vec<String> = all().map(|word| lossy(word)).collect();
    all()
        .all(plain)
        .then(|| format!("write {keyword} \"{}\"", words.join(" ")))
}

fn joined(words: &[Vec<u8>]) -> String {
    let words: Vec<String> = words.iter().map(|word| lossy(word)).collect();
    words.join(" ")
}

fn listed(words: &[Vec<u8>]) -> String {
    let words: Vec<String> = words
        .iter()
        .map(|word| format!("[{}]", lossy(word)))
        .collect();
    words.join(" ")
}
