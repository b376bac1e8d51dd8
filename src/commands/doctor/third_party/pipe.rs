//! The question of a pipe of known programs with known options.

use super::pattern;
use super::probe::{Filters, Output, Pipe, Scene, Tool, base_name, is_option};
use super::programs::{killall, lsof, nc, netstat, processes, ss};

/// Returns what a pipe with these words asks. `None`: it is not one of the known shapes.
pub fn of(stages: &[Vec<String>], scene: Scene<'_>) -> Option<Pipe> {
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
