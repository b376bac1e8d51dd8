//! Blocks and keywords (lib/parser.c, `process_stream`, `alloc_value_block`, `skip_block`).

use super::Place;
use super::build::Builder;
use super::keyword::{Block, Keyword, Kind, Process};
use super::keywords::{find, root_of};
use super::reader::{Line, Reader};
use super::remark::lossy;
use super::statement::{Begun, Statement};
use super::words::plain;

/// How far a block is that is passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Skip {
    No,
    /// It begins if a brace is next.
    Waits,
    /// So many braces are open.
    Within(usize),
}

/// One process's way through the lines.
pub(super) struct Walk<'w, 'r, 'a> {
    pub reader: &'w mut Reader<'r, 'a>,
    pub builder: &'w mut Builder,
    process: Process,
    skip: Skip,
    /// The blocks that are open, from the outermost.
    pub open: Vec<(String, Place)>,
}

impl<'w, 'r, 'a> Walk<'w, 'r, 'a> {
    pub fn new(reader: &'w mut Reader<'r, 'a>, builder: &'w mut Builder, process: Process) -> Self {
        Self {
            reader,
            builder,
            process,
            skip: Skip::No,
            open: Vec::new(),
        }
    }

    /// Reads to the end.
    pub fn read(mut self) {
        while let Some(line) = self.reader.next() {
            let words = self.words(&line);
            if let Some(first) = words.first() {
                self.root_line(&line, first, words.clone());
            }
        }
        if self.reader.depth > 0 {
            let depth = self.reader.depth;
            let place = self.reader.place.clone();
            self.reader.shared.remarks.problem(
                &place,
                format!("There are {depth} missing '}}'s or extra '{{'s: keepalived reads on, but not as it looks"),
                "the file ends within a block",
                "close each block that is opened",
            );
        }
    }

    fn words(&mut self, line: &Line) -> Vec<Vec<u8>> {
        let found = plain(&line.text);
        if found.open_quote {
            self.reader.shared.remarks.problem(
                &line.place,
                "Unmatched quote: keepalived drops the rest of the line",
                format!("a double quote is not closed: {}", lossy(&line.text)),
                "close it on the same line",
            );
        }
        found.words
    }

    /// A line that stands in no block.
    fn root_line(&mut self, line: &Line, first: &[u8], words: Vec<Vec<u8>>) {
        if self.passes_over(&words) {
            return;
        }
        if first == b"{" {
            return self.unexpected_brace(line);
        }
        match root_of(first) {
            Some(root) if root.processes.contains(&self.process) => {
                self.keyword(Block::Root, &root.keyword, line, words);
            }
            Some(root) => {
                if self.process == Process::Parent {
                    self.builder.sees(root.keyword.name);
                }
                let opens = words.last().is_some_and(|word| word == b"{");
                self.skip = if opens { Skip::Within(1) } else { Skip::Waits };
            }
            None => self.unknown(None, line, &words),
        }
    }

    /// The lines of a block, up to its end. Whether it was passed over.
    fn block(&mut self, block: Block, keywords: &'static [Keyword], needs_brace: bool) -> bool {
        let mut needs_brace = needs_brace;
        while let Some(line) = self.reader.next() {
            let words = self.words(&line);
            let Some(first) = words.first() else {
                continue;
            };
            if self.skip == Skip::Waits && first == b"{" {
                needs_brace = false;
            }
            let skipped = self.skip != Skip::No;
            if self.passes_over(&words) {
                if skipped && self.skip == Skip::No {
                    return true;
                }
                continue;
            }
            match (first.as_slice(), needs_brace) {
                (b"{", true) => {
                    needs_brace = false;
                    continue;
                }
                (b"{", false) => {
                    self.unexpected_brace(&line);
                    continue;
                }
                (_, true) => {
                    needs_brace = false;
                    self.no_brace(&line);
                }
                _ => {}
            }
            if first == b"}" {
                return false;
            }
            match find(keywords, first) {
                Some(keyword) => self.keyword(block, keyword, &line, words),
                None => self.unknown(Some(keywords), &line, &words),
            }
        }
        self.not_closed();
        false
    }

