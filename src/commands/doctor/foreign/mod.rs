//! Checks by other programs: what they cost, what they get wrong, and the line that replaces them.

mod cost;
mod meaning;
mod port;
mod shell;
mod text;
mod tools;

use std::net::IpAddr;

use super::checks::{Check, OnFailure};
use super::findings::{Finding, Severity};
use crate::domain::Target;
use crate::keepalived_conf::Config;

pub use cost::Cost;
use text::Text;
use tools::{Look, Tool};

/// A check by another program.
#[derive(Debug)]
pub struct Foreign {
    text: Text,
    looks: Vec<Look>,
}

/// A check by another program that looks for a port or a process. `None`: by something else.
pub fn of(check: &Check<'_>, config: &Config) -> Option<Foreign> {
    // Where words were dropped it is not what was meant, and the reader says so.
    if !check.command.rest.is_empty() {
        return None;
    }
    let text = text::of(check.words)?;
    let addresses = config.instances.iter().flat_map(|instance| {
        instance
            .addresses
            .iter()
            .chain(&instance.excluded_addresses)
    });
    let bare = addresses.map(|address| address.value.split('/').next().unwrap_or_default());
    let own: Vec<IpAddr> = bare.filter_map(|address| address.parse().ok()).collect();
    let looks = tools::looks(&text.commands, &own);
    (!looks.is_empty()).then_some(Foreign { text, looks })
}

/// Whether a shell script calls listenup.
pub fn calls_listenup(check: &Check<'_>) -> bool {
    let commands = text::of(check.words).map(|text| text.commands);
    let words = commands.iter().flatten().flat_map(|command| &command.words);
    words
        .into_iter()
        .any(|word| tools::name(word) == "listenup")
}

impl Foreign {
    /// The line that does the same with listenup. `None`: what it looks for is not written there, or it does more.
    pub fn line(&self, check: &Check<'_>, program: &str) -> Option<String> {
        if meaning::other_work(&self.text.commands).is_some()
            || !meaning::is_plain(&self.text.commands)
        {
            return None;
        }
        let mut targets: Vec<Target> = Vec::new();
        for look in &self.looks {
            let target = look.target?;
            if !targets.contains(&target) {
                targets.push(target);
            }
        }
        let or = self.looks.iter().filter(|look| look.or).count();
        // All of them, or any one; a mixture is not guessed at.
        let any = match (targets.len(), or) {
            (1, _) => "",
            _ if self.has_branches() => return None,
            (_, 0) => "",
            _ if or + 1 == self.looks.len() => "--at-least 1 ",
            _ => return None,
        };
        let targets: Vec<String> = targets.iter().map(ToString::to_string).collect();
        let targets = targets.join(" ");
        Some(format!(
            "{} \"{program} check -q {any}{targets}\"",
            check.keyword
        ))
    }

    fn has_branches(&self) -> bool {
        let mut commands = self.text.commands.iter();
        commands.any(|command| command.words.first().is_some_and(|word| word == "if"))
    }

    /// It compares the number of lines with 1.
    fn counts_one(&self) -> bool {
        let is_one = |pair: &[String]| match pair {
            [by, number] => ["-eq", "=", "=="].contains(&by.as_str()) && number == "1",
            _ => false,
        };
        let mut commands = self.text.commands.iter();
        commands.any(|command| command.words.windows(2).any(is_one))
    }

    /// What is to be said of it.
    pub fn finding(&self, check: &Check<'_>, program: &str, cost: &Cost) -> Finding {
        let name = &check.name;
        let (severity, effect) = self.effect(check);
        let mut causes: Vec<String> = Vec::new();
        if self.text.loose_operator {
            causes.push(format!(
                "keepalived starts no shell: what follows {} is its arguments",
                self.first()
            ));
        }
        if let Some(file) = &self.text.file {
            causes.push(format!("{} calls {}", file.display(), self.names()));
        }
        if let Some(look) = self.open() {
            causes.push(format!(
                "the pattern for {} also matches other numbers",
                shown(look)
            ));
        }
        if self.looks.iter().any(|look| look.connections) {
            causes.push("it looks at connections, too: neither -l nor LISTEN is there".to_owned());
        }
        if self.counts_one() {
            causes.push(
                "it wants one line, and a port that has one for IPv4 and one for IPv6 has two"
                    .to_owned(),
            );
        }
        causes.push(cost.of(self.first_tool()));
        if self.text.shell.is_some() {
            causes.push(
                "a shell's exit codes 126 and 127 (a program is missing) count as success"
                    .to_owned(),
            );
        }
        let cure = match self.line(check, program) {
            Some(line) => format!("write {line}"),
            None => self.without_line(program),
        };
        Finding::new(
            severity,
            format!("{name}: {effect}"),
            causes.join("; "),
            cure,
        )
        .at(check.place())
    }

