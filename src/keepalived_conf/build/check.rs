//! `virtual_server`, `real_server` and their checks (keepalived/check/check_parser.c, check_misc.c, check_file.c).

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::super::Version;
use super::super::diagnostic::{Lost, Problem, Unsafe};
use super::super::keywords::Block;
use super::super::model::{FileCheck, MiscCheck, RealServer, Timing, VirtualServer};
use super::super::reader::Context;
use super::values::{OnFlaw, replace, whole};
use super::{Builder, Statement, command, values};

impl Builder {
    pub(super) fn begin_virtual_server(
        &mut self,
        context: &mut Context,
        statement: &Statement,
    ) -> bool {
        self.config.runs_checker = true;
        let is_known = match statement.word(1) {
            Some("group") => true,
            Some("fwmark") => statement
                .word(2)
                .is_some_and(|mark| mark.parse::<u32>().is_ok()),
            _ => is_address(statement),
        };
        if !is_known {
            skipped(context, statement);
            return false;
        }
        self.config.virtual_servers.push(VirtualServer {
            name: statement.rest(1),
            place: statement.place().clone(),
            timing: Timing::default(),
            real_servers: Vec::new(),
            notify: Vec::new(),
        });
        true
    }

    pub(super) fn begin_real_server(
        &mut self,
        context: &mut Context,
        statement: &Statement,
    ) -> bool {
        if !is_address(statement) {
            skipped(context, statement);
            return false;
        }
        if let Some(virtual_server) = self.config.virtual_servers.last_mut() {
            virtual_server.real_servers.push(RealServer {
                name: statement.rest(1),
                place: statement.place().clone(),
                timing: Timing::default(),
                misc_checks: Vec::new(),
                file_checks: Vec::new(),
                other_checks: Vec::new(),
                notify: Vec::new(),
            });
        }
        true
    }

    pub(super) fn begin_check(&mut self, block: Block, statement: &Statement) -> bool {
        let place = statement.place().clone();
        let Some(real_server) = self.real_server() else {
            return false;
        };
        match block {
            Block::MiscCheck => real_server.misc_checks.push(MiscCheck {
                place,
                command: None,
                timeout: None,
                dynamic: None,
                user: None,
                timing: Timing::default(),
            }),
            Block::FileCheck => real_server.file_checks.push(FileCheck {
                place,
                track_file: None,
            }),
            _ => real_server.other_checks.extend(statement.set_word(0)),
        }
        true
    }

    pub(super) fn virtual_server_value(&mut self, context: &mut Context, statement: &Statement) {
        let Some(virtual_server) = self.config.virtual_servers.last_mut() else {
            return;
        };
        match statement.keyword() {
            "quorum_up" | "quorum_down" => {
                command::add(context, statement, &mut virtual_server.notify)
            }
            // keepalived does not look at what follows it here.
            "alpha" => virtual_server.timing.alpha = Some(statement.set(true)),
            _ => timing(context, statement, &mut virtual_server.timing, 1),
        }
    }

    pub(super) fn real_server_value(&mut self, context: &mut Context, statement: &Statement) {
        let Some(real_server) = self.real_server() else {
            return;
        };
        match statement.keyword() {
            "notify_up" | "notify_down" => {
                command::add(context, statement, &mut real_server.notify)
            }
            _ => timing(context, statement, &mut real_server.timing, 1),
        }
    }

    pub(super) fn misc_check_value(&mut self, context: &mut Context, statement: &Statement) {
        let Some(check) = self
            .real_server()
            .and_then(|server| server.misc_checks.last_mut())
        else {
            return;
        };
        match statement.keyword() {
            "misc_path" => {
                if let Some(before) = &check.command {
                    command::repeated(context, statement, before.place.line);
                }
                replace(&mut check.command, command::check(context, statement));
            }
            "misc_timeout" => {
                values::check_rest(context, statement, 2);
                let number = whole(context, statement, 0..=values::MAX_SECONDS, OnFlaw::Prefix);
                let time = number.map(|number| statement.set(Duration::from_secs(number.into())));
                replace(&mut check.timeout, time);
            }
            "misc_dynamic" => check.dynamic = Some(statement.place().clone()),
            "user" => match values::user(statement) {
                Some(user) => check.user = Some(user),
                None => values::wrong_word(context, statement, 1, "a user", None),
            },
            _ => timing(context, statement, &mut check.timing, 0),
        }
    }