    /// Passes over a line of a block that does not count.
    fn passes_over(&mut self, words: &[Vec<u8>]) -> bool {
        if self.skip == Skip::Waits {
            if words.first().is_some_and(|word| word == b"{") {
                self.skip = Skip::Within(1);
                return true;
            }
            self.skip = Skip::No;
        }
        let Skip::Within(mut depth) = self.skip else {
            return false;
        };
        for word in words {
            match word.as_slice() {
                b"{" => depth += 1,
                b"}" => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
        self.skip = if depth == 0 {
            Skip::No
        } else {
            Skip::Within(depth)
        };
        true
    }

    /// A keyword that is known where it stands.
    fn keyword(
        &mut self,
        block: Block,
        keyword: &'static Keyword,
        line: &Line,
        mut words: Vec<Vec<u8>>,
    ) {
        self.judge_version(keyword, line);
        match &keyword.kind {
            Kind::Values => self.value(block, line, &words),
            Kind::Value => match words.len() {
                0 | 1 => self.missing(keyword.name, &line.place),
                _ => self.value(block, line, &words),
            },
            Kind::List => self.list(block, keyword, line, &words),
            Kind::Block(inner, keywords) => {
                let needs_brace = pop_if(&mut words, b"{").is_none();
                let statement = Statement {
                    line,
                    words: &words,
                };
                let shared = &mut *self.reader.shared;
                if self.builder.begin(shared, block, *inner, &statement) == Begun::Skip {
                    self.skip = if needs_brace {
                        Skip::Waits
                    } else {
                        Skip::Within(1)
                    };
                }
                self.open.push((statement.texts(0), line.place.clone()));
                let passed_over = self.block(*inner, keywords, needs_brace);
                self.open.pop();
                if !passed_over {
                    self.builder.end(self.reader.shared, *inner);
                }
            }
        }
    }

    fn value(&mut self, block: Block, line: &Line, words: &[Vec<u8>]) {
        let statement = Statement { line, words };
        if statement.word(0) == Some(b"include_check") && self.process == Process::Parent {
            let demanded = words.iter().skip(1).map(Vec::as_slice);
            self.reader.check = self.reader.check.checked(demanded);
        }
        self.builder.value(self.reader.shared, block, &statement);
    }

    /// A block whose lines are values.
    fn list(&mut self, block: Block, keyword: &Keyword, line: &Line, words: &[Vec<u8>]) {
        let mut inline = words.iter().skip(1);
        if keyword.name == "virtual_server_group" && inline.next().is_none() {
            self.missing(keyword.name, &line.place);
        }
        if let Some(extra) = inline.next() {
            self.reader.shared.remarks.problem(
                &line.place,
                format!(
                    "Block {} has extra parameters: keepalived ignores them",
                    keyword.name
                ),
                format!("{} stands before the brace", lossy(extra)),
                "write one on each line between the braces",
            );
        }
        let statement = Statement { line, words };
        let shared = &mut *self.reader.shared;
        if self.builder.begin_list(shared, block, &statement) == Begun::Skip {
            self.skip = Skip::Waits;
            return;
        }
        self.open
            .push((keyword.name.to_owned(), line.place.clone()));
        let mut needs_brace = true;
        while let Some(line) = self.reader.next() {
            let mut words = self.words(&line);
            if words.is_empty() {
                continue;
            }
            if needs_brace {
                needs_brace = false;
                if words.first().is_some_and(|word| word == b"{") {
                    words.remove(0);
                    if words.is_empty() {
                        continue;
                    }
                } else {
                    self.no_brace(&line);
                }
            }
            let ends = pop_if(&mut words, b"}").is_some();
            if let Some(first) = words.first() {
                self.judge_item(keyword, &line, first);
                let statement = Statement {
                    line: &line,
                    words: &words,
                };
                self.builder
                    .item(self.reader.shared, block, keyword.name, &statement);
            }
            if ends {
                self.open.pop();
                return;
            }
        }
        self.not_closed();
        self.open.pop();
    }
}

/// Takes the last word off if it is this one.
fn pop_if(words: &mut Vec<Vec<u8>>, word: &[u8]) -> Option<Vec<u8>> {
    match words.last() {
        Some(last) if last == word => words.pop(),
        _ => None,
    }
}
