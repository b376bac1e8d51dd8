//! What instances and sync groups track (keepalived/vrrp/vrrp_track.c), and the blocks of files and processes
//! (keepalived/trackers).

use std::path::Path;

use super::super::Version;
use super::super::diagnostic::{Difference, Problem};
use super::super::files::Kind;
use super::super::keywords::Block;
use super::super::model::{Ignored, Script, Set, TrackFile, TrackProcess, Tracked, Tracks, Weight};
use super::super::reader::Context;
use super::values::{OnFlaw, whole};
use super::{Builder, Statement, command, values};

impl Builder {
    /// Takes a line of a `track_...` block.
    pub(super) fn track(
        &mut self,
        context: &mut Context,
        block: Block,
        list: &'static str,
        statement: &Statement,
    ) {
        let name = statement.keyword().to_owned();
        let config = &self.config;
        let weight = match list {
            "track_script" => {
                let index = self.scripts.get(&name);
                index
                    .and_then(|at| config.scripts.get(*at))
                    .map(Script::weight)
            }
            "track_file" => {
                let index = self.track_files.get(&name);
                index
                    .and_then(|at| config.track_files.get(*at))
                    .map(file_weight)
            }
            "track_process" => {
                let index = self.track_processes.get(&name);
                let process = index.and_then(|at| config.track_processes.get(*at));
                process.map(|process| {
                    process
                        .weight
                        .as_ref()
                        .map(|set| set.value)
                        .unwrap_or_default()
                })
            }
            "track_interface" => Some(Weight::default()),
            _ => return,
        };
        let mut tracked = Tracked {
            name: name.clone(),
            place: statement.place().clone(),
            weight: weight.unwrap_or_default(),
            ignored: None,
        };
        tracked.ignored = if weight.is_none() {
            // Reported at the end, when it is known whether there is one below.
            Some(Ignored::NotFound)
        } else if self.tracked.contains(&(list, name.clone())) {
            context.report(
                &tracked.place,
                Problem::TrackedTwice {
                    list,
                    name: name.clone(),
                },
            );
            Some(Ignored::Twice)
        } else {
            options(context, list, statement, &mut tracked.weight).err()
        };
        if tracked.ignored.is_none() {
            self.tracked.insert((list, name));
        }
        let tracks = match block {
            Block::SyncGroup => self.config.groups.last_mut().map(|group| &mut group.tracks),
            _ => self
                .config
                .instances
                .last_mut()
                .map(|instance| &mut instance.tracks),
        };
        if let Some(list) = tracks.and_then(|tracks| tracks.list(list)) {
            list.push(tracked);
        }
    }

    pub(super) fn begin_track_file(
        &mut self,
        context: &mut Context,
        statement: &Statement,
    ) -> bool {
        let keyword = statement.keyword().to_owned();
        let place = statement.place().clone();
        let Some(name) = statement.word(1).map(str::to_owned) else {
            context.report(&place, Problem::MissingValue { keyword });
            return false;
        };
        if keyword == "vrrp_track_file" {
            context.report(&place, Problem::OldTrackFile { name: name.clone() });
        }
        self.config.track_files.push(TrackFile {
            name,
            place,
            file: None,
            weight: None,
            init: None,
            dropped: false,
            checked_by: Vec::new(),
            tracked_by: Vec::new(),
        });
        true
    }

    pub(super) fn track_file_value(&mut self, context: &mut Context, statement: &Statement) {
        let Some(file) = self.config.track_files.last_mut() else {
            return;
        };
        let keyword = statement.keyword();
        let before = match keyword {
            "file" => file.file.as_ref().map(|set| &set.place),
            "weight" => file
                .weight
                .as_ref()
                .filter(|set| set.value.value != 1)
                .map(|set| &set.place),
            _ => None,
        };
        if let Some(before) = before {
            return command::repeated_ignored(context, statement, before.line);
        }
        match keyword {
            "init_file" => file.init = Some(init(context, statement)),
            _ if statement.words.len() < 2 => {
                values::wrong_word(context, statement, 1, "a value", None)
            }
            "file" => file.file = statement.set_word(1),
            "weight" => {
                let before = file.weight.take();
                file.weight = values::weight(
                    context,
                    statement,
                    before.as_ref(),
                    254,
                    OnFlaw::PrefixOr(1),
                );
            }
            _ => {}
        }
    }

    pub(super) fn end_track_file(&mut self, context: &mut Context) {
        let Some((file, others)) = self.config.track_files.split_last_mut() else {
            return;
        };
        let name = file.name.clone();
        let Some(path) = &file.file else {
            return context.report(&file.place, Problem::NoFile { name });
        };
        if let Some(init) = file.init.as_ref().filter(|init| !init.value.1) {
            let overwrites =
                context.since(Version::new(2, 2, 8)) && !context.since(Version::new(2, 3, 3));
            if overwrites {
                context.report(
                    &init.place,
                    Problem::InitFileOverwrites { name: name.clone() },
                );
            }
            context.differs(&init.place, Difference::InitFile);
        }
        let folder = Path::new(&path.value).parent().unwrap_or(Path::new("."));
        let is_watched = !folder.starts_with("/proc") && !folder.starts_with("/sys");
        let exists = !folder.is_absolute() || context.files.kind(folder) == Some(Kind::Folder);
        if context.on_disk && !(is_watched && exists) {
            context.differs(&path.place, Difference::TrackFileFolder);
            if context.since(Version::new(2, 2, 8)) {
                file.dropped = true;
                let folder = folder.display().to_string();
                return context.report(&path.place, Problem::TrackFileDropped { name, folder });
            }
        }
        self.track_files.entry(name).or_insert(others.len());
    }

