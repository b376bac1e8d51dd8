//! The commands of a shell's text, as far as they can be told without running it: words with quotes taken off and
//! variables put in whose value stands in the text. Substitutions count as commands of their own.

use std::collections::HashMap;

/// Stands for what only a run would tell.
pub const UNKNOWN: char = '\u{fffd}';

/// So many commands are looked at.
const MOST: usize = 2000;

/// What follows a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// `|`
    Pipe,
    /// `&&`
    And,
    /// `||`
    Or,
    /// Anything else.
    End,
}

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Simple {
    /// Its words, reserved ones such as `if` included.
    pub words: Vec<String>,
    /// What follows it.
    pub next: Next,
}

/// The commands of a text. `arguments` are those of the script, from `$1` on.
pub fn commands(text: &str, arguments: &[String]) -> Vec<Simple> {
    let mut reader = Reader {
        rest: text.chars().peekable(),
        arguments,
        variables: HashMap::new(),
        word: None,
        redirected: false,
        words: Vec::new(),
        found: Vec::new(),
    };
    reader.read();
    reader.found
}

struct Reader<'t> {
    rest: std::iter::Peekable<std::str::Chars<'t>>,
    arguments: &'t [String],
    variables: HashMap<String, String>,
    word: Option<String>,
    /// The next word is where a stream goes.
    redirected: bool,
    words: Vec<String>,
    found: Vec<Simple>,
}

impl Reader<'_> {
    fn read(&mut self) {
        let mut quoted = false;
        // Whether each substitution that is open stands in quotes.
        let mut around: Vec<bool> = Vec::new();
        while let Some(letter) = self.rest.next() {
            if self.found.len() >= MOST {
                return;
            }
            match letter {
                '\\' => match self.rest.next() {
                    Some('\n') | None => {}
                    // What it means to grep is left to grep.
                    Some(escaped) if quoted => self.extend(&['\\', escaped]),
                    Some(escaped) => self.extend(&[escaped]),
                },
                '\'' if !quoted => self.single(),
                '"' => {
                    quoted = !quoted;
                    self.word.get_or_insert_default();
                }
                '`' => self.end(Next::End),
                '$' if self.rest.peek() == Some(&'(') => {
                    self.rest.next();
                    self.extend(&[UNKNOWN]);
                    self.end(Next::End);
                    around.push(std::mem::take(&mut quoted));
                }
                '$' => self.variable(),
                _ if quoted => self.extend(&[letter]),
                '#' if self.word.is_none() => {
                    while self.rest.next_if(|letter| *letter != '\n').is_some() {}
                }
                ')' => {
                    self.end(Next::End);
                    quoted = around.pop().unwrap_or_default();
                }
                '(' | '\n' | ';' => self.end(Next::End),
                '|' => self.operator('|', Next::Pipe, Next::Or),
                '&' => self.operator('&', Next::End, Next::And),
                '<' | '>' => self.redirect(),
                letter if letter.is_whitespace() => self.end_word(),
                letter => self.extend(&[letter]),
            }
        }
        self.end(Next::End);
    }

    fn operator(&mut self, letter: char, once: Next, twice: Next) {
        let is_double = self.rest.next_if_eq(&letter).is_some();
        self.end(if is_double { twice } else { once });
    }

    fn single(&mut self) {
        self.word.get_or_insert_default();
        while let Some(letter) = self.rest.next() {
            if letter == '\'' {
                return;
            }
            self.extend(&[letter]);
        }
    }

    fn redirect(&mut self) {
        // The number of a stream in front of it.
        if self
            .word
            .as_ref()
            .is_some_and(|word| word.bytes().all(|byte| byte.is_ascii_digit()))
        {
            self.word = None;
        }
        self.end_word();
        while self
            .rest
            .next_if(|letter| "<>&".contains(*letter))
            .is_some()
        {}
        self.redirected = true;
    }

    fn variable(&mut self) {
        let braced = self.rest.next_if_eq(&'{').is_some();
        let mut name = String::new();
        let is_part = |letter: &char| letter.is_ascii_alphanumeric() || *letter == '_';
        while let Some(letter) = self.rest.next_if(is_part) {
            name.push(letter);
            if !braced && name.starts_with(|first: char| first.is_ascii_digit()) {
                break;
            }
        }
        let mut otherwise = None;
        if braced {
            let mut behind = String::new();
            while let Some(letter) = self.rest.next_if(|letter| *letter != '}') {
                behind.push(letter);
            }
            self.rest.next();
            otherwise = behind
                .strip_prefix(":-")
                .or(behind.strip_prefix('-'))
                .map(str::to_owned);
            if otherwise.is_none() && !behind.is_empty() {
                name.clear();
            }
        }
        if name.is_empty() && !braced && self.rest.next_if_eq(&'?').is_some() {
            return self.extend(&['$', '?']);
        }
        let value = match name.parse::<usize>() {
            Ok(number) => number
                .checked_sub(1)
                .and_then(|index| self.arguments.get(index))
                .cloned(),
            Err(_) => self.variables.get(&name).cloned(),
        };
        let value = value.or(otherwise).unwrap_or_else(|| UNKNOWN.to_string());
        self.word.get_or_insert_default().push_str(&value);
    }

    fn extend(&mut self, letters: &[char]) {
        self.word.get_or_insert_default().extend(letters);
    }

    fn end_word(&mut self) {
        let Some(word) = self.word.take() else {
            return;
        };
        let to_stream = std::mem::take(&mut self.redirected);
        if to_stream && !word.starts_with("/dev/tcp/") {
            return;
        }
        if let Some((name, value)) = assignment(&word).filter(|_| self.words.is_empty()) {
            let known = self.variables.entry(name.to_owned());
            // One that has several values has none that is known.
            known
                .and_modify(|known| {
                    if known != value {
                        *known = UNKNOWN.to_string();
                    }
                })
                .or_insert_with(|| value.to_owned());
            return;
        }
        self.words.push(word);
    }

    fn end(&mut self, next: Next) {
        self.end_word();
        self.redirected = false;
        let words = std::mem::take(&mut self.words);
        if !words.is_empty() {
            self.found.push(Simple { words, next });
        } else if let Some(last) = self.found.last_mut() {
            // `$(...) || exit`: what follows a substitution follows the command in it.
            if next != Next::End && last.next == Next::End {
                last.next = next;
            }
        }
    }
}

