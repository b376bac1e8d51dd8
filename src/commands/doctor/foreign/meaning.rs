//! Whether a script is nothing but its looks: no other work, and success means that something listens.

use super::shell::{Next, Simple};
use super::tools::{bare, name};

/// Programs that only pass on what a look finds.
const HARMLESS: [&str; 31] = [
    "grep", "egrep", "fgrep", "wc", "awk", "cut", "head", "tail", "cat", "sort", "uniq", "tr",
    "sed", "test", "[", "[[", "echo", "printf", "exit", "return", "true", "false", ":", "sleep",
    "set", "local", "fi", "done", "}", "esac", "export",
];
const LOOKS: [&str; 10] = [
    "netstat", "ss", "lsof", "fuser", "nc", "ncat", "netcat", "killall", "pidof", "pgrep",
];

/// Another program that the script starts.
pub fn other_work(commands: &[Simple]) -> Option<&str> {
    let first = commands
        .iter()
        .filter_map(|command| bare(&command.words).first());
    let mut names = first.map(|word| name(word));
    names.find(|name| {
        let is_rest_of_test = name.starts_with(['-', ']', '=', '\u{fffd}', '$', '"'])
            || name.bytes().all(|byte| byte.is_ascii_digit());
        let known =
            HARMLESS.contains(name) || LOOKS.contains(name) || name.starts_with("/dev/tcp/");
        !known && !is_rest_of_test
    })
}

/// Where a command stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Branch {
    Outside,
    Condition,
    Then,
    Else,
}

/// Whether success means that something listens. `false`: it may mean the opposite.
pub fn is_plain(commands: &[Simple]) -> bool {
    let mut branch = Branch::Outside;
    let mut negative = false;
    let mut before = Next::End;
    for command in commands {
        let words = &command.words;
        match words.first().map_or("", String::as_str) {
            "while" | "until" | "for" | "case" | "function" => return false,
            "if" | "elif" => (branch, negative) = (Branch::Condition, is_negative(words)),
            "then" => branch = Branch::Then,
            "else" => branch = Branch::Else,
            "fi" => branch = Branch::Outside,
            _ if branch == Branch::Condition => negative |= is_negative(words),
            _ => {}
        }
        let expected = match (before, branch) {
            (Next::And, _) => Some(false),
            (Next::Or, _) => Some(true),
            (_, Branch::Then) => Some(negative),
            (_, Branch::Else) => Some(!negative),
            // What follows an `if` is its other way.
            _ => None,
        };
        before = command.next;
        let fails = match exit_code(words) {
            None | Some("" | "$?") => continue,
            Some(code) => match code.parse::<u8>() {
                Ok(code) => code != 0,
                Err(_) => return false,
            },
        };
        if expected.is_some_and(|expected| expected != fails) {
            return false;
        }
    }
    true
}

/// What stands behind `exit`.
fn exit_code(words: &[String]) -> Option<&str> {
    let words = bare(words);
    let is_exit = words
        .first()
        .is_some_and(|word| ["exit", "return"].contains(&word.as_str()));
    is_exit.then(|| words.get(1).map_or("", String::as_str))
}

/// A condition that holds where nothing was found.
fn is_negative(words: &[String]) -> bool {
    let has = |wanted: &str| words.iter().any(|word| word == wanted);
    let pair = |one: &[&str], other: &[&str]| {
        words.windows(2).any(|pair| match pair {
            [a, b] => one.contains(&a.as_str()) && other.contains(&b.as_str()),
            _ => false,
        })
    };
    let of_status = has("$?");
    let none =
        pair(&["-eq", "=", "=="], &["0", ""]) || pair(&["-lt"], &["1"]) || pair(&["-le"], &["0"]);
    let some = pair(&["-ne", "!="], &["0", ""]) || pair(&["-gt"], &["0"]) || pair(&["-ge"], &["1"]);
    let negated = has("!") || has("-z");
    match of_status {
        true => some != negated,
        false => none != negated,
    }
}

#[cfg(test)]
mod tests {
    use super::super::shell::commands;
    use super::*;

    #[test]
    fn success_means_that_something_listens() {
        for text in [
            "netstat -tln | grep 443",
            "ss -tln | grep -q :443 || exit 1",
            "ss -tln | grep -q :443 && exit 0\nexit 1",
            "if ss -tln | grep -q :443; then exit 0; else exit 1; fi",
            "if ! ss -tln | grep -q :443; then exit 1; fi",
            "if [ $(ss -tln | grep -c :443) -eq 0 ]; then exit 1; fi",
            "if [ $(ss -tln | grep -c :443) -eq 0 ]; then\n exit 1\nelse\n exit 0\nfi",
            "n=$(netstat -an | grep :443 | wc -l)\nif [ $n -gt 0 ]; then exit 0; fi\nexit 1",
            "ss -tln | grep -q :443\nif [ $? -ne 0 ]; then exit 1; fi",
            "ss -tln | grep -q :443\nexit $?",
        ] {
            let commands = commands(text, &[]);
            assert!(is_plain(&commands), "{text}\n{commands:#?}");
            assert_eq!(other_work(&commands), None, "{text}");
        }
    }

    #[test]
    fn success_may_mean_the_opposite() {
        for text in [
            "ss -tln | grep -q :443 && exit 1",
            "ss -tln | grep -q :443 || exit 0",
            "if ss -tln | grep -q :443; then exit 1; fi",
            "if [ $(ss -tln | grep -c :443) -eq 0 ]; then exit 0; fi",
            "for p in 80 443; do ss -tln | grep -q :$p || exit 1; done",
            "exit $code",
        ] {
            let commands = commands(text, &[]);
            assert!(!is_plain(&commands), "{text}\n{commands:#?}");
        }
    }

    #[test]
    fn what_else_it_does() {
        for (text, expected) in [
            (
                "ss -tln | grep -q :443 || systemctl restart haproxy",
                Some("systemctl"),
            ),
            (
                "ss -tln | grep -q :443 || { logger down; exit 1; }",
                Some("logger"),
            ),
            ("timeout 2 ss -tln | grep :443", None),
        ] {
            assert_eq!(other_work(&commands(text, &[])), expected, "{text}");
        }
    }
}
