//! Top level and `global_defs` (keepalived/core/global_parser.c).

use super::super::reader::Context;
use super::{Builder, Statement, command, values};

impl Builder {
    pub(super) fn root_value(&mut self, context: &mut Context, statement: &Statement) {
        let globals = &mut self.config.globals;
        let keyword = statement.keyword();
        let slot = match keyword {
            "net_namespace" => &mut globals.net_namespace,
            "net_namespace_ipvs" => &mut globals.net_namespace_ipvs,
            "instance" => &mut globals.instance,
            _ => return,
        };
        if let Some(first) = slot {
            return command::repeated_ignored(context, statement, first.place.line);
        }
        *slot = statement.set_word(1);
        if slot.is_none() && keyword == "net_namespace_ipvs" {
            *slot = Some(statement.set(String::new()));
        } else if slot.is_none() {
            values::wrong_word(context, statement, 1, "a name", None);
        }
    }

    pub(super) fn global_value(&mut self, context: &mut Context, statement: &Statement) {
        let globals = &mut self.config.globals;
        let place = || statement.place().clone();
        match statement.keyword() {
            "enable_script_security" => {
                globals.script_security.get_or_insert_with(place);
            }
            "dynamic_interfaces" => {
                globals.dynamic_interfaces.get_or_insert_with(place);
            }
            "script_user" => match values::user(statement) {
                Some(user) => globals.script_users.push(user),
                None => values::wrong_word(context, statement, 1, "a user", None),
            },
            "startup_script"
            | "shutdown_script"
            | "notify_fifo_script"
            | "vrrp_notify_fifo_script"
            | "lvs_notify_fifo_script"
                if statement.words.len() > 1 =>
            {
                command::add(context, statement, &mut globals.notify);
            }
            _ => {}
        }
    }
}
