//! What instances and sync groups track (keepalived/vrrp/vrrp_track.c, trackers/track_file.c), and the blocks of
//! the files.

use super::super::model::{Ignored, Set, TrackFile, Tracked, Tracks, Weight};
use super::super::numbers::{Flawed, int};
use super::super::reader::Shared;
use super::super::statement::{Begun, Statement};
use super::{Builder, values};

/// Puts a line into its list.
pub(super) fn put(tracks: &mut Tracks, list: &str, tracked: Option<Tracked>) {
    let list = match list {
        "track_script" => &mut tracks.scripts,
        "track_file" => &mut tracks.files,
        "track_process" => &mut tracks.processes,
        "track_interface" => &mut tracks.interfaces,
        _ => return,
    };
    list.extend(tracked);
}

impl Builder {
    /// A line of a `track_...` block.
    pub(super) fn track(
        &mut self,
        shared: &mut Shared,
        list: &str,
        statement: &Statement,
    ) -> Option<Tracked> {
        let name = statement.text(0)?;
        let (list, weight) = match list {
            "track_script" => {
                let script = self.scripts.get(&name).copied();
                let script = script.and_then(|index| self.config.scripts.get(index));
                (
                    "track_script",
                    script.map(super::super::model::Script::weight),
                )
            }
            "track_file" => {
                let file = self.track_files.get(&name).copied();
                let file = file.and_then(|index| self.config.track_files.get(index));
                ("track_file", file.map(file_weight))
            }
            "track_process" => {
                let process = self.track_processes.get(&name).copied();
                let process = process.and_then(|index| self.config.track_processes.get(index));
                let weight = process.map(|process| process.weight.as_ref());
                let weight = weight.map(|set| set.map_or_else(Weight::default, |set| set.value));
                ("track_process", weight)
            }
            "track_interface" => ("track_interface", Some(Weight::default())),
            _ => return None,
        };
        let mut tracked = Tracked {
            name: name.clone(),
            place: statement.line.place.clone(),
            weight: weight.unwrap_or_default(),
            ignored: None,
        };
        tracked.ignored = if weight.is_none() {
            // Told at the end, when it is known whether there is one below.
            Some(Ignored::NotFound)
        } else if self.tracked.contains(&(list, name.clone())) {
            let place = &tracked.place;
            shared.remarks.problem(
                place,
                format!("duplicate {list} {name} - ignoring"),
                "it is tracked in the same block or one above it",
                "take one of them out",
            );
            Some(Ignored::Twice)
        } else {
            options(shared, list, statement, &mut tracked.weight).err()
        };
        if tracked.ignored.is_none() {
            self.tracked.insert((list, name));
        }
        Some(tracked)
    }

    pub(super) fn begin_track_file(&mut self, shared: &mut Shared, statement: &Statement) -> Begun {
        let place = statement.line.place.clone();
        let keyword = statement.text(0).unwrap_or_default();
        let name = match statement.text(1) {
            Some(name) => name,
            None => {
                shared.missing(&keyword, &place);
                String::new()
            }
        };
        if keyword == "vrrp_track_file" {
            shared.remarks.note(
                &place,
                "\"vrrp_track_file\" is deprecated, please use \"track_file\"",
                "the name changed in 2.1.0",
                "",
            );
        }
        self.config.track_files.push(TrackFile {
            name,
            place,
            file: None,
            weight: None,
            init: None,
            tracked_by: Vec::new(),
        });
        Begun::Read
    }

