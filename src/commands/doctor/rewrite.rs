//! `--rewrite`: the lines that replace other programs' checks, as a patch. Nothing is written to a file.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::checks::{self, Check};
use super::codes::outcome::Dropped;
use super::codes::third_party::NotRewritten;
use super::command::{Accounts, Invocation, Runners, arguments};
use super::examined::{self, Conf};
use super::live;
use super::snippet;
use super::third_party::{self, Analysis, Left, Setting};
use crate::untrusted::text::is_unprintable;

/// Unchanged lines around a change.
const CONTEXT: usize = 3;
/// The bytes of a configuration file that are read at most.
const LIMIT: u64 = 8 << 20;

/// A patch, and a line for each check.
#[derive(Debug, Default)]
pub struct Rewritten {
    /// A unified diff in the bytes of the files; empty if nothing is replaced.
    pub patch: Vec<u8>,
    /// The checks whose replacement differs in meaning, and how.
    pub differences: Vec<String>,
    /// The checks that stay, and why.
    pub left: Vec<String>,
}

/// The lines of a file, before and after the replacement.
struct Text {
    old: Vec<Vec<u8>>,
    new: Vec<Vec<u8>>,
}

/// Replaces what can be replaced in a configuration, in the files that it includes as well.
///
/// # Errors
/// Returns why nothing can be done with the file.
pub fn file(path: &Path, own: Option<&Path>, accounts: &Accounts) -> Result<Rewritten, String> {
    let unfit = |path: &Path, unfit: &NotRewritten| format!("{} {unfit}", path.display());
    let mut texts = BTreeMap::new();
    texts.insert(
        real(path),
        Text::read(path).map_err(|reason| unfit(path, &reason))?,
    );
    let listenup = snippet::program(own);
    let mut rewritten = Rewritten::default();
    let confs = examined::read_files(&[path.to_owned()], live::version::installed());
    let is_other = |Conf { config, .. }: &Conf| {
        let is_empty = config.instances.is_empty() && !config.runs_checker;
        is_empty && config.scripts.is_empty() && !config.diagnostics.is_empty()
    };
    if confs.iter().all(is_other) {
        return Err(unfit(path, &NotRewritten::NoConfiguration));
    }
    for conf in confs {
        let runners = Runners {
            accounts,
            forced: None,
            globals: &conf.config.globals,
            complete: conf.config.complete,
            version: conf.version,
        };
        for check in checks::of(&conf.config) {
            if arguments::classify(&check, own, Some(&check.path())) != Invocation::None {
                continue;
            }
            let user = runners.user(check.user, Dropped::Check(&check.name));
            let user = user.unwrap_or_else(|_| Accounts::root());
            let setting = Setting {
                user: &user,
                listenup: &listenup,
            };
            let place = check.place();
            let done = user.reads(|| {
                let analysis = Analysis::new(&check, &conf.config, setting);
                analysis.looks().then(|| analysis.replacement())
            });
            let done = done.unwrap_or_else(|why| Some(Err(Left::NotUnderstood(why.to_string()))));
            // Otherwise it asks nothing that listenup can answer.
            let Some(done) = done else {
                continue;
            };
            let replaced = done.and_then(|replacement| {
                if let Some(left) = replacement.fails {
                    return Err(left);
                }
                let file = real(&place.file);
                if !texts.contains_key(&file) {
                    let text = Text::read(&file).map_err(|_| Left::NotInOneLine)?;
                    texts.insert(file.clone(), text);
                }
                let text = texts.get_mut(&file).ok_or(Left::NotInOneLine)?;
                text.replace(&check, &replacement.line)
                    .ok_or(Left::NotInOneLine)?;
                Ok(replacement.differences)
            });
            let shown = |what: &dyn std::fmt::Display| format!("{place}: {}: {what}", check.name);
            match replaced {
                Ok(differences) => rewritten
                    .differences
                    .extend(differences.iter().map(|one| shown(one))),
                Err(left) => rewritten.left.push(shown(&left)),
            }
        }
    }
    for (path, text) in &texts {
        text.diff(path, &mut rewritten.patch);
    }
    Ok(rewritten)
}

