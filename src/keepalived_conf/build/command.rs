//! Lines with a command (lib/notify.c, `set_script_params_array`): keepalived reads the raw line once more, and splits its
//! second word by the same rules.

use super::super::diagnostic::{Problem, Values};
use super::super::keywords::parent_block;
use super::super::model::{Command, Notify, User};
use super::super::reader::{Context, Line};
use super::super::words::{Escapes, Malformed, lossy, split};

/// The words of a command, and those after it.
type Words = (Vec<Vec<u8>>, Vec<Vec<u8>>);

fn split_twice(text: &[u8], escapes: Escapes) -> Result<Words, Malformed> {
    let mut words = split(text, escapes)?.into_iter().skip(1);
    let command = words.next().unwrap_or_default();
    let command = split(&command, Escapes::Decode).map_err(|malformed| match malformed {
        Malformed::Open => Malformed::Inner,
        other => other,
    });
    Ok((command?, words.collect()))
}

fn joined(words: &[Vec<u8>]) -> String {
    let words: Vec<String> = words.iter().map(|word| lossy(word)).collect();
    words.join(" ")
}

/// Returns these words as they can be written between double quotes, or dots if that takes more than single quotes.
fn quoted(words: &[Vec<u8>]) -> String {
    let quote = |word: &Vec<u8>| match word.iter().any(|byte| b"\"'\\\t".contains(byte)) {
        true => None,
        false if word.contains(&b' ') => Some(format!("'{}'", lossy(word))),
        false => Some(lossy(word)),
    };
    let words: Option<Vec<String>> = words.iter().map(quote).collect();
    words.map_or("...".to_owned(), |words| words.join(" "))
}

impl Context<'_> {
    /// Returns the command of a line. `None`: keepalived ignores the line. `open` is the problem of an open quote.
    fn command(&self, line: &Line, open: Problem) -> Option<Command> {
        let keyword = line.keyword();
        // Up to 2.3.1 backslashes are decoded in the line, and again in the command.
        let escapes = match self.since(2, 3, 2) {
            true => Escapes::Keep,
            false => Escapes::Decode,
        };
        let problem = match split_twice(&line.text, escapes) {
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
            Err(Malformed::Open) => open,
            Err(Malformed::Escape(letter)) => {
                let part = format!("\\{}", char::from(letter));
                self.report(&line.place, Problem::NotFollowed, &[("part", &part)]);
                return None;
            }
        };
        self.report(&line.place, problem, &[("keyword", &keyword)]);
        None
    }

    /// Returns the command of a check: `script` or `misc_path`.
    pub(super) fn check(&self, line: &Line) -> Option<Command> {
        let command = self.command(line, Problem::CommandCrash)?;
        let is_quoted = line.text.iter().any(|byte| b"\"'".contains(byte));
        let next = command.rest.first().map(|word| lossy(word));
        if next.is_some_and(|next| is_quoted && parent_block(&next).is_some()) {
            let (words, keyword) = (joined(&command.rest), line.keyword());
            let values: Values = &[("words", &words), ("keyword", &keyword)];
            self.report(&line.place, Problem::KeywordDropped, values);
        } else if !command.rest.is_empty() {
            let all = [command.words.as_slice(), &command.rest].concat();
            let values: Values = &[
                ("keyword", &line.keyword()),
                ("command", &joined(&command.words)),
                ("dropped", &joined(&command.rest)),
                ("line", &quoted(&all)),
            ];
            self.report(&line.place, Problem::CommandDropped, values);
        }
        Some(command)
    }

    /// Returns the program of a line such as `notify_master` in a block of this name.
    pub(super) fn notify(&self, line: &Line, block: &str) -> Option<Notify> {
        // notify_deleted does not require one.
        line.word(1)?;
        let command = self.command(line, Problem::CommandEmpty)?;
        let mut rest = command.rest.iter().map(|word| lossy(word));
        let user = rest.next().map(|user| User {
            user,
            group: rest.next(),
            place: line.place.clone(),
        });
        let name = format!("{} of {block}", line.keyword());
        Some(Notify {
            name,
            command,
            user,
        })
    }

    /// Reports a block that has no line of this keyword, so that keepalived removes it.
    pub(super) fn empty(&self, line: &Line, keyword: &str) {
        let values: Values = &[("block", &line.rest(0)), ("keyword", &keyword)];
        self.report(&line.place, Problem::Empty, values);
    }
}
