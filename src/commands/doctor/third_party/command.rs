//! The commands that a run knows.

use std::time::Duration;

use super::machine::Machine;
use super::pipe;
use super::probe::{Pipe, Probe, What, base_name};
use super::programs;
use super::run::{
    Context, Fault, Slice, Status, Step, Stop, Value, is_act, is_bash, succeeded, texts,
};
use super::test;
use super::tokens::{self, Content, Part};
use super::word::{Streams, simple};

impl Machine<'_> {
    pub(super) fn command(&mut self, tokens: Slice<'_>) -> Step<Status> {
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
                    self.variables
                        .insert(name.to_owned(), allowed(name, value)?);
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
                // A redirection of a special command ends a shell that is not bash.
                let ends = !self.context.bash && values == [Value::Text(":".to_owned())];
                match self.connect(&place)? {
                    status if ends => Err(Stop::Exit(status)),
                    status => Ok(status),
                }
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
            [Value::Text(exit), Value::Positive] if exit == "exit" => {
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
        let pipe = pipe::of(&[words.to_vec()], self.context.scene).ok_or(())?;
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
        let probe = programs::connection(host, port, self.context.scene).ok_or(())?;
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
    pub(super) fn pipe(&mut self, stages: &[Slice<'_>]) -> Step<Pipe> {
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
        let mut pipe = pipe::of(&all, self.context.scene).ok_or(())?;
        if self.pipe_fails {
            pipe.succeeds = pipe.never_fails;
            let fault = pipe.closes_early.then_some((Fault::PipeFails, self.line));
            self.run.faults.extend(fault);
        }
        Ok(pipe)
    }

    pub(super) fn answer(&mut self, pipe: Pipe, failed: Status) -> Step<Status> {
        let found = self.ask(pipe.probe)?;
        Ok(if found || pipe.succeeds {
            Status::Is(0)
        } else {
            failed
        })
    }

    pub(super) fn ask(&mut self, probe: Probe) -> Step<bool> {
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

/// Refuses values that change how words are split, what grep does, or which programs run.
fn allowed(name: &str, value: Value) -> Step<Value> {
    let is_usual_path =
        matches!(&value, Value::Text(path) if path.split(':').any(|folder| folder == "/usr/bin"));
    match name {
        "IFS" | "GREP_OPTIONS" | "BASH_ENV" | "SHELLOPTS" => Err(Stop::NotUnderstood),
        "PATH" if !is_usual_path => Err(Stop::NotUnderstood),
        _ => Ok(value),
    }
}
