//! What keepalived says of a line that it cannot use, or what should be said of it.

use super::Place;
use super::blocks::Walk;
use super::keyword::Keyword;
use super::keywords::{ROOTS, home, root_of};
use super::reader::Line;
use super::remark::lossy;
use super::spelling::meant;

impl Walk<'_, '_, '_> {
    /// A line of a block of values that looks as if the block should have ended.
    pub(super) fn judge_item(&mut self, keyword: &Keyword, line: &Line, first: &[u8]) {
        let is_keyword = root_of(first).is_some() || home(first).is_some();
        if first != b"{" && !(is_keyword && keyword.name.starts_with("virtual_")) {
            return;
        }
        let Some((name, place)) = self.open.last() else {
            return;
        };
        self.reader.shared.remarks.problem(
            &line.place,
            format!(
                "{} is taken for a line of {name}, not for a keyword",
                lossy(first)
            ),
            format!("{name} in {place} is not closed"),
            format!("close it with a brace before line {}", line.place.line),
        );
    }

    pub(super) fn judge_version(&mut self, keyword: &Keyword, line: &Line) {
        if let Some(version) = keyword.since {
            self.reader.shared.remarks.note(
                &line.place,
                format!("keepalived before {version} does not know {}", keyword.name),
                "it came with that version",
                "",
            );
        }
    }

    pub(super) fn unexpected_brace(&mut self, line: &Line) {
        self.reader.shared.remarks.problem(
            &line.place,
            "Unexpected '{' - ignoring: what follows up to its '}' does not stand in this block, and the '}' ends the block around it",
            "what stands before it opens no block",
            "",
        );
    }

    pub(super) fn no_brace(&mut self, line: &Line) {
        let name = self.open.last().map_or("", |(name, _)| name);
        self.reader.shared.remarks.problem(
            &line.place,
            format!("Missing '{{' at beginning of configuration block {name}"),
            format!("{} stands where the brace should be", lossy(&line.text)),
            "write the brace behind the name of the block",
        );
    }

    pub(super) fn not_closed(&mut self) {
        if let Some((name, place)) = self.open.last() {
            self.reader.shared.remarks.problem(
                place,
                format!("{name} goes on to the end of the file"),
                "its brace is not closed, or one in it is closed too seldom",
                "close it with a brace on a line of its own",
            );
        }
    }

    /// A keyword that keepalived ends at, because its value is missing.
    pub(super) fn missing(&mut self, name: &str, place: &Place) {
        self.reader.shared.missing(name, place);
    }

    pub(super) fn unknown(
        &mut self,
        keywords: Option<&'static [Keyword]>,
        line: &Line,
        words: &[Vec<u8>],
    ) {
        let name = words.first().map(Vec::as_slice).unwrap_or_default();
        if name == b"}" && keywords.is_none() {
            return; // told as an extra brace
        }
        let meant = match keywords {
            Some(keywords) => meant(name, keywords.iter().map(|keyword| keyword.name)),
            None => meant(name, ROOTS.iter().map(|root| root.keyword.name)),
        };
        let shown = lossy(name);
        let block = self.open.last();
        let cause = match (block, home(name)) {
            (Some((block, place)), Some("no block")) => {
                format!(
                    "{shown} may not stand in a block: perhaps {block} in {place} is not closed"
                )
            }
            (Some((block, _)), Some(home)) => format!("{shown} belongs in {home}, not in {block}"),
            (None, Some(home)) => format!("{shown} belongs in {home}"),
            (Some((block, _)), None) => format!("there is no such keyword in {block}"),
            (None, None) => "there is no such keyword".to_owned(),
        };
        let cure = match meant {
            _ if name.ends_with(b"\\") => {
                "a line does not go on in the next; write it in one".to_owned()
            }
            Some(meant) => format!("did you mean {meant}?"),
            None if name.starts_with(b"$") => {
                "to define it, write $NAME=value without a blank before the sign".to_owned()
            }
            None if name.starts_with(b"include") => "write include and a file".to_owned(),
            None => String::new(),
        };
        let effect = format!("Unknown keyword '{shown}': keepalived ignores the line");
        self.reader
            .shared
            .remarks
            .problem(&line.place, effect, cause, cure);
    }
}