fn real(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

impl Text {
    fn read(path: &Path) -> Result<Self, NotRewritten> {
        let bytes = third_party::read(path, LIMIT)
            .map_err(|error| NotRewritten::Unread(error.to_string()))?;
        let lines: Vec<Vec<u8>> = bytes
            .split_inclusive(|byte| *byte == b'\n')
            .map(<[u8]>::to_vec)
            .collect();
        match lines.iter().position(|line| controls(line)) {
            Some(at) => Err(NotRewritten::Controls(at + 1)),
            None => Ok(Self {
                new: lines.clone(),
                old: lines,
            }),
        }
    }

    /// Replaces the command if it is in its line as keepalived reads it, once.
    fn replace(&mut self, check: &Check<'_>, by: &str) -> Option<()> {
        let line = self.new.get_mut(check.place().line.checked_sub(1)?)?;
        let command = check.command.text.as_slice();
        let mut found = line
            .windows(command.len().max(1))
            .enumerate()
            .filter(|(_, part)| *part == command);
        let (at, _) = found.next()?;
        if check.command.expanded || found.next().is_some() {
            return None;
        }
        line.splice(at..at + command.len(), by.bytes());
        Some(())
    }

    /// Appends the unified diff.
    fn diff(&self, path: &Path, patch: &mut Vec<u8>) {
        let is_changed = |at: &usize| self.old.get(*at) != self.new.get(*at);
        let changed: Vec<usize> = (0..self.old.len()).filter(is_changed).collect();
        let name = if changed.is_empty() {
            Vec::new()
        } else {
            quoted(path)
        };
        for start in ["--- ", "+++ "] {
            if !name.is_empty() {
                patch.extend([start.as_bytes(), &name, b"\n"].concat());
            }
        }
        // Changes with overlapping context are in one hunk.
        for hunk in changed.chunk_by(|one, next| next - one <= 2 * CONTEXT) {
            let (Some(first), Some(last)) = (hunk.first(), hunk.last()) else {
                continue;
            };
            let from = first.saturating_sub(CONTEXT);
            let lines = self.old.len().min(last + CONTEXT + 1) - from;
            // Writing to a vector cannot fail.
            let _ = writeln!(patch, "@@ -{0},{lines} +{0},{lines} @@", from + 1);
            for (old, new) in self.old.iter().zip(&self.new).skip(from).take(lines) {
                let signs: &[(u8, &Vec<u8>)] = if old == new {
                    &[(b' ', old)]
                } else {
                    &[(b'-', old), (b'+', new)]
                };
                for (sign, line) in signs {
                    patch.push(*sign);
                    patch.extend_from_slice(line);
                    if !line.ends_with(b"\n") {
                        patch.extend_from_slice(b"\n\\ No newline at end of file\n");
                    }
                }
            }
        }
    }
}

/// True if a terminal would obey or hide something in a line. Latin-1 is harmless from 0xa0 on.
fn controls(line: &[u8]) -> bool {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    line.utf8_chunks().any(|chunk| {
        let is_trick = |letter: char| is_unprintable(letter) && letter != '\t';
        chunk.valid().contains(is_trick) || chunk.invalid().iter().any(|byte| *byte < 0xa0)
    })
}

/// A name as patch(1) reads it, relative to the root, in quotes if it is not plain.
fn quoted(path: &Path) -> Vec<u8> {
    let bytes = path.as_os_str().as_bytes();
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._+-".contains(byte);
    if bytes.iter().all(is_plain) {
        return bytes.to_vec();
    }
    let mut name = vec![b'"'];
    for byte in bytes {
        match byte {
            byte if is_plain(byte) || *byte == b' ' => name.push(*byte),
            // Writing to a vector cannot fail.
            byte => drop(write!(name, "\\{byte:03o}")),
        }
    }
    name.push(b'"');
    name
}
