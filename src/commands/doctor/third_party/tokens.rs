//! The words and operators of a shell script.

/// The depth up to which substitutions can contain each other.
const DEPTH: usize = 5;

/// A line that is outside of what is understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotUnderstood(pub usize);

/// Tokens, each with its line.
pub type Tokens = Vec<(usize, Token)>;

/// A word or an operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// A word in its parts.
    Word(Vec<Part>),
    /// `|`, `&&`, a line feed and the like.
    Operator(&'static str),
    /// A redirection of this descriptor; its target is the next word.
    Redirect(Option<u16>, &'static str),
}

/// A part of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// True inside quotes.
    pub quoted: bool,
    /// Its text, or what stands for it.
    pub content: Content,
}

/// What a part of a word consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Text as it is.
    Text(String),
    /// A variable, and the value that it has otherwise (`${1:-443}`).
    Variable(String, String),
    /// The output of commands.
    Output(Tokens),
}

impl Token {
    /// Returns the text of a word that has no quotes and no substitutions.
    pub fn plain(&self) -> Option<&str> {
        match self {
            Self::Word(parts) => match parts.as_slice() {
                [
                    Part {
                        quoted: false,
                        content: Content::Text(text),
                    },
                ] => Some(text),
                _ => None,
            },
            _ => None,
        }
    }
}

impl Token {
    /// Returns an operator as it is written; empty for a word.
    pub fn operator(&self) -> &'static str {
        match self {
            Self::Operator(operator) => operator,
            _ => "",
        }
    }
}

/// Longer ones come before their beginnings.
const OPERATORS: [&str; 9] = ["&&", "||", ";;", ";", "|", "&", "(", ")", "\n"];
const REDIRECTS: [&str; 9] = ["&>>", "&>", "<<", "<>", ">>", ">&", "<&", ">", "<"];

/// Splits a script.
///
/// # Errors
/// Returns the line in which something is that is not understood.
pub fn split(text: &str) -> Result<Tokens, NotUnderstood> {
    Splitter {
        rest: text,
        line: 1,
        depth: 0,
    }
    .tokens(false)
}

struct Splitter<'t> {
    rest: &'t str,
    line: usize,
    depth: usize,
}

type Split<T> = Result<T, NotUnderstood>;

