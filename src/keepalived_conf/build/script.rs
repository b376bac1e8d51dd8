//! `vrrp_script` (keepalived/vrrp/vrrp_parser.c, `vrrp_vscript_*`).

use super::super::diagnostic::Problem;
use super::super::model::{Script, Set};
use super::super::reader::Context;
use super::values::{OnFlaw, replace};
use super::{Builder, Statement, command, values};

impl Builder {
    pub(super) fn begin_script(&mut self, context: &mut Context, statement: &Statement) -> bool {
        let Some(name) = statement.word(1) else {
            let keyword = statement.keyword().to_owned();
            context.report(statement.place(), Problem::MissingValue { keyword });
            return false;
        };
        values::check_rest(context, statement, 2);
        self.config.scripts.push(Script {
            name: name.to_owned(),
            place: statement.place().clone(),
            command: None,
            interval: None,
            timeout: None,
            weight: None,
            rise: None,
            fall: None,
            user: None,
            init_fail: None,
            shadowed_by: None,
            tracked_by: Vec::new(),
        });
        true
    }

    pub(super) fn script_value(&mut self, context: &mut Context, statement: &Statement) {
        let Some(script) = self.config.scripts.last_mut() else {
            return;
        };
        let keyword = statement.keyword();
        let before = match keyword {
            "script" => script.command.as_ref().map(|command| &command.place),
            "interval" => script.interval.as_ref().map(|set| &set.place),
            "timeout" => script.timeout.as_ref().map(|set| &set.place),
            "weight" => script.weight.as_ref().map(|set| &set.place),
            "rise" => script.rise.as_ref().map(|set| &set.place),
            "fall" => script.fall.as_ref().map(|set| &set.place),
            "user" => script.user.as_ref().map(|user| &user.place),
            _ => None,
        };
        if let Some(before) = before {
            command::repeated(context, statement, before.line);
        }
        match keyword {
            "script" => replace(&mut script.command, command::check(context, statement)),
            "interval" => replace(&mut script.interval, values::seconds(context, statement)),
            "timeout" => replace(&mut script.timeout, values::seconds(context, statement)),
            "weight" => {
                let before = script.weight.take();
                script.weight =
                    values::weight(context, statement, before.as_ref(), 253, OnFlaw::Keep);
            }
            "rise" => script.rise = runs(context, statement),
            "fall" => script.fall = runs(context, statement),
            "user" => script.user = values::user(statement),
            "init_fail" => script.init_fail = Some(statement.place().clone()),
            _ => {}
        }
    }

    pub(super) fn end_script(&mut self, context: &mut Context) {
        let Some((script, others)) = self.config.scripts.split_last_mut() else {
            return;
        };
        if script.command.is_none() {
            let block = format!("vrrp_script {}", script.name);
            let keyword = "script";
            return context.report(&script.place, Problem::NoCommand { block, keyword });
        }
        let first = *self
            .scripts
            .entry(script.name.clone())
            .or_insert(others.len());
        if let Some(first) = others.get(first) {
            script.shadowed_by = Some(first.place.clone());
            let (block, name) = ("vrrp_script".to_owned(), script.name.clone());
            let first = first.place.clone();
            // The same line again: the file is included twice.
            if first != script.place {
                context.report(
                    &script.place,
                    Problem::DuplicateBlock { block, name, first },
                );
            }
        }
    }
}

/// Returns `rise` or `fall`: 1 if it is not a number.
fn runs(context: &mut Context, statement: &Statement) -> Option<Set<u32>> {
    values::check_rest(context, statement, 2);
    let number = values::whole(
        context,
        statement,
        1..=i64::from(i32::MAX),
        OnFlaw::PrefixOr(1),
    );
    number.map(|number| statement.set(number))
}
