//! `vrrp_script` (keepalived/vrrp/vrrp_parser.c, `vrrp_vscript_*`).

use super::super::diagnostic::Problem;
use super::super::model::{Script, Set};
use super::super::reader::{Context, Line};
use super::values::{OnFlaw, replace};
use super::{Builder, Kind};

impl Builder<'_> {
    pub(super) fn begin_script(&mut self, line: &Line) {
        self.cx.check_rest(line, 2);
        self.config.scripts.push(Script {
            name: line.word(1).unwrap_or_default().to_owned(),
            place: line.place.clone(),
            ..Script::default()
        });
    }

    pub(super) fn script_value(&mut self, line: &Line) {
        let Some(script) = self.config.scripts.last_mut() else {
            return;
        };
        let before = match line.keyword() {
            "script" => script.command.as_ref().map(|command| &command.place),
            "interval" => script.interval.as_ref().map(|set| &set.place),
            "timeout" => script.timeout.as_ref().map(|set| &set.place),
            "weight" => script.weight.as_ref().map(|set| &set.place),
            "rise" => script.rise.as_ref().map(|set| &set.place),
            "fall" => script.fall.as_ref().map(|set| &set.place),
            "user" => script.user.as_ref().map(|user| &user.place),
            _ => None,
        };
        let cx = self.cx;
        if let Some(before) = before {
            cx.repeated(line, before.line);
        }
        match line.keyword() {
            "script" => replace(&mut script.command, cx.check(line)),
            "interval" => replace(&mut script.interval, cx.seconds(line)),
            "timeout" => replace(&mut script.timeout, cx.seconds(line)),
            "weight" => {
                script.weight = cx.weight(line, script.weight.as_ref(), 253, OnFlaw::Keep);
            }
            "rise" => script.rise = runs(cx, line),
            "fall" => script.fall = runs(cx, line),
            "user" => script.user = cx.user(line),
            "init_fail" => script.init_fail = Some(line.place.clone()),
            _ => {}
        }
    }

    pub(super) fn end_script(&mut self) {
        let Some((script, others)) = self.config.scripts.split_last_mut() else {
            return;
        };
        let (name, block) = (&script.name, format!("vrrp_script {}", script.name));
        if script.command.is_none() {
            if self.has_command_line {
                return;
            }
            let problem = Problem::NoCommand;
            return self.cx.report(
                &script.place,
                problem,
                &[("block", &block), ("keyword", &"script")],
            );
        }
        let first = self.tracked.entry((Kind::Script, name.clone()));
        let Some(first) = others.get(*first.or_insert(others.len())) else {
            return;
        };
        script.shadowed_by = Some(first.place.clone());
        // If it is the same line, the file is included twice.
        if first.place != script.place {
            let problem = Problem::DuplicateBlock;
            self.cx.report(
                &script.place,
                problem,
                &[
                    ("block", &"vrrp_script"),
                    ("name", name),
                    ("first", &first.place),
                ],
            );
        }
    }
}

/// Returns `rise` or `fall`: 1 if it is not a number.
fn runs(cx: &Context, line: &Line) -> Option<Set<u32>> {
    cx.check_rest(line, 2);
    let number = cx.whole(line, 1..=i64::from(i32::MAX), OnFlaw::PrefixOr(1));
    number.map(|number| line.set(number))
}
