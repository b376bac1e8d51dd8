//! One run of a script whose questions have known answers. A command that is not known ends it: what a shell or another
//! program would do is never guessed.

use std::collections::HashMap;

use super::run::{Context, Run, Slice, Status, Step, Stop, Value, succeeded, texts};
use super::tokens::Token;

/// The most statements that a run executes.
const STEPS: usize = 2000;

/// The most bytes that all words of a run have together. A variable can double in each line.
const BYTES: usize = 1 << 20;

/// A block that is open.
struct Block<'t> {
    /// The word that closes it.
    close: &'static str,
    /// True if the block around it is executed.
    outer: bool,
    /// True if its statements are executed.
    runs: bool,
    /// True if one of its branches was executed.
    taken: bool,
    /// True between `if` and `then`, where nothing else can be.
    begins: bool,
    /// A loop: its first statement, its variable, and the values to come.
    values: Option<(usize, &'t str, Vec<String>)>,
}

/// The state of a run.
pub struct Machine<'a> {
    pub(super) context: Context<'a>,
    pub(super) given: Vec<bool>,
    /// Answers before this one can have changed: something was done, or time has passed.
    pub(super) valid_from: usize,
    /// What has happened.
    pub run: Run,
    pub(super) variables: HashMap<String, Value>,
    pub(super) last: Status,
    pub(super) exits_on_error: bool,
    pub(super) pipe_fails: bool,
    pub(super) steps: usize,
    bytes: usize,
    /// The line of the last statement.
    pub line: usize,
}

impl<'a> Machine<'a> {
    /// A run in which questions get these answers.
    pub fn new(context: Context<'a>, given: Vec<bool>) -> Self {
        Self {
            context,
            given,
            valid_from: 0,
            run: Run::default(),
            variables: HashMap::new(),
            last: Status::Is(0),
            exits_on_error: false,
            pipe_fails: false,
            steps: 0,
            bytes: 0,
            line: 1,
        }
    }

    /// Counts the bytes of a part of a word.
    pub(super) fn count_bytes(&mut self, count: usize) -> Step<()> {
        self.bytes = self.bytes.saturating_add(count);
        match self.bytes > BYTES {
            true => Err(Stop::NotUnderstood),
            false => Ok(()),
        }
    }

    /// Executes a script to its end.
    pub fn script(&mut self, tokens: Slice<'_>) -> Step<Status> {
        let is_end = |(_, token): &(usize, Token)| [";", "\n"].contains(&token.operator());
        let statements: Vec<Slice<'_>> = tokens.split(is_end).collect();
        let (mut blocks, mut next): (Vec<Block<'_>>, usize) = (Vec::new(), 0);
        while let Some(statement) = statements.get(next) {
            next += 1;
            self.statement(statement, &mut blocks, &mut next)?;
        }
        match blocks.is_empty() {
            true => Ok(self.last),
            false => Err(Stop::NotUnderstood),
        }
    }

    fn statement<'t>(
        &mut self,
        statement: Slice<'t>,
        blocks: &mut Vec<Block<'t>>,
        next: &mut usize,
    ) -> Step<()> {
        let mut rest = statement;
        while let Some(((line, first), behind)) = rest.split_first() {
            (self.line, self.steps) = (*line, self.steps + 1);
            if self.steps > STEPS {
                return Err(Stop::NotUnderstood);
            }
            let outer = blocks.last().is_none_or(|block| block.runs);
            let block = |close, runs| Block {
                close,
                outer,
                runs,
                taken: runs,
                begins: close != "}",
                values: None,
            };
            let word = first.plain().unwrap_or_default();
            let begins = blocks.last().is_some_and(|block| block.begins);
            if begins != ["then", "do"].contains(&word) {
                return Err(Stop::NotUnderstood);
            }
            match word {
                "if" => {
                    let holds = outer && self.holds(behind)?;
                    blocks.push(block("fi", holds));
                    return Ok(());
                }
                "{" => blocks.push(block("}", outer)),
                "for" => {
                    let mut block = block("done", false);
                    block.values = Some((*next, "", Vec::new()));
                    if outer {
                        block.values = Some(self.values_of_loop(behind, *next)?);
                        self.turn(&mut block, next);
                    }
                    blocks.push(block);
                    return Ok(());
                }
                "then" | "do" | "elif" | "else" | "fi" | "done" | "}" => {
                    if self.branch(word, behind, blocks, next)? {
                        return Ok(());
                    }
                }
                _ => match self.guard(rest, outer)? {
                    Some((block, inside)) => {
                        blocks.push(block);
                        rest = inside;
                        continue;
                    }
                    None => return if outer { self.and_or(rest) } else { Ok(()) },
                },
            }
            rest = behind;
        }
        Ok(())
    }

