//! The reader of pipes: known programs with known options, and what they look for.

use std::net::{IpAddr, Ipv4Addr};

use super::filter::{Filter, Output, port_number};
use crate::commands::doctor::command::is_assigned;
use crate::keepalived_conf::Config;

/// A port or a process that a command looks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// The program without its folder.
    pub program: String,
    /// True if TCP listeners count.
    pub tcp: bool,
    /// True if UDP sockets count.
    pub udp: bool,
    /// The address that a connection goes to.
    pub address: Option<IpAddr>,
    /// The port; 0 for a process.
    pub port: u16,
    /// The name of the process; empty for a port.
    pub process: String,
    /// The pattern for the port as it is written.
    pub pattern: String,
    /// True if other numbers in a line can match.
    pub is_loose: bool,
    /// Another port that matches.
    pub also: Option<u16>,
    /// True if connections count like listeners.
    pub connections: bool,
    /// True if ports are printed by their names.
    pub names: bool,
    /// The process that must have the socket.
    pub owner: Option<String>,
    /// True if a running keepalived or the check itself is a match.
    pub finds_itself: bool,
    /// True if the host is written as localhost.
    pub localhost: bool,
    /// True for /dev/tcp in a shell that does not have it.
    pub lacks_bash: bool,
}

/// A pipe of known programs.
pub struct Pipe {
    /// The port or the process that the pipe looks for.
    pub look: Look,
    /// The kind of its output.
    pub output: Output,
    /// True if it always exits with 0.
    pub succeeds: bool,
}

/// The circumstances in which a check runs.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// The configuration, whose addresses move.
    pub config: &'a Config,
    /// The command line of the script, which a list of processes shows. `None`: it depends on the shell.
    pub command_line: Option<&'a str>,
    /// The name of its process.
    pub comm: &'a str,
    /// True if exit statuses from 2 on do not mean a failure.
    pub dynamic: bool,
}

