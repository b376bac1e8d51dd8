//! Follows the blocks of a configuration (lib/parser.c, `process_stream`, `alloc_value_block`).
//!
//! keepalived does not check whether braces match: after a brace too many or too few it reads lines in the wrong block. That
//! is reported once, where it begins, and what follows from it is not.

use super::Place;
use super::build::Builder;
use super::diagnostic::{Problem, Values};
use super::keywords::{Keyword, Kind, Row, TOP, home};
use super::reader::{Line, Reader};

/// A block that is open.
struct Frame {
    /// The block, or the one around a list.
    row: &'static Row,
    list: Option<&'static str>,
    title: String,
    place: Place,
    needs_brace: bool,
    /// True if keepalived ignores its lines.
    ignored: bool,
    /// Keywords that belong to another block. If this one is not closed, the first is a sign of that.
    misplaced: Vec<Unknown>,
}

/// A keyword that is not known. If a `{` is next, it opens a block.
struct Unknown {
    place: Place,
    keyword: String,
    /// `None`: it follows from something that is reported.
    problem: Option<Problem>,
    block: String,
    home: &'static str,
    meant: &'static str,
}

/// The way through the blocks.
pub(super) struct Walk<'a> {
    pub reader: Reader<'a>,
    builder: Builder<'a>,
    frames: Vec<Frame>,
    unknown: Option<Unknown>,
    /// How many blocks are open that are not read.
    skipped: usize,
    /// True if what follows at top level belongs to a block that ended too early.
    lost: bool,
    /// The last block at top level.
    last: Option<&'static Row>,
}

impl<'a> Walk<'a> {
    pub fn new(reader: Reader<'a>) -> Self {
        Self {
            builder: Builder::new(reader.cx),
            reader,
            frames: Vec::new(),
            unknown: None,
            skipped: 0,
            lost: false,
            last: None,
        }
    }

    /// Reads to the end.
    pub fn read(mut self) -> (Reader<'a>, Builder<'a>) {
        while let Some(line) = self.reader.next() {
            if !line.words.is_empty() {
                self.line(&line);
            }
        }
        self.report_unknown();
        if let Some(frame) = self.frames.pop() {
            self.missing_close(frame, None);
        }
        (self.reader, self.builder)
    }

    fn line(&mut self, line: &Line) {
        let first = line.keyword();
        if self.skipped > 0 {
            match first {
                "{" => self.skipped += 1,
                "}" => self.skipped -= 1,
                _ => {}
            }
            return;
        }
        if first == "{" && self.unknown.is_some() {
            return self.skip_block();
        }
        self.report_unknown();
        match (first, self.frames.last_mut()) {
            (_, Some(frame)) if frame.needs_brace => {
                frame.needs_brace = false;
                if first != "{" {
                    self.missing_open(line);
                }
            }
            ("{", None) => {
                self.reader.report(Problem::ExtraOpen, &[]);
                self.skipped = 1;
            }
            ("{", Some(_)) => self.unclosed(line),
            ("}", _) => self.close(line),
            (_, Some(frame)) if frame.list.is_some() => self.item(line),
            _ => self.statement(line),
        }
    }

    /// The line after the one that opens a block is not a brace.
    fn missing_open(&mut self, line: &Line) {
        let Some(frame) = self.frames.last() else {
            return;
        };
        let values: Values = &[("block", &frame.title)];
        self.reader
            .cx
            .report(&frame.place, Problem::MissingOpen, values);
        if frame.list.is_some() || line.keyword() == "}" {
            // It is not known where the block ends.
            self.give_up();
        } else {
            self.line(line);
        }
    }

    fn statement(&mut self, line: &Line) {
        let frame = self.frames.last();
        let row = frame.map_or(&TOP, |frame| frame.row);
        let ignored = frame.is_some_and(|frame| frame.ignored);
        let Some(keyword) = row.find(line.keyword()) else {
            return self.unknown_keyword(line);
        };
        if !self.check_version(&keyword, line) {
            return;
        }
        match keyword.kind {
            Kind::List => {
                let ignored = ignored || !self.builder.begin_list(row.block, line);
                self.push(row, Some(keyword.name), line, ignored);
            }
            Kind::Block(inner) => {
                let ignored = ignored || !self.builder.begin(inner.block, line);
                self.push(inner, None, line, ignored);
            }
            Kind::Value if line.words.len() < 2 && !ignored => {
                let values: Values = &[("keyword", &keyword.name)];
                self.reader.report(Problem::MissingValue, values);
            }
            Kind::Values | Kind::Value => {
                self.reader.check |= keyword.name == "include_check";
                // A value that is not known is not a wrong one.
                if !ignored && !line.unread {
                    self.builder.value(row.block, line);
                }
            }
        }
    }

    fn push(&mut self, row: &'static Row, list: Option<&'static str>, line: &Line, ignored: bool) {
        if self.frames.is_empty() {
            self.lost = false;
            self.last = Some(row);
        }
        self.frames.push(Frame {
            row,
            list,
            title: line.rest(0),
            place: line.place.clone(),
            needs_brace: true,
            ignored,
            misplaced: Vec::new(),
        });
    }

    /// Returns whether the version knows a keyword.
    fn check_version(&mut self, keyword: &Keyword, line: &Line) -> bool {
        let (Some(since), version) = (keyword.since, self.reader.cx.version) else {
            return true;
        };
        let values: Values = &[("keyword", &keyword.name), ("since", &since)];
        if version.is_none() {
            self.reader.report(Problem::KeywordsDiffer, values);
        }
        if version.is_none_or(|version| version >= since) {
            return true;
        }
        self.reader.report(Problem::KeywordTooNew, values);
        self.unknown = keyword.opens().then(|| Unknown::new(&TOP, line, "", None));
        false
    }

