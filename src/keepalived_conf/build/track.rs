//! What instances and sync groups track (keepalived/vrrp/vrrp_track.c), and the blocks of files and processes
//! (keepalived/trackers).

use std::path::Path;

use super::super::diagnostic::{Problem, Values};
use super::super::files;
use super::super::keywords::Block;
use super::super::model::{Ignored, Script, Set, TrackFile, TrackProcess, Tracked, Weight};
use super::super::reader::{Context, Line};
use super::values::OnFlaw;
use super::{Builder, Kind};

impl Builder<'_> {
    /// Takes a line of a `track_...` block.
    pub(super) fn track(&mut self, block: Block, kind: Kind, line: &Line) {
        let name = line.keyword().to_owned();
        let config = &mut self.config;
        let index = self.tracked.get(&(kind, name.clone())).copied();
        let weight = index.and_then(|at| match kind {
            Kind::Script => config.scripts.get(at).map(Script::weight),
            Kind::File => config.track_files.get(at).map(TrackFile::weight),
            Kind::Process => config.track_processes.get(at).map(TrackProcess::weight),
        });
        let mut tracked = Tracked {
            name: name.clone(),
            place: line.place.clone(),
            weight: weight.unwrap_or_default(),
            ignored: None,
        };
        tracked.ignored = if weight.is_none() {
            // Reported at the end, when it is known whether there is one below.
            Some(Ignored::NotFound)
        } else if self.listed.contains(&(kind, name.clone())) {
            self.cx
                .report(&line.place, Problem::TrackedTwice, &[("name", &name)]);
            Some(Ignored::Twice)
        } else {
            options(self.cx, kind, line, &mut tracked.weight)
        };
        if tracked.ignored.is_none() {
            self.listed.insert((kind, name));
        }
        let tracks = match block {
            Block::SyncGroup => config.groups.last_mut().map(|group| &mut group.tracks),
            _ => config
                .instances
                .last_mut()
                .map(|instance| &mut instance.tracks),
        };
        if let Some(tracks) = tracks {
            match kind {
                Kind::Script => tracks.scripts.push(tracked),
                Kind::File => tracks.files.push(tracked),
                Kind::Process => tracks.processes.push(tracked),
            }
        }
    }

    pub(super) fn begin_track_file(&mut self, line: &Line) {
        if line.keyword() == "vrrp_track_file" {
            self.cx.report(
                &line.place,
                Problem::OldTrackFile,
                &[("name", &line.rest(1))],
            );
        }
        self.config.track_files.push(TrackFile {
            name: line.word(1).unwrap_or_default().to_owned(),
            place: line.place.clone(),
            ..TrackFile::default()
        });
    }

    pub(super) fn track_file_value(&mut self, line: &Line) {
        let Some(file) = self.config.track_files.last_mut() else {
            return;
        };
        let weight = file.weight.as_ref();
        let before = match line.keyword() {
            "file" => file.file.as_ref().map(|set| set.place.line),
            "weight" => weight
                .filter(|set| set.value.value != 1)
                .map(|set| set.place.line),
            _ => None,
        };
        if let Some(before) = before {
            return self.cx.repeated_ignored(line, before);
        }
        match line.keyword() {
            "init_file" => file.init = Some(init(self.cx, line)),
            _ if line.words.len() < 2 => self.cx.wrong_word(line, 1, "VALUE"),
            "file" => file.file = line.set_word(1),
            _ => file.weight = self.cx.weight(line, weight, 254, OnFlaw::PrefixOr(1)),
        }
    }

    pub(super) fn end_track_file(&mut self) {
        let Some((file, others)) = self.config.track_files.split_last_mut() else {
            return;
        };
        let (cx, name) = (self.cx, file.name.clone());
        let Some(path) = &file.file else {
            return cx.report(&file.place, Problem::NoFile, &[("name", &name)]);
        };
        if let Some(init) = file.init.as_ref().filter(|init| !init.value) {
            cx.report(&init.place, Problem::InitFilesDiffer, &[]);
            if cx.since(2, 2, 8) && !cx.since(2, 3, 3) {
                cx.report(&init.place, Problem::InitFileOverwrites, &[("name", &name)]);
            }
        }
        let folder = Path::new(&path.value).parent().unwrap_or(Path::new(""));
        let is_watched = !folder.starts_with("/proc") && !folder.starts_with("/sys");
        let exists = || cx.files.kind(folder) == Some(files::Kind::Folder);
        if cx.on_disk && folder.is_absolute() && !(is_watched && exists()) {
            cx.report(&path.place, Problem::TrackFilesDiffer, &[]);
            if cx.since(2, 2, 8) {
                file.dropped = true;
                let values: Values = &[("name", &name), ("folder", &folder.display())];
                return cx.report(&path.place, Problem::TrackFileDropped, values);
            }
        }
        self.tracked
            .entry((Kind::File, name))
            .or_insert(others.len());
    }

    pub(super) fn begin_track_process(&mut self, line: &Line) {
        self.config.track_processes.push(TrackProcess {
            name: line.word(1).unwrap_or_default().to_owned(),
            place: line.place.clone(),
            ..TrackProcess::default()
        });
    }

    pub(super) fn track_process_value(&mut self, line: &Line) {
        let Some(process) = self.config.track_processes.last_mut() else {
            return;
        };
        match line.keyword() {
            "process" if process.process.is_empty() => {
                process.process = line.words.iter().skip(1).cloned().collect();
            }
            "process" => self.cx.repeated_ignored(line, process.place.line),
            "weight" => {
                let before = process.weight.as_ref();
                if let Some(before) = before.filter(|set| set.value.value != 0) {
                    return self.cx.repeated_ignored(line, before.place.line);
                }
                let weight = self.cx.weight(line, before, 254, OnFlaw::Prefix);
                super::values::replace(&mut process.weight, weight);
            }
            _ => {}
        }
    }

    pub(super) fn end_track_process(&mut self) {
        let Some((process, others)) = self.config.track_processes.split_last() else {
            return;
        };
        let name = process.name.clone();
        if process.process.is_empty() {
            return self
                .cx
                .report(&process.place, Problem::NoProcess, &[("name", &name)]);
        }
        self.tracked
            .entry((Kind::Process, name))
            .or_insert(others.len());
    }
}