    pub(super) fn track_file_value(&mut self, shared: &mut Shared, statement: &Statement) {
        let Some(file) = self.config.track_files.last_mut() else {
            return;
        };
        let keyword = statement.text(0).unwrap_or_default();
        let is_set = match keyword.as_str() {
            "file" => file.file.is_some(),
            "weight" => file_weight(file).value != 1,
            _ => false,
        };
        if is_set || (keyword != "init_file" && statement.words.len() < 2) {
            shared.remarks.problem(
                &statement.line.place,
                "keepalived ignores the line",
                match is_set {
                    true => format!("{keyword} stands in the block already"),
                    false => format!("nothing follows {keyword}"),
                },
                "",
            );
            return;
        }
        match keyword.as_str() {
            "file" => file.file = values::text(statement, 1),
            "weight" => {
                let otherwise = "keepalived takes 1 for the weight";
                let value = values::signed(shared, statement, 1, 254, otherwise).unwrap_or(1);
                let reverse = values::reverse(shared, statement) || file_weight(file).reverse;
                file.weight = Some(Set {
                    value: Weight { value, reverse },
                    place: statement.line.place.clone(),
                });
            }
            "init_file" => file.init = Some(init(shared, statement)),
            _ => {}
        }
    }

    pub(super) fn end_track_file(&mut self, shared: &mut Shared) {
        let index = self.config.track_files.len().saturating_sub(1);
        let Some(file) = self.config.track_files.last() else {
            return;
        };
        if file.file.is_none() {
            shared.remarks.problem(
                &file.place,
                format!("No file set for track_file {} - ignoring", file.name),
                "the block has no line with file",
                "write file PATH",
            );
        } else {
            self.track_files.entry(file.name.clone()).or_insert(index);
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

/// `init_file [NUMBER] [overwrite]`.
fn init(shared: &mut Shared, statement: &Statement) -> Set<(i32, bool)> {
    let (mut value, mut overwrite) = (0, false);
    for word in statement.words.iter().skip(1) {
        let word = word.trim_ascii_start();
        match word.first() {
            Some(b'0'..=b'9' | b'-') => {
                let number = int(word, i32::MIN..=i32::MAX, Flawed::Refused);
                value = if number.taken { number.value } else { 0 };
            }
            _ if word == b"overwrite" => overwrite = true,
            _ => shared.remarks.problem(
                &statement.line.place,
                "keepalived ignores a word of the line",
                format!(
                    "Unknown track file init option {}",
                    super::super::remark::lossy(word)
                ),
                "write a number, overwrite, or both",
            ),
        }
    }
    Set {
        value: (value, overwrite),
        place: statement.line.place.clone(),
    }
}

/// What follows the name: `weight NUMBER [reverse|noreverse]`.
fn options(
    shared: &mut Shared,
    list: &str,
    statement: &Statement,
    weight: &mut Weight,
) -> Result<(), Ignored> {
    let place = &statement.line.place;
    let name = statement.text(0).unwrap_or_default();
    let example = format!("write {name} weight NUMBER, each name on a line of its own");
    match statement.word(1) {
        None => return Ok(()),
        Some(b"weight") => {}
        Some(_) => {
            shared.remarks.problem(
                place,
                format!("{name} is not tracked: keepalived ignores the whole line"),
                format!("unknown {list} option {}", statement.texts(1)),
                example,
            );
            return Err(Ignored::Malformed);
        }
    }
    if statement.words.len() == 2 {
        shared.remarks.problem(
            place,
            format!("{name} is not tracked: keepalived ignores the whole line"),
            "weight without value specified",
            example,
        );
        return Err(Ignored::Malformed);
    }
    let otherwise = format!("keepalived takes {} for the weight", weight.value);
    if let Some(value) = values::signed(shared, statement, 2, 254, &otherwise) {
        weight.value = match list {
            "track_script" | "track_interface" => value.clamp(-253, 253),
            _ => value,
        };
    }
    match (statement.word(3), list) {
        (None, _) => {}
        (Some(b"reverse"), _) => weight.reverse = true,
        (Some(b"noreverse"), list) if list != "track_interface" => weight.reverse = false,
        (Some(_), list) => {
            let ignored = list == "track_file";
            shared.remarks.problem(
                place,
                match ignored {
                    true => format!("{name} is not tracked: keepalived ignores the whole line"),
                    false => "keepalived ignores what follows the weight".to_owned(),
                },
                format!("unknown {list} weight option {}", statement.texts(3)),
                "write reverse or noreverse",
            );
            if ignored {
                return Err(Ignored::Malformed);
            }
        }
    }
    Ok(())
}
