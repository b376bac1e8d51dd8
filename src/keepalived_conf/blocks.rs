//! Follows the blocks of a configuration (lib/parser.c, `process_stream`, `alloc_value_block`).
//!
//! keepalived does not check whether braces match: after a brace too many or too few it reads lines in the wrong block. That
//! is reported once, where it begins, and what follows from it is not.

use super::Place;
use super::build::{Builder, Statement};
use super::diagnostic::{Diagnostic, Problem};
use super::keywords::{Keyword, Kind, Row, TOP, home};
use super::reader::{Line, Reader};
use super::words::plain;

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
    /// Keywords that belong to another block. If this one is not closed, they are the first sign of that.
    misplaced: Vec<Diagnostic>,
}

/// A keyword that is not known. If a `{` is next, it opens a block.
struct Unknown {
    place: Place,
    keyword: String,
    problem: Option<Problem>,
}

/// The way through the blocks.
pub(super) struct Walk<'a> {
    pub reader: Reader<'a>,
    pub builder: Builder,
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
            reader,
            builder: Builder::default(),
            frames: Vec::new(),
            unknown: None,
            skipped: 0,
            lost: false,
            last: None,
        }
    }

    /// Reads to the end.
    pub fn read(mut self) -> (Reader<'a>, Builder) {
        while let Some(line) = self.reader.next() {
            let words = plain(&line.text);
            if let Some(first) = words.first() {
                self.line(&line, first, &words);
            }
        }
        self.report_unknown();
        if let Some(frame) = self.frames.pop() {
            self.missing_close(frame, None);
        }
        (self.reader, self.builder)
    }

    fn line(&mut self, line: &Line, first: &str, words: &[String]) {
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
        if self.frames.last().is_some_and(|frame| frame.needs_brace) {
            return self.first_line(line, first, words);
        }
        match (first, self.frames.last()) {
            ("{", Some(_)) => self.unclosed(&line.place, first),
            ("{", None) => self.skipped = 1,
            ("}", _) => self.close(line),
            (_, Some(frame)) if frame.list.is_some() => self.item(line, first, words),
            _ => self.statement(line, first, words),
        }
    }

    /// The line after the one that opens a block.
    fn first_line(&mut self, line: &Line, first: &str, words: &[String]) {
        let Some(frame) = self.frames.last_mut() else {
            return;
        };
        frame.needs_brace = false;
        if first == "{" {
            return;
        }
        let block = frame.title.clone();
        self.reader
            .context
            .report(&frame.place, Problem::MissingOpen { block });
        if frame.list.is_some() || first == "}" {
            // It is not known where the block ends.
            self.give_up();
        } else {
            self.line(line, first, words);
        }
    }

    fn statement(&mut self, line: &Line, first: &str, words: &[String]) {
        let row = self.frames.last().map_or(&TOP, |frame| frame.row);
        let Some(keyword) = row.find(first) else {
            return self.unknown_keyword(line, first, words);
        };
        let statement = Statement { line, words };
        if !self.check_version(&keyword, &statement) {
            return;
        }
        let ignored = self.frames.last().is_some_and(|frame| frame.ignored);
        let context = &mut self.reader.context;
        match keyword.kind {
            _ if ignored && !matches!(keyword.kind, Kind::List | Kind::Block(_)) => {}
            Kind::Value if words.len() < 2 => {
                let keyword = first.to_owned();
                context.report(&line.place, Problem::MissingValue { keyword });
            }
            Kind::Values | Kind::Value => {
                self.reader.check |= first == "include_check";
                // A value that is not known is not a wrong one.
                if !line.unread {
                    self.builder
                        .value(&mut self.reader.context, row.block, &statement);
                }
            }
            Kind::List => {
                let ignored = ignored || !self.builder.begin_list(context, row.block, &statement);
                self.push(row, Some(keyword.name), &statement, ignored);
            }
            Kind::Block(inner) => {
                let ignored = ignored || !self.builder.begin(context, inner.block, &statement);
                self.push(inner, None, &statement, ignored);
            }
        }
    }

    fn push(
        &mut self,
        row: &'static Row,
        list: Option<&'static str>,
        statement: &Statement,
        ignored: bool,
    ) {
        if self.frames.is_empty() {
            self.lost = false;
            self.last = Some(row);
        }
        self.frames.push(Frame {
            row,
            list,
            title: statement.rest(0),
            place: statement.place().clone(),
            needs_brace: true,
            ignored,
            misplaced: Vec::new(),
        });
    }

    /// Returns whether the version knows a keyword.
    fn check_version(&mut self, keyword: &Keyword, statement: &Statement) -> bool {
        let Some(since) = keyword.since else {
            return true;
        };
        let place = statement.place().clone();
        let (name, context) = (keyword.name, &mut self.reader.context);
        match context.version {
            None => context.report(
                &place,
                Problem::KeywordSince {
                    keyword: name,
                    since,
                },
            ),
            Some(version) if version < since => {
                let keyword = name.to_owned();
                let problem = Some(Problem::KeywordTooNew {
                    keyword: name,
                    since,
                });
                self.unknown = Some(Unknown {
                    place,
                    keyword,
                    problem,
                });
                return false;
            }
            Some(_) => {}
        }
        true
    }

    fn item(&mut self, line: &Line, first: &str, words: &[String]) {
        let Some(frame) = self.frames.last() else {
            return;
        };
        let list = frame.list.unwrap_or_default();
        let opens = |row: &Row| row.find(first).is_some_and(|found| found.opens());
        if opens(&TOP)
            || opens(frame.row)
            || (list.starts_with("virtual_") && home(first).is_some())
        {
            return self.unclosed(&line.place, first);
        }
        if !frame.ignored {
            let statement = Statement { line, words };
            self.builder
                .item(&mut self.reader.context, frame.row.block, list, &statement);
        }
    }

    fn close(&mut self, line: &Line) {
        match self.frames.pop() {
            Some(frame) => self.end(frame),
            None if self.lost => {}
            None => self.reader.context.report(&line.place, Problem::ExtraClose),
        }
    }

    fn end(&mut self, frame: Frame) {
        for Diagnostic { place, problem } in frame.misplaced {
            self.reader.context.report(&place, problem);
        }
        if !frame.ignored && frame.list.is_none() {
            self.builder.end(&mut self.reader.context, frame.row.block);
        }
    }

    /// The block that is open is not closed: this word is a sign of that.
    fn unclosed(&mut self, place: &Place, word: &str) {
        if let Some(frame) = self.frames.pop() {
            self.missing_close(frame, Some((place.clone(), word.to_owned())));
        }
    }

    fn missing_close(&mut self, frame: Frame, sign: Option<(Place, String)>) {
        let first = frame.misplaced.into_iter().next();
        let first = first.and_then(|one| match one.problem {
            Problem::MisplacedKeyword { keyword, .. } => Some((one.place, keyword)),
            _ => None,
        });
        let opened = frame.place.line;
        let (place, by) = first.or(sign).unwrap_or((frame.place, String::new()));
        let block = frame.title;
        self.reader
            .context
            .report(&place, Problem::MissingClose { block, opened, by });
        self.give_up();
    }

    /// Reads no more: the lines that follow are not in the block where they seem to be.
    fn give_up(&mut self) {
        self.builder.give_up();
        self.reader.end();
        self.frames.clear();
    }

    fn unknown_keyword(&mut self, line: &Line, first: &str, words: &[String]) {
        let (keyword, place) = (first.to_owned(), line.place.clone());
        let home = home(first);
        let Some((frame, outer)) = self.frames.split_last() else {
            let problem = match home {
                _ if self.lost => None,
                Some(home) if self.last.is_some_and(|last| last.find(first).is_some()) => {
                    self.lost = true;
                    Some(Problem::BlockEndsEarly {
                        keyword: keyword.clone(),
                        home,
                    })
                }
                _ => Some(unknown(&TOP, line, "the top level", words)),
            };
            self.unknown = Some(Unknown {
                place,
                keyword,
                problem,
            });
            return;
        };
        let rows = outer.iter().map(|frame| frame.row).chain([&TOP]);
        let mut found = rows.filter_map(|row| row.find(first));
        if found.any(|found| found.opens()) {
            return self.unclosed(&place, first);
        }
        let problem = Some(unknown(frame.row, line, &frame.title, words));
        self.unknown = Some(Unknown {
            place,
            keyword,
            problem,
        });
    }

    fn report_unknown(&mut self) {
        let Some(Unknown { place, problem, .. }) = self.unknown.take() else {
            return;
        };
        match (problem, self.frames.last_mut()) {
            (Some(problem @ Problem::MisplacedKeyword { .. }), Some(frame)) => {
                frame.misplaced.push(Diagnostic { place, problem });
            }
            (Some(problem), _) => self.reader.context.report(&place, problem),
            (None, _) => {}
        }
    }

    /// Skips the block of a keyword that is not known. Its `}` ends the blocks around it for keepalived.
    fn skip_block(&mut self) {
        let Some(Unknown {
            place,
            keyword,
            problem,
        }) = self.unknown.take()
        else {
            return;
        };
        if let Some(problem) = problem {
            let block = self
                .frames
                .last()
                .map_or("the top level", |frame| &frame.title);
            let block = block.to_owned();
            self.reader.context.report(
                &place,
                match problem {
                    Problem::UnknownKeyword { .. } => Problem::UnknownBlock { keyword, block },
                    other => other,
                },
            );
        }
        self.builder.give_up();
        self.skipped = self.frames.len() + 1;
        while let Some(frame) = self.frames.pop() {
            self.end(frame);
        }
    }
}

/// Returns the problem with a keyword that is not in the table of its block.
fn unknown(row: &Row, line: &Line, block: &str, words: &[String]) -> Problem {
    let keyword = words.first().cloned().unwrap_or_default();
    let block = block.to_owned();
    if line.text.ends_with(b"\\") {
        return Problem::Continuation { keyword };
    }
    match row.suggest(&keyword) {
        Some(meant) => Problem::MisspelledKeyword {
            keyword,
            block,
            meant: meant.to_owned(),
        },
        None => match home(&keyword) {
            Some(home) => Problem::MisplacedKeyword {
                keyword,
                block,
                home,
            },
            None => Problem::UnknownKeyword { keyword, block },
        },
    }
}