/// Returns whether `init_file [NUMBER] [overwrite]` overwrites.
fn init(cx: &Context, line: &Line) -> Set<bool> {
    let mut words = line.words.iter().skip(1);
    let is_known = |word: &String| word == "overwrite" || word.parse::<i32>().is_ok();
    if !words.clone().all(is_known) {
        cx.wrong_word(line, 1, "[NUMBER] [overwrite]");
    }
    line.set(words.any(|word| word == "overwrite"))
}

/// Reads what follows the name: `weight NUMBER [reverse|noreverse]`. Returns why the line does not count.
fn options(cx: &Context, kind: Kind, line: &Line, weight: &mut Weight) -> Option<Ignored> {
    let first = line.word(1)?;
    let is_known = matches!(line.word(3), None | Some("reverse" | "noreverse"));
    let is_weight = first == "weight" && line.words.len() > 2;
    if !is_weight || (kind == Kind::File && !is_known) {
        let values: Values = &[("name", &line.keyword()), ("options", &line.rest(1))];
        cx.report(&line.place, Problem::TrackOption, values);
        return Some(Ignored::Malformed);
    }
    if let Some(value) = cx.number(line, (2, 0), -254..=254, OnFlaw::Prefix) {
        let most = if kind == Kind::Script { 253 } else { 254 };
        weight.value = i32::try_from(value.clamp(-most, most)).unwrap_or_default();
    }
    match line.word(3) {
        None => {}
        Some(option) if is_known => weight.reverse = option == "reverse",
        Some(_) => cx.wrong_word(line, 3, "reverse or noreverse"),
    }
    None
}
