//! Reads lines into blocks (lib/parser.c, `process_stream`, `alloc_value_block`).
//!
//! keepalived does not check whether braces match: after a brace too many or too few it reads lines in the wrong block. That
//! is reported once, where it begins, and what follows from it is not.

use super::Location;
use super::build::Builder;
use super::diagnostic::{Problem, Values};
use super::keywords::{Keyword, Kind, Row, TOP, parent_block};
use super::reader::{Line, Reader};

/// A block: the line that opens it, and what is in it.
#[derive(Debug)]
pub(super) struct Node {
    /// The block, or the one around it if this is a list.
    pub row: &'static Row,
    /// True if its lines are values without keywords.
    pub is_list: bool,
    pub line: Line,
    pub lines: Vec<Line>,
    pub blocks: Vec<Node>,
}

/// A block that is open.
struct Frame {
    node: Node,
    needs_brace: bool,
}

/// An unknown keyword. If a `{` is next, it opens a block.
struct Unknown {
    place: Location,
    keyword: String,
    /// `None`: it follows from something that is reported, or its block has keywords that are not in the table.
    problem: Option<Problem>,
    /// The problem if a block follows.
    of_block: Option<Problem>,
    block: String,
    home: &'static str,
    meant: &'static str,
}

/// Reads lines into blocks, and hands those at top level to the builder.
pub(super) struct Parser<'a> {
    pub reader: Reader<'a>,
    builder: Builder<'a>,
    frames: Vec<Frame>,
    unknown: Option<Unknown>,
    /// How many open blocks are being skipped.
    skipped: usize,
    /// True if what follows at top level belongs to a block that ended too early.
    lost: bool,
    /// The last block at top level.
    last: Option<&'static Row>,
}

