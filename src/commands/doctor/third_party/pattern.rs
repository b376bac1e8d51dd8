//! The port in a pattern of grep.

/// A pattern that is understood whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// The port.
    pub port: u16,
    /// True if a longer number that ends with the port matches.
    open_before: bool,
    /// True if a longer number that begins with the port matches.
    open_behind: bool,
    /// The place in the line where LISTEN must be.
    pub listen: Option<Listen>,
}

/// Where LISTEN is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listen {
    /// Before the port, as ss prints it.
    Before,
    /// After the port, as netstat prints it.
    After,
}

impl Pattern {
    /// Returns another port that matches.
    pub fn other(&self) -> Option<u16> {
        let port = self.port;
        let before = ["80", "8", "1"].map(|digits| format!("{digits}{port}"));
        let before = before.into_iter().filter(|_| self.open_before);
        let behind = std::iter::once(format!("{port}0")).filter(|_| self.open_behind);
        before.chain(behind).find_map(|text| number(&text))
    }
}

/// Reads a pattern: a port between edges that are known, perhaps with LISTEN. `None`: it is something else.
pub fn of(text: &str, whole_words: bool, fixed: bool) -> Option<Pattern> {
    if fixed && text.contains(['\\', '[', '*']) {
        return None;
    }
    let (pattern, listen) = if let Some(rest) = text.strip_suffix(".*LISTEN") {
        (rest, Some(Listen::After))
    } else if let Some(rest) = text.strip_prefix("LISTEN.*") {
        (rest, Some(Listen::Before))
    } else {
        (text, None)
    };
    let digits = |c: char| c.is_ascii_digit();
    let from = pattern.find(digits)?;
    let (before, rest) = pattern.split_at(from);
    let to = rest.find(|c| !digits(c)).unwrap_or(rest.len());
    let (port, behind) = rest.split_at(to);
    let open_before = match before {
        "" => !whole_words,
        ":" | "\\:" | "[:]" | "\\b" | "\\<" => false,
        _ => return None,
    };
    let open_behind = match behind {
        "" => !whole_words,
        " " | "\\s" | "\\b" | "\\>" | "[[:space:]]" | "[[:blank:]]" => false,
        _ => return None,
    };
    Some(Pattern {
        port: number(port).filter(|_| !port.starts_with('0'))?,
        open_before,
        open_behind,
        listen,
    })
}

/// A port in decimal digits.
pub fn number(text: &str) -> Option<u16> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|port| is_number && *port != 0)
}
