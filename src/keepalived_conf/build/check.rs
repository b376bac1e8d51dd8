//! `virtual_server`, `real_server` and MISC_CHECK (keepalived/check/check_parser.c, check_misc.c).

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::super::model::{MiscCheck, RealServer, Set, Timing, VirtualServer};
use super::super::numbers::{Flawed, unsigned};
use super::super::reader::Shared;
use super::super::statement::{Begun, Statement};
use super::{Builder, command, values};

impl Builder {
    pub(super) fn begin_virtual_server(
        &mut self,
        shared: &mut Shared,
        statement: &Statement,
    ) -> Begun {
        let place = &statement.line.place;
        let known = match statement.word(1) {
            None => {
                shared.missing("virtual_server", place);
                false
            }
            Some(b"group") => true,
            Some(b"fwmark") => {
                let mark = statement.word(2).unwrap_or_default();
                unsigned(mark, 0..=u32::MAX, Flawed::Taken).taken
            }
            Some(_) => is_address(statement),
        };
        if !known {
            skipped(shared, statement, "virtual server");
            return Begun::Skip;
        }
        self.config.virtual_servers.push(VirtualServer {
            name: statement.texts(1),
            place: place.clone(),
            timing: Timing::default(),
            real_servers: Vec::new(),
            notify: Vec::new(),
        });
        Begun::Read
    }

    pub(super) fn begin_real_server(
        &mut self,
        shared: &mut Shared,
        statement: &Statement,
    ) -> Begun {
        let place = &statement.line.place;
        if statement.word(1).is_none() {
            shared.missing("real_server", place);
        }
        if !is_address(statement) {
            skipped(shared, statement, "real server");
            return Begun::Skip;
        }
        if let Some(virtual_server) = self.config.virtual_servers.last_mut() {
            virtual_server.real_servers.push(RealServer {
                name: statement.texts(1),
                place: place.clone(),
                timing: Timing::default(),
                misc_checks: Vec::new(),
                other_checks: Vec::new(),
                notify: Vec::new(),
            });
        }
        Begun::Read
    }

    pub(super) fn begin_misc_check(&mut self, shared: &mut Shared, statement: &Statement) -> Begun {
        values::judge_rest(shared, statement, 1);
        if let Some(real_server) = self.real_server() {
            real_server.misc_checks.push(MiscCheck {
                place: statement.line.place.clone(),
                commands: Vec::new(),
                timeout: None,
                dynamic: None,
                user: None,
                timing: Timing::default(),
                removed: false,
            });
        }
        Begun::Read
    }

    pub(super) fn begin_other_check(&mut self, statement: &Statement) -> Begun {
        if let Some(real_server) = self.real_server() {
            real_server.other_checks.extend(values::text(statement, 0));
        }
        Begun::Read
    }

    pub(super) fn virtual_server_value(&mut self, shared: &mut Shared, statement: &Statement) {
        let Some(virtual_server) = self.config.virtual_servers.last_mut() else {
            return;
        };
        let keyword = statement.word(0).unwrap_or_default();
        match keyword {
            b"quorum_up" | b"quorum_down" => {
                command::add(shared, statement, &mut virtual_server.notify);
            }
            // Whatever follows it here.
            b"alpha" => virtual_server.timing.alpha = Some(set(true, statement)),
            _ => timing(
                shared,
                statement,
                &mut virtual_server.timing,
                (1, Flawed::Refused),
            ),
        }
    }

    pub(super) fn real_server_value(&mut self, shared: &mut Shared, statement: &Statement) {
        let Some(real_server) = self.real_server() else {
            return;
        };
        let keyword = statement.word(0).unwrap_or_default();
        match keyword {
            b"notify_up" | b"notify_down" => {
                command::add(shared, statement, &mut real_server.notify);
            }
            _ => timing(
                shared,
                statement,
                &mut real_server.timing,
                (1, Flawed::Refused),
            ),
        }
    }

