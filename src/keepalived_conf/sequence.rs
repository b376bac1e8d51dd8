//! Lines that repeat what follows: `~SEQ`, `~SEQx` and `~LST` (lib/parser.c, `add_seq`, `add_lst`).

use std::collections::VecDeque;

use super::comments::skip_blanks;
use super::numbers::c_integer;

/// Names and their values.
type Names = Vec<(Vec<u8>, Vec<u8>)>;

/// The values that are to come, and the text to repeat.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sequence {
    kind: Kind,
    pub text: Vec<u8>,
}

#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Numbers {
        name: Vec<u8>,
        next: i64,
        step: i64,
        last: i64,
        hex: bool,
    },
    Lists {
        names: Vec<Vec<u8>>,
        values: VecDeque<Vec<Vec<u8>>>,
    },
}

impl Sequence {
    /// The next values of the names; `true` where they are the last.
    pub fn next(&mut self) -> (Names, bool) {
        match &mut self.kind {
            Kind::Numbers {
                name,
                next,
                step,
                last,
                hex,
            } => {
                let value = match hex {
                    true => format!("{next:x}"),
                    false => next.to_string(),
                };
                let following = next.checked_add(*step);
                let is_over = |next: i64| match *step > 0 {
                    true => next > *last,
                    false => next < *last,
                };
                let ends = following.is_none_or(is_over);
                *next = following.unwrap_or(*next);
                (vec![(name.clone(), value.into_bytes())], ends)
            }
            Kind::Lists { names, values } => {
                let set = values.pop_front().unwrap_or_default();
                let set = names.iter().cloned().zip(set).collect();
                (set, values.is_empty())
            }
        }
    }

    /// A line `~SEQ(...) text`. `expand` puts in what the definitions in its numbers stand for; `None`: it does
    /// not fit.
    pub fn numbers(line: &[u8], expand: impl FnOnce(Vec<u8>) -> Option<Vec<u8>>) -> Option<Self> {
        let rest = line.strip_prefix(b"~SEQ")?;
        let (hex, rest) = match rest.strip_prefix(b"x") {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let rest = skip_blanks(skip_blanks(rest).strip_prefix(b"(")?);
        let (name, rest) = word(rest, b" \t,)");
        // keepalived passes over one byte here, whatever it is.
        let rest = match skip_blanks(rest).split_first()? {
            (b')', _) => return None,
            _ if name.is_empty() => return None,
            (_, rest) => skip_blanks(rest),
        };
        let end = rest.iter().position(|byte| *byte == b')')?;
        let numbers = rest.get(..=end)?;
        let text = skip_blanks(rest.get(end + 1..)?).to_owned();
        let numbers = expand(numbers.to_owned())?;
        let (start, step, last) = bounds(&numbers)?;
        if hex && (start < 0 || last < 0) {
            return None;
        }
        let kind = Kind::Numbers {
            name: name.to_owned(),
            next: start,
            step,
            last,
            hex,
        };
        Some(Self { kind, text })
    }

    /// A line `~LST({a,b},{1,2},...) text`.
    pub fn lists(line: &[u8]) -> Option<Self> {
        let rest = skip_blanks(line.strip_prefix(b"~LST")?);
        let rest = skip_blanks(rest.strip_prefix(b"(")?);
        let (names, rest) = set(rest, b" \t,}", false)?;
        let mut rest = skip_blanks(rest.strip_prefix(b",")?);
        let mut values = VecDeque::new();
        loop {
            let (mut one, behind) = set(rest, b" \t,})", true)?;
            if one.len() > names.len() {
                return None;
            }
            one.resize(names.len(), Vec::new());
            values.push_back(one);
            match behind.split_first()? {
                (b')', behind) => {
                    let text = skip_blanks(behind).to_owned();
                    let kind = Kind::Lists { names, values };
                    return Some(Self { kind, text });
                }
                (b',', behind) => rest = skip_blanks(behind),
                _ => return None,
            }
        }
    }
}

/// The numbers in `(NAME, end)`, `(NAME, start, end)` or `(NAME, start, step, end)`: start, step, end.
fn bounds(text: &[u8]) -> Option<(i64, i64, i64)> {
    let mut rest = text;
    let mut numbers = Vec::new();
    loop {
        let number = c_integer(rest, 0);
        numbers.push(number.signed());
        let (separator, behind) = skip_blanks(number.behind?).split_first()?;
        match (separator, numbers.as_slice()) {
            (b')', _) => break,
            (b',', [_] | [_, _]) => rest = behind,
            _ => return None,
        }
    }
    match *numbers.as_slice() {
        [end] => {
            let step = if end < 1 { -1 } else { 1 };
            let start = if end < 0 { -1 } else { 1 };
            Some((start, step, end))
        }
        [start, end] => Some((start, if start <= end { 1 } else { -1 }, end)),
        [start, step, end] => {
            let fits = step != 0 && !(start < end && step < 0) && !(start > end && step > 0);
            fits.then_some((start, step, end))
        }
        _ => None,
    }
}

/// One name or value, or some in braces; what is behind it.
fn set<'a>(text: &'a [u8], ends: &[u8], closes: bool) -> Option<(Vec<Vec<u8>>, &'a [u8])> {
    let in_braces = text.strip_prefix(b"{");
    let mut rest = in_braces.map_or(text, skip_blanks);
    let mut words = Vec::new();
    loop {
        let (one, behind) = word(rest, ends);
        words.push(one.to_owned());
        let behind = skip_blanks(behind);
        match (behind.split_first()?, in_braces) {
            ((b'}', behind), Some(_)) => return Some((words, skip_blanks(behind))),
            ((b',', _), None) => return Some((words, behind)),
            ((b')', _), None) if closes => return Some((words, behind)),
            ((b',', behind), Some(_)) => rest = skip_blanks(behind),
            _ => return None,
        }
    }
}

