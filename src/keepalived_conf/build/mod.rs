//! Makes the model of the blocks, as the handlers of keepalived do.

mod check;
mod command;
mod finish;
mod tracked;
mod values;
mod vrrp;

use std::collections::{BTreeMap, HashMap, HashSet};

use super::Location;
use super::blocks::Node;
use super::diagnostic::{Problem, Values};
use super::model::{Config, Spanned, Trackable};
use super::reader::{Context, Line};

/// The model so far.
pub(super) struct Builder<'a> {
    cx: &'a Context<'a>,
    pub config: Config,
    /// The blocks of each name that keepalived uses.
    used: BTreeMap<(Trackable, String), usize>,
    /// The names of blocks that keepalived removes, which is a problem of its own.
    removed: HashSet<(Trackable, String)>,
    /// The names that are tracked and are not in use so far, and what tracks them.
    missing: Vec<(String, Trackable, Spanned<String>)>,
    /// The instances that keepalived cannot run, with a reason that is not obvious, unless a part of the configuration was not read.
    unable: Vec<(Problem, String, &'static str, Location)>,
    /// The first instance with an interface, a number and a family.
    router_ids: HashMap<(String, u8, bool), String>,
    instances: HashMap<String, usize>,
    /// The first lines of blocks, by their keywords and names.
    first_lines: HashMap<(String, String), Location>,
    /// True if a part of the configuration was not read.
    pub has_gap: bool,
}

impl<'a> Builder<'a> {
    pub fn new(cx: &'a Context<'a>) -> Self {
        Self {
            cx,
            config: Config::default(),
            used: BTreeMap::new(),
            removed: HashSet::new(),
            missing: Vec::new(),
            unable: Vec::new(),
            router_ids: HashMap::new(),
            instances: HashMap::new(),
            first_lines: HashMap::new(),
            has_gap: false,
        }
    }

    /// Handles a block at top level.
    pub fn block(&mut self, node: &Node) {
        match node.row.keyword {
            "global_defs" => node.lines.iter().for_each(|line| self.root_value(line)),
            "vrrp_script" => self.script(node),
            "track_file" | "vrrp_track_file" => self.track_file(node),
            "vrrp_track_process" => self.track_process(node),
            "vrrp_instance" => self.instance(node),
            "vrrp_sync_group" => self.group(node),
            "virtual_server" => self.virtual_server(node),
            _ if node.line.keyword().starts_with("static_") => {
                self.config.runs_vrrp = true;
                self.config.interfaces.extend(devices(&node.lines));
            }
            _ => {}
        }
    }

    /// Handles a line of `global_defs`, or a line outside of all blocks.
    pub fn root_value(&mut self, line: &Line) {
        let globals = &mut self.config.globals;
        match (line.keyword(), &globals.net_namespace) {
            _ if line.unread => {}
            ("net_namespace", Some(first)) => self.cx.repeated(line, first.place.line, true),
            ("net_namespace", None) => globals.net_namespace = line.set_word(1),
            ("enable_script_security", _) if globals.script_security.is_none() => {
                globals.script_security = Some(line.place.clone());
            }
            ("dynamic_interfaces", _) => globals.dynamic_interfaces = true,
            ("script_user", _) => globals.script_users.extend(self.cx.user(line)),
            _ => {}
        }
    }

    /// Returns whether a block is the first one of its name. keepalived ignores the others.
    fn is_first(&mut self, line: &Line, name: &str) -> bool {
        let key = (line.keyword().to_owned(), name.to_owned());
        let Some(first) = self.first_lines.get(&key) else {
            self.first_lines.insert(key, line.place.clone());
            return true;
        };
        // If it is the same line, the file is included twice.
        if *first != line.place {
            let values: Values = &[
                ("block", &line.keyword()),
                ("name", &name),
                ("first", first),
            ];
            self.cx.report(&line.place, Problem::DuplicateBlock, values);
        }
        false
    }

    fn find(&self, kind: Trackable, name: &str) -> Option<usize> {
        self.used.get(&(kind, name.to_owned())).copied()
    }
}

/// Returns the interfaces of addresses and routes.
fn devices(lines: &[Line]) -> impl Iterator<Item = Spanned<String>> {
    let lines = lines.iter().filter(|line| !line.unread);
    lines.filter_map(|line| line.set_word(line.words.iter().position(|word| word == "dev")? + 1))
}

impl Node {
    /// Returns the interfaces that an instance or a sync group names.
    fn interfaces(&self) -> impl Iterator<Item = Spanned<String>> {
        let own = ["interface", "vrf"].into_iter();
        let own = own.flat_map(|keyword| self.lines_of(keyword));
        let tracked = self.items_of("track_interface");
        let lists = [
            "virtual_ipaddress",
            "virtual_ipaddress_excluded",
            "virtual_routes",
        ];
        let lists = lists.into_iter().flat_map(|list| self.blocks_of(list));
        let own = own.filter_map(|line| line.set_word(1));
        own.chain(tracked.filter_map(|line| line.set_word(0)))
            .chain(lists.flat_map(|list| devices(&list.lines)))
    }

    /// Returns the lines of a keyword.
    fn lines_of(&self, keyword: &str) -> impl Iterator<Item = &Line> {
        let is_it = move |line: &&Line| line.keyword() == keyword && !line.unread;
        self.lines.iter().filter(is_it)
    }

    /// Returns the last line of a keyword, if there is one.
    fn last_line(&self, keyword: &str) -> Option<&Line> {
        self.lines_of(keyword).last()
    }

    /// Returns whether a keyword has a line, also if its value is unknown.
    fn has(&self, keyword: &str) -> bool {
        self.lines.iter().any(|line| line.keyword() == keyword)
    }

    /// Returns the blocks of a keyword.
    fn blocks_of(&self, keyword: &str) -> impl Iterator<Item = &Self> {
        let is_it = move |node: &&Self| node.line.keyword() == keyword;
        self.blocks.iter().filter(is_it)
    }

    /// Returns the lines in lists of this keyword.
    fn items_of(&self, keyword: &str) -> impl Iterator<Item = &Line> {
        let items = self.blocks_of(keyword).flat_map(|list| &list.lines);
        items.filter(|line| !line.unread)
    }
}

impl Context<'_> {
    /// Reads the lines of a keyword. The last one counts that keepalived does not ignore.
    fn last<T>(
        &self,
        node: &Node,
        keyword: &str,
        read: impl Fn(&Self, &Line) -> Option<T>,
    ) -> Option<T> {
        let mut found = None;
        let mut before: Option<&Line> = None;
        for line in node.lines_of(keyword) {
            if let Some(before) = before {
                self.repeated(line, before.place.line, false);
            }
            found = read(self, line).or(found);
            before = Some(line);
        }
        found
    }

    /// Reads the first line of a keyword. keepalived ignores the others.
    fn first<T>(
        &self,
        node: &Node,
        keyword: &str,
        read: impl Fn(&Self, &Line) -> Option<T>,
    ) -> Option<T> {
        let mut lines = node.lines_of(keyword);
        let first = lines.next()?;
        lines.for_each(|line| self.repeated(line, first.place.line, true));
        read(self, first)
    }

    /// Reports a keyword that has a line above this one. Either the first or the last counts.
    fn repeated(&self, line: &Line, above: usize, first_counts: bool) {
        let here = line.place.line;
        let (used, ignored) = match first_counts {
            true => (above, here),
            false => (here, above),
        };
        let values: Values = &[
            ("keyword", &line.keyword()),
            ("line", &used),
            ("ignored", &ignored),
        ];
        self.report(&line.place, Problem::Repeated, values);
    }
}
