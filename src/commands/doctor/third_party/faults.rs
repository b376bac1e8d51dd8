//! The findings about a check by another program.

use std::path::Path;

use super::Analysis;
use super::look::{Look, base_name};
use super::reader::Shape;
use super::replacement::targets;
use super::script::{Defect, defect, read};
use super::search;
use super::shape::Meaning;
use crate::commands::doctor::codes::Code;
use crate::commands::doctor::codes::third_party as codes;
use crate::commands::doctor::findings::{Finding, Values};

/// Programs that fail if they get an operator as an argument.
const REFUSE: [&str; 8] = ["ss", "lsof", "nc", "ncat", "killall", "pgrep", "ps", "curl"];

impl Analysis<'_> {
    /// Returns what is wrong with the check, and what is worth knowing.
    pub fn findings(&self) -> Vec<Finding> {
        let found = self.start();
        // Where words were dropped the command is not what was meant, which is reported elsewhere.
        if !found.is_empty() || !self.check.command.rest.is_empty() {
            return found;
        }
        let analysis = self;
        let mut faults = Faults { analysis, found };
        if self.operator.is_some() {
            faults.operators();
            return faults.found;
        }
        if self.looks() || self.is_shell {
            faults.of_commands();
        }
        match &self.shape {
            // A program that is not known.
            _ if !self.looks() && !faults.found.iter().any(Finding::is_problem) => {
                faults.add(codes::NOT_JUDGED, &[("at", &self.file())]);
            }
            _ if !self.looks() => {}
            Ok(shape) => faults.of_shape(shape),
            Err(line) => faults.add(codes::NOT_JUDGED, &[("at", &self.place(*line))]),
        }
        faults.found
    }

    /// Returns why keepalived cannot start the program.
    pub fn start(&self) -> Vec<Finding> {
        let program = self.words.first().map_or("", String::as_str);
        let (code, interpreter) = match defect(Path::new(program)) {
            None => return Vec::new(),
            Some(Defect::NoInterpreter) => (codes::NO_INTERPRETER, String::new()),
            Some(Defect::CarriageReturn) => (codes::CARRIAGE_RETURN, String::new()),
            Some(Defect::Interpreter(interpreter)) => (codes::INTERPRETER_MISSING, interpreter),
        };
        let (analysis, found) = (self, Vec::new());
        let mut faults = Faults { analysis, found };
        faults.add(code, &[("file", &program), ("interpreter", &interpreter)]);
        faults.found
    }
}

struct Faults<'a> {
    analysis: &'a Analysis<'a>,
    found: Vec<Finding>,
}

