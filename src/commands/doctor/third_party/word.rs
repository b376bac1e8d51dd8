//! Words and redirections, as a command gets them.

use super::machine::Machine;
use super::probe::Output;
use super::run::{Slice, Status, Step, Stop, Value, texts};
use super::tokens::{Content, Part, Token};

pub type Redirect<'t> = (Option<u16>, &'static str, &'t [Part]);

/// Where a command's streams go.
#[derive(Default)]
pub struct Streams {
    /// Its output is not seen.
    pub hidden: bool,
    /// What is after /dev/tcp/.
    pub place: Option<String>,
    /// A file that is written to.
    pub file: Option<String>,
}

impl Machine<'_> {
    pub(super) fn streams(&mut self, redirects: &[Redirect<'_>]) -> Step<Streams> {
        let mut streams = Streams::default();
        for (descriptor, operator, word) in redirects {
            let target = texts(vec![self.value(word)?])?.concat();
            let is_stdout = descriptor.unwrap_or(1) == 1;
            match (*operator, target.as_str()) {
                ("<" | ">" | "<>", place)
                    if place.starts_with("/dev/tcp/") && streams.place.is_none() =>
                {
                    streams.place = place.strip_prefix("/dev/tcp/").map(str::to_owned);
                }
                // A shell that is not bash runs the command in the background.
                ("&>" | ">&", "/dev/null") if self.context.bash => streams.hidden = true,
                (">" | ">>", "/dev/null") | (">&", "2") => streams.hidden |= is_stdout,
                (">&", "1") | ("<", "/dev/null") => {}
                (">" | ">>", file) if is_stdout && streams.file.is_none() => {
                    streams.file = Some(file.to_owned())
                }
                _ => return Err(Stop::NotUnderstood),
            }
        }
        Ok(streams)
    }

    /// Adds a word as the program gets it.
    pub(super) fn push_value(&mut self, word: &[Part], values: &mut Vec<Value>) -> Step<()> {
        let value = self.value(word)?;
        let is_quoted = word.iter().any(|part| part.quoted);
        let in_brackets = values.first() == Some(&Value::Text("[[".to_owned()));
        let is_bracket = |text: &str| ["[", "[[", "]", "]]"].contains(&text);
        match &value {
            _ if is_quoted || in_brackets => values.push(value),
            Value::Text(text) if text.is_empty() => {}
            // It would be split, or replaced by the names of files.
            Value::Text(text)
                if !is_bracket(text)
                    && text.contains([' ', '\t', '\n', '*', '?', '[', '{', '~']) =>
            {
                return Err(Stop::NotUnderstood);
            }
            Value::Lines => return Err(Stop::NotUnderstood),
            _ => values.push(value),
        }
        Ok(())
    }

    pub(super) fn value(&mut self, word: &[Part]) -> Step<Value> {
        let mut parts = Vec::new();
        for part in word {
            parts.push(match &part.content {
                Content::Text(text) => Value::Text(text.clone()),
                Content::Variable(name, otherwise) => self.variable(name, otherwise)?,
                Content::Output(tokens) => self.output(tokens)?,
            });
            if let Some(Value::Text(text)) = parts.last() {
                self.count_bytes(text.len())?;
            }
        }
        parts.retain(|part| *part != Value::Text(String::new()));
        match parts.len() {
            1 => parts.pop().ok_or(Stop::NotUnderstood),
            _ => Ok(Value::Text(texts(parts)?.concat())),
        }
    }

    fn variable(&self, name: &str, otherwise: &str) -> Step<Value> {
        let value = match (name, name.parse::<usize>()) {
            ("?", _) => match self.last {
                Status::Is(code) => Value::Text(code.to_string()),
                Status::Failed => Value::Positive,
                Status::Unknown => return Err(Stop::NotUnderstood),
            },
            (_, Ok(number)) => {
                let at = number.checked_sub(1).ok_or(())?;
                Value::Text(self.context.arguments.get(at).cloned().unwrap_or_default())
            }
            // One that is not set here can come from keepalived's environment.
            (name, Err(_)) => self.variables.get(name).cloned().ok_or(())?,
        };
        Ok(match value {
            Value::Text(text) if text.is_empty() => Value::Text(otherwise.to_owned()),
            value => value,
        })
    }

    /// What a pipe prints; its status is the last one.
    pub(super) fn output(&mut self, tokens: Slice<'_>) -> Step<Value> {
        let stages: Vec<Slice<'_>> = tokens.split(|(_, token)| token.operator() == "|").collect();
        if let [[(_, program), words @ ..]] = stages.as_slice() {
            let words: Option<Vec<u8>> = words
                .iter()
                .map(|(_, word)| word.plain()?.parse().ok())
                .collect();
            match (program.plain(), words.as_deref()) {
                (Some("date"), _) => return Ok(Value::Unknown),
                (Some("seq"), Some([.., last])) => {
                    let first = words.iter().flatten().rev().nth(1).copied().unwrap_or(1);
                    let numbers: Vec<String> =
                        (first..=*last).map(|number| number.to_string()).collect();
                    return Ok(Value::Text(numbers.join(" ")));
                }
                _ => {}
            }
        }
        let pipe = self.pipe(&stages)?;
        let (_, redirects) = simple(stages.last().ok_or(())?)?;
        if self.streams(&redirects)?.hidden {
            return Err(Stop::NotUnderstood);
        }
        let output = pipe.output;
        self.last = self.answer(pipe.clone(), Status::Is(1))?;
        let found = self.ask(pipe.probe)?;
        Ok(match (output, found) {
            (Output::Count, true) => Value::Count,
            (Output::Positive, true) => Value::Positive,
            (Output::Count | Output::Positive, false) => Value::Text("0".to_owned()),
            (Output::Lines, true) => Value::Lines,
            (Output::Lines, false) | (Output::Nothing, _) => Value::Text(String::new()),
        })
    }
}

/// The words and the redirections of a command.
pub fn simple(tokens: Slice<'_>) -> Step<(Vec<&[Part]>, Vec<Redirect<'_>>)> {
    let (mut words, mut redirects, mut tokens) = (Vec::new(), Vec::new(), tokens.iter());
    while let Some((_, token)) = tokens.next() {
        match (token, tokens.as_slice()) {
            (Token::Word(word), _) => words.push(word.as_slice()),
            (Token::Redirect(descriptor, operator), [(_, Token::Word(target)), ..]) => {
                redirects.push((*descriptor, *operator, target.as_slice()));
                tokens.next();
            }
            _ => return Err(Stop::NotUnderstood),
        }
    }
    match words.is_empty() && redirects.is_empty() {
        true => Err(Stop::NotUnderstood),
        false => Ok((words, redirects)),
    }
}
