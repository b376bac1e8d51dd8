//! keepalived.conf, as far as its check scripts go. The lines are read the way keepalived reads them
//! (lib/parser.c: `decomment`, `read_line`, `process_stream`).
//!
//! Not followed, and told by [`Conf::includes`] and [`Conf::is_defined`]: `include`, and definitions
//! (`$NAME=...`). A line for one machine alone (`@id ...`) is read as if it were for this one.

use super::conf_words::{Malformed, is_space, split};

/// What a file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conf {
    /// The line of `enable_script_security`.
    pub script_security: Option<usize>,
    /// `script_user`: the user and perhaps a group.
    pub script_user: Option<Value>,
    /// The `vrrp_script` blocks, in order.
    pub scripts: Vec<VrrpScript>,
    /// The names in `track_script` blocks.
    pub tracked: Vec<String>,
    /// Files that are included, which were not read.
    pub includes: Vec<Value>,
    definitions: Vec<Vec<u8>>,
}

/// The words that follow a keyword.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// The number of its line, from 1.
    pub line: usize,
    /// Without quotes. Bytes that are no UTF-8 are replaced.
    pub words: Vec<String>,
}

/// A `vrrp_script` block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VrrpScript {
    /// The name that `track_script` uses.
    pub name: String,
    /// Each line with `script`; there should be one.
    pub calls: Vec<Call>,
    /// Seconds between two runs.
    pub interval: Option<Value>,
    /// Seconds until it is killed.
    pub timeout: Option<Value>,
    /// A user of its own, and perhaps a group.
    pub user: Option<Value>,
}

/// A line with `script`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The number of its line, from 1.
    pub line: usize,
    /// The line without comment and surrounding white space.
    pub text: Vec<u8>,
    /// The words of the command, which is the line's second word, and the words behind it, which
    /// keepalived drops.
    pub words: Result<Words, Malformed>,
}

/// What keepalived makes of a line with `script`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// The program and its arguments. Empty: there is no command.
    pub command: Vec<Vec<u8>>,
    /// What stands outside the quotes.
    pub dropped: Vec<Vec<u8>>,
}

/// A block that is open, as far as it matters.
#[derive(Clone, Copy)]
enum Block {
    Global,
    Script(usize),
    Track,
    Other,
}

impl Conf {
    /// Reads a file. Whatever it has in it, something is made of it, as keepalived does.
    pub fn read(text: &[u8]) -> Self {
        let mut conf = Self::default();
        let mut open: Vec<Block> = Vec::new();
        let mut next = Block::Other;
        let mut in_definition = false;
        for (line, text) in (1..).zip(text.split(|byte| *byte == b'\n')) {
            let text = decomment(text);
            let continues = text.ends_with(b"\\");
            if in_definition {
                in_definition = continues;
                continue;
            }
            let text = without_condition(&text);
            if conf.define(text) {
                in_definition = continues;
                continue;
            }
            for piece in pieces(text) {
                match piece {
                    Piece::Open => open.push(std::mem::replace(&mut next, Block::Other)),
                    Piece::Close => {
                        open.pop();
                        next = Block::Other;
                    }
                    Piece::Text(text) => next = conf.statement(line, text, open.last().copied()),
                }
            }
        }
        conf
    }

    /// Whether a text uses a definition, which is not expanded here. keepalived has some of its own,
    /// which begin with an underscore.
    pub fn is_defined(&self, text: &[u8]) -> bool {
        let behind_dollars = text.split(|byte| *byte == b'$').skip(1);
        let mut used = behind_dollars.map(|text| name(text.strip_prefix(b"{").unwrap_or(text)));
        used.any(|used| used.starts_with(b"_") || self.definitions.iter().any(|name| name == used))
    }

    /// Takes note of a line `$NAME=...`.
    fn define(&mut self, text: &[u8]) -> bool {
        let Some(text) = text.strip_prefix(b"$") else {
            return false;
        };
        let name = name(text);
        let behind = text.get(name.len()..).unwrap_or_default().trim_ascii();
        let is_one = behind.starts_with(b"=") && !name.first().is_none_or(u8::is_ascii_digit);
        if is_one {
            self.definitions.push(name.to_owned());
        }
        is_one
    }

