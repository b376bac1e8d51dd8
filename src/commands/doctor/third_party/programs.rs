//! The options of the programs that are known.

use std::net::{IpAddr, Ipv4Addr};

use nix::ifaddrs::getifaddrs;

use super::pattern::{Listen, number};
use super::probe::{Filters, Probe, Scene, Tool, What, base_name, is_option};
use crate::keepalived_conf::Config;

/// netstat(8) with -l or -a, for TCP or UDP.
pub fn netstat(words: &[&str], filters: &Filters) -> Option<Probe> {
    let letters = letters(words, "tulnpae")?;
    // net-tools shows all for -l with -a.
    let lists = letters.contains('l') && !letters.contains('a');
    of_table(Tool::Netstat, &letters, lists, None, filters)
}

/// ss(8) with -l, -a or `state listening`, and perhaps a filter for the port.
pub fn ss(words: &[&str], filters: &Filters) -> Option<Probe> {
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
    let listen = filters
        .port
        .as_ref()
        .and_then(|(pattern, _)| pattern.listen);
    let as_printed = if tool == Tool::Ss {
        Listen::Before
    } else {
        Listen::After
    };
    if listen.is_some_and(|listen| listen != as_printed) {
        return None;
    }
    let is_listen = filters.listen || listen.is_some();
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
    let udp = (has('u') || names_none) && !is_listen;
    let tcp = has('t') || names_none;
    if !shows_listeners || !(tcp || udp) {
        return None;
    }
    Some(Probe {
        pattern,
        also,
        connections: !lists && !is_listen,
        names: !has('n') && filtered.is_none(),
        owner,
        ..port_probe(tool, (tcp, udp), None, port)
    })
}

/// lsof(8) with -i and a port.
pub fn lsof(words: &[&str], filters: &Filters) -> Option<Probe> {
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

/// nc(1) with -z, to this host.
pub fn nc(words: &[&str], scene: Scene<'_>) -> Option<Probe> {
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
    let is_here = address.is_loopback() || is_own(address, scene.config);
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

/// `killall -0`, which sends no signal.
pub fn killall(words: &[&str]) -> Option<Probe> {
    match words {
        ["-0", name] | ["-q", "-0", name] | ["-0", "-q", name] => process(Tool::Killall, name),
        _ => None,
    }
}

/// pidof, pgrep and ps.
pub fn processes(
    program: &str,
    words: &[&str],
    filters: &Filters,
    scene: Scene<'_>,
) -> Option<Probe> {
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

/// Whether an address is assigned to this host and is not one that keepalived moves.
fn is_own(address: IpAddr, config: &Config) -> bool {
    let instances = config.instances.iter();
    let mut moving = instances.flat_map(|one| one.addresses.iter().chain(&one.excluded_addresses));
    let is_it =
        |text: &str| text.split('/').next().and_then(|text| text.parse().ok()) == Some(address);
    if moving.any(|moving| is_it(&moving.value)) {
        return false;
    }
    getifaddrs()
        .into_iter()
        .flatten()
        .filter_map(|one| one.address)
        .any(|one| {
            let v4 = one.as_sockaddr_in().map(|one| IpAddr::V4(one.ip()));
            v4.or_else(|| one.as_sockaddr_in6().map(|one| IpAddr::V6(one.ip()))) == Some(address)
        })
}
