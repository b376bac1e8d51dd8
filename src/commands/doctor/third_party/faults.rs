//! The findings about a check by another program.

use std::fmt::Display;
use std::path::Path;
use std::time::Duration;

use super::Analysis;
use super::evaluate::acts;
use super::meaning::{self, Meaning};
use super::probe::{Probe, Tool, What, base_name};
use super::run::{Fault, Run};
use super::script::{Defect, defect, read};
use crate::clock::Shown;
use crate::commands::doctor::codes::Code;
use crate::commands::doctor::codes::outcome::{IfDown, IfUp, OnOneFailure};
use crate::commands::doctor::codes::third_party as codes;
use crate::commands::doctor::findings::Finding;

/// Programs that fail if they get an operator as an argument.
const REFUSE: [&str; 8] = ["ss", "lsof", "nc", "ncat", "killall", "pgrep", "ps", "curl"];

/// Returns the findings.
pub fn of(analysis: &Analysis<'_>) -> Vec<Finding> {
    let mut faults = Faults {
        analysis,
        found: Vec::new(),
    };
    // Where words were dropped the command is not what was meant, which is reported elsewhere.
    if !faults.cannot_start()
        && analysis.check.command.rest.is_empty()
        && !faults.operators()
        && analysis.asks()
    {
        match &analysis.runs {
            Ok(runs) => faults.runs(runs),
            Err(line) => faults.not_understood(line.0),
        }
    }
    faults.found
}

/// Returns why keepalived cannot start the program.
pub fn of_start(analysis: &Analysis<'_>) -> Vec<Finding> {
    let mut faults = Faults {
        analysis,
        found: Vec::new(),
    };
    faults.cannot_start();
    faults.found
}

struct Faults<'a> {
    analysis: &'a Analysis<'a>,
    found: Vec<Finding>,
}