fn assignment(word: &str) -> Option<(&str, &str)> {
    let (name, value) = word.split_once('=')?;
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let starts = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    (starts && name.bytes().all(is_name)).then_some((name, value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str, arguments: &[&str]) -> String {
        let arguments: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
        let mut all = String::new();
        for command in commands(text, &arguments) {
            all += &command.words.join(" ");
            all += match command.next {
                Next::Pipe => " | ",
                Next::And => " && ",
                Next::Or => " || ",
                Next::End => " ; ",
            };
        }
        all
    }

    #[test]
    fn commands_of_a_text() {
        for (text, expected) in [
            (
                "netstat -tln | grep ':443 '",
                "netstat -tln | grep :443  ; ",
            ),
            (
                "# x\nss -tln|grep -q 443 || exit 1",
                "ss -tln | grep -q 443 || exit 1 ; ",
            ),
            ("PORT=443\nss | grep $PORT", "ss | grep 443 ; "),
            ("PORT=443; ss | grep \"${PORT}\"", "ss | grep 443 ; "),
            ("ss | grep :$1 >/dev/null 2>&1", "ss | grep :80 ; "),
            ("nc -z h ${2:-443} &>/dev/null", "nc -z h 443 ; "),
            ("P=1; P=2; echo $P $X", "echo \u{fffd} \u{fffd} ; "),
            ("n=$(ss -tln | grep -c :443)", "ss -tln | grep -c :443 ; "),
            (
                "if [ \"`pidof x`\" = \"\" ]; then exit 1; fi",
                "if [  ; pidof x ;  =  ] ; then exit 1 ; fi ; ",
            ),
            ("</dev/tcp/127.0.0.1/6443", "/dev/tcp/127.0.0.1/6443 ; "),
            (
                "exec 3<>/dev/tcp/127.0.0.1/6443",
                "exec /dev/tcp/127.0.0.1/6443 ; ",
            ),
            ("a \\\n b", "a b ; "),
        ] {
            assert_eq!(shown(text, &["80"]), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_a_text_has_in_it(text: String) {
            prop_assert!(commands(&text, &[]).len() <= MOST + 1);
        }
    }
}
