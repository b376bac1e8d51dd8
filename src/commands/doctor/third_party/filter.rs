//! The lines that `grep` and `wc -l` select from the output of a program.

/// The kind of output that a pipe prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Output {
    /// The lines that match.
    #[default]
    Lines,
    /// Their number.
    Count,
    /// Nothing.
    Nothing,
}

/// The programs of a pipe after the first one.
#[derive(Debug, Default)]
pub struct Filter {
    /// True if there is a grep.
    pub greps: bool,
    /// The port that grep looks for.
    pub port: Option<Pattern>,
    /// True if LISTEN must be in the line.
    pub listen: bool,
    /// A name, which can be that of a process.
    pub name: Option<String>,
    /// True for `grep -v grep`.
    pub without_grep: bool,
    /// The output of the last program.
    pub output: Output,
    /// True if the last program is `wc`.
    pub counts: bool,
}

/// A pattern that is a port.
#[derive(Debug)]
pub struct Pattern {
    /// The pattern as it is written.
    pub text: String,
    /// The port.
    pub port: u16,
    /// Another port that it matches.
    pub also: Option<u16>,
    /// True if it can match other numbers in a line.
    pub is_loose: bool,
    /// True if LISTEN must come after the port, where netstat prints it.
    pub listen_after: bool,
}

/// Reads a port in decimal digits.
pub fn port_number(text: &str) -> Option<u16> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|_| is_number)
}

impl Filter {
    /// Reads these programs. `None`: they are not understood.
    pub fn read(stages: &[Vec<String>]) -> Option<Self> {
        let mut filter = Self::default();
        for stage in stages {
            let words: Vec<&str> = stage.iter().map(String::as_str).collect();
            // Only the last one prints something else than lines.
            match words.as_slice() {
                _ if filter.output != Output::Lines => return None,
                ["wc", "-l"] => (filter.counts, filter.output) = (true, Output::Count),
                ["grep" | "egrep" | "fgrep", options @ .., pattern] => {
                    filter.grep(words.first() == Some(&"fgrep"), options, pattern)?;
                }
                _ => return None,
            }
        }
        Some(filter)
    }

    fn grep(&mut self, fixed: bool, options: &[&str], text: &str) -> Option<()> {
        let mut letters = if fixed { "F" } else { "" }.to_owned();
        for option in options {
            letters.push_str(match *option {
                "--quiet" | "--silent" => "q",
                option => option.strip_prefix('-')?,
            });
        }
        let has = |letter| letters.contains(letter);
        let is_known = letters.chars().all(|letter| "qcwiEFv".contains(letter));
        if text.starts_with('-') || !is_known || has('F') && has('E') {
            return None;
        }
        self.greps = true;
        self.output = match (has('q'), has('c')) {
            (true, _) => Output::Nothing,
            (_, true) => Output::Count,
            _ => Output::Lines,
        };
        if has('v') {
            self.without_grep = true;
            return (text == "grep" && letters == "v").then_some(());
        }
        if text == "LISTEN" || has('i') && text.eq_ignore_ascii_case("listen") {
            self.listen = true;
            return Some(());
        }
        if let Some(pattern) = Pattern::read(text, has('w'), has('F')) {
            self.listen |= pattern.listen_after;
            return self.port.replace(pattern).is_none().then_some(());
        }
        let is_name = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
        let is_name =
            text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(is_name);
        let is_column = ["tcp", "udp", "tcp6", "udp6", "users", "pid", "fd"].contains(&text);
        let known = is_name && !is_column && !has('i') && self.name.is_none();
        self.name = Some(text.to_owned());
        known.then_some(())
    }
}

impl Pattern {
    /// Reads a port between edges that are known, perhaps with LISTEN. `None`: it is something else.
    fn read(text: &str, whole: bool, fixed: bool) -> Option<Self> {
        let listen = text.strip_suffix(".*LISTEN").filter(|_| !fixed);
        let pattern = listen.unwrap_or(text);
        let (colon, rest) = match pattern.strip_prefix(':') {
            Some(rest) => (true, rest),
            None => (false, pattern),
        };
        let digits = rest.trim_end_matches(|c: char| !c.is_ascii_digit());
        let port = port_number(digits)?;
        let has_edge = match rest.strip_prefix(digits)? {
            "" => false,
            " " => true,
            "\\b" | "\\s" | "[[:space:]]" => !fixed,
            _ => return None,
        };
        // With -w a number must come before the colon of no address.
        if whole && (colon || has_edge) || fixed && text.contains(['\\', '[']) {
            return None;
        }
        let before = ["80", "8", "1"].map(|digits| format!("{digits}{port}"));
        let before = before.into_iter().filter(|_| !colon && !whole);
        let after = std::iter::once(format!("{port}0")).filter(|_| !has_edge && !whole);
        Some(Self {
            text: text.to_owned(),
            port,
            also: before.chain(after).find_map(|text| port_number(&text)),
            is_loose: !colon || !has_edge,
            listen_after: listen.is_some(),
        })
    }
}
