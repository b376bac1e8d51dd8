//! What stands in no block, and in `global_defs` (keepalived/core/global_parser.c).

use super::super::Place;
use super::super::model::Set;
use super::super::reader::Shared;
use super::super::statement::Statement;
use super::{Builder, command, values};

impl Builder {
    pub(super) fn root_value(&mut self, shared: &mut Shared, statement: &Statement) {
        let globals = &mut self.config.globals;
        let slot = match statement.word(0) {
            Some(b"net_namespace") => &mut globals.net_namespace,
            Some(b"net_namespace_ipvs") => &mut globals.net_namespace_ipvs,
            Some(b"instance") => &mut globals.instance,
            _ => return,
        };
        let keyword = statement.text(0).unwrap_or_default();
        if let Some(first) = slot {
            shared.remarks.problem(
                &statement.line.place,
                format!("Duplicate {keyword} definition: keepalived ignores it"),
                format!("the one in line {} counts", first.place.line),
                "take one of them out",
            );
            return;
        }
        let value = match statement.text(1) {
            Some(value) => value,
            None if keyword == "net_namespace_ipvs" => String::new(),
            None => {
                shared.remarks.problem(
                    &statement.line.place,
                    format!("{keyword} name missing: keepalived ignores it"),
                    "nothing follows it",
                    "write the name behind it",
                );
                return;
            }
        };
        *slot = Some(Set {
            value,
            place: statement.line.place.clone(),
        });
    }

    pub(super) fn global_value(&mut self, shared: &mut Shared, statement: &Statement) {
        let globals = &mut self.config.globals;
        let place: &Place = &statement.line.place;
        match statement.word(0).unwrap_or_default() {
            b"enable_script_security" => {
                globals.script_security.get_or_insert_with(|| place.clone());
            }
            b"dynamic_interfaces" => {
                globals
                    .dynamic_interfaces
                    .get_or_insert_with(|| place.clone());
            }
            b"script_user" => match values::user(statement, 1) {
                Some(user) => globals.script_users.push(user),
                None => shared.remarks.problem(
                    place,
                    "No script username specified: keepalived ignores the line",
                    "nothing follows script_user",
                    "write the user behind it",
                ),
            },
            b"startup_script"
            | b"shutdown_script"
            | b"notify_fifo_script"
            | b"vrrp_notify_fifo_script"
            | b"lvs_notify_fifo_script"
                if statement.words.len() > 1 =>
            {
                command::add(shared, statement, &mut globals.notify);
            }
            _ => {}
        }
    }
}
