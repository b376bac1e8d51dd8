//! The shapes of scripts whose result says whether something listens. A script is a row of symbols, and each rule
//! replaces a part of the row by a shorter one with the same result.
//!
//! ```text
//! ;  the start of a command      L   a look, which succeeds if it finds something
//! $  the end of the script       C   a look that always succeeds
//! E  echo                        ?   a test whether the last command succeeded
//! X0 X1  exit 0, exit 1          X?  exit with the last status
//! ```

/// The meaning of a script's success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Everything was found.
    All,
    /// At least one thing was found.
    Any,
    /// Nothing: the script always succeeds.
    Always,
}

/// The rules: a part of a row, its replacement, and the meaning of that step for the result. All or any of two looks
/// count, or a look never counts.
const RULES: &[(&str, &str, Option<Meaning>)] = &[
    ("; L && L ", "; L ", Some(Meaning::All)),
    ("; if L && L ", "; if L ", Some(Meaning::All)),
    ("; L || L ", "; L ", Some(Meaning::Any)),
    ("; if L || L ", "; if L ", Some(Meaning::Any)),
    ("; L || X1 ; L $", "; L $", Some(Meaning::All)),
    ("; L && X0 ; L $", "; L $", Some(Meaning::Any)),
    ("; L ; if ? ", "; if L ", None),
    ("; L ; if ! ? ", "; if ! L ", None),
    ("; L ; ? ", "; L ", None),
    ("; C ", "; E ", Some(Meaning::Always)),
    ("{ ; E ; } ", "E ", None),
    ("{ ; X0 ; } ", "X0 ", None),
    ("{ ; X1 ; } ", "X1 ", None),
    ("; E ; E ", "; E ", None),
    ("; E ; L ", "; L ", None),
    ("; E ; if L ", "; if L ", None),
    ("; E ; if ! L ", "; if ! L ", None),
    ("; E ; X0 ", "; X0 ", None),
    ("; E ; X1 ", "; X1 ", None),
    ("; E ; X? ", "; X0 ", None),
    ("; L && E ", "; L ", None),
    ("; L || E ", "; E ", Some(Meaning::Always)),
    ("; L || X? ", "; L || X1 ", None),
    ("; if ! L ; then ; X1 ; fi ", "; L || X1 ", None),
    ("; if ! L ; then ; X1 ; else ; E ; fi ", "; L || X1 ", None),
    ("; if L ; then ; E ; else ; X1 ; fi ", "; L || X1 ", None),
    ("; if ! L ; then ; X1 ; else ; X0 ; fi $", "; L $", None),
    ("; if L ; then ; X0 ; else ; X1 ; fi $", "; L $", None),
    ("; if L ; then ; X0 ; fi ; X1 $", "; L $", None),
    ("; L && X0 ; X1 $", "; L $", None),
    ("; ! L && X1 ; X0 $", "; L $", None),
    ("; L && X0 ; E $", "; E $", Some(Meaning::Always)),
    (
        "; if L ; then ; X0 ; fi ; E $",
        "; E $",
        Some(Meaning::Always),
    ),
    ("; L && X0 || X1 $", "; L $", None),
    ("; L || X1 ; X0 $", "; L $", None),
    ("; L || X1 ; E $", "; L $", None),
    ("; L || X1 $", "; L $", None),
    ("; L ; X? $", "; L $", None),
    ("; L ; X0 $", "; E $", Some(Meaning::Always)),
    ("; L ; E $", "; E $", Some(Meaning::Always)),
    ("; if L ; then ; E ; fi ", "; E ", Some(Meaning::Always)),
    ("; if ! L ; then ; E ; fi ", "; E ", Some(Meaning::Always)),
    (
        "; if L ; then ; E ; else ; E ; fi ",
        "; E ",
        Some(Meaning::Always),
    ),
    (
        "; if L ; then ; X0 ; else ; E ; fi $",
        "; E $",
        Some(Meaning::Always),
    ),
    ("; if L ; then ; X0 ; fi $", "; E $", Some(Meaning::Always)),
];

