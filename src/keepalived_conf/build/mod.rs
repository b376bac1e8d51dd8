//! Makes the model of the blocks and their lines, as the handlers of keepalived do.

mod check;
mod command;
mod finish;
mod global;
mod instance;
mod script;
mod track;
mod values;

use std::collections::{HashMap, HashSet};

use super::Place;
use super::keywords::Block;
use super::model::{Config, Set};
use super::reader::{Context, Line};
use finish::Kind;

/// A line and its words.
#[derive(Clone, Copy)]
pub(super) struct Statement<'l> {
    pub line: &'l Line,
    pub words: &'l [String],
}

impl<'l> Statement<'l> {
    pub fn place(&self) -> &'l Place {
        &self.line.place
    }

    pub fn word(&self, at: usize) -> Option<&'l str> {
        self.words.get(at).map(String::as_str)
    }

    pub fn keyword(&self) -> &'l str {
        self.word(0).unwrap_or_default()
    }

    /// Returns the words from there on, separated by blanks.
    pub fn rest(&self, from: usize) -> String {
        self.words.get(from..).unwrap_or_default().join(" ")
    }

    pub fn set<T>(&self, value: T) -> Set<T> {
        let place = self.place().clone();
        Set { value, place }
    }

    pub fn set_word(&self, at: usize) -> Option<Set<String>> {
        self.word(at).map(|word| self.set(word.to_owned()))
    }
}

/// The model so far.
#[derive(Debug, Default)]
pub(super) struct Builder {
    pub config: Config,
    /// The blocks of each name that keepalived uses.
    scripts: HashMap<String, usize>,
    track_files: HashMap<String, usize>,
    track_processes: HashMap<String, usize>,
    instances: HashMap<String, usize>,
    groups: HashMap<String, usize>,
    /// What the block that is open tracks already.
    tracked: HashSet<(&'static str, String)>,
    /// Where in `tracked_by` it is that a script, a file or a process acts on an instance.
    acts_on: HashMap<(Kind, usize, usize), usize>,
    /// True if a part of the configuration was not read.
    has_gap: bool,
}

impl Builder {
    /// Notes that a part of the configuration was not read.
    pub fn give_up(&mut self) {
        self.has_gap = true;
    }

    /// Begins a block. Returns whether keepalived reads it.
    pub fn begin(&mut self, context: &mut Context, block: Block, statement: &Statement) -> bool {
        match block {
            Block::Script => self.begin_script(context, statement),
            Block::Instance => self.begin_instance(context, statement),
            Block::SyncGroup => self.begin_group(context, statement),
            Block::TrackFile => self.begin_track_file(context, statement),
            Block::TrackProcess => self.begin_track_process(context, statement),
            Block::VirtualServer => self.begin_virtual_server(context, statement),
            Block::RealServer => self.begin_real_server(context, statement),
            Block::MiscCheck | Block::FileCheck | Block::OtherCheck => {
                self.begin_check(block, statement)
            }
            Block::Root | Block::GlobalDefs | Block::Other => true,
        }
    }

    /// Begins a block whose lines are values. Returns whether keepalived reads it.
    pub fn begin_list(
        &mut self,
        context: &mut Context,
        block: Block,
        statement: &Statement,
    ) -> bool {
        match (block, statement.keyword()) {
            (Block::SyncGroup, "group") => self.begin_members(context, statement),
            (Block::Root, list) => {
                self.config.runs_vrrp |= list.starts_with("static_");
                true
            }
            _ => true,
        }
    }

    /// Takes a line with a keyword.
    pub fn value(&mut self, context: &mut Context, block: Block, statement: &Statement) {
        match block {
            Block::Root => self.root_value(context, statement),
            Block::GlobalDefs => self.global_value(context, statement),
            Block::Script => self.script_value(context, statement),
            Block::Instance => self.instance_value(context, statement),
            Block::SyncGroup => self.group_value(context, statement),
            Block::TrackFile => self.track_file_value(context, statement),
            Block::TrackProcess => self.track_process_value(context, statement),
            Block::VirtualServer => self.virtual_server_value(context, statement),
            Block::RealServer => self.real_server_value(context, statement),
            Block::MiscCheck => self.misc_check_value(context, statement),
            Block::FileCheck => self.file_check_value(context, statement),
            Block::OtherCheck | Block::Other => {}
        }
    }

    /// Takes a line of a block of values.
    pub fn item(
        &mut self,
        context: &mut Context,
        block: Block,
        list: &'static str,
        statement: &Statement,
    ) {
        match (block, list) {
            (Block::Instance, "virtual_ipaddress" | "virtual_ipaddress_excluded") => {
                self.address(context, list, statement);
            }
            (Block::SyncGroup, "group") => self.members(statement),
            (Block::Instance | Block::SyncGroup, _) => self.track(context, block, list, statement),
            _ => {}
        }
    }

    /// Ends a block.
    pub fn end(&mut self, context: &mut Context, block: Block) {
        match block {
            Block::Script => self.end_script(context),
            Block::TrackFile => self.end_track_file(context),
            Block::TrackProcess => self.end_track_process(context),
            Block::MiscCheck => self.end_misc_check(context),
            Block::FileCheck => self.end_file_check(context),
            _ => {}
        }
    }
}