fn word<'a>(text: &'a [u8], ends: &[u8]) -> (&'a [u8], &'a [u8]) {
    let end = text.iter().position(|byte| ends.contains(byte));
    text.split_at_checked(end.unwrap_or(text.len()))
        .unwrap_or((text, b""))
}

#[cfg(test)]
mod tests {
    use super::Sequence;

    fn all(line: &str) -> Option<Vec<String>> {
        let found = match line.starts_with("~LST") {
            true => Sequence::lists(line.as_bytes()),
            false => Sequence::numbers(line.as_bytes(), Some),
        };
        let mut found = found?;
        let mut values = Vec::new();
        loop {
            let (set, ends) = found.next();
            let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let set = set
                .iter()
                .map(|(name, value)| lossy(name) + "=" + &lossy(value));
            values.push(set.collect::<Vec<_>>().join(" "));
            if ends {
                return Some(values);
            }
        }
    }

    #[test]
    fn sequences() {
        for (line, values) in [
            ("~SEQ(i, 3) x", Some(vec!["i=1", "i=2", "i=3"])),
            ("~SEQ(i, -2)", Some(vec!["i=-1", "i=-2"])),
            ("~SEQ(i,3,1)", Some(vec!["i=3", "i=2", "i=1"])),
            ("~SEQ(i, 1, 5, 12)", Some(vec!["i=1", "i=6", "i=11"])),
            ("~SEQx(i, 0x9, 11)", Some(vec!["i=9", "i=a", "i=b"])),
            ("~SEQ(i, 0, 0, 3)", None),
            ("~SEQ(i, 1, -1, 3)", None),
            ("~SEQx(i, -1, 3)", None),
            ("~SEQ(i)", None),
            ("~SEQ(i, 1", None),
            ("~SEQ(, 1)", None),
            ("~SEQ(i, 1, 2, 3, 4)", None),
            ("~LST(w, x, y) z", Some(vec!["w=x", "w=y"])),
            (
                "~LST({n, ip}, {one, 1}, {two})",
                Some(vec!["n=one ip=1", "n=two ip="]),
            ),
            ("~LST({n,ip},{1,2,3})", None),
            ("~LST(w)", None),
            ("~LST(w, x", None),
        ] {
            let expected = values
                .map(|values: Vec<&str>| values.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(all(line), expected, "{line}");
        }
    }
}
