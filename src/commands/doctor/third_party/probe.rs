//! What a pipe of known programs with known options looks for.

use std::net::{IpAddr, Ipv4Addr};

use super::pattern::{self, Pattern};

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
    /// True if `grep -q` can end before the program that it reads from.
    pub closes_early: bool,
}

/// Where the pipe runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scene<'a> {
    /// The addresses of this host, without those that move.
    pub own: &'a [IpAddr],
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
    Some(Pipe {
        probe,
        output: filters.output,
        succeeds: filters.counts || !filters.greps && !has_own_status,
        closes_early: filters.quiet,
    })
}

/// A program's name without its folder.
pub fn base_name(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

fn is_option(word: &str) -> bool {
    word.starts_with('-')
}

/// The `grep` and `wc -l` behind a program.
#[derive(Debug)]
struct Filters {
    /// At least one grep.
    greps: bool,
    port: Option<(Pattern, String)>,
    listen: bool,
    /// Names, which processes can have.
    names: Vec<String>,
    without_grep: bool,
    output: Output,
    /// It ends in `wc`.
    counts: bool,
    quiet: bool,
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
    if let Some(pattern) = pattern::of(text, has('w'), has('F') || program == "fgrep") {
        // Two ports in one line.
        if filters.port.is_some() {
            return None;
        }
        filters.listen |= pattern.listen;
        filters.port = Some((pattern, (*text).to_owned()));
        return Some(());
    }
    let is_name = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    let is_word = text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(is_name);
    let is_column = ["tcp", "udp", "tcp6", "udp6", "users", "user", "pid", "fd"].contains(text);
    filters.names.push((*text).to_owned());
    (is_word && !is_column && !has('i')).then_some(())
}

fn netstat(words: &[&str], filters: &Filters) -> Option<Probe> {
    let letters = letters(words, "tulnpae")?;
    // net-tools shows all for -l with -a.
    let lists = letters.contains('l') && !letters.contains('a');
    of_table(Tool::Netstat, &letters, lists, None, filters)
}

fn ss(words: &[&str], filters: &Filters) -> Option<Probe> {
    let count = words.iter().take_while(|word| is_option(word)).count();
    let (options, filter) = words.split_at(count);
    let letters = letters(options, "tulnpaH")?;
    // The last one counts.
    let mut lists = letters.rfind('l') > letters.rfind('a');
    let filter = filter.join(" ").replace(['(', ')'], " ");
    let mut words: Vec<&str> = filter.split_whitespace().collect();
    if let ["state", "listening" | "listen", rest @ ..] = words.as_slice() {
        (lists, words) = (true, rest.to_vec());
    }
    let port = match words.as_slice() {
        [] => None,
        ["sport", "=" | "==" | "eq", port] => Some(number(port.strip_prefix(':').unwrap_or(port))?),
        _ => return None,
    };
    of_table(Tool::Ss, &letters, lists, port, filters)
}

/// A look into the table of all sockets.
fn of_table(
    tool: Tool,
    letters: &str,
    lists: bool,
    filtered: Option<u16>,
    filters: &Filters,
) -> Option<Probe> {
    let has = |letter| letters.contains(letter);
    let (port, pattern, also) = match (&filters.port, filtered) {
        (Some((pattern, text)), None) => (pattern.port, text.clone(), pattern.other()),
        (Some((pattern, _)), Some(port)) if pattern.port == port => (port, String::new(), None),
        (None, Some(port)) => (port, String::new(), None),
        _ => return None,
    };
    let names_none = !has('t') && !has('u');
    let owner = match filters.names.as_slice() {
        [] => None,
        // Without -p no name is printed.
        [owner] if has('p') => Some(owner.clone()),
        _ => return None,
    };
    // Neither -l nor -a: no listener is printed at all.
    let shows_listeners = lists || has('a');
    let udp = (has('u') || names_none) && !filters.listen;
    let tcp = has('t') || names_none;
    if !shows_listeners || !(tcp || udp) {
        return None;
    }
    Some(Probe {
        pattern,
        also,
        connections: !lists && !filters.listen,
        names: !has('n') && filtered.is_none(),
        owner,
        ..port_probe(tool, (tcp, udp), None, port)
    })
}

fn lsof(words: &[&str], filters: &Filters) -> Option<Probe> {
    let (mut place, mut listen) = (None, filters.listen);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let at = word
            .find('i')
            .filter(|_| is_option(word) && !word.starts_with("-s"));
        match at {
            Some(at) => {
                let (before, value) = word.split_at(at);
                letters(&[before], "nPt")?;
                let value = value.strip_prefix('i').filter(|value| !value.is_empty());
                place = Some(value.or_else(|| words.next().copied())?);
            }
            None if *word == "-sTCP:LISTEN" => listen = true,
            None => drop(letters(&[word], "nPt")?),
        }
    }
    let (what, port) = place?.split_once(':')?;
    let (protocol, host) = what.split_once('@').unwrap_or((what, ""));
    let protocols = match protocol.to_ascii_lowercase().as_str() {
        "" => (true, !listen),
        "tcp" => (true, false),
        _ => return None,
    };
    let known = filters.port.is_none() && filters.names.is_empty() && !filters.without_grep;
    // An address could be that of the socket or that of the peer.
    if !host.is_empty() || !known {
        return None;
    }
    Some(Probe {
        connections: !listen,
        ..port_probe(Tool::Lsof, protocols, None, number(port)?)
    })
}