    pub(super) fn file_check_value(&mut self, context: &mut Context, statement: &Statement) {
        if statement.keyword() != "track_file" {
            return;
        }
        let name = statement.word(1).unwrap_or_default().to_owned();
        let file = self.track_files.get(&name).copied();
        let file = file.and_then(|at| self.config.track_files.get_mut(at));
        let server = self.config.virtual_servers.last_mut();
        let Some(server) = server.and_then(|one| one.real_servers.last_mut()) else {
            return;
        };
        match (file, server.file_checks.last_mut()) {
            (Some(file), Some(check)) => {
                check.track_file = statement.set_word(1);
                file.checked_by.push(server.name.clone());
            }
            (None, Some(check)) => {
                let names = self.config.track_files.iter();
                // A file that is dropped has a problem of its own.
                if !names.into_iter().any(|file| file.name == name) {
                    let tracker = format!("FILE_CHECK of {}", server.name);
                    let (block, why) = ("track_file", Lost::Absent(None));
                    let problem = Problem::TrackedLost {
                        tracker,
                        block,
                        name,
                        why,
                    };
                    context.report(statement.place(), problem);
                }
                check.track_file = None;
            }
            (_, None) => {}
        }
    }

    pub(super) fn end_misc_check(&mut self, context: &mut Context) {
        let Some(check) = self
            .real_server()
            .and_then(|server| server.misc_checks.last_mut())
        else {
            return;
        };
        if check.command.is_none() {
            let (block, keyword) = ("MISC_CHECK".to_owned(), "misc_path");
            context.report(&check.place, Problem::NoCommand { block, keyword });
        }
    }

    pub(super) fn end_file_check(&mut self, context: &mut Context) {
        let Some(check) = self
            .real_server()
            .and_then(|server| server.file_checks.last())
        else {
            return;
        };
        let crashes = context.since(Version::new(2, 3, 0)) && !context.since(Version::new(2, 3, 3));
        if crashes {
            let what = Unsafe::FileCheck;
            context.report(&check.place, Problem::Unsafe { what });
        }
    }

    fn real_server(&mut self) -> Option<&mut RealServer> {
        let virtual_server = self.config.virtual_servers.last_mut()?;
        virtual_server.real_servers.last_mut()
    }
}

/// Takes the keywords of all three levels. Only a check can have no retry.
fn timing(context: &mut Context, statement: &Statement, timing: &mut Timing, least: i64) {
    match statement.keyword() {
        "delay_loop" => replace(&mut timing.delay_loop, values::timer(context, statement, 1)),
        "delay_before_retry" => replace(
            &mut timing.delay_before_retry,
            values::timer(context, statement, 0),
        ),
        "warmup" => replace(&mut timing.warmup, values::timer(context, statement, 0)),
        "retry" => {
            let on_flaw = if least == 0 {
                OnFlaw::Prefix
            } else {
                OnFlaw::Ignore
            };
            let number = whole(context, statement, least..=i64::from(u32::MAX), on_flaw);
            replace(
                &mut timing.retry,
                number.map(|number| statement.set(number)),
            );
        }
        "alpha" => {
            let on = values::switch(context, statement);
            replace(&mut timing.alpha, on.map(|on| statement.set(on)));
        }
        _ => {}
    }
}

fn skipped(context: &mut Context, statement: &Statement) {
    if !statement.line.unread {
        let (block, address) = (statement.keyword().to_owned(), statement.rest(1));
        context.report(statement.place(), Problem::ServerAddress { block, address });
    }
}

/// Returns whether an address, and perhaps a port, follow the keyword. `inet_stosockaddr` ignores what follows `-` or `/`.
fn is_address(statement: &Statement) -> bool {
    let Some(address) = statement.word(1) else {
        return false;
    };
    let port = statement
        .word(2)
        .is_none_or(|port| port.parse::<u16>().is_ok());
    let bare = address.split(['-', '/']).next().unwrap_or_default();
    port && match address.contains(':') {
        true => bare.parse::<Ipv6Addr>().is_ok(),
        false => bare.parse::<Ipv4Addr>().is_ok(),
    }
}
