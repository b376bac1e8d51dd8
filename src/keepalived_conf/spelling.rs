//! The word that was probably meant by one that keepalived does not know.

/// Returns the word that was probably meant: one or two letters are wrong, or two are swapped.
pub(super) fn suggest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.as_bytes();
    let most = match name.len() {
        0..=2 => return None,
        3..=5 => 1,
        6..=64 => 2,
        _ => return None,
    };
    let close = |known: &'a str| {
        let distance = distance(name, known.as_bytes());
        (distance <= most).then_some((distance, known))
    };
    let best = known.into_iter().filter_map(close).min();
    best.map(|(_, known)| known)
}

/// Returns how many letters must be inserted, removed, changed, or swapped with the next.
fn distance(one: &[u8], other: &[u8]) -> usize {
    if one.len().abs_diff(other.len()) > 2 {
        return usize::MAX;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=other.len()).collect();
    let mut previous = None;
    for (row, byte) in (1..).zip(one) {
        let mut line = vec![row];
        for (column, letter) in (1..).zip(other) {
            let cell = |line: &[usize], at: usize| line.get(at).copied().unwrap_or(usize::MAX - 1);
            let change = cell(&above, column - 1) + usize::from(byte != letter);
            let mut best = change
                .min(cell(&above, column) + 1)
                .min(cell(&line, column - 1) + 1);
            let swapped =
                column > 1 && previous == Some(letter) && other.get(column - 2) == Some(byte);
            if swapped {
                best = best.min(cell(&before, column - 2) + 1);
            }
            line.push(best);
        }
        before = std::mem::replace(&mut above, line);
        previous = Some(byte);
    }
    above.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::{distance, suggest};

    #[test]
    fn misspelled_words_get_a_suggestion() {
        assert_eq!(distance(b"weigth", b"weight"), 1);
        assert_eq!(distance(b"", b"ab"), 2);
        assert_eq!(distance(b"abc", b"abc"), 0);
        let known = ["interval", "weight", "user"];
        for (name, expected) in [
            ("intervall", Some("interval")),
            ("weigth", Some("weight")),
            ("weigh", Some("weight")),
            ("Users", None),
            ("usr", Some("user")),
            ("us", None),
        ] {
            assert_eq!(suggest(name, known), expected, "{name}");
        }
    }
}
