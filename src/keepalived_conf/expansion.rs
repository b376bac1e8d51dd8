//! Puts in what definitions stand for, keeps what is for this host, and begins sequences (lib/parser.c, the
//! second half of `read_line`, and `replace_param`).

use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use super::comments::skip_blanks;
use super::definitions::{Use, Value, name};
use super::reader::{LONGEST, Pending, Reader};
use super::remark::lossy;
use super::sequence::Sequence;

/// So many definitions are put into a line at most.
const MOST_IN_A_LINE: usize = 5000;
/// What follows of definitions without an end.
pub(super) const NEVER_PAST: &str = "keepalived never gets past this line, and does not start";
/// keepalived's buffer for the numbers of `~SEQ`.
const LONGEST_NUMBERS: usize = 63;

/// What came of putting in definitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Replaced {
    Nothing,
    Something,
    /// It did not fit, or does not end.
    TooMuch,
}

impl Reader<'_, '_> {
    /// A line with what it stands for. `None`: nothing of it is left, or it was a definition or a sequence.
    ///
    /// `judged`: it is the rest of a line that has been here before.
    pub fn expand(&mut self, mut text: Vec<u8>, judged: bool) -> Option<Vec<u8>> {
        let mut left = MOST_IN_A_LINE;
        // keepalived goes by the length that the line had before anything was put in.
        let mut length = text.len();
        loop {
            if text.starts_with(b"@") {
                text = self.for_this_host(&text, &mut length)?;
            }
            if let Some((definition, goes_on)) = self.definitions.define(&text) {
                if goes_on {
                    self.continue_definition(definition);
                }
                return None;
            }
            if text.starts_with(b"~SEQ") || text.starts_with(b"~LST") {
                self.begin_sequence(&text, &mut left);
                return None;
            }
            if text.starts_with(b"~") || !text.contains(&b'$') {
                return Some(text);
            }
            match self.replace(&mut text, LONGEST, &mut left) {
                Replaced::Something => {}
                Replaced::Nothing | Replaced::TooMuch => {
                    if !judged {
                        self.judge_dollars(&text);
                    }
                    return Some(text);
                }
            }
            self.mark_expanded();
            text = self.without_comment(&text);
            if !text.starts_with(b"@") && !text.contains(&b'$') {
                return Some(text);
            }
        }
    }