    /// The worst that follows from it.
    fn effect(&self, check: &Check<'_>) -> (Severity, String) {
        let first = self.first();
        let stays = match check.on_failure {
            OnFailure::Server { .. } => "the real server stays up",
            _ => "the address stays",
        };
        if self.text.loose_operator {
            let effect = match self.first_tool() {
                Tool::Netstat => format!("{first} succeeds whatever listens: {stays}"),
                Tool::Ss => format!(
                    "{first} refuses its arguments: {}",
                    check.on_failure.of_failing_always()
                ),
                _ => format!("{first} does not do what it looks like"),
            };
            return (Severity::Problem, effect);
        }
        let by_connection = self.looks.iter().any(|look| look.name == "/dev/tcp");
        if let Some(shell) = self.text.without_dev_tcp().filter(|_| by_connection) {
            let effect = format!(
                "{}, for /dev/tcp is bash's and this is {shell}",
                check.on_failure.of_failing_always()
            );
            return (Severity::Problem, effect);
        }
        if let Some(look) = self.open() {
            let effect = match (look.target, look.other()) {
                (Some(target), Some(other)) => format!(
                    "a listener on {other} is taken for one on {}: {stays} although nothing listens",
                    target.port()
                ),
                _ => format!(
                    "other numbers are taken for the port: {stays} although nothing listens"
                ),
            };
            return (Severity::Problem, effect);
        }
        if self.looks.iter().any(|look| look.connections) {
            let effect =
                format!("a connection to that port of another host counts as a listener: {stays}");
            return (Severity::Problem, effect);
        }
        match self.first_tool() {
            Tool::Process => (
                Severity::Note,
                format!("a process that runs and does not listen counts as up: {stays}"),
            ),
            Tool::Connection => (
                Severity::Note,
                "a service that is busy counts as down".to_owned(),
            ),
            _ => (
                Severity::Note,
                format!(
                    "a run that takes longer than its timeout counts as down, and {first} takes the longer the more connections there are"
                ),
            ),
        }
    }

    fn without_line(&self, program: &str) -> String {
        let known: Option<Vec<String>> = self
            .looks
            .iter()
            .map(|look| look.target.map(|target| target.to_string()))
            .collect();
        match (known, meaning::other_work(&self.text.commands)) {
            (Some(targets), Some(other)) => format!(
                "it also calls {other}: put {program} check -q {} there in place of the look",
                targets.join(" ")
            ),
            (Some(targets), None) => format!(
                "see whether its success means that something listens; then {program} check -q {} does it",
                targets.join(" ")
            ),
            (None, _) => format!(
                "the port is not written there: {program} check -q PORT looks for a listener"
            ),
        }
    }

    fn open(&self) -> Option<&Look> {
        self.looks.iter().find(|look| {
            look.pattern
                .is_some_and(|pattern| pattern.open_before || pattern.open_behind)
        })
    }

    fn first(&self) -> &str {
        self.looks.first().map_or("", |look| look.name.as_str())
    }

    fn first_tool(&self) -> Tool {
        self.looks.first().map_or(Tool::Process, |look| look.tool)
    }

    fn names(&self) -> String {
        let mut names: Vec<&str> = Vec::new();
        for look in &self.looks {
            if !names.contains(&look.name.as_str()) {
                names.push(&look.name);
            }
        }
        names.join(" and ")
    }
}

fn shown(look: &Look) -> String {
    look.target
        .map(|target| target.to_string())
        .unwrap_or_default()
}