fn nc(words: &[&str], scene: Scene<'_>) -> Option<Probe> {
    let (mut plain, mut letters, mut words) = (Vec::new(), String::new(), words.iter());
    while let Some(word) = words.next() {
        let Some(option) = word.strip_prefix('-') else {
            plain.push(*word);
            continue;
        };
        let (known, seconds) = option.split_once('w').unwrap_or((option, "0"));
        letters.push_str(known);
        let seconds = if seconds.is_empty() {
            *words.next()?
        } else {
            seconds
        };
        seconds.parse::<u16>().ok()?;
    }
    let [host, port] = plain.as_slice() else {
        return None;
    };
    let is_known = letters.contains('z') && letters.chars().all(|letter| "zvn".contains(letter));
    is_known.then(|| connection(host, port, scene))?
}

/// A connection to this host.
pub fn connection(host: &str, port: &str, scene: Scene<'_>) -> Option<Probe> {
    let address = match host {
        "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
        host => host.parse().ok()?,
    };
    let is_here = address.is_loopback() || scene.own.contains(&address);
    let probe = port_probe(
        Tool::Connection,
        (true, false),
        Some(address),
        number(port)?,
    );
    is_here.then_some(Probe {
        localhost: host == "localhost",
        ..probe
    })
}

fn killall(words: &[&str]) -> Option<Probe> {
    match words {
        ["-0", name] | ["-q", "-0", name] | ["-0", "-q", name] => process(Tool::Killall, name),
        _ => None,
    }
}

fn processes(program: &str, words: &[&str], filters: &Filters, scene: Scene<'_>) -> Option<Probe> {
    let greps = filters.greps || filters.without_grep;
    let found = |name: &str| process(Tool::Processes, name);
    let by_command_line = |name: &str| {
        found(name).map(|probe| Probe {
            finds_itself: probe.finds_itself || scene.script.contains(name),
            ..probe
        })
    };
    match (program, words) {
        ("pidof", [name] | ["-s" | "-x", name]) if !greps => found(name),
        ("pgrep", [name] | ["-x", name]) if !greps => found(name),
        ("pgrep", ["-f", name]) if !greps => by_command_line(name),
        // A header is a line that counts.
        ("ps", ["-C", name]) if !greps && !filters.counts => found(name),
        (
            "ps",
            [
                "-C",
                name,
                "--no-header" | "--no-headers" | "--no-heading" | "h",
            ],
        ) if !greps => found(name),
        ("ps", ["-ef" | "aux" | "-aux" | "ax" | "-ax" | "-eaf"]) if filters.without_grep => {
            match filters.names.as_slice() {
                [name] if filters.port.is_none() => by_command_line(name),
                _ => None,
            }
        }
        _ => None,
    }
}

fn process(tool: Tool, name: &str) -> Option<Probe> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "_.-/".contains(c);
    let known = !name.is_empty() && !is_option(name) && name.chars().all(is_name);
    known.then(|| Probe {
        what: What::Process(name.to_owned()),
        // It runs as long as a script of it does.
        finds_itself: base_name(name) == "keepalived",
        ..port_probe(tool, (false, false), None, 0)
    })
}

fn port_probe(tool: Tool, (tcp, udp): (bool, bool), address: Option<IpAddr>, port: u16) -> Probe {
    Probe {
        tool,
        program: String::new(),
        what: What::Port {
            tcp,
            udp,
            address,
            port,
        },
        pattern: String::new(),
        also: None,
        connections: false,
        names: false,
        owner: None,
        finds_itself: false,
        localhost: false,
    }
}

/// The letters of options such as `-tln`. `None`: one of them is not among the known.
fn letters(words: &[&str], known: &str) -> Option<String> {
    let mut letters = String::new();
    for word in words {
        letters.push_str(word.strip_prefix('-')?);
    }
    letters
        .chars()
        .all(|letter| known.contains(letter))
        .then_some(letters)
}

/// A port in decimal digits.
pub fn number(text: &str) -> Option<u16> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|port| is_number && *port != 0)
}
