//! The port that a command looks for, where it is written.

use std::net::IpAddr;

use super::shell::UNKNOWN;
use crate::domain::Target;

/// What a pattern of grep looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// The port, and the address where there is one.
    pub target: Target,
    /// A longer number that ends with it fits, too.
    pub open_before: bool,
    /// A longer number that begins with it fits, too.
    pub open_behind: bool,
}

/// The target of this address and port, both as they are written.
pub fn target(address: &str, port: &str) -> Option<Target> {
    match address {
        "localhost" | "*" | "" => format!("*:{port}"),
        address if address.contains(':') => {
            format!("[{}]:{port}", address.trim_matches(['[', ']']))
        }
        address => format!("{address}:{port}"),
    }
    .parse()
    .ok()
}

/// The port alone.
pub fn port(text: &str) -> Option<Target> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    target("", text).filter(|_| is_number)
}

/// The one port that a pattern has in it. `None`: none, or it is not clear which.
pub fn in_pattern(pattern: &str, whole_words: bool) -> Option<Pattern> {
    if pattern.contains(UNKNOWN) {
        return None;
    }
    // As grep has it: \b and \< are edges, a backslash else means the letter itself.
    let edges = pattern
        .replace("\\b", "\u{1}")
        .replace("\\<", "\u{1}")
        .replace("\\>", "\u{1}");
    let edges = edges
        .replace("[[:space:]]", " ")
        .replace("[[:blank:]]", " ")
        .replace("\\s", " ");
    let plain = edges
        .replace('\\', "")
        .replace("[:.]", ":")
        .replace("[.:]", ":");
    let letters: Vec<char> = plain.chars().collect();
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for (at, letter) in letters.iter().enumerate() {
        match runs.last_mut() {
            _ if !letter.is_ascii_digit() => {}
            Some((_, end)) if *end == at => *end = at + 1,
            _ => runs.push((at, at + 1)),
        }
    }
    let text = |from: usize, to: usize| -> String {
        letters
            .iter()
            .skip(from)
            .take(to.saturating_sub(from))
            .collect()
    };
    let (from, to) = *runs.last()?;
    let address = match runs.as_slice() {
        [_] => String::new(),
        [(first, _), _, _, _, _] => text(*first, from.checked_sub(1)?),
        _ => return None,
    };
    let is_address = address.parse::<IpAddr>().is_ok();
    if !address.is_empty() && !is_address {
        return None;
    }
    let before = from.checked_sub(1).and_then(|at| letters.get(at));
    let behind = letters.get(to);
    // A part of a name, or of something else than a port.
    let joins = |letter: Option<&char>| {
        letter.is_some_and(|letter| letter.is_alphabetic() || "_-/".contains(*letter))
    };
    if joins(before) || joins(behind) {
        return None;
    }
    let edge = |letter: Option<&char>| {
        whole_words || letter.is_some_and(|letter| " :\u{1}^$".contains(*letter))
    };
    Some(Pattern {
        target: target(&address, &text(from, to))?,
        open_before: !edge(before),
        open_behind: !edge(behind),
    })
}

/// The port in a filter of ss: `sport = :443`, `( sport eq 443 )`.
pub fn in_filter(words: &[String]) -> Option<Target> {
    let text = words
        .join(" ")
        .replace(['(', ')', '\\'], " ")
        .replace('=', " = ");
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut found = words
        .windows(2)
        .enumerate()
        .filter(|(_, pair)| pair.first() == Some(&"sport"));
    let (at, _) = found.next()?;
    let mut behind = words
        .iter()
        .skip(at + 1)
        .filter(|word| !["=", "eq"].contains(word));
    let port = behind.next()?;
    found
        .next()
        .is_none()
        .then(|| self::port(port.trim_start_matches(':')))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, whole, expected) in [
            ("443", false, Some(("443", true, true))),
            ("443", true, Some(("443", false, false))),
            (":443", false, Some(("443", false, true))),
            (":443 ", false, Some(("443", false, false))),
            (":443\\b", false, Some(("443", false, false))),
            ("[:.]443[[:space:]]", false, Some(("443", false, false))),
            ("\\<443\\>", false, Some(("443", false, false))),
            (":443$", false, Some(("443", false, false))),
            (
                "127.0.0.1:443 ",
                false,
                Some(("127.0.0.1:443", false, false)),
            ),
            (
                "127\\.0\\.0\\.1:443",
                false,
                Some(("127.0.0.1:443", false, true)),
            ),
            ("443.*LISTEN", false, Some(("443", true, true))),
            ("LISTEN", false, None),
            (":80|:443", false, None),
            ("99999", false, None),
            ("php7", false, None),
            ("tcp6", false, None),
            ("app-1", false, None),
            (":\u{fffd}", false, None),
            ("1.2:443", false, None),
        ] {
            let found = in_pattern(pattern, whole);
            let found = found.map(|one| (one.target.to_string(), one.open_before, one.open_behind));
            let expected = expected.map(|(text, before, behind)| (text.to_owned(), before, behind));
            assert_eq!(found, expected, "{pattern}");
        }
    }

    #[test]
    fn filters_of_ss() {
        for (filter, expected) in [
            ("-tln sport = :443", Some("443")),
            ("-tln ( sport eq 443 )", Some("443")),
            ("-tln sport=:443", Some("443")),
            ("-tln sport = :http", None),
            ("-tln ( sport = :80 or sport = :443 )", None),
            ("-tln", None),
        ] {
            let words: Vec<String> = filter.split(' ').map(str::to_owned).collect();
            let found = in_filter(&words).map(|target| target.to_string());
            assert_eq!(found.as_deref(), expected, "{filter}");
        }
    }
}
