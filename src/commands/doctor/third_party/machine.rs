//! One run of a script whose questions have known answers. A command that is not known ends it: what a shell or another
//! program would do is never guessed.

use std::collections::HashMap;
use std::time::Duration;

use super::evaluate::{Context, Fault, Run, Status, Value, is_act, is_bash};
use super::probe::{self, Output, Pipe, Probe, What, base_name};
use super::test;
use super::tokens::{self, Content, Part, Token};

/// The most statements that a run executes.
const STEPS: usize = 2000;

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

type Step<T> = Result<T, Stop>;
type Slice<'t> = &'t [(usize, Token)];
type Redirect<'t> = (Option<u16>, &'static str, &'t [Part]);

/// A block that is open.
struct Block<'t> {
    /// The word that closes it.
    close: &'static str,
    /// True if the block around it is executed.
    outer: bool,
    /// True if its statements are executed.
    runs: bool,
    /// True if one of its branches was executed.
    taken: bool,
    /// True between `if` and `then`, where nothing else can be.
    begins: bool,
    /// A loop: its first statement, its variable, and the values to come.
    values: Option<(usize, &'t str, Vec<String>)>,
}

/// Where a command's streams go.
#[derive(Default)]
struct Streams {
    /// Its output is not seen.
    hidden: bool,
    /// What is after /dev/tcp/.
    place: Option<String>,
    /// A file that is written to.
    file: Option<String>,
}

/// The state of a run.
pub struct Machine<'a> {
    context: Context<'a>,
    given: Vec<bool>,
    /// Answers before this one can have changed: something was done, or time has passed.
    valid_from: usize,
    /// What has happened.
    pub run: Run,
    variables: HashMap<String, Value>,
    last: Status,
    exits_on_error: bool,
    pipe_fails: bool,
    steps: usize,
    /// The line of the last statement.
    pub line: usize,
}

impl<'a> Machine<'a> {
    /// A run in which questions get these answers.
    pub fn new(context: Context<'a>, given: Vec<bool>) -> Self {
        Self {
            context,
            given,
            valid_from: 0,
            run: Run::default(),
            variables: HashMap::new(),
            last: Status::Is(0),
            exits_on_error: false,
            pipe_fails: false,
            steps: 0,
            line: 1,
        }
    }