    fn item(&mut self, line: &Line) {
        let Some(frame) = self.frames.last() else {
            return;
        };
        let (first, list) = (line.keyword(), frame.list.unwrap_or_default());
        let opens = |row: &Row| row.find(first).is_some_and(|found| found.opens());
        let is_keyword = list.starts_with("virtual_") && home(first).is_some();
        if is_keyword || opens(&TOP) || opens(frame.row) {
            self.unclosed(line);
        } else if !frame.ignored {
            self.builder.item(frame.row.block, list, line);
        }
    }

    fn close(&mut self, line: &Line) {
        match self.frames.pop() {
            Some(frame) => self.end(frame),
            None if self.lost => {}
            None => self.reader.cx.report(&line.place, Problem::ExtraClose, &[]),
        }
    }

    fn end(&mut self, frame: Frame) {
        for unknown in frame.misplaced {
            self.report(&unknown, unknown.problem);
        }
        if !frame.ignored && frame.list.is_none() {
            self.builder.end(frame.row.block);
        }
    }

    /// This line is a sign that the block which is open is not closed.
    fn unclosed(&mut self, line: &Line) {
        if let Some(frame) = self.frames.pop() {
            self.missing_close(frame, Some((&line.place, line.keyword())));
        }
    }

    fn missing_close(&mut self, frame: Frame, sign: Option<(&Place, &str)>) {
        let first = frame.misplaced.first();
        let first = first.map(|unknown| (&unknown.place, unknown.keyword.as_str()));
        let (problem, (place, by)) = match first.or(sign) {
            Some(sign) => (Problem::MissingClose, sign),
            None => (Problem::MissingCloseAtEnd, (&frame.place, "")),
        };
        let values: Values = &[
            ("block", &frame.title),
            ("opened", &frame.place.line),
            ("by", &by),
        ];
        self.reader.cx.report(place, problem, values);
        self.give_up();
    }

    /// Reads no more: the lines that follow are not in the block where they seem to be.
    fn give_up(&mut self) {
        self.builder.has_gap = true;
        self.reader.end();
        self.frames.clear();
    }

    fn unknown_keyword(&mut self, line: &Line) {
        let first = line.keyword();
        let Some((frame, outer)) = self.frames.split_last() else {
            let is_part = self.last.is_some_and(|last| last.find(first).is_some());
            let problem = Some(Problem::UnknownKeyword);
            let mut unknown = self.unknown_line(&TOP, line, "", problem);
            if self.lost {
                unknown.problem = None;
            } else if is_part {
                self.lost = true;
                unknown.problem = Some(Problem::BlockEndsEarly);
            }
            self.unknown = Some(unknown);
            return;
        };
        let rows = outer.iter().map(|frame| frame.row).chain([&TOP]);
        if rows
            .filter_map(|row| row.find(first))
            .any(|found| found.opens())
        {
            return self.unclosed(line);
        }
        let problem = Some(Problem::UnknownKeyword);
        self.unknown = Some(self.unknown_line(frame.row, line, &frame.title, problem));
    }

    /// What is meant is looked for as long as that can be reported.
    fn unknown_line(
        &self,
        row: &Row,
        line: &Line,
        block: &str,
        problem: Option<Problem>,
    ) -> Unknown {
        match self.reader.cx.diagnostics.borrow().is_full() {
            true => Unknown {
                place: line.place.clone(),
                keyword: line.keyword().to_owned(),
                problem,
                block: String::new(),
                home: "",
                meant: "",
            },
            false => Unknown::new(row, line, block, problem),
        }
    }

    fn report_unknown(&mut self) {
        let Some(unknown) = self.unknown.take() else {
            return;
        };
        match self.frames.last_mut() {
            Some(frame) if unknown.problem == Some(Problem::MisplacedKeyword) => {
                frame.misplaced.push(unknown);
            }
            _ => self.report(&unknown, unknown.problem),
        }
    }

    fn report(&self, unknown: &Unknown, problem: Option<Problem>) {
        let values: Values = &[
            ("keyword", &unknown.keyword),
            ("block", &unknown.block),
            ("home", &unknown.home),
            ("meant", &unknown.meant),
        ];
        if let Some(problem) = problem {
            self.reader.cx.report(&unknown.place, problem, values);
        }
    }

    /// Skips the block of a keyword that is not known. Its `}` ends the blocks around it for keepalived.
    fn skip_block(&mut self) {
        let Some(unknown) = self.unknown.take() else {
            return;
        };
        self.report(
            &unknown,
            match unknown.problem {
                Some(Problem::UnknownKeyword) => Some(Problem::UnknownBlock),
                other => other,
            },
        );
        self.builder.has_gap = true;
        self.skipped = self.frames.len() + 1;
        while let Some(frame) = self.frames.pop() {
            self.end(frame);
        }
    }
}

impl Unknown {
    /// A keyword that is not in the table of its block.
    fn new(row: &Row, line: &Line, block: &str, problem: Option<Problem>) -> Self {
        let keyword = line.keyword();
        let (meant, home) = (row.suggest(keyword), home(keyword));
        let problem = match problem {
            Some(Problem::UnknownKeyword) if line.text.ends_with(b"\\") => {
                Some(Problem::Continuation)
            }
            Some(Problem::UnknownKeyword) if home.is_some() => Some(Problem::MisplacedKeyword),
            Some(Problem::UnknownKeyword) if meant.is_some() => Some(Problem::MisspelledKeyword),
            other => other,
        };
        Self {
            place: line.place.clone(),
            keyword: keyword.to_owned(),
            problem,
            block: block.to_owned(),
            home: home.unwrap_or_default(),
            meant: meant.unwrap_or_default(),
        }
    }
}
