//! `vrrp_track_process` (keepalived/vrrp/vrrp_parser.c, `vrrp_tprocess_*`).

use super::super::model::{Set, TrackProcess, Weight};
use super::super::numbers::Flawed;
use super::super::reader::Shared;
use super::super::remark::lossy;
use super::super::statement::{Begun, Statement};
use super::{Builder, values};

impl Builder {
    pub(super) fn begin_track_process(
        &mut self,
        shared: &mut Shared,
        statement: &Statement,
    ) -> Begun {
        let place = statement.line.place.clone();
        let name = match statement.text(1) {
            Some(name) => name,
            None => {
                shared.missing("vrrp_track_process", &place);
                String::new()
            }
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
        Begun::Read
    }

    pub(super) fn track_process_value(&mut self, shared: &mut Shared, statement: &Statement) {
        let Some(process) = self.config.track_processes.last_mut() else {
            return;
        };
        match statement.word(0).unwrap_or_default() {
            b"process" => set_process(shared, process, statement),
            b"param_match" => set_match(shared, process, statement),
            b"full_command" => process.full_command = true,
            b"weight" => set_weight(shared, process, statement),
            b"quorum" => {
                let otherwise = "keepalived ignores the line";
                let number = values::whole(shared, statement, 1..=65535, Flawed::Taken, otherwise);
                let most = process.quorum_max.unwrap_or(u32::MAX);
                match number {
                    Some(number) if number <= most => process.quorum = number,
                    Some(_) => ignored(shared, statement, "it is greater than quorum_max"),
                    None => {}
                }
            }
            b"quorum_max" => {
                let otherwise = "keepalived ignores the line";
                let number = values::whole(shared, statement, 0..=65535, Flawed::Taken, otherwise);
                match number {
                    Some(number)
                        if number < process.quorum && (number > 0 || process.quorum > 1) =>
                    {
                        ignored(shared, statement, "it is less than quorum");
                    }
                    Some(number) => {
                        process.quorum_max = Some(number);
                        process.quorum = match number {
                            0 => 0,
                            _ => process.quorum.max(1),
                        };
                    }
                    None => {}
                }
            }
            _ => {}
        }
    }

    pub(super) fn end_track_process(&mut self, shared: &mut Shared) {
        let index = self.config.track_processes.len().saturating_sub(1);
        let Some(process) = self.config.track_processes.last() else {
            return;
        };
        if process.process.is_empty() {
            shared.remarks.problem(
                &process.place,
                format!("track process {} is removed", process.name),
                "process name not specified",
                "write process PROGRAM",
            );
        } else {
            self.track_processes
                .entry(process.name.clone())
                .or_insert(index);
        }
    }
}

fn ignored(shared: &mut Shared, statement: &Statement, cause: &str) {
    let effect = "keepalived ignores the line";
    shared
        .remarks
        .problem(&statement.line.place, effect, cause, "");
}

fn set_process(shared: &mut Shared, process: &mut TrackProcess, statement: &Statement) {
    if !process.process.is_empty() {
        return ignored(shared, statement, "process stands in the block already");
    }
    process.process = statement
        .words
        .iter()
        .skip(1)
        .map(|word| lossy(word))
        .collect();
    process.full_command |= process.process.len() > 1;
}

fn set_match(shared: &mut Shared, process: &mut TrackProcess, statement: &Statement) {
    match statement.word(1) {
        None | Some(b"initial" | b"partial") => process.full_command = true,
        Some(_) => {
            let cause = format!("Invalid param_match type {}", statement.texts(1));
            ignored(shared, statement, &cause);
        }
    }
}

fn set_weight(shared: &mut Shared, process: &mut TrackProcess, statement: &Statement) {
    let before = process.weight.as_ref().map_or(0, |set| set.value.value);
    if before != 0 {
        return ignored(shared, statement, "weight stands in the block already");
    }
    let Some(_) = statement.word(1) else {
        return ignored(shared, statement, "nothing follows weight");
    };
    let otherwise = "keepalived ignores the line";
    if let Some(value) = values::signed(shared, statement, 1, 254, otherwise) {
        let reversed = process.weight.as_ref().is_some_and(|set| set.value.reverse);
        let reverse = values::reverse(shared, statement) || reversed;
        process.weight = Some(Set {
            value: Weight { value, reverse },
            place: statement.line.place.clone(),
        });
    }
}
