//! The blocks that instances and sync groups can track: scripts, files and processes (keepalived/vrrp/vrrp_parser.c,
//! `vrrp_vscript_*`; keepalived/trackers).

use std::path::Path;
use std::time::Duration;

use super::super::blocks::Node;
use super::super::diagnostic::{Problem, Values};
use super::super::files;
use super::super::model::{Script, Spanned, TrackFile, TrackProcess, Trackable, Tracked, Weight};
use super::super::reader::{Context, Line};
use super::Builder;
use super::values::OnFlaw;

/// The weight of a track_file whose block has none.
const OF_FILES: Weight = Weight {
    value: 1,
    reverse: false,
};

impl Builder<'_> {
    pub(super) fn script(&mut self, node: &Node) {
        let (cx, kind) = (self.cx, Trackable::Script);
        let Some(name) = cx.tracked_name(node) else {
            return;
        };
        cx.check_rest(&node.line, 2);
        let runs = |cx: &Context, line: &Line| {
            cx.check_rest(line, 2);
            cx.whole(line, 1..=i64::from(i32::MAX), OnFlaw::PrefixOr(1))
        };
        let fall = |cx: &Context, line: &Line| Some(line.set(runs(cx, line)?));
        let command = cx.last(node, "script", Context::check);
        let (interval, timeout) = (
            cx.last(node, "interval", Context::seconds),
            cx.last(node, "timeout", Context::seconds),
        );
        let weight = cx.last(node, "weight", |cx, line| {
            cx.weight(line, 253, OnFlaw::Keep)
        });
        let (rise, fall) = (cx.last(node, "rise", runs), cx.last(node, "fall", fall));
        let user = cx.last(node, "user", Context::user);
        let Some(command) = command else {
            return self.remove(kind, &name, node, "script");
        };
        if !self.is_first(&node.line, &name) {
            return;
        }
        let index = self.config.scripts.len();
        self.used.insert((kind, name.clone()), index);
        self.config.scripts.push(Script {
            name,
            place: node.line.place.clone(),
            command,
            interval: interval.unwrap_or(Duration::from_secs(1)),
            timeout,
            weight: weight.unwrap_or_default(),
            rise: rise.unwrap_or(1),
            fall,
            user,
            init_fail: node.last_line("init_fail").map(|line| line.place.clone()),
            tracked_by: Vec::new(),
        });
    }

    pub(super) fn track_file(&mut self, node: &Node) {
        let (cx, kind) = (self.cx, Trackable::File);
        let Some(name) = cx.tracked_name(node) else {
            return;
        };
        let value = |cx: &Context, line: &Line| {
            let value = line.set_word(1);
            if value.is_none() {
                cx.wrong_word(line, 1, "VALUE");
            }
            value
        };
        let weight = |cx: &Context, line: &Line| cx.weight(line, 254, OnFlaw::PrefixOr(1));
        let (file, weight) = (
            cx.first(node, "file", value),
            cx.first(node, "weight", weight),
        );
        let Some(file) = file else {
            return self.remove(kind, &name, node, "file");
        };
        if let Some(line) = node.last_line("init_file") {
            cx.check_init_file(line, &name);
        }
        if self.is_dropped(&file, &name) {
            self.removed.insert((kind, name));
            return;
        }
        let index = self.config.track_files.len();
        if self.find(kind, &name).is_none() {
            self.used.insert((kind, name.clone()), index);
            self.config.track_files.push(TrackFile {
                name,
                place: node.line.place.clone(),
                file,
                weight: weight.unwrap_or(OF_FILES),
                checked_by: Vec::new(),
                tracked_by: Vec::new(),
            });
        }
    }

    /// Returns whether keepalived drops a track_file while it reads it, because it cannot watch the folder.
    fn is_dropped(&self, file: &Spanned<String>, name: &str) -> bool {
        let cx = self.cx;
        let folder = Path::new(&file.value).parent().unwrap_or(Path::new(""));
        let is_watched = !folder.starts_with("/proc") && !folder.starts_with("/sys");
        let kind = || cx.files.kind(folder);
        let exists = || matches!(kind(), Some(files::Kind::Folder | files::Kind::Denied));
        if !cx.on_disk || !folder.is_absolute() || is_watched && exists() {
            return false;
        }
        let is_dropped = cx.since(2, 2, 8);
        if is_dropped {
            let values: Values = &[("name", &name), ("folder", &folder.display())];
            cx.report(&file.place, Problem::TrackFileDropped, values);
        }
        is_dropped
    }

    pub(super) fn track_process(&mut self, node: &Node) {
        let (cx, kind) = (self.cx, Trackable::Process);
        let Some(name) = cx.tracked_name(node) else {
            return;
        };
        let words = |_: &Context, line: &Line| Some(line.words.iter().skip(1).cloned().collect());
        let weight = |cx: &Context, line: &Line| cx.weight(line, 254, OnFlaw::Prefix);
        let (process, weight) = (
            cx.first(node, "process", words),
            cx.first(node, "weight", weight),
        );
        let Some(process) = process else {
            return self.remove(kind, &name, node, "process");
        };
        let index = self.config.track_processes.len();
        if self.find(kind, &name).is_none() {
            self.used.insert((kind, name.clone()), index);
            self.config.track_processes.push(TrackProcess {
                name,
                place: node.line.place.clone(),
                process,
                weight: weight.unwrap_or_default(),
                tracked_by: Vec::new(),
            });
        }
    }

    /// Records that keepalived removes a block without this keyword. A line that it cannot read has a problem of its
    /// own.
    fn remove(&mut self, kind: Trackable, name: &str, node: &Node, keyword: &str) {
        if !node.has(keyword) {
            self.cx.empty(&node.line, keyword);
        }
        self.removed.insert((kind, name.to_owned()));
    }

    /// Returns what the `track_...` blocks of an instance or a group name.
    pub(super) fn tracks(&mut self, node: &Node, tracker: &str) -> Vec<Tracked> {
        let mut all: Vec<Tracked> = Vec::new();
        let mut known = std::collections::HashSet::new();
        for (kind, keyword) in [
            (Trackable::Script, "track_script"),
            (Trackable::File, "track_file"),
            (Trackable::Process, "track_process"),
        ] {
            for line in node.items_of(keyword) {
                let name = line.keyword().to_owned();
                let mut tracked = Tracked {
                    kind,
                    name: name.clone(),
                    place: line.place.clone(),
                    weight: Weight::default(),
                    counts: false,
                };
                if let Some(weight) = self.weight_of(kind, &name) {
                    tracked.weight = weight;
                    // The first line of a name counts.
                    tracked.counts = !known.contains(&(kind, name.clone()))
                        && self.cx.options(kind, line, &mut tracked.weight);
                    if tracked.counts {
                        known.insert((kind, name));
                    }
                } else {
                    let name = line.set(name);
                    self.missing.push((tracker.to_owned(), kind, name));
                }
                all.push(tracked);
            }
        }
        all
    }

    /// Returns the weight of a block. `None`: keepalived has no such block so far.
    fn weight_of(&self, kind: Trackable, name: &str) -> Option<Weight> {
        let (index, config) = (self.find(kind, name)?, &self.config);
        match kind {
            Trackable::Script => Some(config.scripts.get(index)?.weight),
            Trackable::File => Some(config.track_files.get(index)?.weight),
            Trackable::Process => Some(config.track_processes.get(index)?.weight),
        }
    }
}

