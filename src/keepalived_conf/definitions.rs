//! Definitions, `$NAME=value` (lib/parser.c, `check_definition`, `find_definition`).

use std::collections::HashMap;
use std::sync::Arc;

use super::comment::{skip_blanks, trim_end};

/// The value of a definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// A text of one line.
    Text(Arc<[u8]>),
    /// A text of several lines, which are separated by line feeds.
    Lines(Arc<[u8]>),
    /// The folder of the file.
    Folder,
}

/// A definition that a text uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reference<'a> {
    pub name: &'a [u8],
    /// How long the use is, with the dollar sign and the braces.
    pub length: usize,
    /// True if the braces have more than the name.
    pub has_parameters: bool,
}

/// The definitions so far.
pub(super) type Definitions = HashMap<Vec<u8>, Value>;

/// Returns those that keepalived has itself. `id` is what `@id` is compared with.
pub(super) fn standard(id: &[u8]) -> Definitions {
    let standard: [(&[u8], Value); 4] = [
        (b"_PWD", Value::Folder),
        (b"_INSTANCE", Value::Text(Arc::from(id))),
        (b"_HASH", Value::Text(Arc::from(*b"#"))),
        (b"_BANG", Value::Text(Arc::from(*b"!"))),
    ];
    HashMap::from(standard.map(|(name, value)| (name.to_owned(), value)))
}

/// Returns the name that a text uses which begins with a dollar sign: `${NAME}`, or `$NAME` before a blank, a comma, a
/// parenthesis or the end of the line.
pub(super) fn reference(text: &[u8]) -> Option<Reference<'_>> {
    let rest = text.strip_prefix(b"$")?;
    if let Some(inner) = rest.strip_prefix(b"{") {
        let name = name(inner)?;
        let end = inner.iter().position(|byte| *byte == b'}')?;
        let parameters = inner.get(name.len()..end)?;
        let is_separate = parameters.is_empty() || parameters.starts_with(b" ");
        return is_separate.then(|| Reference {
            name,
            length: end + 3,
            has_parameters: !parameters.trim_ascii().is_empty(),
        });
    }
    let name = name(rest)?;
    let next = rest.get(name.len());
    matches!(next, None | Some(b' ' | b'\t' | b',' | b')')).then_some(Reference {
        name,
        length: name.len() + 1,
        has_parameters: false,
    })
}

/// Returns the name and the value of a line `$NAME=value`.
pub(super) fn definition(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = line.strip_prefix(b"$")?;
    let name = name(rest)?;
    let value = rest.get(name.len()..)?.strip_prefix(b"=")?;
    Some((name, skip_blanks(value)))
}

/// Adds a line to a definition of several lines. Returns whether the next line belongs to it, too.
pub(super) fn add_line(value: &mut Vec<u8>, line: &[u8]) -> bool {
    let continues = line.ends_with(b"\\");
    let mut line = line.to_owned();
    if continues {
        line.pop();
        trim_end(&mut line);
    }
    if !line.is_empty() {
        if !value.is_empty() {
            value.push(b'\n');
        }
        value.extend(line);
    }
    continues
}

/// Returns the name that a text begins with.
pub(super) fn name(text: &[u8]) -> Option<&[u8]> {
    let begins = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_';
    let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
    text.first().filter(|byte| begins(byte))?;
    let length = text.iter().take_while(is_part).count();
    text.get(..length)
}

#[cfg(test)]
mod tests {
    use super::{definition, reference};

    #[test]
    fn definitions_are_recognized() {
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
        ] {
            let found = definition(line.as_bytes()).map(|(_, value)| value);
            assert_eq!(found, value.map(str::as_bytes), "{line}");
        }
    }

    #[test]
    fn references_to_definitions_are_recognized() {
        for (text, length) in [
            ("$A", Some(2)),
            ("$A b", Some(2)),
            ("$A,b", Some(2)),
            ("$A)", Some(2)),
            ("$A\"", None),
            ("$A/x", None),
            ("$Ab", Some(3)),
            ("${A}x", Some(4)),
            ("${A", None),
            ("${_RANDOM 1 6}x", Some(14)),
            ("$1", None),
            ("${A b", None),
            ("${Ab.c}", None),
        ] {
            let found = reference(text.as_bytes()).map(|found| found.length);
            assert_eq!(found, length, "{text}");
        }
    }
}