impl Splitter<'_> {
    fn fail<T>(&self) -> Split<T> {
        Err(NotUnderstood(self.line))
    }

    /// Reads to the end, or to the bracket that closes a substitution.
    fn tokens(&mut self, is_substitution: bool) -> Split<Tokens> {
        let (mut tokens, mut open) = (Tokens::new(), 0_usize);
        loop {
            self.rest = self.rest.trim_start_matches([' ', '\t']);
            let line = self.line;
            if self.skip("\\\n") {
                self.line += 1;
            } else if self.rest.starts_with('#') {
                self.rest = self
                    .rest
                    .find('\n')
                    .and_then(|at| self.rest.get(at..))
                    .unwrap_or_default();
            } else if self.rest.is_empty() {
                return if is_substitution {
                    self.fail()
                } else {
                    Ok(tokens)
                };
            } else if let Some(redirect) = self.redirect() {
                tokens.push((line, redirect));
            } else if let Some(operator) = OPERATORS.iter().find(|one| self.rest.starts_with(**one))
            {
                self.skip(operator);
                self.line += usize::from(*operator == "\n");
                match *operator {
                    "(" => open += 1,
                    ")" if open > 0 => open -= 1,
                    ")" if is_substitution => return Ok(tokens),
                    _ => {}
                }
                // A line feed after | or && ends nothing.
                let before = tokens.last().map_or("", |(_, token)| token.operator());
                if *operator != "\n" || !["|", "||", "&&"].contains(&before) {
                    tokens.push((line, Token::Operator(operator)));
                }
            } else {
                tokens.push((line, Token::Word(self.word()?)));
            }
        }
    }

    fn redirect(&mut self) -> Option<Token> {
        let behind = self.rest.trim_start_matches(|c: char| c.is_ascii_digit());
        let number = self.rest.strip_suffix(behind)?;
        let operator = REDIRECTS.iter().find(|one| behind.starts_with(**one))?;
        self.rest = behind.strip_prefix(operator)?;
        Some(Token::Redirect(number.parse().ok(), operator))
    }

    fn word(&mut self) -> Split<Vec<Part>> {
        let (mut word, mut quoted) = (Vec::new(), false);
        loop {
            match self.rest.chars().next() {
                None if quoted => return self.fail(),
                None => return Ok(word),
                Some(letter) if !quoted && " \t\n|&;<>()".contains(letter) => return Ok(word),
                Some(letter) => self.letter(letter, &mut word, &mut quoted)?,
            }
        }
    }

    fn letter(&mut self, letter: char, word: &mut Vec<Part>, quoted: &mut bool) -> Split<()> {
        self.skip(letter.encode_utf8(&mut [0; 4]));
        self.line += usize::from(letter == '\n');
        let content = match letter {
            '\'' if !*quoted => {
                let Some((text, rest)) = self.rest.split_once('\'') else {
                    return self.fail();
                };
                self.rest = rest;
                self.line += text.matches('\n').count();
                word.push(Part {
                    quoted: true,
                    content: Content::Text(text.to_owned()),
                });
                return Ok(());
            }
            '"' => {
                *quoted = !*quoted;
                word.push(Part {
                    quoted: true,
                    content: Content::Text(String::new()),
                });
                return Ok(());
            }
            '\\' => {
                let Some(next) = self.rest.chars().next() else {
                    return self.fail();
                };
                self.skip(next.encode_utf8(&mut [0; 4]));
                self.line += usize::from(next == '\n');
                if *quoted && !"$`\"\\\n".contains(next) {
                    push(word, '\\', true);
                }
                if next != '\n' {
                    push(word, next, true);
                }
                return Ok(());
            }
            '$' => self.dollar()?,
            '`' => {
                let Some((text, rest)) = self.rest.split_once('`') else {
                    return self.fail();
                };
                // A backslash is taken away before the commands are read.
                if text.contains('\\') || self.depth >= DEPTH {
                    return self.fail();
                }
                self.rest = rest;
                let mut inner = Splitter {
                    rest: text,
                    line: self.line,
                    depth: self.depth + 1,
                };
                self.line += text.matches('\n').count();
                Content::Output(inner.tokens(false)?)
            }
            // An invisible carriage return is part of the word.
            letter if letter.is_control() && letter != '\n' && letter != '\t' => {
                return self.fail();
            }
            letter => {
                push(word, letter, *quoted);
                return Ok(());
            }
        };
        word.push(Part {
            quoted: *quoted,
            content,
        });
        Ok(())
    }

    fn dollar(&mut self) -> Split<Content> {
        if self.rest.starts_with("((") || self.rest.starts_with(['\'', '"']) || self.depth >= DEPTH
        {
            return self.fail();
        }
        if self.skip("(") {
            self.depth += 1;
            let tokens = self.tokens(true)?;
            self.depth -= 1;
            return Ok(Content::Output(tokens));
        }
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if self.skip("{") {
            let Some((inside, rest)) = self.rest.split_once('}') else {
                return self.fail();
            };
            self.rest = rest;
            let (name, otherwise) = inside.split_once(":-").unwrap_or((inside, ""));
            let is_plain = otherwise.chars().all(|c| is_name(c) || "./:-".contains(c));
            return match !name.is_empty() && name.chars().all(is_name) && is_plain {
                true => Ok(Content::Variable(name.to_owned(), otherwise.to_owned())),
                false => self.fail(),
            };
        }
        let length = match self.rest.chars().next() {
            Some('?' | '$' | '#' | '@' | '*' | '!' | '-' | '0'..='9') => 1,
            _ => self.rest.find(|c| !is_name(c)).unwrap_or(self.rest.len()),
        };
        let (name, rest) = self.rest.split_at(length);
        self.rest = rest;
        Ok(match name {
            "" => Content::Text("$".to_owned()),
            name => Content::Variable(name.to_owned(), String::new()),
        })
    }

    fn skip(&mut self, prefix: &str) -> bool {
        let rest = self.rest.strip_prefix(prefix);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }
}

fn push(word: &mut Vec<Part>, letter: char, quoted: bool) {
    if let Some(Part {
        quoted: same,
        content: Content::Text(text),
    }) = word.last_mut()
    {
        if *same == quoted {
            return text.push(letter);
        }
    }
    word.push(Part {
        quoted,
        content: Content::Text(letter.to_string()),
    });
}
