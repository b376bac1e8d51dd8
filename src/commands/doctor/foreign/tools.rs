//! The programs by which others look for a port.

use std::net::IpAddr;

use super::port::{self, Pattern};
use super::shell::{Next, Simple};
use crate::domain::{Place, Target};

/// A program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// netstat(8)
    Netstat,
    /// ss(8)
    Ss,
    /// lsof(8) and fuser(1)
    Descriptors,
    /// nc(1), or bash's /dev/tcp
    Connection,
    /// killall -0, pidof, pgrep
    Process,
}

/// A look of one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// By which program.
    pub tool: Tool,
    /// Its name as it is written.
    pub name: String,
    /// What it looks for. `None`: that is not written there, or not clear.
    pub target: Option<Target>,
    /// What else fits grep's pattern.
    pub pattern: Option<Pattern>,
    /// Connections count, too, and not listeners alone.
    pub connections: bool,
    /// Either this or what follows will do.
    pub or: bool,
}

impl Look {
    /// Another port that is taken for the one that is meant.
    pub fn other(&self) -> Option<u16> {
        let (port, pattern) = (self.target?.port(), self.pattern?);
        let before = ["8", "1"].map(|digit| format!("{digit}{port}"));
        let before = before.into_iter().filter(|_| pattern.open_before);
        let behind = std::iter::once(format!("{port}0")).filter(|_| pattern.open_behind);
        let mut others = before.chain(behind).filter_map(|text| text.parse().ok());
        others.next()
    }
}

/// Words in front of a command that say nothing of what it does.
const IN_FRONT: [&str; 12] = [
    "if", "then", "else", "elif", "while", "until", "do", "!", "{", "time", "exec", "sudo",
];

/// The command without reserved words in front, and without `timeout N`.
pub fn bare(words: &[String]) -> &[String] {
    let mut rest = words;
    while let Some((first, behind)) = rest.split_first() {
        rest = match name(first) {
            word if IN_FRONT.contains(&word) => behind,
            "timeout" => {
                let options = behind
                    .iter()
                    .take_while(|word| word.starts_with('-'))
                    .count();
                behind.get(options + 1..).unwrap_or_default()
            }
            _ => break,
        };
    }
    rest
}

/// A program's name without its folder.
pub fn name(word: &str) -> &str {
    if word.starts_with("/dev/tcp/") {
        return word;
    }
    word.rsplit('/').next().unwrap_or(word)
}

/// The looks among these commands. `own` are addresses of this machine, or that it can have.
pub fn looks(commands: &[Simple], own: &[IpAddr]) -> Vec<Look> {
    let mut looks = Vec::new();
    for (at, command) in commands.iter().enumerate() {
        let words = bare(&command.words);
        let rest = commands.get(at..).unwrap_or_default();
        let behind = rest.iter().skip(1).zip(rest);
        let pipeline = behind.take_while(|(_, before)| before.next == Next::Pipe);
        let pipeline: Vec<&Simple> = pipeline.map(|(command, _)| command).collect();
        let last = pipeline.last().copied().unwrap_or(command);
        if let Some(mut look) = look(words, &pipeline, own) {
            let behind = commands.get(at + pipeline.len() + 1);
            let ends = |command: &Simple| {
                let first = bare(&command.words).first();
                first.is_some_and(|word| ["exit", "return", "false"].contains(&name(word)))
            };
            look.or = last.next == Next::Or && !behind.is_some_and(ends);
            looks.push(look);
        }
    }
    looks
}

fn look(words: &[String], pipeline: &[&Simple], own: &[IpAddr]) -> Option<Look> {
    let program = name(words.first()?);
    let arguments = words.get(1..).unwrap_or_default();
    let connection = words.iter().find_map(|word| word.strip_prefix("/dev/tcp/"));
    let found = |tool, target, pattern| {
        let name = if connection.is_some() {
            "/dev/tcp"
        } else {
            program
        };
        Some(Look {
            tool,
            name: name.to_owned(),
            target,
            pattern,
            connections: false,
            or: false,
        })
    };
    if let Some(place) = connection {
        let (host, number) = place.split_once('/')?;
        return found(Tool::Connection, here(host, number, own), None);
    }
    let by_grep = |tool, written: Option<Target>| {
        let pattern = pipeline.iter().find_map(|command| pattern(&command.words));
        match written {
            Some(target) => found(tool, Some(target), None),
            None => found(tool, pattern.map(|one| one.target), pattern),
        }
    };
    // Not TCP: nothing of this is about it.
    let has = |letter| {
        let mut options = arguments
            .iter()
            .filter(|word| word.starts_with('-') && !word.starts_with("--"));
        options.any(|word| word.contains(letter))
    };
    let names_udp = arguments
        .iter()
        .any(|word| word.to_ascii_lowercase().contains("udp"));
    let other_sockets = match program {
        "netstat" | "ss" => (has('u') || has('x') || has('w')) && !has('t'),
        "nc" | "ncat" | "netcat" => has('u'),
        _ => false,
    };
    if names_udp || other_sockets {
        return None;
    }
    let is_listen = |word: &String| word.to_ascii_uppercase().contains("LISTEN");
    let in_pipeline = || pipeline.iter().flat_map(|command| &command.words);
    let listeners = has('l') || arguments.iter().chain(in_pipeline()).any(is_listen);
    let look = match program {
        "netstat" => by_grep(Tool::Netstat, None),
        "ss" => by_grep(Tool::Ss, port::in_filter(arguments)),
        "lsof" => by_grep(Tool::Descriptors, of_lsof(arguments, own)),
        "fuser" => by_grep(Tool::Descriptors, of_fuser(arguments)),
        "nc" | "ncat" | "netcat" => found(Tool::Connection, of_nc(arguments, own), None),
        "killall" if arguments.iter().any(|word| word == "-0") => found(Tool::Process, None, None),
        "pidof" | "pgrep" => found(Tool::Process, None, None),
        _ => None,
    };
    look.map(|look| Look {
        connections: matches!(look.tool, Tool::Netstat | Tool::Ss) && !listeners,
        ..look
    })
}