/// Returns what the success of a script means. `None`: it is not one of the shapes.
pub fn meaning(symbols: &str) -> Option<Meaning> {
    let mut row = symbols.to_owned();
    let mut counts = Vec::new();
    while let Some((from, to, meaning)) = RULES.iter().find(|(from, ..)| row.contains(from)) {
        row = row.replacen(from, to, 1);
        counts.extend(*meaning);
    }
    let is_only = |meaning: Meaning| counts.iter().all(|one| *one == meaning);
    match row.as_str() {
        "; E $" => Some(Meaning::Always),
        "; L $" if is_only(Meaning::All) => Some(Meaning::All),
        "; L $" if is_only(Meaning::Any) => Some(Meaning::Any),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    /// Returns whether a script with these symbols succeeds in a shell, where looks have these answers.
    fn succeeds(row: &str, answers: usize) -> bool {
        let mut looks = 0;
        let text: Vec<String> = row
            .split_whitespace()
            .map(|symbol| match symbol {
                ";" => "\n".to_owned(),
                "$" => String::new(),
                "E" | "C" => ":".to_owned(),
                "X?" => "exit".to_owned(),
                "?" => "[ $? -eq 0 ]".to_owned(),
                "L" => {
                    looks += 1;
                    if answers >> (looks - 1) & 1 == 1 {
                        "true"
                    } else {
                        "false"
                    }
                    .to_owned()
                }
                exit if exit.starts_with('X') => exit.replace('X', "exit "),
                word => word.to_owned(),
            })
            .collect();
        let status = Command::new("sh").args(["-c", &text.join(" ")]).status();
        status.unwrap().success()
    }

    fn check(row: &str) {
        let count = row.matches('L').count();
        let all = (1 << count) - 1;
        let Some(meaning) = meaning(row).filter(|_| count < 5) else {
            return;
        };
        for answers in 0..=all {
            let expected = match meaning {
                Meaning::All => answers == all,
                Meaning::Any => answers != 0,
                Meaning::Always => true,
            };
            assert_eq!(succeeds(row, answers), expected, "{row} {answers:b}");
        }
    }

    /// Goes back from an end by some rules, and perhaps replaces a symbol by another one.
    fn row(end: &str, rules: &[(usize, usize)], other: Option<(usize, &str)>) -> String {
        let mut row = end.to_owned();
        for (rule, place) in rules {
            let fits: Vec<_> = RULES.iter().filter(|(_, to, _)| row.contains(to)).collect();
            let Some((from, to, _)) = fits.get(rule % fits.len().max(1)) else {
                break;
            };
            let places: Vec<usize> = row.match_indices(to).map(|(at, _)| at).collect();
            let at = places[place % places.len()];
            row.replace_range(at..at + to.len(), from);
        }
        if let Some((place, symbol)) = other {
            let mut symbols: Vec<&str> = row.split(' ').collect();
            let place = place % symbols.len();
            symbols[place] = symbol;
            row = symbols.join(" ");
        }
        row
    }

    proptest! {
        #[test]
        fn simplified_shapes_give_the_same_result_in_a_shell(
            end in prop::sample::select(vec!["; L $", "; E $"]),
            rules in prop::collection::vec(any::<(usize, usize)>(), 0..5),
            other in prop::option::of((any::<usize>(), prop::sample::select(vec![
                "L", "E", "C", "X0", "X1", "X?", "?", "!", "&&", "||", "if", "else",
            ]))),
        ) {
            check(&row(end, &rules, other));
        }
    }

    #[test]
    fn each_simplification_rule_keeps_the_result() {
        for (from, ..) in RULES {
            for end in [
                "",
                "$",
                "; E $",
                "; L $",
                "; X0 $",
                "; X1 $",
                "|| X1 $",
                "&& X0 $",
                "|| E $",
                "|| X1 ; X0 $",
            ] {
                check(&format!("; {from}{end}").replace("; ; ", "; "));
                check(&format!("; L || {from}{end}"));
                check(&format!("; L || X1 {from}{end}"));
                check(&format!("; L && {from}{end}"));
            }
        }
    }
}