impl<'a> Parser<'a> {
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
                self.line(line);
            }
        }
        self.report_unknown();
        self.missing_close(None);
        (self.reader, self.builder)
    }

    fn line(&mut self, line: Line) {
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
            ("{", Some(_)) => self.unclosed(&line),
            ("}", _) => self.close(&line),
            (_, Some(frame)) if frame.node.is_list => self.item(line),
            _ => self.statement(line),
        }
    }

    /// Reports that the line after the one that opens a block is not a brace.
    fn missing_open(&mut self, line: Line) {
        let Some(frame) = self.frames.last() else {
            return;
        };
        let opened = &frame.node.line;
        let values: Values = &[("block", &opened.rest(0))];
        let cx = self.reader.cx;
        cx.report(&opened.place, Problem::MissingOpen, values);
        if frame.node.is_list || line.keyword() == "}" {
            // It is not known where the block ends.
            self.give_up();
        } else {
            self.line(line);
        }
    }

    fn statement(&mut self, line: Line) {
        let frame = self.frames.last();
        let row = frame.map_or(&TOP, |frame| frame.node.row);
        let found = row.find(line.keyword());
        let exists = |keyword: &Keyword| keyword.since <= Some(self.reader.cx.version());
        let Some(keyword) = found.filter(exists) else {
            return self.unknown_keyword(&line);
        };
        // keepalived reads these again, and runs on without those that have an open quote.
        let is_open = keyword.name.starts_with("notify") && line.text.contains(&b'"');
        match keyword.kind {
            Kind::List => self.push(row, true, line),
            Kind::Block(inner) => self.push(inner, false, line),
            Kind::Value if line.words.len() < 2 && !is_open => {
                let values: Values = &[("keyword", &keyword.name)];
                self.reader.report(Problem::MissingValue, values);
            }
            Kind::Values | Kind::Value => match self.frames.last_mut() {
                Some(frame) => frame.node.lines.push(line),
                None => self.builder.root_value(&line),
            },
        }
    }

    fn push(&mut self, row: &'static Row, is_list: bool, line: Line) {
        if self.frames.is_empty() {
            self.lost = false;
            self.last = Some(row);
        }
        let (lines, blocks) = (Vec::new(), Vec::new());
        self.frames.push(Frame {
            node: Node {
                row,
                is_list,
                line,
                lines,
                blocks,
            },
            needs_brace: true,
        });
    }

    fn item(&mut self, line: Line) {
        let Some(frame) = self.frames.last_mut() else {
            return;
        };
        let (first, node) = (line.keyword(), &mut frame.node);
        let opens = |row: &Row| row.find(first).is_some_and(|found| found.opens());
        let is_keyword =
            node.line.keyword().starts_with("virtual_") && parent_block(first).is_some();
        if is_keyword || opens(&TOP) || opens(node.row) {
            self.unclosed(&line);
        } else {
            node.lines.push(line);
        }
    }

    fn close(&mut self, line: &Line) {
        let is_extra = self.frames.is_empty() && !self.lost;
        if is_extra {
            let cx = self.reader.cx;
            cx.report(&line.place, Problem::ExtraClose, &[]);
        }
        self.end();
    }

    /// Ends the innermost block.
    fn end(&mut self) {
        let Some(frame) = self.frames.pop() else {
            return;
        };
        match self.frames.last_mut() {
            Some(outer) => outer.node.blocks.push(frame.node),
            None => self.builder.block(&frame.node),
        }
    }

    /// Reports that the open block is not closed, because of this line.
    fn unclosed(&mut self, line: &Line) {
        self.missing_close(Some((&line.place, line.keyword())));
    }

    fn missing_close(&mut self, sign: Option<(&Location, &str)>) {
        let Some(frame) = self.frames.last() else {
            return;
        };
        let opened = &frame.node.line;
        let (problem, (place, by)) = match sign {
            Some(sign) => (Problem::MissingClose, sign),
            None => (Problem::MissingCloseAtEnd, (&opened.place, "")),
        };
        let values: Values = &[
            ("block", &opened.rest(0)),
            ("opened", &opened.place.line),
            ("by", &by),
        ];
        self.reader.cx.report(place, problem, values);
        self.give_up();
    }

    /// Stops reading: the lines that follow are not in the block where they seem to be.
    fn give_up(&mut self) {
        self.reader.end();
        self.frames.clear();
    }

    fn unknown_keyword(&mut self, line: &Line) {
        let first = line.keyword();
        let Some((frame, outer)) = self.frames.split_last() else {
            let is_part = self.last.is_some_and(|last| last.find(first).is_some());
            let mut unknown = Unknown::new(&TOP, line, "");
            if self.lost {
                (unknown.problem, unknown.of_block) = (None, None);
            } else if is_part && unknown.of_block != Some(Problem::MisspelledKeyword) {
                self.lost = true;
                unknown.problem = Some(Problem::BlockEndsEarly);
                unknown.of_block = unknown.problem;
            }
            self.unknown = Some(unknown);
            return;
        };
        let rows = outer.iter().map(|frame| frame.node.row).chain([&TOP]);
        let mut found = rows.filter_map(|row| row.find(first));
        if found.any(|found| found.opens()) {
            return self.unclosed(line);
        }
        let block = frame.node.line.rest(0);
        self.unknown = Some(Unknown::new(frame.node.row, line, &block));
    }

    fn report_unknown(&mut self) {
        if let Some(unknown) = self.unknown.take() {
            self.report(&unknown, unknown.problem);
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

    /// Skips the block of an unknown keyword. Its `}` ends the blocks around it for keepalived.
    fn skip_block(&mut self) {
        let Some(unknown) = self.unknown.take() else {
            return;
        };
        self.report(&unknown, unknown.of_block);
        self.builder.has_gap = true;
        self.skipped = self.frames.len() + 1;
        while !self.frames.is_empty() {
            self.end();
        }
    }
}

impl Unknown {
    /// A keyword that is not in the table of its block.
    fn new(row: &Row, line: &Line, block: &str) -> Self {
        let keyword = line.keyword();
        let (meant, home) = (row.suggest(keyword), parent_block(keyword));
        let problem = match (home, meant) {
            // Another version has it.
            _ if row.find(keyword).is_some() => Some(Problem::UnknownKeyword),
            (_, Some(_)) if row.has_others() => Some(Problem::MisspelledKeyword),
            _ if row.has_others() => None,
            (Some(_), _) => Some(Problem::MisplacedKeyword),
            (None, Some(_)) => Some(Problem::MisspelledKeyword),
            (None, None) => Some(Problem::UnknownKeyword),
        };
        let of_block = problem.filter(|problem| *problem != Problem::UnknownKeyword);
        // track_process NAME { at top level is vrrp_track_process.
        let prefixed = row.find(&format!("vrrp_{keyword}"));
        let prefixed = prefixed
            .filter(|found| row.keyword.is_empty() && found.opens() && line.words.len() == 2);
        let of_block = prefixed.map(|_| Problem::MisspelledKeyword).or(of_block);
        let meant = prefixed.map(|found| found.name).or(meant);
        Self {
            place: line.place.clone(),
            keyword: keyword.to_owned(),
            problem,
            of_block: of_block.or(Some(Problem::UnknownBlock)),
            block: block.to_owned(),
            home: home.unwrap_or_default(),
            meant: meant.unwrap_or_default(),
        }
    }
}