impl Faults<'_> {
    fn add(&mut self, code: &'static Code, values: &[(&'static str, &dyn Display)]) {
        let check = self.analysis.check;
        let file = self
            .analysis
            .script
            .as_ref()
            .and_then(|script| script.file.as_ref());
        let file = file.map_or_else(|| check.in_words(), |file| file.display().to_string());
        let (if_up, if_down) = (IfUp(check.on_failure), IfDown(check.on_failure));
        let on_failure = OnOneFailure(check.on_failure);
        let timeout = Shown(check.timeout);
        let mut all: Vec<(&'static str, &dyn Display)> = vec![
            ("name", &check.name),
            ("if_up", &if_up),
            ("if_down", &if_down),
            ("on_failure", &on_failure),
            ("keyword", &check.keyword),
            ("listenup", &self.analysis.setting.listenup),
            ("user", &self.analysis.setting.user),
            ("timeout", &timeout),
            ("file", &file),
        ];
        all.splice(0..0, values.iter().copied());
        let mut finding = code.with(&all).at(check.place());
        if let Ok(replacement) = self.analysis.replacement() {
            finding = finding.with_fix(codes::REPLACED, ("line", &replacement.line));
        }
        if !self.found.contains(&finding) {
            self.found.push(finding);
        }
    }

    /// Whether keepalived cannot start the program at all.
    fn cannot_start(&mut self) -> bool {
        let Some(program) = self.analysis.words.first() else {
            return false;
        };
        let path = Path::new(program);
        match &defect(path) {
            None => return false,
            Some(Defect::NoInterpreter) => self.add(&codes::NO_INTERPRETER, &[("file", program)]),
            Some(Defect::CarriageReturn) => self.add(&codes::CARRIAGE_RETURN, &[("file", program)]),
            Some(Defect::Interpreter(interpreter)) => {
                let values: [(&str, &dyn Display); 2] =
                    [("file", program), ("interpreter", interpreter)];
                self.add(&codes::INTERPRETER_MISSING, &values);
            }
        }
        true
    }

    /// Whether the words have an operator that no shell sees.
    fn operators(&mut self) -> bool {
        let words = &self.analysis.words;
        let (Some(operator), Some(program)) = (&self.analysis.operator, words.first()) else {
            return false;
        };
        let program = base_name(program);
        let first = words.get(2).map_or("", String::as_str);
        let values: [(&str, &dyn Display); 3] = [
            ("operator", operator),
            ("program", &program),
            ("first", &first),
        ];
        let code = match program {
            _ if self.analysis.runs_first_word_only() => &codes::FIRST_WORD_ONLY,
            "netstat" if self.analysis.netstat_ignores_pipe() => &codes::NETSTAT_WITH_PIPE,
            "netstat" if words.iter().any(|word| word == "-q") => &codes::REFUSES_OPERATOR,
            "docker" if words.get(1).is_some_and(|word| word == "ps") => &codes::REFUSES_OPERATOR,
            program if REFUSE.contains(&program) => &codes::REFUSES_OPERATOR,
            _ => &codes::OPERATOR,
        };
        self.add(code, &values);
        true
    }

    fn not_understood(&mut self, line: usize) {
        let at = self.analysis.place(line);
        self.add(&codes::NOT_JUDGED, &[("at", &at)]);
        for (act, line) in self.analysis.tokens.iter().flat_map(acts) {
            self.act(&act, line);
        }
    }

    fn act(&mut self, act: &str, line: usize) {
        // Its own log is the script's affair.
        if act.starts_with('>') {
            return;
        }
        let is_stop =
            act.contains("keepalived") && ["stop", "kill"].iter().any(|word| act.contains(word));
        let code = if is_stop {
            &codes::STOPS_KEEPALIVED
        } else {
            &codes::ACTS
        };
        let at = self.analysis.place(line);
        self.add(code, &[("acts", &act), ("at", &at)]);
    }

    fn runs(&mut self, runs: &[Run]) {
        let probes = meaning::probes(runs);
        let Some(first) = probes.first() else {
            // /dev/tcp without bash asks nothing.
            return self.of_script(runs, "");
        };
        let what = match &first.what {
            What::Process(name) => name.clone(),
            What::Port { .. } => meaning::targets(first)
                .into_iter()
                .next()
                .unwrap_or_default(),
        };
        self.of_script(runs, &what);
        for probe in &probes {
            self.of_probe(probe);
        }
        let program = &first.program;
        for run in runs {
            self.of_time(run, &what);
        }
        if self.found.iter().any(Finding::is_problem) {
            return;
        }
        match first.tool {
            Tool::Connection => self.add(&codes::CONNECTS, &[("program", program)]),
            Tool::Netstat | Tool::Ss | Tool::Lsof => {
                self.add(&codes::READS_ALL, &[("program", program)]);
            }
            Tool::Killall | Tool::Processes => {
                self.add(
                    &codes::PROCESS_ONLY,
                    &[("program", program), ("process", &what)],
                );
                // A line in its place would lose the rest of the script.
                let acts = runs.iter().any(|run| !run.acts.is_empty());
                if let Some(last) = self.found.pop() {
                    self.found.push(match acts {
                        true => last.with_fix("", ("line", &"")),
                        false => last,
                    });
                }
            }
        }
    }

    /// What is wrong with the script itself.
    fn of_script(&mut self, runs: &[Run], what: &str) {
        let probes = meaning::probes(runs);
        let program = probes.first().map_or("", |probe| probe.program.as_str());
        for (fault, line) in runs.iter().flat_map(|run| &run.faults) {
            let at = self.analysis.place(*line);
            let code = match fault {
                Fault::ComparesWithOne => &codes::COMPARES_WITH_ONE,
                Fault::PipeFails => &codes::PIPE_FAILS,
                Fault::NoDevTcp => &codes::NO_DEV_TCP,
            };
            self.add(code, &[("at", &at), ("program", &program)]);
        }
        let code = match meaning::of(runs) {
            _ if probes.is_empty() || probes.iter().any(|probe| probe.finds_itself) => return,
            // With two lines the result is another.
            _ if runs
                .iter()
                .flat_map(|run| &run.faults)
                .any(|(fault, _)| *fault == Fault::ComparesWithOne) =>
            {
                return;
            }
            Meaning::Always => &codes::SUCCEEDS_ALWAYS,
            Meaning::Never => &codes::FAILS_ALWAYS,
            Meaning::Inverted => &codes::INVERTED,
            _ => return,
        };
        self.add(code, &[("what", &what)]);
    }

    fn of_probe(&mut self, probe: &Probe) {
        let (program, at) = (&probe.program, self.analysis.check.in_words());
        match &probe.what {
            What::Process(process) => {
                let values: [(&str, &dyn Display); 2] =
                    [("program", program), ("process", process)];
                if probe.tool == Tool::Killall && !self.analysis.setting.is_root {
                    self.add(&codes::KILLALL_RIGHTS, &values);
                } else if probe.finds_itself {
                    self.add(&codes::FINDS_ITSELF, &values);
                }
            }
            What::Port { port, .. } => {
                let at = self
                    .analysis
                    .script
                    .as_ref()
                    .and_then(|script| script.file.as_ref())
                    .map_or(at, |file| file.display().to_string());
                let service = self.analysis.is_named(probe);
                let mut values: Vec<(&str, &dyn Display)> = vec![
                    ("program", program),
                    ("port", port),
                    ("at", &at),
                    ("pattern", &probe.pattern),
                ];
                if self.analysis.lacks_rights(probe) {
                    self.add(&codes::OWNER_RIGHTS, &values);
                }
                if let Some(service) = &service {
                    values.push(("service", service));
                    self.add(&codes::NAMES_OF_PORTS, &values);
                }
                if probe.connections {
                    self.add(&codes::COUNTS_CONNECTIONS, &values);
                }
                if let Some(also) = &probe.also {
                    values.push(("also", also));
                    self.add(&codes::MATCHES_OTHER_PORTS, &values);
                }
            }
        }
    }

    /// What happens at the timeout, and what is done before it.
    fn of_time(&mut self, run: &Run, what: &str) {
        let timeout = self.analysis.check.timeout;
        let is_late = |slept: &Duration| *slept >= timeout;
        let found = |wanted: bool| run.answers.iter().all(|(_, found)| *found == wanted);
        let slept = Shown(run.slept);
        let values: [(&str, &dyn Display); 2] = [("what", &what), ("slept", &slept)];
        if is_late(&run.slept) && found(true) {
            self.add(&codes::SLEEPS_WHILE_UP, &values);
        } else if is_late(&run.slept) && found(false) {
            self.add(&codes::SLEEPS_WHILE_DOWN, &values);
        }
        for (act, line, _) in run.acts.iter().filter(|(_, _, slept)| !is_late(slept)) {
            self.act(act, *line);
        }
    }
}