    pub(super) fn begin_track_process(
        &mut self,
        context: &mut Context,
        statement: &Statement,
    ) -> bool {
        let place = statement.place().clone();
        let Some(name) = statement.word(1).map(str::to_owned) else {
            let keyword = statement.keyword().to_owned();
            context.report(&place, Problem::MissingValue { keyword });
            return false;
        };
        self.config.track_processes.push(TrackProcess {
            name,
            place,
            process: Vec::new(),
            weight: None,
            quorum: 1,
            quorum_max: None,
            full_command: false,
            tracked_by: Vec::new(),
        });
        true
    }

    pub(super) fn track_process_value(&mut self, context: &mut Context, statement: &Statement) {
        let Some(process) = self.config.track_processes.last_mut() else {
            return;
        };
        match statement.keyword() {
            "process" if process.process.is_empty() => {
                process.process = statement.words.iter().skip(1).cloned().collect();
                process.full_command |= process.process.len() > 1;
            }
            "process" => command::repeated_ignored(context, statement, process.place.line),
            "param_match" => match statement.word(1) {
                None | Some("initial" | "partial") => process.full_command = true,
                Some(_) => values::wrong_word(context, statement, 1, "initial or partial", None),
            },
            "full_command" => process.full_command = true,
            "weight" => {
                let before = process.weight.as_ref();
                if let Some(before) = before.filter(|set| set.value.value != 0) {
                    return command::repeated_ignored(context, statement, before.place.line);
                }
                let weight = values::weight(context, statement, before, 254, OnFlaw::Prefix);
                values::replace(&mut process.weight, weight);
            }
            "quorum" => match whole(context, statement, 1..=65535, OnFlaw::Prefix) {
                Some(number) if process.quorum_max.is_none_or(|most| number <= most) => {
                    process.quorum = number
                }
                Some(_) => values::wrong_word(context, statement, 1, "at most quorum_max", None),
                None => {}
            },
            "quorum_max" => match whole(context, statement, 0..=65535, OnFlaw::Prefix) {
                Some(number) if number < process.quorum && (number > 0 || process.quorum > 1) => {
                    values::wrong_word(context, statement, 1, "at least quorum", None);
                }
                Some(number) => {
                    process.quorum_max = Some(number);
                    process.quorum = if number == 0 {
                        0
                    } else {
                        process.quorum.max(1)
                    };
                }
                None => {}
            },
            _ => {}
        }
    }

    pub(super) fn end_track_process(&mut self, context: &mut Context) {
        let Some((process, others)) = self.config.track_processes.split_last() else {
            return;
        };
        let name = process.name.clone();
        if process.process.is_empty() {
            context.report(&process.place, Problem::NoProcess { name });
        } else {
            self.track_processes.entry(name).or_insert(others.len());
        }
    }
}

impl Tracks {
    fn list(&mut self, name: &str) -> Option<&mut Vec<Tracked>> {
        match name {
            "track_script" => Some(&mut self.scripts),
            "track_file" => Some(&mut self.files),
            "track_process" => Some(&mut self.processes),
            "track_interface" => Some(&mut self.interfaces),
            _ => None,
        }
    }
}

fn file_weight(file: &TrackFile) -> Weight {
    let default = Weight {
        value: 1,
        reverse: false,
    };
    file.weight.as_ref().map_or(default, |set| set.value)
}

/// Reads `init_file [NUMBER] [overwrite]`.
fn init(context: &mut Context, statement: &Statement) -> Set<(i32, bool)> {
    let (mut value, mut overwrite) = (0, false);
    for word in statement.words.iter().skip(1) {
        match word.parse() {
            Ok(number) => value = number,
            Err(_) if word == "overwrite" => overwrite = true,
            Err(_) => {
                values::wrong_word(context, statement, 1, "a number, overwrite, or both", None)
            }
        }
    }
    statement.set((value, overwrite))
}

/// Reads what follows the name: `weight NUMBER [reverse|noreverse]`.
fn options(
    context: &mut Context,
    list: &'static str,
    statement: &Statement,
    weight: &mut Weight,
) -> Result<(), Ignored> {
    let is_weight = statement.word(1) == Some("weight") && statement.words.len() > 2;
    let option = statement.word(3);
    let is_known = match (option, list) {
        (None | Some("reverse"), _) => true,
        (Some("noreverse"), list) => list != "track_interface",
        _ => false,
    };
    let refused = match statement.word(1) {
        None => return Ok(()),
        Some(_) => !is_weight || (!is_known && list == "track_file"),
    };
    if refused {
        let name = statement.keyword().to_owned();
        let options = statement.rest(1);
        context.report(
            statement.place(),
            Problem::TrackOption {
                list,
                name,
                options,
            },
        );
        return Err(Ignored::Malformed);
    }
    if let Some(value) = values::signed(context, statement, 2, 254, OnFlaw::Prefix) {
        weight.value = match list {
            "track_script" | "track_interface" => value.clamp(-253, 253),
            _ => value,
        };
    }
    match option {
        None => {}
        Some(option) if is_known => weight.reverse = option == "reverse",
        Some(_) => values::wrong_word(context, statement, 3, "reverse or noreverse", None),
    }
    Ok(())
}
