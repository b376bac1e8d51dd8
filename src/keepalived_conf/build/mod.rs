//! Makes the model of the blocks and their lines, as the handlers of keepalived 2.2.7 do.

mod check;
mod command;
mod finish;
mod global;
mod group;
mod instance;
mod process;
mod script;
mod track;
mod values;

use std::collections::{HashMap, HashSet};

use super::keyword::Block;
use super::model::Config;
use super::reader::Shared;
use super::statement::{Begun, Statement};
use finish::What;

/// The model so far.
#[derive(Debug, Default)]
pub(super) struct Builder {
    pub config: Config,
    /// The first blocks of each name that keepalived keeps, for what is tracked.
    scripts: HashMap<String, usize>,
    track_files: HashMap<String, usize>,
    track_processes: HashMap<String, usize>,
    instances: HashMap<String, usize>,
    groups: HashMap<String, usize>,
    /// What the block that is open tracks already.
    tracked: HashSet<(&'static str, String)>,
    /// Which scripts, files and processes act on which instances, by their numbers, and where that stands.
    acts_on: HashMap<(What, usize, usize), usize>,
    /// The `group` of the sync group that is open was read.
    has_members: bool,
}

impl Builder {
    /// The parent process sees a block that is for another one, which it starts for some of them.
    pub fn sees(&mut self, keyword: &str) {
        match keyword {
            "vrrp_instance" | "static_ipaddress" | "static_routes" | "static_rules" => {
                self.config.runs_vrrp = true;
            }
            "virtual_server" => self.config.runs_checker = true,
            _ => {}
        }
    }

    /// A block begins.
    pub fn begin(
        &mut self,
        shared: &mut Shared,
        around: Block,
        block: Block,
        statement: &Statement,
    ) -> Begun {
        match block {
            Block::Script => self.begin_script(shared, statement),
            Block::Instance => self.begin_instance(shared, statement),
            Block::SyncGroup => self.begin_group(shared, statement),
            Block::TrackFile => self.begin_track_file(shared, statement),
            Block::TrackProcess => self.begin_track_process(shared, statement),
            Block::VirtualServer => self.begin_virtual_server(shared, statement),
            Block::RealServer => self.begin_real_server(shared, statement),
            Block::MiscCheck => self.begin_misc_check(shared, statement),
            Block::OtherCheck => self.begin_other_check(statement),
            Block::Root | Block::GlobalDefs | Block::Other => {
                debug_assert_ne!(around, block, "no block stands in one of its kind");
                Begun::Read
            }
        }
    }

    /// A block of values begins.
    pub fn begin_list(
        &mut self,
        shared: &mut Shared,
        block: Block,
        statement: &Statement,
    ) -> Begun {
        match (block, statement.word(0)) {
            (Block::SyncGroup, Some(b"group")) => self.begin_members(shared, statement),
            _ => Begun::Read,
        }
    }

    /// A line with a keyword.
    pub fn value(&mut self, shared: &mut Shared, block: Block, statement: &Statement) {
        match block {
            Block::Root => self.root_value(shared, statement),
            Block::GlobalDefs => self.global_value(shared, statement),
            Block::Script => self.script_value(shared, statement),
            Block::Instance => self.instance_value(shared, statement),
            Block::SyncGroup => self.group_value(shared, statement),
            Block::TrackFile => self.track_file_value(shared, statement),
            Block::TrackProcess => self.track_process_value(shared, statement),
            Block::VirtualServer => self.virtual_server_value(shared, statement),
            Block::RealServer => self.real_server_value(shared, statement),
            Block::MiscCheck => self.misc_check_value(shared, statement),
            Block::OtherCheck | Block::Other => {}
        }
    }

    /// A line of a block of values.
    pub fn item(&mut self, shared: &mut Shared, block: Block, list: &str, statement: &Statement) {
        match block {
            Block::Instance => self.instance_item(shared, list, statement),
            Block::SyncGroup => self.group_item(shared, list, statement),
            _ => {}
        }
    }

    /// A block ends.
    pub fn end(&mut self, shared: &mut Shared, block: Block) {
        match block {
            Block::Script => self.end_script(shared),
            Block::TrackFile => self.end_track_file(shared),
            Block::TrackProcess => self.end_track_process(shared),
            Block::MiscCheck => self.end_misc_check(shared),
            _ => {}
        }
    }
}
