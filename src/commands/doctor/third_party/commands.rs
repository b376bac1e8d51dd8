//! The commands that are understood, as symbols of `shape`.

use super::filter::Output;
use super::look::{self, Look, Pipe, base_name};
use super::reader::{CONNECTION, HIDDEN, IF_TRUE, Reader, Word};
use super::search;

impl Reader<'_> {
    /// Adds the symbols of a command.
    pub(super) fn reduce(&mut self, mut stages: Vec<Vec<Word>>) -> Option<()> {
        let words = stages.first_mut()?;
        while let Some(word) = words.first().map(|word| word.text().to_owned()) {
            match word.as_str() {
                "if" | "!" => self.symbol(&word),
                "then" | "else" | "{" => {
                    self.symbol(&word);
                    self.symbol(";");
                }
                _ => break,
            }
            words.remove(0);
        }
        let words = words.clone();
        let is_one = stages.len() == 1;
        let symbol = match (words.first().map_or("", Word::text), words.as_slice()) {
            ("", []) if is_one => return Some(()),
            ("", [Word::Assignment(name, value)]) if is_one => return self.assign(name, value),
            ("[" | "[[" | "test", words) if is_one => self.test(words)?,
            ("echo" | "true" | ":", words)
                if is_one && !words.iter().any(|word| word.text().starts_with(CONNECTION)) =>
            {
                "E"
            }
            ("exit", [_] | [_, Word::Status]) if is_one => "X?",
            ("exit", [_, code]) if is_one => match code.text().parse::<u8>().ok()? {
                0 => "X0",
                code if code > 1 && self.scene.dynamic => return None,
                _ => "X1",
            },
            ("set", [_, options @ ..]) if self.symbols == "; " => {
                for option in options {
                    let option = option.text();
                    let letters = option
                        .strip_prefix('-')
                        .filter(|letters| letters.chars().all(|one| "euxo".contains(one)));
                    self.set.push_str(match option {
                        "pipefail" if self.bash => "P",
                        _ => letters?,
                    });
                }
                return Some(());
            }
            ("fi", [_]) => "fi",
            ("}", [_]) => "}",
            _ => {
                let pipe = self.pipe(stages)?;
                self.look(pipe.look);
                if pipe.succeeds { "C" } else { "L" }
            }
        };
        self.symbol(symbol);
        Some(())
    }

    /// Reads `NAME=VALUE`, before any other command.
    fn assign(&mut self, name: &str, value: &Word) -> Option<()> {
        // Names that change how words are split, what grep does, or which programs run.
        let is_special = ["IFS", "PATH"].contains(&name)
            || name.starts_with("GREP_")
            || name.starts_with("BASH");
        let is_output = matches!(value, Word::Output(..));
        let is_first = self.symbols == "; " || self.symbols == IF_TRUE;
        let known = is_first
            && !is_special
            && (is_output && !self.set.contains('e') || matches!(value, Word::Text(_)));
        self.variables.insert(name.to_owned(), value.clone());
        known.then_some(())
    }

    /// Keeps a look once.
    fn look(&mut self, look: Look) {
        if !self.shape.looks.contains(&look) {
            self.shape.looks.push(look);
        }
    }

    /// Reads `[`, `[[` and `test`: a condition that is an answer to a look, or the last status.
    fn test(&mut self, words: &[Word]) -> Option<&'static str> {
        let texts: Vec<&str> = words.iter().map(Word::text).collect();
        let is_double = texts.first() == Some(&"[[");
        let (words, texts) = match texts.as_slice() {
            ["test", rest @ ..] => (words.get(1..)?, rest),
            ["[", rest @ .., "]"] => (words.get(1..)?, rest),
            ["[[", rest @ .., "]]"] if self.bash => (words.get(1..)?, rest),
            _ => return None,
        };
        let (is_negated, words, texts) = match texts {
            ["!", rest @ ..] => (true, words.get(1..)?, rest),
            rest => (false, words, rest),
        };
        let (look, found) = match (texts, words) {
            (["-n", text], _) if !text.is_empty() && !is_negated => return Some("1"),
            ([_], [Word::Output(look, Output::Lines, quoted), ..]) if *quoted || is_double => {
                (Some(look), true)
            }
            ([operator @ ("-n" | "-z"), _], [_, Word::Output(look, Output::Lines, quoted), ..])
                if *quoted || is_double =>
            {
                (Some(look), *operator == "-n")
            }
            ([_, "==", _], _) if !self.bash => return None,
            ([_, operator, number], [Word::Output(look, Output::Count, _), ..]) => {
                let found = match (*operator, *number) {
                    ("-eq" | "=" | "==", "0") | ("-lt", "1") | ("-le", "0") => false,
                    ("-ne" | "!=" | "-gt", "0") | ("-ge", "1") => true,
                    ("-eq" | "=" | "==", "1") => {
                        self.shape.one = Some(self.start);
                        true
                    }
                    _ => return None,
                };
                (Some(look), found)
            }
            ([_, "-eq" | "=" | "==", "0"], [Word::Status, ..]) => (None, true),
            ([_, "-ne" | "!=" | "-gt", "0"], [Word::Status, ..]) => (None, false),
            _ => return None,
        };
        look.into_iter().for_each(|look| self.look(look.clone()));
        Some(match (look.is_some(), found != is_negated) {
            (true, true) => "L",
            (true, false) => "! L",
            (false, true) => "?",
            (false, false) => "! ?",
        })
    }

    /// Reads a pipe as a look. `None`: it is not one of the known ones.
    pub(super) fn pipe(&self, mut stages: Vec<Vec<Word>>) -> Option<Pipe> {
        let is_hidden = |word: &Word| word.text() == HIDDEN.to_string();
        let last = stages.last_mut()?;
        let count = last.len();
        last.retain(|word| !is_hidden(word));
        let hidden = last.len() < count;
        let texts = |words: &Vec<Word>| words.iter().map(Word::known).collect();
        let mut texts: Vec<Vec<String>> = stages.iter().map(texts).collect::<Option<_>>()?;
        let [words, ..] = texts.as_mut_slice() else {
            return None;
        };
        // At its limit timeout exits with 124.
        if words
            .first()
            .is_some_and(|word| base_name(word) == "timeout")
        {
            search::time(words.get(1)?)?;
            words.drain(..2);
        }
        let (bash, text) = match words.as_slice() {
            [shell, option, text] if base_name(shell) == "bash" && option == "-c" => {
                (true, text.clone())
            }
            words => (self.bash, words.join(" ")),
        };
        if let Some((before, place)) = text.split_once(CONNECTION).filter(|_| stages.len() == 1) {
            let is_plain = ["", ":", "echo"].contains(&before.trim());
            return is_plain.then(|| look::connect(place, bash, self.scene))?;
        }
        let pipe = look::pipe(&texts, self.scene)?;
        let output = if hidden { Output::Nothing } else { pipe.output };
        // With pipefail its status is that of the other programs.
        (!pipe.succeeds || !self.set.contains('P')).then_some(Pipe { output, ..pipe })
    }
}
