//! The commands that a text contains, by their words alone. This also works for scripts that are not understood.

use std::time::Duration;

use super::look::base_name;

/// Programs that look for ports or processes.
const LOOKS: [&str; 10] = [
    "netstat", "ss", "lsof", "nc", "ncat", "netcat", "killall", "pidof", "pgrep", "ps",
];
/// Words that a command can follow.
const BEFORE: &str =
    "if then elif else while until do ! { exec sudo timeout sh bash /bin/sh /bin/bash -c";

/// A command, and its line.
#[derive(Clone, Debug)]
pub struct Command {
    /// The line.
    pub line: usize,
    /// Its words as they are written.
    pub words: Vec<String>,
}

impl Command {
    /// Returns the name of its program.
    pub fn program(&self) -> &str {
        self.words.first().map_or("", |word| base_name(word))
    }

    /// True if it looks for a port or a process.
    pub fn looks(&self) -> bool {
        LOOKS.contains(&self.program()) || self.words.iter().any(|word| word.contains("/dev/tcp/"))
    }

    fn has(&self, is_it: impl Fn(&str) -> bool) -> bool {
        self.words.iter().skip(1).any(|word| is_it(word))
    }

    /// True if it starts, stops or restarts something.
    fn is_act(&self) -> bool {
        let has_verb =
            self.has(|word| ["start", "stop", "restart", "reload", "kill"].contains(&word));
        match self.program() {
            "systemctl" | "service" | "rc-service" | "docker" | "podman" => has_verb,
            "kill" | "killall" | "pkill" => !self.has(|word| word == "-0"),
            "reboot" | "poweroff" => true,
            _ => has_verb && self.words.iter().any(|word| word.contains("/init.d/")),
        }
    }
}

/// Returns the commands of a text. Those of a pipe follow each other.
pub fn commands(text: &str) -> Vec<Command> {
    let mut commands = Vec::new();
    let lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim_start().starts_with('#'));
    for (number, line) in lines {
        for part in line.split(['|', '&', ';', '(', ')', '`']) {
            let is_number = |word: &str| time(word.trim_start_matches('-')).is_some();
            let is_word = |word: &str| BEFORE.split(' ').any(|before| before == word);
            let is_before = |word: &&str| is_word(word) || is_number(word);
            let words = part.split_whitespace().skip_while(is_before);
            let words: Vec<String> = words.map(str::to_owned).collect();
            if !words.is_empty() {
                commands.push(Command {
                    line: number + 1,
                    words,
                });
            }
        }
    }
    commands
}

/// Returns the commands that change the host, or start the process that another command looks for.
pub fn acts(commands: &[Command]) -> impl Iterator<Item = &Command> {
    let is_wanted = |program: &str| {
        commands
            .iter()
            .any(|one| one.looks() && one.has(|word| word == program))
    };
    commands.iter().filter(move |one| {
        let path = one.words.first().is_some_and(|word| word.starts_with('/'));
        one.is_act() || path && is_wanted(one.program())
    })
}

/// Returns a time as sleep(1) and timeout(1) read it. The parsers of std for fractions would take 20 KB of the program.
pub fn time(text: &str) -> Option<Duration> {
    if text == "infinity" {
        return Some(Duration::MAX);
    }
    let seconds = match text.bytes().last()? {
        b'm' => 60,
        b'h' => 60 * 60,
        b'd' => 24 * 60 * 60,
        _ => 1,
    };
    let number = text.strip_suffix(['s', 'm', 'h', 'd']).unwrap_or(text);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = [whole, fraction].concat();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let nanos = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    let whole = format!("0{whole}").parse().unwrap_or(u64::MAX);
    Some(Duration::new(whole, nanos).saturating_mul(seconds))
}

/// Returns the first command that sleeps for this long, or longer.
pub fn sleep(commands: &[Command], limit: Duration) -> Option<&Command> {
    let is_long = |word: &str| time(word).is_some_and(|time| time >= limit);
    commands
        .iter()
        .find(|one| one.program() == "sleep" && one.has(is_long))
}

/// Returns a command before a `grep -q` that ends the pipe early, although all of its commands must succeed.
pub fn early_end(commands: &[Command]) -> Option<&Command> {
    let set = commands
        .iter()
        .position(|one| one.program() == "set" && one.has(|word| word == "pipefail"))?;
    let is_quiet = |word: &str| word.starts_with('-') && word.contains('q');
    let mut pairs = commands.iter().zip(commands.iter().skip(1)).skip(set);
    let found = pairs.find(|(one, next)| {
        one.looks() && one.line == next.line && next.program() == "grep" && next.has(is_quiet)
    });
    found.map(|(one, _)| one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_sleep_reads_them() {
        for (text, millis) in [
            ("5", Some(5000)),
            ("1.5", Some(1500)),
            (".25s", Some(250)),
            ("2.", Some(2000)),
            ("1.5m", Some(90_000)),
            ("1h", Some(3_600_000)),
            ("1d", Some(86_400_000)),
            ("", None),
            (".", None),
            ("s", None),
            ("-1", None),
            ("5x", None),
            ("1e3", None),
        ] {
            assert_eq!(time(text), millis.map(Duration::from_millis), "{text}");
        }
        for text in ["infinity", "99999999999999999999"] {
            assert!(time(text) > Some(Duration::from_secs(1 << 40)), "{text}");
        }
    }
}
