//! `vrrp_script` (keepalived/vrrp/vrrp_parser.c, `vrrp_vscript_*`).

use super::super::model::{Script, Set};
use super::super::numbers::Flawed;
use super::super::reader::Shared;
use super::super::statement::{Begun, Statement};
use super::{Builder, command, values};

impl Builder {
    pub(super) fn begin_script(&mut self, shared: &mut Shared, statement: &Statement) -> Begun {
        let place = statement.line.place.clone();
        let name = match statement.text(1) {
            Some(name) => name,
            None => {
                shared.missing("vrrp_script", &place);
                String::new()
            }
        };
        values::judge_rest(shared, statement, 2);
        self.config.scripts.push(Script {
            name,
            place,
            commands: Vec::new(),
            interval: None,
            timeout: None,
            weight: None,
            rise: None,
            fall: None,
            user: None,
            init_fail: None,
            removed: false,
            shadowed_by: None,
            tracked_by: Vec::new(),
        });
        Begun::Read
    }

    pub(super) fn script_value(&mut self, shared: &mut Shared, statement: &Statement) {
        let Some(script) = self.config.scripts.last_mut() else {
            return;
        };
        let place = || statement.line.place.clone();
        let again = |before: Option<&super::super::Place>| before.cloned();
        let keyword = statement.word(0).unwrap_or_default();
        let before = match keyword {
            b"script" => again(script.commands.last().map(|command| &command.place)),
            b"interval" => again(script.interval.as_ref().map(|set| &set.place)),
            b"timeout" => again(script.timeout.as_ref().map(|set| &set.place)),
            b"weight" => again(script.weight.as_ref().map(|set| &set.place)),
            b"rise" => again(script.rise.as_ref().map(|set| &set.place)),
            b"fall" => again(script.fall.as_ref().map(|set| &set.place)),
            b"user" => again(script.user.as_ref().map(|user| &user.place)),
            _ => None,
        };
        if let Some(before) = before {
            judge_twice(shared, statement, &before);
        }
        match keyword {
            b"script" => script.commands.push(command::check(shared, statement)),
            b"interval" => {
                script.interval = later(values::seconds(shared, statement), script.interval.take())
            }
            b"timeout" => {
                script.timeout = later(values::seconds(shared, statement), script.timeout.take())
            }
            b"weight" => {
                let reversed = script.weight().reverse;
                script.weight = values::script_weight(shared, statement).map(|mut weight| {
                    weight.value.reverse |= reversed;
                    weight
                });
            }
            b"rise" => script.rise = runs(shared, statement),
            b"fall" => script.fall = runs(shared, statement),
            b"user" => script.user = values::user(statement, 1),
            b"init_fail" => script.init_fail = Some(place()),
            _ => {}
        }
    }

    pub(super) fn end_script(&mut self, shared: &mut Shared) {
        let index = self.config.scripts.len().saturating_sub(1);
        let Some(script) = self.config.scripts.last_mut() else {
            return;
        };
        if script.command().is_none() {
            script.removed = true;
            shared.remarks.problem(
                &script.place,
                format!(
                    "No script set for vrrp_script {} - removing: it never runs",
                    script.name
                ),
                "the block has no line with a command",
                "write script \"PROGRAM ARGUMENTS\"",
            );
            return;
        }
        match self.scripts.get(&script.name).copied() {
            None => {
                self.scripts.insert(script.name.clone(), index);
            }
            Some(first) => {
                let first = self.config.scripts.get(first);
                let first = first.map(|first| first.place.clone());
                let Some(script) = self.config.scripts.last_mut() else {
                    return;
                };
                let name = &script.name;
                if first.as_ref() == Some(&script.place) {
                    read_twice(shared, &script.place, &format!("vrrp_script {name}"));
                } else {
                    let shown = first.as_ref().map_or(String::new(), ToString::to_string);
                    shared.remarks.problem(
                        &script.place,
                        format!("script {name} is not used: this block never runs"),
                        format!("the block of the same name in {shown} comes first"),
                        "give it another name and track that, or take it out",
                    );
                }
                script.shadowed_by = first;
            }
        }
    }
}

/// A line that does not count leaves what was there.
fn later(
    new: Option<Set<super::super::model::Time>>,
    old: Option<Set<super::super::model::Time>>,
) -> Option<Set<super::super::model::Time>> {
    let (Some(mut new), Some(old)) = (new.clone(), old) else {
        return new;
    };
    new.value.whole = new.value.whole.or(old.value.whole);
    new.value.decimal = new.value.decimal.or(old.value.decimal);
    Some(new)
}

/// `rise` and `fall`: 1 where it is no number.
fn runs(shared: &mut Shared, statement: &Statement) -> Option<Set<u32>> {
    let keyword = statement.text(0)?;
    let otherwise = format!("keepalived takes 1 for {keyword}");
    let most = i32::MAX.unsigned_abs();
    let number = values::whole(shared, statement, 1..=most, Flawed::Taken, &otherwise);
    values::judge_rest(shared, statement, 2);
    Some(Set {
        value: number.unwrap_or(1),
        place: statement.line.place.clone(),
    })
}

/// A keyword that stands in the block already.
pub(super) fn judge_twice(
    shared: &mut Shared,
    statement: &Statement,
    before: &super::super::Place,
) {
    let keyword = statement.text(0).unwrap_or_default();
    shared.remarks.problem(
        &statement.line.place,
        format!("this {keyword} counts, not the one in line {}", before.line),
        format!("{keyword} stands twice in the block"),
        "take one of them out; for two checks write two blocks",
    );
}

/// A block that comes once more from the same place.
pub(super) fn read_twice(shared: &mut Shared, place: &super::super::Place, block: &str) {
    shared.remarks.note(
        place,
        format!("keepalived reads {block} twice, and takes the first"),
        "its file is included twice, or by a line that begins with @ or a definition",
        "include it once, on a line that begins with include",
    );
}
