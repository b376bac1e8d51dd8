//! Reads the words of a script, for `commands`. An unknown command ends the reading.

use std::collections::HashMap;

use super::filter::Output;
use super::look::{Look, Scene};
use super::shape::{self, Meaning};

/// The looks of a script, and the meaning of its success.
#[derive(Clone, Debug, Default)]
pub struct Shape {
    /// The ports and processes that the script looks for.
    pub looks: Vec<Look>,
    /// The meaning of its success. `None` if the script is not one of the known shapes.
    pub meaning: Option<Meaning>,
    /// The line where it compares a number of lines with 1.
    pub one: Option<usize>,
}

/// A word of a command.
#[derive(Clone, Debug)]
pub(super) enum Word {
    Text(String),
    /// The output of a pipe, and whether it is in quotes.
    Output(Look, Output, bool),
    /// `$?`
    Status,
    Assignment(String, Box<Word>),
}

/// Words for redirections that hide the output, and for the beginning of the name of a connection.
pub(super) const HIDDEN: char = '\u{1}';
pub(super) const CONNECTION: char = '\u{2}';

/// The known redirections, and what is read in place of them. Longer ones come before their ends.
const REDIRECTIONS: [(&str, char); 14] = [
    ("2>&1", ' '),
    ("2>/dev/null", ' '),
    ("2> /dev/null", ' '),
    ("1>&2", HIDDEN),
    (">&2", HIDDEN),
    ("&>/dev/null", HIDDEN),
    ("&> /dev/null", HIDDEN),
    ("1>/dev/null", HIDDEN),
    (">/dev/null", HIDDEN),
    ("> /dev/null", HIDDEN),
    ("</dev/tcp/", CONNECTION),
    ("< /dev/tcp/", CONNECTION),
    (">/dev/tcp/", CONNECTION),
    ("> /dev/tcp/", CONNECTION),
];

/// A script that is read, from the first character to the last.
pub(super) struct Reader<'t> {
    rest: &'t str,
    line: usize,
    /// The line of the command that is read.
    pub(super) start: usize,
    pub(super) bash: bool,
    arguments: &'t [String],
    pub(super) scene: Scene<'t>,
    pub(super) variables: HashMap<String, Word>,
    pub(super) symbols: String,
    pub(super) shape: Shape,
    /// The letters of `set`, and P for pipefail.
    pub(super) set: String,
    in_backquotes: bool,
    depth: usize,
}

/// Longer ones come before their beginnings.
const OPERATORS: [&str; 8] = ["&&", "||", "|", "&", ";", "\n", ")", "`"];
const WORD_ENDS: &str = " \t\n|&;<>()";
/// The symbols after `if` with a condition that always holds.
pub(super) const IF_TRUE: &str = "; if 1 ; then ; ";

/// Reads a script.
///
/// # Errors
/// Returns the line that is not understood; 0 for the script as a whole.
pub fn read(
    text: &str,
    bash: bool,
    arguments: &[String],
    scene: Scene<'_>,
) -> Result<Shape, usize> {
    if text.contains([HIDDEN, CONNECTION]) {
        return Err(0);
    }
    let mut text = text.to_owned();
    // A shell that is not bash runs the command of &> in the background.
    for (redirection, word) in REDIRECTIONS
        .into_iter()
        .filter(|(one, _)| bash || !one.starts_with('&'))
    {
        text = text.replace(redirection, &format!(" {word}"));
    }
    let mut reader = Reader {
        rest: &text,
        line: 1,
        start: 1,
        bash,
        arguments,
        scene,
        variables: HashMap::new(),
        symbols: "; ".to_owned(),
        shape: Shape::default(),
        set: String::new(),
        in_backquotes: false,
        depth: 0,
    };
    reader.script().ok_or(reader.start)?;
    let mut row = reader.symbols.trim_end_matches([';', ' ']).to_owned() + " ";
    if let Some(inside) = row.strip_prefix(IF_TRUE) {
        let inside = inside.strip_suffix("; fi ").ok_or(reader.start)?;
        row = format!("; {}", inside.strip_suffix("; else ; E ").unwrap_or(inside));
    }
    let exits = reader.set.contains('e');
    while exits && row.contains("; L ;") {
        row = row.replacen("; L ;", "; L || X1 ;", 1);
    }
    // A failure inside of a list does not end it.
    let is_list = exits && ["&& L ;", "|| L ;"].iter().any(|list| row.contains(list));
    reader.shape.meaning = shape::meaning(&(row + "$")).filter(|_| !is_list);
    Ok(reader.shape)
}

