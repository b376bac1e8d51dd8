//! Definitions, `$NAME=value` (lib/parser.c, `check_definition`, `find_definition`).

use std::collections::HashMap;
use std::sync::Arc;

use super::comments::{skip_blanks, trim_end};

/// The definitions so far.
#[derive(Debug)]
pub(super) struct Definitions {
    list: Vec<Definition>,
    by_name: HashMap<Vec<u8>, usize>,
}

#[derive(Debug)]
struct Definition {
    value: Value,
    /// It has more than one line.
    lines: bool,
}

/// What a definition stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// A text; the lines are separated by line feeds.
    Text(Arc<Vec<u8>>),
    /// The folder of the file.
    Folder,
    /// The name of this host, or what `-i` says.
    Host,
    /// A number that keepalived draws.
    Random,
}

/// A definition that is used in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Use<'a> {
    /// Its number, for [`Definitions::value`].
    pub index: usize,
    /// How long the use is, with the dollar sign.
    pub length: usize,
    /// The numbers behind the name in `${_RANDOM 1 6}`.
    pub parameters: &'a [u8],
}

impl Definitions {
    /// Those that keepalived brings along.
    pub fn standard() -> Self {
        let mut standard = Self {
            list: Vec::new(),
            by_name: HashMap::new(),
        };
        for (name, value) in [
            (&b"_PWD"[..], Value::Folder),
            (b"_INSTANCE", Value::Host),
            (b"_RANDOM", Value::Random),
            (b"_HASH", Value::Text(Arc::new(b"#".to_vec()))),
            (b"_BANG", Value::Text(Arc::new(b"!".to_vec()))),
        ] {
            standard.put(name, value, None);
        }
        standard
    }

    /// Takes a line `$NAME=value`; its number and whether it goes on in the next line.
    pub fn define(&mut self, line: &[u8]) -> Option<(usize, bool)> {
        let rest = line.strip_prefix(b"$")?;
        let name = name(rest)?;
        let value = rest.get(name.len()..)?.strip_prefix(b"=")?;
        let mut value = skip_blanks(value).to_owned();
        let lines = value.ends_with(b"\\");
        if lines {
            value.pop();
            trim_end(&mut value);
            if !value.is_empty() {
                value.push(b'\n');
            }
        }
        let value = Value::Text(Arc::new(value));
        Some((self.put(name, value, Some(lines)), lines))
    }

    /// Gives a name another value, as `~SEQ` does.
    pub fn set(&mut self, name: &[u8], value: Vec<u8>) {
        self.put(name, Value::Text(Arc::new(value)), None);
    }

    fn put(&mut self, name: &[u8], value: Value, lines: Option<bool>) -> usize {
        let index = self.by_name.get(name).copied();
        match index.and_then(|index| Some((index, self.list.get_mut(index)?))) {
            Some((index, known)) => {
                known.value = value;
                known.lines = lines.unwrap_or(known.lines);
                index
            }
            None => {
                let lines = lines.unwrap_or(false);
                self.by_name.insert(name.to_owned(), self.list.len());
                self.list.push(Definition { value, lines });
                self.list.len() - 1
            }
        }
    }

    /// Adds a line to one that goes on; whether it still does.
    pub fn extend(&mut self, index: usize, line: &[u8]) -> bool {
        let goes_on = line.ends_with(b"\\");
        let mut line = line.to_owned();
        if goes_on {
            line.pop();
            trim_end(&mut line);
            line.push(b'\n');
        }
        let counts = line.len() >= 2 || (!line.is_empty() && !goes_on);
        if let Some(definition) = self.list.get_mut(index) {
            if !goes_on && definition.is_empty() {
                definition.lines = false;
            }
            if let (true, Value::Text(text)) = (counts, &mut definition.value) {
                Arc::make_mut(text).extend(line);
            }
        }
        goes_on
    }

    /// Ends one that goes on, at a line that is wholly empty.
    pub fn end(&mut self, index: usize) {
        if let Some(definition) = self.list.get_mut(index) {
            definition.lines &= !definition.is_empty();
        }
    }