impl Context<'_> {
    /// Returns the name of a block that can be tracked. Without one keepalived does not start.
    fn tracked_name(&self, node: &Node) -> Option<String> {
        let line = &node.line;
        if line.words.len() < 2 {
            let values: Values = &[("keyword", &line.keyword())];
            self.report(&line.place, Problem::MissingValue, values);
        }
        line.word(1).map(str::to_owned)
    }

    /// Examines `init_file [NUMBER] [overwrite]`.
    fn check_init_file(&self, line: &Line, name: &str) {
        let mut words = line.words.iter().skip(1);
        let is_known = |word: &String| word == "overwrite" || word.parse::<i32>().is_ok();
        if !words.clone().all(is_known) {
            self.wrong_word(line, 1, "[NUMBER] [overwrite]");
        }
        let overwrites = words.any(|word| word == "overwrite");
        if !overwrites && self.since(2, 2, 8) && !self.since(2, 3, 3) {
            self.report(&line.place, Problem::InitFileOverwrites, &[("name", &name)]);
        }
    }

    /// Reads what follows the name: `weight NUMBER [reverse|noreverse]`. Returns whether the line counts.
    fn options(&self, kind: Trackable, line: &Line, weight: &mut Weight) -> bool {
        let Some(first) = line.word(1) else {
            return true;
        };
        let is_known = matches!(line.word(3), None | Some("reverse" | "noreverse"));
        let is_weight = first == "weight" && line.words.len() > 2;
        if !is_weight || (kind == Trackable::File && !is_known) {
            let values: Values = &[("name", &line.keyword()), ("options", &line.rest(1))];
            self.report(&line.place, Problem::TrackOption, values);
            return false;
        }
        if let Some(value) = self.number(line, (2, 0), -254..=254, OnFlaw::Prefix) {
            let most = if kind == Trackable::Script { 253 } else { 254 };
            weight.value = i32::try_from(value.clamp(-most, most)).unwrap_or_default();
        }
        match line.word(3) {
            None => {}
            Some(option) if is_known => weight.reverse = option == "reverse",
            Some(_) => self.wrong_word(line, 3, "reverse or noreverse"),
        }
        true
    }
}