impl Reader<'_> {
    fn script(&mut self) -> Option<()> {
        loop {
            self.start = self.line;
            let (stages, end) = self.command()?;
            self.reduce(stages)?;
            match end {
                "" => return Some(()),
                ";" | "\n" => self.symbol(";"),
                "&&" | "||" => self.symbol(end),
                _ => return None,
            }
        }
    }

    /// Adds a symbol.
    pub(super) fn symbol(&mut self, symbol: &str) {
        let ends = [";", "&&", "||"]
            .iter()
            .any(|end| self.symbols.trim_end().ends_with(end));
        if symbol != ";" || !ends {
            self.symbols.push_str(symbol);
            self.symbols.push(' ');
        }
    }

    fn skip(&mut self, text: &str) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.line += rest.map_or(0, |_| text.matches('\n').count());
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Reads the commands of a pipe, and the operator after it.
    fn command(&mut self) -> Option<(Vec<Vec<Word>>, &'static str)> {
        let (mut stages, mut words) = (Vec::new(), Vec::new());
        loop {
            self.rest = self.rest.trim_start_matches([' ', '\t']);
            if self.rest.starts_with('#') {
                let end = self.rest.find('\n').unwrap_or(self.rest.len());
                self.rest = self.rest.get(end..)?;
            }
            let is_quote = |one: &&str| *one == "`" && !self.in_backquotes;
            let mut operators = OPERATORS.into_iter();
            let operator = operators.find(|one| self.rest.starts_with(one) && !is_quote(one));
            self.skip(operator.unwrap_or_default());
            match operator {
                None if self.skip("\\\n") => {}
                None if !self.rest.is_empty() => words.push(self.word()?),
                // A pipe goes on in the next line.
                Some("\n") if words.is_empty() && !stages.is_empty() => {}
                Some("|") => stages.push(std::mem::take(&mut words)),
                operator => {
                    stages.push(words);
                    return Some((stages, operator.unwrap_or_default()));
                }
            }
        }
    }

    /// Reads a word. What a shell would split, or replace by the names of files, is refused.
    fn word(&mut self) -> Option<Word> {
        let (mut text, mut name, mut value) = (String::new(), None, None);
        let (mut open, mut quoted, mut has_glob) = (false, false, false);
        while let Some(letter) = self.rest.chars().next() {
            if !open && WORD_ENDS.contains(letter) || letter == '`' && self.in_backquotes {
                break;
            }
            self.skip(letter.encode_utf8(&mut [0; 4]));
            match letter {
                '"' => open = !open,
                '\'' if !open => {
                    let (part, rest) = self.rest.split_once('\'')?;
                    self.rest = rest;
                    self.line += part.matches('\n').count();
                    text.push_str(part);
                }
                '\\' => {
                    let next = self.rest.chars().next()?;
                    if next == '\n' || self.in_backquotes && "$`\"\\".contains(next) {
                        return None;
                    }
                    self.skip(next.encode_utf8(&mut [0; 4]));
                    text.push_str(if open && !"$`\"\\".contains(next) {
                        "\\"
                    } else {
                        ""
                    });
                    text.push(next);
                }
                '$' | '`' => match self.substitute(letter, open)? {
                    Word::Text(part) => text.push_str(&part),
                    part if value.is_none() && text.is_empty() => value = Some(part),
                    _ => return None,
                },
                '=' if !quoted && name.is_none() && is_name(&text) => {
                    name = Some(std::mem::take(&mut text))
                }
                letter if letter < ' ' && letter > '\u{2}' && !open => return None,
                letter => {
                    has_glob |= !open && "*?[]{}~!".contains(letter);
                    text.push(letter);
                }
            }
            quoted |= "\"'\\".contains(letter);
        }
        let is_mark = ["[", "]", "[[", "]]", "{", "}", "!"].contains(&text.as_str()) && !quoted;
        let is_empty = text.is_empty() && value.is_none() && !quoted && name.is_none();
        // A variable could double in each line.
        if open
            || is_empty
            || has_glob && !is_mark
            || value.is_some() && !text.is_empty()
            || text.len() > 4096
        {
            return None;
        }
        let value = value.unwrap_or(Word::Text(text));
        Some(match name {
            Some(name) => Word::Assignment(name, Box::new(value)),
            None => value,
        })
    }

    /// Reads what is after `$` or a backquote.
    fn substitute(&mut self, letter: char, quoted: bool) -> Option<Word> {
        if letter == '`' || self.skip("(") {
            let outer = std::mem::replace(&mut self.in_backquotes, letter == '`');
            self.depth += 1;
            let (stages, end) = (self.depth < 9).then(|| self.command())??;
            (self.depth, self.in_backquotes) = (self.depth - 1, outer);
            let is_whole = end == if letter == '`' { "`" } else { ")" };
            let pipe = self.pipe(stages).filter(|_| is_whole)?;
            return Some(Word::Output(pipe.look, pipe.output, quoted));
        }
        let is_braced = self.skip("{");
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let is_short = self
            .rest
            .starts_with(|c: char| c == '?' || c.is_ascii_digit());
        let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at_checked(if is_short { 1 } else { end })?;
        self.rest = rest;
        if is_braced && !self.skip("}") {
            return None;
        }
        let value = match name.parse::<usize>() {
            _ if name == "?" => Word::Status,
            Ok(number) => Word::Text(self.arguments.get(number.checked_sub(1)?)?.clone()),
            // A variable that is not set here can come from keepalived's environment.
            Err(_) => self.variables.get(name)?.clone(),
        };
        match value {
            Word::Output(look, output, _) => Some(Word::Output(look, output, quoted)),
            Word::Text(text)
                if !quoted && !text.chars().all(|c| is_part(c) || "_:./-".contains(c)) =>
            {
                None
            }
            value => Some(value),
        }
    }
}

impl Word {
    /// Returns its text. `None`: it depends on a run.
    pub(super) fn known(&self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.clone()),
            _ => None,
        }
    }

    /// Returns its text, or nothing.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            _ => "",
        }
    }
}

fn is_name(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.chars().all(is_part) && text.starts_with(|c: char| is_part(c) && !c.is_ascii_digit())
}
