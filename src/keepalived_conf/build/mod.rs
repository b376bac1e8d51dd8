//! Makes the model of the blocks and their lines, as the handlers of keepalived do.

mod check;
mod command;
mod finish;
mod instance;
mod script;
mod track;
mod values;

use std::collections::{HashMap, HashSet};

use super::diagnostic::{Problem, Values};
use super::keywords::Block;
use super::model::Config;
use super::reader::{Context, Line};

/// What an instance can track.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Script,
    File,
    Process,
}

/// The model so far.
pub(super) struct Builder<'a> {
    cx: &'a Context<'a>,
    pub config: Config,
    /// The blocks of each name that keepalived uses.
    tracked: HashMap<(Kind, String), usize>,
    instances: HashMap<String, usize>,
    groups: HashMap<String, usize>,
    /// The names that the block which is open tracks already.
    listed: HashSet<(Kind, String)>,
    /// True if the block that is open has a line for a command, which can have a problem of its own.
    has_command_line: bool,
    /// True if a part of the configuration was not read.
    pub has_gap: bool,
}

impl<'a> Builder<'a> {
    pub fn new(cx: &'a Context<'a>) -> Self {
        Self {
            cx,
            config: Config::default(),
            tracked: HashMap::new(),
            instances: HashMap::new(),
            groups: HashMap::new(),
            listed: HashSet::new(),
            has_command_line: false,
            has_gap: false,
        }
    }

    /// Begins a block. Returns whether keepalived reads it.
    pub fn begin(&mut self, block: Block, line: &Line) -> bool {
        let has_name = line.words.len() > 1;
        self.has_command_line = false;
        match block {
            Block::Script | Block::TrackFile | Block::TrackProcess if !has_name => {
                let values: Values = &[("keyword", &line.keyword())];
                self.cx.report(&line.place, Problem::MissingValue, values);
                return false;
            }
            Block::Script => self.begin_script(line),
            Block::TrackFile => self.begin_track_file(line),
            Block::TrackProcess => self.begin_track_process(line),
            Block::Instance => return self.begin_instance(line),
            Block::SyncGroup => return self.begin_group(line),
            Block::VirtualServer => return self.begin_virtual_server(line),
            Block::RealServer => return self.begin_real_server(line),
            Block::MiscCheck => self.begin_misc_check(line),
            Block::FileCheck => self.begin_file_check(line),
            Block::Root | Block::GlobalDefs | Block::Other => {}
        }
        true
    }

    /// Begins a block whose lines are values. Returns whether keepalived reads it.
    pub fn begin_list(&mut self, block: Block, line: &Line) -> bool {
        self.config.runs_vrrp |= block == Block::Root && line.keyword().starts_with("static_");
        if let ("unicast_peer", Some(instance)) = (line.keyword(), self.config.instances.last_mut())
        {
            instance.is_unicast = true;
        }
        block != Block::SyncGroup || line.keyword() != "group" || self.begin_members(line)
    }

    /// Takes a line with a keyword.
    pub fn value(&mut self, block: Block, line: &Line) {
        self.has_command_line |= matches!(line.keyword(), "script" | "misc_path");
        match block {
            Block::Root | Block::GlobalDefs => self.global_value(line),
            Block::Script => self.script_value(line),
            Block::Instance => self.instance_value(line),
            Block::SyncGroup => self.group_value(line),
            Block::TrackFile => self.track_file_value(line),
            Block::TrackProcess => self.track_process_value(line),
            Block::VirtualServer => self.virtual_server_value(line),
            Block::RealServer => self.real_server_value(line),
            Block::MiscCheck => self.misc_check_value(line),
            Block::FileCheck => self.file_check_value(line),
            Block::Other => {}
        }
    }

    /// Takes a line of a block of values.
    pub fn item(&mut self, block: Block, list: &str, line: &Line) {
        match (block, list) {
            (_, "virtual_ipaddress") => self.address(line),
            (_, "virtual_ipaddress_excluded") => self.excluded_address(line),
            (Block::SyncGroup, "group") => self.members(line),
            (_, "track_script") => self.track(block, Kind::Script, line),
            (_, "track_file") => self.track(block, Kind::File, line),
            (_, "track_process") => self.track(block, Kind::Process, line),
            _ => {}
        }
    }

    /// Ends a block.
    pub fn end(&mut self, block: Block) {
        match block {
            Block::Script => self.end_script(),
            Block::TrackFile => self.end_track_file(),
            Block::TrackProcess => self.end_track_process(),
            Block::MiscCheck => self.end_misc_check(),
            _ => {}
        }
    }

    fn global_value(&mut self, line: &Line) {
        let globals = &mut self.config.globals;
        match line.keyword() {
            "net_namespace" => match &globals.net_namespace {
                Some(first) => self.cx.repeated_ignored(line, first.place.line),
                None => globals.net_namespace = line.set_word(1),
            },
            "enable_script_security" => {
                globals
                    .script_security
                    .get_or_insert_with(|| line.place.clone());
            }
            "script_user" => globals.script_users.extend(self.cx.user(line)),
            "startup_script" | "shutdown_script" => self.cx.notify(line),
            keyword if keyword.ends_with("notify_fifo_script") => self.cx.notify(line),
            _ => {}
        }
    }

    fn find(&self, kind: Kind, name: &str) -> Option<usize> {
        self.tracked.get(&(kind, name.to_owned())).copied()
    }
}
