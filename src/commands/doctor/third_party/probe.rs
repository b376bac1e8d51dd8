//! What a pipe of known programs with known options looks for.

use std::net::IpAddr;

use super::pattern::{self, Pattern};
use super::programs::{killall, lsof, nc, netstat, processes, ss};
use crate::keepalived_conf::Config;

/// The programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// netstat(8)
    Netstat,
    /// ss(8)
    Ss,
    /// lsof(8)
    Lsof,
    /// nc(1), or the shell's /dev/tcp
    Connection,
    /// `killall -0`
    Killall,
    /// pidof, pgrep, ps
    Processes,
}

/// What is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A listener.
    Port {
        /// TCP counts.
        tcp: bool,
        /// UDP counts.
        udp: bool,
        /// The address that a connection goes to.
        address: Option<IpAddr>,
        /// The port.
        port: u16,
    },
    /// A process of this name.
    Process(String),
}

/// A question to the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The kind of program.
    pub tool: Tool,
    /// Its name as it is written.
    pub program: String,
    /// What is looked for.
    pub what: What,
    /// The pattern for the port as it is written.
    pub pattern: String,
    /// Another port that the pattern matches.
    pub also: Option<u16>,
    /// True if connections count like listeners.
    pub connections: bool,
    /// True if ports are printed by their names.
    pub names: bool,
    /// The process that must have the socket.
    pub owner: Option<String>,
    /// True if a match for the script itself counts.
    pub finds_itself: bool,
    /// True if the host was written as localhost.
    pub localhost: bool,
}

/// The output of a pipe that found something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// The lines that were found.
    Lines,
    /// Their number.
    Count,
    /// A number above 0.
    Positive,
    /// Nothing.
    Nothing,
}

/// A pipe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pipe {
    /// What it asks.
    pub probe: Probe,
    /// Its output.
    pub output: Output,
    /// True if it succeeds whether or not it finds something.
    pub succeeds: bool,
    /// True if that is so for all of its programs.
    pub never_fails: bool,
    /// True if `grep -q` can end before the program that it reads from.
    pub closes_early: bool,
}

/// Where the pipe runs.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// The configuration, whose addresses move.
    pub config: &'a Config,
    /// The command line of the script, which the list of processes shows.
    pub script: &'a str,
    /// Its user is root.
    pub is_root: bool,
}

/// Returns what a pipe with these words asks. `None`: it is not one of the known shapes.
pub fn pipe(stages: &[Vec<String>], scene: Scene<'_>) -> Option<Pipe> {
    let (first, rest) = stages.split_first()?;
    let (program, words) = first.split_first()?;
    let program = base_name(program);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let filters = filters(rest)?;
    let mut probe = match program {
        "netstat" => netstat(&words, &filters)?,
        "ss" => ss(&words, &filters)?,
        "lsof" => lsof(&words, &filters)?,
        "nc" | "ncat" | "netcat" => nc(&words, scene).filter(|_| rest.is_empty())?,
        "killall" => killall(&words).filter(|_| rest.is_empty())?,
        "pidof" | "pgrep" | "ps" => processes(program, &words, &filters, scene)?,
        _ => return None,
    };
    program.clone_into(&mut probe.program);
    let has_own_status = !matches!(probe.tool, Tool::Netstat | Tool::Ss);
    // A header counts as a line.
    let has_header = probe.tool == Tool::Ss
        && !words
            .iter()
            .any(|word| is_option(word) && word.contains('H'));
    if has_header && !filters.greps {
        return None;
    }
    let output = match probe.tool {
        // They print nothing, or nothing to stdout.
        Tool::Connection | Tool::Killall => Output::Nothing,
        // A header counts as a line.
        Tool::Lsof if filters.counts && !filters.greps => Output::Positive,
        _ => filters.output,
    };
    Some(Pipe {
        probe,
        output,
        succeeds: filters.counts || !filters.greps && !has_own_status,
        never_fails: !filters.greps && !has_own_status,
        closes_early: filters.quiet,
    })
}

/// A program's name without its folder.
pub fn base_name(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

pub fn is_option(word: &str) -> bool {
    word.starts_with('-')
}

/// The `grep` and `wc -l` behind a program.
#[derive(Debug)]
pub struct Filters {
    /// At least one grep.
    pub(super) greps: bool,
    pub(super) port: Option<(Pattern, String)>,
    pub(super) listen: bool,
    /// Names, which processes can have.
    pub(super) names: Vec<String>,
    pub(super) without_grep: bool,
    pub(super) output: Output,
    /// It ends in `wc`.
    pub(super) counts: bool,
    pub(super) quiet: bool,
}

fn filters(stages: &[Vec<String>]) -> Option<Filters> {
    let mut filters = Filters {
        greps: false,
        port: None,
        listen: false,
        names: Vec::new(),
        without_grep: false,
        output: Output::Lines,
        counts: false,
        quiet: false,
    };
    for stage in stages {
        // Only the last one prints something else than lines.
        if filters.output != Output::Lines {
            return None;
        }
        let words: Vec<&str> = stage.iter().map(String::as_str).collect();
        match words.split_first()? {
            (&"wc", ["-l"]) => (filters.counts, filters.output) = (true, Output::Count),
            (program, words) => grep(&mut filters, base_name(program), words)?,
        }
    }
    Some(filters)
}

/// Adds what a grep looks for. `None`: it is not understood.
fn grep(filters: &mut Filters, program: &str, words: &[&str]) -> Option<()> {
    if !["grep", "egrep", "fgrep"].contains(&program) {
        return None;
    }
    let (options, [text]) = words.split_at(words.len().checked_sub(1)?) else {
        return None;
    };
    let mut letters = String::new();
    for option in options {
        match *option {
            "--quiet" | "--silent" => letters.push('q'),
            "--count" => letters.push('c'),
            word => letters.push_str(
                word.strip_prefix('-')
                    .filter(|rest| !rest.starts_with('-'))?,
            ),
        }
    }
    if is_option(text) || !letters.chars().all(|letter| "qcwiEFsv".contains(letter)) {
        return None;
    }
    let has = |letter| letters.contains(letter);
    let fixed = has('F') || program == "fgrep";
    // grep refuses both.
    if fixed && (has('E') || program == "egrep") {
        return None;
    }
    filters.greps = true;
    if has('q') {
        (filters.output, filters.quiet) = (Output::Nothing, true);
    } else if has('c') {
        filters.output = Output::Count;
    }
    if has('v') {
        filters.without_grep = true;
        return (*text == "grep" && filters.output == Output::Lines).then_some(());
    }
    let is_listen = *text == "LISTEN" || has('i') && text.eq_ignore_ascii_case("listen");
    if is_listen {
        filters.listen = true;
        return Some(());
    }
    if let Some(pattern) = pattern::of(text, has('w'), fixed) {
        // Two ports in one line.
        if filters.port.is_some() {
            return None;
        }
        filters.port = Some((pattern, (*text).to_owned()));
        return Some(());
    }
    let is_name = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    let is_word = text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(is_name);
    let is_column = ["tcp", "udp", "tcp6", "udp6", "users", "user", "pid", "fd"].contains(text);
    filters.names.push((*text).to_owned());
    (is_word && !is_column && !has('i')).then_some(())
}

/// A port in decimal digits.
pub fn number(text: &str) -> Option<u16> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|port| is_number && *port != 0)
}