/// A program's name without its folder.
pub fn base_name(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

/// Reads a pipe. `None`: it is not one of the known shapes.
pub fn pipe(stages: &[Vec<String>], scene: Scene<'_>) -> Option<Pipe> {
    let (first, rest) = stages.split_first()?;
    let (program, words) = first.split_first()?;
    let program = base_name(program);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let filter = Filter::read(rest)?;
    let is_table = ["netstat", "ss"].contains(&program);
    let look = match program {
        "netstat" | "ss" => table(program == "ss", &words, &filter)?,
        "lsof" if rest.is_empty() || filter.listen => lsof(&words, &filter)?,
        "nc" | "ncat" | "netcat" if rest.is_empty() => nc(&words, scene)?,
        _ => process(program, &words, &filter, scene)?,
    };
    let prints = !["nc", "ncat", "netcat", "killall"].contains(&program);
    Some(Pipe {
        look: Look {
            program: program.to_owned(),
            ..look
        },
        output: if prints {
            filter.output
        } else {
            Output::Nothing
        },
        succeeds: filter.counts || is_table && !filter.greps,
    })
}

/// netstat(8), or ss(8) with perhaps a filter for the port.
fn table(is_ss: bool, words: &[&str], filter: &Filter) -> Option<Look> {
    let count = words
        .iter()
        .take_while(|word| word.starts_with('-'))
        .count();
    let (options, expression) = words.split_at(count);
    let letters: String = options
        .iter()
        .flat_map(|option| option.chars().skip(1))
        .collect();
    let has = |letter| letters.contains(letter);
    let expression = expression.join(" ").replace(['(', ')'], " ");
    let filtered = match expression.split_whitespace().collect::<Vec<_>>().as_slice() {
        [] => None,
        ["sport", "=" | "==" | "eq", port] if is_ss => Some(port_number(port.strip_prefix(':')?)?),
        _ => return None,
    };
    let pattern = filter.port.as_ref().filter(|_| filtered.is_none());
    let port = filtered.or(pattern.map(|pattern| pattern.port))?;
    // The last one counts for ss, and netstat -la shows all.
    let lists = if is_ss {
        letters.rfind('l') > letters.rfind('a')
    } else {
        has('l') && !has('a')
    };
    let is_all = !has('t') && !has('u');
    let known = letters.chars().all(|letter| if is_ss { "tulnpaH" } else { "tulnpae" }.contains(letter))
        && (lists || has('a'))
        && filtered.is_none_or(|_| filter.port.is_none())
        // ss prints LISTEN before the port, and shows sockets whose numbers are not ports.
        && !(is_ss && (is_all || pattern.is_some_and(|pattern| pattern.listen_after)))
        // A header counts as a line.
        && (filter.greps || has('H'))
        // Without -p no name is printed.
        && (filter.name.is_none() || has('p'))
        && (has('t') || is_all || !filter.listen)
        && !filter.without_grep;
    known.then(|| Look {
        tcp: has('t') || is_all,
        udp: (has('u') || is_all) && !filter.listen,
        port,
        pattern: pattern.map_or_else(String::new, |pattern| pattern.text.clone()),
        is_loose: pattern.is_some_and(|pattern| is_all || pattern.is_loose),
        also: pattern.and_then(|pattern| pattern.also),
        connections: !lists && !filter.listen,
        names: !has('n') && pattern.is_some(),
        owner: filter.name.clone(),
        ..Look::default()
    })
}

/// lsof(8) with -i and a port.
fn lsof(words: &[&str], filter: &Filter) -> Option<Look> {
    let harmless = |word: &&str| ["-n", "-P", "-nP", "-Pn", "-t"].contains(word);
    let listen = words.contains(&"-sTCP:LISTEN") || filter.listen;
    let words: Vec<&str> = words
        .iter()
        .copied()
        .filter(|word| !harmless(word) && *word != "-sTCP:LISTEN")
        .collect();
    let place = match words.as_slice() {
        ["-i", place] => place,
        [place] => place.strip_prefix("-i")?,
        _ => return None,
    };
    // An address could be that of the socket or that of the peer.
    let (protocol, port) = place.split_once(':')?;
    let is_tcp = protocol.eq_ignore_ascii_case("tcp");
    let known = (is_tcp || protocol.is_empty()) && filter.port.is_none() && filter.name.is_none();
    Some(Look {
        tcp: true,
        udp: !is_tcp && !listen,
        port: port_number(port).filter(|_| known && !filter.without_grep)?,
        connections: !listen,
        ..Look::default()
    })
}

/// nc(1) with -z, to this host.
fn nc(words: &[&str], scene: Scene<'_>) -> Option<Look> {
    let (options, host, port) = match words {
        [options @ .., host, port] => (options, host, port),
        _ => return None,
    };
    let options = options.join(" ").replace("w ", "w");
    let is_known = |option: &str| {
        let letters = option.trim_end_matches(|c: char| c.is_ascii_digit());
        let flags = letters.strip_suffix('w').filter(|_| letters != option);
        let flags = flags.or(Some(letters).filter(|_| letters == option));
        let flags = flags.and_then(|flags| flags.strip_prefix('-'));
        flags.is_some_and(|flags| flags.chars().all(|one| "zvn".contains(one)))
    };
    let known = options.split(' ').all(is_known) && options.contains('z');
    known.then(|| connection(host, port, scene))?
}

/// A connection to this host.
fn connection(host: &str, port: &str, scene: Scene<'_>) -> Option<Look> {
    let localhost = host == "localhost";
    let address = if localhost {
        IpAddr::V4(Ipv4Addr::LOCALHOST)
    } else {
        host.parse().ok()?
    };
    let port = port_number(port)?;
    let text = |moving: &str| moving.split('/').next().and_then(|text| text.parse().ok());
    let instances = scene.config.instances.iter();
    let mut moving = instances.flat_map(|one| one.addresses.iter().chain(&one.excluded_addresses));
    let moves = moving.any(|moving| text(&moving.value) == Some(address));
    let is_here = address.is_loopback() || !moves && is_assigned(address)?;
    is_here.then(|| Look {
        tcp: true,
        address: Some(address),
        port,
        localhost,
        ..Look::default()
    })
}

/// A redirection to /dev/tcp.
pub fn connect(place: &str, bash: bool, scene: Scene<'_>) -> Option<Pipe> {
    let (host, port) = place.split_once('/')?;
    let program = "/dev/tcp".to_owned();
    let look = Look {
        program,
        lacks_bash: !bash,
        ..connection(host, port, scene)?
    };
    Some(Pipe {
        look,
        output: Output::Nothing,
        succeeds: false,
    })
}

/// killall, pidof, pgrep and ps.
fn process(program: &str, words: &[&str], filter: &Filter, scene: Scene<'_>) -> Option<Look> {
    // The text in which the name is also found: nothing, a name, or a command line.
    let (name, own) = match (program, words) {
        ("killall", ["-0", name] | ["-q", "-0", name] | ["-0", "-q", name]) if !filter.counts => {
            (*name, "")
        }
        ("pidof", [name] | ["-s", name]) if !name.contains('/') => (*name, ""),
        ("pgrep", [name]) => (*name, scene.comm),
        ("pgrep", ["-x", name]) => (*name, ""),
        ("pgrep", ["-f", name]) => (*name, scene.command_line?),
        // The header counts as a line.
        ("ps", ["-C", name]) if !filter.counts => (*name, ""),
        ("ps", ["-C", name, "--no-header" | "--no-headers" | "--no-heading"]) => (*name, ""),
        ("ps", ["-ef" | "aux" | "-aux" | "ax"]) if filter.without_grep && filter.port.is_none() => {
            (
                filter.name.as_deref()?,
                scene.command_line.unwrap_or_default(),
            )
        }
        _ => return None,
    };
    let is_part = |c: char| c.is_ascii_alphanumeric() || "_.-/".contains(c);
    let is_name = !name.is_empty() && !name.starts_with('-') && name.chars().all(is_part);
    let known = is_name && (filter.without_grep || !filter.greps) && !filter.listen;
    known.then(|| Look {
        process: name.to_owned(),
        finds_itself: base_name(name) == "keepalived" || own.contains(name),
        ..Look::default()
    })
}