    /// Executes a script to its end.
    pub fn script(&mut self, tokens: Slice<'_>) -> Step<Status> {
        let is_end = |(_, token): &(usize, Token)| [";", "\n"].contains(&token.operator());
        let statements: Vec<Slice<'_>> = tokens.split(is_end).collect();
        let (mut blocks, mut next): (Vec<Block<'_>>, usize) = (Vec::new(), 0);
        while let Some(statement) = statements.get(next) {
            next += 1;
            self.statement(statement, &mut blocks, &mut next)?;
        }
        match blocks.is_empty() {
            true => Ok(self.last),
            false => Err(Stop::NotUnderstood),
        }
    }

    fn statement<'t>(
        &mut self,
        statement: Slice<'t>,
        blocks: &mut Vec<Block<'t>>,
        next: &mut usize,
    ) -> Step<()> {
        let mut rest = statement;
        while let Some(((line, first), behind)) = rest.split_first() {
            (self.line, self.steps) = (*line, self.steps + 1);
            if self.steps > STEPS {
                return Err(Stop::NotUnderstood);
            }
            let outer = blocks.last().is_none_or(|block| block.runs);
            let block = |close, runs| Block {
                close,
                outer,
                runs,
                taken: runs,
                begins: close != "}",
                values: None,
            };
            let word = first.plain().unwrap_or_default();
            let begins = blocks.last().is_some_and(|block| block.begins);
            if begins != ["then", "do"].contains(&word) {
                return Err(Stop::NotUnderstood);
            }
            match word {
                "if" => {
                    let holds = outer && self.holds(behind)?;
                    blocks.push(block("fi", holds));
                    return Ok(());
                }
                "{" => blocks.push(block("}", outer)),
                "for" => {
                    let mut block = block("done", false);
                    block.values = Some((*next, "", Vec::new()));
                    if outer {
                        block.values = Some(self.values_of_loop(behind, *next)?);
                        self.turn(&mut block, next);
                    }
                    blocks.push(block);
                    return Ok(());
                }
                word @ ("then" | "do" | "elif" | "else" | "fi" | "done" | "}") => {
                    let block = blocks.last_mut().ok_or(())?;
                    match (word, block.close) {
                        ("then", "fi") | ("do", "done") => block.begins = false,
                        ("elif", "fi") => {
                            block.runs = block.outer && !block.taken && self.holds(behind)?;
                            block.taken |= block.runs;
                            block.begins = true;
                            return Ok(());
                        }
                        ("else", "fi") => {
                            block.runs = block.outer && !block.taken;
                            block.taken = true;
                        }
                        (word, close) if word == close && behind.is_empty() => {
                            if block.runs && self.turn(block, next) {
                                return Ok(());
                            }
                            if block.outer && !block.taken {
                                self.last = Status::Is(0);
                            }
                            blocks.pop();
                        }
                        _ => return Err(Stop::NotUnderstood),
                    }
                }
                _ => {
                    let Some(at) = rest
                        .iter()
                        .skip(1)
                        .position(|(_, token)| token.plain() == Some("{"))
                    else {
                        return if outer { self.and_or(rest) } else { Ok(()) };
                    };
                    // `A || {`, `A && {`
                    let (before, inside) = rest.split_at(at);
                    let [(_, connector), _, inside @ ..] = inside else {
                        return Err(Stop::NotUnderstood);
                    };
                    let wanted = match connector.operator() {
                        "&&" => true,
                        "||" => false,
                        _ => return Err(Stop::NotUnderstood),
                    };
                    let runs = outer && self.holds(before)? == wanted;
                    let block = Block {
                        runs,
                        taken: true,
                        ..block("}", runs)
                    };
                    blocks.push(block);
                    rest = inside;
                    continue;
                }
            }
            rest = behind;
        }
        Ok(())
    }

    /// Begins the next turn of a loop. Returns whether there is one.
    fn turn(&mut self, block: &mut Block<'_>, next: &mut usize) -> bool {
        let Some((start, name, values)) = &mut block.values else {
            return false;
        };
        let value = values.pop();
        (block.runs, block.taken) = (value.is_some(), true);
        if let Some(value) = value {
            (*next, block.begins) = (*start, true);
            self.variables
                .insert((*name).to_owned(), Value::Text(value));
        }
        block.runs
    }

