//! Expands definitions, and keeps the lines that are for this host (lib/parser.c, the second half of `read_line`, and
//! `replace_param`).

use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use super::comment::skip_blanks;
use super::definitions::{Value, definition, name, reference};
use super::diagnostic::Problem;
use super::reader::{LONGEST, Reader};
use super::words::{is_command, lossy};

impl Reader<'_> {
    /// Returns a line with its definitions expanded. `None`: nothing remains of it.
    pub(super) fn expand(&mut self, mut text: Vec<u8>) -> Option<Vec<u8>> {
        if let Some(rest) = text.strip_prefix(b"@") {
            text = self.on_this_host(rest)?;
        }
        if let Some((name, value)) = definition(&text) {
            self.define(name, value);
            return None;
        }
        let mut problem = Problem::NotFollowed;
        if !is_special(&text) && self.replace(&mut text)? {
            self.expanded = true;
            text = self.without_comment(&text);
            // Up to 2.3.4 keepalived interprets a line that comes from a definition like a line of a file.
            if self.cx.since(2, 4, 0) {
                problem = Problem::NotReadAgain;
            }
        }
        if is_special(&text) {
            let part = lossy(text.get(..4).unwrap_or_default());
            self.report(problem, &[("part", &part)]);
            return None;
        }
        self.check_dollars(&text);
        Some(text)
    }

    /// Returns what follows `@id` on this host, or `@^id` on another.
    fn on_this_host(&self, rest: &[u8]) -> Option<Vec<u8>> {
        let (others, rest) = match rest.strip_prefix(b"^") {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let end = rest.iter().position(|byte| b" \t".contains(byte))?;
        let is_id = rest.get(..end)? == self.cx.id;
        (is_id != others).then(|| skip_blanks(rest.get(end..).unwrap_or_default()).to_owned())
    }

    /// Expands the definitions of a line. Returns true if there were any, and `None` if the line is lost.
    fn replace(&mut self, text: &mut Vec<u8>) -> Option<bool> {
        let mut replaced = false;
        let mut at = 0;
        while let Some(dollar) = next_dollar(text, at) {
            at = dollar;
            let rest = text.get(at..).unwrap_or_default();
            let Some(found) = reference(rest) else {
                at += 1;
                continue;
            };
            let is_last = found.length == rest.len();
            let value = match self.definitions.get(found.name) {
                // Only keepalived knows the value.
                _ if found.has_parameters || [&b"_RANDOM"[..], b"_ENV"].contains(&found.name) => {
                    let part = lossy(rest.get(..found.length).unwrap_or_default());
                    self.unread = true;
                    self.report(Problem::NotFollowed, &[("part", &part)]);
                    b"0".to_vec()
                }
                Some(Value::Text(text)) => text.to_vec(),
                Some(Value::Lines(text)) if is_last => {
                    let text = Arc::clone(text);
                    self.begin_lines(text)
                }
                Some(Value::Folder) => {
                    let real = self.cx.files.real(&self.source.folder);
                    real.as_os_str().as_bytes().to_owned()
                }
                Some(Value::Lines(_)) | None => {
                    at += 1;
                    continue;
                }
            };
            replaced = true;
            if !self.count_expansion() {
                return None;
            }
            if text.len() - found.length + value.len() > LONGEST {
                self.report(Problem::Garbled, &[]);
                return None;
            }
            let is_sequence = skip_blanks(&value).starts_with(b"~");
            let end = at + found.length;
            text.splice(at..end, value);
            if is_sequence {
                break;
            }
        }
        Some(replaced)
    }

    /// Reports dollar signs that keepalived leaves as they are.
    fn check_dollars(&mut self, text: &[u8]) {
        let mut at = 0;
        while let Some(dollar) = next_dollar(text, at) {
            at = dollar + 1;
            let rest = text.get(at..).unwrap_or_default();
            let Some(name) = name(rest.strip_prefix(b"{").unwrap_or(rest)) else {
                continue;
            };
            if self.definitions.contains_key(name) {
                self.report(Problem::NotDelimited, &[("name", &lossy(name))]);
            } else if !is_command(text) {
                // Another program can know the name.
                self.report(Problem::Undefined, &[("name", &lossy(name))]);
                self.unread = true;
            }
        }
    }
}

/// Returns whether a line is not one with a keyword.
fn is_special(text: &[u8]) -> bool {
    let is_sequence = text.starts_with(b"~SEQ") || text.starts_with(b"~LST");
    is_sequence || text.starts_with(b"@") || definition(text).is_some()
}

/// Returns where the next dollar sign is that something follows.
fn next_dollar(text: &[u8], from: usize) -> Option<usize> {
    let rest = text.get(from..)?;
    let at = from + rest.iter().position(|byte| *byte == b'$')?;
    (at + 1 < text.len()).then_some(at)
}
