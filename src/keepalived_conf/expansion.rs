//! Puts in what definitions stand for, and keeps what is for this host (lib/parser.c, the second half of `read_line`,
//! and `replace_param`).

use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use super::Version;
use super::comment::skip_blanks;
use super::definitions::{Value, definition, name};
use super::diagnostic::{Construct, Difference, Problem, Unsafe};
use super::reader::{LONGEST, Reader};
use super::words::lossy;

/// Keywords whose words are for another program, which can know a `$NAME` itself.
const COMMANDS: &[&str] = &[
    "script",
    "misc_path",
    "notify",
    "quorum_",
    "startup_script",
    "shutdown_script",
];

impl Reader<'_> {
    /// Returns a line with its definitions expanded. `None`: nothing remains of it.
    pub(super) fn expand(&mut self, mut text: Vec<u8>) -> Option<Vec<u8>> {
        let mut again = false;
        loop {
            let is_special = text.starts_with(b"@")
                || text.starts_with(b"~SEQ")
                || text.starts_with(b"~LST")
                || definition(&text).is_some();
            if again && is_special && !self.reads_again(&text) {
                return None;
            }
            if let Some(rest) = text.strip_prefix(b"@") {
                text = self.for_this_host(rest)?;
            }
            if let Some((name, value)) = definition(&text) {
                self.define(name, value);
                return None;
            }
            if text.starts_with(b"~SEQ") || text.starts_with(b"~LST") {
                let construct = Construct::Sequence;
                self.report(Problem::NotUnderstood { construct });
                return None;
            }
            if !text.contains(&b'$') || !self.replace(&mut text)? {
                self.check_dollars(&text);
                return Some(text);
            }
            self.expanded = true;
            text = self.without_comment(&text);
            if !text.starts_with(b"@") && !text.contains(&b'$') {
                return Some(text);
            }
            again = true;
        }
    }

    /// Returns whether keepalived treats a line that comes from a definition as a line of a file.
    fn reads_again(&mut self, text: &[u8]) -> bool {
        if self.context.since(Version::new(2, 4, 0)) {
            self.report(Problem::NotReadAgain);
            return false;
        }
        if text.starts_with(b"@") && !self.context.since(Version::new(2, 2, 8)) {
            let what = Unsafe::Conditional;
            self.report(Problem::Unsafe { what });
            return false;
        }
        self.context.differs(&self.place, Difference::ReadAgain);
        true
    }

    /// Returns what follows `@id` on this host, or `@^id` on another.
    fn for_this_host(&self, rest: &[u8]) -> Option<Vec<u8>> {
        let (others, rest) = match rest.strip_prefix(b"^") {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let end = rest.iter().position(|byte| b" \t".contains(byte))?;
        let is_id = rest.get(..end)? == self.context.id;
        (is_id != others).then(|| skip_blanks(rest.get(end..).unwrap_or_default()).to_owned())
    }

    /// Puts in what the definitions of a line stand for. Returns whether there were any; `None`: the line is lost.
    fn replace(&mut self, text: &mut Vec<u8>) -> Option<bool> {
        let mut replaced = false;
        let mut at = 0;
        while let Some(dollar) = next_dollar(text, at) {
            at = dollar;
            let rest = text.get(at..).unwrap_or_default();
            let Some((found, value)) = self.definitions.reference(rest) else {
                at += 1;
                continue;
            };
            let (length, name) = (found.length, found.name);
            let value = match value {
                None if name == b"_RANDOM" => {
                    let what = Unsafe::Random;
                    let construct = Construct::Random;
                    let has_bounds = !found.parameters.is_empty();
                    self.report(
                        match has_bounds && !self.context.since(Version::new(2, 4, 0)) {
                            true => Problem::Unsafe { what },
                            false => Problem::NotUnderstood { construct },
                        },
                    );
                    self.unread = true;
                    b"0".to_vec()
                }
                None if name == b"_ENV" && self.context.since(Version::new(2, 4, 0)) => {
                    let construct = Construct::Environment;
                    self.report(Problem::NotUnderstood { construct });
                    self.unread = true;
                    Vec::new()
                }
                None => {
                    at += 1;
                    continue;
                }
                Some(Value::Text(text)) => text.to_vec(),
                Some(Value::Lines(text)) => {
                    let text = Arc::clone(text);
                    self.begin_lines(text)
                }
                Some(Value::Folder) => {
                    let real = self.context.files.real(&self.folder);
                    real.as_os_str().as_bytes().to_owned()
                }
                Some(Value::Id) => self.context.id.to_owned(),
            };
            replaced = true;
            match self.expansions_left.checked_sub(1) {
                Some(left) => self.expansions_left = left,
                None => {
                    self.stop(Problem::EndlessDefinition);
                    return None;
                }
            }
            if text.len() - length + value.len() > LONGEST {
                let what = Unsafe::LongExpansion;
                self.report(Problem::Unsafe { what });
                return None;
            }
            let is_sequence = skip_blanks(&value).starts_with(b"~");
            text.splice(at..at + length, value);
            if is_sequence {
                break;
            }
        }
        Some(replaced)
    }

    /// Reports dollar signs that keepalived leaves as they are.
    fn check_dollars(&mut self, text: &[u8]) {
        let is_command = is_command(text);
        let mut at = 0;
        while let Some(dollar) = next_dollar(text, at) {
            at = dollar + 1;
            let rest = text.get(at..).unwrap_or_default();
            let Some(name) = name(rest.strip_prefix(b"{").unwrap_or(rest)) else {
                continue;
            };
            let shown = lossy(name);
            if self.definitions.get(name).is_some() {
                self.report(Problem::NotDelimited { name: shown });
            } else if !is_command {
                self.report(Problem::Undefined { name: shown });
                self.unread = true;
            }
        }
    }
}

/// Returns whether a line has words for another program.
pub(super) fn is_command(line: &[u8]) -> bool {
    COMMANDS
        .iter()
        .any(|keyword| line.starts_with(keyword.as_bytes()))
}

/// Returns where the next dollar sign is that something follows.
fn next_dollar(text: &[u8], from: usize) -> Option<usize> {
    let rest = text.get(from..)?;
    let at = from + rest.iter().position(|byte| *byte == b'$')?;
    (at + 1 < text.len()).then_some(at)
}