    /// `NAME in WORDS`
    fn values_of_loop<'t>(
        &mut self,
        tokens: Slice<'t>,
        start: usize,
    ) -> Step<(usize, &'t str, Vec<String>)> {
        let [(_, name), (_, word), words @ ..] = tokens else {
            return Err(Stop::NotUnderstood);
        };
        let mut values = Vec::new();
        for (_, word) in words {
            let Token::Word(word) = word else {
                return Err(Stop::NotUnderstood);
            };
            let text = texts(vec![self.value(word)?])?.concat();
            values.extend(text.split_whitespace().map(str::to_owned));
        }
        values.reverse();
        match (name.plain(), word.plain()) {
            (Some(name), Some("in")) => Ok((start, name, values)),
            _ => Err(Stop::NotUnderstood),
        }
    }

    fn holds(&mut self, tokens: Slice<'_>) -> Step<bool> {
        let exits_on_error = std::mem::take(&mut self.exits_on_error);
        self.and_or(tokens)?;
        self.exits_on_error = exits_on_error;
        succeeded(self.last)
    }

    /// Executes pipelines with `&&` and `||` between them.
    fn and_or(&mut self, tokens: Slice<'_>) -> Step<()> {
        let connector = |token: &Token| {
            ["&&", "||"]
                .into_iter()
                .find(|one| *one == token.operator())
        };
        let mut before = None;
        let mut has_run = false;
        for part in tokens.split_inclusive(|(_, token)| connector(token).is_some()) {
            let behind = part.last().and_then(|(_, token)| connector(token));
            let pipeline = part
                .get(..part.len() - usize::from(behind.is_some()))
                .unwrap_or_default();
            has_run = match before {
                None => true,
                Some(connector) => succeeded(self.last)? == (connector == "&&"),
            };
            if has_run {
                self.last = self.pipeline(pipeline)?;
            }
            before = behind;
        }
        match has_run && self.exits_on_error && !succeeded(self.last)? {
            true => Err(Stop::Exit(self.last)),
            false => Ok(()),
        }
    }

    fn pipeline(&mut self, tokens: Slice<'_>) -> Step<Status> {
        if let [(_, first), rest @ ..] = tokens {
            if first.plain() == Some("!") {
                let status = self.pipeline(rest)?;
                // `set -e` does not apply to it.
                return match self.exits_on_error {
                    true => Err(Stop::NotUnderstood),
                    false => Ok(Status::Is(u8::from(succeeded(status)?))),
                };
            }
        }
        let stages: Vec<Slice<'_>> = tokens.split(|(_, token)| token.operator() == "|").collect();
        match stages.as_slice() {
            [command] => self.command(command),
            stages => {
                let pipe = self.pipe(stages)?;
                self.answer(pipe, Status::Is(1))
            }
        }
    }

    fn command(&mut self, tokens: Slice<'_>) -> Step<Status> {
        let (words, redirects) = simple(tokens)?;
        let streams = self.streams(&redirects)?;
        let (mut values, mut assigns) = (Vec::new(), false);
        for word in &words {
            match assignment(word).filter(|_| values.is_empty()) {
                Some((name, value)) => {
                    // Without a substitution the status is 0.
                    let is_output = value
                        .iter()
                        .any(|part| matches!(part.content, Content::Output(_)));
                    let value = self.value(&value)?;
                    self.last = if is_output { self.last } else { Status::Is(0) };
                    self.variables.insert(name.to_owned(), value);
                    assigns = true;
                }
                None => self.push_value(word, &mut values)?,
            }
        }
        match (assigns, values.as_slice(), streams) {
            (
                true,
                [],
                Streams {
                    place: None,
                    file: None,
                    ..
                },
            ) => Ok(self.last),
            (
                false,
                [Value::Text(word), ..],
                Streams {
                    place: None, file, ..
                },
            ) if ["echo", "printf", "date"].contains(&word.as_str()) => {
                // What it prints to keepalived is lost.
                if let Some(file) = file {
                    self.act(format!("> {file}"));
                }
                Ok(Status::Is(0))
            }
            (
                false,
                _,
                Streams {
                    place: None,
                    file: None,
                    ..
                },
            ) => self.builtin(values),
            (
                false,
                values,
                Streams {
                    place: Some(place),
                    file: None,
                    ..
                },
            ) => {
                let is_known = match values {
                    [] => true,
                    [Value::Text(word), ..] => [":", "true", "echo"].contains(&word.as_str()),
                    _ => false,
                };
                is_known.then_some(()).ok_or(())?;
                self.connect(&place)
            }
            _ => Err(Stop::NotUnderstood),
        }
    }

    fn builtin(&mut self, values: Vec<Value>) -> Step<Status> {
        match values.as_slice() {
            [Value::Text(word), ..] if ["[", "[[", "test"].contains(&word.as_str()) => {
                let (holds, compares) = test::holds(&values, self.context.bash).ok_or(())?;
                if compares {
                    self.run.faults.push((Fault::ComparesWithOne, self.line));
                }
                return Ok(Status::Is(u8::from(!holds)));
            }
            [Value::Text(exit), Value::Failure] if exit == "exit" => {
                return Err(Stop::Exit(Status::Failed));
            }
            _ => {}
        }
        let words = self.without_sudo(texts(values)?);
        let shown: Vec<&str> = words.iter().map(String::as_str).collect();
        match shown.as_slice() {
            ["true" | ":"] => Ok(Status::Is(0)),
            ["false"] => Ok(Status::Is(1)),
            ["exit"] => Err(Stop::Exit(self.last)),
            ["exit", code] => Err(Stop::Exit(Status::Is(code.parse().map_err(drop)?))),
            ["set", options @ ..] => self.set(options),
            ["sleep", seconds] => {
                let seconds: u16 = seconds.parse().map_err(drop)?;
                self.run.slept += Duration::from_secs(seconds.into());
                self.valid_from = self.run.answers.len();
                Ok(Status::Is(0))
            }
            _ if is_act(&words) || self.starts_what_it_looks_for(&words) => {
                self.act(words.join(" "));
                Ok(Status::Unknown)
            }
            // At its limit it exits with 124.
            [timeout, time, ..] if base_name(timeout) == "timeout" => {
                time.trim_end_matches('s').parse::<f32>().map_err(drop)?;
                self.program(words.get(2..).unwrap_or_default(), Status::Failed)
            }
            _ => self.program(&words, Status::Is(1)),
        }
    }

    /// For root sudo changes nothing.
    fn without_sudo(&self, mut words: Vec<String>) -> Vec<String> {
        let is_sudo =
            self.context.scene.is_root && words.first().is_some_and(|word| word == "sudo");
        words.drain(..usize::from(is_sudo));
        words
    }

    fn program(&mut self, words: &[String], failed: Status) -> Step<Status> {
        if let [shell, option, text] = words {
            if let Some(bash) = is_bash(base_name(shell)).filter(|_| option == "-c") {
                let status = self.nested(text, bash)?;
                return Ok(if succeeded(status)? { status } else { failed });
            }
        }
        let pipe = probe::pipe(&[words.to_vec()], self.context.scene).ok_or(())?;
        self.answer(pipe, failed)
    }

    /// `bash -c TEXT`
    fn nested(&mut self, text: &str, bash: bool) -> Step<Status> {
        let tokens = tokens::split(text).map_err(drop)?;
        let context = Context {
            bash,
            arguments: &[],
            ..self.context
        };
        let inner = Machine::new(context, self.given.clone());
        let mut outer = std::mem::replace(self, inner);
        std::mem::swap(&mut self.run, &mut outer.run);
        (self.valid_from, self.steps) = (outer.valid_from, outer.steps);
        let status = self.script(&tokens);
        std::mem::swap(&mut self.run, &mut outer.run);
        (outer.valid_from, outer.steps) = (self.valid_from, self.steps);
        *self = outer;
        match status {
            Err(Stop::Exit(status)) => Ok(status),
            other => other,
        }
    }

    /// `/usr/sbin/nginx` after nginx was looked for.
    fn starts_what_it_looks_for(&self, words: &[String]) -> bool {
        let path = words.first().filter(|word| word.starts_with('/'));
        let is_it = |probe: &Probe| matches!(&probe.what, What::Process(name) if path.is_some_and(|path| base_name(path) == name));
        self.run.answers.iter().any(|(probe, _)| is_it(probe))
    }

    /// A redirection to /dev/tcp.
    fn connect(&mut self, place: &str) -> Step<Status> {
        if !self.context.bash {
            self.run.faults.push((Fault::NoDevTcp, self.line));
            return Ok(Status::Failed);
        }
        let (host, port) = place.split_once('/').ok_or(())?;
        let probe = probe::connection(host, port, self.context.scene).ok_or(())?;
        let program = "/dev/tcp".to_owned();
        let found = self.ask(Probe { program, ..probe })?;
        Ok(Status::Is(u8::from(!found)))
    }

    fn act(&mut self, text: String) {
        self.valid_from = self.run.answers.len();
        self.run.acts.push((text, self.line, self.run.slept));
    }

    fn set(&mut self, options: &[&str]) -> Step<Status> {
        for option in options {
            match *option {
                "pipefail" => self.pipe_fails = true,
                "errexit" => self.exits_on_error = true,
                "nounset" => {}
                option => {
                    let letters = option.strip_prefix('-').ok_or(())?;
                    self.exits_on_error |= letters.contains('e');
                    // u: an unset variable is not understood anyway. x prints to a stream that is lost.
                    letters
                        .chars()
                        .all(|letter| "euxo".contains(letter))
                        .then_some(())
                        .ok_or(())?;
                }
            }
        }
        Ok(Status::Is(0))
    }

    /// The known pipe that these stages are.
    fn pipe(&mut self, stages: &[Slice<'_>]) -> Step<Pipe> {
        let mut all = Vec::new();
        for stage in stages {
            let (words, redirects) = simple(stage)?;
            let streams = self.streams(&redirects)?;
            let is_last = all.len() + 1 == stages.len();
            if streams.hidden && !is_last || streams.place.is_some() || streams.file.is_some() {
                return Err(Stop::NotUnderstood);
            }
            let mut values = Vec::new();
            for word in words {
                self.push_value(word, &mut values)?;
            }
            all.push(self.without_sudo(texts(values)?));
        }
        let pipe = probe::pipe(&all, self.context.scene).ok_or(())?;
        if self.pipe_fails && pipe.closes_early {
            self.run.faults.push((Fault::PipeFails, self.line));
        }
        Ok(pipe)
    }

    fn answer(&mut self, pipe: Pipe, failed: Status) -> Step<Status> {
        let found = self.ask(pipe.probe)?;
        Ok(if found || pipe.succeeds {
            Status::Is(0)
        } else {
            failed
        })
    }

    fn ask(&mut self, probe: Probe) -> Step<bool> {
        let mut recent = self.run.answers.iter().skip(self.valid_from);
        if let Some((_, answer)) = recent.find(|(known, _)| *known == probe) {
            return Ok(*answer);
        }
        let asked = self
            .run
            .answers
            .iter()
            .filter(|(probe, _)| !probe.finds_itself)
            .count();
        let given = self.given.get(asked).copied();
        let answer = given
            .or(probe.finds_itself.then_some(true))
            .ok_or(Stop::Question)?;
        self.run.answers.push((probe, answer));
        Ok(answer)
    }

    fn streams(&mut self, redirects: &[Redirect<'_>]) -> Step<Streams> {
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
    fn push_value(&mut self, word: &[Part], values: &mut Vec<Value>) -> Step<()> {
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

    fn value(&mut self, word: &[Part]) -> Step<Value> {
        let mut parts = Vec::new();
        for part in word {
            parts.push(match &part.content {
                Content::Text(text) => Value::Text(text.clone()),
                Content::Variable(name, otherwise) => self.variable(name, otherwise)?,
                Content::Output(tokens) => self.output(tokens)?,
            });
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
                Status::Failed => Value::Failure,
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
    fn output(&mut self, tokens: Slice<'_>) -> Step<Value> {
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
            (Output::Count, false) => Value::Text("0".to_owned()),
            (Output::Lines, true) => Value::Lines,
            (Output::Lines, false) | (Output::Nothing, _) => Value::Text(String::new()),
        })
    }
}

/// The words and the redirections of a command.
fn simple(tokens: Slice<'_>) -> Step<(Vec<&[Part]>, Vec<Redirect<'_>>)> {
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

/// The name and the value of `NAME=VALUE`.
fn assignment(word: &[Part]) -> Option<(&str, Vec<Part>)> {
    let (
        Part {
            quoted: false,
            content: Content::Text(text),
        },
        rest,
    ) = word.split_first()?
    else {
        return None;
    };
    let (name, value) = text.split_once('=')?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let starts = name.starts_with(|c: char| is_name(c) && !c.is_ascii_digit());
    let value = Part {
        quoted: false,
        content: Content::Text(value.to_owned()),
    };
    (starts && name.chars().all(is_name)).then(|| (name, [&[value], rest].concat()))
}

fn succeeded(status: Status) -> Step<bool> {
    match status {
        Status::Is(code) => Ok(code == 0),
        Status::Failed => Ok(false),
        Status::Unknown => Err(Stop::NotUnderstood),
    }
}

fn texts(values: Vec<Value>) -> Step<Vec<String>> {
    let text = |value| match value {
        Value::Text(text) => Ok(text),
        _ => Err(Stop::NotUnderstood),
    };
    values.into_iter().map(text).collect()
}