/// What a grep looks for.
fn pattern(words: &[String]) -> Option<Pattern> {
    let words = bare(words);
    if !["grep", "egrep", "fgrep"].contains(&name(words.first()?)) {
        return None;
    }
    let options = || words.iter().skip(1).filter(|word| word.starts_with('-'));
    let has = |letter| options().any(|word| !word.starts_with("--") && word.contains(letter));
    if has('v') {
        return None;
    }
    let pattern = words.iter().skip(1).find(|word| !word.starts_with('-'))?;
    port::in_pattern(pattern, has('w'))
}

/// A host of which this machine is one for sure.
fn here(host: &str, number: &str, own: &[IpAddr]) -> Option<Target> {
    let target = port::target(host, number)?;
    let is_here = match target.place {
        Place::Address(address, _) => address.is_loopback() || own.contains(&address),
        Place::Port(_) => host == "localhost",
    };
    is_here.then_some(target)
}

/// `-i TCP@127.0.0.1:443`, `-i:443`
fn of_lsof(words: &[String], own: &[IpAddr]) -> Option<Target> {
    let at = words.iter().position(|word| word.starts_with("-i"))?;
    let written = words.get(at)?.strip_prefix("-i")?;
    let value = if written.is_empty() {
        words.get(at + 1)?
    } else {
        written
    };
    let (before, number) = value.rsplit_once(':')?;
    match before.split_once('@') {
        Some((_, host)) => here(host, number, own),
        None => port::port(number),
    }
}

/// `443/tcp`, `-n tcp 443`
fn of_fuser(words: &[String]) -> Option<Target> {
    let written = words.iter().find_map(|word| word.strip_suffix("/tcp"));
    port::port(written.or_else(|| words.last().map(String::as_str))?)
}

/// `nc -z -w 1 127.0.0.1 443`
fn of_nc(words: &[String], own: &[IpAddr]) -> Option<Target> {
    let mut plain = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if word.starts_with('-') {
            if ["-w", "-i", "-p", "-s", "-q", "-x", "-X"].contains(&word.as_str()) {
                words.next();
            }
        } else {
            plain.push(word);
        }
    }
    match plain.as_slice() {
        [host, number] => here(host, number, own),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::shell::commands;
    use super::*;

    #[test]
    fn what_they_look_for() {
        for (text, expected) in [
            ("netstat -tln | grep 443", "netstat 443"),
            (
                "netstat -an | grep LISTEN | grep :3306 | wc -l",
                "netstat 3306",
            ),
            ("netstat -an | grep -v 22 | grep -w 443", "netstat 443"),
            (
                "/usr/sbin/ss -ltn sport = :6443 | grep -q LISTEN",
                "ss 6443",
            ),
            ("ss -ltn | grep 127.0.0.1:80", "ss 127.0.0.1:80"),
            ("lsof -iTCP:8080 -sTCP:LISTEN", "lsof 8080"),
            ("lsof -nP -i :8080", "lsof 8080"),
            ("fuser 443/tcp", "fuser 443"),
            ("fuser -n tcp 443", "fuser 443"),
            ("timeout 1 nc -z -w 1 127.0.0.1 443", "nc 127.0.0.1:443"),
            ("nc -zv localhost 443", "nc 443"),
            ("nc -z 192.0.2.9 443", "nc -"),
            ("nc -z 192.0.2.100 443", "nc 192.0.2.100:443"),
            ("nc -z db 443", "nc -"),
            (
                "if ! </dev/tcp/127.0.0.1/6443; then exit 1; fi",
                "/dev/tcp 127.0.0.1:6443",
            ),
            ("killall -0 haproxy", "killall -"),
            ("pidof nginx || exit 1", "pidof -"),
            ("ss -tln | awk '{print $4}' | grep LISTEN", "ss -"),
            ("ss -uln | grep :53", ""),
            ("netstat -tuln | grep :53", "netstat 53"),
            ("ss -xl | grep 7", ""),
            ("nc -zu 127.0.0.1 53", ""),
            ("fuser -n udp 53", ""),
            ("lsof -iUDP:53", ""),
            ("killall haproxy", ""),
            ("curl http://127.0.0.1:80", ""),
        ] {
            let looks = looks(&commands(text, &[]), &[[192, 0, 2, 100].into()]);
            let shown = |look: &Look| match look.target {
                Some(target) => format!("{} {target}", look.name),
                None => format!("{} -", look.name),
            };
            let shown: Vec<String> = looks.iter().map(shown).collect();
            assert_eq!(shown.join(", "), expected, "{text}");
        }
    }
}