    pub(super) fn misc_check_value(&mut self, shared: &mut Shared, statement: &Statement) {
        let Some(check) = self.misc_check() else {
            return;
        };
        let place = &statement.line.place;
        match statement.word(0).unwrap_or_default() {
            b"misc_path" => {
                if let Some(before) = check.commands.last() {
                    super::script::judge_twice(shared, statement, &before.place.clone());
                }
                check.commands.push(command::check(shared, statement));
            }
            b"misc_timeout" => {
                let otherwise = "keepalived ignores misc_timeout";
                let number = values::whole(shared, statement, 0..=4294, Flawed::Taken, otherwise);
                values::judge_rest(shared, statement, 2);
                if let Some(seconds) = number {
                    check.timeout = Some(set(Duration::from_secs(seconds.into()), statement));
                }
            }
            b"misc_dynamic" => check.dynamic = Some(place.clone()),
            b"user" => match values::user(statement, 1) {
                Some(user) => check.user = Some(user),
                None => shared.remarks.problem(
                    place,
                    "keepalived ignores the line",
                    "no user follows it",
                    "write user NAME",
                ),
            },
            _ => timing(shared, statement, &mut check.timing, (0, Flawed::Taken)),
        }
    }

    pub(super) fn end_misc_check(&mut self, shared: &mut Shared) {
        let Some(check) = self.misc_check() else {
            return;
        };
        if check.command().is_none() {
            check.removed = true;
            shared.remarks.problem(
                &check.place,
                "No script path has been specified for MISC_CHECKER - skipping: the server is not checked by it",
                "the block has no line with a command",
                "write misc_path \"PROGRAM ARGUMENTS\"",
            );
        }
    }

    fn real_server(&mut self) -> Option<&mut RealServer> {
        let virtual_server = self.config.virtual_servers.last_mut()?;
        virtual_server.real_servers.last_mut()
    }

    fn misc_check(&mut self) -> Option<&mut MiscCheck> {
        self.real_server()?.misc_checks.last_mut()
    }
}

fn set<T>(value: T, statement: &Statement) -> Set<T> {
    Set {
        value,
        place: statement.line.place.clone(),
    }
}

/// The keywords of all three levels, which differ in the `retry` that they take.
fn timing(
    shared: &mut Shared,
    statement: &Statement,
    timing: &mut Timing,
    (least, flawed): (u32, Flawed),
) {
    match statement.word(0).unwrap_or_default() {
        b"delay_loop" => replace(&mut timing.delay_loop, values::timer(shared, statement, 1)),
        b"delay_before_retry" => {
            let delay = values::timer(shared, statement, 0);
            replace(&mut timing.delay_before_retry, delay);
        }
        b"warmup" => replace(&mut timing.warmup, values::timer(shared, statement, 0)),
        b"retry" => {
            let otherwise = "keepalived ignores retry";
            let number = values::whole(shared, statement, least..=u32::MAX, flawed, otherwise);
            replace(
                &mut timing.retry,
                number.map(|number| set(number, statement)),
            );
        }
        b"alpha" => {
            let on = values::switch(shared, statement);
            replace(&mut timing.alpha, on.map(|on| set(on, statement)));
        }
        _ => {}
    }
}

/// A line that does not count leaves what was there.
fn replace<T>(slot: &mut Option<Set<T>>, new: Option<Set<T>>) {
    if new.is_some() {
        *slot = new;
    }
}

fn skipped(shared: &mut Shared, statement: &Statement, what: &str) {
    shared.remarks.problem(
        &statement.line.place,
        format!("Invalid {what} - skipping: nothing in the block counts"),
        format!("{} is no address and port", statement.texts(1)),
        "write an IP address and a port",
    );
}

/// An address and perhaps a port, as `inet_stosockaddr` takes them: what follows `-` or `/` is cut off.
fn is_address(statement: &Statement) -> bool {
    let Some(address) = statement.text(1) else {
        return false;
    };
    let port = statement
        .word(2)
        .filter(|port| port.iter().any(|byte| *byte != b'0'));
    if port.is_some_and(|port| !unsigned(port, 1..=65535, Flawed::Taken).taken) {
        return false;
    }
    let end = address.find('-').or_else(|| address.find('/'));
    let bare = end.and_then(|end| address.get(..end)).unwrap_or(&address);
    match address.contains(':') {
        true => bare.parse::<Ipv6Addr>().is_ok(),
        false => bare.parse::<Ipv4Addr>().is_ok(),
    }
}