    /// Executes a word that divides or closes the last block. Returns whether the statement is done.
    fn branch(
        &mut self,
        word: &str,
        behind: Slice<'_>,
        blocks: &mut Vec<Block<'_>>,
        next: &mut usize,
    ) -> Step<bool> {
        let block = blocks.last_mut().ok_or(())?;
        match (word, block.close) {
            ("then", "fi") | ("do", "done") => block.begins = false,
            ("elif", "fi") => {
                block.runs = block.outer && !block.taken && self.holds(behind)?;
                block.taken |= block.runs;
                block.begins = true;
                return Ok(true);
            }
            ("else", "fi") => {
                block.runs = block.outer && !block.taken;
                block.taken = true;
            }
            (word, close) if word == close && behind.is_empty() => {
                if block.runs && self.turn(block, next) {
                    return Ok(true);
                }
                if block.outer && !block.taken {
                    self.last = Status::Is(0);
                }
                blocks.pop();
            }
            _ => return Err(Stop::NotUnderstood),
        }
        Ok(false)
    }

    /// `A || {` or `A && {`: the block, and what is inside of it.
    fn guard<'t>(
        &mut self,
        tokens: Slice<'t>,
        outer: bool,
    ) -> Step<Option<(Block<'t>, Slice<'t>)>> {
        let mut behind = tokens.iter().skip(1);
        let Some(at) = behind.position(|(_, token)| token.plain() == Some("{")) else {
            return Ok(None);
        };
        let (before, rest) = tokens.split_at(at);
        let [(_, connector), _, inside @ ..] = rest else {
            return Err(Stop::NotUnderstood);
        };
        let wanted = match connector.operator() {
            "&&" => true,
            "||" => false,
            _ => return Err(Stop::NotUnderstood),
        };
        let runs = outer && self.holds(before)? == wanted;
        let block = Block {
            close: "}",
            outer: runs,
            runs,
            taken: true,
            begins: false,
            values: None,
        };
        Ok(Some((block, inside)))
    }

    /// Begins the next turn of a loop. Returns whether there is one.
    fn turn(&mut self, block: &mut Block<'_>, next: &mut usize) -> bool {
        let Some((start, name, values)) = &mut block.values else {
            return false;
        };
        let value = values.pop();
        block.runs = value.is_some();
        block.taken |= block.runs;
        if let Some(value) = value {
            (*next, block.begins) = (*start, true);
            self.variables
                .insert((*name).to_owned(), Value::Text(value));
        }
        block.runs
    }

    /// `NAME in WORDS`
    fn values_of_loop<'t>(
        &mut self,
        tokens: Slice<'t>,
        start: usize,
    ) -> Step<(usize, &'t str, Vec<String>)> {
        let [(_, name), (_, word), words @ ..] = tokens else {
            return Err(Stop::NotUnderstood);
        };
        let mut values = Vec::new();
        for (_, word) in words {
            let Token::Word(word) = word else {
                return Err(Stop::NotUnderstood);
            };
            let text = texts(vec![self.value(word)?])?.concat();
            values.extend(text.split_whitespace().map(str::to_owned));
        }
        values.reverse();
        match (name.plain(), word.plain()) {
            (Some(name), Some("in")) => Ok((start, name, values)),
            _ => Err(Stop::NotUnderstood),
        }
    }

    fn holds(&mut self, tokens: Slice<'_>) -> Step<bool> {
        let exits_on_error = std::mem::take(&mut self.exits_on_error);
        self.and_or(tokens)?;
        self.exits_on_error = exits_on_error;
        succeeded(self.last)
    }

    /// Executes pipelines with `&&` and `||` between them.
    fn and_or(&mut self, tokens: Slice<'_>) -> Step<()> {
        let connector = |token: &Token| {
            ["&&", "||"]
                .into_iter()
                .find(|one| *one == token.operator())
        };
        let mut before = None;
        let mut has_run = false;
        for part in tokens.split_inclusive(|(_, token)| connector(token).is_some()) {
            let behind = part.last().and_then(|(_, token)| connector(token));
            let pipeline = part
                .get(..part.len() - usize::from(behind.is_some()))
                .unwrap_or_default();
            has_run = match before {
                None => true,
                Some(connector) => succeeded(self.last)? == (connector == "&&"),
            };
            if has_run {
                self.last = self.pipeline(pipeline)?;
            }
            before = behind;
        }
        match has_run && self.exits_on_error && !succeeded(self.last)? {
            true => Err(Stop::Exit(self.last)),
            false => Ok(()),
        }
    }

    fn pipeline(&mut self, tokens: Slice<'_>) -> Step<Status> {
        if let [(_, first), rest @ ..] = tokens {
            if first.plain() == Some("!") {
                let status = self.pipeline(rest)?;
                // `set -e` does not apply to it.
                return match self.exits_on_error {
                    true => Err(Stop::NotUnderstood),
                    false => Ok(Status::Is(u8::from(succeeded(status)?))),
                };
            }
        }
        let stages: Vec<Slice<'_>> = tokens.split(|(_, token)| token.operator() == "|").collect();
        match stages.as_slice() {
            [command] => self.command(command),
            stages => {
                let pipe = self.pipe(stages)?;
                self.answer(pipe, Status::Is(1))
            }
        }
    }
}