impl Faults<'_> {
    fn add(&mut self, code: &'static Code, values: Values) {
        let (check, setting) = (self.analysis.check, &self.analysis.setting);
        let file = self.analysis.file();
        let common: Values = &[
            ("listenup", &setting.listenup),
            ("user", &setting.user.name),
            ("file", &file),
        ];
        let mut finding = check.finding(code, &[values, common].concat());
        if let Ok(replacement) = self.analysis.replacement() {
            finding = finding.with_fix(codes::REPLACED, ("line", &replacement.line));
        }
        if !self.found.contains(&finding) {
            self.found.push(finding);
        }
    }

    /// Reports words that only a shell understands, and that no shell sees.
    fn operators(&mut self) {
        let words = &self.analysis.words;
        let program = words.first().map_or("", |program| base_name(program));
        let first = words.get(2).map_or("", String::as_str);
        let operator = self.analysis.operator.as_deref().unwrap_or_default();
        let code = match program {
            _ if self.analysis.runs_first_word_only() => codes::FIRST_WORD_ONLY,
            "netstat" if self.analysis.netstat_ignores_pipe() => codes::NETSTAT_WITH_PIPE,
            "netstat" if words.iter().any(|word| word == "-q") => codes::REFUSES_OPERATOR,
            "docker" if words.iter().any(|word| word == "ps") => codes::REFUSES_OPERATOR,
            program if REFUSE.contains(&program) => codes::REFUSES_OPERATOR,
            _ => codes::OPERATOR,
        };
        self.add(
            code,
            &[
                ("operator", &operator),
                ("program", &program),
                ("first", &first),
            ],
        );
    }

    /// Reports faults that the words of single commands show.
    fn of_commands(&mut self) {
        let analysis = self.analysis;
        for act in search::acts(&analysis.commands) {
            let words = act.words.join(" ");
            let stops = act
                .words
                .iter()
                .any(|word| base_name(word).starts_with("keepalived"))
                && ["stop", "kill"].iter().any(|verb| words.contains(verb));
            let code = if stops {
                codes::STOPS_KEEPALIVED
            } else {
                codes::ACTS
            };
            self.add(code, &[("acts", &words), ("at", &analysis.place(act.line))]);
        }
        if let Some(first) = search::early_end(&analysis.commands) {
            let at = analysis.place(first.line);
            self.add(
                codes::PIPE_FAILS,
                &[("at", &at), ("program", &first.program())],
            );
        }
        if let Some(sleep) = search::sleep(&analysis.commands, analysis.check.timeout) {
            let (at, words) = (analysis.place(sleep.line), sleep.words.join(" "));
            self.add(codes::SLEEPS, &[("at", &at), ("sleep", &words)]);
        }
    }

    /// Reports the effects of a script that is fully understood.
    fn of_shape(&mut self, shape: &Shape) {
        let analysis = self.analysis;
        let is_known = |meaning: &Meaning| {
            *meaning == Meaning::All || !shape.looks.iter().any(|look| look.lacks_bash)
        };
        let (Some(meaning), Some(first)) = (shape.meaning.filter(is_known), shape.looks.first())
        else {
            return self.add(codes::NOT_JUDGED, &[("at", &analysis.file())]);
        };
        if let Some(line) = shape.one {
            self.add(codes::COMPARES_WITH_ONE, &[("at", &analysis.place(line))]);
        } else if meaning == Meaning::Always {
            return self.about(codes::SUCCEEDS_ALWAYS, first);
        }
        for look in &shape.looks {
            self.of_look(look, meaning == Meaning::All);
        }
        if self.found.iter().any(Finding::is_problem) {
            return;
        }
        match first.program.as_str() {
            "nc" | "ncat" | "netcat" | "/dev/tcp" => self.about(codes::CONNECTS, first),
            "netstat" | "ss" | "lsof" => self.about(codes::READS_ALL, first),
            _ => self.about(codes::PROCESS_ONLY, first),
        }
    }

    /// Reports a look; `decides` is true if the check fails with it.
    fn of_look(&mut self, look: &Look, decides: bool) {
        let analysis = self.analysis;
        let is_root = analysis.setting.user.uid == 0;
        let rules = [
            (decides && look.lacks_bash, codes::NO_DEV_TCP),
            (
                decides && look.program == "killall" && !is_root,
                codes::KILLALL_RIGHTS,
            ),
            (
                look.finds_itself && (is_root || look.program != "killall"),
                codes::FINDS_ITSELF,
            ),
            (decides && analysis.lacks_rights(look), codes::OWNER_RIGHTS),
            (
                decides && analysis.name_of(look).is_some(),
                codes::NAMES_OF_PORTS,
            ),
            (look.connections, codes::COUNTS_CONNECTIONS),
            (look.also.is_some(), codes::MATCHES_OTHER_PORTS),
        ];
        for (_, code) in rules.into_iter().filter(|(applies, _)| *applies) {
            self.about(code, look);
        }
    }

    /// Adds a finding whose texts can name what is looked for.
    fn about(&mut self, code: &'static Code, look: &Look) {
        let (at, target) = (self.analysis.file(), targets(look).into_iter().next());
        let what = target.unwrap_or_else(|| look.process.clone());
        let service = self.analysis.name_of(look).unwrap_or_default();
        let values: Values = &[
            ("program", &look.program),
            ("process", &look.process),
            ("what", &what),
            ("port", &look.port),
            ("pattern", &look.pattern),
            ("at", &at),
            ("service", &service),
            ("also", &look.also.unwrap_or_default()),
        ];
        self.add(code, values);
    }
}

impl Analysis<'_> {
    /// True if netstat ignores all words that are not options, and all options that follow are harmless.
    pub fn netstat_ignores_pipe(&self) -> bool {
        let is_harmless = |word: &String| word.chars().all(|letter| "-tulnpae".contains(letter));
        let mut words = self.words.iter();
        let is_netstat = words
            .next()
            .is_some_and(|word| base_name(word) == "netstat");
        is_netstat && words.all(|word| !word.starts_with('-') || is_harmless(word))
    }

    /// Returns the name that a program without -n prints for the port.
    pub fn name_of(&self, look: &Look) -> Option<String> {
        let bytes = look
            .names
            .then(|| read(Path::new("/etc/services"), 1 << 20).ok())??;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let wanted = format!("{}/{}", look.port, if look.tcp { "tcp" } else { "udp" });
        text.lines().find_map(|line| {
            let mut words = line.split_whitespace();
            let name = words.next().filter(|name| !name.starts_with('#'))?;
            (words.next() == Some(&wanted)).then(|| name.to_owned())
        })
    }

    /// True if the user sees only its own processes, and that is not enough.
    pub fn lacks_rights(&self, look: &Look) -> bool {
        self.setting.user.uid != 0 && (look.program == "lsof" || look.owner.is_some())
    }
}