    /// Takes note of a line, or of its part before, between or behind braces. The block that a brace
    /// behind it would open.
    fn statement(&mut self, line: usize, text: &[u8], within: Option<Block>) -> Block {
        let words = split(text);
        let keyword = text
            .split(|byte| is_space(*byte))
            .next()
            .unwrap_or_default();
        let values = words.as_ref().ok().and_then(|words| words.get(1..));
        let value = Value {
            line,
            words: values.unwrap_or_default().iter().map(lossy).collect(),
        };
        match (within, keyword) {
            (_, b"include") => self.includes.push(value),
            (None, b"global_defs") => return Block::Global,
            (None, b"vrrp_script") => {
                self.scripts.push(VrrpScript {
                    name: value.words.first().cloned().unwrap_or_default(),
                    calls: Vec::new(),
                    interval: None,
                    timeout: None,
                    user: None,
                });
                return Block::Script(self.scripts.len() - 1);
            }
            (_, b"track_script") => return Block::Track,
            (Some(Block::Track), _) => {
                let name = words.ok().and_then(|words| words.first().map(lossy));
                self.tracked.extend(name);
            }
            (Some(Block::Global), b"enable_script_security") => self.script_security = Some(line),
            (Some(Block::Global), b"script_user") => self.script_user = Some(value),
            (Some(Block::Script(index)), keyword) => {
                if let Some(script) = self.scripts.get_mut(index) {
                    script.statement(keyword, value, text, words);
                }
            }
            _ => {}
        }
        Block::Other
    }
}

impl VrrpScript {
    fn statement(
        &mut self,
        keyword: &[u8],
        value: Value,
        text: &[u8],
        words: Result<Vec<Vec<u8>>, Malformed>,
    ) {
        match keyword {
            b"interval" => self.interval = Some(value),
            b"timeout" => self.timeout = Some(value),
            b"user" => self.user = Some(value),
            b"script" => self.calls.push(Call {
                line: value.line,
                text: text.to_owned(),
                words: words.and_then(call),
            }),
            _ => {}
        }
    }
}

/// What keepalived makes of the words of a line with `script`: the second one is split once more,
/// and the others are dropped (lib/notify.c, `set_script_params_array`).
fn call(words: Vec<Vec<u8>>) -> Result<Words, Malformed> {
    let mut words = words.into_iter().skip(1);
    let command = split(&words.next().unwrap_or_default())?;
    Ok(Words {
        command,
        dropped: words.collect(),
    })
}

/// A line without its comment and the white space around it. `!` and `#` begin a comment except in
/// double quotes and behind a backslash.
fn decomment(line: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(line.len());
    let mut quoted = false;
    let mut bytes = line.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b'!' | b'#' if !quoted => break,
            b'"' => quoted = !quoted,
            b'\\' => match bytes.next() {
                Some(escaped @ (b'!' | b'#')) if !quoted => {
                    kept.push(escaped);
                    continue;
                }
                Some(escaped) => {
                    kept.extend([byte, escaped]);
                    continue;
                }
                None => {}
            },
            _ => {}
        }
        kept.push(byte);
    }
    kept.trim_ascii().to_owned()
}

/// A line without the `@id` or `@^id` in front that makes it one for some machines only.
fn without_condition(line: &[u8]) -> &[u8] {
    if !line.starts_with(b"@") {
        return line;
    }
    match line.iter().position(|byte| is_space(*byte)) {
        Some(end) => line.get(end..).unwrap_or_default().trim_ascii(),
        None => b"",
    }
}

/// A part of a line.
#[derive(Debug, PartialEq, Eq)]
enum Piece<'a> {
    Text(&'a [u8]),
    Open,
    Close,
}

/// Cuts a line at its braces, except in double quotes.
fn pieces(line: &[u8]) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut quoted = false;
    let mut start = 0;
    let text = |from, to| {
        let text = line.get(from..to).unwrap_or_default().trim_ascii();
        (!text.is_empty()).then_some(Piece::Text(text))
    };
    for (at, byte) in line.iter().enumerate() {
        let brace = match byte {
            b'{' if !quoted => Piece::Open,
            b'}' if !quoted => Piece::Close,
            b'"' => {
                quoted = !quoted;
                continue;
            }
            _ => continue,
        };
        pieces.extend(text(start, at));
        pieces.push(brace);
        start = at + 1;
    }
    pieces.extend(text(start, line.len()));
    pieces
}

/// The name of a definition that a text begins with; empty if it begins with none.
fn name(text: &[u8]) -> &[u8] {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let length = text.iter().take_while(|byte| is_part(byte)).count();
    text.get(..length).unwrap_or_default()
}

fn lossy(word: impl AsRef<[u8]>) -> String {
    String::from_utf8_lossy(word.as_ref()).into_owned()
}

#[cfg(test)]
mod tests;