impl Analysis<'_> {
    /// netstat ignores all words that are not options, and all options that follow are harmless.
    pub fn netstat_ignores_pipe(&self) -> bool {
        let is_netstat = self
            .words
            .first()
            .is_some_and(|word| base_name(word) == "netstat");
        let mut options = self
            .words
            .iter()
            .skip(1)
            .filter(|word| word.starts_with('-'));
        is_netstat && options.all(|word| word.chars().all(|letter| "-tulnpae".contains(letter)))
    }

    /// The name that a program without -n prints for the port.
    pub fn is_named(&self, probe: &Probe) -> Option<String> {
        let What::Port { tcp, port, .. } = &probe.what else {
            return None;
        };
        let bytes = read(Path::new("/etc/services"), 1 << 20)
            .ok()
            .filter(|_| probe.names)?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let wanted = format!("{port}/{}", if *tcp { "tcp" } else { "udp" });
        let name = |line: &str| {
            let mut words = line.split_whitespace();
            let name = words.next().filter(|name| !name.starts_with('#'))?;
            (words.next() == Some(&wanted)).then(|| name.to_owned())
        };
        text.lines().find_map(name)
    }

    /// Its user sees only its own processes, and that is not enough.
    pub fn lacks_rights(&self, probe: &Probe) -> bool {
        !self.setting.is_root && (probe.tool == Tool::Lsof || probe.owner.is_some())
    }
}