    /// What follows `@id` on this host, or `@^id` on any other.
    fn for_this_host(&mut self, text: &[u8], length: &mut usize) -> Option<Vec<u8>> {
        let rest = text.strip_prefix(b"@")?;
        let (others, rest) = match rest.strip_prefix(b"^") {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let end = rest.iter().position(|byte| b" \t".contains(byte))?;
        if (rest.get(..end)? == self.shared.id) == others {
            return None;
        }
        let ours = skip_blanks(rest.get(end..).unwrap_or_default());
        let offset = text.len() - ours.len();
        let Some(moved) = length.checked_sub(offset) else {
            self.shared.fatal.get_or_insert_with(|| self.place.clone());
            self.judge_at_sign("keepalived dies of this line, each time it is started");
            return None;
        };
        *length = moved;
        if moved >= ours.len() {
            return Some(ours.to_owned());
        }
        self.judge_at_sign("keepalived garbles the line");
        let mut garbled = ours.get(..=moved).unwrap_or(ours).to_owned();
        garbled.extend(text.get(moved + 1..).unwrap_or_default());
        Some(garbled)
    }

    fn judge_at_sign(&mut self, effect: &str) {
        self.shared.remarks.problem(
            &self.place,
            effect,
            "a definition begins with @ and is longer than its name",
            "write @id at the beginning of the line, and the definition behind it",
        );
    }

    fn begin_sequence(&mut self, text: &[u8], left: &mut usize) {
        let sequence = if text.starts_with(b"~LST") {
            Sequence::lists(text)
        } else {
            Sequence::numbers(text, |mut numbers| {
                if numbers.len() > LONGEST_NUMBERS {
                    return None;
                }
                match self.replace(&mut numbers, LONGEST_NUMBERS, left) {
                    Replaced::TooMuch => None,
                    _ => Some(numbers),
                }
            })
        };
        match sequence {
            Some(sequence) => self.sequences.push(sequence),
            None => self.shared.remarks.problem(
                &self.place,
                "Invalid ~SEQ or ~LST specification: keepalived passes over the line, or dies of it",
                lossy(text),
                "write ~SEQ(NAME, START, END) TEXT or ~LST(NAME, VALUE, VALUE) TEXT",
            ),
        }
    }

    fn replace(&mut self, text: &mut Vec<u8>, longest: usize, left: &mut usize) -> Replaced {
        let mut replaced = Replaced::Nothing;
        let mut at = 0;
        while let Some(dollar) = next_dollar(text, at) {
            at = dollar;
            let Some(found) = self.definitions.used(text.get(at..).unwrap_or_default()) else {
                at += 1;
                continue;
            };
            replaced = Replaced::Something;
            let length = found.length;
            let value = self.stands_for(found);
            let fits = text.len() - length + value.len() <= longest;
            match left.checked_sub(1) {
                Some(less) if fits => *left = less,
                _ => {
                    self.judge_too_much(text, fits);
                    return Replaced::TooMuch;
                }
            }
            let is_command = skip_blanks(&value).starts_with(b"~");
            text.splice(at..at + length, value);
            if is_command {
                break;
            }
        }
        replaced
    }

    /// What to put in. The lines behind the first of a definition come next.
    fn stands_for(&mut self, found: Use) -> Vec<u8> {
        let Some((value, lines)) = self.definitions.value(found.index) else {
            return Vec::new();
        };
        match value {
            Value::Text(text) if lines => {
                let text = Arc::clone(text);
                self.begin_lines(text)
            }
            Value::Text(text) => text.to_vec(),
            Value::Folder => {
                let real = self.shared.files.real(&self.folder);
                real.as_os_str().as_bytes().to_owned()
            }
            Value::Host => self.shared.id.to_owned(),
            Value::Random => self.random(found.parameters),
        }
    }

    /// The first line of a definition that has more. They come next.
    fn begin_lines(&mut self, text: Arc<Vec<u8>>) -> Vec<u8> {
        let end = text.iter().position(|byte| *byte == b'\n');
        let first = text.get(..end.unwrap_or(text.len())).map(<[u8]>::to_vec);
        let pending = Pending {
            at: end.map_or(text.len(), |end| end + 1),
            text,
            waiting: self.sequences.len(),
        };
        self.waiting = pending.waiting;
        self.outer.extend(self.pending.replace(pending));
        first.unwrap_or_default()
    }

    /// keepalived draws another number each time, also in each of its processes; the smallest stands for them.
    fn random(&mut self, parameters: &[u8]) -> Vec<u8> {
        let mut effect = "keepalived puts in another number each time it is read";
        if !parameters.is_empty() {
            effect = "keepalived before 2.4.0 garbles what follows it";
        }
        let cause = "${_RANDOM} is used";
        self.shared.remarks.note(&self.place, effect, cause, "");
        let digits = parameters.iter().take_while(|byte| byte.is_ascii_digit());
        let smallest: Vec<u8> = digits.copied().take(20).collect();
        match smallest.is_empty() {
            true => b"0".to_vec(),
            false => smallest,
        }
    }

    fn judge_too_much(&mut self, text: &[u8], fits: bool) {
        let mut text = lossy(text);
        text.truncate(text.char_indices().nth(80).map_or(text.len(), |(at, _)| at));
        if fits {
            self.shared.fatal.get_or_insert_with(|| self.place.clone());
        }
        let (effect, cause, cure) = match fits {
            false => (
                "the definitions are not put in",
                format!("the line would be longer than {LONGEST} bytes: {text}"),
                "make it shorter",
            ),
            true => (
                NEVER_PAST,
                format!("definitions use each other in a circle: {text}"),
                "define one of them without the other",
            ),
        };
        self.shared
            .remarks
            .problem(&self.place, effect, cause, cure);
    }

    /// Dollar signs that keepalived leaves as they are.
    fn judge_dollars(&mut self, text: &[u8]) {
        let mut at = 0;
        while let Some(dollar) = next_dollar(text, at) {
            at = dollar + 1;
            let rest = text.get(at..).unwrap_or_default();
            let in_braces = rest.strip_prefix(b"{");
            let Some(name) = name(in_braces.unwrap_or(rest)) else {
                continue;
            };
            let shown = lossy(name);
            if self.definitions.has(name) {
                self.shared.remarks.problem(
                    &self.place,
                    format!("${shown} stays as it is written: the definition is not put in"),
                    "what follows the name is no blank, comma, closing parenthesis or end of line",
                    format!("write ${{{shown}}}, alone at the end of the line where it has more than one line"),
                );
            } else if name == b"_ENV" {
                self.shared.remarks.problem(
                    &self.place,
                    "${_ENV ...} stays as it is written before 2.4.0",
                    "keepalived knows it from 2.4.0 on",
                    "",
                );
            } else {
                self.shared.remarks.note(
                    &self.place,
                    format!("${shown} stays as it is written"),
                    "it is not defined above",
                    "",
                );
            }
        }
    }
}

/// The next dollar sign with something behind it.
fn next_dollar(text: &[u8], from: usize) -> Option<usize> {
    let rest = text.get(from..)?;
    let at = from + rest.iter().position(|byte| *byte == b'$')?;
    (at + 1 < text.len()).then_some(at)
}