    /// What one stands for, and whether it has more than one line.
    pub fn value(&self, index: usize) -> Option<(&Value, bool)> {
        let definition = self.list.get(index)?;
        Some((&definition.value, definition.lines))
    }

    /// Whether a name is defined.
    pub fn has(&self, name: &[u8]) -> bool {
        self.by_name.contains_key(name)
    }

    /// The definition that a text uses which begins with a dollar sign.
    pub fn used<'a>(&self, text: &'a [u8]) -> Option<Use<'a>> {
        let rest = text.strip_prefix(b"$")?;
        let in_braces = rest.strip_prefix(b"{");
        let name = name(in_braces.unwrap_or(rest))?;
        let behind = in_braces.unwrap_or(rest).get(name.len()..)?;
        let mut parameters: &[u8] = b"";
        let length = if in_braces.is_some() {
            let is_parameter = |byte: &u8| *byte == b' ' || byte.is_ascii_digit();
            let count = behind.iter().take_while(|byte| is_parameter(byte)).count();
            parameters = behind.get(..count)?.trim_ascii_start();
            let ends_well = parameters.is_empty() || !parameters.ends_with(b" ");
            if !ends_well || behind.get(count) != Some(&b'}') {
                return None;
            }
            name.len() + count + 3
        } else {
            if !matches!(behind.first(), None | Some(b' ' | b'\t' | b',' | b')')) {
                return None;
            }
            name.len() + 1
        };
        let is_all = text.len() == length;
        let index = *self.by_name.get(name)?;
        let known = self
            .list
            .get(index)
            .filter(|known| is_all || !known.lines)?;
        let fits = parameters.is_empty() || known.value == Value::Random;
        fits.then_some(Use {
            index,
            length,
            parameters,
        })
    }
}

impl Definition {
    fn is_empty(&self) -> bool {
        matches!(&self.value, Value::Text(text) if text.is_empty())
    }
}

/// The name that a text begins with.
pub(super) fn name(text: &[u8]) -> Option<&[u8]> {
    let begins = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_';
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    text.first().filter(|byte| begins(byte))?;
    let length = text.iter().take_while(|byte| is_part(byte)).count();
    text.get(..length)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Definitions, Value};

    #[test]
    fn lines_that_define() {
        for (line, value) in [
            ("$A=x y", Some("x y")),
            ("$A= \t x", Some("x")),
            ("$A=", Some("")),
            ("$A=a=b", Some("a=b")),
            ("$_a1=x", Some("x")),
            ("$A =x", None),
            ("$1=x", None),
            ("$A-B=x", None),
            ("A=x", None),
            ("$A=a \\", Some("a\n")),
            ("$A=\\", Some("")),
        ] {
            let mut definitions = Definitions::standard();
            let found = definitions.define(line.as_bytes());
            let found = found.and_then(|(index, _)| definitions.value(index));
            let expected = value.map(|value| Value::Text(Arc::new(value.into())));
            assert_eq!(found.map(|(value, _)| value), expected.as_ref(), "{line}");
        }
    }

    #[test]
    fn texts_that_use() {
        let mut definitions = Definitions::standard();
        definitions.define(b"$A=x");
        let (lines, _) = definitions.define(b"$M=a\\").unwrap();
        assert!(!definitions.extend(lines, b"b"));
        for (text, length) in [
            ("$A", Some(2)),
            ("$A b", Some(2)),
            ("$A,b", Some(2)),
            ("$A)", Some(2)),
            ("$A\"", None),
            ("$A/x", None),
            ("$Ab", None),
            ("${A}x", Some(4)),
            ("${A", None),
            ("${A 1}", None),
            ("${_RANDOM 1 6}x", Some(14)),
            ("${_RANDOM 1 }", None),
            ("${_ENV HOME}", None),
            ("$M", Some(2)),
            ("$M b", None),
            ("${M}", Some(4)),
            ("${M}b", None),
        ] {
            let found = definitions.used(text.as_bytes()).map(|found| found.length);
            assert_eq!(found, length, "{text}");
        }
    }
}
