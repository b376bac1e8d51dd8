//! The word that was probably meant by one that keepalived does not know.

/// Returns the word that was probably meant: one or two letters are wrong, or two are swapped.
pub(super) fn suggest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = match name.len() {
        3..=5 => 1,
        6..=64 => 2,
        _ => return None,
    };
    let close = |known: &'a str| {
        let is_long = name.len().abs_diff(known.len()) > most;
        let distance = (!is_long).then(|| strsim::osa_distance(name, known))?;
        (distance <= most).then_some((distance, known))
    };
    let best = known.into_iter().filter_map(close).min();
    best.map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::suggest;

    #[test]
    fn misspelled_words_get_a_suggestion() {
        let known = ["interval", "weight", "user"];
        for (name, expected) in [
            ("intervall", Some("interval")),
            ("weigth", Some("weight")),
            ("weigh", Some("weight")),
            ("Users", None),
            ("usr", Some("user")),
            ("us", None),
            ("", None),
        ] {
            assert_eq!(suggest(name, known), expected, "{name}");
        }
    }
}
